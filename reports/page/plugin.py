"""Adds to pytest-html's page: scores as columns, the score table, and links to the run's own page."""

import os
from collections.abc import Callable, Mapping, MutableSequence
from html import escape
from pathlib import Path
from urllib.parse import quote

import pytest

from evaluators.measures import Measures
from reports.failures import Failures
from reports.kept.folder import PAGE
from reports.kept.record import Record
from reports.kept.report import Report
from reports.tables.summary import as_html
from reports.wording import percent

COLUMNS = ("Task", "Label", "Prediction")
PLACE = 2
"""The index of the first added column: after the result and the name of the case."""


class HtmlRows:
    """The pytest plugin that fills pytest-html's page; right answers are left out, as browsers fail at many rows."""

    def __init__(
        self,
        records: Mapping[str, Record],
        measures: Measures,
        report: Callable[[], Report | None],
        page: str,
        failures: Failures,
        *,
        whole: bool,
    ) -> None:
        """Reads `records`, by id, when pytest-html writes a row, and calls `report` for the figures at the end.

        `page` is the URL of the run's page, relative to pytest-html's; `whole` lists right answers too. What cannot be
        shown is noted in `failures`.
        """
        self._records, self._report, self._page, self._whole = records, report, page, whole
        self._scores = tuple(measures.by_name)
        self._columns = (*COLUMNS, *(measure.title for measure in measures.by_name.values()))
        self._failures = failures
        self._left_out: set[str] = set()

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: MutableSequence[str]) -> None:
        """Adds the headings of our columns."""
        for at, name in enumerate(self._columns):
            cells.insert(PLACE + at, f'<th class="sortable" data-column-type="{name.lower()}">{name}</th>')

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: pytest.TestReport, cells: MutableSequence[str]) -> None:
        """Adds our cells to the row of a case, or removes the row."""
        with self._failures.noted():
            self._fill(report, cells)

    def _fill(self, report: pytest.TestReport, cells: MutableSequence[str]) -> None:
        record = self._records.get(report.nodeid.partition("[")[2].removesuffix("]"))
        if record is not None and record.outcome == "passed" and not (self._whole or report.failed):
            self._left_out.add(record.id)
            cells.clear()
            return
        for at, (name, text) in enumerate(zip(self._columns, self._cells(record), strict=True)):
            cells.insert(PLACE + at, f'<td class="col-{name.lower()}">{escape(text)}</td>')
        if record is not None:
            link = f'<a href="{escape(self._page)}#sample={quote(record.id, safe="")}">frames, steps, ratings</a>'
            cells[-1] = cells[-1].replace("</td>", f"{link}</td>")

    def _cells(self, record: Record | None) -> tuple[str, ...]:
        if record is None:
            return ("",) * len(self._columns)
        last_step = record.prediction.text if record.prediction else ""
        scores = (percent(record.scores.get(name)) for name in self._scores)
        return (record.task, ", ".join(record.targets), ", ".join(record.predicted) or last_step, *scores)

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_summary(self, prefix: list[str], session: pytest.Session) -> None:
        """Puts verdict and scores at the top, and the number of cases that are not listed."""
        with self._failures.noted():
            if (report := self._report()) is None:
                return
            prefix += [*as_html(report), f'<p><a href="{escape(self._page)}">Full report</a></p>']
            if number := len(self._left_out):
                prefix.append(f"<p>{number} right answers are not listed; --html-all lists them.</p>")
                _count_passed(session.config, number)


def _count_passed(config: pytest.Config, number: int) -> None:
    """Adds cases without a row to pytest-html's count of passed ones."""
    for plugin in config.pluginmanager.get_plugins():  # pytest-html's is registered without a name
        outcomes = getattr(getattr(plugin, "_report", None), "outcomes", None)
        if isinstance(outcomes, dict) and "passed" in outcomes:
            outcomes["passed"]["value"] += number


def path_between(theirs: Path, run_dir: Path) -> str:
    """The URL of the page in `run_dir`, relative to the page `theirs` if possible."""
    try:
        return quote(Path(os.path.relpath(run_dir / PAGE, theirs.parent)).as_posix())
    except ValueError:  # on another drive
        return (run_dir / PAGE).as_uri()
