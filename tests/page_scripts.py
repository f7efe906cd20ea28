"""Writes each page's scripts as one file: they share names, and only there a linter sees which are declared."""

import sys
from importlib.resources import files
from pathlib import Path

from reports.page import compare_page, rate_page, run_page


def main(folder: Path) -> None:
    """Puts `run.js`, `compare.js` and `rate.js` into the folder."""
    folder.mkdir(exist_ok=True)
    for name, of in (("run", run_page), ("compare", compare_page), ("rate", rate_page)):
        sources = [files("reports.page").joinpath(script).read_text("utf-8") for script in of.SCRIPTS]
        (folder / f"{name}.js").write_text("".join(sources), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
