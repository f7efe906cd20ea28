"""Interim looks at a run that may stop it early, with no more wrong verdicts than a single look at its end.

A group-sequential design: looks are fixed beforehand, and each spends a part of the error rate that grows with the
number of samples (Lan & DeMets 1983, doi:10.1093/biomet/70.3.659; Jennison & Turnbull 2000, Group Sequential Methods).
"""

from collections.abc import Callable, Sequence
from functools import cache
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray

LOOKS = 20
LEAST = 100
"""Fewest samples at a look: with fewer, the normal approximation is poor in the tail that an early look uses."""

POWER = 3.0
NODES = 200
FARTHEST = 8.0
"""Standard deviations beyond which the probability is taken as 0."""

DRAWS, ENOUGH, FEWEST = 1000, 300, 50
"""Orders that `unbiased` draws at most, how many of use are enough, and how many are needed."""


def looks_of(samples: int) -> tuple[int, ...]:
    """The numbers of samples after which to look: 20 evenly spaced looks, none before 100 samples, one at the end."""
    steps = {-(-samples * look // LOOKS) for look in range(1, LOOKS + 1)}
    return tuple(sorted({min(samples, max(LEAST, step)) for step in steps}))


@cache
def levels_of(looks: tuple[int, ...], error: float) -> tuple[float, ...]:
    """The one-sided significance level of each look; together the looks err with probability `error` at most.

    After a share t of the samples, error · t³ is spent (Kim & DeMets 1987, doi:10.1093/biomet/74.1.149): almost as
    little at the start as by O'Brien and Fleming's rule, which leaves nearly all for the end. The levels come from the
    recursive integration of Armitage, McPherson & Rowe (1969, doi:10.2307/2343787), for independent increments. Scores
    of clustered samples correlate more between looks, and err less often.
    """
    from scipy.special import ndtr  # slow to import, and not needed before samples are done

    times = np.array(looks) / looks[-1]
    steps, shares = (np.diff(values, prepend=0.0).tolist() for values in (times, error * times**POWER))
    levels: list[float] = []
    density = np.zeros(1), np.ones(1)
    for time, step, share in zip(times.tolist(), steps, shares, strict=True):
        bound = _bound(density, step, share)
        levels.append(float(ndtr(-bound / sqrt(time))))
        density = _continued(density, step, time, bound)
    return tuple(levels)


def chance_left(p: float, time: float, level: float) -> float:
    """How likely a test is to be significant at the last look if it goes on as it went so far (conditional power).

    With z = Φ⁻¹(1 - p) and z' = Φ⁻¹(1 - level) it is 1 - Φ((z' - z/√time) / √(1 - time)), by the B-value B = z√time and
    its drift B/time (Lan & Wittes 1988, Biometrics 44:579-585).

    Args:
        p: the one-sided p-value at this look.
        time: the share of the samples that were asked, above 0 and below 1.
        level: the one-sided significance level of the last look.
    """
    from scipy.special import ndtr, ndtri

    return float(ndtr((ndtri(level) - ndtri(p) / sqrt(time)) / sqrt(1 - time)))


Density = tuple[NDArray[np.float64], NDArray[np.float64]]
"""The places, as quadrature nodes, of a Brownian motion that has not crossed a bound, and their probabilities."""


def _bound(density: Density, step: float, share: float) -> float:
    """The bound that the motion exceeds at this look with probability `share`."""
    from scipy.optimize import brentq
    from scipy.special import ndtr, ndtri

    nodes, weights = density
    if len(nodes) == 1:  # the start, from which the bound is exact
        return float(-ndtri(share)) * sqrt(step)

    def crossed(bound: float) -> float:
        return float(weights @ ndtr((nodes - bound) / sqrt(step))) - share

    return float(brentq(crossed, -FARTHEST, FARTHEST, xtol=1e-12))


def _continued(density: Density, step: float, time: float, bound: float) -> Density:
    """The density at this look of the motions below the bound."""
    low = -FARTHEST * sqrt(time)
    roots, weights = _quadrature()
    nodes = (bound - low) / 2 * roots + (bound + low) / 2
    before, probability = density
    away, deviation = nodes[:, None] - before[None, :], sqrt(step)
    values = np.exp(-0.5 * (away / deviation) ** 2) / (deviation * sqrt(2 * pi)) @ probability
    return nodes, values * weights * (bound - low) / 2


@cache
def _quadrature() -> Density:
    """The nodes and weights of Gauss-Legendre quadrature on [-1, 1]."""
    return np.polynomial.legendre.leggauss(NODES)


Order = NDArray[np.intp]


def unbiased(
    strata: Sequence[object],
    looks: Sequence[int],
    settled: Callable[[Order, int], bool],
    measured: Callable[[Order], NDArray[np.float64]],
) -> NDArray[np.float64] | None:
    """The figures of `measured`, corrected for having stopped the run when they looked good.

    The order of samples is random within strata. The figures at the first look are unbiased, whatever stopped the run
    later. So is their mean over all orders of the same samples that would not have stopped the run earlier
    (Rao-Blackwell; Emerson & Fleming 1990, doi:10.1093/biomet/77.4.875, and Liu & Hall 1999,
    doi:10.1093/biomet/86.1.71, for a normal mean). A fixed seed draws these orders (Monte Carlo).

    Args:
        strata: the stratum of each sample, in the order asked.
        looks: the numbers of samples at the looks, up to the look that stopped the run.
        settled: whether the look of that index, from 0 on, would have stopped the run with these samples.
        measured: a row of figures of these samples; nan where a figure is unknown.

    Returns:
        A row like that of `measured`; None if too few of the drawn orders would have reached the last look.
    """
    asked = np.arange(looks[-1])
    if len(looks) == 1:
        return measured(asked)
    draw, found = np.random.default_rng(0), []
    codes = np.unique([repr(stratum) for stratum in strata[: looks[-1]]], return_inverse=True)[1]
    places = np.argsort(codes, kind="stable")
    for _ in range(DRAWS):
        order = np.empty_like(asked)
        order[places] = np.lexsort((draw.random(len(asked)), codes))
        if not any(settled(order[:look], place) for place, look in enumerate(looks[:-1])):
            found.append(measured(order[: looks[0]]))
            if len(found) == ENOUGH:
                break
    if len(found) < FEWEST:
        return None
    columns, known = np.array(found), ~np.isnan(found)  # a first look may lack a figure
    counts = known.sum(axis=0)
    return np.where(counts > 0, np.where(known, columns, 0.0).sum(axis=0) / np.maximum(counts, 1), np.nan)
