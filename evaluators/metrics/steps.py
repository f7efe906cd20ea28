"""The metric of MME-Emotion: an answer cut into steps, each rated (arXiv 2508.09210, section on evaluation).

Recognition is the rating of the last step, Reasoning the mean rating of those before, CoT their mean.
"""

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, partial
from math import nan

import numpy as np

from benchmark.clip import Frames, as_frames
from benchmark.errors import EmotionError, ExtractorError, JudgeError, boundary
from benchmark.model import Answer
from benchmark.printed import printable
from benchmark.task import Sample
from evaluators.judge.evidence import Evidence, Question
from evaluators.judge.labels import named_labels
from evaluators.judge.rating import Ratings
from evaluators.judge.refusal import is_refusal, without_credit
from evaluators.judge.rules import recognised
from evaluators.judge.steps import Steps as Cut
from evaluators.metrics.metric import Column, Marked, Mean, Measure, Roles, is_scored
from evaluators.outcome import Scored, Seen, Trace, spent, trace_of

ALPHA = Fraction(1, 2)
"""The published weight of Recognition in CoT."""

WIDTH, HEAD_LINES, ANSWER_LINES, STEP_LINES = 100, 3, 10, 14


def mean(values: Sequence[Fraction]) -> Fraction | None:
    """The exact mean; None where there is nothing to average."""
    return sum(values, Fraction(0)) / len(values) if values else None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StepScore:
    """How well one answer did.

    Attributes:
        answer: the model's.
        steps: what the extractor made of it.
        ratings: what the judge made of them, one for each step.
        predicted: the labels of the label set that the prediction names.
    """

    answer: Answer
    steps: Cut
    ratings: Ratings
    predicted: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuses ratings that are not one a step.

        Raises:
            ValueError: the counts differ.
        """
        if len(self.steps.reasoning) != len(self.ratings.reasoning):
            raise ValueError(f"{len(self.ratings.reasoning) + 1} ratings for {len(self.steps)} steps")

    def __repr__(self) -> str:
        """Short: pytest shows it where a case fails."""
        return f"StepScore(recognition={self.recognition}, reasoning={self.reasoning})"

    @property
    def recognition(self) -> Fraction:
        """The rating of the last step, 0 to 1."""
        return self.ratings.recognition.value

    @property
    def reasoning(self) -> Fraction:
        """The mean rating of the steps before the last, 0 to 1; 0 if there are none."""
        return mean([rating.value for rating in self.ratings.reasoning]) or Fraction(0)

    @property
    def right(self) -> bool:
        """Whether every true label is named."""
        return self.recognition == 1

    def marks(self, sample: Sample) -> Mapping[str, Fraction | None]:
        """All scores."""
        ratings = [rating.value for rating in (*self.ratings.reasoning, self.ratings.recognition)]
        return marks_of(ratings, len(self.predicted), len(sample.targets) if sample.task.several else None)

    def explain(self, sample: Sample) -> str:
        """What went wrong, for whoever reads the failing case: under 40 lines of at most 100 characters."""
        noun, verb = ("label", "is") if len(sample.targets) == 1 else ("labels", "are")
        targets = " and ".join(f'"{target}"' for target in sample.targets)
        said = _brief(self.steps.prediction, 60)
        lines = [
            *_wrapped(f'{sample.id}: the {noun} {verb} {targets}, the model said "{said}"')[:HEAD_LINES],
            "",
            *_wrapped(f"Question: {sample.task.question}")[:HEAD_LINES],
            _brief(f"Labels: {', '.join(sample.label_set)}", WIDTH),
            _brief(f"Answer of {self.answer.model}:", WIDTH),
            *_shortened(_wrapped(self.answer.text, "    "), ANSWER_LINES),
            f"Steps, each with its rating (Recognition {self.recognition}, Reasoning {self.reasoning}):",
            *_shortened([line for step in self._rated_steps() for line in _wrapped(step, "    ")], STEP_LINES),
        ]
        return printable("\n".join(lines))

    def _rated_steps(self) -> Iterator[str]:
        texts = (*self.steps.reasoning, self.steps.prediction)
        ratings = (*self.ratings.reasoning, self.ratings.recognition)
        for number, (text, rating) in enumerate(zip(texts, ratings, strict=True), 1):
            why = f" (judge: {_brief(rating.reason, WIDTH)})" if rating.reason else ""
            yield f"{number}. [{rating.value}] {_brief(text, 2 * WIDTH)}{why}"


def marks_of(ratings: Sequence[Fraction], named: int, labels: int | None) -> Mapping[str, Fraction | None]:
    """The scores that ratings make, the last one's first.

    Args:
        ratings: of all steps, the last step's at the end.
        named: how many labels the last step names.
        labels: how many labels are true; None for a task that takes one.
    """
    recognition, reasoning = ratings[-1], mean(ratings[:-1]) or Fraction(0)
    cot = ALPHA * recognition + (1 - ALPHA) * reasoning
    marks = {"recognition": recognition, "reasoning": reasoning, "cot": cot}
    if labels is None:
        return {**marks, "precision": None, "f1": None}
    right = recognition * labels
    most = max(Fraction(named), right)
    precision = right / most if most else Fraction(0)
    both = precision + recognition
    return {**marks, "precision": precision, "f1": 2 * precision * recognition / both if both else Fraction(0)}


@dataclass(frozen=True, slots=True)
class Exact:
    """Recognition as the constant guess is scored by it: 1 where exactly the true labels are named, else 0."""

    name: str = "recognition"
    title: str = "Recognition"
    bounded: bool = True

    def value(self, records: Sequence[Marked]) -> float | None:
        """The share of the records with a score; None where there is none."""
        known = self.column([record for record in records if is_scored(record)])
        return float(known.mean()) if len(known) else None

    def column(self, records: Sequence[Marked]) -> Column:
        """1 or 0; nan without a score."""
        return np.array([_exact(record) for record in records], dtype=float)

    def filled(self, records: Sequence[Marked], *, right: bool) -> Column:
        """As for a mean."""
        column = self.column(records)
        return np.where(np.isnan(column), float(right), column)


def _exact(record: Marked) -> float:
    scores = record.scores
    return float(scores["recognition"] == 1 and scores.get("precision") in (None, 1)) if is_scored(record) else nan


EXACT = Exact()


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The metric: the extractor cuts, the judge rates, and a listener describes sound that has no clue."""

    name: str = "steps"
    roles: frozenset[str] = frozenset({"extractor", "judge", "listener"})
    marks: tuple[str, ...] = ("recognition", "reasoning", "cot", "precision", "f1")
    measures: tuple[Measure, ...] = (
        Mean("recognition", "Recognition", short="Recog."),
        Mean("reasoning", "Reasoning", short="Reason.", zero_if_refused=True),
        Mean("cot", "CoT", mix=("recognition", "reasoning")),
    )
    details: tuple[Measure, ...] = (Mean("precision", "Precision"), Mean("f1", "F1"))
    floor: Measure = EXACT

    async def score(self, sample: Sample, answer: Answer, roles: Roles, repeat: int = 0) -> Scored:
        """Steps, then ratings, then the score.

        Raises:
            DataError: the clip cannot be read.
            ModelError: the answer has nothing but thoughts, and these are ignored.
            ExtractorError: the extractor gave up.
            JudgeError: the judge or the listener gave up.
        """
        question = Question(subject=sample.task.subject, label_set=sample.label_set, several=sample.task.several)
        rated = roles.rated(answer)
        with boundary(ExtractorError):
            steps = await roles.extractor.extract(rated, question)
        traces = {"extractor": trace_of(steps)}
        with spent(traces), boundary(JudgeError):
            frames = as_frames(())
            if roles.judge.sees and sample.clip is not None:
                frames = await roles.reader.frames_soon(sample.clip)
            clue = await _clue(sample, roles, traces)
            evidence = Evidence(
                question=question,
                targets=sample.targets,
                audio_clue=clue,
                frames=frames,
                spread=roles.reader.spread,
                repeat=repeat,
            )
            ratings = await roles.judge.rate(steps.value, evidence)
        traces["judge"] = trace_of(ratings)
        with spent(traces), boundary(EmotionError):
            predicted = named_labels(steps.value.prediction, sample.label_set)
            refused = is_refusal(steps.value, rated)
            given = without_credit(ratings.value) if refused else ratings.value
            return Scored(
                sample=sample,
                score=StepScore(answer=answer, steps=steps.value, ratings=given, predicted=predicted),
                audio_clue=clue,
                seen=_seen(frames),
                traces=traces,
                by_rules=recognised(steps.value, evidence),
                refused=refused,
            )

    def remade(self, record: Marked, *, several: bool) -> Mapping[str, Fraction | None]:
        """The marks that the ratings make.

        Raises:
            ValueError: a rating is missing or malformed, or the steps are not rated by the same judges.
        """
        if record.prediction is None:
            raise ValueError("it has no rated prediction")
        steps = (*record.steps, record.prediction)
        ratings = [rating_of(step.rating) for step in steps]
        if None in map(rating_of, (vote for step in steps for vote in step.votes.values())) or None in ratings:
            raise ValueError("a rating is no fraction from 0 to 1, such as 2/3")
        if any(step.votes.keys() != record.prediction.votes.keys() for step in steps):
            raise ValueError("its steps are not rated by the same judges")
        known = [rating for rating in ratings if rating is not None]
        return marks_of(known, len(record.predicted), len(record.targets) if several else None)

    def is_right(self, marks: Mapping[str, Fraction | None]) -> bool:
        """Whether the last step is rated 1."""
        return marks["recognition"] == 1


METRIC = Steps()
_QUOTIENT = re.compile("([0-9]{1,9})/([1-9][0-9]{0,8})")


@lru_cache(4096)
def rating_of(written: str) -> Fraction | None:
    """The rating, 0 to 1; None where it is none."""
    found = _QUOTIENT.fullmatch(written)
    value = Fraction(int(found[1]), int(found[2])) if found else None
    return value if value is not None and value <= 1 else None


async def _clue(sample: Sample, roles: Roles, traces: dict[str, Trace]) -> str | None:
    if sample.audio_clue or roles.listener is None or sample.clip is None:
        return sample.audio_clue
    sound = await roles.reader.soon(partial(roles.reader.sound, sample.clip))
    if sound is None:
        return "The clip has no sound."
    described = await roles.listener.describe(sound, sample.task)
    traces["listener"] = trace_of(described)
    return described.value


def _seen(frames: Frames) -> Seen | None:
    """What is told of frames: they themselves would stay in memory until the sample's case is run."""
    source = frames.source
    return Seen(seconds=frames.seconds, decoder=source.decoder, key=source.key) if source else None


def _plain(text: str) -> str:
    """The text on one line, without anything that would steer a terminal."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _brief(text: str, most: int) -> str:
    text = _plain(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(_plain(text), WIDTH, initial_indent=indent, subsequent_indent=f"{indent}    ")


def _shortened(lines: list[str], most: int) -> list[str]:
    """The first and the last lines; the middle says how many are left out."""
    if len(lines) <= most:
        return lines
    first, last = (most - 1) // 2, most // 2
    return [*lines[:first], f"    … {len(lines) - first - last} lines left out …", *lines[-last:]]
