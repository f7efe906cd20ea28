"""The number of samples that a verdict needs, before any are paid for."""

from dataclasses import dataclass
from math import ceil, sqrt

from benchmark.errors import RunError
from benchmark.suite import OVERALL
from evaluators.metrics.metric import Measure
from reports.gate.gate import Criterion
from reports.gate.verdict import tally
from reports.kept.past import PastRun
from reports.stats.inference import estimate

CHANGED = 0.2
"""The share of samples that change between right and wrong between two releases, if no better estimate is known."""

POWER = 0.8
SHARES = (0.05, 0.1, 0.2, 0.3, 0.4)
"""Shares of answers that change, from two versions of one model to two different models."""


def samples_needed(margin: float, variance: float, *, error: float, power: float = POWER, effect: float = 1.0) -> int:
    """The number of samples that show, with probability `power`, that a true value exceeds a limit `margin` below it.

    n = effect · variance · ((z(1-error) + z(power)) / margin)², for a one-sided test (Chow, Shao & Wang 2008, Sample
    Size Calculations in Clinical Research, ch. 3); `effect` is the design effect of clustering, Kish's 1 + (m-1)·ρ.
    """
    return ceil(effect * variance * _quantiles(error, power) ** 2 / margin**2)


def margin_shown(samples: int, variance: float, *, error: float) -> float:
    """How far a true value must be above a limit for that many samples to show it with a power of `POWER`."""
    return _quantiles(error, POWER) * sqrt(variance / samples)


def _quantiles(error: float, power: float) -> float:
    from scipy.special import ndtri  # slow to import

    return float(ndtri(1 - error) + ndtri(power))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pilot:
    """How much scores change from run to run, measured on two runs.

    Attributes:
        samples: the number of samples with a score in both.
        variance: the variance of a sample's difference.
        effect: the design effect, the factor by which clustering increases the variance of the mean.
    """

    samples: int
    variance: float
    effect: float


def pilot_of(first: PastRun, second: PastRun, measure: Measure, place: str = OVERALL) -> Pilot:
    """How much that score changes between the runs; `place` is one of several suites.

    Raises:
        RunError: the runs have fewer than two recordings in common.
    """
    criterion = Criterion(kind="gain", place=place, measure=measure, limit=0.0)
    ours = tally(criterion, list(second.records.values()), first.records)
    at = ours.scored
    known = estimate(ours.value[at], ours.clusters[at], ours.strata[at]) if len(at) else None
    if known is None or not known.df:
        raise RunError(
            f"{first.path} and {second.path} have too few samples in common; use two runs on the same samples."
        )
    variance = float(ours.value[at].var(ddof=1))
    return Pilot(samples=len(at), variance=variance, effect=known.variance * len(at) / variance if variance else 1.0)
