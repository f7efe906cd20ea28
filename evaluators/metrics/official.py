"""The official repository's evaluation files, counted as its scripts count and, beside it, strictly.

A file is a JSON list; one row (`step` and `score` are what extractor and judge replied, possibly null):

    {"video_id": "MELD/video/test_dia100_utt0.mp4", "ground_truth": "joy", "model_response": "…",
     "step": "<step>Step 1: … Step 2: joy</step>", "score": "<score>Step 1: 1/1, Step 2: 1/1</score>"}
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from benchmark.errors import DataError, RunError
from benchmark.suite import find_suite
from benchmark.task import Task
from benchmark.text import parse_json, read_text
from evaluators.judge.agent import RejectedReply
from evaluators.judge.rating import parse_ratings
from evaluators.judge.steps import parse_steps
from evaluators.metrics.steps import mean

_SUITE = find_suite()

# the official counting: a digit over 1 behind a colon and a blank; any quotient for several labels or pooled tasks
_SINGLE = re.compile(r": (\d)/1")
_QUOTIENT = re.compile(r":\s*(\d+)/(\d+)")
_OPEN, _CLOSE = "<score>", "</score>"
_LONGEST_NUMBER = 15
"""Digits of a rating: with more no mean can be computed, and no judge has meant them."""


class EvaluationRow(BaseModel):
    """A row of an evaluation file; null is what a request left that failed, other keys are left alone."""

    video_id: str
    ground_truth: Annotated[str, Field(max_length=10_000)] | None
    model_response: str | None = None
    step: str | None
    score: str | None


Counted = tuple[Fraction, ...] | None
"""A row's ratings in order, the last being Recognition; None where the row is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Scores of some rows; means over the rows that were counted, None where none was."""

    samples: int
    scored: int
    recognition: float | None
    reasoning: float | None
    cot: float | None
    avg_steps: float | None

    def as_json(self) -> Mapping[str, float | int | None]:
        """The SCORES mapping of `report.json`, as far as an evaluation file tells."""
        return {
            "samples": self.samples,
            "scored": self.scored,
            "unscored": self.samples - self.scored,
            "recognition": self.recognition,
            "reasoning": self.reasoning,
            "cot": self.cot,
            "avg_steps": self.avg_steps,
        }


def official_ratings(row: EvaluationRow, *, quotients: bool) -> Counted:
    """The row's ratings as the official scripts take them from the judge's reply, their leniencies included.

    The first block counts if it stands on one line; nobody asks whether there is a rating for each step, nor whether
    one lies within 0 to 1.

    Args:
        row: one row.
        quotients: read `C/K` rather than one digit over 1, as for tasks with several labels and for pooled tasks.
    """
    if (block := _first_block(row.score or "")) is None:
        return None
    if quotients:
        found = [Fraction(int(c), int(k)) if int(k) else Fraction(0) for c, k in _QUOTIENT.findall(block)]
    else:
        found = [Fraction(int(digit)) for digit in _SINGLE.findall(block)]
    return tuple(found) or None


def _first_block(text: str) -> str | None:
    """What stands between `<score>` and the next `</score>` on the first line that has both."""
    for line in text.split("\n"):
        _, opened, rest = line.partition(_OPEN)
        block, closed, _ = rest.partition(_CLOSE)
        if opened and closed:
            return block
    return None


def strict_ratings(row: EvaluationRow, task: Task) -> Counted:
    """The row's ratings if steps and ratings both parse and fit each other, else None."""
    if row.ground_truth is None:
        return None
    try:
        steps = len(parse_steps(row.step or ""))
        ratings = parse_ratings(row.score or "", steps=steps, labels=len(task.targets(row.ground_truth)))
    except RejectedReply:
        return None
    return (*(rating.value for rating in ratings.reasoning), ratings.recognition.value)


def count(ratings: Sequence[Counted]) -> Counts:
    """Recognition is the last rating, Reasoning the mean of the others or 0, CoT the mean of the two."""
    counted = [row for row in ratings if row is not None]
    recognition = mean([row[-1] for row in counted])
    reasoning = mean([mean(row[:-1]) or Fraction(0) for row in counted])
    cot = None if recognition is None or reasoning is None else (recognition + reasoning) / 2
    return Counts(
        samples=len(ratings),
        scored=len(counted),
        recognition=_float(recognition),
        reasoning=_float(reasoning),
        cot=_float(cot),
        avg_steps=_float(mean([Fraction(len(row)) for row in counted])),
    )


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescored:
    """Evaluation files counted one way: by task, and all rows together."""

    overall: Counts
    tasks: Mapping[str, Counts]

    def as_json(self) -> Mapping[str, object]:
        """As `rescore --json` prints it."""
        return {
            "overall": self.overall.as_json(),
            "tasks": {name: counts.as_json() for name, counts in self.tasks.items()},
        }


Rows = Mapping[str, Sequence[EvaluationRow]]
"""The rows by task."""


def rescore_official(rows: Rows) -> Rescored:
    """The official counting; where several tasks are pooled, quotients are read of all rows, as the scripts do."""
    pooled = len(rows) > 1
    everything = [
        official_ratings(row, quotients=pooled or _SUITE.tasks[name].several) for name in rows for row in rows[name]
    ]
    return _rescored(rows, lambda row, task: official_ratings(row, quotients=task.several), everything)


def rescore_strict(rows: Rows) -> Rescored:
    """The suite's own parsing: what does not parse is unscored, and said to be."""
    everything = [strict_ratings(row, _SUITE.tasks[name]) for name, task_rows in rows.items() for row in task_rows]
    return _rescored(rows, strict_ratings, everything)


def _rescored(rows: Rows, ratings: Callable[[EvaluationRow, Task], Counted], everything: Sequence[Counted]) -> Rescored:
    tasks = {name: count([ratings(row, _SUITE.tasks[name]) for row in task_rows]) for name, task_rows in rows.items()}
    return Rescored(overall=count(everything), tasks=tasks)


def read_evaluations(files: Sequence[Path], task: str | None = None) -> Rows:
    """The files' rows by task; several files of one task are pooled.

    Args:
        files: evaluation files.
        task: whose they are; else their names or folders must tell.

    Raises:
        DataError: a file cannot be read or is no evaluation file.
        RunError: the task is unknown, or a file's name does not tell it.
    """
    rows: dict[str, list[EvaluationRow]] = {}
    for file in files:
        rows.setdefault(_task_of(file, task).name, []).extend(_read(file))
    return {name: rows[name] for name in _SUITE.tasks if name in rows}


def _task_of(file: Path, named: str | None) -> Task:
    if named is not None:
        task = _SUITE.task_named(named)
        if task is None:
            raise RunError(f"--task={named} names no task; the tasks are {', '.join(_SUITE.tasks)}.")
        return task
    for name in (file.stem, *(folder.name for folder in Path(os.path.realpath(file)).parents)):
        spelt = re.sub(r"[^a-z]+", "-", name.casefold()).replace("-sl-", "-")  # ER_SL_Wild_gpt4o_eval.json is official
        told = [task for task in _SUITE.tasks.values() if f"-{task.name.casefold()}-" in f"-{spelt}-"]
        if told:
            return max(told, key=lambda task: len(task.name))
    raise RunError(f"{file} does not tell its task by its name; say --task=NAME, one of {', '.join(_SUITE.tasks)}.")


def _read(file: Path) -> Sequence[EvaluationRow]:
    try:
        rows = TypeAdapter(list[EvaluationRow]).validate_python(parse_json(read_text(file)))
    except DataError as error:
        raise DataError(f"{file} {error}.") from error
    except ValidationError as error:
        raise DataError(f"{file} is no evaluation file: {_problem(error.errors()[0])}.") from error
    if not rows:
        raise DataError(f"{file} holds no row.")
    for number, row in enumerate(rows, 1):
        if re.search(rf"\d{{{_LONGEST_NUMBER + 1}}}", _first_block(row.score or "") or ""):
            raise DataError(
                f"{file}, row {number}: its score holds a number of more than {_LONGEST_NUMBER} digits; correct it."
            )
    return rows


def _problem(found: ErrorDetails) -> str:
    where = ", ".join(f"`{part}`" if isinstance(part, str) else f"row {part + 1}" for part in found["loc"]) or "it"
    return f"{where} is missing" if found["type"] == "missing" or found["input"] is None else f"{where}: {found['msg']}"
