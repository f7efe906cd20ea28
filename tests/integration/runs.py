"""Real runs of the suite, each in a process of its own."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints import BUILDS
from tests.integration.forks import HAS_FORKS, READ_BEFORE, Program, forking

ROOT = Path(__file__).parents[2]

CHANGES = ("OPENAI", "MME_", "PYTEST", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
"""What of the environment changes a run; names that begin so."""

TIMEOUT_SECONDS = 300

UNCERTAIN = {"usage"}
"""What of a record depends on who was asked when."""


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
        """Without the run's id, which two runs never share."""
        text = (self.folder / "samples.jsonl").read_text("utf-8")
        records = [json.loads(line) for line in text.split("\n") if line]
        assert len({record.pop("run") for record in records}) <= 1
        return records

    def outcomes(self) -> Mapping[str, int]:
        """The last line of pytest itself: how many passed, failed, errors."""
        last = re.findall(r"^.*\bin \d+\.\d+s.*$", self.output, re.MULTILINE)[-1]
        return {name: int(count) for count, name in re.findall(r"(\d+) (passed|failed|error)", last)}


def make_samples(file: Path, clips: Sequence[Path], count: int) -> str:
    """The option that names so many samples, of which no two ask the same."""
    rows = [
        {
            "id": f"s{number}",
            "video": str(clips[number % len(clips)]),
            "label": "happy",
            "label_set": ["happy", "sad", f"mood {number}"],
            "task": "ER-Wild",
        }
        for number in range(count)
    ]
    file.write_text("\n".join(map(json.dumps, rows)))
    return f"--data={file}"


def agents(url: str) -> list[str]:
    """The options that send every role there."""
    return ["--model=openai:model", "--extractor=openai:extractor", "--judge=openai:judge", f"--base-url={url}"]


def environment(**more: str) -> dict[str, str]:
    """This process's, without what would change a run, and with byte code kept, as a user's Python does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(CHANGES)}
    return kept | more


def command(folder: Path, *arguments: str) -> list[str]:
    """`pytest` with these arguments; cache and run folder lie in `folder` unless they say otherwise."""
    return [sys.executable, "-m", "pytest", *_arguments(folder, *arguments)]


def _arguments(folder: Path, *more: str) -> list[str]:
    usual = ["--color=no", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    return [*usual, f"--cache={folder / 'cache'}", f"--run-dir={folder / 'run'}", *more]


def called(module: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """`python -m module`, from the project's root, to its end."""
    if not HAS_FORKS or READ_BEFORE & more.keys():
        return called_alone(module, *arguments, **more)
    umask = os.umask(0o077)
    os.umask(umask)
    program = Program(module=module, arguments=arguments, environment=environment(**more), umask=umask)
    forks = forking(BUILDS) if more.get("PYTHONPATH") == BUILDS else forking()
    return forks.run(program, TIMEOUT_SECONDS)


def called_alone(module: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """The same in a new process of Python's, whose hashes differ from those of all others."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT, env=environment(**more), capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False,
    )  # fmt: skip


def mme_emotion(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """The command of that name, to its end."""
    return called("reports.cli", *arguments, **more)


def run(folder: Path, *arguments: str, **more: str) -> Finished:
    """Runs it to its end, from the project's root."""
    return _finished(folder, arguments, called("pytest", *_arguments(folder, *arguments), **more))


def run_alone(folder: Path, *arguments: str, **more: str) -> Finished:
    """The same, as `called_alone`."""
    return _finished(folder, arguments, called_alone("pytest", *_arguments(folder, *arguments), **more))


def _finished(folder: Path, arguments: Sequence[str], done: subprocess.CompletedProcess[str]) -> Finished:
    places = [argument.partition("=")[2] for argument in arguments if argument.startswith("--run-dir=")]
    return Finished(done.returncode, done.stdout + done.stderr, Path(places[-1]) if places else folder / "run")


def essence(finished: Finished) -> dict[str, dict[str, object]]:
    """What a run found out, by sample."""
    records = finished.records
    found = {
        record["id"]: {name: value for name, value in record.items() if name not in UNCERTAIN} for record in records
    }
    assert len(found) == len(records), "a sample was recorded twice"
    return found


def start(folder: Path, *arguments: str, **more: str) -> subprocess.Popen[str]:
    """The same run as `run`, left to itself, in a process group of its own."""
    return subprocess.Popen(
        command(folder, *arguments),
        cwd=ROOT, env=environment(**more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    )  # fmt: skip


def until(reached: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Waits for something that happens elsewhere."""
    deadline = time.monotonic() + 150
    while not reached():
        if time.monotonic() > deadline:
            process.kill()
            pytest.fail(f"it does not come to that: {process.communicate()[0]}")
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.01)
            pytest.fail(process.communicate()[0])


def lines(folder: Path) -> int:
    file = folder / "run" / "samples.jsonl"
    return file.read_bytes().count(b"\n") if file.exists() else 0
