"""The check of a judge as a table and sentences."""

from reports.figures.health import NOTHING, drift, odds
from reports.kept.checks import CHECKS, PastChecks
from reports.kept.report import ASPECTS, Health, Rate
from reports.wording import percent


def health_rows(health: Health, *, whole: bool) -> list[tuple[str, ...]]:
    """Headings, a row for each limit, then a row for each kind of anchor: if not `whole`, only kinds rated wrongly."""
    head = ("Check of the judge", "Right", "Of", "Share", "95 %", "Needed")
    aspects = [_row(name, getattr(health, name), percent(getattr(health.needed, name))) for name in ASPECTS]
    kinds = {kind: rate for kind, rate in health.kinds.items() if whole or rate.right < rate.of}
    return [head, *aspects, *(_row(f"anchors: {kind}", rate, "") for kind, rate in kinds.items())]


def _row(name: str, rate: Rate, needed: str) -> tuple[str, ...]:
    between = f"{percent(rate.low)} – {percent(rate.high)}" if rate.of else ""
    return (name, str(rate.right), str(rate.of), percent(rate.share), between, needed)


def health_notes(health: Health, past: PastChecks) -> list[str]:
    """Sentences to print below the table; `past` are the judge's earlier checks."""
    lost = sum(ratings == NOTHING for ratings in health.ratings.values())
    notes = [f"{lost} anchors got no usable reply, which counts as wrong."] if lost else []
    if past.strange:
        notes.append(f"{past.strange} lines of {CHECKS} cannot be read by this version of the suite and are ignored.")
    good, poor = (f"{odds(health, share):.0%}" for share in (0.95, 0.75))
    notes.append(
        f"With these limits and so many anchors, a judge that is right 95 % of the time passes with a probability of"
        f" {good}, one that is right 75 % of the time of {poor}."
    )
    if (before := past.like(health)) is not None:
        changed, common = drift(health, before)
        which = f": {', '.join(changed)}" if changed else ""
        notes.append(f"{len(changed)} of {common} anchors are rated differently than on {before.checked[:10]}{which}.")
    return notes
