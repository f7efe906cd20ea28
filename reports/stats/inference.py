"""Statistics of scores from samples that are not independent: clustered by the recording that a clip was cut from.

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
"""A 95 % interval misses the true score so often."""

DUST = 9
"""Sums of residuals are rounded to so many places: what is left of 0 by floating point is no variance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean and how well it is known.

    Attributes:
        mean: over all samples, each weighing the same.
        variance: of the mean, robust to correlation within clusters.
        df: degrees of freedom of the variance; 0 where there is but one cluster, and nothing is known of the variance.
        units: effective number of samples where all values are equal, and nothing tells how alike a cluster's are.
    """

    mean: float
    variance: float
    df: float
    units: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tails:
    """Two one-sided tests against a limit.

    Attributes:
        above: the p-value of "the true value is at most the limit": small where it is shown to be above.
        below: the p-value of "the true value is at least the limit": small where it is shown to be below.
    """

    above: float
    below: float


def cluster_codes(names: Iterable[str]) -> Clusters:
    """Names of clusters as numbers from 0 on."""
    return np.unique(list(names), return_inverse=True)[1]


def estimate(values: Values, clusters: Clusters) -> Estimate:
    """The mean of n values in G clusters of sizes m, with its cluster-robust variance.

    The variance is the bias-reduced linearisation estimator CR2, Σ s² / (1 - m/n) / n² where s is the sum of a
    cluster's residuals; its degrees of freedom are Satterthwaite's (Bell & McCaffrey 2002, Survey Methodology 28;
    Pustejovsky & Tipton 2018, doi:10.1080/07350015.2016.1247004), both in closed form for a mean.
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
    """The effective number if one sample, of the largest cluster, were otherwise: a perfect run must not tell less."""
    n = float(sizes.sum())
    sums = -sizes / n
    sums[sizes.argmax()] += 1
    return (n - 1) / float((sums * sums / (1 - sizes / n)).sum())


def _effective(known: Estimate) -> float:
    """How many independent samples would know the mean as well (Kish 1965, Survey Sampling).

    The variance of n that are right or wrong is estimated by p(1-p) / (n-1) where they are independent, with df = n-1.
    Where all values are equal it says nothing, and each cluster counts as one sample.
    """
    spread = known.mean * (1 - known.mean)
    return spread / known.variance * (1 + 1 / known.df) if known.variance > 0 else known.units


def score_interval(values: Values, clusters: Clusters, error: float = ERROR) -> Interval:
    """Where the true mean of a score between 0 and 1 lies, except with probability `error`.

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
    """Where the true mean of values that need not lie between 0 and 1 lies, by Student's t; cut at 0 and 1."""
    known = estimate(values, clusters)
    if not known.df:
        return (0.0, 1.0)
    half = _quantile(known.df, 1 - error / 2) * sqrt(known.variance)
    return (max(0.0, known.mean - half), min(1.0, known.mean + half))


def mean_test(values: Values, clusters: Clusters, limit: float) -> Tails:
    """Whether such a mean is above or below the limit, by the test that `mean_interval` inverts."""
    known = estimate(values, clusters)
    return _tails(known.mean - limit, sqrt(known.variance), known.df)


def score_bounds(values: Values, clusters: Clusters, level: float) -> Interval:
    """Bounds of which each holds except with probability `level`, also for few samples and scores near 0 or 1.

    Wider than Wilson's interval, which errs to one side near the ends: the further of its bounds and of Clopper and
    Pearson's (1934, doi:10.1093/biomet/26.4.404) for the effective number of samples (Korn & Graubard 1998, Survey
    Methodology 24).
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
    """Whether the true mean of a score is above or below the limit, by the tests that `score_bounds` inverts."""
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
    """Where the true mean of paired differences between -1 and 1 lies, except with probability `error`.

    One pair is added that got better by 1 and one that got worse by 1, as Bonett & Price do for proportions
    (2012, doi:10.3102/1076998611411915): pairs that hardly differ must not make an interval of no width.
    """
    known = _adjusted(values, clusters)
    if not known.df:
        return (-1.0, 1.0)
    half = _quantile(known.df, 1 - error / 2) * sqrt(known.variance)
    return (max(-1.0, known.mean - half), min(1.0, known.mean + half))


def difference_test(values: Values, clusters: Clusters, limit: float) -> Tails:
    """Whether the true mean difference is above or below the limit, by the test that `difference_interval` inverts."""
    known = _adjusted(values, clusters)
    return _tails(known.mean - limit, sqrt(known.variance), known.df)


def _tails(distance: float, scale: float, df: float) -> Tails:
    if not df or distance == 0 == scale:
        return Tails(above=1.0, below=1.0)
    if scale == 0:  # a limit of 0 or 1, which one sample on its one side disproves
        return Tails(above=float(distance < 0), below=float(distance > 0))
    return Tails(above=_probability(df, -distance / scale), below=_probability(df, distance / scale))


def _adjusted(values: Values, clusters: Clusters) -> Estimate:
    known = estimate(values, clusters)
    if not known.df:
        return known
    two = clusters.max() + np.array([1, 2])
    return estimate(np.append(values, [1.0, -1.0]), np.append(clusters, two))


def macro_interval(values: Values, clusters: Clusters, groups: Clusters, error: float = ERROR) -> Interval:
    """Where the true mean of the groups' means lies: each group weighs the same, clusters may reach across groups.

    The variance is by Taylor linearisation with the factor G/(G-1) for G clusters, the squares of a group of n scaled
    by n/(n-1) (Cochran 1977, Sampling Techniques, ch. 5); the degrees of freedom are Welch and Satterthwaite's over the
    groups, G-1 at most; the interval is as that of a score. A group of one sample says nothing of its variance, and so
    nothing is known.
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
    """Student's t below which that share lies."""
    from scipy.special import stdtrit  # slow to import, and needed when the samples are done

    return float(stdtrit(df, share))


def _probability(df: float, value: float) -> float:
    """How much of Student's t lies below the value."""
    from scipy.special import stdtr

    return float(stdtr(df, value))


def mean(values: Iterable[float | None]) -> float | None:
    """The mean; None where there is no value, or where one of them is unknown."""
    known = list(values)
    if not known or None in known:
        return None
    return fsum(value for value in known if value is not None) / len(known)
