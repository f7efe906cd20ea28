"""The metric for one true label and a free answer: accuracy, weighted F1 and UAR, as in most emotion benchmarks.

The predicted label is the only one of the label set that the answer's conclusion names; an answer that names none or
several is wrong. No agent is asked: word lists find the labels (`evaluators/judge/rules.py`).

Weighted F1 is the mean of each true label's F1, weighted by how often the label is true; UAR, the unweighted average
recall, is the mean of each true label's recall (Schuller et al. 2009, Interspeech, "The INTERSPEECH 2009 Emotion
Challenge").
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from benchmark.errors import ExtractorError, boundary
from benchmark.model import Answer
from benchmark.printed import printable
from benchmark.task import Sample
from evaluators.judge.evidence import Question
from evaluators.judge.labels import named_labels
from evaluators.judge.rules import RulesExtractor
from evaluators.metrics.metric import Column, Marked, Mean, Measure, Roles, is_scored
from evaluators.outcome import Scored

Pair = tuple[str, str]
"""The true and the predicted label; the latter is `OUTSIDE` if the answer names none of the set, or several."""
Counts = Mapping[Pair, int]
"""A confusion matrix: the number of samples by pair."""

OUTSIDE = ""
ACCURACY = Mean("accuracy", "Accuracy")
SHOWN = 400
"""How many characters of an answer a failing case shows."""


def weighted_f1(counts: Counts) -> float:
    """The mean F1 of the true labels, weighted by how often each is true."""
    true, predicted = _totals(counts)
    f1 = {label: 2 * counts.get((label, label), 0) / (total + predicted[label]) for label, total in true.items()}
    return sum(total * f1[label] for label, total in true.items()) / sum(true.values())


def unweighted_recall(counts: Counts) -> float:
    """The unweighted mean recall of the true labels."""
    true, _ = _totals(counts)
    return sum(counts.get((label, label), 0) / total for label, total in true.items()) / len(true)


def _totals(counts: Counts) -> tuple[Counter[str], Counter[str]]:
    """How often each label is true, and how often each is predicted."""
    true, predicted = Counter[str](), Counter[str]()
    for (label, answer), number in counts.items():
        true[label] += number
        predicted[answer] += number
    return +true, predicted


@dataclass(frozen=True, slots=True)
class OfCounts:
    """A measure of a confusion matrix, which is not a mean over samples."""

    name: str
    title: str
    of: Callable[[Counts], float]
    bounded: bool = False

    def value(self, records: Sequence[Marked]) -> float | None:
        """The measure of the records that have a score; None if none has."""
        counts = Counter(_pair(record) for record in records if is_scored(record))
        return self.of(counts) if counts else None

    def column(self, records: Sequence[Marked]) -> Column:
        """Pseudo-values: n times the measure minus n - 1 times that without the sample, shifted to have it as mean."""
        return self._pseudo([_pair(record) if is_scored(record) else None for record in records])

    def filled(self, records: Sequence[Marked], *, right: bool) -> Column:
        """The same if all samples without a score were right, or all outside the labels."""
        pairs = [
            _pair(record) if is_scored(record) else (record.targets[0], record.targets[0] if right else OUTSIDE)
            for record in records
        ]
        return self._pseudo(pairs)

    def _pseudo(self, pairs: Sequence[Pair | None]) -> Column:
        counts = Counter(pair for pair in pairs if pair is not None)
        n = counts.total()
        whole = self.of(counts) if n else np.nan
        without = {pair: self.of(+(counts - Counter([pair]))) if n > 1 else whole for pair in counts}
        pseudo = np.array([np.nan if pair is None else n * whole - (n - 1) * without[pair] for pair in pairs], float)
        return pseudo - np.nanmean(pseudo) + whole if n else pseudo


def _pair(record: Marked) -> Pair:
    return record.targets[0], record.predicted[0] if len(record.predicted) == 1 else OUTSIDE


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelScore:
    """The score of one answer.

    Attributes:
        answer: the model's answer.
        predicted: the labels of the label set that its conclusion names.
    """

    answer: Answer
    predicted: tuple[str, ...]

    def marks(self, sample: Sample) -> Mapping[str, Fraction | None]:
        """Accuracy: 1 if the true label is the only one named, else 0."""
        return {"accuracy": Fraction(self.predicted == sample.targets)}

    def explain(self, sample: Sample) -> str:
        """Why the case fails."""
        named = ", ".join(self.predicted) or "no label"
        text = " ".join(self.answer.text.split())
        return printable(
            f'{sample.id}: the label is "{sample.targets[0]}", the answer names {named}\n\n'
            f"Labels: {', '.join(sample.label_set)}\n"
            f"Answer of {self.answer.model}: {text[:SHOWN]}{'…' if len(text) > SHOWN else ''}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The metric; it asks no agent."""

    name: str = "labels"
    roles: frozenset[str] = frozenset()
    marks: tuple[str, ...] = ("accuracy",)
    measures: tuple[Measure, ...] = (
        OfCounts("weighted_f1", "Weighted F1", weighted_f1),
        OfCounts("uar", "UAR", unweighted_recall),
        ACCURACY,
    )
    details: tuple[Measure, ...] = ()
    floor: Measure = ACCURACY

    async def score(self, sample: Sample, answer: Answer, roles: Roles, repeat: int = 0) -> Scored:  # noqa: ARG002
        """The score of the labels that the answer's conclusion names.

        Raises:
            ModelError: the answer has only thoughts, and these are ignored.
            ExtractorError: the word lists failed on the answer.
        """
        question = Question(subject=sample.task.subject, label_set=sample.label_set, several=False)
        with boundary(ExtractorError):
            steps = await RulesExtractor().extract(roles.rated(answer), question)
            predicted = named_labels(steps.value.prediction, sample.label_set)
        return Scored(sample=sample, score=LabelScore(answer=answer, predicted=predicted))

    def remade(self, record: Marked, *, several: bool) -> Mapping[str, Fraction | None]:  # noqa: ARG002
        """The mark computed again from the predicted labels."""
        return {"accuracy": Fraction(record.predicted == record.targets)}

    def is_right(self, marks: Mapping[str, Fraction | None]) -> bool:
        """Whether the label is right."""
        return marks["accuracy"] == 1


METRIC = Labels()
