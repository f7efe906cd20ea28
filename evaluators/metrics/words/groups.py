"""Words in groups of the same meaning, as an agent forms them from true and predicted words together.

A sample's accuracy is the share of the answer's groups that are true, its recall the share of true groups that it
names, both 0 if it names none; the headline is their mean (MER2024, track MER-OV, arXiv 2404.17113). The
challenge had GPT-3.5 form the groups; scores with other groups do not compare. CA-MER (arXiv 2508.01181) scores
likewise, and calls the mean of its two subsets in which sound and picture disagree the conflict score.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from benchmark.model import Answer
from benchmark.task import Sample
from evaluators.metrics.metric import Marked, Mean, Measure, Roles, is_scored
from evaluators.metrics.words.marks import Marks, checked, score_of, together, words_in
from evaluators.metrics.words.sums import BySet, OfSums, Vector, share
from evaluators.outcome import Scored, spent, trace_of
from evaluators.words import group_words

AVERAGE, CONFLICT_NAME = "average", "conflict"


def group_marks(targets: Iterable[str], predicted: Iterable[str], groups: Sequence[Sequence[str]]) -> Marks:
    """Accuracy, recall and their mean; a word in no group is a group of its own."""
    place = {word: number for number, group in enumerate(groups) for word in group}
    true, said = ({place.get(word, word) for word in words} for words in (targets, predicted))
    both = len(true & said)
    accuracy = Fraction(both, len(said)) if said else Fraction(0)
    recall = Fraction(both, len(true))
    return {AVERAGE: (accuracy + recall) / 2, "accuracy": accuracy, "recall": recall}


def _exact(record: Marked) -> float | None:
    return float(record.scores[AVERAGE] == 1) if is_scored(record) else None


EXACT = Mean("exact", "All groups right", mark=_exact)
MEANS = (Mean(AVERAGE, "Average"), Mean("accuracy", "Accuracy"), Mean("recall", "Recall"))


@dataclass(frozen=True, slots=True, kw_only=True)
class WordGroups:
    """The metric: an extractor lists the answer's words for emotions, then groups them with the true ones.

    Attributes:
        conflict: whether the tasks count for the conflict score.
    """

    name: str = "words.groups"
    conflict: bool = False
    measures: tuple[Measure, ...] = MEANS
    details: tuple[Measure, ...] = ()
    roles: frozenset[str] = frozenset({"extractor"})
    floor: Measure = EXACT

    @property
    def marks(self) -> tuple[str, ...]:
        """The average, accuracy and recall, and the average again if it counts for the conflict score."""
        return (AVERAGE, "accuracy", "recall", *((CONFLICT_NAME,) if self.conflict else ()))

    async def score(self, sample: Sample, answer: Answer, roles: Roles, repeat: int = 0) -> Scored:  # noqa: ARG002
        """The overlap of groups.

        Raises:
            ModelError: the answer has only thoughts, and these are ignored.
            ExtractorError: the extractor gave no usable reply.
        """
        words, traces = await words_in(sample, answer, roles)
        with spent(traces):
            groups = await group_words(roles.extractor, (*sample.targets, *words), sample.task.subject)
            marks = self._with_conflict(group_marks(sample.targets, words, groups.value))
            trace = together(traces["extractor"], trace_of(groups))
            score = score_of(sample, answer, words, marks)
            return Scored(sample=sample, score=score, traces={"extractor": trace})

    def remade(self, record: Marked, *, several: bool) -> Marks:  # noqa: ARG002
        """The marks as stated, since the groups are not kept; the average is that of accuracy and recall.

        Raises:
            ValueError: one is missing, or not from 0 to 1.
        """
        marks = checked(record, ("accuracy", "recall"))
        accuracy, recall = marks["accuracy"], marks["recall"]
        if accuracy is None or recall is None:
            raise ValueError("it lacks accuracy or recall")
        return self._with_conflict({AVERAGE: (accuracy + recall) / 2, **marks})

    def is_right(self, marks: Marks) -> bool:
        """Whether the answer names at least half of what is true."""
        recall = marks["recall"]
        return recall is not None and 2 * recall >= 1

    def _with_conflict(self, marks: Marks) -> Marks:
        return {**marks, CONFLICT_NAME: marks[AVERAGE]} if self.conflict else marks


def _part(record: Marked) -> Vector:
    return np.array([record.scores[CONFLICT_NAME], 1.0], dtype=float)


def _filled(_: Marked, right: bool) -> Vector:  # noqa: FBT001  the order of `OfSums.filled`
    return np.array([float(right), 1.0])


def _mean(sums: Vector) -> Vector:
    return share(sums[..., 0], sums[..., 1])


METRIC = WordGroups()
CONFLICT = WordGroups(
    conflict=True,
    measures=(
        *MEANS,
        BySet("conflict", "Conflict", (OfSums(mark=CONFLICT_NAME, part=_part, filled=_filled, of=_mean),)),
    ),
)
"""The same for tasks that count for the conflict score: the mean of the tasks' averages."""
