"""How well a judge rates anchors, whose true ratings are known, and whether its ratings have changed."""

import time
from collections.abc import Iterable, Sequence

from benchmark.accounts.snapshots import one_for_each
from benchmark.usage import Usage
from evaluators.judge.check import ATTACKS, Checked
from evaluators.judge.rating import Ratings
from reports.kept.record import spent_of
from reports.kept.report import ASPECTS, SPELT, Health, JudgeHealth, Rate
from reports.wording import percent

NOTHING = "no usable reply"


def health_of(judge: str, checked: Sequence[Checked], needed: JudgeHealth, *, short: bool) -> Health:
    """The result of a judge's check, now; `needed` are the limits that it must reach, `short` says which anchors."""
    kinds = dict.fromkeys(one.anchor.kind for one in checked)
    return Health(
        judge=judge,
        checked=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        short=short,
        sensitivity=_rate(one.right_of(0) for one in checked),
        specificity=_rate(one.right_of(1) for one in checked),
        labels=_rate((one.last_right, 1) for one in checked),
        resistance=_rate((one.resisted, 1) for one in checked if one.anchor.kind in ATTACKS),
        kinds={kind: _rate((one.resisted, 1) for one in checked if one.anchor.kind == kind) for kind in kinds},
        ratings={one.anchor.id: _written(one.ratings) for one in checked},
        needed=needed,
        usage=spent_of(_who_rated(checked) or judge, sum((one.usage for one in checked), Usage())),
    )


def _who_rated(checked: Sequence[Checked]) -> str | None:
    """The model that gave the ratings, as its provider names it; None if unknown, or if there were several."""
    models = one_for_each(one.model for one in checked if one.model)
    return models[0] if len(models) == 1 else None


def cost_of(check: Health | None) -> float | None:
    """The cost of a check in USD: 0 if it sent no request, None if unknown."""
    return check.usage.cost_usd if check is not None and check.usage.requests else 0.0


def _rate(counts: Iterable[tuple[int, int]]) -> Rate:
    """The sum of pairs "right, of how many", with Wilson's interval."""
    from scipy.stats import binomtest

    right, of = map(sum, zip((0, 0), *counts, strict=True))
    if not of:
        return Rate(right=0, of=0, low=0.0, high=1.0)
    interval = binomtest(right, of).proportion_ci(method="wilson")
    return Rate(right=right, of=of, low=float(interval.low), high=float(interval.high))


def _written(ratings: Ratings | None) -> str:
    if ratings is None:
        return NOTHING
    return " ".join(str(rating.value) for rating in (*ratings.reasoning, ratings.recognition))


def shortfalls(health: Health) -> list[str]:
    """The limits that the judge does not reach, a sentence each."""
    return [
        f"The judge's {SPELT.get(name, name)} on anchors is {percent(rate.share)} ({rate.right} of {rate.of}); "
        f"it must be at least {percent(getattr(health.needed, name))}."
        for name in ASPECTS
        if (rate := getattr(health, name)).share is not None and rate.share < getattr(health.needed, name)
    ]


def odds(health: Health, share: float) -> float:
    """How likely a judge that is right in that share of cases is to reach all limits in such a check, 0 to 1.

    The four rates count as independent, each with the binomial distribution of its number of anchors.
    """
    from scipy.stats import binom

    chance = 1.0
    for name in ASPECTS:
        of, needed = getattr(health, name).of, getattr(health.needed, name)
        least = next(right for right in range(of + 1) if not of or right / of >= needed)
        chance *= float(binom.sf(least - 1, of, share))
    return chance


def drift(health: Health, before: Health) -> tuple[list[str], int]:
    """The ids of the anchors that the judge rates differently than before, and how many were in both checks."""
    common = [name for name in health.ratings if name in before.ratings]
    return [name for name in common if health.ratings[name] != before.ratings[name]], len(common)
