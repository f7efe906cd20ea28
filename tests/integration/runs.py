"""Real runs of the suite, each in a process of its own."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended and what it left."""

    code: int
    output: str
    folder: Path

    @property
    def report(self) -> Mapping[str, Any]:
        report: Mapping[str, Any] = json.loads((self.folder / "report.json").read_text())
        return report

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "samples.jsonl").read_text().splitlines()]

    def outcomes(self) -> Mapping[str, int]:
        """The last line of pytest itself: how many passed, failed, errors."""
        last = re.findall(r"^.*\bin \d+\.\d+s.*$", self.output, re.MULTILINE)[-1]
        return {name: int(count) for count, name in re.findall(r"(\d+) (passed|failed|error)", last)}


def run(folder: Path, *arguments: str, **environment: str) -> Finished:
    """`pytest` with these arguments, from the project's root; cache and run folder lie in `folder`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "MME_", "PYTEST"))}
    kept = [f"--cache={folder / 'cache'}", f"--run-dir={folder / 'run'}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--color=no", *kept, *arguments],
        cwd=ROOT, env=clean | environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return Finished(done.returncode, done.stdout + done.stderr, folder / "run")
