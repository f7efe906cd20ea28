"""The verdicts of earlier runs at the same gate, kept in the cache folder: running again until PASS must show."""

import hashlib
import json
import time
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from benchmark.errors import NotKept
from benchmark.storage.files import append
from reports.kept.past import PastRun
from reports.kept.record import Record, Strict
from reports.kept.report import Verdict, Word

ATTEMPTS = "gate-attempts.jsonl"
"""The file in the cache folder with the verdicts of all runs that could be judged."""
COUNTED: frozenset[Word] = frozenset({"PASS", "FAIL", "INCONCLUSIVE"})
"""Verdicts that count: an UNTRUSTED run has shown nothing."""


class Attempt(Strict):
    """A run's verdict at a gate.

    Attributes:
        gate: stands for the model, the data, the criteria with their limits, and the runs that it is compared with.
        answers: stands for all scores; the same command, answered from the cache, is no further attempt.
        decided: the local time, with its UTC offset.
        word: the verdict.
    """

    gate: str
    answers: str
    decided: str
    word: Word


def attempt_of(verdict: Verdict, model: str, data: object, others: Iterable[PastRun], records: list[Record]) -> Attempt:
    """The attempt that a verdict on these records is, compared with `others`; `data` is the data's fingerprint."""
    against = [run.report.run or run.name for run in others]
    scores = sorted((record.id, record.outcome, sorted(record.scores.items())) for record in records)
    return Attempt(
        gate=_digest([model, data, [one.text for one in verdict.criteria], verdict.error_rate, against]),
        answers=_digest(scores),
        decided=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        word=verdict.word,
    )


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def earlier_attempts(folder: Path, now: Attempt) -> tuple[Word, ...]:
    """The verdicts of other runs at the same gate, oldest first, from the cache folder; unreadable lines are ignored.

    Raises:
        NotKept: the file cannot be read.
    """
    try:
        lines = (folder / ATTEMPTS).read_bytes().splitlines()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise NotKept(f"{folder / ATTEMPTS} cannot be read ({error.strerror}); move it away.") from error
    found = {one.answers: one.word for line in lines if (one := _attempt(line)) is not None and one.gate == now.gate}
    return tuple(word for answers, word in found.items() if answers != now.answers)


def _attempt(line: bytes) -> Attempt | None:
    try:
        return Attempt.model_validate_json(line)
    except ValidationError:
        return None


def keep_attempt(folder: Path, attempt: Attempt) -> None:
    """Appends an attempt that counts to the file in the cache folder.

    Raises:
        NotKept: the file cannot be written.
    """
    if attempt.word not in COUNTED:
        return
    try:
        append(folder / ATTEMPTS, attempt.model_dump_json())
    except OSError as error:
        raise NotKept(f"{folder / ATTEMPTS} cannot be written ({error.strerror}); add --cache=OTHER_DIR.") from error
