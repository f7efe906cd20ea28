"""What pytest shows of a run: how far it is, and at the end what came of it."""

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
"""The attribute that tells the controller what a worker's requests are about."""


class Shown:
    """The pytest plugin that shows how far the run is: a panel on a terminal, else lines, and nothing with `-q`."""

    def __init__(self, config: pytest.Config, progress: Progress) -> None:
        """Finds out what there is to write on."""
        self.progress, self.failures = progress, Failures()
        self._warned: set[str] = set()
        self._heard: set[tuple[str, str | None]] = set()
        self._limits, self._folder = bench_of(config).limits, bench_of(config).local.site.folder
        self._terminal = config.pluginmanager.getplugin("terminalreporter")
        self._quiet = self._terminal is None or config.option.verbose < 0
        plain = self._quiet or config.option.verbose > 0 or config.option.capture == "no" or bool(config.option.usepdb)
        self._panel = None if plain or not _is_terminal(sys.stdout) else Panel(progress, sys.stdout)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        """Says what is amiss before anything is asked; with `-q` too, which leaves pytest's header away."""
        if self._terminal is not None:
            notices = [f"MME-Emotion: {notice}" for notice in self._limits.notices]
            write_lines(self._terminal, notices, red=True, bold=True)
        return (yield)

    def add(self, record: Record, provenance: Mapping[str, Any]) -> None:
        """Counts a sample that is done; says at once, and once, that another model answers than was asked for."""
        with self.failures.noted():
            self.progress.add(record)
            for role, spent in record.usage.items():
                if role in ROLES and (role, spent.model) not in self._heard:
                    self._heard.add((role, spent.model))
                    for reason in substitutes_of(provenance, [record], role):
                        self._warn(reason.partition(",")[0])

    def _warn(self, text: str) -> None:
        """Says something that cannot wait for the end, once."""
        if self._terminal is None or text in self._warned:
            return
        self._warned.add(text)
        if self._panel is not None:
            self._panel.hide()
        self._terminal.ensure_newline()
        write_lines(self._terminal, [f"MME-Emotion: {text}."], red=True, bold=True)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Shows what has changed; what cannot be shown is said at the end, and costs nothing."""
        if self.failures.found:
            return
        with self.failures.noted():
            self._show(report)

    def _show(self, report: pytest.TestReport) -> None:
        node = getattr(report, "node", None)
        if node is None:
            self.progress.hear("", self._limits.traffic)
        elif (told := getattr(report, TRAFFIC, None)) is not None:
            self.progress.hear(node.gateway.id, Traffic(**told))
        if self._panel is not None:
            self._panel.show()
        elif not self._quiet and self.progress.is_due():
            self._terminal.ensure_newline()
            self._terminal.write_line(f"MME-Emotion: {self.progress.line()}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Counts cases without a dot for each: pytest would write it into the middle of the panel."""
        if self._panel is None or hasattr(report, "wasxfail"):
            return None
        if report.failed:
            return "failed" if report.when == "call" else "error", "", ""
        return report.outcome if report.skipped or report.when == "call" else "", "", ""

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Makes room for what xdist says of a worker that is gone; tells why, where that worker did."""
        self.progress.forget(node.gateway.id)
        if self._panel is not None:
            self._panel.hide()
        words = last_words(self._folder, int(node.gateway.id.removeprefix("gw")))
        if words and self._terminal is not None:
            self._terminal.ensure_newline()
            write_lines(self._terminal, [f"MME-Emotion: {node.gateway.id} has lost its GPU ({words})."], red=True)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Takes the panel away when the cases are over, however they end."""
        try:
            return (yield)
        finally:
            with self.failures.noted():
                if self._panel is not None:
                    self._panel.close()
            self._panel = None


def write_lines(terminal: pytest.TerminalReporter, lines: Iterable[str], **markup: bool) -> None:
    """Writes lines, made fit for a terminal and a log."""
    for line in as_lines(lines):
        terminal.write_line(line, **markup)


def print_scores(terminal: pytest.TerminalReporter, report: Report, records: Sequence[Record]) -> None:
    """Prints the scores and what must be known beside them."""
    (title,) = as_lines([f"{suite_of(report.provenance).title}: {report.model} (scores in percent)"])
    terminal.write_sep("=", title, bold=True)
    write_lines(terminal, score_lines(report, records))


def print_verdict(terminal: pytest.TerminalReporter, report: Report, drift: Sequence[str]) -> None:
    """Prints the gate's verdict, where there is a gate; `drift` is how its judge's check differs from the last one."""
    if (verdict := report.gate) is not None:
        good, bad = verdict.word == "PASS", verdict.word == "FAIL"
        terminal.write_sep("=", f"Gate: {verdict.word}", bold=True, green=good, red=bad, yellow=not (good or bad))
        write_lines(terminal, gate_lines(report, drift))


def _is_terminal(stream: Any) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"
