"""The flow, written once: a sample and a model in, a score out."""

from dataclasses import dataclass, field, replace
from typing import Literal

from benchmark.clips.reader import ClipReader
from benchmark.errors import DataError, EmotionError, ModelError, RunError, boundary
from benchmark.fault import Fault, fault_of, without_folders
from benchmark.model import Answer, Repeatable, Respondent, as_answer
from benchmark.task import Sample
from benchmark.usage import Usage
from evaluators.judge.clue import Listener
from evaluators.judge.extractor import Extractor
from evaluators.judge.judge import Judge
from evaluators.metrics.metric import find_metric
from evaluators.outcome import AGAIN, Repeated, Score, Scored, Trace, Unscored
from evaluators.room import ScoringRoom

Thoughts = Literal["rated", "ignored"]
"""What becomes of what a model shows of its thinking, wherever its server puts it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """Extractor and judge with what they need.

    Attributes:
        extractor: cuts the answer into steps.
        judge: rates the steps.
        reader: where the judge's frames come from.
        listener: fills in missing audio clues.
        thoughts: what becomes of what the model shows of its thinking: `rated` as the reasoning before its answer, or
            `ignored`.
        room: for answers that are scored at the same time.
    """

    extractor: Extractor
    judge: Judge
    reader: ClipReader
    listener: Listener | None = None
    thoughts: Thoughts = "rated"
    room: ScoringRoom = field(default_factory=ScoringRoom)

    async def score(self, sample: Sample, answer: Answer, repeat: int = 0) -> Scored:
        """The sample's score by its task's metric; `repeat` counts how often the sample has been judged before.

        Raises:
            DataError: the clip cannot be read.
            ModelError: the answer has nothing but thoughts, and these are ignored.
            ExtractorError: the extractor gave up.
            JudgeError: the judge or the listener gave up.
        """
        async with self.room.take(answer):
            return await find_metric(sample.task.metric).score(sample, answer, self, repeat)

    def rated(self, answer: Answer) -> Answer:
        """The answer as it is scored, with or without its thoughts.

        Raises:
            ModelError: it has nothing but thoughts, and these are ignored.
        """
        if self.thoughts == "rated":
            return answer
        if not answer.text.strip():
            why = "its tokens ran out; raise max_tokens" if answer.ending == "cut off" else "it said no more"
            raise ModelError(f"The reply is nothing but thoughts, which --thoughts=ignored leaves out ({why}).")
        return replace(answer, thoughts=None)


async def answer_and_score(sample: Sample, model: Respondent, scorer: Scorer, repeats: int = 1) -> Scored | Unscored:
    """What a run does with one sample; an error at any boundary makes it `Unscored`, never a score.

    With `repeats` it is answered and judged so often; the first answer and its first judgement are its score.

    Raises:
        RunError: the run cannot go on: nothing can be kept, or no money is left. The sample counts as not asked.
    """
    answer = None
    try:
        with boundary(EmotionError):
            with boundary(ModelError):
                answer = await as_answer(model.answer(sample), model.name)
            scored = await scorer.score(sample, answer)
            return scored if repeats == 1 else await _repeated(scored, model, scorer, repeats)
    except RunError:
        raise
    except EmotionError as error:
        return Unscored(
            sample=sample,
            stage=error.stage,
            error=_public(str(error), sample),
            answer=answer,
            replies=error.replies,
            usage=error.usage,
            fault=_public_fault(error, sample),
        )


def unforeseen(sample: Sample, error: BaseException) -> Unscored:
    """What becomes of a sample where the flow itself fails."""
    fault = fault_of(error)
    return Unscored(sample=sample, stage=EmotionError.stage, error=fault.words, fault=fault)


def _public(text: str, sample: Sample) -> str:
    """The text without where the clip lies: that is not for reports that people hand on."""
    if sample.clip is None:
        return text
    whole, told = str(sample.clip.path.absolute()), str(sample.clip.path)
    for path in (whole, told, without_folders(whole), without_folders(told)):
        text = text.replace(path, sample.id)
    return text


def _public_fault(error: EmotionError, sample: Sample) -> Fault | None:
    if (fault := error.fault) is None:
        return None
    return replace(fault, error=_public(fault.error, sample), traceback=_public(fault.traceback, sample))


async def with_waveform(outcome: Scored | Unscored, reader: ClipReader) -> Scored | Unscored:
    """The same with the clip's length and the waveform of its sound; no score hangs on them, so there may be none."""
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


async def _repeated(first: Scored, model: Respondent, scorer: Scorer, count: int) -> Scored:
    """The same with what came of asking again; where that fails the score stands, and the reason is kept.

    A respondent that says the same every time is judged again instead.

    Raises:
        RunError: the run cannot go on.
    """
    spent = {"repeats": Trace(model=first.score.answer.model)}
    fault = None
    answers, judgements = [first.score], [first.score]
    try:
        with boundary(EmotionError):
            for number in range(1, count):
                answer = await _answer_again(model, first, number, spent)
                answers.append(await _score_again(scorer, first, answer, number, spent))
                judged = count - 1 + number
                judgements.append(await _score_again(scorer, first, first.score.answer, judged, spent))
        repeated = Repeated(answers=tuple(answers), judgements=tuple(judgements))
    except RunError:
        raise
    except EmotionError as error:
        _count(spent, error.usage)
        repeated, fault = Repeated(error=_public(str(error), first.sample)), _public_fault(error, first.sample)
    return replace(first, repeats=repeated, traces={**first.traces, **spent}, fault=fault)


async def _answer_again(model: Respondent, first: Scored, number: int, spent: dict[str, Trace]) -> Answer:
    if not isinstance(model, Repeatable):
        return first.score.answer
    with boundary(ModelError):
        answer = await as_answer(model.again(number).answer(first.sample), model.name)
    _note(spent, "model", answer.model, first.score.answer.model)
    _count(spent, answer.usage)
    return answer


async def _score_again(scorer: Scorer, first: Scored, answer: Answer, repeat: int, spent: dict[str, Trace]) -> Score:
    scored = await scorer.score(first.sample, answer, repeat)
    for role, trace in scored.traces.items():
        _note(spent, role, trace.model, first.traces[role].model if role in first.traces else None)
    _count(spent, sum((trace.usage for trace in scored.traces.values()), Usage()))
    return scored.score


def _note(spent: dict[str, Trace], role: str, model: str | None, first: str | None) -> None:
    """Keeps that another model has taken a part when it was asked again."""
    if model != first:
        spent[f"{AGAIN} {role}"] = Trace(model=model)


def _count(spent: dict[str, Trace], usage: Usage) -> None:
    spent["repeats"] = replace(spent["repeats"], usage=spent["repeats"].usage + usage)
