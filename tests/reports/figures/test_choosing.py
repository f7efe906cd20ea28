"""Which samples people are asked to rate, and what that is worth."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.figures.choosing import choose, worth_of
from reports.kept.record import Record
from tests.reports.made_runs import record, run_of


def by_id(*records: Record) -> Mapping[str, Record]:
    return {one.id: one for one in records}


def pair(same: int, differing: int) -> list[Mapping[str, Record]]:
    first = [record(at, 1.0, answer=f"first {at}") for at in range(same + differing)]
    second = [record(at, float(at < same), answer=f"second {at}") for at in range(same + differing)]
    return [by_id(*first), by_id(*second)]


@given(st.integers(0, 40), st.integers(0, 40), st.integers(2, 90))
def test_each_sample_is_chosen_once_and_with_its_probability(same: int, differing: int, count: int) -> None:
    runs = pair(same, differing)
    chosen = choose(runs, "recognition", count)
    assert len({one.id for one in chosen}) == len(chosen) == min(count, same + differing)
    doubted = {name for name in runs[0] if runs[1][name].scores["recognition"] == 0}
    for kind in (doubted, runs[0].keys() - doubted):
        shares = {one.inclusion for one in chosen if one.id in kind}
        number = sum(one.id in kind for one in chosen)
        assert shares <= {number / len(kind) if kind else None}
        assert number > 0 or not kind, "what has no chance at all cannot be estimated"
    assert choose(runs, "recognition", count) == chosen


def test_half_of_the_count_goes_to_those_in_doubt() -> None:
    chosen = choose(pair(90, 10), "recognition", 30)
    assert sorted({(one.inclusion, sum(one.inclusion == other.inclusion for other in chosen)) for one in chosen}) == [
        (pytest.approx(20 / 90), 20),
        (1.0, 10),
    ]


def test_tasks_have_their_share() -> None:
    """Without doubt among them: 60 of one task and 20 of another."""
    first = [record(at, 1.0, "SA" if at < 60 else "IR", by_rules="1/1") for at in range(80)]
    chosen = choose([by_id(*first)], "recognition", 20)
    assert sum(one.id.startswith("IR") for one in chosen) == 5


def test_equal_answers_and_those_without_a_score_are_left_out() -> None:
    first = [record(0, 1.0, answer="joy"), record(1, 1.0, answer="joy"), record(2, None)]
    second = [record(0, 0.0, answer="joy"), record(1, 1.0, answer="Joy!"), record(2, 1.0)]
    assert [one.id for one in choose([by_id(*first), by_id(*second)], "recognition", 9)] == [first[1].id]


def test_doubt_about_one_run_is_that_of_judges_and_of_the_word_list() -> None:
    sure = [record(at, 1.0) for at in range(20)]
    doubted = record(20, 1.0, by_rules="0/1")
    split = sure[0].prediction
    assert split is not None
    split = split.model_copy(update={"votes": {"j": "1/1", "k": "0/1"}})
    voted = record(21, 1.0, prediction=split)
    chosen = {one.id: one.inclusion for one in choose([by_id(*sure, doubted, voted)], "recognition", 6)}
    assert (chosen[doubted.id], chosen[voted.id]) == (1.0, 1.0)


def test_the_worth_is_that_of_the_audit() -> None:
    """Of 6,500 pairs 21 in 100 truly differ, as in the independent audit: .034, .018, .012, .010 (a judge of .9)."""
    seen = round(6500 * (0.18 + 0.64 * 0.21))
    found = worth_of(pair(6500 - seen, seen), "recognition", [100, 400, 1000, 2000])
    assert [one.error for one in found] == pytest.approx([0.0350, 0.0182, 0.0123, 0.0096], abs=0.0003)
    assert [one.margin for one in found] == pytest.approx([2.487 * one.error for one in found])


def test_the_worth_of_one_run_falls_with_labels_and_is_known_for_what_can_be_rated() -> None:
    worth = worth_of([by_id(*run_of(100, 100))], "recognition", [50, 100, 500])
    assert [one.labels for one in worth] == [50, 100]
    assert worth[0].error > worth[1].error > 0
