"""Scores from evaluation files of the official repository, counted as its scripts do, or strictly.

A file is a JSON list. One row (`step` and `score` are the replies of the extractor and the judge, or null):

    {"video_id": "MELD/video/test_dia100_utt0.mp4", "ground_truth": "joy", "model_response": "…",
     "step": "<step>Step 1: … Step 2: joy</step>", "score": "<score>Step 1: 1/1, Step 2: 1/1</score>"}
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import chain
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
from evaluators.metrics.steps import mean, reasoning_of

_SUITE = find_suite()

# the official scripts read a digit over 1 after a colon and a space; any quotient for several labels or pooled tasks
_SINGLE = re.compile(r": (\d)/1")
_QUOTIENT = re.compile(r":\s*(\d+)/(\d+)")
_OPEN, _CLOSE = "<score>", "</score>"
_LONGEST_NUMBER = 15
"""The most digits of a number in a rating: with more, no mean can be computed, and no judge means them."""


class EvaluationRow(BaseModel):
    """A row of an evaluation file; a failed request left null. Other keys are ignored."""

    video_id: str
    ground_truth: Annotated[str, Field(max_length=10_000)] | None
    model_response: str | None = None
    step: str | None
    score: str | None


Counted = tuple[Fraction, ...] | None
"""A row's ratings in order, the last of them Recognition; None if the row is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The number of rows and their scores: means over the scored rows, as fractions; None if there are none."""

    samples: int
    scored: int
    unscored: int
    recognition: float | None
    reasoning: float | None
    cot: float | None
    avg_steps: float | None


def official_ratings(row: EvaluationRow, *, quotients: bool) -> Counted:
    """The row's ratings as the official scripts read them from the judge's reply, as leniently as these do.

    The first block on a single line counts. There need not be a rating for each step, and a rating may exceed 1.

    Args:
        row: the row.
        quotients: whether to read `C/K` instead of one digit over 1, as for tasks with several labels or pooled tasks.
    """
    if (block := _first_block(row.score or "")) is None:
        return None
    if quotients:
        found = [Fraction(int(c), int(k)) if int(k) else Fraction(0) for c, k in _QUOTIENT.findall(block)]
    else:
        found = [Fraction(int(digit)) for digit in _SINGLE.findall(block)]
    return tuple(found) or None


def _first_block(text: str) -> str | None:
    """The text between `<score>` and the next `</score>` on the first line that has both; None if none has."""
    for line in text.split("\n"):
        _, opened, rest = line.partition(_OPEN)
        block, closed, _ = rest.partition(_CLOSE)
        if opened and closed:
            return block
    return None


def strict_ratings(row: EvaluationRow, task: Task) -> Counted:
    """The row's ratings if steps and ratings both parse and there is one rating for each step, else None."""
    if row.ground_truth is None:
        return None
    try:
        steps = len(parse_steps(row.step or ""))
        ratings = parse_ratings(row.score or "", steps=steps, labels=len(task.targets(row.ground_truth)))
    except RejectedReply:
        return None
    return (*(rating.value for rating in ratings.reasoning), ratings.recognition.value)


def count(ratings: Sequence[Counted]) -> Counts:
    """The scores: Recognition is a row's last rating, Reasoning the mean of the others, CoT the mean of the two."""
    counted = [row for row in ratings if row is not None]
    recognition = mean([row[-1] for row in counted])
    reasoning = mean([reasoning_of(row[:-1]) for row in counted])
    cot = None if recognition is None or reasoning is None else (recognition + reasoning) / 2
    return Counts(
        samples=len(ratings),
        scored=len(counted),
        unscored=len(ratings) - len(counted),
        recognition=_float(recognition),
        reasoning=_float(reasoning),
        cot=_float(cot),
        avg_steps=_float(mean([Fraction(len(row)) for row in counted])),
    )


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescored:
    """The scores of evaluation files: of each task, and of all rows together."""

    overall: Counts
    tasks: Mapping[str, Counts]

    def as_json(self) -> Mapping[str, object]:
        """What `rescore --json` prints."""
        return asdict(self)


Rows = Mapping[str, Sequence[EvaluationRow]]
"""The rows by task."""


def rescore_official(rows: Rows) -> Rescored:
    """The scores as the official scripts count, which read rows of several tasks together as quotients."""
    apart = {name: _official(members, quotients=_SUITE.tasks[name].several) for name, members in rows.items()}
    together = {name: _official(members, quotients=True) for name, members in rows.items()} if len(rows) > 1 else apart
    return _rescored(apart, together)


def _official(rows: Sequence[EvaluationRow], *, quotients: bool) -> list[Counted]:
    return [official_ratings(row, quotients=quotients) for row in rows]


def rescore_strict(rows: Rows) -> Rescored:
    """The scores as the suite counts: a row that does not parse is unscored."""
    ratings = {name: [strict_ratings(row, _SUITE.tasks[name]) for row in members] for name, members in rows.items()}
    return _rescored(ratings, ratings)


def _rescored(apart: Mapping[str, Sequence[Counted]], together: Mapping[str, Sequence[Counted]]) -> Rescored:
    """The scores by task from the ratings as each task counts `apart`, and of all as they count `together`."""
    tasks = {name: count(ratings) for name, ratings in apart.items()}
    return Rescored(overall=count([*chain.from_iterable(together.values())]), tasks=tasks)


def read_evaluations(files: Sequence[Path], task: str | None = None) -> Rows:
    """The files' rows by task; several files of one task are pooled.

    Args:
        files: evaluation files.
        task: the task of all files; None to find each file's task by its name or folders.

    Raises:
        DataError: a file cannot be read, or is not an evaluation file.
        RunError: the task is unknown, or cannot be found by the file's name or folders.
    """
    rows: dict[str, list[EvaluationRow]] = {}
    for file in files:
        rows.setdefault(_task_of(file, task).name, []).extend(_read(file))
    return {name: rows[name] for name in _SUITE.tasks if name in rows}


def _task_of(file: Path, named: str | None) -> Task:
    if named is not None:
        task = _SUITE.task_named(named)
        if task is None:
            raise RunError(f"--task={named} is unknown; the tasks are {', '.join(_SUITE.tasks)}.")
        return task
    for name in (file.stem, *(folder.name for folder in Path(os.path.realpath(file)).parents)):
        spelt = re.sub(r"[^a-z]+", "-", name.casefold()).replace("-sl-", "-")  # ER_SL_Wild_gpt4o_eval.json is official
        found = [task for task in _SUITE.tasks.values() if f"-{task.name.casefold()}-" in f"-{spelt}-"]
        if found:
            return max(found, key=lambda task: len(task.name))
    raise RunError(f"The name of {file} contains no task; give --task=NAME, one of {', '.join(_SUITE.tasks)}.")


def _read(file: Path) -> Sequence[EvaluationRow]:
    try:
        rows = TypeAdapter(list[EvaluationRow]).validate_python(parse_json(read_text(file)))
    except DataError as error:
        raise DataError(f"{file} {error}.") from error
    except ValidationError as error:
        raise DataError(f"{file} is not an evaluation file: {_problem(error.errors()[0])}.") from error
    if not rows:
        raise DataError(f"{file} has no rows.")
    for number, row in enumerate(rows, 1):
        if re.search(rf"\d{{{_LONGEST_NUMBER + 1}}}", _first_block(row.score or "") or ""):
            raise DataError(
                f"{file}, row {number}: its score has a number of more than {_LONGEST_NUMBER} digits; correct it."
            )
    return rows


def _problem(found: ErrorDetails) -> str:
    """Where a file is not as expected, and how."""
    where = ", ".join(f"`{part}`" if isinstance(part, str) else f"row {part + 1}" for part in found["loc"]) or "it"
    return f"{where} is missing" if found["type"] == "missing" or found["input"] is None else f"{where}: {found['msg']}"
