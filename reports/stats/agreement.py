"""How far raters agree, and how much of the scores' variance each source of chance makes up.

scipy and krippendorff are imported where they are used: they are slow to import, and most commands need neither.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import mean, variance
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

ROUNDING = 1e-24
"""A mean square below this share of the largest square is what is left of 0 after rounding."""


def alpha(ratings: Sequence[Sequence[float | None]], *, level: Literal["nominal", "interval"]) -> float | None:
    """Krippendorff's alpha, 1 at most (Krippendorff 2019, Content Analysis, 4th ed., ch. 12).

    Args:
        ratings: a row per rater, a column per rated thing; None is not rated.
        level: whether values only differ (nominal) or differ by so much (interval).

    Returns:
        None where it is undefined: nothing is rated by two, or all ratings of such things are equal. Raters who all say
        the same of everything show no agreement beyond chance, nor a lack of it.

    Raises:
        ValueError: the rows are not of one length.
    """
    import krippendorff

    columns = [column for column in zip(*ratings, strict=True) if sum(value is not None for value in column) > 1]
    if len({value for column in columns for value in column if value is not None}) < 2:
        return None
    table = [[float("nan") if value is None else float(value) for value in row] for row in zip(*columns, strict=True)]
    return float(krippendorff.alpha(table, level_of_measurement=level))


def kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """Cohen's kappa of two raters' categories, -1 to 1 (Cohen 1960, doi:10.1177/001316446002000104).

    Equal values are one category, and 2/3 is no 0.67: give exact fractions. Every run needs it, and statsmodels, which
    has it too, would take each 0.8 s and 120 MB to import; the tests hold one against the other.

    Returns:
        None where it is undefined: nothing is rated, or both raters know one category alone.

    Raises:
        ValueError: one rated more things than the other.
    """
    pairs = list(zip(first, second, strict=True))
    if len({*first, *second}) < 2:
        return None
    ours, theirs = Counter(first), Counter(second)
    chance = sum(ours[category] * theirs[category] for category in ours) / len(pairs) ** 2
    return (sum(one == other for one, other in pairs) / len(pairs) - chance) / (1 - chance)


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation, ties sharing their mean rank, -1 to 1 (Spearman 1904, doi:10.2307/1412159).

    Returns:
        None where it is undefined: one side is constant, or empty.

    Raises:
        ValueError: the sequences are not of one length.
    """
    # each run's page needs it, and scipy.stats takes longer to import than the page to write
    return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1]) if _both_vary(first, second) else None


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """From 1 on; equal values share the mean of their ranks."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (counts.cumsum() - (counts - 1) / 2)[place]
    return ranks


def kendall(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Kendall's tau-b, -1 to 1 (Kendall 1945, doi:10.1093/biomet/33.3.239).

    Returns:
        None where it is undefined: one side is constant, or empty.

    Raises:
        ValueError: the sequences are not of one length.
    """
    from scipy.stats import kendalltau

    return float(kendalltau(first, second).statistic) if _both_vary(first, second) else None


def _both_vary(first: Sequence[float], second: Sequence[float]) -> bool:
    if len(first) != len(second):
        raise ValueError(f"{len(first)} values do not pair with {len(second)}.")
    return len(set(first)) > 1 and len(set(second)) > 1


def icc(ratings: Sequence[Sequence[float]]) -> float | None:
    """The intraclass correlation ICC(2,1): two-way random effects, absolute agreement, a single rater; 1 at most.

    (MSR - MSE) / (MSR + (k-1) MSE + k (MSC - MSE) / n) for n things and k raters (Shrout & Fleiss 1979,
    doi:10.1037/0033-2909.86.2.420; ICC(A,1) of McGraw & Wong 1996, doi:10.1037/1082-989X.1.1.30).

    Args:
        ratings: a row per rated thing, a column per rater; complete.

    Returns:
        None where it is undefined: fewer than two things or raters, or no variance that it could be a share of.

    Raises:
        ValueError: the rows are not of one length.
    """
    import numpy as np

    table = np.array(ratings, dtype=float)
    if table.ndim != 2 or min(table.shape) < 2:
        return None
    (n, k), grand = table.shape, table.mean()
    rows, columns = table.mean(axis=1) - grand, table.mean(axis=0) - grand
    rest = table - grand - rows[:, None] - columns
    msr, msc = k * (rows**2).sum() / (n - 1), n * (columns**2).sum() / (k - 1)
    mse = (rest**2).sum() / ((n - 1) * (k - 1))
    whole = msr + (k - 1) * mse + k * (msc - mse) / n
    return float((msr - mse) / whole) if whole > ROUNDING * (table**2).max() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """One sample, answered and judged K times; scores are fractions.

    Attributes:
        answers: the score of each of K answers, each judged once.
        judgements: the scores of K judgements of the first answer, of which the first is that in `answers`.
    """

    answers: tuple[float, ...]
    judgements: tuple[float, ...]


class Variances(BaseModel):
    """What the variance of one sample's score, answered once and judged once, is made up of; squares of fractions.

    Attributes:
        model: answers of the model to the same question that differ in quality.
        judge: ratings of the same answer that differ.
        sample: questions that are harder than others.
        samples: how many were repeated.
        repeats: how many answers and judgements of each, K.
        truncated: whether one came out below 0 and is given as 0, as chance makes it where the true one is small.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: float
    judge: float
    sample: float
    samples: int
    repeats: int
    truncated: bool


def split_variance(scores: Sequence[Repeats]) -> Variances | None:
    """The variance components by the method of moments.

    Judge: the mean over samples of the variance within judgements. Model: that within answers, less the judge's.
    Sample: the variance of the answers' means, less 1/K of that within answers. All are unbiased before they are cut
    off at 0: the ANOVA estimator of Searle, Casella & McCulloch 1992, Variance Components, ch. 3.

    Returns:
        None where there are fewer than two samples, whose variance nothing tells.

    Raises:
        ValueError: a sample has fewer than two answers or judgements, more of one than of the other or than another
            sample, or a first answer whose score is not the first judgement.
    """
    for repeated in scores:
        _check(repeated, len(scores[0].answers))
    if len(scores) < 2:
        return None
    # exact, so that a difference that is 0 comes out as 0 and not as truncated dust
    answers = [[Fraction(score) for score in repeated.answers] for repeated in scores]
    judgements = [[Fraction(score) for score in repeated.judgements] for repeated in scores]
    within, judge = mean(map(variance, answers)), mean(map(variance, judgements))
    model, sample = within - judge, variance(map(mean, answers)) - within / len(answers[0])
    return Variances(
        model=max(float(model), 0.0),
        judge=float(judge),
        sample=max(float(sample), 0.0),
        samples=len(scores),
        repeats=len(answers[0]),
        truncated=model < 0 or sample < 0,
    )


def _check(repeated: Repeats, repeats: int) -> None:
    if repeats < 2 or not len(repeated.answers) == len(repeated.judgements) == repeats:
        found = f"{len(repeated.answers)} answers and {len(repeated.judgements)} judgements"
        raise ValueError(f"A sample has {found}; all need as many of each, two or more.")
    if repeated.answers[0] != repeated.judgements[0]:
        raise ValueError("The judgements are not of the first answer: its score is not the first of them.")
