"""What pytest shows of a run: its progress, and at the end its results."""

import os
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any

import pytest

from benchmark.accounts.limits import Traffic
from benchmark.local.run import last_words
from benchmark.plugin import bench_of
from benchmark.suite import suite_of
from reports.failures import Failures
from reports.kept.answered import ROLES, substitutes_of
from reports.kept.record import Record
from reports.kept.report import Report
from reports.live.progress import Panel, Progress
from reports.say import as_lines
from reports.tables.results import gate_lines, score_lines

TRAFFIC = "mme_emotion_traffic"
"""The attribute of a worker's report that carries the counts of its requests to the controller."""


class Shown:
    """The pytest plugin that shows progress: a panel on a terminal, lines elsewhere, nothing with `-q`."""

    def __init__(self, config: pytest.Config, progress: Progress) -> None:
        """Chooses between panel, lines and nothing by the options and by standard output."""
        self.progress, self.failures = progress, Failures()
        self._warned: set[str] = set()
        self._heard: set[tuple[str, str | None]] = set()
        self._limits, self._folder = bench_of(config).limits, bench_of(config).local.site.folder
        self._terminal = config.pluginmanager.getplugin("terminalreporter")
        self._quiet = self._terminal is None or config.option.verbose < 0
        plain = self._quiet or config.option.verbose > 0 or config.option.capture == "no" or bool(config.option.usepdb)
        drawn = sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and not plain
        self._panel = Panel(progress, sys.stdout) if drawn else None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        """Prints warnings before the first request; with `-q` too, which omits pytest's header."""
        if self._terminal is not None:
            notices = [f"MME-Emotion: {notice}" for notice in self._limits.notices]
            write_lines(self._terminal, notices, red=True, bold=True)
        return (yield)

    def add(self, record: Record, provenance: Mapping[str, Any]) -> None:
        """Counts a finished sample; warns once for each model that answers in place of the requested one."""
        with self.failures.noted():
            self.progress.add(record)
            for role, spent in record.usage.items():
                if role in ROLES and (role, spent.model) not in self._heard:
                    self._heard.add((role, spent.model))
                    for reason in substitutes_of(provenance, [record], role):
                        self._warn(reason.partition(",")[0])

    def _warn(self, text: str) -> None:
        """Prints a warning at once, each text only once."""
        if text not in self._warned:
            self._warned.add(text)
            self._hide_panel()
            self._write(text, bold=True)

    def _hide_panel(self) -> None:
        if self._panel is not None:
            self._panel.hide()

    def _write(self, text: str, **markup: bool) -> None:
        if self._terminal is not None:
            self._terminal.ensure_newline()
            write_lines(self._terminal, [f"MME-Emotion: {text}."], red=True, **markup)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Updates the progress; a failure to show it is reported at the end, and does not change the exit code."""
        if not self.failures.found:
            with self.failures.noted():
                self._show(report)

    def _show(self, report: pytest.TestReport) -> None:
        node = getattr(report, "node", None)
        if node is None:
            self.progress.hear("", self._limits.traffic)
        elif (counts := getattr(report, TRAFFIC, None)) is not None:
            self.progress.hear(node.gateway.id, Traffic(**counts))
        if self._panel is not None:
            self._panel.show()
        elif not self._quiet and self.progress.is_due():
            self._terminal.ensure_newline()
            self._terminal.write_line(f"MME-Emotion: {self.progress.line()}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Counts cases without printing a dot, which would break the panel."""
        if self._panel is None or hasattr(report, "wasxfail"):
            return None
        if report.failed:
            return "failed" if report.when == "call" else "error", "", ""
        return report.outcome if report.skipped or report.when == "call" else "", "", ""

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Hides the panel for xdist's message about a lost worker; says why it was lost, if the worker said so."""
        self.progress.forget(node.gateway.id)
        self._hide_panel()
        if words := last_words(self._folder, int(node.gateway.id.removeprefix("gw"))):
            self._write(f"{node.gateway.id} lost its GPU ({words})")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Removes the panel after the last case, however the run ends."""
        try:
            return (yield)
        finally:
            with self.failures.noted():
                if self._panel is not None:
                    self._panel.close()
            self._panel = None


def write_lines(terminal: pytest.TerminalReporter, lines: Iterable[str], **markup: bool) -> None:
    """Writes lines, with control characters escaped and each kept on one line."""
    for line in as_lines(lines):
        terminal.write_line(line, **markup)


def print_scores(terminal: pytest.TerminalReporter, report: Report, records: Sequence[Record]) -> None:
    """Prints the scores with their notes."""
    (title,) = as_lines([f"{suite_of(report.provenance).title}: {report.model} (scores in percent)"])
    terminal.write_sep("=", title, bold=True)
    write_lines(terminal, score_lines(report, records))


def print_verdict(terminal: pytest.TerminalReporter, report: Report, drift: Sequence[str]) -> None:
    """Prints the verdict, if there is a gate; `drift` says how the check of its judge differs from the last one."""
    if (verdict := report.gate) is not None:
        good, bad = verdict.word == "PASS", verdict.word == "FAIL"
        terminal.write_sep("=", f"Gate: {verdict.word}", bold=True, green=good, red=bad, yellow=not (good or bad))
        write_lines(terminal, gate_lines(report, drift))
