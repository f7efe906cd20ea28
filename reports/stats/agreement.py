"""Agreement between raters, and the share of each source of chance in the variance of scores.

scipy and krippendorff are imported where they are used: they are slow to import, and most commands need neither.
"""

from collections import Counter
from collections.abc import Hashable, Sequence
from fractions import Fraction
from statistics import mean, variance
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

ROUNDING = 1e-24
"""A mean square below this share of the largest square is 0 with a rounding error."""


def alpha(ratings: Sequence[Sequence[float | None]], *, level: Literal["nominal", "interval"]) -> float | None:
    """Krippendorff's alpha, 1 at most (Krippendorff 2019, Content Analysis, 4th ed., ch. 12).

    Args:
        ratings: a row per rater, a column per rated object; None where a rater gave no rating.
        level: whether ratings are categories (nominal) or numbers whose distance counts (interval).

    Returns:
        None if undefined: no object has two ratings, or all ratings of those that have are equal, which shows neither
        agreement beyond chance nor a lack of it.

    Raises:
        ValueError: the rows differ in length.
    """
    import krippendorff

    columns = [column for column in zip(*ratings, strict=True) if sum(value is not None for value in column) > 1]
    if len({value for column in columns for value in column if value is not None}) < 2:
        return None
    table = [[float("nan") if value is None else float(value) for value in row] for row in zip(*columns, strict=True)]
    return float(krippendorff.alpha(table, level_of_measurement=level))


def kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """Cohen's kappa of two raters' categories, -1 to 1 (Cohen 1960, doi:10.1177/001316446002000104).

    Equal values are one category, and 2/3 does not equal 0.67: pass exact fractions. Every run needs kappa, and the
    import of statsmodels, which has it too, takes 0.8 s and 120 MB; the tests compare the two.

    Returns:
        None if undefined: there are no ratings, or both raters use the same single category.

    Raises:
        ValueError: the sequences differ in length.
    """
    pairs = list(zip(first, second, strict=True))
    if len({*first, *second}) < 2:
        return None
    ours, theirs = Counter(first), Counter(second)
    chance = sum(ours[category] * theirs[category] for category in ours) / len(pairs) ** 2
    return (sum(one == other for one, other in pairs) / len(pairs) - chance) / (1 - chance)


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation, -1 to 1; ties share their mean rank (Spearman 1904, doi:10.2307/1412159).

    Returns:
        None if undefined: a sequence is constant or empty.

    Raises:
        ValueError: the sequences differ in length.
    """
    # every run's page needs it, and importing scipy.stats takes longer than writing the page
    return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1]) if _both_vary(first, second) else None


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """The ranks from 1 on; equal values share the mean of their ranks."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (counts.cumsum() - (counts - 1) / 2)[place]
    return ranks


def kendall(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Kendall's tau-b, -1 to 1 (Kendall 1945, doi:10.1093/biomet/33.3.239).

    Returns:
        None if undefined: a sequence is constant or empty.

    Raises:
        ValueError: the sequences differ in length.
    """
    from scipy.stats import kendalltau

    return float(kendalltau(first, second).statistic) if _both_vary(first, second) else None


def _both_vary(first: Sequence[float], second: Sequence[float]) -> bool:
    if len(first) != len(second):
        raise ValueError(f"cannot pair {len(first)} values with {len(second)}; pass sequences of equal length.")
    return len(set(first)) > 1 and len(set(second)) > 1


def icc(ratings: Sequence[Sequence[float]]) -> float | None:
    """The intraclass correlation ICC(2,1): two-way random effects, absolute agreement, a single rater; 1 at most.

    (MSR - MSE) / (MSR + (k-1) MSE + k (MSC - MSE) / n) for n objects and k raters (Shrout & Fleiss 1979,
    doi:10.1037/0033-2909.86.2.420; ICC(A,1) of McGraw & Wong 1996, doi:10.1037/1082-989X.1.1.30).

    Args:
        ratings: a row per rated object, a column per rater, none missing.

    Returns:
        None if undefined: there are fewer than two objects or raters, or the ratings do not vary.

    Raises:
        ValueError: the rows differ in length.
    """
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


class Variances(BaseModel):
    """The components of the variance of one sample's score, answered once and judged once; scores are 0 to 1.

    Attributes:
        model: between the model's answers to the same question.
        judge: between ratings of the same answer.
        sample: between questions, some of which are harder than others.
        samples: the number of repeated samples.
        repeats: the number K of answers, and of judgements, per sample.
        truncated: whether an estimate was below 0 and was set to 0; by chance this happens if the true value is small.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: float
    judge: float
    sample: float
    samples: int
    repeats: int
    truncated: bool


Repeated: TypeAlias = tuple[Sequence[float], Sequence[float]]
"""One sample: the scores of K answers, each judged once, and of K judgements of the first answer, which is in both."""


def split_variance(scores: Sequence[Repeated]) -> Variances | None:
    """The variance components by the method of moments.

    Judge: the mean over samples of the variance within judgements. Model: the variance within answers, less the
    judge's. Sample: the variance of the answers' means, less 1/K of the variance within answers. All are unbiased
    before they are truncated at 0 (ANOVA estimator of Searle, Casella & McCulloch 1992, Variance Components, ch. 3).

    Returns:
        None if there are fewer than two samples.

    Raises:
        ValueError: the numbers of answers and judgements are not all equal and at least 2, or a sample's first answer
            and first judgement have different scores.
    """
    for answers, judgements in scores:
        _check(answers, judgements, len(scores[0][0]))
    if len(scores) < 2:
        return None
    # exact, so that a difference of 0 is 0 and not a rounding error that counts as truncated
    by_answer, by_judgement = ([list(map(Fraction, row)) for row in rows] for rows in zip(*scores, strict=True))
    within, judge = mean(map(variance, by_answer)), mean(map(variance, by_judgement))
    model, sample = within - judge, variance(map(mean, by_answer)) - within / len(by_answer[0])
    return Variances(
        model=max(float(model), 0.0),
        judge=float(judge),
        sample=max(float(sample), 0.0),
        samples=len(scores),
        repeats=len(by_answer[0]),
        truncated=model < 0 or sample < 0,
    )


def _check(answers: Sequence[float], judgements: Sequence[float], repeats: int) -> None:
    if repeats < 2 or not len(answers) == len(judgements) == repeats:
        found = f"{len(answers)} answers and {len(judgements)} judgements"
        raise ValueError(f"A sample has {found}; every sample needs the same number of each, at least 2.")
    if answers[0] != judgements[0]:
        raise ValueError("The first judgement must have the first answer's score; pass judgements of the first answer.")
