"""A verdict as a table and sentences."""

from reports.figures.labels import LEAST
from reports.gate.verdict import FEW
from reports.kept.report import COMPARING, Kind, Tested, Verdict
from reports.wording import percent

SHOWN = 8
"""Most verdicts of earlier attempts that a note lists."""


def verdict_rows(verdict: Verdict) -> list[tuple[str, ...]]:
    """Headings, then a row for each criterion, in percent; empty without criteria."""
    head = ("Criterion", "Samples", "Recordings", "Unscored", "Baseline", "Value", "Between", "Shown")
    rows = [head, *(_row(one) for one in verdict.criteria)] if verdict.criteria else []
    if not any(one.rated is not None for one in verdict.criteria):
        return rows
    by_people = [
        ("Rated", "By the judge"),
        *((str(one.rated), signed(one.by_judge, one.kind)) for one in verdict.criteria),
    ]
    return [(*row[:4], *more, *row[4:]) for row, more in zip(rows, by_people, strict=True)]


def _row(one: Tested) -> tuple[str, ...]:
    between = f"{signed(one.low, one.kind)} – {signed(one.high, one.kind)}"
    value, shown = signed(one.value, one.kind), {"met": "holds", "missed": "does not hold", "open": "open"}
    baseline = "" if one.baseline is None else percent(one.baseline)
    recordings = "" if one.recordings is None else str(one.recordings)
    return (one.text, str(one.samples), recordings, str(one.unscored), baseline, value, between, shown[one.status])


def properties_of(verdict: Verdict) -> list[tuple[str, str]]:
    """The names and values of properties for `junit.xml`: one for the verdict's word, and one for each criterion."""
    rows = map(_row, verdict.criteria)
    criteria = [(text, f"{shown}: {value} ({between})") for text, *_, value, between, shown in rows]
    return [("gate", verdict.word), *criteria]


def few_recordings(place: str, count: int) -> str:
    """A warning that a place has samples from so few recordings that its verdict is wrong too often."""
    return (
        f"The samples of {place} come from only {count} recordings; with fewer than {FEW}, and scores near 0 or 100,"
        " verdicts are wrong more often than the error rate says."
    )


def signed(fraction: float | None, kind: Kind) -> str:
    """A score in percent, or a difference in points with its sign; a dash if there is none."""
    if fraction is None or kind not in COMPARING:
        return percent(fraction)
    return f"{100 * fraction:+.1f}"


def verdict_notes(verdict: Verdict) -> list[str]:
    """The reasons of the verdict, then further sentences to print below the table."""
    notes = list(verdict.reasons)
    if any(one.rated is not None for one in verdict.criteria):
        notes.append(
            "Values are what people would find, estimated from the samples that they rated; below"
            f" {LEAST} rated recordings a criterion stays open."
        )
    if verdict.earlier:
        before = ", ".join([*(["…"] if len(verdict.earlier) > SHOWN else []), *verdict.earlier[-SHOWN:]])
        notes.append(
            f"This is attempt {len(verdict.earlier) + 1} of this model at this gate, after {before}; each further"
            " attempt adds to the risk of a wrong PASS."
        )
    if verdict.identical == 1:
        notes.append("All answers are the baseline's, word for word: nothing new has been tested.")
    elif verdict.identical:
        notes.append(f"{verdict.identical:.1%} of the answers are the baseline's, word for word.")
    unpaired = max((one.unpaired for one in verdict.criteria), default=0)
    if unpaired:
        notes.append(f"{unpaired} samples are not in the baseline and were not compared.")
    unreadable = max((one.unreadable for one in verdict.criteria), default=0)
    if unreadable:
        notes.append(f"{unreadable} samples whose clip could be used in neither run were not compared.")
    few = {one.place: one.recordings for one in verdict.criteria if one.recordings is not None and one.samples}
    notes += [few_recordings(place, count) for place, count in few.items() if count < FEW]
    if verdict.differs:
        notes.append(f"The runs differ in {', '.join(verdict.differs)}, as allowed.")
    if (stopping := verdict.stopping) is not None:
        scores = (
            "Overall and task scores are corrected for that, all others are not."
            if stopping.unbiased
            else "Scores are not corrected for that: too few other orders would have stopped here."
        )
        notes.append(
            f"Stopped early, after {stopping.samples} of {stopping.looks[-1]} samples (look {stopping.look} of "
            f"{len(stopping.looks)}). {scores} Bounds hold despite the repeated looks."
            + (f" {stopping.beyond} further samples are recorded but do not count." if stopping.beyond else "")
        )
    return notes
