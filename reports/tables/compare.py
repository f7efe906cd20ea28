"""The comparison of two runs as a table."""

from collections.abc import Sequence

from reports.gate.compare import Difference
from reports.wording import percent


def difference_rows(differences: Sequence[Difference]) -> list[tuple[str, ...]]:
    """Headings, then a row for each difference; scores in percent, differences in points."""
    head = ("Score", "Task", "Samples", "Left out", "First", "Second", "Difference", "95 %", "p")
    return [head, *map(_row, differences)]


def _row(one: Difference) -> tuple[str, ...]:
    low, high = (f"{100 * bound:+.1f}" for bound in one.interval)
    return (
        one.measure.title,
        one.place,
        str(one.samples),
        str(one.left_out),
        percent(one.first),
        percent(one.second),
        f"{100 * (one.second - one.first):+.1f}",
        f"{low} – {high}",
        f"{one.p:.3f}" if one.p >= 0.001 else "<0.001",
    )
