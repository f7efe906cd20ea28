"""Macro F1 against scikit-learn's documented value and its definition."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.metrics.labels import OUTSIDE
from evaluators.metrics.macro_labels import METRIC, macro_f1
from evaluators.metrics.metric import Metric, find_metric

LABELS = ("joy", "anger", "fear")
PAIRS = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from([*LABELS, OUTSIDE])), min_size=1, max_size=40)


def test_the_example_of_scikit_learn() -> None:
    """Its documentation of `f1_score` gives 0.26 with `average="macro"` (0.267 in later releases)."""
    assert macro_f1(Counter(zip("012012", "021001", strict=True))) == pytest.approx(4 / 15)


def test_a_worked_example() -> None:
    """Joy: P 2/3, R 2/3, F 2/3; anger: P 1/2, R 1, F 2/3; love: P and R 0; the answer outside costs recall alone."""
    pairs = [("joy", "joy"), ("joy", "joy"), ("joy", OUTSIDE), ("anger", "anger"), ("love", "joy"), ("love", "anger")]
    assert macro_f1(Counter(pairs)) == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)


@given(PAIRS)
def test_it_is_the_mean_of_the_f1_of_each_true_label(pairs: list[tuple[str, str]]) -> None:
    f1s = []
    for label in sorted({true for true, _ in pairs}):
        true, said = (np.array([pair[side] == label for pair in pairs]) for side in (0, 1))
        precision = (true & said).sum() / said.sum() if said.any() else 0.0
        recall = (true & said).sum() / true.sum()
        f1s.append(2 * precision * recall / (precision + recall) if precision + recall else 0.0)
    assert macro_f1(Counter(pairs)) == pytest.approx(np.mean(f1s))


def test_it_is_found_by_its_name() -> None:
    assert isinstance(METRIC, Metric)
    assert find_metric("macro_labels") is METRIC
    assert [measure.name for measure in METRIC.measures] == ["accuracy", "macro_f1"]
