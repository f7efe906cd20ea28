"""How many samples a verdict needs, said before they are paid for."""

from math import ceil, sqrt

from scipy.special import ndtri

from reports.trial import Trial

CHANGED = 0.2
"""How many samples change from right to wrong or back between two releases, where nothing better is known."""

POWER = 0.8
SPREAD = 0.25
"""The largest variance that a score between 0 and 1 can have: half of the samples right, half wrong."""


def samples_needed(margin: float, variance: float, *, error: float, power: float = POWER, effect: float = 1.0) -> int:
    """How many samples tell with that power that a true value lies above a limit, `margin` below it.

    n = effect · variance · ((z(1-error) + z(power)) / margin)², for a one-sided test (Chow, Shao & Wang 2008, Sample
    Size Calculations in Clinical Research, ch. 3); `effect` is the design effect of clustering, Kish's 1 + (m-1)·ρ.
    """
    return ceil(effect * variance * float(ndtri(1 - error) + ndtri(power)) ** 2 / margin**2)


def margin_shown(samples: int, variance: float, *, error: float, power: float = POWER) -> float:
    """By how much a true value must lie above a limit for so many samples to show it with that power."""
    return float(ndtri(1 - error) + ndtri(power)) * sqrt(variance / samples)


def forecasts(trial: Trial) -> list[str]:
    """What a reader must know of a gate that is likely not to decide, a sentence for each such criterion."""
    error, lines = trial.gate.error_rate, []
    for criterion in trial.criteria:
        count = len(trial.members(criterion))
        if criterion.kind == "drop" and margin_shown(count, CHANGED, error=error) > -criterion.limit:
            needed = samples_needed(-criterion.limit, CHANGED, error=error)
            lines.append(
                f'likely INCONCLUSIVE: {count} samples are few to show "{criterion}"; where nothing has changed, and one '
                f"answer in five differs, {needed} show it with a probability of {POWER:.0%}"
            )
    return lines
