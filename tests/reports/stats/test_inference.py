"""Means of clustered scores: known values, dualities, and what must not change an interval."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import minimize_scalar
from statsmodels.stats.contingency_tables import mcnemar  # type: ignore[import-untyped]
from statsmodels.stats.proportion import proportion_confint  # type: ignore[import-untyped]

from reports.stats.inference import (
    cluster_codes,
    difference_interval,
    difference_test,
    estimate,
    macro_interval,
    mean,
    mean_interval,
    mean_test,
    score_bounds,
    score_interval,
    score_test,
)

SCORES = st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.integers(0, 5)), min_size=2, max_size=40)
ALONE = np.arange(40)


def columns(pairs: list[tuple[float, int]]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    return np.array([value for value, _ in pairs]), np.array([cluster for _, cluster in pairs], dtype=np.intp)


def several(pairs: list[tuple[float, int]]) -> bool:
    return len({cluster for _, cluster in pairs}) > 1


def test_names_become_numbers_by_name() -> None:
    assert cluster_codes(["b", "a", "b"]).tolist() == [1, 0, 1]


def test_samples_of_their_own_have_the_textbook_variance() -> None:
    values = np.random.default_rng(0).random(40)
    known = estimate(values, ALONE)

    assert known.mean == pytest.approx(values.mean())
    assert known.variance == pytest.approx(values.var(ddof=1) / 40)
    assert (known.df, known.units) == pytest.approx((39, 40))


def test_clusters_by_the_matrices_of_the_source() -> None:
    """Bell & McCaffrey's formulas as they are printed, with projections and square roots of matrices."""
    draw = np.random.default_rng(1)
    clusters = np.repeat(np.arange(5), [3, 1, 7, 2, 4])
    values, n = draw.random(17), 17
    residual = np.eye(n) - np.ones((n, n)) / n
    rows = []
    for cluster in range(5):
        inside = np.flatnonzero(clusters == cluster)
        eigen, vectors = np.linalg.eigh(residual[np.ix_(inside, inside)])
        rows.append((vectors @ np.diag(eigen**-0.5) @ vectors.T).sum(axis=0) @ residual[inside] / n)
    spread = np.array(rows) @ np.array(rows).T
    known = estimate(values, clusters)

    assert known.variance == pytest.approx(((np.array(rows) @ values) ** 2).sum())
    assert known.df == pytest.approx(np.trace(spread) ** 2 / (spread**2).sum())


def test_samples_that_are_copies_count_once() -> None:
    values = np.random.default_rng(2).integers(0, 2, 20).astype(float)
    once, thrice = estimate(values, np.arange(20)), estimate(np.repeat(values, 3), np.repeat(np.arange(20), 3))

    assert (thrice.variance, thrice.df) == pytest.approx((once.variance, once.df))
    assert score_interval(np.repeat(values, 3), np.repeat(np.arange(20), 3)) == pytest.approx(
        score_interval(values, np.arange(20))
    )


def test_the_interval_is_wilson_s_with_student_s_quantile() -> None:
    values = np.array([1.0] * 12 + [0.0] * 28)
    level = 2 * stats.norm.sf(stats.t.isf(0.025, 39))  # the error at which the normal quantile is Student's
    low, high = proportion_confint(12, 40, alpha=level, method="wilson")

    assert score_interval(values, ALONE) == pytest.approx((low, high))


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_equal_scores_leave_room_for_doubt(value: float) -> None:
    low, high = score_interval(np.full(10, value), np.arange(10))
    assert low <= value <= high
    assert high - low > 0.2
    few = score_interval(np.full(10, value), np.repeat([0, 1], 5))
    assert few[1] - few[0] > high - low, "two recordings tell less than ten"


def test_one_recording_tells_nothing() -> None:
    values, clusters = np.array([0.0, 1.0, 1.0]), np.zeros(3, dtype=np.intp)
    assert score_interval(values, clusters) == (0.0, 1.0)
    for test in (score_test, difference_test):
        assert (test(values, clusters, 0.5).above, test(values, clusters, 0.5).below) == (1.0, 1.0)
    assert (score_bounds(values, clusters, 0.05), difference_interval(values, clusters)) == ((0.0, 1.0), (-1.0, 1.0))


@given(SCORES.filter(several))
def test_an_interval_holds_the_mean_and_depends_on_no_order(pairs: list[tuple[float, int]]) -> None:
    values, clusters = columns(pairs)
    low, high = score_interval(values, clusters)
    other = score_interval(values[::-1], clusters[::-1])
    mirrored = score_interval(1 - values, clusters)

    assert -1e-12 <= low <= values.mean() + 1e-9
    assert values.mean() - 1e-9 <= high <= 1 + 1e-12
    assert other == pytest.approx((low, high), abs=1e-9)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-9)


@given(SCORES.filter(several))
def test_numbers_that_no_recording_bears_change_nothing(pairs: list[tuple[float, int]]) -> None:
    values, clusters = columns(pairs)
    groups = np.arange(len(values)) % 2
    for interval in (score_interval, difference_interval):
        assert interval(values, 3 * clusters + 2) == pytest.approx(interval(values, clusters))
    assert macro_interval(values, 3 * clusters + 2, groups) == pytest.approx(macro_interval(values, clusters, groups))


@given(SCORES.filter(several))
def test_a_surer_interval_is_wider(pairs: list[tuple[float, int]]) -> None:
    values, clusters = columns(pairs)
    found = [score_interval(values, clusters, error) for error in (0.2, 0.05, 0.01)]
    assert all(wide[0] <= narrow[0] + 1e-12 and narrow[1] <= wide[1] + 1e-12 for narrow, wide in pairwise(found))


@given(SCORES.filter(several), st.sampled_from([0.01, 0.05, 0.2]))
def test_a_bound_of_a_score_is_where_its_test_just_rejects(pairs: list[tuple[float, int]], level: float) -> None:
    values, clusters = columns(pairs)
    low, high = score_bounds(values, clusters, level)
    wilson = score_interval(values, clusters, 2 * level)

    assert low <= wilson[0] <= wilson[1] <= high
    if low > 1e-6:
        assert score_test(values, clusters, low).above == pytest.approx(level, rel=1e-6)
    if high < 1 - 1e-6:
        assert score_test(values, clusters, high).below == pytest.approx(level, rel=1e-6)


@pytest.mark.parametrize("limit", [0.02, 0.05, 0.1, 0.5, 0.9, 0.95])
@pytest.mark.parametrize("count", [20, 48, 100, 200])
def test_a_score_at_the_limit_is_shown_above_it_no_more_often_than_allowed(count: int, limit: float) -> None:
    """By the exact binomial distribution, over all numbers of right answers that there may be."""
    runs = [np.repeat([1.0, 0.0], [right, count - right]) for right in range(count + 1)]
    tails = [score_test(run, np.arange(count), limit) for run in runs]
    chances = stats.binom.pmf(np.arange(count + 1), count, limit)

    assert chances[[tail.above <= 0.05 for tail in tails]].sum() <= 0.05
    assert chances[[tail.below <= 0.05 for tail in tails]].sum() <= 0.05


@pytest.mark.parametrize("count", range(2, 40))
@pytest.mark.parametrize("value", [0.7, 1 / 3, 0.1])
def test_what_floating_point_leaves_of_nothing_is_no_variance(count: int, value: float) -> None:
    low, high = score_interval(np.full(count, value), np.arange(count))
    assert high - low > 0.2
    means = np.tile([1.0] * 7 + [0.0] * 3, count), np.repeat(np.arange(count), 10)
    assert score_interval(*means)[1] - score_interval(*means)[0] > 0.1, "all recordings alike"


def test_bounds_of_a_score_are_the_further_of_wilson_s_and_the_exact_ones() -> None:
    values = np.array([1.0] * 12 + [0.0] * 28)
    student = stats.norm.sf(stats.t.isf(0.05, 39))  # the level at which the normal quantile is Student's
    wilson = proportion_confint(12, 40, alpha=2 * student, method="wilson")
    exact = proportion_confint(12, 40, alpha=0.1, method="beta")

    assert score_bounds(values, ALONE, 0.05) == pytest.approx((min(wilson[0], exact[0]), max(wilson[1], exact[1])))


@given(st.lists(st.integers(1, 9), min_size=2, max_size=12), st.sampled_from([0.0, 1.0]))
def test_where_all_are_right_or_all_wrong_it_is_known_as_well_as_if_one_were_otherwise(
    sizes: list[int], value: float
) -> None:
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    values, n = np.full(len(clusters), value), len(clusters)
    other = values.copy()
    other[np.flatnonzero(clusters == np.argmax(sizes))[0]] = 1 - value
    share = other.mean() * (1 - other.mean())

    kish = n**2 / sum(size**2 for size in sizes)
    assert estimate(values, clusters).units == pytest.approx(max(kish, share / estimate(other, clusters).variance))


def test_a_perfect_run_shows_no_less_than_one_with_mistakes() -> None:
    clusters = np.repeat(np.arange(15), [62, 58, 47, 45, 44, 40, 38, 35, 33, 30, 24, 18, 12, 8, 6])
    shown = []
    for mistakes in (0, 1, 5, 10):
        values = np.ones(500)
        values[np.linspace(0, 499, mistakes, dtype=int)] = 0
        shown.append(score_test(values, clusters, 0.85).above)
    assert max(shown) < 0.001


@given(SCORES.filter(several), SCORES)
def test_a_bound_of_a_difference_is_where_its_test_just_rejects(
    pairs: list[tuple[float, int]], others: list[tuple[float, int]]
) -> None:
    values, clusters = columns(pairs)
    theirs = np.resize(np.array([value for value, _ in others]), len(values))
    low, high = difference_interval(values - theirs, clusters)
    mirrored = difference_interval(theirs - values, clusters)

    assert mirrored == pytest.approx((-high, -low))
    if low > -1:
        assert difference_test(values - theirs, clusters, low).above == pytest.approx(0.025, rel=1e-6)
    if high < 1:
        assert difference_test(values - theirs, clusters, high).below == pytest.approx(0.025, rel=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_equal_parts_of_a_measure_leave_as_much_doubt_as_equal_scores(value: float) -> None:
    values, clusters = np.full(12, value), np.arange(12)
    low, high = mean_interval(values, clusters, 0.1)
    exact = proportion_confint(12 * value, 12, alpha=0.1, method="beta")
    assert low <= exact[0] + 1e-9 < exact[1] - 1e-9 <= high
    assert (low, high) == score_bounds(values, clusters, 0.05)
    for limit in (0.3, 0.9):
        assert mean_test(values, clusters, limit) == score_test(values, clusters, limit)
    above, below = (mean_test(values, clusters, limit) for limit in (low, high))
    assert value == 0 or above.above == pytest.approx(0.05)
    assert value == 1 or below.below == pytest.approx(0.05)


def test_parts_of_a_measure_that_differ_are_known_by_student_s_t() -> None:
    values = np.array([0.8, 0.5, -0.1, 0.3, 0.4, 0.2])
    expected = stats.t.interval(0.9, 5, values.mean(), values.std(ddof=1) / np.sqrt(6))
    assert mean_interval(values, np.arange(6), 0.1) == pytest.approx(expected)
    assert mean_test(values, np.arange(6), 0.2).above == pytest.approx(
        stats.ttest_1samp(values, 0.2, alternative="greater").pvalue
    )


def pairs_of(better: int, worse: int, same: int) -> NDArray[np.float64]:
    return np.repeat([1.0, -1.0, 0.0], [better, worse, same])


def tango(better: int, worse: int, count: int, limit: float) -> float:
    """Tango's statistic, with the most likely share of pairs that got worse found by search."""

    def unlikely(share: float) -> float:
        shares = [share + limit, share, 1 - 2 * share - limit]
        return -float(stats.multinomial.logpmf([better, worse, count - better - worse], count, shares))

    bounds = max(0.0, -limit) + 1e-12, (1 - limit) / 2 - 1e-12
    share = minimize_scalar(unlikely, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    return float((better - worse - count * limit) / np.sqrt(count * (2 * share + limit - limit**2)))


def test_a_difference_of_pairs_is_tested_by_bonett_and_price_and_by_tango() -> None:
    """The former's adjusted Wald interval: (f12+1)/(n+2) - (f21+1)/(n+2), here with Student's quantile."""
    values = pairs_of(9, 4, 27)
    better, worse, n = 10 / 42, 5 / 42, 42
    scale = ((better + worse - (better - worse) ** 2) / (n - 1)) ** 0.5
    wald = (better - worse - scale * stats.t.isf(0.025, 41), better - worse + scale * stats.t.isf(0.025, 41))
    low, high = difference_interval(values, ALONE)

    assert low == pytest.approx(wald[0])
    assert high > wald[1], "above, Tango's bound is wider"
    assert stats.t.cdf(tango(9, 4, 40, high), 39) == pytest.approx(0.025)


@pytest.mark.parametrize(("better", "worse", "limit"), [(0, 1, -0.02), (5, 9, -0.05), (12, 3, 0.1), (0, 0, -0.03)])
def test_tango_s_test_is_that_of_the_likelihood(better: int, worse: int, limit: float) -> None:
    values, alone = pairs_of(better, worse, 200 - better - worse), np.arange(200)
    score = tango(better, worse, 200, limit)
    wald = stats.ttest_1samp(np.append(values, [1.0, -1.0]), limit)
    tails = difference_test(values, alone, limit)

    assert tails.above == pytest.approx(max(stats.t.sf(score, 199), stats.t.sf(wald.statistic, 201)), rel=1e-5)
    assert tails.below == pytest.approx(max(stats.t.cdf(score, 199), stats.t.cdf(wald.statistic, 201)), rel=1e-5)


def test_of_no_difference_tango_s_test_is_mcnemar_s() -> None:
    found = mcnemar([[0, 400], [340, 0]], exact=False, correction=False)
    tails = difference_test(pairs_of(340, 400, 10**5), np.arange(10**5 + 740), 0.0)
    assert 2 * tails.below == pytest.approx(found.pvalue, rel=0.02), "of many pairs the other test says nearly the same"
    assert 2 * tails.below >= found.pvalue


@pytest.mark.parametrize(("count", "limit"), [(200, 0.02), (500, 0.02), (1000, 0.01), (100, 0.05)])
def test_a_run_that_only_got_worse_is_passed_no_more_often_than_allowed(count: int, limit: float) -> None:
    """By the exact binomial distribution; Student's test by itself passes 8.9 % of 200 samples that lost two points."""
    chances = stats.binom.pmf(np.arange(40), count, limit)
    passed = [difference_test(pairs_of(0, worse, count - worse), np.arange(count), -limit).above <= 0.05
              for worse in range(40)]  # fmt: skip
    assert 0 < chances[passed].sum() <= 0.052


def test_smaller_changes_count_as_fewer_not_as_surer() -> None:
    """Quarters of a point that a few answers lose are tested as if whole points were at stake in fewer samples."""
    quarter = difference_test(pairs_of(0, 8, 400) / 4, np.arange(408), -0.01)
    whole = difference_test(pairs_of(0, 2, 406), np.arange(408), -0.01)
    assert quarter.above < whole.above < 0.5


@given(SCORES.filter(several))
def test_one_stratum_is_none_and_many_do_not_change_the_mean(pairs: list[tuple[float, int]]) -> None:
    values, clusters = columns(pairs)
    parts = np.arange(len(values)) % 3
    one, none, many = (estimate(values, clusters, strata) for strata in (np.zeros_like(clusters), None, parts))
    assert one == none
    assert many.mean == none.mean
    assert many.df >= 0
    assert many.variance >= 0


def test_strata_by_the_matrices_of_the_source() -> None:
    """Bell & McCaffrey's formulas as they are printed, for a regression on strata over which clusters extend."""
    draw = np.random.default_rng(7)
    clusters, strata = np.repeat(np.arange(6), [3, 1, 7, 2, 4, 5]), np.arange(22) % 3 // 2
    values, n = draw.random(22) + strata, 22
    dummies = np.eye(2)[strata]
    residual = np.eye(n) - dummies @ np.linalg.inv(dummies.T @ dummies) @ dummies.T
    rows = []
    for cluster in range(6):
        inside = np.flatnonzero(clusters == cluster)
        eigen, vectors = np.linalg.eigh(residual[np.ix_(inside, inside)])
        rows.append((vectors @ np.diag(eigen**-0.5) @ vectors.T).sum(axis=0) @ residual[inside] / n)
    spread = np.array(rows) @ np.array(rows).T
    known = estimate(values, clusters, strata)

    assert known.variance == pytest.approx(((np.array(rows) @ values) ** 2).sum())
    assert known.df == pytest.approx(np.trace(spread) ** 2 / (spread**2).sum())
    assert known.variance < estimate(values, clusters).variance, "that the strata differ is no chance"


def test_a_stratum_of_one_recording_joins_the_largest() -> None:
    values = np.random.default_rng(8).random(30)
    clusters, strata = np.array([*range(20), *[20] * 10]), np.repeat([0, 1, 2], [5, 15, 10])
    joined = estimate(values, clusters, np.minimum(strata, 1))
    assert estimate(values, clusters, strata) == joined
    assert estimate(values[20:], clusters[20:], strata[20:]).df == 0


def test_equal_answers_prove_no_equality() -> None:
    low, high = difference_interval(np.zeros(30), np.arange(30))
    assert low < -0.05 < 0.05 < high
    assert low == -high


@given(SCORES.filter(several), st.floats(0, 1))
@example([(1.0, 0), (1.0, 1)], 0.5)
@example([(0.0, 0), (0.0, 1)], 0.5)
def test_a_p_value_is_a_probability_and_all_right_is_shown_below_nothing(
    pairs: list[tuple[float, int]], limit: float
) -> None:
    values, clusters = columns(pairs)
    found = [score_test(values, clusters, limit), difference_test(values, clusters, limit)]

    assert all(0 <= p <= 1 for tails in found for p in (tails.above, tails.below))
    assert found[0].below == 1 or values.min() < 1
    assert found[0].above == 1 or values.max() > 0


@pytest.mark.parametrize(("limit", "above", "below"), [(0.0, 0.0, 1.0), (1.0, 1.0, 0.0)])
def test_one_sample_disproves_a_limit_at_the_end_of_the_scale(limit: float, above: float, below: float) -> None:
    found = score_test(np.array([0.0, 1.0, 1.0]), np.arange(3), limit)
    assert (found.above, found.below) == (above, below)


def test_a_limit_that_all_samples_meet_exactly_is_neither_exceeded_nor_missed() -> None:
    found = score_test(np.ones(5), np.arange(5), 1.0)
    assert (found.above, found.below) == (1.0, 1.0)
    even = difference_test(np.array([1.0, -1.0, 1.0, -1.0]), np.arange(4), 0.0)
    assert (even.above, even.below) == (0.5, 0.5)


def test_values_outside_the_scale_have_student_s_interval_within_it() -> None:
    values = np.array([-0.5, 0.2, 1.4, 0.9, 0.3])
    middle, half = values.mean() / 9 + 0.5, stats.t.isf(0.025, 4) * stats.sem(values) / 9

    assert mean_interval(values, np.arange(5)) == (0.0, 1.0)
    assert mean_interval(values / 9 + 0.5, np.arange(5)) == pytest.approx((middle - half, middle + half))
    assert mean_interval(values, np.zeros(5, dtype=np.intp)) == (0.0, 1.0), "one recording tells nothing"

    found = mean_test(values, np.arange(5), 0.1)
    assert found.above == pytest.approx(stats.ttest_1samp(values, 0.1, alternative="greater").pvalue)
    assert found.below == pytest.approx(stats.ttest_1samp(values, 0.1, alternative="less").pvalue)


def test_a_mean_with_something_unknown_is_unknown() -> None:
    assert mean([0.25, 0.75, 0.5]) == 0.5
    assert mean([]) is mean([0.5, None]) is None


def test_the_mean_of_groups_weighs_each_the_same() -> None:
    """Of two groups of one size it is the mean of all, and so is its interval."""
    values = np.random.default_rng(3).integers(0, 2, 40).astype(float)
    groups = np.arange(40) % 2
    low, high = macro_interval(values, ALONE, groups)
    whole = score_interval(values, ALONE)
    uneven = macro_interval(np.array([1.0] * 30 + [0.0] * 10), ALONE, np.array([0] * 30 + [1] * 10))

    assert (low, high) == pytest.approx(whole, abs=0.02)
    assert sum(uneven) / 2 == pytest.approx(0.5)
    assert macro_interval(values, np.zeros(40, dtype=np.intp), groups) == (0.0, 1.0)
    ones = macro_interval(np.ones(40), ALONE, groups)
    assert ones == pytest.approx(score_interval(np.ones(40), ALONE)), "equal scores leave room for doubt"
    assert macro_interval(values, ALONE, np.minimum(np.arange(40), 1)) == (0.0, 1.0), "of one sample nothing is known"


def test_the_mean_of_groups_that_differ_is_known_by_welch_s_degrees_of_freedom() -> None:
    draw = np.random.default_rng(5)
    one, other = draw.integers(0, 2, 6).astype(float), draw.integers(0, 5, 14) / 4
    low, high = macro_interval(np.append(one, other), np.arange(20), np.repeat([0, 1], [6, 14]))

    df = stats.ttest_ind(one, other, equal_var=False).df
    mean = (one.mean() + other.mean()) / 2
    variance = 20 / 19 * (one.var(ddof=1) / 6 + other.var(ddof=1) / 14) / 4
    count = mean * (1 - mean) / variance * (1 + 1 / df)
    student = 2 * stats.norm.sf(stats.t.isf(0.025, df))
    assert (low, high) == pytest.approx(proportion_confint(count * mean, count, alpha=student, method="wilson"))


@pytest.mark.parametrize("sizes", [(2,) * 8, (6,) * 8, (6, 6, 100)])
def test_the_mean_of_small_groups_is_known_as_well_as_said(sizes: tuple[int, ...]) -> None:
    draw, groups, held = np.random.default_rng(4), np.repeat(np.arange(len(sizes)), sizes), 0
    for _ in range(1000):
        low, high = macro_interval(draw.binomial(1, 0.4, len(groups)).astype(float), np.arange(len(groups)), groups)
        held += low <= 0.4 <= high
    assert held / 1000 > 0.93
