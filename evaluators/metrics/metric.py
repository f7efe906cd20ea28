"""Metrics score answers. Their measures are all that the gate, the tables and the page know about scores."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from importlib.util import find_spec
from math import fsum
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

# before Python 3.12, isinstance with a Protocol of `typing` computes every property of the object
from typing_extensions import Protocol, runtime_checkable

from benchmark.clips.reader import ClipReader
from benchmark.errors import ModelError, RunError
from benchmark.model import Answer, Message
from benchmark.storage.importing import import_named
from benchmark.task import Sample, Task
from evaluators.bertscore import BertScore
from evaluators.clue import Listener
from evaluators.judge.agent import Reply
from evaluators.judge.extractor import Extractor
from evaluators.judge.judge import Judge
from evaluators.outcome import Score, Scored
from evaluators.room import ScoringRoom

Column: TypeAlias = NDArray[np.float64]
Span: TypeAlias = tuple[float, float]

Thoughts = Literal["rated", "ignored"]
"""What is done with the thoughts that a model shows: `rated` as reasoning before its answer, or `ignored`."""


class Step(Protocol):
    """A rated step, as a record keeps it."""

    @property
    def rating(self) -> str:
        """An exact fraction, e.g. `2/3`."""

    @property
    def votes(self) -> Mapping[str, str]:
        """Each judge's rating by the judge's name; empty for a single judge."""


class Marked(Protocol):
    """What a measure reads of a sample's record."""

    @property
    def task(self) -> str:
        """The name of its task."""

    @property
    def group(self) -> str | None:
        """The name that it shares with the samples that are scored together with it; None if it is alone."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The true labels."""

    @property
    def predicted(self) -> tuple[str, ...]:
        """The labels that the answer names."""

    @property
    def outcome(self) -> str:
        """`passed`, `failed`, or `error` if the sample has no score."""

    @property
    def scores(self) -> Mapping[str, float | None]:
        """The marks by name, 0 to 1; None if a mark does not apply, or if the sample has no score."""

    @property
    def talk(self) -> tuple[Message, ...]:
        """The dialogue; empty if the answer is none."""

    @property
    def steps(self) -> Sequence[Step]:
        """The rated steps before the last."""

    @property
    def prediction(self) -> Step | None:
        """The last step; None if steps are not rated."""


@runtime_checkable
class Measure(Protocol):
    """A number that sums up many samples, and each sample's part in it."""

    @property
    def name(self) -> str:
        """Its name in files and gates."""

    @property
    def title(self) -> str:
        """Its name in tables."""

    @property
    def bounded(self) -> bool:
        """Whether each sample's part lies between 0 and 1: then intervals are Wilson's, else Student's t."""

    def value(self, records: Sequence[Marked]) -> float | None:
        """The measure of those records that have a score; None if none has."""

    def column(self, records: Sequence[Marked]) -> Column:
        """A number for each record, shape (records,), whose mean is the measure; nan if the record has no score.

        For a measure that is not a mean over samples, these are jackknife pseudo-values (Efron & Stein 1981,
        doi:10.1214/aos/1176345462), shifted so that their mean is the measure. Their spread gives its standard error.
        """

    def filled(self, records: Sequence[Marked], *, right: bool) -> Column:
        """The column if all records without a score were right, or all were wrong."""


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of a mark over samples.

    Attributes:
        name: also the mark's name.
        title: its name in tables.
        bounded: as for every measure.
        short: its name where there is little room; "" for the title.
        mix: the two marks whose mean this mark is, if it is one: on the page a reader may change their weights.
        zero_if_refused: whether an answer that refuses the question has 0.
        mark: the mark of a record, None without a score; if not given, the one of that name in `scores`.
    """

    name: str
    title: str
    bounded: bool = True
    short: str = ""
    mix: tuple[str, str] | None = None
    zero_if_refused: bool = False
    mark: Callable[[Marked], float | None] | None = None

    def value(self, records: Sequence[Marked]) -> float | None:
        """The mean over the records with a score; None if there is none, or if one of them lacks this mark."""
        marks = self.column([record for record in records if is_scored(record)])
        return fsum(marks) / len(marks) if len(marks) and not np.isnan(marks).any() else None

    def column(self, records: Sequence[Marked]) -> Column:
        """The marks; nan if missing."""
        mark = self.mark or (lambda record: record.scores.get(self.name))
        return np.array([mark(record) for record in records], dtype=float)

    def filled(self, records: Sequence[Marked], *, right: bool) -> Column:
        """The marks, with 1 or 0 for each missing one."""
        column = self.column(records)
        return np.where(np.isnan(column), float(right), column)


def bounds_of(measure: Measure, records: Sequence[Marked]) -> Span:
    """The measure if all samples without a score were wrong, and if all were right; 0 and 1 without records."""
    if not records:
        return (0.0, 1.0)
    low, high = (fsum(measure.filled(records, right=right)) / len(records) for right in (False, True))
    return (low, high)


def is_scored(record: Marked) -> bool:
    """Whether the sample has a score."""
    return record.outcome != "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """The agents that score, and what they need.

    Attributes:
        extractor: splits the answer into steps.
        judge: rates the steps.
        reader: reads the clip's frames and sound.
        listener: describes the sound of clips without an audio clue; None to leave these without.
        thoughts: what is done with the model's thoughts.
        bertscore: compares texts; None to leave BERTScore out.
        room: limits how many long answers are scored at a time; taken before a metric is asked.
    """

    extractor: Extractor
    judge: Judge
    reader: ClipReader
    listener: Listener | None = None
    thoughts: Thoughts = "rated"
    bertscore: BertScore | None = None
    room: ScoringRoom = field(default_factory=ScoringRoom)

    def rated(self, answer: Answer) -> Answer:
        """The answer to score: with its thoughts, or without if these are ignored.

        Raises:
            ModelError: it has only thoughts, and these are ignored.
        """
        if self.thoughts == "rated":
            return answer
        if not answer.text.strip():
            hint = "; it was cut off at its token limit: raise max_tokens" if answer.ending == "cut off" else ""
            raise ModelError(f"The reply has only thoughts, which --thoughts=ignored leaves out{hint}.")
        return replace(answer, thoughts=None)


@runtime_checkable
class Metric(Protocol):
    """Scores the answers of a task."""

    @property
    def name(self) -> str:
        """Its name in `suite.toml`."""

    @property
    def roles(self) -> frozenset[str]:
        """The agents that it asks: of `extractor`, `judge` and `listener`; `bertscore` if it can use that."""

    @property
    def marks(self) -> tuple[str, ...]:
        """The names of a sample's marks."""

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The measures that sum up its marks; the first is the headline."""

    @property
    def details(self) -> tuple[Measure, ...]:
        """Measures that are shown only next to the tables."""

    @property
    def floor(self) -> Measure:
        """The measure that should exceed the floor, the score of a constant guess: the share of right answers."""

    async def score(self, sample: Sample, answer: Answer, roles: Roles, repeat: int = 0) -> Scored:
        """The sample's score; `repeat` is how often the sample has been judged before.

        Raises:
            EmotionError: there is no score; the type says at which stage it failed.
        """

    def remade(self, record: Marked, *, several: bool) -> Mapping[str, Fraction | None]:
        """The marks computed again from the rest of a record, to check the marks in a file.

        Raises:
            ValueError: something is missing or malformed; says what.
        """

    def is_right(self, marks: Mapping[str, Fraction | None]) -> bool:
        """Whether a sample with these marks passes."""


@runtime_checkable
class Partner(Protocol):
    """A metric of dialogues: the judge plays the user, whom the model under test answers.

    The answer that the metric scores has the dialogue as its `talk`.
    """

    @property
    def rehearsed(self) -> str:
        """A reply of usual length that each request to the judge accepts, and that ends no dialogue; for estimates."""

    def opening(self, sample: Sample) -> Message:
        """The user's first message, the sample's only turn, with the points at the beginning."""

    async def reply(self, sample: Sample, talk: Sequence[Message], roles: Roles) -> Reply[Message]:
        """What the user says next, to the model's message at the end of the dialogue so far.

        Raises:
            JudgeError: the judge gave no usable reply, or cannot play a user.
        """

    def is_over(self, talk: Sequence[Message]) -> bool:
        """Whether the user's message at its end ends the dialogue."""


@runtime_checkable
class Policies(Protocol):
    """A metric that has several policies for answers that name none of the labels."""

    def of(self, outside: str) -> Metric:
        """The metric with the policy that a task's `outside` names.

        Raises:
            ValueError: there is no such policy; says which there are.
        """


@runtime_checkable
class Remarked(Protocol):
    """A metric about which a reader of its scores must know something."""

    @property
    def remark(self) -> str:
        """A sentence for the notes next to the scores."""


@runtime_checkable
class Equipped(Protocol):
    """A metric that needs packages besides those of the suite."""

    def check(self) -> None:
        """Checks that they are installed.

        Raises:
            RunError: one is missing; says how to install it.
        """


@cache
def metric_of(task: Task) -> Metric:
    """The metric of a task, with the task's policy for answers that name none of the labels.

    Raises:
        RunError: the metric cannot be found, it has no such policy, or it needs a dialogue and the task is none.
    """
    metric = find_metric(task.metric)
    if isinstance(metric, Partner) and task.turns is None:
        raise RunError(f"The metric {task.metric} of the task {task.name} is about dialogues; set `turns` of the task.")
    if task.turns is not None and not isinstance(metric, Partner):
        raise RunError(f"The task {task.name} sets `turns`, but its metric {task.metric} plays no user; remove it.")
    if task.outside is None:
        return metric
    if not isinstance(metric, Policies):
        raise RunError(f"The task {task.name} sets `outside`, which its metric {task.metric} does not use; remove it.")
    try:
        return metric.of(task.outside)
    except ValueError as error:
        raise RunError(f"The task {task.name} sets `outside` to {task.outside!r}; it {error}.") from error


@cache
def find_metric(name: str) -> Metric:
    """The metric of that name: `METRIC` of a module here, e.g. `labels` or `words.hit`; or `python:MODULE:ATTRIBUTE`.

    Raises:
        RunError: it is unknown, cannot be imported, or lacks a member.
    """
    if name.startswith("python:"):
        module, _, attribute = name.removeprefix("python:").partition(":")
    else:
        module, attribute = f"{__package__}.{name}", ""
        if not _is_module(name):
            raise RunError(f"The metric {name} is unknown; see evaluators/metrics/.")
    found = import_named(f"{module}:{attribute or 'METRIC'}", f"The metric {name}")
    if not isinstance(found, Metric):
        members = ("name", "roles", "marks", "measures", "details", "floor", "score", "remade", "is_right")
        lacking = ", ".join(member for member in members if not hasattr(found, member))
        raise RunError(f"The metric {name} lacks {lacking}; see evaluators/metrics/metric.py.")
    return found


def _is_module(name: str) -> bool:
    """Whether a module here has this name, with a dot if it lies in a folder."""
    try:
        return all(map(str.isidentifier, name.split("."))) and find_spec(f"{__package__}.{name}") is not None
    except ModuleNotFoundError:  # there is no such folder
        return False


def known_marks(sample: Sample, score: Score) -> Mapping[str, float]:
    """The marks of a score that the measures of the sample's task sum up, without those that do not apply to it."""
    names = {measure.name for measure in metric_of(sample.task).measures}
    return {name: float(mark) for name, mark in score.marks(sample).items() if mark is not None and name in names}


def passes(sample: Sample, score: Score) -> bool:
    """Whether the case passes: the answer is right by the metric of the sample's task."""
    return metric_of(sample.task).is_right(score.marks(sample))
