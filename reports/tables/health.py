"""The check of a judge in words."""

from reports.figures.health import NOTHING, drift
from reports.kept.checks import CHECKS, PastChecks
from reports.kept.report import ASPECTS, Health, Rate
from reports.wording import percent


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
