"""Stopping early: the error rate holds over all looks, and estimates lose their optimism."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import norm

from reports.stats.sequential import chance_left, levels_of, looks_of, unbiased


@given(st.integers(1, 20_000))
def test_looks_rise_to_the_last_sample(samples: int) -> None:
    looks = looks_of(samples)
    assert list(looks) == sorted(set(looks))
    assert looks[-1] == samples
    assert len(looks) <= 20
    assert looks[0] >= min(samples, 100)


def test_it_looks_after_each_twentieth_and_not_before_100_samples() -> None:
    assert looks_of(6500) == tuple(range(325, 6501, 325))
    assert looks_of(300) == (100, *range(105, 301, 15))
    assert looks_of(101) == (100, 101)
    assert looks_of(100) == (100,)
    assert looks_of(48) == (48,)


def test_a_single_look_spends_all() -> None:
    assert levels_of((48,), 0.05) == pytest.approx((0.05,))


def test_the_chance_left_is_that_of_a_walk_that_goes_on_as_so_far() -> None:
    draw, time, z = np.random.default_rng(1), 0.4, 1.1
    rest = draw.normal(z / time**0.5 * (1 - time), (1 - time) ** 0.5, size=10**6)
    crossed = (z * time**0.5 + rest > norm.isf(0.04)).mean()
    assert chance_left(float(norm.sf(z)), time, 0.04) == pytest.approx(crossed, abs=0.002)
    assert (chance_left(0.0, time, 0.04), chance_left(1.0, time, 0.04)) == (1.0, 0.0)


@given(st.floats(0.001, 0.999), st.floats(0.05, 0.95), st.floats(0.001, 0.2))
def test_the_chance_left_rises_as_the_p_value_falls(p: float, time: float, level: float) -> None:
    assert 0 <= chance_left(p, time, level) <= chance_left(p / 2, time, level) <= 1


def test_two_looks_by_the_bivariate_normal() -> None:
    """P(no crossing) is a bivariate normal probability, whose correlation is the root of the share of samples."""
    first, second = levels_of((50, 100), 0.05)
    bounds, correlation = (float(norm.isf(first)), float(norm.isf(second))), 0.5**0.5
    draws = np.random.default_rng(0).normal(size=(2_000_000, 2))
    later = correlation * draws[:, 0] + (1 - correlation**2) ** 0.5 * draws[:, 1]

    assert first == pytest.approx(0.05 / 8), "a half of the samples, cubed"
    assert np.mean((draws[:, 0] > bounds[0]) | (later > bounds[1])) == pytest.approx(0.05, abs=0.0006)


@pytest.mark.parametrize("error", [0.05, 0.005])
def test_all_looks_together_err_as_often_as_allowed(error: float) -> None:
    looks = np.array(looks_of(6500))
    levels = levels_of(tuple(looks), error)
    steps = np.sqrt(np.diff(looks, prepend=0) / looks[-1])
    draw, crossed, paths = np.random.default_rng(1), 0, 400_000
    for _ in range(4):
        motion = np.cumsum(draw.normal(size=(paths // 4, len(looks))) * steps, axis=1)
        crossed += int((motion / np.sqrt(looks / looks[-1]) > norm.isf(levels)).any(axis=1).sum())

    assert crossed / paths == pytest.approx(error, abs=4 * (error / paths) ** 0.5)
    assert list(levels) == sorted(levels), "each look may err more often than the one before"


LOOKS = (20, 40, 60)


def settled(values: NDArray[np.float64]) -> bool:
    return bool(values.mean() > 0.6)


def stop(values: NDArray[np.float64]) -> int:
    """After which look a run ends that ends when it looks good."""
    return next((look for look, count in enumerate(LOOKS) if settled(values[:count])), len(LOOKS) - 1)


def test_what_stopped_since_it_looked_good_is_corrected() -> None:
    """Over many runs the mean as measured is too high, the corrected one is right."""
    draw, measured, fair = np.random.default_rng(2), [], []
    for _ in range(800):
        values = draw.binomial(1, 0.5, size=60).astype(float)
        look = stop(values)
        measured.append(values[: LOOKS[look]].mean())
        found = unbiased(
            ["one"] * 60,
            LOOKS[: look + 1],
            lambda order, _, values=values: settled(values[order]),  # type: ignore[misc]
            lambda order, values=values: np.array([values[order].mean()]),  # type: ignore[misc]
        )
        assert found is not None
        fair.append(float(found[0]))

    assert np.mean(measured) > 0.515
    assert np.mean(fair) == pytest.approx(0.5, abs=4 * np.std(fair) / 800**0.5)
    assert np.std(fair) < 0.115, "the first 20 samples alone would vary by 0.112"


def test_a_run_that_ends_at_the_first_look_is_as_measured() -> None:
    values = np.arange(20.0)
    found = unbiased(["x"] * 20, (20,), lambda order, look: True, lambda order: np.array([values[order].sum()]))
    assert found is not None
    assert found.tolist() == [190.0]


def test_where_no_other_order_would_have_gone_on_nothing_is_said() -> None:
    assert unbiased(["x"] * 40, (20, 40), lambda order, look: True, lambda order: np.zeros(1)) is None


@pytest.mark.parametrize(("others", "said"), [(49, False), (50, True)])
def test_fewer_than_fifty_orders_that_went_on_say_nothing(others: int, said: bool) -> None:  # noqa: FBT001
    tried = iter([False] * others + [True] * 1000)
    found = unbiased(["x"] * 40, (20, 40), lambda order, look: next(tried), lambda order: np.ones(1))
    assert (found is not None) == said


def test_three_hundred_orders_that_went_on_are_enough() -> None:
    measured: list[int] = []

    def count(order: NDArray[np.intp]) -> NDArray[np.float64]:
        measured.append(len(order))
        return np.ones(1)

    unbiased(["x"] * 40, (20, 40), lambda order, look: False, count)
    assert measured == [20] * 300


def test_up_to_a_thousand_orders_are_tried() -> None:
    tried: list[int] = []

    def always(order: NDArray[np.intp], look: int) -> bool:
        tried.append(look)
        return True

    assert unbiased(["x"] * 40, (20, 40), always, lambda order: np.zeros(1)) is None
    assert tried == [0] * 1000


def test_a_figure_that_some_orders_lack_is_known_from_the_others() -> None:
    rows = iter([[5.0, np.nan, 1.0], [np.nan, np.nan, 2.0], [np.nan, np.nan, 3.0]] + [[np.nan, np.nan, 2.0]] * 997)
    with np.errstate(all="raise"):
        found = unbiased(["x"] * 40, (20, 40), lambda order, look: False, lambda order: np.array(next(rows)))

    assert found == pytest.approx([5.0, np.nan, 2.0], nan_ok=True)


def test_samples_change_places_within_their_stratum_alone() -> None:
    strata = [number % 3 for number in range(60)]
    seen = []

    def kept(order: NDArray[np.intp], look: int) -> bool:
        seen.append([strata[place] for place in order])
        return False

    unbiased(strata, LOOKS, kept, lambda order: np.zeros(1))
    assert {tuple(found) for found in seen} == {tuple(strata[:20]), tuple(strata[:40])}
