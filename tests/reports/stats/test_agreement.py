"""Agreement and variance components: figures from the literature, laws, and examples whose answer is exact."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import product
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from statsmodels.stats.inter_rater import cohens_kappa  # type: ignore[import-untyped]

from reports.stats.agreement import Repeated, alpha, icc, kappa, kendall, spearman, split_variance

Level = Literal["nominal", "interval"]
LEVELS: tuple[Level, ...] = ("nominal", "interval")
Correlation = Callable[[Sequence[float], Sequence[float]], float | None]

# Shrout & Fleiss 1979, table 2: six targets, four judges
SHROUT_FLEISS = ((9, 2, 5, 8), (6, 1, 3, 2), (8, 4, 6, 8), (7, 1, 2, 6), (10, 5, 6, 9), (6, 2, 4, 7))
# Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, section C: four observers, twelve units
KRIPPENDORFF = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
    (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
)
QUARTERS = st.integers(0, 4).map(lambda quarters: quarters / 4)
PAIRS = st.lists(st.tuples(QUARTERS, QUARTERS), max_size=20)
TABLES = st.tuples(st.integers(2, 4), st.integers(2, 6)).flatmap(
    lambda shape: st.lists(st.lists(QUARTERS, min_size=shape[0], max_size=shape[0]), min_size=shape[1], max_size=6)
)
HOLED = st.integers(1, 8).flatmap(
    lambda width: st.lists(st.lists(st.none() | QUARTERS, min_size=width, max_size=width), min_size=1, max_size=4)
)


def test_the_icc_of_shrout_and_fleiss() -> None:
    assert icc(SHROUT_FLEISS) == pytest.approx(0.29, abs=0.005)


def test_the_alpha_of_krippendorff() -> None:
    assert alpha(KRIPPENDORFF, level="nominal") == pytest.approx(0.743, abs=0.0005)
    assert alpha(KRIPPENDORFF, level="interval") == pytest.approx(0.849, abs=0.0005)


def test_a_kappa_worked_out_by_hand() -> None:
    first, second = "y" * 25 + "n" * 25, "y" * 20 + "n" * 5 + "y" * 10 + "n" * 15

    assert kappa(first, second) == pytest.approx((0.7 - 0.5) / (1 - 0.5))


def test_thirds_are_one_category_and_sixths_another() -> None:
    third, sixth = Fraction(1, 3), Fraction(1, 6)

    assert kappa([third, sixth, third], [Fraction(2, 6), sixth, third]) == pytest.approx(1)
    assert kappa([third, sixth], [sixth, third]) == pytest.approx(-1)


def test_rank_correlations_worked_out_by_hand() -> None:
    assert spearman([1, 2, 3, 4], [1, 2, 4, 3]) == pytest.approx(1 - 6 * 2 / (4 * 15))
    assert kendall([1, 2, 3, 4], [1, 2, 4, 3]) == pytest.approx((5 - 1) / 6)
    assert kendall([0, 0, 1], [0, 1, 1]) == pytest.approx(1 / 2)  # one pair in order, of two untied on either side


@given(st.lists(st.tuples(*[st.integers(-3, 3) | st.floats(-1e6, 1e6)] * 2), min_size=2, max_size=40))
def test_spearman_is_scipy_s(pairs: list[tuple[float, float]]) -> None:
    first, second = zip(*pairs, strict=True)
    if (ours := spearman(first, second)) is not None:
        assert ours == pytest.approx(spearmanr(first, second).statistic, abs=1e-9)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "ratings",
    [
        pytest.param([], id="no rater"),
        pytest.param([[1, 0]], id="one rater"),
        pytest.param([[1, None], [None, 0]], id="nothing rated by two"),
        pytest.param([[1, 1], [1, 1]], id="one value"),
        pytest.param([[1, 0], [1, None]], id="the other value rated by one alone"),
    ],
)
def test_alpha_is_undefined(ratings: list[list[float | None]], level: Level) -> None:
    assert alpha(ratings, level=level) is None


@pytest.mark.parametrize(("first", "second"), [([], []), ([1], [1]), ([1, 1, 1], [1, 1, 1])])
def test_kappa_is_undefined_where_there_is_one_category(first: list[float], second: list[float]) -> None:
    assert kappa(first, second) is None


@pytest.mark.parametrize("correlation", [spearman, kendall])
@pytest.mark.parametrize(("first", "second"), [([], []), ([1], [0]), ([1, 1, 1], [1, 0, 1]), ([1, 0], [0, 0])])
def test_a_rank_correlation_is_undefined_where_a_side_is_constant(
    correlation: Correlation, first: list[float], second: list[float]
) -> None:
    assert correlation(first, second) is None


@pytest.mark.parametrize(
    "ratings",
    [[], [[1, 0]], [[1], [0]], [[0.1] * 3] * 3, [[7654321.7] * 3] * 7, [[0.1] * 2] * 3000, [[0, 0.1], [0.1, 0]]],
)
def test_icc_is_undefined(ratings: list[list[float]]) -> None:
    assert icc(ratings) is None


@pytest.mark.parametrize("statistic", [kappa, spearman, kendall])
def test_sequences_must_pair(statistic: Correlation) -> None:
    with pytest.raises(ValueError):
        statistic([1, 0, 1], [1, 0])


@pytest.mark.parametrize("correlation", [spearman, kendall])
def test_what_does_not_pair_is_no_constant_side(correlation: Correlation) -> None:
    with pytest.raises(ValueError, match="cannot pair 3 values with 2"):
        correlation([1, 1, 1], [1, 0])


def test_rows_of_ratings_must_be_of_one_length() -> None:
    with pytest.raises(ValueError):
        alpha([[1, 0], [1]], level="nominal")
    with pytest.raises(ValueError):
        icc([[1, 0], [1]])


@pytest.mark.parametrize("statistic", [kappa, spearman, kendall])
@given(PAIRS)
def test_two_raters_are_symmetric_and_bounded(statistic: Correlation, pairs: list[tuple[float, float]]) -> None:
    first, second = [one for one, _ in pairs], [other for _, other in pairs]
    found = statistic(first, second)

    if found is None:
        assert min(len(set(first)), len(set(second))) < 2
    else:
        assert -1 - 1e-9 <= found <= 1 + 1e-9
        assert statistic(second, first) == pytest.approx(found)
        assert statistic(first[::-1], second[::-1]) == pytest.approx(found)


@given(st.lists(QUARTERS, min_size=2, max_size=20).filter(lambda values: len(set(values)) > 1))
def test_perfect_agreement_is_one(values: list[float]) -> None:
    found = [statistic(values, values) for statistic in (kappa, spearman, kendall)]

    assert found == pytest.approx([1, 1, 1])
    assert icc([[value, value] for value in values]) == pytest.approx(1)
    assert alpha([values, values], level="nominal") == alpha([values, values], level="interval") == pytest.approx(1)


@given(PAIRS, st.permutations(range(5)))
def test_categories_may_be_renamed(pairs: list[tuple[float, float]], renamed: list[int]) -> None:
    first, second = ([renamed[round(4 * pair[side])] for pair in pairs] for side in (0, 1))

    assert kappa(first, second) == pytest.approx(kappa([one for one, _ in pairs], [other for _, other in pairs]))
    assert alpha([first, second], level="nominal") == pytest.approx(
        alpha(list(zip(*pairs, strict=True)), level="nominal")
    )


@given(HOLED, st.sampled_from(LEVELS))
def test_alpha_is_at_most_one_and_knows_no_order_of_raters_or_things(
    ratings: list[list[float | None]], level: Level
) -> None:
    found = alpha(ratings, level=level)

    assert found is None or found <= 1
    assert alpha([row[::-1] for row in ratings[::-1]], level=level) == pytest.approx(found)


@given(TABLES, st.sampled_from([0.25, 3]), st.sampled_from([-1, 0.5]))
def test_icc_is_at_most_one_and_knows_no_order_unit_or_origin(
    ratings: list[list[float]], unit: float, origin: float
) -> None:
    found = icc(ratings)

    assert found is None or found <= 1 + 1e-9
    assert icc([row[::-1] for row in ratings[::-1]]) == pytest.approx(found)
    assert icc([[unit * value + origin for value in row] for row in ratings]) == pytest.approx(found)


def test_icc_counts_a_rater_who_is_milder_throughout_as_disagreement() -> None:
    harsh, mild = [0.0, 0.25, 0.5], [0.5, 0.75, 1.0]

    assert spearman(harsh, mild) == pytest.approx(1)
    # MSR = 1/8, MSC = 3/8, MSE = 0
    assert icc(list(zip(harsh, mild, strict=True))) == pytest.approx((1 / 8) / (1 / 8 + 2 * 3 / 8 / 3))


def effects(difficulty: float, quality: float, mood: float) -> list[Repeated]:
    """Every sample there can be where each effect is added or taken away, so that its variance is its square."""
    return [
        ((question + first + one, question + second + two), (question + first + one, question + first + again))
        for question, first, second, one, two, again in product(
            *([-size, size] for size in (difficulty, quality, quality, mood, mood, mood))
        )
    ]


def test_the_components_of_all_samples_there_can_be_are_those_they_were_made_of() -> None:
    found = split_variance(effects(difficulty=0.5, quality=0.25, mood=0.125))

    assert found is not None
    assert (found.judge, found.model, found.truncated) == (1 / 64, 1 / 16, False)
    # 64 samples are all there are, of which the unbiased variance is 64/63 of theirs
    within = 1 / 16 + 1 / 64
    assert found.sample == pytest.approx(64 / 63 * (1 / 4 + within / 2) - within / 2)
    assert (found.samples, found.repeats) == (64, 2)


@pytest.mark.parametrize(
    ("quality", "mood", "model", "judge"), [(0.25, 0, 1 / 16, 0), (0, 0.25, 0, 1 / 16), (0, 0, 0, 0)]
)
def test_a_source_that_is_not_there_has_no_variance(quality: float, mood: float, model: float, judge: float) -> None:
    found = split_variance(effects(0.5, quality, mood))

    assert found is not None
    assert (found.model, found.judge, found.truncated) == (model, judge, False)


def test_what_comes_out_below_zero_is_zero_and_said_to_be() -> None:
    steady = ((0.5, 0.5), (0.5, 1.0))
    found = split_variance([steady, steady])

    assert found is not None
    assert (found.model, found.judge, found.sample, found.truncated) == (0, 1 / 8, 0, True)
    wavering = ((0, 1), (0, 0))
    found = split_variance([wavering, wavering])
    assert found is not None
    assert (found.model, found.judge, found.sample, found.truncated) == (1 / 2, 0, 0, True)


@pytest.mark.parametrize("count", [0, 1])
def test_the_variance_of_fewer_than_two_samples_is_unknown(count: int) -> None:
    assert split_variance([((0, 1), (0, 0))] * count) is None


@pytest.mark.parametrize(
    ("answers", "judgements"),
    [((), ()), ((1,), (1,)), ((1, 0), (1,)), ((1, 0, 1), (1, 0, 1)), ((1, 0), (0, 1))],
)
def test_repeats_must_be_whole(answers: tuple[float, ...], judgements: tuple[float, ...]) -> None:
    whole = ((0, 1), (0, 0))

    with pytest.raises(ValueError):
        split_variance([whole, (answers, judgements)])


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=30).filter(
        lambda pairs: len({value for pair in pairs for value in pair}) > 1
    )
)
def test_kappa_is_statsmodels(pairs: list[tuple[int, int]]) -> None:
    first, second = zip(*pairs, strict=True)
    table = [[pairs.count((one, other)) for other in range(4)] for one in range(4)]
    assert kappa(first, second) == pytest.approx(float(cohens_kappa(table, return_results=False)))
