"""Statistics of scores whose samples are not independent: they are clustered by the recording that a clip comes from.

`docs/statistics.md` explains the choices and shows how often the intervals hold.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import fsum, sqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = NDArray[np.float64]
Clusters: TypeAlias = NDArray[np.intp]
Interval: TypeAlias = tuple[float, float]

ERROR = 0.05
"""How often a 95 % interval misses the true score."""

DUST = 9
"""Decimal places to which sums of residuals are rounded, so that rounding errors do not count as variance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean and its precision.

    Attributes:
        mean: over all samples, with equal weights.
        variance: of the mean, robust to correlation within clusters.
        df: degrees of freedom of the variance; 0 if there is only one cluster, and the variance is unknown.
        units: effective number of samples if all values are equal, so that the correlation in clusters is unknown.
    """

    mean: float
    variance: float
    df: float
    units: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tails:
    """Two one-sided tests against a limit.

    Attributes:
        above: the p-value of "the true value is at most the limit"; small if it is shown to be above.
        below: the p-value of "the true value is at least the limit"; small if it is shown to be below.
    """

    above: float
    below: float


def cluster_codes(names: Iterable[str]) -> Clusters:
    """The clusters' names as numbers from 0 on, in the same order."""
    return np.unique(list(names), return_inverse=True)[1]


def estimate(values: Values, clusters: Clusters) -> Estimate:
    """The mean of n values, and its cluster-robust variance.

    `clusters` has the cluster of each value. The variance is the bias-reduced linearisation estimator CR2, the sum of
    s² / (1 - m/n) / n² over clusters of m values whose residuals add up to s. The degrees of freedom are
    Satterthwaite's (Bell & McCaffrey 2002, Survey Methodology 28; Pustejovsky & Tipton 2018,
    doi:10.1080/07350015.2016.1247004). For a mean both have a closed form.
    """
    n, mean = len(values), float(values.mean())
    sizes = np.bincount(clusters).astype(float)
    sums = np.bincount(clusters, values - mean).round(DUST)
    sums, sizes = sums[sizes > 0], sizes[sizes > 0]
    units = n * n / float((sizes * sizes).sum())
    if len(sizes) < 2:
        return Estimate(mean=mean, variance=0.0, df=0.0, units=units)
    share = 1 - sizes / n
    variance = float((sums * sums / share).sum()) / n**2
    own, cross = sizes / n**2, sizes * sizes / share / n**2
    shared = float(cross.sum() ** 2 - (cross * cross).sum()) / n**2
    df = float(own.sum()) ** 2 / (float((own * own).sum()) + shared)
    if variance == 0 and mean in (0.0, 1.0):
        units = max(units, _units_but_for_one(sizes))
    return Estimate(mean=mean, variance=variance, df=df, units=units)


def _units_but_for_one(sizes: Values) -> float:
    """The effective number if one sample of the largest cluster had another value: a perfect run must not show less."""
    n = float(sizes.sum())
    sums = -sizes / n
    sums[sizes.argmax()] += 1
    return (n - 1) / float((sums * sums / (1 - sizes / n)).sum())


def _effective(known: Estimate) -> float:
    """The number of independent samples that would give the same precision (Kish 1965, Survey Sampling).

    With n independent samples, each right or wrong, the estimated variance is p(1-p) / (n-1), and df = n-1. If all
    values are equal, the variance says nothing, and `units` is used.
    """
    spread = known.mean * (1 - known.mean)
    return spread / known.variance * (1 + 1 / known.df) if known.variance > 0 else known.units


def score_interval(values: Values, clusters: Clusters, error: float = ERROR) -> Interval:
    """The interval for the true mean of a score between 0 and 1, which misses it with probability `error`.

    Wilson's interval (1927, doi:10.1080/01621459.1927.10502953) for the effective number of samples, with Student's t
    in place of the normal quantile (Dean & Pagano 2015, doi:10.1093/jssam/smv024, compare such intervals).
    """
    return _wilson(estimate(values, clusters), error)


def _wilson(known: Estimate, error: float) -> Interval:
    if not known.df:
        return (0.0, 1.0)
    n, t2 = _effective(known), _quantile(known.df, 1 - error / 2) ** 2
    centre = (known.mean + t2 / (2 * n)) / (1 + t2 / n)
    half = sqrt(t2 * (known.mean * (1 - known.mean) / n + t2 / (4 * n * n))) / (1 + t2 / n)
    return (max(0.0, centre - half), min(1.0, centre + half))


def mean_interval(values: Values, clusters: Clusters, error: float = ERROR) -> Interval:
    """The interval, by Student's t, for a true mean from 0 to 1 of values that may lie outside; misses as above.

    Equal values, as in a run without a mistake, have no spread but are no proof: their interval is `score_bounds`.
    """
    known = estimate(values, clusters)
    return score_bounds(values, clusters, error / 2) if known.variance == 0 else _student(known, error, 0.0)


def _student(known: Estimate, error: float, lowest: float) -> Interval:
    """Student's interval, cut off at `lowest` and 1."""
    if not known.df:
        return (lowest, 1.0)
    half = _quantile(known.df, 1 - error / 2) * sqrt(known.variance)
    return (max(lowest, known.mean - half), min(1.0, known.mean + half))


def mean_test(values: Values, clusters: Clusters, limit: float) -> Tails:
    """Tests whether the true mean is above or below the limit; `mean_interval` inverts this test."""
    known = estimate(values, clusters)
    if known.variance == 0:
        return score_test(values, clusters, limit)
    return _tails(known.mean - limit, sqrt(known.variance), known.df)


def score_bounds(values: Values, clusters: Clusters, level: float) -> Interval:
    """Bounds for a true mean from 0 to 1; each fails with probability `level`, also for few samples or near 0 or 1.

    Near the ends Wilson's interval fails more often on one side. So each bound is the wider one of Wilson's and of
    Clopper and Pearson's (1934, doi:10.1093/biomet/26.4.404) for the effective number of samples (Korn & Graubard 1998,
    Survey Methodology 24).
    """
    from scipy.special import betaincinv

    known = estimate(values, clusters)
    low, high = _wilson(known, 2 * level)
    if not known.df:
        return (low, high)
    n = _effective(known)
    right = known.mean * n
    exact_low = float(betaincinv(right, n - right + 1, level)) if right > 0 else 0.0
    exact_high = float(betaincinv(right + 1, n - right, 1 - level)) if right < n else 1.0
    return (min(low, exact_low), max(high, exact_high))


def score_test(values: Values, clusters: Clusters, limit: float) -> Tails:
    """Tests whether the true mean of a score is above or below the limit; `score_bounds` inverts these tests."""
    from scipy.special import betainc

    known = estimate(values, clusters)
    if not known.df:
        return Tails(above=1.0, below=1.0)
    n = _effective(known)
    right = known.mean * n
    wilson = _tails(known.mean - limit, sqrt(max(0.0, limit * (1 - limit)) / n), known.df)
    above = float(betainc(right, n - right + 1, limit)) if right > 0 else 1.0
    below = 1 - float(betainc(right + 1, n - right, limit)) if right < n else 1.0
    return Tails(above=max(wilson.above, above), below=max(wilson.below, below))


def difference_interval(values: Values, clusters: Clusters, error: float = ERROR) -> Interval:
    """The interval for the true mean of paired differences from -1 to 1, which misses it with probability `error`.

    A pair that improved by 1 and a pair that got worse by 1 are added, as Bonett & Price do for proportions (2012,
    doi:10.3102/1076998611411915): the interval must keep some width even if no pair differs.
    """
    return _student(_adjusted(values, clusters), error, -1.0)


def difference_test(values: Values, clusters: Clusters, limit: float) -> Tails:
    """Tests whether the true mean difference is above or below the limit; `difference_interval` inverts this test."""
    known = _adjusted(values, clusters)
    return _tails(known.mean - limit, sqrt(known.variance), known.df)


def _tails(distance: float, scale: float, df: float) -> Tails:
    """The p-values of a mean that lies `distance` above the limit and has the standard error `scale`."""
    from scipy.special import stdtr

    if not df or distance == 0 == scale:
        return Tails(above=1.0, below=1.0)
    if scale == 0:  # the limit is 0 or 1, and one sample beyond it disproves it
        return Tails(above=float(distance < 0), below=float(distance > 0))
    return Tails(above=float(stdtr(df, -distance / scale)), below=float(stdtr(df, distance / scale)))


def _adjusted(values: Values, clusters: Clusters) -> Estimate:
    """The estimate with Bonett and Price's two added pairs."""
    known = estimate(values, clusters)
    if not known.df:
        return known
    two = clusters.max() + np.array([1, 2])
    return estimate(np.append(values, [1.0, -1.0]), np.append(clusters, two))


def macro_interval(values: Values, clusters: Clusters, groups: Clusters, error: float = ERROR) -> Interval:
    """The interval for the mean of the groups' true means, with equal weights; misses it with probability `error`.

    `groups` has the group of each value; clusters may extend over several groups. The variance is by Taylor
    linearisation with the factor G/(G-1) for G clusters, the squares of a group of n scaled by n/(n-1) (Cochran 1977,
    Sampling Techniques, ch. 5). The degrees of freedom are Welch and Satterthwaite's over the groups, at most G-1. The
    interval has the form of `score_interval`, and is (0, 1) if a group has only one sample: its variance is unknown.
    """
    counts = np.bincount(groups)
    if counts.min() < 2:
        return (0.0, 1.0)
    means = np.bincount(groups, values) / counts
    weights = 1 / (counts[groups] * len(counts))
    inside = np.bincount(clusters) > 0
    residuals = weights * (values - means[groups]) * np.sqrt(counts / (counts - 1))[groups]
    sums = np.bincount(clusters, residuals)[inside].round(DUST)
    shares, count = np.bincount(clusters, weights)[inside], len(sums)
    variance = count / (count - 1) * float((sums * sums).sum()) if count > 1 else 0.0
    parts = np.bincount(groups, residuals * residuals)
    spread = float((parts * parts / (counts - 1)).sum())
    df = min(count - 1.0, float(parts.sum()) ** 2 / spread) if spread > 0 else count - 1.0
    units = 1 / float((shares * shares).sum())
    return _wilson(Estimate(mean=float(means.mean()), variance=variance, df=df, units=units), error)


def _quantile(df: float, share: float) -> float:
    """The quantile of Student's t below which that share lies."""
    from scipy.special import stdtrit  # slow to import, and not needed before the samples are done

    return float(stdtrit(df, share))


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of the values; None if there are none, or if one of them is None (unknown)."""
    known = list(values)
    if not known or None in known:
        return None
    return fsum(value for value in known if value is not None) / len(known)
