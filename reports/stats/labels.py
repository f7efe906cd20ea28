"""Means of people's ratings, of which only some samples have one, estimated with the help of a judge that rated all.

Prediction-powered inference (Angelopoulos et al. 2023, arXiv 2301.09633), tuned (PPI++, arXiv 2311.01453): the judge's
mean over all samples, plus the mean error of the judge over those that people rated. However wrong the judge is, the
interval is for the mean of people's ratings; the better it is, the shorter.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from reports.stats.inference import Clusters, Interval, Tails, Values, estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """The mean of people's ratings over all samples, estimated from those that have one.

    Attributes:
        mean: the estimate. It may lie outside the range of the ratings, though its interval rarely does.
        error: its standard error, robust to correlation within clusters; infinite below three labelled clusters.
        df: degrees of freedom of the error: labelled clusters less the two parameters that they also fit.
        weight: of the judge, 0 to 1; 0 if it is of no use, and only people's ratings count.
        shift: how much higher the judge's own mean is.
        labelled: the number of samples that people rated.
    """

    mean: float
    error: float
    df: float
    weight: float
    shift: float
    labelled: int

    def interval(self, error: float) -> Interval:
        """Student's interval for the true mean, which misses it with probability `error`."""
        from scipy.special import stdtrit

        half = float(stdtrit(self.df, 1 - error / 2)) * self.error if self.df > 0 else np.inf
        return (self.mean - half, self.mean + half)

    def tails(self, limit: float) -> Tails:
        """The p-values of the one-sided tests against a limit; `interval` inverts them."""
        from scipy.special import stdtr

        if self.df <= 0 or self.error == 0:
            return Tails(above=1.0, below=1.0)
        distance = (self.mean - limit) / self.error
        return Tails(above=float(stdtr(self.df, -distance)), below=float(stdtr(self.df, distance)))


def corrected(judged: Values, rated: Values, inclusion: Values, clusters: Clusters) -> Corrected:
    """The mean of people's ratings, or of their differences between two runs.

    With the judge's values f, people's y, weights w = 1/inclusion of the labelled samples (else 0), whose mean is W,
    and the judge's weight l, a sample's part is

        l f + r + w/W (y - l f - r),    r = the weighted mean of y - l f over labelled samples,

    so that the mean of the parts is the estimate, and their clustered spread its error: that of the samples and that of
    choosing which to label (Hájek's estimator; Särndal, Swensson & Wretman 1992, section 5.7, 6.6). The weight l is the
    one with the least error, between 0 and 1 (arXiv 2311.01453, section 4).

    Args:
        judged: the judge's value of each sample, shape (samples,).
        rated: people's, shape (samples,); nan where there is none.
        inclusion: the probability with which a sample was chosen to be rated, above 0, shape (samples,).
        clusters: the cluster of each sample, shape (samples,).
    """
    known = ~np.isnan(rated)
    labelled = len(np.unique(clusters[known]))
    judges_mean = float(judged.mean())
    if labelled < 3:
        mean = float(np.average(rated[known], weights=1 / inclusion[known])) if labelled else float("nan")
        return Corrected(
            mean=mean, error=np.inf, df=0.0, weight=0.0, shift=judges_mean - mean, labelled=int(known.sum())
        )
    weights = np.where(known, 1 / inclusion, 0.0)
    weights /= weights.mean()
    people = _parts(np.where(known, rated, 0.0), weights)
    judge = judged - judges_mean - _parts(judged, weights) + judges_mean
    sums, slopes = (np.bincount(clusters, part - part.mean()) for part in (people, judge))
    spread = float(slopes @ slopes)
    weight = min(1.0, max(0.0, -float(sums @ slopes) / spread)) if spread > 0 else 0.0
    known_mean = estimate(people + weight * judge, clusters)
    return Corrected(
        mean=known_mean.mean,
        error=sqrt(known_mean.variance * labelled / (labelled - 2)),
        df=labelled - 2.0,
        weight=weight,
        shift=judges_mean - known_mean.mean,
        labelled=int(known.sum()),
    )


def _parts(values: Values, weights: Values) -> Values:
    """Each sample's part in the weighted mean of the labelled samples; `weights` have the mean 1."""
    mean = float((weights * values).mean())
    return mean + weights * (values - mean)
