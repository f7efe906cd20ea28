"""Looking at a run while it grows, and stopping it, without more wrong verdicts than one look would give.

A group-sequential design: looks are fixed beforehand, and each spends a part of the error rate that grows with the
samples asked (Lan & DeMets 1983, doi:10.1093/biomet/70.3.659; Jennison & Turnbull 2000, Group Sequential Methods).
"""

from collections.abc import Callable, Sequence
from functools import cache
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray

LOOKS = 20
LEAST = 100
"""Below so many samples no normal approximation is good enough in the tail that an early look uses."""

POWER = 3.0
NODES = 200
FARTHEST = 8.0
"""Standard deviations beyond which nothing lies."""

DRAWS, ENOUGH, FEWEST = 1000, 300, 50


def looks_of(samples: int) -> tuple[int, ...]:
    """After how many samples to look: 20 times evenly, not before 100, and when all are there."""
    steps = {-(-samples * look // LOOKS) for look in range(1, LOOKS + 1)}
    return tuple(sorted({min(samples, max(LEAST, step)) for step in steps}))


@cache
def levels_of(looks: tuple[int, ...], error: float) -> tuple[float, ...]:
    """The one-sided significance level of each look, such that all together err with probability `error` at most.

    Spent up to a share t of the samples is error · t³ (Kim & DeMets 1987, doi:10.1093/biomet/74.1.149): almost as
    thrifty at the start as O'Brien and Fleming's, and at the end nearly all is left. The levels come from the recursive
    integration of Armitage, McPherson & Rowe (1969, doi:10.2307/2343787) for increments that are independent; scores
    of clustered samples correlate more from look to look, which errs less.
    """
    from scipy.special import ndtr  # slow to import, and needed when samples are done

    times = [look / looks[-1] for look in looks]
    spent = [error * time**POWER for time in times]
    levels: list[float] = []
    density: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
    for place, time in enumerate(times):
        step = time - (times[place - 1] if place else 0.0)
        share = spent[place] - (spent[place - 1] if place else 0.0)
        bound = _bound(density, step, time, share)
        levels.append(float(ndtr(-bound / sqrt(time))))
        density = _continued(density, step, time, bound)
    return tuple(levels)


Density = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Where a Brownian motion that has not crossed yet may be, and with which probability, as quadrature nodes."""


def _bound(density: Density | None, step: float, time: float, share: float) -> float:
    """Above which the motion at this look lies with probability `share`."""
    from scipy.optimize import brentq
    from scipy.special import ndtr, ndtri

    if density is None:
        return float(-ndtri(share)) * sqrt(time)
    nodes, weights = density

    def crossed(bound: float) -> float:
        return float(weights @ ndtr((nodes - bound) / sqrt(step))) - share

    return float(brentq(crossed, -FARTHEST, FARTHEST, xtol=1e-12))


def _continued(density: Density | None, step: float, time: float, bound: float) -> Density:
    """The density at this look of those that lie below the bound."""
    low = -FARTHEST * sqrt(time)
    roots, weights = _quadrature()
    nodes = (bound - low) / 2 * roots + (bound + low) / 2
    if density is None:
        values = _normal(nodes, sqrt(time))
    else:
        before, probability = density
        values = _normal(nodes[:, None] - before[None, :], sqrt(step)) @ probability
    return nodes, values * weights * (bound - low) / 2


@cache
def _quadrature() -> Density:
    """The nodes and weights of Gauss and Legendre on [-1, 1]."""
    return np.polynomial.legendre.leggauss(NODES)


def _normal(at: NDArray[np.float64], deviation: float) -> NDArray[np.float64]:
    return np.exp(-0.5 * (at / deviation) ** 2) / (deviation * sqrt(2 * pi))


Order = NDArray[np.intp]


def unbiased(
    strata: Sequence[object],
    looks: Sequence[int],
    settled: Callable[[Order, int], bool],
    measured: Callable[[Order], NDArray[np.float64]],
) -> NDArray[np.float64] | None:
    """What `measured` is, without the optimism of having stopped when it looked good; None where that cannot be said.

    Samples come in an order that is random within strata. What the first look measures is unbiased, whatever stopped
    the run later; so is its mean over all orders of the same samples that would not have stopped the run earlier
    (Rao-Blackwell; Emerson & Fleming 1990, doi:10.1093/biomet/77.4.875, and Liu & Hall 1999,
    doi:10.1093/biomet/86.1.71, for a normal mean). The orders are drawn: the result is a Monte Carlo mean, seeded.

    Args:
        strata: of each sample asked so far, in the order asked.
        looks: after how many samples was looked, up to the look that stopped the run.
        settled: whether a look at these samples, the n-th look, would have stopped the run.
        measured: some figures of some samples.
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
    columns, known = np.array(found), ~np.isnan(found)  # a figure that a first look lacks is known from the others
    counts = known.sum(axis=0)
    return np.where(counts > 0, np.where(known, columns, 0.0).sum(axis=0) / np.maximum(counts, 1), np.nan)
