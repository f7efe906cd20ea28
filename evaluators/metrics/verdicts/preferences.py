"""The metric of preferences between two things, a1 and a2, which are shown in both orders.

EmoPrefer (arXiv 2507.04278) scores two classes and three: of two, what people find the same does not count, and the
answer `same` is a1; of three, `same` is a class. Weighted F1 and accuracy of both are printed, and the share of pairs
whose preference stays the same thing if the order is swapped. An answer without a preference is `same` if the task's
`outside` says so, as the authors count it; it is never a preference that stays.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from evaluators.metrics.labels import Counts, Labels, accuracy, weighted_f1
from evaluators.metrics.metric import Marked
from evaluators.metrics.verdicts.groups import OfGroups

FIRST, SECOND, SAME = "a1", "a2", "same"
LABELS = (FIRST, SECOND, SAME)

_SWAPPED: Mapping[tuple[str, ...], tuple[str, ...]] = {(FIRST,): (SECOND,), (SECOND,): (FIRST,), (SAME,): (SAME,)}


def of_two(measure: Callable[[Counts], float]) -> Callable[[Counts], float]:
    """The measure of two classes: without what is truly the same, with the answer `same` as a1; nan if none is left."""

    def value(counts: Counts) -> float:
        two = Counter[tuple[str, str]]()
        for (true, said), number in counts.items():
            if true != SAME:
                two[true, FIRST if said == SAME else said] += number
        return measure(two) if two else np.nan

    return value


def stays(records: Sequence[Marked]) -> float:
    """1 if both orders have a preference, for the same thing, else 0; of one record, whether it has a preference."""
    said = [_SWAPPED.get(record.predicted) for record in records]
    return float(None not in said and all(one == records[0].predicted for one in said[1:]))


CONSISTENCY = OfGroups("consistency", "Consistency", 2, stays)

METRIC = Labels(
    name="verdicts.preferences",
    shown=(
        ("weighted_f1", "Weighted F1 of 2", of_two(weighted_f1)),
        ("accuracy_of_2", "Accuracy of 2", of_two(accuracy)),
        ("weighted_f1_of_3", "Weighted F1 of 3", weighted_f1),
        ("accuracy", "Accuracy of 3", accuracy),
        CONSISTENCY,
    ),
)
