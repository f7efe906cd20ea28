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


def estimate(values: Values, clusters: Clusters, strata: Clusters | None = None) -> Estimate:
    """The mean of n values, and its cluster-robust variance.

    `clusters` has the cluster of each value. `strata` has its stratum, if values are of several parts whose shares are
    fixed, such as tasks: differences between the parts are then not chance (Cochran 1977, Sampling Techniques, ch. 5).
    Clusters may extend over several strata. A stratum with a single cluster joins the largest one.

    The variance is the bias-reduced linearisation estimator CR2 for the regression on strata: the sum over clusters of
    (Σ s / √(1 - m/M))² / n², with a cluster's m values in a stratum of M, whose residuals from its mean add up to s.
    The degrees of freedom are Satterthwaite's (Bell & McCaffrey 2002, Survey Methodology 28; Pustejovsky & Tipton 2018,
    doi:10.1080/07350015.2016.1247004). For means both have a closed form.
    """
    n, mean = len(values), float(values.mean())
    parts = _parts(clusters, strata)
    counts = np.bincount(parts).astype(float)
    residuals = values - (np.bincount(parts, values) / counts)[parts]
    table, sums = (_table(parts, clusters, weights) for weights in (np.ones(n), residuals))
    there = table.any(axis=0)
    table, sums = table[:, there], sums[:, there].round(DUST)
    sizes = table.sum(axis=0)
    units = n * n / float((sizes * sizes).sum())
    if len(sizes) < 2:
        return Estimate(mean=mean, variance=0.0, df=0.0, units=units)
    share = 1 - table / counts[:, None]
    variance = float(((sums / np.sqrt(share)).sum(axis=0) ** 2).sum()) / n**2
    cross = table / np.sqrt(share * counts[:, None])
    shared = float(((cross @ cross.T) ** 2).sum() - ((cross * cross).sum(axis=0) ** 2).sum())
    df = n**2 / (float((sizes * sizes).sum()) + shared)
    if variance == 0 and mean in (0.0, 1.0):
        units = max(units, _units_but_for_one(sizes))
    return Estimate(mean=mean, variance=variance, df=df, units=units)


def _parts(clusters: Clusters, strata: Clusters | None) -> Clusters:
    """The strata as numbers from 0 on; those of a single cluster join the one of most clusters (collapsed strata)."""
    if strata is None or not len(strata):
        return np.zeros(len(clusters), dtype=np.intp)
    codes = np.unique(strata, return_inverse=True)[1]
    of = (_table(codes, clusters, np.ones(len(codes))) > 0).sum(axis=1)
    return np.unique(np.where((of == 1)[codes], of.argmax(), codes), return_inverse=True)[1]


def _table(parts: Clusters, clusters: Clusters, weights: Values) -> Values:
    """The sums of weights by stratum and cluster."""
    shape = int(parts.max()) + 1, int(clusters.max()) + 1
    return np.asarray(np.bincount(parts * shape[1] + clusters, weights, shape[0] * shape[1]), float).reshape(shape)


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


def score_interval(
    values: Values, clusters: Clusters, error: float = ERROR, strata: Clusters | None = None
) -> Interval:
    """The interval for the true mean of a score between 0 and 1, which misses it with probability `error`.

    Wilson's interval (1927, doi:10.1080/01621459.1927.10502953) for the effective number of samples, with Student's t
    in place of the normal quantile (Dean & Pagano 2015, doi:10.1093/jssam/smv024, compare such intervals).
    """
    return _wilson(estimate(values, clusters, strata), error)


def _wilson(known: Estimate, error: float) -> Interval:
    if not known.df:
        return (0.0, 1.0)
    n, t2 = _effective(known), _quantile(known.df, 1 - error / 2) ** 2
    centre = (known.mean + t2 / (2 * n)) / (1 + t2 / n)
    half = sqrt(t2 * (known.mean * (1 - known.mean) / n + t2 / (4 * n * n))) / (1 + t2 / n)
    return (max(0.0, centre - half), min(1.0, centre + half))


def mean_interval(values: Values, clusters: Clusters, error: float = ERROR, strata: Clusters | None = None) -> Interval:
    """The interval, by Student's t, for a true mean from 0 to 1 of values that may lie outside; misses as above.

    Equal values, as in a run without a mistake, have no spread but are no proof: their interval is `score_bounds`.
    """
    known = estimate(values, clusters, strata)
    return score_bounds(values, clusters, error / 2, strata) if known.variance == 0 else _student(known, error, 0.0)


def _student(known: Estimate, error: float, lowest: float) -> Interval:
    """Student's interval, cut off at `lowest` and 1."""
    if not known.df:
        return (lowest, 1.0)
    half = _quantile(known.df, 1 - error / 2) * sqrt(known.variance)
    return (max(lowest, known.mean - half), min(1.0, known.mean + half))


def mean_test(values: Values, clusters: Clusters, limit: float, strata: Clusters | None = None) -> Tails:
    """Tests whether the true mean is above or below the limit; `mean_interval` inverts this test."""
    known = estimate(values, clusters, strata)
    if known.variance == 0:
        return score_test(values, clusters, limit, strata)
    return _tails(known.mean - limit, sqrt(known.variance), known.df)


def score_bounds(values: Values, clusters: Clusters, level: float, strata: Clusters | None = None) -> Interval:
    """Bounds for a true mean from 0 to 1; each fails with probability `level`, also for few samples or near 0 or 1.

    Near the ends Wilson's interval fails more often on one side. So each bound is the wider one of Wilson's and of
    Clopper and Pearson's (1934, doi:10.1093/biomet/26.4.404) for the effective number of samples (Korn & Graubard 1998,
    Survey Methodology 24).
    """
    from scipy.special import betaincinv

    known = estimate(values, clusters, strata)
    low, high = _wilson(known, 2 * level)
    if not known.df:
        return (low, high)
    n = _effective(known)
    right = known.mean * n
    exact_low = float(betaincinv(right, n - right + 1, level)) if right > 0 else 0.0
    exact_high = float(betaincinv(right + 1, n - right, 1 - level)) if right < n else 1.0
    return (min(low, exact_low), max(high, exact_high))


def score_test(values: Values, clusters: Clusters, limit: float, strata: Clusters | None = None) -> Tails:
    """Tests whether the true mean of a score is above or below the limit; `score_bounds` inverts these tests."""
    from scipy.special import betainc

    known = estimate(values, clusters, strata)
    if not known.df:
        return Tails(above=1.0, below=1.0)
    n = _effective(known)
    right = known.mean * n
    wilson = _tails(known.mean - limit, sqrt(max(0.0, limit * (1 - limit)) / n), known.df)
    above = float(betainc(right, n - right + 1, limit)) if right > 0 else 1.0
    below = 1 - float(betainc(right + 1, n - right, limit)) if right < n else 1.0
    return Tails(above=max(wilson.above, above), below=max(wilson.below, below))


def difference_interval(
    values: Values, clusters: Clusters, error: float = ERROR, strata: Clusters | None = None
) -> Interval:
    """The interval for the true mean of paired differences from -1 to 1, which misses it with probability `error`.

    Each bound is where `difference_test` just rejects.
    """
    from scipy.optimize import brentq

    low, high = _student(_adjusted(values, clusters, strata), error, -1.0)
    pairs = _pairs(values, clusters, strata)
    if pairs is None:
        return (low, high)
    mean = pairs.better - pairs.worse
    if mean > low > -1:
        low = min(low, float(brentq(lambda limit: _tango(pairs, limit).above - error / 2, -1, mean, xtol=1e-12)))
    if mean < high < 1:
        high = max(high, float(brentq(lambda limit: _tango(pairs, limit).below - error / 2, mean, 1, xtol=1e-12)))
    return (low, high)


def difference_test(values: Values, clusters: Clusters, limit: float, strata: Clusters | None = None) -> Tails:
    """Tests whether the true mean difference is above or below the limit; `difference_interval` inverts this test.

    Two tests, of which the larger p-value counts. The first is Student's, with a pair that improved by 1 and a pair
    that got worse by 1 added, as Bonett & Price do for proportions (2012, doi:10.3102/1076998611411915): runs that
    hardly differ must not seem equal for certain. It errs too often if nearly all changes are for the worse; then the
    second, Tango's score test, is the stricter one.
    """
    known = _adjusted(values, clusters, strata)
    student = _tails(known.mean - limit, sqrt(known.variance), known.df)
    pairs = _pairs(values, clusters, strata)
    if pairs is None:
        return student
    score = _tango(pairs, limit)
    return Tails(above=max(student.above, score.above), below=max(student.below, score.below))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """How many pairs differ, for Tango's test.

    Attributes:
        better: the sum of the positive differences, as a share of all pairs.
        worse: that of the negative ones, without their sign.
        count: the number of independent pairs, each better or worse by 1 or equal, that would be as precise.
        df: degrees of freedom of the variance.
    """

    better: float
    worse: float
    count: float
    df: float


def _pairs(values: Values, clusters: Clusters, strata: Clusters | None) -> Pairs | None:
    """None where Tango's test is not for such differences: beyond -1 and 1, or of a single cluster."""
    known = estimate(values, clusters, strata)
    if not known.df or np.abs(values).max() > 1:
        return None
    better, worse = float(values.clip(0).mean()), float(-values.clip(max=0).mean())
    spread = better + worse - (better - worse) ** 2
    count = spread / known.variance * (1 + 1 / known.df) if known.variance > 0 else known.units
    return Pairs(better=better, worse=worse, count=count, df=known.df)


def _tango(pairs: Pairs, limit: float) -> Tails:
    """Tango's score test of a difference of paired proportions (1998, Statistics in Medicine 17:891-908).

    Its standard error is the one if the limit were true: √((2q + d(1-d)) / n) for a limit d and n pairs, where q is the
    most likely share of pairs that got worse, the larger root of 2q² + Bq + C = 0 with B = (2 - b + c)d - b - c and
    C = -cd(1-d), for the shares b and c that got better and worse. For clustered pairs n is the effective number, and
    Student's t replaces the normal distribution, as in `score_interval`.
    """
    first = (2 - pairs.better + pairs.worse) * limit - pairs.better - pairs.worse
    last = -pairs.worse * limit * (1 - limit)
    worse = (sqrt(max(0.0, first * first - 8 * last)) - first) / 4
    spread = max(0.0, 2 * worse + limit * (1 - limit))
    return _tails(pairs.better - pairs.worse - limit, sqrt(spread / pairs.count), pairs.df)


def _tails(distance: float, scale: float, df: float) -> Tails:
    """The p-values of a mean that lies `distance` above the limit and has the standard error `scale`."""
    from scipy.special import stdtr

    if not df or distance == 0 == scale:
        return Tails(above=1.0, below=1.0)
    if scale == 0:  # the limit is 0 or 1, and one sample beyond it disproves it
        return Tails(above=float(distance < 0), below=float(distance > 0))
    return Tails(above=float(stdtr(df, -distance / scale)), below=float(stdtr(df, distance / scale)))


def _adjusted(values: Values, clusters: Clusters, strata: Clusters | None) -> Estimate:
    """The estimate with Bonett and Price's two added pairs, in the largest stratum."""
    known = estimate(values, clusters, strata)
    if not known.df:
        return known
    two = clusters.max() + np.array([1, 2])
    if strata is not None:
        strata = np.append(strata, np.full(2, np.bincount(strata).argmax()))
    return estimate(np.append(values, [1.0, -1.0]), np.append(clusters, two), strata)


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
