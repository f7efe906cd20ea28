"""One sample's record: a line of `samples.jsonl`."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from benchmark.clips.waveform import Waveform
from benchmark.errors import EmotionError, boundary
from benchmark.fault import Fault
from benchmark.model import Answer, Ending
from benchmark.task import Sample
from benchmark.usage import TOKENS, Usage
from evaluators.judge.rating import Rating
from evaluators.metrics.metric import find_metric, passes
from evaluators.metrics.steps import StepScore
from evaluators.outcome import Repeated, Score, Scored, Trace, Unscored

MOST_STEPS = 100_000
"""Of one answer."""

Outcome = Literal["passed", "failed", "error"]


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WithScores(_Kept):
    """What has `scores` by name, which files keep among its own keys."""

    model_config = ConfigDict(json_schema_extra=lambda schema: _let_in_scores(schema))

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, told: object) -> object:
        """Takes numbers under names that are no fields for scores."""
        if not isinstance(told, dict) or "scores" in told:
            return told
        known = cls.model_fields
        scores = {name: value for name, value in told.items() if name not in known and _is_score(value)}
        return {name: value for name, value in told.items() if name not in scores} | {"scores": scores}

    @model_serializer(mode="wrap")
    def _spread(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name, value in handler(self).items():
            kept |= value if name == "scores" else {name: value}
        return kept


def _is_score(value: object) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _let_in_scores(schema: dict[str, Any]) -> None:
    """Says in a JSON schema that scores stand among the other keys."""
    schema["properties"].pop("scores", None)
    schema["required"] = [name for name in schema.get("required", ()) if name != "scores"]
    schema["additionalProperties"] = {"anyOf": [{"type": "number"}, {"type": "null"}]}


class RatedStep(_Kept):
    """A step of the answer with its rating.

    Attributes:
        text: the step.
        rating: the judge's, as an exact fraction, e.g. `2/3`.
        reason: the judge's words, where it gave any.
        votes: where several judged, each one's rating by name.
    """

    text: str
    rating: str
    reason: str | None
    votes: Mapping[str, str] = {}


class Spent(_Kept):
    """What one role took; None is unknown, or was not recorded by the version that kept the run.

    Attributes:
        model: who answered.
        requests: how many were sent.
        input_tokens: sent; `cached_tokens` and `audio_tokens` are among them.
        output_tokens: received; `thought_tokens` are among them.
        seconds: wall time, summed over requests.
        cost_usd: what the provider bills.
        left_out: parameters of the requests that the server has refused.
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


class Shown(_Kept):
    """The frames that the judge saw.

    Attributes:
        seconds: when each is shown in the clip.
        key: the name of the file with them: in the cache, and in the report's folder `frames`.
    """

    seconds: tuple[float, ...]
    key: str


class Repeats(_Kept):
    """The scores of K answers, each judged once, and of K judgements of the first answer; the first is in both.

    Where asking again failed there are none, and `error` says why.
    """

    answers: tuple[Mapping[str, float], ...]
    judgements: tuple[Mapping[str, float], ...]
    error: str | None = None


class Record(WithScores):
    """All that is known of one sample after the run.

    Attributes:
        outcome: `passed` where every true label was named, `failed` where not, `error` where there is no score.
        answer: the model's, without its thoughts; None where none came.
        thoughts: what the model showed of its thinking before it answered; None where it showed nothing.
        ending: how the answer ended; None if unknown.
        refused: whether the answer refuses the question; None where that was not looked into.
        steps: of the reasoning, in order.
        prediction: the last step; None where there is no score.
        predicted: labels of the label set that the prediction names.
        scores: by name, 0 to 1, among the record's own keys in files; None where there is no score, or where one does
            not apply to the task.
        by_rules: what a list of words makes of the last step, beside the judge's rating.
        repeats: what came of asking again, with `--repeats`.
        clip: where the clip lies, as a path from the data folder; None where it lies elsewhere.
        length: of the clip in seconds, by what its file says; None if unknown.
        waveform: of the clip's sound; None where it has none.
        frames: those that the judge saw; None where it looks at none.
        decoder: what decoded them.
        stage: where an unscored sample ended.
        error: why, in a sentence.
        fault: the exception of the suite's or a package's behind it, with its traceback; with a score, one that cost
            nothing but what stands beside it.
        rejected: replies that had to be asked again, by role.
        usage: by role: model, extractor, judge, listener; `unscored` sums the agents' where there is no score.
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
    steps: Annotated[tuple[RatedStep, ...], Field(max_length=MOST_STEPS)] = ()
    prediction: RatedStep | None = None
    predicted: tuple[str, ...] = ()
    scores: Mapping[str, float | None] = {}
    by_rules: str | None = None
    repeats: Repeats | None = None
    audio_clue: str | None = None
    clip: str | None = None
    length: float | None = None
    waveform: Waveform | None = None
    frames: Shown | None = None
    decoder: str | None = None
    stage: str | None = None
    error: str | None = None
    fault: Fault | None = None
    rejected: Mapping[str, tuple[str, ...]] = {}
    usage: Mapping[str, Spent] = {}


def record_of(outcome: Scored | Unscored, clip: str | None = None) -> Record:
    """What is kept of a sample; `clip` is its clip's path from the data folder."""
    return _scored(outcome, clip) if isinstance(outcome, Scored) else _unscored(outcome, clip)


def line_of(outcome: Scored | Unscored, clip: str | None) -> tuple[str, str | None]:
    """The record as a line, and why it holds no score.

    Where no such record can be made, it is that of a sample without a score: what a run has found is never a gap.
    """
    try:
        with boundary(EmotionError):
            record = record_of(outcome, clip)
            return record.model_dump_json(), record.error
    except EmotionError as error:
        return _lost(outcome, error).model_dump_json(), str(error)


def _lost(outcome: Scored | Unscored, error: EmotionError) -> Record:
    """The record of what cannot be recorded: the question, what went wrong, the answer and what was spent."""
    sample = outcome.sample
    answer = outcome.score.answer if isinstance(outcome, Scored) else outcome.answer
    spent = [trace.usage for trace in outcome.traces.values()] if isinstance(outcome, Scored) else [outcome.usage]
    usage = {"model": answer.usage} if answer else {}
    return Record(
        id=sample.id,
        task=sample.task.name,
        source=sample.source,
        recording=sample.recording,
        question=sample.task.question,
        label_set=sample.label_set,
        targets=sample.targets,
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
    return _asked(
        outcome,
        clip,
        outcome="passed" if passes(sample, score) else "failed",
        **_given(score.answer),
        **_cut(score),
        refused=outcome.refused,
        predicted=score.predicted,
        scores={name: None if mark is None else float(mark) for name, mark in score.marks(sample).items()},
        by_rules=outcome.by_rules and _fraction(outcome.by_rules.value),
        repeats=_again(outcome.repeats, sample) if outcome.repeats else None,
        audio_clue=outcome.audio_clue,
        frames=outcome.seen and Shown(seconds=outcome.seen.seconds, key=outcome.seen.key),
        decoder=outcome.seen and outcome.seen.decoder,
        rejected={role: trace.rejected for role, trace in outcome.traces.items() if trace.rejected},
        usage={"model": _spent_by(score.answer), **{role: _spent_by(trace) for role, trace in outcome.traces.items()}},
    )


def _cut(score: Score) -> dict[str, Any]:
    """The rated steps, where the metric cuts answers into such."""
    if not isinstance(score, StepScore):
        return {}
    return {
        "steps": tuple(map(_rated, score.steps.reasoning, score.ratings.reasoning)),
        "prediction": _rated(score.steps.prediction, score.ratings.recognition),
    }


def _unscored(outcome: Unscored, clip: str | None) -> Record:
    usage = {"unscored": spent_of(None, outcome.usage)} if outcome.usage != Usage() else {}
    return _asked(
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


def _asked(of: Scored | Unscored, clip: str | None, /, **rest: object) -> Record:
    sample = of.sample
    return Record.model_validate(
        {
            "id": sample.id,
            "task": sample.task.name,
            "source": sample.source,
            "recording": sample.recording,
            "question": sample.task.question,
            "label_set": sample.label_set,
            "targets": sample.targets,
            "clip": clip,
            "length": of.length,
            "waveform": of.waveform,
            "fault": of.fault,
            **rest,
        }
    )


def _rated(text: str, rating: Rating) -> RatedStep:
    votes = {name: _fraction(value) for name, value in rating.votes}
    return RatedStep(text=text, rating=_fraction(rating.value), reason=rating.reason, votes=votes)


def _no_scores(sample: Sample) -> dict[str, None]:
    return dict.fromkeys(find_metric(sample.task.metric).marks)


def _again(repeated: Repeated, sample: Sample) -> Repeats:
    told = {measure.name for measure in find_metric(sample.task.metric).measures}
    answers, judgements = (
        tuple(
            {name: float(mark) for name, mark in score.marks(sample).items() if mark is not None and name in told}
            for score in scores
        )
        for scores in (repeated.answers, repeated.judgements)
    )
    return Repeats(answers=answers, judgements=judgements, error=repeated.error)


def _fraction(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"


def _given(answer: Answer | None) -> dict[str, Any]:
    """What a record says of the answer itself."""
    if answer is None:
        return {}
    return {
        "answer": answer.text,
        "thoughts": answer.thoughts,
        "ending": answer.ending,
    }


def _spent_by(part: Answer | Trace) -> Spent:
    return spent_of(part.model, part.usage, part.left_out)


def spent_of(model: str | None, usage: Usage, left_out: tuple[str, ...] = ()) -> Spent:
    """What was taken, as it is kept."""
    return Spent(
        model=model,
        requests=usage.requests,
        **{name: getattr(usage, name) for name in TOKENS},
        seconds=round(usage.seconds, 3),
        cost_usd=usage.cost_usd,
        left_out=left_out,
    )
