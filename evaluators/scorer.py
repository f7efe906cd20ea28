"""The flow, written once: a sample and a model in, a score out."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from benchmark.clip import ClipReader, as_frames
from benchmark.errors import EmotionError, ExtractorError, JudgeError, ModelError, RunError, boundary
from benchmark.model import Answer, Respondent
from benchmark.task import Sample
from benchmark.usage import Usage
from evaluators.clue import Listener
from evaluators.evidence import Evidence, Question
from evaluators.extractor import Extractor
from evaluators.judge import Judge
from evaluators.labels import named_labels
from evaluators.score import Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What an agent took to give its part.

    Attributes:
        model: who spoke.
        usage: all its attempts together.
        rejected: its replies that did not parse, oldest first.
    """

    model: str
    usage: Usage = field(default_factory=Usage)
    rejected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A sample that has a score.

    Attributes:
        sample: the question.
        score: the answer, its steps, their ratings.
        audio_clue: what the judge was told of the sound.
        decoder: what the judge's frames were decoded with; None where it looked at none.
        traces: by role: extractor, judge, and listener where one was asked.
    """

    sample: Sample
    score: Score
    audio_clue: str | None
    decoder: str | None
    traces: Mapping[str, Trace]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscored:
    """A sample that could not be scored: neither a zero nor a gap.

    Attributes:
        sample: the question.
        stage: where it ended: data, model, extractor or judge; run where a worker process died over it.
        error: why, in a sentence.
        answer: the model's, where it came so far.
        replies: those of the agent that was given up, oldest first.
        usage: what was spent on it besides the answer.
    """

    sample: Sample
    stage: str
    error: str
    answer: Answer | None = None
    replies: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """Extractor and judge with what they need.

    Attributes:
        extractor: cuts the answer into steps.
        judge: rates the steps.
        reader: where the judge's frames come from.
        listener: fills in missing audio clues.
    """

    extractor: Extractor
    judge: Judge
    reader: ClipReader
    listener: Listener | None = None

    async def score(self, sample: Sample, answer: Answer) -> Scored:
        """Steps, then ratings, then the score.

        Raises:
            DataError: the clip cannot be read.
            ExtractorError: the extractor gave up.
            JudgeError: the judge or the listener gave up.
        """
        question = Question(subject=sample.task.subject, label_set=sample.label_set, several=sample.task.several)
        with boundary(ExtractorError):
            steps = await self.extractor.extract(answer, question)
        traces = {"extractor": Trace(model=steps.model, usage=steps.usage, rejected=steps.rejected)}
        with _spent(traces), boundary(JudgeError):
            frames = await self.reader.frames_soon(sample.clip) if self.judge.sees else as_frames(())
            clue = await self._clue(sample, traces)
            evidence = Evidence(question=question, targets=sample.targets, audio_clue=clue, frames=frames)
            ratings = await self.judge.rate(steps.value, evidence)
        traces["judge"] = Trace(model=ratings.model, usage=ratings.usage, rejected=ratings.rejected)
        predicted = named_labels(steps.value.prediction, sample.label_set)
        score = Score(answer=answer, steps=steps.value, ratings=ratings.value, predicted=predicted)
        return Scored(sample=sample, score=score, audio_clue=clue, decoder=frames.decoder, traces=traces)

    async def _clue(self, sample: Sample, traces: dict[str, Trace]) -> str | None:
        if sample.audio_clue or self.listener is None:
            return sample.audio_clue
        sound = await self.reader.soon(partial(self.reader.sound, sample.clip))
        if sound is None:
            return "The clip has no sound."
        described = await self.listener.describe(sound, sample.task)
        traces["listener"] = Trace(model=described.model, usage=described.usage)
        return described.text


@contextmanager
def _spent(traces: Mapping[str, Trace]) -> Iterator[None]:
    """Adds to an error what earlier agents took: money is on record though the sample ends unscored."""
    try:
        yield
    except EmotionError as error:
        error.usage = sum((trace.usage for trace in traces.values()), error.usage)
        raise


async def answer_and_score(sample: Sample, model: Respondent, scorer: Scorer) -> Scored | Unscored:
    """What a run does with one sample; an error at any boundary makes it `Unscored`, never a score.

    Raises:
        RunError: the run cannot go on: nothing can be kept, or no money is left. The sample counts as not asked.
    """
    answer = None
    try:
        with boundary(ModelError):
            answer = await model.answer(sample)
        return await scorer.score(sample, answer)
    except RunError:
        raise
    except EmotionError as error:
        return Unscored(
            sample=sample, stage=error.stage, error=str(error), answer=answer, replies=error.replies, usage=error.usage
        )
