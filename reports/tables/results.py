"""Writes the results of a run to files, and composes its lines for the terminal; tables are in other modules."""

import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import pytest
from _pytest.junitxml import xml_key

from benchmark.errors import RunError
from benchmark.models.kept_run import REPORT
from reports.kept.folder import DISAGREEMENTS, SUMMARY, RunFolder
from reports.kept.record import Record
from reports.kept.report import Report
from reports.tables.health import health_rows
from reports.tables.scores import counts_of, faults_of, from_cache, notes_of, score_tables
from reports.tables.second_opinion import disagreements_of
from reports.tables.summary import summary_of
from reports.tables.table import as_text
from reports.tables.verdict import properties_of, verdict_notes, verdict_rows

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
"""The environment variable with the path of the file whose Markdown GitHub shows with a job."""


def write_results(folder: RunFolder, report: Report, records: Sequence[Record]) -> None:
    """Writes `report.json`, `summary.md` and, if judge and word list disagree, `disagreements.md`.

    Raises:
        NotKept: the folder cannot be written.
    """
    write_report(folder, report)
    write_summary(folder, report, records)


def write_report(folder: RunFolder, report: Report) -> None:
    """Writes `report.json`.

    Raises:
        NotKept: the folder cannot be written.
    """
    folder.write(REPORT, report.model_copy(update={"run": folder.run}).model_dump_json(indent=1) + "\n")


def write_summary(folder: RunFolder, report: Report, records: Sequence[Record]) -> None:
    """Writes `summary.md` and, if judge and word list disagree, `disagreements.md`.

    Raises:
        NotKept: the folder cannot be written.
    """
    folder.write(SUMMARY, summary_of(report, records))
    if report.agreement is not None and report.agreement.differing:
        folder.write(DISAGREEMENTS, "\n".join(disagreements_of(records)) + "\n")


def tell_junit(report: Report, config: pytest.Config) -> None:
    """Adds the verdict to the junit.xml that pytest writes; a shard has none."""
    if report.gate is not None and (xml := config.stash.get(xml_key, None)) is not None:
        for name, value in properties_of(report.gate):
            xml.add_global_property(name, value)


def tell_github(report: Report, records: Sequence[Record]) -> None:
    """Adds the summary to that of the job, if GitHub runs it.

    Raises:
        RunError: the job's file cannot be written.
    """
    if name := os.environ.get(STEP_SUMMARY):
        try:
            with Path(name).open("a", encoding="utf-8") as summary:
                summary.write(summary_of(report, records) + "\n")
        except OSError as error:
            raise RunError(f"{STEP_SUMMARY} names {name}, which cannot be written ({error.strerror}).") from error


def score_lines(report: Report, records: Sequence[Record]) -> list[str]:
    """The score table of each suite, and the sentences below, for a terminal."""
    notes = [*notes_of(report), *from_cache(records), *faults_of(records), f"{counts_of(records)}."]
    tables = [[*filter(None, [title]), *as_text(rows), ""] for title, rows in score_tables(report).items()]
    return [*chain.from_iterable(tables), *notes]


def gate_lines(report: Report, drift: Sequence[str] = ()) -> Iterator[str]:
    """The check of the judge, the sentences `drift` on earlier checks, and the gate's verdict; no lines without one."""
    if report.gate is None:
        return
    if report.judge_check is not None:
        yield from (*as_text(health_rows(report.judge_check, whole=False)), *drift, "")
    yield from (*as_text(verdict_rows(report.gate)), "", *verdict_notes(report.gate))
