"""`python -m benchmark.demo [FOLDER]`: runs the demo, and exits with 0 only if every sample has a score.

The demo has wrong answers on purpose, which pytest's exit code does not distinguish from samples without a score.
"""

import json
import sys
import time
from pathlib import Path

import pytest


def main() -> int:
    """Runs pytest on the demo, and writes the run to the given folder; returns 0 if the demo works, else 1."""
    usual = Path("reports", "runs", f"demo-{time.strftime('%Y%m%d-%H%M%S')}")
    folder = Path(sys.argv[1]) if sys.argv[1:] else usual
    # without a cache: cached frames would hide a decoder that does not work
    code = pytest.main(["--data=demo", "--no-cache", "--tb=no", f"--run-dir={folder}"])
    if fault := _fault(folder, code):
        print(f"The demo does not work here: {fault}.", file=sys.stderr)
    return bool(fault)


def _fault(folder: Path, code: int) -> str:
    """Why the demo does not work; "" if it does. With exit code 0 or 1 pytest ran to its end."""
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return f"it did not run to its end, pytest's exit code is {int(code)}"
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
