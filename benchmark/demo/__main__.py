"""`python -m benchmark.demo [FOLDER]`: runs the demo, and ends well only where every sample has a score.

Wrong answers are the point of the demo, and pytest's exit code does not tell them from samples without a score.
"""

import json
import sys
import time
from pathlib import Path

import pytest


def main() -> int:
    """Runs pytest on the demo, and keeps the run in the folder that is named; 0 where the demo works."""
    usual = Path("reports", "runs", f"demo-{time.strftime('%Y%m%d-%H%M%S')}")
    folder = Path(sys.argv[1]) if sys.argv[1:] else usual
    # without a cache: frames that were kept earlier would hide a decoder that does not work
    code = pytest.main(["--data=demo", "--no-cache", "--tb=no", f"--run-dir={folder}"])
    if fault := _fault(folder, code):
        print(f"The demo does not work here: {fault}.", file=sys.stderr)
    return bool(fault)


def _fault(folder: Path, code: int) -> str:
    """Why the demo does not work; empty where it does. pytest's 0 and 1 say that it came to its end."""
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return f"it did not come to its end, pytest's exit code is {int(code)}"
    try:
        report = json.loads((folder / "report.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        return f"there is no report ({error})"
    if not (folder / "report.html").exists():
        return f"there is no {folder / 'report.html'}"
    scores = report["overall"]
    lost = report["selected"] - scores["scored"]
    return f"{lost} of {report['selected']} samples have no score" if lost or not scores["scored"] else ""


if __name__ == "__main__":
    sys.exit(main())
