"""The flow, written once: a sample and a model in, a score out."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

from benchmark.clip import ClipReader, Frames, as_frames
from benchmark.errors import DataError, EmotionError, ExtractorError, JudgeError, ModelError, RunError, boundary
from benchmark.fault import Fault, fault_of, without_folders
from benchmark.model import Answer, Repeatable, Respondent, as_answer
from benchmark.task import Sample
from benchmark.usage import Usage
from benchmark.waveform import Waveform
from evaluators.agent import Reply
from evaluators.clue import Listener
from evaluators.evidence import Evidence, Question
from evaluators.extractor import Extractor
from evaluators.judge import Judge
from evaluators.labels import named_labels
from evaluators.rating import Rating
from evaluators.refusal import is_refusal, without_credit
from evaluators.room import ScoringRoom
from evaluators.rules import recognised
from evaluators.score import Score

Thoughts = Literal["rated", "ignored"]
"""What becomes of what a model shows of its thinking, wherever its server puts it."""


AGAIN = "repeated"
"""Before a role: of who took it when it was asked again, where that was another model."""


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
        score: the answer, its steps, their ratings.
        audio_clue: what the judge was told of the sound.
        seen: the frames that the judge looked at; None where it looked at none.
        traces: by role: extractor, judge, and listener where one was asked.
        by_rules: what a list of words makes of the last step, beside the judge's rating.
        refused: whether the answer refuses the question.
        repeats: what came of asking again; None where that was not done.
        waveform: of the clip's sound, for whoever reads the report; None where nobody has looked, or there is none.
        length: of the clip in seconds, by what its file says; None where nobody has looked, or it says nothing.
        fault: of the suite's or a package's, in what no score hangs on.
    """

    sample: Sample
    score: Score
    audio_clue: str | None
    seen: Seen | None
    traces: Mapping[str, Trace]
    by_rules: Rating
    refused: bool = False
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
        """Steps, then ratings, then the score; `repeat` counts how often the sample has been judged before.

        Raises:
            DataError: the clip cannot be read.
            ModelError: the answer has nothing but thoughts, and these are ignored.
            ExtractorError: the extractor gave up.
            JudgeError: the judge or the listener gave up.
        """
        async with self.room.take(answer):
            return await self._score(sample, answer, repeat)

    async def _score(self, sample: Sample, answer: Answer, repeat: int) -> Scored:
        question = Question(subject=sample.task.subject, label_set=sample.label_set, several=sample.task.several)
        rated = self._rated(answer)
        with boundary(ExtractorError):
            steps = await self.extractor.extract(rated, question)
        traces = {"extractor": _trace(steps)}
        with _spent(traces), boundary(JudgeError):
            frames = await self.reader.frames_soon(sample.clip) if self.judge.sees else as_frames(())
            clue = await self._clue(sample, traces)
            evidence = Evidence(
                question=question,
                targets=sample.targets,
                audio_clue=clue,
                frames=frames,
                spread=self.reader.spread,
                repeat=repeat,
            )
            ratings = await self.judge.rate(steps.value, evidence)
        traces["judge"] = _trace(ratings)
        with _spent(traces), boundary(EmotionError):
            predicted = named_labels(steps.value.prediction, sample.label_set)
            refused = is_refusal(steps.value, rated)
            given = without_credit(ratings.value) if refused else ratings.value
            return Scored(
                sample=sample,
                score=Score(answer=answer, steps=steps.value, ratings=given, predicted=predicted),
                audio_clue=clue,
                seen=_seen(frames),
                traces=traces,
                by_rules=recognised(steps.value, evidence),
                refused=refused,
            )

    def _rated(self, answer: Answer) -> Answer:
        """The answer as it is rated."""
        if self.thoughts == "rated":
            return answer
        if not answer.text.strip():
            why = "its tokens ran out; raise max_tokens" if answer.ending == "cut off" else "it said no more"
            raise ModelError(f"The reply is nothing but thoughts, which --thoughts=ignored leaves out ({why}).")
        return replace(answer, thoughts=None)

    async def _clue(self, sample: Sample, traces: dict[str, Trace]) -> str | None:
        if sample.audio_clue or self.listener is None:
            return sample.audio_clue
        sound = await self.reader.soon(partial(self.reader.sound, sample.clip))
        if sound is None:
            return "The clip has no sound."
        described = await self.listener.describe(sound, sample.task)
        traces["listener"] = _trace(described)
        return described.value


def _trace(reply: Reply[Any]) -> Trace:
    return Trace(model=reply.model, usage=reply.usage, rejected=reply.rejected, left_out=reply.left_out)


def _seen(frames: Frames) -> Seen | None:
    """What is told of frames: they themselves would stay in memory until the sample's case is run."""
    source = frames.source
    return Seen(seconds=frames.seconds, decoder=source.decoder, key=source.key) if source else None


@contextmanager
def _spent(traces: Mapping[str, Trace]) -> Iterator[None]:
    """Adds to an error what earlier agents took: money is on record though the sample ends unscored."""
    try:
        yield
    except EmotionError as error:
        error.usage = sum((trace.usage for trace in traces.values()), error.usage)
        raise


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
    try:
        with boundary(DataError):
            outcome = replace(outcome, length=await reader.length_soon(outcome.sample.clip))
            waveform = await reader.waveform_soon(outcome.sample.clip)
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
