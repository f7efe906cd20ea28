"""One label an answer: the measures, against published matrices and against definitions."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.metrics.labels import OUTSIDE, Counts, unweighted_recall, weighted_f1
from evaluators.metrics.metric import Measure, bounds_of, find_metric
from reports.kept.record import Record

SHARED = Path(__file__).parents[4] / "shared" / "reference"
MATRICES = SHARED / "mer_unibench" / "emotion_llama_mer2023.json"
METRIC = find_metric("labels")
LABELS = ("joy", "anger", "fear")
PAIRS = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from([*LABELS, OUTSIDE])), min_size=1, max_size=40)


def record(number: int, target: str, answer: str | None) -> Record:
    return Record(
        id=f"s/{number}",
        task="T",
        source="s",
        recording=f"s/{number}",
        question="Which?",
        label_set=LABELS,
        targets=(target,),
        outcome="error" if answer is None else "passed" if answer == target else "failed",
        predicted=(answer,) if answer else (),
        scores={"accuracy": None if answer is None else float(answer == target)},
    )


def records(pairs: list[tuple[str, str]]) -> list[Record]:
    return [record(number, target, answer) for number, (target, answer) in enumerate(pairs)]


def measure(name: str) -> Measure:
    return next(one for one in METRIC.measures if one.name == name)


@pytest.mark.skipif(not MATRICES.is_file(), reason="the published confusion matrices are not here")
@pytest.mark.parametrize("run", ["official", "rerun_a"])
def test_published_matrices_give_the_published_scores(run: str) -> None:
    told = json.loads(MATRICES.read_text("utf-8"))
    labels, published = told["labels"], told[run]
    counts: Counts = {
        (true, said): number
        for true, row in zip(labels, published["cm"], strict=True)
        for said, number in zip(labels, row, strict=True)
    }
    assert weighted_f1(counts) == pytest.approx(published["weighted_f1"], abs=1e-12)
    assert unweighted_recall(counts) == pytest.approx(published["derived_here"]["macro_recall_uar"], abs=1e-12)
    asked = records([pair for pair, number in counts.items() for _ in range(number)])
    assert measure("accuracy").value(asked) == pytest.approx(published["accuracy"], abs=1e-12)
    assert measure("weighted_f1").value(asked) == pytest.approx(published["weighted_f1"], abs=1e-12)


@given(PAIRS)
def test_measures_are_what_their_definitions_say(pairs: list[tuple[str, str]]) -> None:
    recalls, f1s, weights = [], [], []
    for label in sorted({true for true, _ in pairs}):
        true = sum(one == label for one, _ in pairs)
        said = sum(one == label for _, one in pairs)
        right = sum(pair == (label, label) for pair in pairs)
        recalls.append(right / true)
        f1s.append(2 * right / (true + said))
        weights.append(true)
    assert unweighted_recall(Counter(pairs)) == pytest.approx(np.mean(recalls))
    assert weighted_f1(Counter(pairs)) == pytest.approx(np.average(f1s, weights=weights))


@given(PAIRS)
def test_pseudo_values_are_those_of_leaving_each_sample_out(pairs: list[tuple[str, str]]) -> None:
    for name, of in (("weighted_f1", weighted_f1), ("uar", unweighted_recall)):
        column = measure(name).column(records(pairs))
        if len(pairs) == 1:
            assert column == pytest.approx([of(Counter(pairs))])
            continue
        n, whole = len(pairs), of(Counter(pairs))
        rest = [of(Counter(pairs[:place] + pairs[place + 1 :])) for place in range(n)]
        pseudo = np.array([n * whole - (n - 1) * without for without in rest])
        assert column == pytest.approx(pseudo - pseudo.mean() + whole)
        assert column.mean() == pytest.approx(whole)


@given(PAIRS, st.data())
def test_the_unscored_bound_a_measure(pairs: list[tuple[str, str]], data: st.DataObject) -> None:
    lost = data.draw(st.sets(st.integers(0, len(pairs) - 1)))
    seen = [record(number, target, None if number in lost else answer) for number, (target, answer) in enumerate(pairs)]
    for one in METRIC.measures:
        column = one.column(seen)
        assert [place for place, value in enumerate(column) if np.isnan(value)] == sorted(lost)
        for right in (False, True):
            taken = [target if right else OUTSIDE for target, _ in pairs]
            filled = [
                record(number, target, taken[number] if number in lost else answer)
                for number, (target, answer) in enumerate(pairs)
            ]
            assert one.filled(seen, right=right) == pytest.approx(one.column(filled))
        low, high = bounds_of(one, seen)
        assert low <= high + 1e-9
