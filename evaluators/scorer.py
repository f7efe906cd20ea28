"""From a sample and a model to a score."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from benchmark.clips.reader import ClipReader
from benchmark.errors import DataError, EmotionError, ModelError, RunError, boundary
from benchmark.fault import Fault, fault_of, without_folders
from benchmark.model import Answer, Repeatable, Respondent, as_answer
from benchmark.task import Sample
from benchmark.usage import Usage
from evaluators.dialogue import Interview
from evaluators.metrics.metric import Roles, known_marks, metric_of
from evaluators.outcome import AGAIN, Repeats, Scored, Trace, Unscored, spent


async def answer_and_score(sample: Sample, model: Respondent, roles: Roles, repeats: int = 1) -> Scored | Unscored:
    """Asks the model and scores its answer; an error at any boundary makes the sample `Unscored`.

    The sample is answered and judged `repeats` times; the score is that of the first answer by its first judgement.

    Raises:
        RunError: the run cannot continue: nothing can be kept, or the budget is spent. The sample counts as not asked.
    """
    interview = Interview()
    try:
        with spent(interview.traces), boundary(EmotionError):
            scored = await _score(sample, await interview.hold(sample, model, roles), roles)
            scored = replace(scored, traces={**interview.traces, **scored.traces})
            return scored if repeats == 1 else await _repeated(scored, model, roles, repeats)
    except RunError:
        raise
    except EmotionError as error:
        return Unscored(
            sample=sample,
            stage=error.stage,
            error=_public(str(error), sample),
            answer=interview.answer,
            replies=error.replies,
            usage=error.usage,
            fault=_public_fault(error, sample),
        )


async def _score(sample: Sample, answer: Answer, roles: Roles, repeat: int = 0) -> Scored:
    """The sample's score by its task's metric; `repeat` is how often the sample has been judged before."""
    async with roles.room.take(answer):
        return await metric_of(sample.task).score(sample, answer, roles, repeat)


def unforeseen(sample: Sample, error: BaseException) -> Unscored:
    """The outcome of a sample if the suite's own code fails."""
    fault = fault_of(error)
    return Unscored(sample=sample, stage=EmotionError.stage, error=fault.words, fault=fault)


def _public(text: str, sample: Sample) -> str:
    """The text with the path of the clip replaced by the sample's id, since reports may be published."""
    if sample.clip is None:
        return text
    absolute, given = str(sample.clip.path.absolute()), str(sample.clip.path)
    for path in (absolute, given, without_folders(absolute), without_folders(given)):
        text = text.replace(path, sample.id)
    return text


def _public_fault(error: EmotionError, sample: Sample) -> Fault | None:
    if (fault := error.fault) is None:
        return None
    return replace(fault, error=_public(fault.error, sample), traceback=_public(fault.traceback, sample))


async def with_waveform(outcome: Scored | Unscored, reader: ClipReader) -> Scored | Unscored:
    """The outcome with the clip's length and waveform; if the clip cannot be read, without, and with any fault."""
    clip = outcome.sample.clip
    if clip is None:
        return outcome
    try:
        with boundary(DataError):
            outcome = replace(outcome, length=await reader.length_soon(clip))
            waveform = await reader.waveform_soon(clip)
    except DataError as error:
        return replace(outcome, fault=outcome.fault or _public_fault(error, outcome.sample))
    return replace(outcome, waveform=waveform)


async def _repeated(first: Scored, model: Respondent, roles: Roles, count: int) -> Scored:
    """The outcome with the scores when asked again; if that fails, with the reason instead.

    If the respondent always gives the same answer, the first answer is judged again instead.

    Raises:
        RunError: the run cannot continue.
    """
    traces = {"repeats": Trace(model=first.score.answer.model)}
    fault = None
    marks = known_marks(first.sample, first.score)
    answers, judgements = [marks], [marks]
    again = partial(_marks_again, roles, first, traces)
    try:
        with boundary(EmotionError):
            for number in range(1, count):
                answer = await _answer_again(model, first, number, traces)
                answers.append(await again(answer, number))
                judgements.append(await again(first.score.answer, count - 1 + number))
        repeated = Repeats(answers=tuple(answers), judgements=tuple(judgements))
    except RunError:
        raise
    except EmotionError as error:
        _add_usage(traces, error.usage)
        repeated = Repeats(answers=(), judgements=(), error=_public(str(error), first.sample))
        fault = _public_fault(error, first.sample)
    return replace(first, repeats=repeated, traces={**first.traces, **traces}, fault=fault)


async def _answer_again(model: Respondent, first: Scored, number: int, traces: dict[str, Trace]) -> Answer:
    if not isinstance(model, Repeatable):
        return first.score.answer
    with boundary(ModelError):
        answer = await as_answer(model.again(number).answer(first.sample), model.name)
    _note_model(traces, "model", answer.model, first.score.answer.model)
    _add_usage(traces, answer.usage)
    return answer


async def _marks_again(
    roles: Roles, first: Scored, traces: dict[str, Trace], answer: Answer, repeat: int
) -> Mapping[str, float]:
    scored = await _score(first.sample, answer, roles, repeat)
    for role, trace in scored.traces.items():
        _note_model(traces, role, trace.model, first.traces[role].model if role in first.traces else None)
    _add_usage(traces, sum((trace.usage for trace in scored.traces.values()), Usage()))
    return known_marks(first.sample, scored.score)


def _note_model(traces: dict[str, Trace], role: str, model: str | None, first: str | None) -> None:
    """Records the model that answered for a role when asked again, if it is not the first one."""
    if model != first:
        traces[f"{AGAIN} {role}"] = Trace(model=model)


def _add_usage(traces: dict[str, Trace], usage: Usage) -> None:
    traces["repeats"] = replace(traces["repeats"], usage=traces["repeats"].usage + usage)
