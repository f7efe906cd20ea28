"""How good a judge is on anchors, whose truth is known, and whether it rates as it did."""

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
    """What a check says of a judge of whom so much is needed."""
    attacks = [one for one in checked if one.anchor.kind in ATTACKS]
    kinds = dict.fromkeys(one.anchor.kind for one in checked)
    return Health(
        judge=judge,
        checked=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        short=short,
        sensitivity=_summed(one.errors_found for one in checked),
        specificity=_summed(one.rights_kept for one in checked),
        labels=_rate(sum(one.last_right for one in checked), len(checked)),
        resistance=_rate(sum(one.resisted for one in attacks), len(attacks)),
        kinds={kind: _faultless([one for one in checked if one.anchor.kind == kind]) for kind in kinds},
        ratings={one.anchor.id: _written(one.ratings) for one in checked},
        needed=needed,
        usage=spent_of(_who_rated(checked) or judge, sum((one.usage for one in checked), Usage())),
    )


def _who_rated(checked: Sequence[Checked]) -> str | None:
    """The model that gave the ratings, by its provider's word; None if unknown, or if there were several."""
    models = one_for_each(one.model for one in checked if one.model)
    return models[0] if len(models) == 1 else None


def cost_of(check: Health | None) -> float | None:
    """What a check has cost in USD; nothing where nobody was asked, None where that is not known."""
    return check.usage.cost_usd if check is not None and check.usage.requests else 0.0


def _faultless(checked: Sequence[Checked]) -> Rate:
    return _rate(sum(one.resisted for one in checked), len(checked))


def _summed(parts: Iterable[tuple[int, int]]) -> Rate:
    counts = list(parts)
    return _rate(sum(right for right, _ in counts), sum(of for _, of in counts))


def _rate(right: int, of: int) -> Rate:
    from scipy.stats import binomtest

    if not of:
        return Rate(right=0, of=0, low=0.0, high=1.0)
    interval = binomtest(right, of).proportion_ci(method="wilson")
    return Rate(right=right, of=of, low=float(interval.low), high=float(interval.high))


def _written(ratings: Ratings | None) -> str:
    if ratings is None:
        return NOTHING
    return " ".join(str(rating.value) for rating in (*ratings.reasoning, ratings.recognition))


def shortfalls(health: Health) -> list[str]:
    """Where the judge is not good enough, a sentence each."""
    return [
        f"The judge's {SPELT.get(name, name)} on anchors is {percent(rate.share)} ({rate.right} of {rate.of}), "
        f"{percent(getattr(health.needed, name))} are needed."
        for name in ASPECTS
        if (rate := getattr(health, name)).share is not None and rate.share < getattr(health.needed, name)
    ]


def drift(health: Health, before: Health | None) -> tuple[list[str], int]:
    """The anchors that the judge rates otherwise than before, and how many were in both checks."""
    if before is None:
        return [], 0
    common = [name for name in health.ratings if name in before.ratings]
    return [name for name in common if health.ratings[name] != before.ratings[name]], len(common)
