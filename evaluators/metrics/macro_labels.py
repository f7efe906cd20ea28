"""The metric for one true label and a free answer where labels are unevenly frequent: accuracy and macro F1.

Answers are read as by `labels`. Macro F1 is the unweighted mean of the F1 of each true label, so that a rare label
counts as much as a common one. Of the two formulas of that name it is the mean of F1s, not the F1 of the mean precision
and the mean recall (Opitz & Burst 2019, "Macro F1 and Macro F1", section 2, arXiv 1911.03347).
"""

from evaluators.metrics.labels import Counts, Labels, accuracy


def macro_f1(counts: Counts) -> float:
    """The unweighted mean F1, 0 to 1, of the labels that are true at least once.

    scikit-learn's `f1_score(average="macro")` also averages over labels that are only predicted, with an F1 of 0, if it
    is not told the labels. An answer outside the label set is such a label there, and none here: it only costs recall.
    """
    labels = {true for (true, _), number in counts.items() if number}
    return sum(_f1(counts, label) for label in labels) / len(labels)


def _f1(counts: Counts, label: str) -> float:
    true = sum(number for (one, _), number in counts.items() if one == label)
    predicted = sum(number for (_, one), number in counts.items() if one == label)
    return 2 * counts.get((label, label), 0) / (true + predicted)


METRIC = Labels(name="macro_labels", shown=(("accuracy", "Accuracy", accuracy), ("macro_f1", "Macro F1", macro_f1)))
