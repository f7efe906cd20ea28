"""One label an answer: the measures, against published matrices and against definitions."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.errors import RunError
from benchmark.model import Answer
from benchmark.suite import find_suite
from benchmark.task import Sample
from evaluators.metrics.labels import METRIC, OUTSIDE, Counts, accuracy, parse_policy, unweighted_recall, weighted_f1
from evaluators.metrics.metric import Measure, bounds_of
from evaluators.metrics.recalls import METRIC as RECALLS
from reports.kept.record import Record

SHARED = Path(__file__).parents[4] / "shared" / "reference"
MATRICES = SHARED / "mer_unibench" / "emotion_llama_mer2023.json"
LABELS = ("joy", "anger", "fear")
PAIRS = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from([*LABELS, OUTSIDE])), min_size=1, max_size=40)


POLICIES = ("wrong", "drop", "class:anger", "extra")
"""All kinds of policies for answers outside the labels."""


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


def measure(name: str, policy: str = "wrong") -> Measure:
    return next(one for one in METRIC.of(policy).measures if one.name == name)


def judged(pairs: list[tuple[str, str]], policy: str) -> list[Record]:
    """The records, with the marks of that policy."""
    metric = METRIC.of(policy)
    found = []
    for one in records(pairs):
        (mark,) = metric.marks_of(one.targets, one.predicted).values()
        found.append(one.model_copy(update={"scores": {"accuracy": None if mark is None else float(mark)}}))
    return found


def values(pairs: list[tuple[str, str]], policy: str) -> Mapping[str, float | None]:
    return {one.name: one.value(judged(pairs, policy)) for one in METRIC.of(policy).measures}


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
def test_whatever_the_unscored_would_say_the_measure_lies_within_the_bounds(
    pairs: list[tuple[str, str]], data: st.DataObject
) -> None:
    lost = data.draw(st.sets(st.integers(0, len(pairs) - 1)))
    seen = [record(number, target, None if number in lost else answer) for number, (target, answer) in enumerate(pairs)]
    said = data.draw(st.lists(st.sampled_from([*{target for target, _ in pairs}, OUTSIDE]), min_size=len(pairs)))
    for one in METRIC.measures:
        column = one.column(seen)
        assert [place for place, value in enumerate(column) if np.isnan(value)] == sorted(lost)
        low, high = bounds_of(one, seen)
        told = [
            record(number, target, said[number] if number in lost else answer)
            for number, (target, answer) in enumerate(pairs)
        ]
        value = one.value(told)
        assert value is not None
        assert low - 1e-9 <= value <= high + 1e-9


def test_a_wrong_label_costs_the_precision_of_another() -> None:
    """By hand: two of three happy are seen; the third, as sad, makes the one sad that is right a half wrong."""
    seen = [record(0, "happy", "happy"), record(1, "happy", "happy"), record(2, "sad", "sad"), record(3, "happy", None)]
    low, high = bounds_of(measure("weighted_f1"), seen)
    assert [low, high] == pytest.approx([0.75 * 4 / 5 + 0.25 * 2 / 3, 1])


ANSWERS = [
    *[("joy", "joy")] * 3, ("joy", OUTSIDE),
    ("fear", "fear"), ("fear", OUTSIDE),
    ("anger", OUTSIDE), ("anger", "joy"),
]  # fmt: skip
"""What the policies disagree on; the scores below are by hand, from each authors' rule."""


@pytest.mark.parametrize(
    ("policy", "right", "uar", "f1"),
    [
        # R1-Omni: the answer equals no label; recall over the true classes, and the accuracy as their weighted mean
        ("wrong", 4 / 8, (3 / 4 + 1 / 2 + 0) / 3, (4 * 6 / 8 + 2 * 2 / 3 + 0) / 8),
        # EmoBench-M: the sample is left out of the denominator
        ("drop", 4 / 5, (3 / 3 + 1 / 1 + 0) / 3, (3 * 6 / 7 + 1 + 0) / 5),
        # Emotion-LLaMA, with its `neutral` called anger here: such an answer may be right, and costs precision
        ("class:anger", 5 / 8, (3 / 4 + 1 / 2 + 1 / 2) / 3, (4 * 6 / 8 + 2 * 2 / 3 + 2 * 2 / 5) / 8),
        # Emotion-Qwen: scikit-learn's macro recall has a fourth class, "none", which is never true
        ("extra", 4 / 8, (3 / 4 + 1 / 2 + 0 + 0) / 4, (4 * 6 / 8 + 2 * 2 / 3 + 0) / 8),
    ],
)
def test_each_policy_counts_as_its_authors_do(policy: str, right: float, uar: float, f1: float) -> None:
    found = values(ANSWERS, policy)
    assert found == pytest.approx({"weighted_f1": f1, "uar": uar, "accuracy": right}, abs=1e-12)
    strict = METRIC.of(policy).floor.value(judged(ANSWERS, policy))
    assert strict == pytest.approx(5 / 8 if policy == "class:anger" else 4 / 8)


@pytest.mark.skipif(not MATRICES.is_file(), reason="the published confusion matrices are not here")
@pytest.mark.parametrize("run", ["official", "rerun_a"])
def test_emotion_llama_counts_answers_outside_the_labels_as_neutral(run: str) -> None:
    told = json.loads(MATRICES.read_text("utf-8"))
    pairs = [
        (true, OUTSIDE if said == "neutral" else said)
        for true, row in zip(told["labels"], told[run]["cm"], strict=True)
        for said, number in zip(told["labels"], row, strict=True)
        for _ in range(number)
    ]
    found = values(pairs, "class:neutral")
    assert found["accuracy"] == pytest.approx(told[run]["accuracy"], abs=1e-12)
    assert found["weighted_f1"] == pytest.approx(told[run]["weighted_f1"], abs=1e-12)
    assert values(pairs, "wrong")["accuracy"] != pytest.approx(told[run]["accuracy"], abs=0.1)


@pytest.mark.parametrize("policy", POLICIES)
@given(pairs=PAIRS)
def test_columns_have_the_measure_as_their_mean_by_every_policy(policy: str, pairs: list[tuple[str, str]]) -> None:
    seen = judged(pairs, policy)
    for one in METRIC.of(policy).measures:
        column, value = one.column(seen), one.value(seen)
        if value is None:
            assert policy == "drop"
            assert {said for _, said in pairs} == {OUTSIDE}
        if np.isnan(column).any():  # one sample that counts says nothing about the spread
            assert policy == "drop"
            assert sum(said != OUTSIDE for _, said in pairs) <= 1
            assert bounds_of(one, seen) == (0, 1)
        else:
            assert column.mean() == pytest.approx(value)


@pytest.mark.parametrize("policy", POLICIES)
@given(pairs=PAIRS, data=st.data())
def test_whatever_the_unscored_say_recalls_stay_within_the_bounds(
    policy: str, pairs: list[tuple[str, str]], data: st.DataObject
) -> None:
    lost = data.draw(st.sets(st.integers(0, len(pairs) - 1)))
    seen = [
        record(number, *pairs[number]).model_copy(update={"outcome": "error", "predicted": (), "scores": {}})
        if number in lost
        else one
        for number, one in enumerate(judged(pairs, policy))
    ]
    for one in METRIC.of(policy).measures[1:]:  # F1 also falls by whatever else the missing answers would claim
        low, high = bounds_of(one, seen)
        whole = one.value(judged(pairs, policy))
        assert whole is None or low - 1e-9 <= whole <= high + 1e-9


@given(st.text(max_size=12) | st.sampled_from([*POLICIES, "class:", "class: ", "Wrong", "drop "]))
def test_a_policy_is_one_of_four_kinds(text: str) -> None:
    known = text in ("wrong", "drop", "extra") or (text.startswith("class:") and text[6:].strip() != "")
    if known:
        assert parse_policy(text).kind == text.partition(":")[0]
    else:
        with pytest.raises(ValueError, match="must be wrong, drop, extra or class:NAME"):
            parse_policy(text)


@pytest.mark.parametrize(
    ("policy", "predicted", "mark"),
    [
        ("wrong", (), 0),
        ("drop", (), None),
        ("drop", ("joy", "fear"), None),
        ("drop", ("joy",), 0),
        ("class:anger", ("joy", "fear"), 1),
        ("class:joy", (), 0),
        ("extra", (), 0),
        ("extra", ("anger",), 1),
    ],
)
def test_a_sample_is_marked_by_the_policy(policy: str, predicted: tuple[str, ...], mark: int | None) -> None:
    metric = METRIC.of(policy)
    assert metric.marks_of(("anger",), predicted) == {"accuracy": mark}
    assert metric.is_right({"accuracy": None if mark is None else Fraction(mark)}) is (mark == 1)


def test_war_is_the_accuracy() -> None:
    asked = records(ANSWERS)
    marked = [one.model_copy(update={"scores": {"war": one.scores["accuracy"]}}) for one in asked]
    war, uar = RECALLS.measures
    assert (war.title, uar.title, RECALLS.marks) == ("WAR", "UAR", ("war",))
    assert war.value(marked) == accuracy(Counter(ANSWERS)) == 0.5
    assert uar.value(marked) == pytest.approx(unweighted_recall(Counter(ANSWERS)))


def scored(policy: str, text: str) -> Any:
    sample = Sample(
        id="s",
        task=find_suite("mer2023").task[0],
        clip=None,
        label_set=LABELS,
        targets=("fear",),
        source="s",
        recording="s",
        video_id="s",
    )
    roles: Any = SimpleNamespace(rated=lambda answer: answer)
    score = asyncio.run(METRIC.of(policy).score(sample, Answer(text=text, model="m"), roles)).score
    return score.explain(sample).partition("\n")[0]


def test_a_failing_case_says_what_its_answer_counts_as() -> None:
    begin = 's: the label is "fear", the answer names'
    assert scored("wrong", "Hard to say.") == f"{begin} no label, which counts as wrong"
    assert scored("drop", "Joy or fear.") == f"{begin} joy, fear, which is left out of all scores"
    assert scored("class:joy", "Hm.") == f"{begin} no label, which counts as the answer `joy`"
    assert scored("extra", "Joy.") == f"{begin} joy"


def test_a_policy_names_a_label_of_the_sample() -> None:
    with pytest.raises(RunError, match="is class:neutral, but the labels of s are joy, anger, fear; name one of them"):
        scored("class:neutral", "Joy.")
