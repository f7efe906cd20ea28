"""What comes of a sample: scores, or the reason why there are none."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

from benchmark.clips.waveform import Waveform
from benchmark.errors import EmotionError
from benchmark.fault import Fault
from benchmark.model import Answer
from benchmark.task import Sample
from benchmark.usage import Usage
from evaluators.judge.agent import Reply
from evaluators.judge.rating import Rating

AGAIN = "repeated"
"""Before a role: of who took it when it was asked again, where that was another model."""


class Score(Protocol):
    """How well one answer did, by its task's metric."""

    @property
    def answer(self) -> Answer:
        """The model's."""

    @property
    def predicted(self) -> tuple[str, ...]:
        """The labels that it names, of the sample's label set where there is one."""

    @property
    def right(self) -> bool:
        """Whether the case passes."""

    def marks(self, sample: Sample) -> Mapping[str, Fraction | None]:
        """Its scores by name, 0 to 1; None where a score does not apply to the sample's task."""

    def explain(self, sample: Sample) -> str:
        """What went wrong, for whoever reads the failing case: under 40 lines of at most 100 characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What an agent took to give its part.

    Attributes:
        model: who spoke; None if unknown.
        usage: all its attempts together.
        rejected: its replies that did not parse, oldest first.
        left_out: parameters of its requests that the server has refused.
    """

    model: str | None
    usage: Usage = field(default_factory=Usage)
    rejected: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The frames that the judge looked at.

    Attributes:
        seconds: when each is shown.
        decoder: what decoded them.
        key: under which the cache keeps them.
    """

    seconds: tuple[float, ...]
    decoder: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A sample that has a score.

    Attributes:
        sample: the question.
        score: how the answer did.
        audio_clue: what the judge was told of the sound.
        seen: the frames that the judge looked at; None where it looked at none.
        traces: by role, e.g. extractor, judge, and listener where one was asked.
        by_rules: what a list of words makes of the answer, beside the judge's rating; None where nobody judged.
        refused: whether the answer refuses the question; None where that was not looked into.
        repeats: what came of asking again; None where that was not done.
        waveform: of the clip's sound, for whoever reads the report; None where nobody has looked, or there is none.
        length: of the clip in seconds, by what its file says; None where nobody has looked, or it says nothing.
        fault: of the suite's or a package's, in what no score hangs on.
    """

    sample: Sample
    score: Score
    audio_clue: str | None = None
    seen: Seen | None = None
    traces: Mapping[str, Trace] = field(default_factory=dict)
    by_rules: Rating | None = None
    refused: bool | None = None
    repeats: "Repeated | None" = None
    waveform: Waveform | None = None
    length: float | None = None
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """The scores of K answers, each judged once, and of K judgements of the first answer; the first is in both.

    Attributes:
        answers: of answer 1 to K.
        judgements: of judgement 1 to K.
        error: why there are none of either; None where there are.
    """

    answers: tuple[Score, ...] = ()
    judgements: tuple[Score, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscored:
    """A sample that could not be scored: neither a zero nor a gap.

    Attributes:
        sample: the question.
        stage: where it ended: data, model, extractor or judge; run where a worker process died over it, or the suite's
            own code failed between these.
        error: why, in a sentence.
        answer: the model's, where it came so far.
        replies: those of the agent that was given up, oldest first.
        usage: what was spent on it besides the answer.
        waveform: as for `Scored`, and so `length`.
        fault: the exception behind it, where that is of a kind that nobody foresaw.
    """

    sample: Sample
    stage: str
    error: str
    answer: Answer | None = None
    replies: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    waveform: Waveform | None = None
    length: float | None = None
    fault: Fault | None = None


def trace_of(reply: Reply[Any]) -> Trace:
    """What an agent took for a reply."""
    return Trace(model=reply.model, usage=reply.usage, rejected=reply.rejected, left_out=reply.left_out)


@contextmanager
def spent(traces: Mapping[str, Trace]) -> Iterator[None]:
    """Adds to an error what earlier agents took: money is on record though the sample ends unscored."""
    try:
        yield
    except EmotionError as error:
        error.usage = sum((trace.usage for trace in traces.values()), error.usage)
        raise
