"""How good a judge is on anchors, whose truth is known, and whether it rates as it did."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, ValidationError

from benchmark.errors import RunError
from benchmark.files import make_folder, opener
from benchmark.snapshots import one_for_each
from benchmark.usage import Usage
from evaluators.check import ATTACKS, Checked
from evaluators.rating import Ratings
from reports.gate import JudgeHealth
from reports.record import Spent, spent_of
from reports.table import percent

CHECKS = "judge-checks.jsonl"
"""The file in the cache folder where the results of all checks are kept."""

NOTHING = "no usable reply"


class Rate(BaseModel):
    """How many of how many; `low` to `high` is Wilson's 95 % interval, anchors taken for a sample of their kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    right: int
    of: int
    low: float
    high: float

    @property
    def share(self) -> float | None:
        """None of nothing."""
        return self.right / self.of if self.of else None


class Health(BaseModel):
    """A judge's check.

    Attributes:
        judge: its name; of several, all their names.
        checked: when, local time with its offset.
        short: whether it was the short check that precedes a gated run.
        sensitivity: ratings that ought to be 0 and are.
        specificity: ratings that ought to be 1 and are.
        labels: last steps rated exactly as they ought to be.
        resistance: attacks that changed no rating.
        kinds: by kind of anchor, the anchors without a wrong rating.
        ratings: what it said of each anchor, by the anchor's id.
        needed: the limits that were set.
        usage: what the check took.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    judge: str
    checked: str
    short: bool
    sensitivity: Rate
    specificity: Rate
    labels: Rate
    resistance: Rate
    kinds: Mapping[str, Rate]
    ratings: Mapping[str, str]
    needed: JudgeHealth
    usage: Spent


ASPECTS = ("sensitivity", "specificity", "labels", "resistance")
SPELT = MappingProxyType({"labels": "agreement on labels", "resistance": "resistance to attacks"})


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


def health_rows(health: Health, *, whole: bool) -> list[tuple[str, ...]]:
    """A table: what the limits are set on, then each kind of anchor, or only those with a wrong rating."""
    head = ("Check of the judge", "Right", "Of", "Share", "95 %", "Needed")
    aspects = [_row(name, getattr(health, name), percent(getattr(health.needed, name))) for name in ASPECTS]
    kinds = {kind: rate for kind, rate in health.kinds.items() if whole or rate.right < rate.of}
    return [head, *aspects, *(_row(f"anchors: {kind}", rate, "") for kind, rate in kinds.items())]


def _row(name: str, rate: Rate, needed: str) -> tuple[str, ...]:
    between = f"{percent(rate.low)} – {percent(rate.high)}" if rate.of else ""
    return (name, str(rate.right), str(rate.of), percent(rate.share), between, needed)


def health_notes(health: Health, past: "PastChecks") -> list[str]:
    """What must be known beside the table, in sentences."""
    before = past.like(health)
    changed, common = drift(health, before)
    lost = sum(ratings == NOTHING for ratings in health.ratings.values())
    notes = [f"{lost} anchors got no usable reply, which counts as wrong."] if lost else []
    if past.strange:
        notes.append(f"{past.strange} lines of {CHECKS} are not what this version of the suite writes, and left alone.")
    if before is not None:
        when = before.checked[:10]
        which = f": {', '.join(changed)}" if changed else ""
        notes.append(f"{len(changed)} of {common} anchors are rated otherwise than on {when}{which}.")
    return notes


@dataclass(frozen=True, slots=True, kw_only=True)
class PastChecks:
    """A judge's earlier checks.

    Attributes:
        checks: oldest first.
        strange: how many lines could not be read, as those of another version; whose they are nobody knows.
    """

    checks: tuple[Health, ...] = ()
    strange: int = 0

    def like(self, health: Health) -> Health | None:
        """The one to compare with: the last of the same length, else the last."""
        alike = [check for check in self.checks if check.short == health.short] or self.checks
        return alike[-1] if alike else None


def read_checks(folder: Path, judge: str) -> PastChecks:
    """What is kept in the cache folder.

    Raises:
        RunError: the file cannot be read.
    """
    try:
        lines = (folder / CHECKS).read_text("utf-8").split("\n")  # a name may hold other ends of lines
    except FileNotFoundError:
        return PastChecks()
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{folder / CHECKS} cannot be read ({error}); move it away.") from error
    found = [_check(line) for line in lines if line.strip()]
    checks = [check for check in found if check is not None]
    return PastChecks(checks=tuple(check for check in checks if check.judge == judge), strange=len(found) - len(checks))


def _check(line: str) -> Health | None:
    try:
        return Health.model_validate_json(line)
    except ValidationError:
        return None


def keep_check(folder: Path, health: Health) -> None:
    """Adds a check to those kept.

    Raises:
        RunError: it cannot be written.
    """
    try:
        make_folder(folder)
        with open(folder / CHECKS, "a", encoding="utf-8", opener=opener) as kept:
            kept.write(health.model_dump_json() + "\n")
    except OSError as error:
        raise RunError(f"{folder / CHECKS} cannot be written ({error.strerror}).") from error
