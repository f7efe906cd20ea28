"""The end of a run: prints its results, and decides its exit code."""

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
"""Modules of pytest and its plugins that write report files."""


@dataclass(slots=True)
class RunState:
    """The state of a run, during it and at its end.

    Attributes:
        folder: the run directory.
        background: what the report says besides figures.
        unshown: failures to show progress, which do not change the exit code.
        gated: whether the run has a gate.
        shard: whether this is one of several shards; their gate is decided when they are merged.
        records: by sample id, in the order of arrival.
        report: the figures; None until they are computed.
        drift: how the check of the judge differs from the last one, in sentences.
        failures: what could not be kept or computed.
        pages: failures to write files for people, which leave the verdict as it is.
        skipped: ids of the samples whose cases were skipped.
        unkept: whether a worker or the engine could not keep a result.
        stray: whether something other than a sample failed.
        settled: whether the run was stopped because its verdict could not change any more.
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
        """The records by id: the order of arrival must not change sums of fractions."""
        return [self.records[name] for name in sorted(self.records)]


class Closing:
    """Prints the results of a run, and decides its exit code."""

    def __init__(self, session: pytest.Session, state: RunState) -> None:
        """Makes sure that the run does not end if its terminal goes away."""
        self._session, self._state = session, state
        self._late = Failures()
        self._printed = False
        self._terminal = session.config.pluginmanager.getplugin("terminalreporter")
        self._output = spare(self._terminal) if self._terminal is not None else None

    def show(self) -> None:
        """Prints the scores and the verdict below all other output."""
        report = self._state.report
        if self._terminal is not None:
            self._print(self._terminal)
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
            terminal.write_line("Something other than a sample failed (see above), so the gate cannot pass.", red=True)
        found = (state.failures, state.pages, state.unshown)
        write_lines(terminal, [line for failures in found for line in failures.lines()], red=True)
        terminal.flush()
        self._printed = True

    def end(self, status: int | None, escaped: BaseException | None) -> int:
        """Prints what was not printed yet, and returns the exit code of the run.

        `status` is pytest's exit code, None for that of the session; `escaped` is an exception that pytest did not
        catch.
        """
        state, failures = self._state, self._state.failures
        status = self._session.exitstatus if status is None else status
        for step in (partial(_raise, escaped), partial(clean_up, self._session.config)):
            try:
                step()
            except KeyboardInterrupt:
                status = ENDED_EARLY
            except BaseException as error:  # noqa: BLE001  from other plugins and packages, at the very end
                self._note_late(error)
        unshown = let_go() or (self._output.error if self._output else None)
        if unshown is not None:
            kept = f"; they are kept in {state.folder}" if state.records else ""
            self._late.note(NotKept(f"The results could not be printed ({unshown.strerror}){kept}."))
        for line in self._late.lines():
            tell(line)
        code = exit_code(self._ending(status))
        if state.report is None and status in (0, 1) and not (failures.found or self._late.found):
            tell(f"No sample was recorded{', so the gate was not decided' if state.gated else ''}.")
        let_go()  # what was printed since, too
        return code

    def _note_late(self, error: BaseException) -> None:
        """Notes an exception of pytest, a plugin or the clean-up; one about their report files costs no verdict."""
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
    """Runs pytest's clean-up, unless it has run: later its errors could not change the exit code."""
    config._ensure_unconfigure()
