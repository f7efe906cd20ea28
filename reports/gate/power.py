"""How many samples a verdict needs, said before they are paid for."""

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

from benchmark.errors import RunError
from benchmark.suite import OVERALL
from evaluators.metrics.metric import Measure
from reports.gate.gate import Criterion
from reports.gate.verdict import tally
from reports.kept.past import PastRun
from reports.stats.inference import estimate

CHANGED = 0.2
"""How many samples change from right to wrong or back between two releases, where nothing better is known."""

POWER = 0.8
SHARES = (0.05, 0.1, 0.2, 0.3, 0.4)
"""Of answers that change: from two versions of one model to two models."""


def samples_needed(margin: float, variance: float, *, error: float, power: float = POWER, effect: float = 1.0) -> int:
    """How many samples tell with that power that a true value lies above a limit, `margin` below it.

    n = effect · variance · ((z(1-error) + z(power)) / margin)², for a one-sided test (Chow, Shao & Wang 2008, Sample
    Size Calculations in Clinical Research, ch. 3); `effect` is the design effect of clustering, Kish's 1 + (m-1)·ρ.
    """
    return ceil(effect * variance * _quantiles(error, power) ** 2 / margin**2)


def margin_shown(samples: int, variance: float, *, error: float, power: float = POWER) -> float:
    """By how much a true value must lie above a limit for so many samples to show it with that power."""
    return _quantiles(error, power) * sqrt(variance / samples)


def _quantiles(error: float, power: float) -> float:
    from scipy.special import ndtri  # slow to import

    return float(ndtri(1 - error) + ndtri(power))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pilot:
    """What two runs show of how much scores change from run to run.

    Attributes:
        samples: scored in both.
        variance: of a sample's difference.
        effect: the design effect: by how much clustering makes the mean's variance larger.
    """

    samples: int
    variance: float
    effect: float


def pilot_of(first: PastRun, second: PastRun, measure: Measure) -> Pilot:
    """What the runs show.

    Raises:
        RunError: they have fewer than two recordings in common.
    """
    criterion = Criterion(kind="gain", place=OVERALL, measure=measure, limit=0.0)
    ours = tally(criterion, list(second.records.values()), first.records)
    at = np.flatnonzero(ours.member & ~np.isnan(ours.value))
    known = estimate(ours.value[at], ours.clusters[at]) if len(at) else None
    if known is None or not known.df:
        raise RunError(f"{first.path} and {second.path} have too few samples in common to tell how much scores change.")
    variance = float(ours.value[at].var(ddof=1))
    return Pilot(samples=len(at), variance=variance, effect=known.variance * len(at) / variance if variance else 1.0)
