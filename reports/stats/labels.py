"""Means of people's ratings, of which only some samples have one, estimated with the help of a judge that rated all.

Prediction-powered inference (Angelopoulos et al. 2023, arXiv 2301.09633), tuned (PPI++, arXiv 2311.01453): the judge's
mean over all samples, plus the mean error of the judge over those that people rated. However wrong the judge is, the
interval is for the mean of people's ratings; the better it is, the shorter.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from reports.stats.inference import Clusters, Interval, Tails, Values, estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """The mean of people's ratings over all samples, estimated from those that have one.

    Attributes:
        mean: the estimate, within the range of the ratings.
        error: its standard error, robust to correlation within clusters.
        df: degrees of freedom of the error: labelled clusters less the two parameters that they also fit.
        weight: of the judge, 0 to 1; 0 if it is of no use, and only people's ratings count.
        shift: how much higher the judge's own mean is.
        labelled: the number of samples that people rated.
        clusters: the number of their clusters.
        lowest: the lowest mean that there can be: 0 for a score, -1 for a difference; the highest is 1.
    """

    mean: float
    error: float
    df: float
    weight: float
    shift: float
    labelled: int
    clusters: int
    lowest: float

    def interval(self, error: float) -> Interval:
        """Student's interval for the true mean, which misses it with probability `error`."""
        from scipy.special import stdtrit

        half = float(stdtrit(self.df, 1 - error / 2)) * self.error
        return (max(self.lowest, self.mean - half), min(1.0, self.mean + half))

    def tails(self, limit: float) -> Tails:
        """The p-values of the one-sided tests against a limit; `interval` inverts them."""
        from scipy.special import stdtr

        distance = (self.mean - limit) / self.error
        return Tails(above=float(stdtr(self.df, -distance)), below=float(stdtr(self.df, distance)))


def corrected(
    judged: Values,
    rated: Values,
    inclusion: Values,
    clusters: Clusters,
    lowest: float = 0.0,
    certain: NDArray[np.bool_] | None = None,
) -> Corrected | None:
    """The mean of people's ratings, or of their differences between two runs; None below three labelled clusters.

    With the judge's values f, people's y, weights w = 1/inclusion of the labelled samples (else 0), whose mean is W,
    and the judge's weight l, a sample's part is

        l f + r + w/W (y - l f - r),    r = the weighted mean of y - l f over labelled samples,

    so that the mean of the parts is the estimate, and their clustered spread its error: that of the samples and that of
    choosing which to label (Hájek's estimator; Särndal, Swensson & Wretman 1992, sections 5.7, 6.6). The weight l is
    the one with the least error, between 0 and 1 (arXiv 2311.01453, section 4). Two labelled samples that lie as far
    apart as possible are added to the variance, as Bonett & Price do (2012, doi:10.3102/1076998611411915): a few
    samples on which judge and people agree are no proof.

    Args:
        judged: the judge's value of each sample, shape (samples,).
        rated: people's, shape (samples,); nan where there is none.
        inclusion: the probability with which a sample was chosen to be rated, above 0, shape (samples,).
        clusters: the cluster of each sample, shape (samples,).
        lowest: the lowest value that there can be: 0 for scores, -1 for differences; the highest is 1.
        certain: which values of `rated` are known without asking people, shape (samples,): those of equal answers do
            not differ. They are parts as they are, and no labels.
    """
    asked = np.ones(len(rated), dtype=bool) if certain is None else ~certain
    known = asked & ~np.isnan(rated)
    labelled, groups = int(known.sum()), len(np.unique(clusters[known]))
    if groups < 3:
        return None
    weights = np.where(known, 1 / inclusion, 0.0)
    weights /= weights[asked].mean()
    people = np.where(asked, _parts(np.where(known, rated, 0.0), weights, asked), rated)
    judge = np.where(asked, judged - _parts(judged, weights, asked), 0.0)
    sums, slopes = (np.bincount(clusters, part - part.mean()) for part in (people, judge))
    spread = float(slopes @ slopes)
    weight = min(1.0, max(0.0, -float(sums @ slopes) / spread)) if spread > 0 else 0.0
    found = estimate(people + weight * judge, clusters)
    apart = (1 - lowest) ** 2 / 2 / (labelled + 2) ** 2
    mean = min(1.0, max(lowest, found.mean))
    return Corrected(
        mean=mean,
        error=sqrt(found.variance * groups / (groups - 2) + apart),
        df=groups - 2.0,
        weight=weight,
        shift=float(judged.mean()) - mean,
        labelled=labelled,
        clusters=groups,
        lowest=lowest,
    )


def _parts(values: Values, weights: Values, asked: NDArray[np.bool_]) -> Values:
    """Each sample's part in the weighted mean of the labelled samples; `weights` have the mean 1 over those `asked`."""
    mean = float((weights * values)[asked].mean())
    return mean + weights * (values - mean)
