"""`--labels`: people's ratings, for the commands that show scores."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from benchmark.errors import RunError
from benchmark.options import parts_of
from benchmark.suite import suite_of
from evaluators.measures import measures_of
from reports.commands.parser import Parser
from reports.figures.labels import LEAST, Labels, corrected_score, labels_of
from reports.figures.ratings import Sheet, read_sheets
from reports.kept.past import PastRun
from reports.kept.record import Record
from reports.tables.labels import label_notes, label_rows
from reports.tables.table import as_text


def add_labels(command: Parser) -> None:
    """Declares the option."""
    command.add_argument(
        "--labels",
        default="",
        metavar="FILES",
        help="CSV files of people's ratings, comma-separated: also show the scores that people would give",
    )


def labels_in(files: Sequence[str], run: PastRun) -> tuple[Sheet, Labels]:
    """The files as one sheet, and what it says of the run.

    Raises:
        RunError: a file cannot be used, or has no rating of this run.
    """
    suite = suite_of(run.report.provenance)
    metrics = measures_of(suite).metrics
    if not any("judge" in metric.roles for metric in metrics.values()):
        raise RunError(f"--labels: no judge rates the answers to {suite.title}, so there is nothing to correct.")
    sheet = read_sheets([Path(file) for file in files], run.report.run)

    def remade(record: Record) -> Mapping[str, Fraction | None]:
        return metrics[record.task].remade(record, several=suite.tasks[record.task].several)

    return sheet, labels_of(sheet, run.records.values(), remade)


def lines_by_people(files: str, run: PastRun) -> list[str]:
    """The scores of a run as people would give them, as a table and sentences; no lines without files.

    Raises:
        RunError: as for `labels_in`; or too few samples are rated.
    """
    if not files:
        return []
    sheet, labels = labels_in(parts_of(files), run)
    records = list(run.records.values())
    found = [
        (measure, place, estimate)
        for whole, suite in suite_of(run.report.provenance).places.items()
        for place in (*suite.tasks, whole)
        for measure in measures_of(suite).by_name.values()
        if measures_of(suite).has(place, measure.name)
        and (estimate := corrected_score(measure, place, records, labels)) is not None
    ]
    if not found:
        raise RunError(
            f"{sheet.path} rates too few samples to estimate a score; rate those of {LEAST} or more recordings."
        )
    return ["", *as_text(label_rows(found)), "", *label_notes(sheet, (labels,), found)]
