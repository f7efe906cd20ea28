"""A sample's scores, exact (MME-Emotion, arXiv 2508.09210, section on evaluation)."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from benchmark.model import Answer
from benchmark.printed import printable
from benchmark.task import Sample
from evaluators.judge.rating import Ratings
from evaluators.judge.steps import Steps

ALPHA = Fraction(1, 2)
"""The published weight of Recognition in CoT."""

WIDTH, HEAD_LINES, ANSWER_LINES, STEP_LINES = 100, 3, 10, 14


def mean(values: Sequence[Fraction]) -> Fraction | None:
    """The exact mean; None where there is nothing to average."""
    return sum(values, Fraction(0)) / len(values) if values else None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Score:
    """How well one answer did.

    Attributes:
        answer: the model's.
        steps: what the extractor made of it.
        ratings: what the judge made of them, one for each step.
        predicted: the labels of the label set that the prediction names.
    """

    answer: Answer
    steps: Steps
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
        return f"Score(recognition={self.recognition}, reasoning={self.reasoning})"

    @property
    def recognition(self) -> Fraction:
        """The rating of the last step, 0 to 1."""
        return self.ratings.recognition.value

    @property
    def reasoning(self) -> Fraction:
        """The mean rating of the steps before the last, 0 to 1; 0 if there are none."""
        return mean([rating.value for rating in self.ratings.reasoning]) or Fraction(0)

    def cot(self, alpha: Fraction = ALPHA) -> Fraction:
        """Alpha · Recognition + (1 - alpha) · Reasoning, 0 to 1."""
        return alpha * self.recognition + (1 - alpha) * self.reasoning

    def precision(self, targets: Sequence[str]) -> Fraction:
        """The share of the named labels that are right, by the judge's count of right ones; 0 if none is named."""
        right = self.recognition * len(targets)
        named = max(Fraction(len(self.predicted)), right)
        return right / named if named else Fraction(0)

    def f1(self, targets: Sequence[str]) -> Fraction:
        """The harmonic mean of precision and recognition, which for several labels is recall; 0 if both are 0."""
        precision = self.precision(targets)
        both = precision + self.recognition
        return 2 * precision * self.recognition / both if both else Fraction(0)

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
