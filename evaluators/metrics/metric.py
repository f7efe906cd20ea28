"""A metric scores an answer; its measures are all that a gate, tables and the page know of scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.util import find_spec
from math import fsum, nan
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

# Python's own, before 3.12, computes every property of an object to tell whether it is one of a protocol
from typing_extensions import Protocol, runtime_checkable

from benchmark.clips.reader import ClipReader
from benchmark.errors import RunError
from benchmark.importing import import_named
from benchmark.model import Answer
from benchmark.task import Sample
from evaluators.judge.clue import Listener
from evaluators.judge.extractor import Extractor
from evaluators.judge.judge import Judge
from evaluators.outcome import Scored

Column: TypeAlias = NDArray[np.float64]
Span: TypeAlias = tuple[float, float]


class Step(Protocol):
    """A rated step, as a record keeps it."""

    @property
    def rating(self) -> str:
        """As an exact fraction, e.g. `2/3`."""

    @property
    def votes(self) -> Mapping[str, str]:
        """Each judge's rating by name, where several judged."""


class Marked(Protocol):
    """A sample's record, as far as a measure looks at it."""

    @property
    def task(self) -> str:
        """The name of its task."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The true labels."""

    @property
    def predicted(self) -> tuple[str, ...]:
        """The labels that the answer names."""

    @property
    def outcome(self) -> str:
        """`error` where the sample has no score."""

    @property
    def scores(self) -> Mapping[str, float | None]:
        """The marks by name; None where a mark does not apply, or the sample has no score."""

    @property
    def steps(self) -> Sequence[Step]:
        """The rated steps before the last."""

    @property
    def prediction(self) -> Step | None:
        """The last step with its rating; None where nobody rates."""


@runtime_checkable
class Measure(Protocol):
    """A number that sums up many samples, and how it hangs on each of them."""

    @property
    def name(self) -> str:
        """As files and gates spell it."""

    @property
    def title(self) -> str:
        """As tables show it."""

    @property
    def bounded(self) -> bool:
        """Whether each sample's part of it lies between 0 and 1: then Wilson's interval holds, else Student's t."""

    def value(self, records: Sequence[Marked]) -> float | None:
        """The measure of these records, of those with a score; None where there is none."""

    def column(self, records: Sequence[Marked]) -> Column:
        """A number a record whose mean is the measure; nan without a score.

        Of a measure that is no mean over samples, jackknife pseudo-values (Efron & Stein 1981,
        doi:10.1214/aos/1176345462), moved so that their mean is the measure: their spread is its error.
        """

    def filled(self, records: Sequence[Marked], *, right: bool) -> Column:
        """The same with the records without a score taken for right, or for wrong."""


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of a mark over samples.

    Attributes:
        name: of the mark too.
        title: as tables show it.
        bounded: as for every measure.
        short: the title where room is scarce; empty for the title itself.
        mix: where it is the mean of two other marks, which: a reader of the page may weigh them otherwise.
        zero_if_refused: whether an answer that refuses the question has 0.
    """

    name: str
    title: str
    bounded: bool = True
    short: str = ""
    mix: tuple[str, str] | None = None
    zero_if_refused: bool = False

    def value(self, records: Sequence[Marked]) -> float | None:
        """The mean over the records with a score; None where there is none, or where one lacks this mark."""
        marks = [record.scores.get(self.name) for record in records if is_scored(record)]
        known = [mark for mark in marks if mark is not None]
        return fsum(known) / len(known) if known and len(known) == len(marks) else None

    def column(self, records: Sequence[Marked]) -> Column:
        """The marks."""
        marks = (record.scores.get(self.name) for record in records)
        return np.array([nan if mark is None else mark for mark in marks], dtype=float)

    def filled(self, records: Sequence[Marked], *, right: bool) -> Column:
        """The marks, and 0 or 1."""
        column = self.column(records)
        return np.where(np.isnan(column), float(right), column)


def bounds_of(measure: Measure, records: Sequence[Marked]) -> Span:
    """The measure if all samples without a score were wrong, and if all were right."""
    if not records:
        return (0.0, 1.0)
    low, high = (fsum(measure.filled(records, right=right)) / len(records) for right in (False, True))
    return (low, high)


def is_scored(record: Marked) -> bool:
    """Whether the sample has a score."""
    return record.outcome != "error"


class Roles(Protocol):
    """Who takes part in scoring."""

    @property
    def extractor(self) -> Extractor:
        """Cuts the answer into steps."""

    @property
    def judge(self) -> Judge:
        """Rates the steps."""

    @property
    def listener(self) -> Listener | None:
        """Describes the sound of clips without an audio clue."""

    @property
    def reader(self) -> ClipReader:
        """Where the judge's frames come from."""

    def rated(self, answer: Answer) -> Answer:
        """The answer as it is scored, with or without its thoughts.

        Raises:
            ModelError: it has nothing but thoughts, and these are ignored.
        """


@runtime_checkable
class Metric(Protocol):
    """Scores answers of the tasks that name it."""

    @property
    def name(self) -> str:
        """As `suite.toml` spells it."""

    @property
    def roles(self) -> frozenset[str]:
        """The agents that it asks, of `extractor`, `judge` and `listener`."""

    @property
    def marks(self) -> tuple[str, ...]:
        """The names of the scores that a single sample has."""

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What sums up its scores; the first is the headline."""

    @property
    def details(self) -> tuple[Measure, ...]:
        """Measures that are only told beside the tables."""

    @property
    def floor(self) -> Measure:
        """What is compared with the constant guess: whether exactly the true labels are named."""

    async def score(self, sample: Sample, answer: Answer, roles: Roles, repeat: int = 0) -> Scored:
        """The sample's score; `repeat` counts how often the sample has been judged before.

        Raises:
            EmotionError: there is none; its kind says whose fault that is.
        """

    def remade(self, record: Marked, *, several: bool) -> Mapping[str, Fraction | None]:
        """The marks as they follow from the rest of a record: a file that says otherwise was changed.

        Raises:
            ValueError: they do not follow, since something is missing or malformed; says what.
        """

    def is_right(self, marks: Mapping[str, Fraction | None]) -> bool:
        """Whether a sample with these marks passes."""


@cache
def find_metric(name: str) -> Metric:
    """The metric of that name: a module here with a `METRIC`, or `python:MODULE:ATTRIBUTE`.

    Raises:
        RunError: there is none.
    """
    if name.startswith("python:"):
        module, _, attribute = name.removeprefix("python:").partition(":")
    else:
        module, attribute = f"{__package__}.{name}", ""
        if not name.isidentifier() or find_spec(module) is None:
            raise RunError(f"The metric {name} is unknown; see evaluators/metrics/.")
    found = import_named(f"{module}:{attribute or 'METRIC'}", f"The metric {name}")
    if not isinstance(found, Metric):
        members = ("name", "roles", "marks", "measures", "details", "floor", "score", "remade", "is_right")
        lacking = ", ".join(member for member in members if not hasattr(found, member))
        raise RunError(f"The metric {name} lacks {lacking}; see evaluators/metrics/metric.py.")
    return found
