"""What pytest-html's page shows of a run: scores as columns, the score table, links into our own page."""

import os
from collections.abc import Callable, Mapping, MutableSequence
from html import escape
from pathlib import Path
from urllib.parse import quote

import pytest

from reports.failures import Failures
from reports.kept.folder import PAGE
from reports.kept.record import Record
from reports.kept.report import Report
from reports.page.measures import MEASURES, score_of
from reports.tables.summary import as_html
from reports.wording import percent

COLUMNS = ("Task", "Label", "Prediction", *(measure.title for measure in MEASURES))
PLACE = 2
"""Where they go: behind the result and the case's name."""


class HtmlRows:
    """The pytest plugin of one run that fills pytest-html's page; of thousands of rows a browser shows too few."""

    def __init__(
        self,
        records: Mapping[str, Record],
        report: Callable[[], Report | None],
        page: str,
        failures: Failures,
        *,
        whole: bool,
    ) -> None:
        """Shows records, by id, as they come; `page` is the path of ours from theirs; `whole` lists right ones too.

        What cannot be shown is noted among the failures.
        """
        self._records, self._report, self._page, self._whole = records, report, page, whole
        self._failures = failures
        self._left_out: set[str] = set()

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: MutableSequence[str]) -> None:
        """Adds the columns."""
        for at, name in enumerate(COLUMNS):
            cells.insert(PLACE + at, f'<th class="sortable" data-column-type="{name.lower()}">{name}</th>')

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: pytest.TestReport, cells: MutableSequence[str]) -> None:
        """Adds the case's own cells, or takes the row away."""
        with self._failures.noted():
            self._fill(report, cells)

    def _fill(self, report: pytest.TestReport, cells: MutableSequence[str]) -> None:
        record = self._records.get(report.nodeid.partition("[")[2].removesuffix("]"))
        if record is not None and record.outcome == "passed" and not (self._whole or report.failed):
            self._left_out.add(record.id)
            cells.clear()
            return
        for at, (name, text) in enumerate(zip(COLUMNS, _cells(record), strict=True)):
            cells.insert(PLACE + at, f'<td class="col-{name.lower()}">{escape(text)}</td>')
        if record is not None:
            link = f'<a href="{escape(self._page)}#sample={quote(record.id, safe="")}">frames, steps, ratings</a>'
            cells[-1] = cells[-1].replace("</td>", f"{link}</td>")

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_summary(self, prefix: list[str], session: pytest.Session) -> None:
        """Puts the verdict and the scores at the top, and says what is not listed."""
        with self._failures.noted():
            if (report := self._report()) is not None:
                self._introduce(report, prefix, session.config)

    def _introduce(self, report: Report, prefix: list[str], config: pytest.Config) -> None:
        prefix.extend(as_html(report))
        prefix.append(f'<p><a href="{escape(self._page)}">The whole report</a></p>')
        if self._left_out:
            prefix.append(f"<p>{len(self._left_out)} right answers are not listed; --html-all lists them.</p>")
            _count_passed(config, len(self._left_out))


def _cells(record: Record | None) -> tuple[str, ...]:
    if record is None:
        return ("",) * len(COLUMNS)
    said = record.prediction.text if record.prediction else ""
    scores = (percent(score_of(record, measure.name)) for measure in MEASURES)
    return (record.task, ", ".join(record.targets), ", ".join(record.predicted) or said, *scores)


def _count_passed(config: pytest.Config, number: int) -> None:
    """Lets the page count rows that it does not list: by itself it says that there were none."""
    for plugin in config.pluginmanager.get_plugins():  # theirs has no name to ask for
        outcomes = getattr(getattr(plugin, "_report", None), "outcomes", None)
        if isinstance(outcomes, dict) and "passed" in outcomes:
            outcomes["passed"]["value"] += number


def path_between(theirs: Path, run_dir: Path) -> str:
    """The path of a run's page as a URL from a page elsewhere."""
    try:
        return quote(Path(os.path.relpath(run_dir / PAGE, theirs.parent)).as_posix())
    except ValueError:  # on another drive
        return (run_dir / PAGE).as_uri()
