"""The metric of MME-Emotion: the answer is split into steps, and each is rated (arXiv 2508.09210, on evaluation).

Recognition is the rating of the last step, Reasoning the mean rating of the steps before it, CoT the mean of the two.
"""

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, partial

from benchmark.clip import as_frames
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
from evaluators.metrics.metric import Marked, Mean, Measure, Roles, is_scored
from evaluators.outcome import Scored, Seen, Trace, spent, trace_of

ALPHA = Fraction(1, 2)
"""The published weight of Recognition in CoT."""

WIDTH, HEAD_LINES, ANSWER_LINES, STEP_LINES = 100, 3, 10, 14
"""The size of an explanation: characters in a line, and the most lines of its parts."""


def mean(values: Sequence[Fraction]) -> Fraction | None:
    """The exact mean; None if there are no values."""
    return sum(values, Fraction(0)) / len(values) if values else None


def reasoning_of(ratings: Sequence[Fraction]) -> Fraction:
    """The mean rating of the steps before the last; 0 if there are none."""
    return mean(ratings) or Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StepScore:
    """The score of one answer.

    Attributes:
        answer: the model's answer.
        steps: the steps into which the extractor split it.
        ratings: the judge's ratings, one for each step.
        predicted: the labels of the label set that the prediction names.
    """

    answer: Answer
    steps: Cut
    ratings: Ratings
    predicted: tuple[str, ...]

    def __post_init__(self) -> None:
        """Checks that there is one rating for each step.

        Raises:
            ValueError: the numbers differ.
        """
        if len(self.steps.reasoning) != len(self.ratings.reasoning):
            raise ValueError(f"{len(self.ratings.reasoning) + 1} ratings for {len(self.steps)} steps")

    def __repr__(self) -> str:
        """Short, since pytest shows it when a case fails."""
        return f"StepScore(recognition={self.recognition}, reasoning={self.reasoning})"

    @property
    def recognition(self) -> Fraction:
        """The rating of the last step, 0 to 1."""
        return self.ratings.recognition.value

    @property
    def reasoning(self) -> Fraction:
        """The mean rating of the steps before the last, 0 to 1; 0 if there are none."""
        return reasoning_of([rating.value for rating in self.ratings.reasoning])

    def marks(self, sample: Sample) -> Mapping[str, Fraction | None]:
        """All marks by name."""
        labels = len(sample.targets) if sample.task.several else None
        return marks_of(self.recognition, self.reasoning, len(self.predicted), labels)

    def explain(self, sample: Sample) -> str:
        """Why the case fails, in under 40 lines of at most 100 characters."""
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


def marks_of(
    recognition: Fraction, reasoning: Fraction, named: int, labels: int | None
) -> Mapping[str, Fraction | None]:
    """All marks by name, 0 to 1; precision and F1 are None for a task that takes one label.

    Args:
        recognition: the rating of the last step.
        reasoning: the mean rating of the steps before it.
        named: the number of labels that the last step names.
        labels: the number of true labels; None for a task that takes one label.
    """
    cot = ALPHA * recognition + (1 - ALPHA) * reasoning
    marks = {"recognition": recognition, "reasoning": reasoning, "cot": cot}
    if labels is None:
        return {**marks, "precision": None, "f1": None}
    right = recognition * labels
    most = max(Fraction(named), right)
    precision = right / most if most else Fraction(0)
    both = precision + recognition
    return {**marks, "precision": precision, "f1": 2 * precision * recognition / both if both else Fraction(0)}


def _exact(record: Marked) -> float | None:
    scores = record.scores
    return float(scores["recognition"] == 1 and scores.get("precision") in (None, 1)) if is_scored(record) else None


EXACT = Mean("recognition", "Recognition", mark=_exact)
"""Recognition as the constant guess is scored: 1 if exactly the true labels are named, else 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The metric: an extractor splits the answer, a judge rates the steps, a listener adds missing audio clues."""

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
        """The score of the steps and their ratings.

        Raises:
            DataError: the clip cannot be read.
            ModelError: the answer has only thoughts, and these are ignored.
            ExtractorError: the extractor gave no usable reply.
            JudgeError: the judge or the listener gave no usable reply.
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
            source = frames.source  # the frames themselves would take memory until the sample's case is run
            return Scored(
                sample=sample,
                score=StepScore(answer=answer, steps=steps.value, ratings=given, predicted=predicted),
                audio_clue=clue,
                seen=Seen(seconds=frames.seconds, decoder=source.decoder, key=source.key) if source else None,
                traces=traces,
                by_rules=recognised(steps.value, evidence),
                refused=refused,
            )

    def remade(self, record: Marked, *, several: bool) -> Mapping[str, Fraction | None]:
        """The marks computed again from the ratings.

        Raises:
            ValueError: a rating is missing or malformed, or the steps are not rated by the same judges.
        """
        if record.prediction is None:
            raise ValueError("it has no rated prediction")
        steps = (*record.steps, record.prediction)
        ratings = [rating for step in steps if (rating := rating_of(step.rating)) is not None]
        votes = (rating_of(vote) for step in steps for vote in step.votes.values())
        if len(ratings) < len(steps) or None in votes:
            raise ValueError("a rating is not a fraction from 0 to 1, such as 2/3")
        if any(step.votes.keys() != record.prediction.votes.keys() for step in steps):
            raise ValueError("its steps are not rated by the same judges")
        labels = len(record.targets) if several else None
        return marks_of(ratings[-1], reasoning_of(ratings[:-1]), len(record.predicted), labels)

    def is_right(self, marks: Mapping[str, Fraction | None]) -> bool:
        """Whether Recognition is 1: every true label is named."""
        return marks["recognition"] == 1


METRIC = Steps()
_QUOTIENT = re.compile("([0-9]{1,9})/([1-9][0-9]{0,8})")


@lru_cache(4096)
def rating_of(written: str) -> Fraction | None:
    """The rating written as a fraction such as `2/3`, 0 to 1; None if it is not one."""
    found = _QUOTIENT.fullmatch(written)
    value = Fraction(int(found[1]), int(found[2])) if found else None
    return value if value is not None and value <= 1 else None


async def _clue(sample: Sample, roles: Roles, traces: dict[str, Trace]) -> str | None:
    """The sample's audio clue, else the listener's, whose usage is added to the traces; None if there is neither."""
    if sample.audio_clue or roles.listener is None or sample.clip is None:
        return sample.audio_clue
    sound = await roles.reader.soon(partial(roles.reader.sound, sample.clip))
    if sound is None:
        return "The clip has no sound."
    described = await roles.listener.describe(sound, sample.task)
    traces["listener"] = trace_of(described)
    return described.value


def _plain(text: str) -> str:
    """The text on one line, without control characters."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _brief(text: str, most: int) -> str:
    text = _plain(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(_plain(text), WIDTH, initial_indent=indent, subsequent_indent=f"{indent}    ")


def _shortened(lines: list[str], most: int) -> list[str]:
    """The first and the last lines; a line in the middle says how many are left out."""
    if len(lines) <= most:
        return lines
    first, last = (most - 1) // 2, most // 2
    return [*lines[:first], f"    … {len(lines) - first - last} lines left out …", *lines[-last:]]
