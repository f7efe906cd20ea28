"""One sample's record: a line of `samples.jsonl`."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from benchmark.clips.waveform import Waveform
from benchmark.errors import EmotionError, boundary
from benchmark.fault import Fault
from benchmark.model import Answer, Ending, Message
from benchmark.task import Sample
from benchmark.usage import TOKENS, Usage
from evaluators.judge.rating import Rating
from evaluators.metrics.metric import metric_of, passes
from evaluators.metrics.steps import StepScore
from evaluators.outcome import Repeats, Score, Scored, Trace, Unscored

MOST_STEPS = 100_000
"""Steps of one answer, and messages of one dialogue."""

Outcome = Literal["passed", "failed", "error"]


class Strict(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WithScores(Strict):
    """A model with `scores` by name; in files these stand among its own keys."""

    model_config = ConfigDict(json_schema_extra=lambda schema: _let_in_scores(schema))

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, given: object) -> object:
        """Collects as scores the numbers whose keys are not names of fields."""
        if not isinstance(given, dict) or "scores" in given:
            return given
        known = cls.model_fields
        scores = {name: value for name, value in given.items() if name not in known and _is_score(value)}
        return {name: value for name, value in given.items() if name not in scores} | {"scores": scores}

    @model_serializer(mode="wrap")
    def _spread(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name, value in handler(self).items():
            kept |= value if name == "scores" else {name: value}
        return kept


def _is_score(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _let_in_scores(schema: dict[str, Any]) -> None:
    """Changes the JSON schema so that scores stand among the other keys."""
    schema["properties"].pop("scores", None)
    schema["required"] = [name for name in schema.get("required", ()) if name != "scores"]
    schema["additionalProperties"] = {"anyOf": [{"type": "number"}, {"type": "null"}]}


class RatedStep(Strict):
    """A step of the answer with its rating.

    Attributes:
        text: the step.
        rating: the judge's rating as an exact fraction, e.g. `2/3`.
        reason: the judge's explanation; None if it gave none.
        votes: with several judges, each judge's rating by name.
    """

    text: str
    rating: str
    reason: str | None
    votes: Mapping[str, str] = {}


class Spent(Strict):
    """The usage of one role; None if unknown, or if the version that kept the run did not record it.

    Attributes:
        model: the model that answered.
        requests: the number of requests sent.
        input_tokens: tokens sent; they include `cached_tokens` and `audio_tokens`.
        output_tokens: tokens received; they include `thought_tokens`.
        seconds: wall time, summed over requests.
        cost_usd: what the provider bills, in USD.
        left_out: parameters that the server refused, so that requests are sent without them.
    """

    model: str | None
    requests: int
    input_tokens: int | None
    cached_tokens: int | None = None
    audio_tokens: int | None = None
    output_tokens: int | None
    thought_tokens: int | None = None
    seconds: float
    cost_usd: float | None
    left_out: tuple[str, ...] = ()


class Shown(Strict):
    """The frames that the judge saw.

    Attributes:
        seconds: the time of each frame in the clip, in seconds.
        key: the name of the file with the frames, in the cache and in the report's folder `frames`.
    """

    seconds: tuple[float, ...]
    key: str


class Record(WithScores):
    """The result of one sample.

    Attributes:
        outcome: `passed` if the answer names every true label, else `failed`; `error` if there is no score.
        answer: the model's answer without its thoughts, of a dialogue the last; None if there is none.
        thoughts: the model's visible thinking before it answered; None if it showed none.
        ending: how the answer ended; None if unknown.
        refused: whether the answer refuses the question; None if this was not checked.
        talk: the messages of the dialogue; empty, and absent from files, if the answer is none.
        steps: the steps of the reasoning, in order.
        prediction: the last step; None if there is no score.
        predicted: the labels of the label set that the prediction names.
        scores: by name, 0 to 1; in files among the record's own keys; None if the sample or its task has none.
        by_rules: the rating of the last step by a word list, for comparison with the judge's.
        repeats: the result of asking again, with `--repeats`.
        has_clip: whether the question is about a clip, and not about a text alone.
        clip: the path of the clip from the data folder; None if the clip is not in it.
        length: the clip's length in seconds, as its file states it; None if unknown.
        group: as in the `Sample`.
        waveform: the waveform of the clip's sound; None if it has none.
        frames: the frames that the judge saw; None if it saw none.
        decoder: the decoder of these frames.
        stage: the stage at which a sample without a score ended.
        error: the reason, in a sentence.
        fault: the unexpected exception behind it, with its traceback; beside a score, one that did not affect it.
        rejected: by role, the replies that could not be used, after which the agent was asked again.
        usage: by role (model, extractor, judge, listener); without a score, `unscored` is the sum of all agents.
    """

    id: str
    task: str
    source: str
    recording: str
    question: str
    label_set: tuple[str, ...]
    targets: tuple[str, ...]
    outcome: Outcome
    answer: str | None = None
    thoughts: str | None = None
    ending: Ending | None = None
    refused: bool | None = None
    talk: Annotated[tuple[Message, ...], Field(max_length=MOST_STEPS, exclude_if=lambda talk: not talk)] = ()
    steps: Annotated[tuple[RatedStep, ...], Field(max_length=MOST_STEPS)] = ()
    prediction: RatedStep | None = None
    predicted: tuple[str, ...] = ()
    scores: Mapping[str, float | None] = {}
    by_rules: str | None = None
    repeats: Repeats | None = None
    audio_clue: str | None = None
    has_clip: bool = True
    clip: str | None = None
    length: float | None = None
    group: str | None = None
    waveform: Waveform | None = None
    frames: Shown | None = None
    decoder: str | None = None
    stage: str | None = None
    error: str | None = None
    fault: Fault | None = None
    rejected: Mapping[str, tuple[str, ...]] = {}
    usage: Mapping[str, Spent] = {}


def record_of(outcome: Scored | Unscored, clip: str | None = None) -> Record:
    """The record of a sample; `clip` is the path of its clip from the data folder."""
    return _scored(outcome, clip) if isinstance(outcome, Scored) else _unscored(outcome, clip)


def line_of(outcome: Scored | Unscored, clip: str | None) -> tuple[str, str | None]:
    """The record as a line of JSON, and why it has no score; None if it has one.

    If the outcome cannot be recorded, the line is the record of a sample without a score: no sample goes missing.
    """
    try:
        with boundary(EmotionError):
            record = record_of(outcome, clip)
            return record.model_dump_json(), record.error
    except EmotionError as error:
        return _lost(outcome, error).model_dump_json(), str(error)


def _lost(outcome: Scored | Unscored, error: EmotionError) -> Record:
    """A minimal record of what cannot be recorded in full: the question, the answer, the error and the usage."""
    sample = outcome.sample
    answer = outcome.score.answer if isinstance(outcome, Scored) else outcome.answer
    spent = [trace.usage for trace in outcome.traces.values()] if isinstance(outcome, Scored) else [outcome.usage]
    usage = {"model": answer.usage} if answer else {}
    return Record(
        **_asked(sample),
        outcome="error",
        scores=_no_scores(sample),
        **_given(answer),
        stage=error.stage,
        error=str(error),
        fault=error.fault,
        usage={role: spent_of(None, one) for role, one in {**usage, "unscored": sum(spent, Usage())}.items()},
    )


def _scored(outcome: Scored, clip: str | None) -> Record:
    sample, score = outcome.sample, outcome.score
    return _record(
        outcome,
        clip,
        outcome="passed" if passes(sample, score) else "failed",
        **_given(score.answer),
        **_cut(score),
        refused=outcome.refused,
        predicted=score.predicted,
        scores={name: None if mark is None else float(mark) for name, mark in score.marks(sample).items()},
        by_rules=outcome.by_rules and _fraction(outcome.by_rules.value),
        repeats=outcome.repeats,
        audio_clue=outcome.audio_clue,
        frames=outcome.seen and Shown(seconds=outcome.seen.seconds, key=outcome.seen.key),
        decoder=outcome.seen and outcome.seen.decoder,
        rejected={role: trace.rejected for role, trace in outcome.traces.items() if trace.rejected},
        usage={"model": _spent_by(score.answer), **{role: _spent_by(trace) for role, trace in outcome.traces.items()}},
    )


def _cut(score: Score) -> dict[str, Any]:
    """The rated steps; empty if the metric does not split answers into steps."""
    if not isinstance(score, StepScore):
        return {}
    return {
        "steps": tuple(map(_rated, score.steps.reasoning, score.ratings.reasoning)),
        "prediction": _rated(score.steps.prediction, score.ratings.recognition),
    }


def _unscored(outcome: Unscored, clip: str | None) -> Record:
    usage = {"unscored": spent_of(None, outcome.usage)} if outcome.usage != Usage() else {}
    return _record(
        outcome,
        clip,
        outcome="error",
        scores=_no_scores(outcome.sample),
        **_given(outcome.answer),
        refused=outcome.answer.refusal if outcome.answer else None,
        audio_clue=outcome.sample.audio_clue,
        stage=outcome.stage,
        error=outcome.error,
        rejected={outcome.stage: outcome.replies} if outcome.replies else {},
        usage={"model": _spent_by(outcome.answer), **usage} if outcome.answer else usage,
    )


def _record(of: Scored | Unscored, clip: str | None, /, **rest: Any) -> Record:
    """The record with these fields and those that do not depend on whether there is a score."""
    rest |= {"clip": clip, "length": of.length, "waveform": of.waveform, "fault": of.fault}
    return Record(**_asked(of.sample), **rest)


def _asked(sample: Sample) -> dict[str, Any]:
    return {
        "id": sample.id,
        "task": sample.task.name,
        "source": sample.source,
        "recording": sample.recording,
        "question": sample.question,
        "label_set": sample.label_set,
        "targets": sample.targets,
        "has_clip": sample.clip is not None,
        "group": sample.group,
    }


def _rated(text: str, rating: Rating) -> RatedStep:
    votes = {name: _fraction(value) for name, value in rating.votes}
    return RatedStep(text=text, rating=_fraction(rating.value), reason=rating.reason, votes=votes)


def _no_scores(sample: Sample) -> dict[str, None]:
    return dict.fromkeys(metric_of(sample.task).marks)


def _fraction(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"


def _given(answer: Answer | None) -> dict[str, Any]:
    if answer is None:
        return {}
    return {"answer": answer.text, "thoughts": answer.thoughts, "ending": answer.ending, "talk": answer.talk}


def _spent_by(part: Answer | Trace) -> Spent:
    return spent_of(part.model, part.usage, part.left_out)


def spent_of(model: str | None, usage: Usage, left_out: tuple[str, ...] = ()) -> Spent:
    """The usage as it is kept; `left_out` are the parameters that the server refused."""
    return Spent(
        model=model,
        requests=usage.requests,
        **{name: getattr(usage, name) for name in TOKENS},
        seconds=round(usage.seconds, 3),
        cost_usd=usage.cost_usd,
        left_out=left_out,
    )
