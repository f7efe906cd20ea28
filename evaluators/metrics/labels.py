"""One true label, a free answer: accuracy, weighted F1 and UAR, as most emotion benchmarks print them.

The label is the only one of the label set that the answer's conclusion names; an answer that names none, or several,
counts as wrong. Nobody is asked: a list of words reads the answer (`evaluators/judge/rules.py`).

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
"""The true label and the one answered; `OUTSIDE` where the answer names none of the set, or several."""
Counts = Mapping[Pair, int]

OUTSIDE = ""
ACCURACY = Mean("accuracy", "Accuracy")
SHOWN = 400
"""Characters of an answer that a failing case shows."""


def weighted_f1(counts: Counts) -> float:
    """The F1 of each true label, weighted by how often it is true."""
    true, said = _totals(counts)
    parts = ((total, 2 * counts.get((label, label), 0) / (total + said[label])) for label, total in true.items())
    return sum(total * f1 for total, f1 in parts) / sum(true.values())


def unweighted_recall(counts: Counts) -> float:
    """The recall of each true label, each weighing the same."""
    true, _ = _totals(counts)
    return sum(counts.get((label, label), 0) / total for label, total in true.items()) / len(true)


def _totals(counts: Counts) -> tuple[Counter[str], Counter[str]]:
    true, said = Counter[str](), Counter[str]()
    for (label, answer), number in counts.items():
        true[label] += number
        said[answer] += number
    return +true, said


@dataclass(frozen=True, slots=True)
class OfCounts:
    """A measure of a confusion matrix, which is no mean over samples."""

    name: str
    title: str
    of: Callable[[Counts], float]
    bounded: bool = False

    def value(self, records: Sequence[Marked]) -> float | None:
        """The measure of the records with a score."""
        counts = Counter(_pair(record) for record in records if is_scored(record))
        return self.of(counts) if counts else None

    def column(self, records: Sequence[Marked]) -> Column:
        """Pseudo-values, n times the measure less n - 1 times that without the sample, moved to have it as mean."""
        return self._pseudo([_pair(record) if is_scored(record) else None for record in records])

    def filled(self, records: Sequence[Marked], *, right: bool) -> Column:
        """The same where the samples without a score were answered rightly, or outside the labels."""
        pairs = [
            _pair(record) if is_scored(record) else (_true(record), _true(record) if right else OUTSIDE)
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


def _true(record: Marked) -> str:
    return record.targets[0]


def _pair(record: Marked) -> Pair:
    return _true(record), record.predicted[0] if len(record.predicted) == 1 else OUTSIDE


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelScore:
    """Whether the answer names the true label."""

    answer: Answer
    predicted: tuple[str, ...]
    target: str

    @property
    def right(self) -> bool:
        """Whether the true label is the only one named."""
        return self.predicted == (self.target,)

    def marks(self, sample: Sample) -> Mapping[str, Fraction | None]:  # noqa: ARG002  every score has it
        """The one mark that a single sample has."""
        return {"accuracy": Fraction(self.right)}

    def explain(self, sample: Sample) -> str:
        """What went wrong, for whoever reads the failing case."""
        named = ", ".join(self.predicted) or "no label"
        text = " ".join(self.answer.text.split())
        return printable(
            f'{sample.id}: the label is "{self.target}", the answer names {named}\n\n'
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
        """The label that the answer's conclusion names.

        Raises:
            ModelError: the answer has nothing but thoughts, and these are ignored.
            ExtractorError: the answer cannot be read.
        """
        question = Question(subject=sample.task.subject, label_set=sample.label_set, several=False)
        with boundary(ExtractorError):
            steps = await RulesExtractor().extract(roles.rated(answer), question)
            predicted = named_labels(steps.value.prediction, sample.label_set)
        return Scored(sample=sample, score=LabelScore(answer=answer, predicted=predicted, target=sample.targets[0]))

    def remade(self, record: Marked, *, several: bool) -> Mapping[str, Fraction | None]:  # noqa: ARG002
        """Whether the label named is the true one."""
        return {"accuracy": Fraction(record.predicted == record.targets)}

    def is_right(self, marks: Mapping[str, Fraction | None]) -> bool:
        """Whether it is."""
        return marks["accuracy"] == 1


METRIC = Labels()
