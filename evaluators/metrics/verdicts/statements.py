"""The metric of statements that are correct or incorrect: accuracy, the share called correct, and the share given up.

MVEI (arXiv 2509.21950; eval/cal_metrics.py of github.com/wdqqdw/MVEI) prints all three. An answer that is neither is
given up, and wrong. The authors take "correct" or "incorrect" anywhere in the answer; here it must be the verdict.
"""

from evaluators.metrics.labels import Labels, accuracy
from evaluators.metrics.metric import Marked, Mean, is_scored
from evaluators.metrics.verdicts.stated import stated

CORRECT, INCORRECT = "correct", "incorrect"


def called_correct(record: Marked) -> float | None:
    """1 if the answer calls the statement correct, 0 if not; None without a score."""
    return float(record.predicted == (CORRECT,)) if is_scored(record) else None


def given_up(record: Marked) -> float | None:
    """1 if the answer has no verdict, 0 if it has one; None without a score."""
    return float(not record.predicted) if is_scored(record) else None


METRIC = Labels(
    name="verdicts.statements",
    shown=(("accuracy", "Accuracy", accuracy),),
    details=(
        Mean("positive_ratio", "Called correct", mark=called_correct),
        Mean("give_up_ratio", "Given up", mark=given_up),
    ),
    reads=stated,
)
