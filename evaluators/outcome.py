"""The outcome of a sample: its score, or the reason why it has none."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar, Protocol

from benchmark.clips.waveform import Waveform
from benchmark.errors import EmotionError
from benchmark.fault import Fault
from benchmark.model import Answer
from benchmark.printed import printable
from benchmark.task import Sample
from benchmark.usage import Usage
from evaluators.judge.agent import Reply
from evaluators.judge.rating import Rating

AGAIN = "repeated"
"""The prefix of a role in traces if another model answered when the role was asked again."""

SHOWN = 400
"""How many characters of an answer a failing case shows."""


class Score(Protocol):
    """The score of one answer, by its task's metric."""

    @property
    def answer(self) -> Answer:
        """The model's answer."""

    @property
    def predicted(self) -> tuple[str, ...]:
        """The labels that it names, from the sample's label set if there is one."""

    def marks(self, sample: Sample) -> Mapping[str, Fraction | None]:
        """Its marks by name, 0 to 1; None if a mark does not apply to the sample's task."""

    def explain(self, sample: Sample) -> str:
        """Why the case fails, in under 40 lines of at most 100 characters."""


def failing(sample: Sample, answer: Answer, why: str, *more: str) -> str:
    """The text of `Score.explain` for short answers: why the case fails, further lines, the start of the answer."""
    said = f"Answer of {answer.model}: {shortened(answer.text)}"
    return printable("\n".join([f"{sample.id}: {why}", "", *more, said]))


def shortened(text: str) -> str:
    """The text on one line, cut after `SHOWN` characters."""
    line = " ".join(text.split())
    return line[:SHOWN] + ("…" if len(line) > SHOWN else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerScore:
    """The `Score` of a short answer, made when it is scored.

    Attributes:
        answer: the model's answer.
        predicted: the labels or words that it names.
        found: its marks by name.
        why: why the case fails if it does, as a clause.
        more: further lines of the explanation.
    """

    answer: Answer
    predicted: tuple[str, ...]
    found: Mapping[str, Fraction | None]
    why: str = field(repr=False)
    more: tuple[str, ...] = field(default=(), repr=False)

    def marks(self, sample: Sample) -> Mapping[str, Fraction | None]:  # noqa: ARG002
        """All marks by name."""
        return self.found

    def explain(self, sample: Sample) -> str:
        """Why the case fails, and the start of the answer."""
        return failing(sample, self.answer, self.why, *self.more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """How an agent was asked for its part in a score.

    Attributes:
        model: the name under which the provider answered; None if unknown.
        usage: of all attempts.
        rejected: replies that did not parse, oldest first.
        left_out: parameters of its requests that were not sent because the server refuses them.
    """

    model: str | None
    usage: Usage = field(default_factory=Usage)
    rejected: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The frames that the judge was shown.

    Attributes:
        seconds: the time of each frame in the clip.
        decoder: the library that decoded them.
        key: their key in the cache.
    """

    seconds: tuple[float, ...]
    decoder: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """The marks of K answers, each judged once, and of K judgements of the first answer; records contain it unchanged.

    Attributes:
        answers: the marks of answers 1 to K.
        judgements: the marks by judgements 1 to K; the first judgement is in both.
        error: why there are none, if asking again failed; both are empty then.
    """

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    answers: tuple[Mapping[str, float], ...]
    judgements: tuple[Mapping[str, float], ...]
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A sample that has a score.

    Attributes:
        sample: the question.
        score: the answer's score.
        audio_clue: the description of the sound that the judge was shown; None if there was none.
        seen: the frames that the judge was shown; None if there were none.
        traces: by role, e.g. extractor, judge and listener; only of agents that were asked.
        by_rules: the rating of the last step by word lists; None if no steps were rated.
        refused: whether the answer refuses the question; None if this was not checked.
        repeats: the marks when asked again; None with one repeat.
        waveform: of the clip's sound, for the report; None if the clip was not read for it, or has no sound.
        length: of the clip in seconds, as its file states; None if the clip was not read for it, or states none.
        fault: an unexpected exception that does not affect the score.
    """

    sample: Sample
    score: Score
    audio_clue: str | None = None
    seen: Seen | None = None
    traces: Mapping[str, Trace] = field(default_factory=dict)
    by_rules: Rating | None = None
    refused: bool | None = None
    repeats: Repeats | None = None
    waveform: Waveform | None = None
    length: float | None = None
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscored:
    """A sample that could not be scored: it counts neither as wrong nor as not asked.

    Attributes:
        sample: the question.
        stage: where it failed: data, model, extractor or judge; run if a worker process died, or the suite's own code
            failed.
        error: why, in one sentence.
        answer: the model's answer; None if there is none.
        replies: the replies of the agent that could not be used, oldest first.
        usage: what was used besides the answer.
        waveform: as for `Scored`.
        length: as for `Scored`.
        fault: the exception behind the error, if it was an unexpected one.
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
    """The trace of a reply."""
    return Trace(model=reply.model, usage=reply.usage, rejected=reply.rejected, left_out=reply.left_out)


@contextmanager
def spent(traces: Mapping[str, Trace]) -> Iterator[None]:
    """Adds the usage of earlier agents to an error, so that it is on record although the sample is unscored."""
    try:
        yield
    except EmotionError as error:
        error.usage = sum((trace.usage for trace in traces.values()), error.usage)
        raise
