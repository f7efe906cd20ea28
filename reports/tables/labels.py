"""Scores by people beside the judge's, as tables and sentences."""

from collections.abc import Iterator, Sequence

from evaluators.metrics.metric import Measure
from reports.figures.choosing import Worth
from reports.figures.labels import FEW, LEAST, Labels
from reports.figures.ratings import Sheet
from reports.stats.inference import ERROR
from reports.stats.labels import Corrected
from reports.wording import percent

Found = Sequence[tuple[Measure, str, Corrected]]
"""The estimates, each with its measure and place."""


def worth_rows(worth: Sequence[Worth]) -> list[tuple[str, ...]]:
    """Headings, then a row for each number of labels; in points."""
    head = ("Samples rated", "Standard error", "Clear of a limit by")
    return [head, *((str(one.labels), f"{100 * one.error:.1f}", f"{100 * one.margin:.1f}") for one in worth)]


def label_rows(found: Found) -> list[tuple[str, ...]]:
    """Headings, then a row for each score; in percent."""
    head = ("Score", "Task", "Rated", "By the judge", "By people", "95 %", "Judge too high by")
    rows = [
        (*_named(one), percent(one[2].mean + one[2].shift), percent(one[2].mean), *_interval(one[2], "{:.1f}"))
        for one in found
    ]
    return [head, *((*row, f"{100 * one[2].shift:+.1f}") for row, one in zip(rows, found, strict=True))]


def label_difference_rows(found: Found) -> list[tuple[str, ...]]:
    """Headings, then a row for each difference, second less first; in points."""
    head = ("Score", "Task", "Rated pairs", "By the judge", "By people", "95 %", "Judge's bias")
    rows = [(*_named(one), f"{100 * (one[2].mean + one[2].shift):+.1f}", f"{100 * one[2].mean:+.1f}") for one in found]
    return [
        head,
        *(
            (*row, *_interval(one[2], "{:+.1f}"), f"{100 * one[2].shift:+.1f}")
            for row, one in zip(rows, found, strict=True)
        ),
    ]


def _named(one: tuple[Measure, str, Corrected]) -> tuple[str, str, str]:
    measure, place, estimate = one
    return measure.title, place, str(estimate.labelled)


def _interval(estimate: Corrected, form: str) -> tuple[str]:
    low, high = (form.format(100 * bound) for bound in estimate.interval(ERROR))
    return (f"{low} – {high}",)


def label_notes(sheet: Sheet, labels: Sequence[Labels], found: Found) -> Iterator[str]:
    """Sentences to print below a table."""
    yield (
        "By people: the score that people would give if they rated every sample, estimated from those that they rated"
        " (prediction-powered inference, docs/statistics.md)."
    )
    if found and (least := min(estimate.clusters for _, _, estimate in found)) < FEW:
        yield f"With fewer than {FEW} rated recordings (here {least}), the intervals are rough."
    yield f"Tasks of which people rated fewer than {LEAST} recordings are left out."
    if partly := sum(one.partly for one in labels):
        yield f"Samples with ratings of only some of their steps, which do not count: {partly}."
    if sheet.unsure:
        yield f"Ratings of people who could not tell, which do not count: {sheet.unsure}."
    if unknown := sum(one.unknown for one in labels):
        yield f"Samples in {sheet.path} that a run does not have, or has no score for: {unknown}."
