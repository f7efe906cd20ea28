"""Means of people's ratings, helped by a judge: values by hand, properties, and how often verdicts are wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from reports.stats.inference import Values
from reports.stats.labels import Corrected, corrected

SHARES = st.sampled_from([0.0, 0.25, 0.5, 1.0])


def alone(judged: Values, rated: Values, inclusion: float = 0.5, lowest: float = 0.0) -> Corrected:
    """Each sample is a cluster of its own."""
    size = len(judged)
    found = corrected(judged, rated, np.full(size, inclusion), np.arange(size), lowest)
    assert found is not None
    return found


@st.composite
def rated_runs(draw: st.DrawFn) -> tuple[Values, Values]:
    size = draw(st.integers(3, 40))
    judged = draw(st.lists(SHARES, min_size=size, max_size=size))
    people = draw(st.lists(st.one_of(st.just(float("nan")), SHARES), min_size=size, max_size=size))
    return np.array(judged), np.array([*draw(st.lists(SHARES, min_size=3, max_size=3)), *people[3:]])


@given(rated_runs())
def test_the_interval_lies_around_the_mean_and_inverts_the_tests(run: tuple[Values, Values]) -> None:
    found = alone(*run)
    low, high = found.interval(0.1)
    assert 0 <= low <= found.mean <= high <= 1
    assert 0 <= found.weight <= 1
    assert found.shift == pytest.approx(run[0].mean() - found.mean)
    for limit, p in ((low, found.tails(low).above), (high, found.tails(high).below)):
        assert limit in (0.0, 1.0) or p == pytest.approx(0.05, rel=1e-6)


@given(rated_runs())
def test_where_people_rated_everything_the_judge_does_not_matter(run: tuple[Values, Values]) -> None:
    judged, people = run
    rated = np.where(np.isnan(people), 0.5, people)
    assert alone(judged, rated, inclusion=1.0).mean == pytest.approx(rated.mean())


def test_the_judges_mean_error_is_taken_off() -> None:
    """By hand: of six rated samples the judge is 1/6 too high; it explains most of the ratings, so its weight is 1."""
    judged = np.array([1, 1, 1, 0, 0, 0, 1, 1, 0, 1, 1, 1], dtype=float)
    rated = np.array([1, 1, 0, 0, 0, 0, *[np.nan] * 6])
    found = alone(judged, rated)
    by_hand = rated[:6].mean() + found.weight * (judged.mean() - judged[:6].mean())
    assert found.mean == pytest.approx(by_hand)
    assert found.weight > 0.5
    assert (found.labelled, found.clusters, found.df) == (6, 6, 4)


def test_samples_that_were_likely_to_be_chosen_count_for_fewer() -> None:
    """Of ten samples all five of one kind were rated, but one of five of the other: it stands for five."""
    rated = np.array([1.0] * 5 + [0.0] + [np.nan] * 4 + [0.0] + [np.nan] * 4)
    inclusion = np.array([1.0] * 5 + [0.2] * 10)
    found = corrected(np.zeros(15), rated, inclusion, np.arange(15))
    assert found is not None
    assert found.mean == pytest.approx(5 / 15)


def test_agreement_of_a_few_is_no_proof() -> None:
    """Bonett and Price's two: of n equal ratings the error is that of two among n + 2, as far apart as can be."""
    found = alone(np.zeros(50), np.array([0.0] * 8 + [np.nan] * 42), lowest=-1.0)
    assert [found.mean, found.error] == pytest.approx([0, np.sqrt(2) / 10])


def test_below_three_clusters_nothing_can_be_estimated() -> None:
    rated = np.array([1.0, 1.0, 0.0, np.nan])
    assert corrected(np.zeros(4), rated, np.ones(4), np.array([0, 0, 1, 2])) is None


@pytest.mark.parametrize(("before", "after"), [((0.9, 0.9), (0.85, 0.95)), ((0.98, 0.98), (0.96, 0.98))])
def test_a_lenient_judge_passes_no_more_drops_than_stated(before: tuple[float, ...], after: tuple[float, ...]) -> None:
    """A true drop at the margin, 2 points, whose judges have sensitivity and specificity as in the audit."""
    drawn, size, labelled, margin = np.random.default_rng(19), 3000, 300, 0.02

    def judge(right: NDArray[np.bool_], rates: tuple[float, ...]) -> Values:
        chance = drawn.random(size)
        return np.where(right, chance < rates[0], chance >= rates[1]).astype(float)

    passed, covered, repeats = 0, 0, 400
    for _ in range(repeats):
        first = drawn.random(size) < 0.5
        chance = drawn.random(size)
        second = np.where(first, chance >= 0.22, chance < 0.18)
        rated = np.full(size, np.nan)
        rated[:labelled] = (second.astype(float) - first)[:labelled]
        found = alone(judge(second, after) - judge(first, before), rated, labelled / size, lowest=-1.0)
        passed += found.tails(-margin).above <= 0.05
        low, high = found.interval(0.05)
        covered += low <= -margin <= high
    assert passed / repeats <= 0.05 + 3 * 0.011
    assert covered / repeats >= 0.95 - 3 * 0.011
