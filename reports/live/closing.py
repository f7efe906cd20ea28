"""The end of a run: what came of it is printed, and its exit code decided."""

import sys
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from pathlib import Path
from traceback import walk_tb

import pytest

from benchmark.errors import NotKept
from reports.ending import ENDED_EARLY, Ending, exit_code
from reports.failures import Failures
from reports.kept.record import Record
from reports.kept.report import Background, Report
from reports.live.output import let_go, spare
from reports.live.plugin import print_scores, print_verdict, write_lines
from reports.say import tell

WRITERS = ("_pytest.junitxml", "pytest_html")
"""Modules of pytest and its plugins that write reports of their own."""


@dataclass(slots=True)
class RunState:
    """What is known of a run while it goes on, and at its end.

    Attributes:
        folder: where it is kept.
        background: what its report says besides figures.
        unshown: what could not be shown meanwhile, which costs nothing.
        gated: whether a gate was asked for.
        shard: whether the run is a part, whose gate is decided when all parts are merged.
        records: by sample id, as they come.
        report: the figures, once they are there.
        drift: how the check of the judge differs from the last one, in sentences.
        failures: what could not be kept or computed.
        pages: what could not be written for people, which costs no verdict.
        skipped: ids of the samples whose cases were skipped.
        unkept: whether a worker or the engine could not keep what it found.
        stray: whether something besides the samples has failed.
        settled: whether the run was ended because its verdict could not change any more.
    """

    folder: Path
    background: Background
    _: KW_ONLY
    unshown: Failures
    gated: bool
    shard: bool
    records: dict[str, Record] = field(default_factory=dict)
    report: Report | None = None
    drift: Sequence[str] = ()
    failures: Failures = field(default_factory=Failures)
    pages: Failures = field(default_factory=Failures)
    skipped: set[str] = field(default_factory=set)
    unkept: bool = False
    stray: bool = False
    settled: bool = False

    def sorted_records(self) -> list[Record]:
        """In an order of their own: sums of fractions must not depend on who was done first."""
        return [self.records[name] for name in sorted(self.records)]


class Closing:
    """Prints what came of a run, and decides its exit code."""

    def __init__(self, session: pytest.Session, state: RunState) -> None:
        """From now on a terminal that goes away ends no run."""
        self._session, self._state = session, state
        self._late = Failures()
        self._printed = False
        terminal = session.config.pluginmanager.getplugin("terminalreporter")
        self._output = spare(terminal) if terminal is not None else None

    def show(self) -> None:
        """Prints the scores and the verdict, below everything else."""
        terminal, report = self._session.config.pluginmanager.getplugin("terminalreporter"), self._state.report
        if terminal is not None:
            self._print(terminal)
        elif report is not None and report.gate is not None:  # with `-p no:terminal`
            sys.stdout.write(f"Gate: {report.gate.word}\n")

    def _print(self, terminal: pytest.TerminalReporter) -> None:
        state = self._state
        with state.failures.noted():
            if state.report is not None and state.records:
                print_scores(terminal, state.report, state.sorted_records())
        if state.records:
            write_lines(terminal, [f"The run is kept in {state.folder}"])
        with state.failures.noted():
            if state.report is not None:
                print_verdict(terminal, state.report, state.drift)
        if state.gated and state.stray:
            terminal.write_line("Something besides the samples has failed, see above: no PASS is given.", red=True)
        found = (state.failures, state.pages, state.unshown)
        write_lines(terminal, [line for failures in found for line in failures.lines()], red=True)
        terminal.flush()
        self._printed = True

    def end(self, status: int | None, escaped: BaseException | None) -> int:
        """The exit code, whatever pytest ended with, or an exception that has escaped from it; tells what is news."""
        state, failures = self._state, self._state.failures
        status = self._session.exitstatus if status is None else status
        for step in (partial(_raise, escaped), partial(clean_up, self._session.config)):
            try:
                step()
            except KeyboardInterrupt:
                status = ENDED_EARLY
            except BaseException as error:  # noqa: BLE001  other plugins' and packages', at the very end
                self._note_late(error)
        unshown = let_go() or (self._output.error if self._output else None)
        if unshown is not None:
            kept = f"; what was found is kept in {state.folder}" if state.records else ""
            self._late.note(NotKept(f"What was found could not be shown ({unshown.strerror}){kept}."))
        for line in self._late.lines():
            tell(line)
        code = exit_code(self._ending(status))
        if state.report is None and status in (0, 1) and not (failures.found or self._late.found):
            tell(f"No sample has been recorded{', and the gate has not been decided' if state.gated else ''}.")
        return code

    def _note_late(self, error: BaseException) -> None:
        """Notes what pytest, another plugin or the cleaning up has let escape; their pages cost no verdict."""
        writers = {frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__)}
        if isinstance(error, OSError) and any(name.startswith(WRITERS) for name in writers):
            failure = NotKept(f"{error.filename or 'junit.xml or --html'} cannot be written ({error.strerror}).")
            self._state.pages.note(failure)
            if self._printed:
                tell(str(failure))
        else:
            with self._late.noted():
                raise error

    def _ending(self, status: int) -> Ending:
        state = self._state
        verdict = state.report.gate if state.report else None
        pages = [page for page in state.pages.found if page.fault or not state.gated]
        return Ending(
            status=status,
            lost=bool(state.failures.found or self._late.found or pages or state.unkept),
            whole=len(state.records.keys() | state.skipped) >= state.background.selected,
            gated=state.gated,
            shard=state.shard,
            word=verdict.word if verdict else None,
            settled=state.settled,
            stray=state.stray,
        )


def _raise(error: BaseException | None) -> None:
    if error is not None:
        raise error


def clean_up(config: pytest.Config) -> None:
    """What pytest does when a run is over, unless it has; else it would do so when the exit code is decided."""
    config._ensure_unconfigure()
