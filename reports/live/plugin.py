"""What pytest shows of a run while it goes on."""

import os
import sys
from collections.abc import Generator
from typing import Any

import pytest

from benchmark.limits import Traffic
from benchmark.local.run import last_words
from benchmark.plugin import bench_of
from reports.live.progress import Panel, Progress

TRAFFIC = "mme_emotion_traffic"
"""The attribute that tells the controller what a worker's requests are about."""


class Shown:
    """The pytest plugin that shows how far the run is: a panel on a terminal, else lines, and nothing with `-q`."""

    def __init__(self, config: pytest.Config, progress: Progress) -> None:
        """Finds out what there is to write on."""
        self.progress = progress
        self._limits, self._folder = bench_of(config).limits, bench_of(config).local.site.folder
        self._terminal = config.pluginmanager.getplugin("terminalreporter")
        self._quiet = self._terminal is None or config.option.verbose < 0
        plain = self._quiet or config.option.verbose > 0 or config.option.capture == "no" or bool(config.option.usepdb)
        self._panel = None if plain or not _is_terminal(sys.stdout) else Panel(progress, sys.stdout)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        """Says what is amiss before anything is asked; with `-q` too, which leaves pytest's header away."""
        if self._terminal is not None:
            for notice in self._limits.notices:
                self._terminal.write_line(f"MME-Emotion: {notice}", red=True, bold=True)
        return (yield)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Shows what has changed."""
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
            self._terminal.write_line(f"MME-Emotion: {node.gateway.id} has lost its GPU ({words}).", red=True)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Takes the panel away when the cases are over, however they end."""
        try:
            return (yield)
        finally:
            if self._panel is not None:
                self._panel.close()
                self._panel = None


def _is_terminal(stream: Any) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"
