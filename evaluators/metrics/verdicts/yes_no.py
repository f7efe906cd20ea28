"""The metric of pairs of questions, one whose answer is yes and one, about what is not there, whose answer is no.

EmotionHallucer (arXiv 2505.11405) scores the questions on what is there (basic), those on what is not (hallucinated),
and the pairs of which both are right, by chance a quarter. How a model leans is shown by the share of yes among its
answers, and by the false-positive ratio: the share of its wrong answers that are a yes (Guan et al. 2024,
"HallusionBench", section 4, arXiv 2310.14566). There the difference of the shares of yes said and of yes true is
printed; half of the questions of whole pairs have the answer yes, so that it is the share minus 1/2.
"""

from collections.abc import Callable

import numpy as np

from evaluators.metrics.labels import Counts, Labels, OfCounts, accuracy
from evaluators.metrics.metric import Marked, Mean, is_scored
from evaluators.metrics.verdicts.groups import OfGroups, all_right
from evaluators.metrics.verdicts.stated import stated

YES, NO = "yes", "no"


def share_right_of(label: str) -> Callable[[Counts], float]:
    """The measure: the share of right answers to questions whose answer is the label; nan without such questions."""

    def share(counts: Counts) -> float:
        asked = sum(number for (true, _), number in counts.items() if true == label)
        return counts.get((label, label), 0) / asked if asked else np.nan

    return share


def false_positive_ratio(counts: Counts) -> float:
    """The share of wrong answers that are a yes; nan if none is wrong."""
    wrong = sum(number for (true, said), number in counts.items() if true != said)
    return counts.get((NO, YES), 0) / wrong if wrong else np.nan


def said_yes(record: Marked) -> float | None:
    """1 if the answer is yes, 0 if not; None without a score."""
    return float(record.predicted == (YES,)) if is_scored(record) else None


PAIRS = OfGroups("pairs", "Both right", 2, all_right)

METRIC = Labels(
    name="verdicts.yes_no",
    shown=(
        PAIRS,
        ("basic", "Basic", share_right_of(YES)),
        ("hallucinated", "Hallucinated", share_right_of(NO)),
        ("accuracy", "Accuracy", accuracy),
    ),
    details=(
        Mean("yes_rate", "Said yes", mark=said_yes),
        OfCounts("fp_ratio", "False-positive ratio", false_positive_ratio),
    ),
    reads=stated,
)
