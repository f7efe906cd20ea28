"""Writes each page's scripts as one file: they share names, and only there a linter sees which are declared."""

import sys
from importlib.resources import files
from pathlib import Path

from reports.page import compare_page, run_page


def main(folder: Path) -> None:
    """Puts `run.js` and `compare.js` into the folder."""
    folder.mkdir(exist_ok=True)
    for name, scripts in (("run", run_page.SCRIPTS), ("compare", compare_page.SCRIPTS)):
        sources = [files("reports.page").joinpath(script).read_text("utf-8") for script in scripts]
        (folder / f"{name}.js").write_text("".join(sources), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
