"""What becomes of a run's results: kept as they come, gated, written, shown; and how the run ends."""

import sys
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from traceback import walk_tb
from typing import Any

import pytest
from _pytest.junitxml import xml_key

from benchmark.errors import NotKept, RunError
from benchmark.plugin import (
    bench_of,
    cache_of,
    reader_of,
    usage_errors,
)
from benchmark.storage.files import keep
from benchmark.text import SEATS
from evaluators.metrics.measures import measures_of
from evaluators.outcome import Scored, Unscored
from evaluators.plugin import (
    ENGINE,
    UNKEPT,
    agents_of,
    check_judges,
    end_workers,
)
from reports.ending import ENDED_EARLY, Ending, exit_code
from reports.failures import Failures
from reports.figures.health import cost_of, health_of, shortfalls
from reports.figures.report import report_of
from reports.gate.gate import Gate
from reports.gate.gatekeeper import Gatekeeper
from reports.gate.trial import Trial, narrowed
from reports.gate.verdict import EXIT_CODES, distrusted
from reports.kept.answered import ROLES, substitutes_of
from reports.kept.checks import keep_check, read_checks
from reports.kept.folder import JUNIT, PAGE_FOLDER, RunFolder
from reports.kept.past import judged_otherwise
from reports.kept.provenance import facts_of
from reports.kept.record import Record, line_of
from reports.kept.report import Background, Health, Report, Verdict
from reports.live.output import let_go, spare, tell
from reports.live.plugin import Shown, print_scores, print_verdict, write_lines
from reports.options import ReportOptions
from reports.page.media import place_clips, place_frames
from reports.page.run_page import Contents, Linked, linked_to, write_run_page
from reports.stats.inference import ERROR
from reports.tables.health import health_notes
from reports.tables.results import tell_github, write_report, write_summary
from reports.tables.verdict import properties_of

TRIAL = pytest.StashKey[Trial]()
GATE = pytest.StashKey[Gate]()
"""The gate, of a shard too, which is no trial of its own: it is decided when all shards are merged."""
REPORT_OPTIONS = pytest.StashKey[ReportOptions]()
WRITERS = ("_pytest.junitxml", "pytest_html")
"""Modules of pytest and its plugins that write reports of their own."""
RECORD = "mme_emotion_record"
"""The attribute of a report that carries a record from an xdist worker to the controller, as JSON."""


class Recorder:
    """The pytest plugin of one run: keeps each record as it comes, shows how far it is, and the figures at the end."""

    def __init__(self, session: pytest.Session, folder: RunFolder, background: Background, shown: Shown) -> None:
        """Starts with nothing recorded."""
        self._session = session
        self._folder = folder
        self._background = background
        self._shown, self._progress, self._unshown = shown, shown.progress, shown.failures
        self._bench, self._agents = bench_of(session.config), agents_of(session.config)
        self._samples = self._bench.samples
        self._trial = session.config.stash.get(TRIAL, None)
        self._gate = session.config.stash.get(GATE, None)
        self._keeper: Gatekeeper | None = None
        self.records: dict[str, Record] = {}
        self.report: Report | None = None
        self._drift: list[str] = []
        self._failures, self._pages, self._late = Failures(), Failures(), Failures()
        self._stray = self._stopped = self._unkept = self._printed = False
        self._skipped: set[str] = set()
        terminal = session.config.pluginmanager.getplugin("terminalreporter")
        self._output = spare(terminal) if terminal is not None else None
        self._heard: set[tuple[str, str | None]] = set()
        self._started = time.monotonic()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Takes down which samples are asked: `-k` and the like may have left some out."""
        if session.items:
            self._take(item.nodeid for item in session.items)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        """Before a gated run asks anything, looks whether its judge can be trusted."""
        if self._gate is not None and "judge" in measures_of(self._bench.suite).roles:
            self._check_judge(self._gate)
        return (yield)

    def _check_judge(self, gate: Gate) -> None:
        config, folder = self._session.config, cache_of(self._session.config).path.parent
        with usage_errors():
            past = read_checks(folder, self._agents.judge_name)
            health = health_of(self._agents.judge_name, check_judges(config), gate.judge, short=True)
            keep_check(folder, health)
        self._background = self._background.model_copy(update={"judge_check": health})
        self._drift = health_notes(health, past)
        failed, other = shortfalls(health), list(self._judged_otherwise(health))
        if missing := [*failed, *other]:
            self.report = report_of([], self._background).model_copy(update={"gate": distrusted(missing, gate)})
            self._hand_over(self.report)
            why = "the judge has failed its check" if failed else "another judge has judged the baseline"
            pytest.exit(f"the gate is UNTRUSTED: {why}", EXIT_CODES["UNTRUSTED"])

    def _judged_otherwise(self, health: Health) -> Iterator[str]:
        """That another judge has passed its check than the one that judged the baseline."""
        if self._trial is not None and self._trial.past is not None and (model := health.usage.model):
            judge = {**self._background.provenance["judge"], "answered": [[name] for name in model.split(SEATS)]}
            told = {**self._background.provenance, "judge": judge}
            yield from judged_otherwise(self._trial.past, told, (*self._trial.gate.allow, "extractor"))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """The same from a worker: the controller collects nothing."""
        self._take(ids)

    def _take(self, cases: Iterable[str]) -> None:
        ids = {_id_of(case) for case in cases}
        selected = tuple(sample for sample in self._samples if sample.id in ids)
        if len(selected) < self._background.selected:  # `-k` and the like come after all else
            self._background = self._background.model_copy(update=facts_of(self._bench, self._agents, selected))
        if self._trial is not None and self._keeper is None:
            with usage_errors():
                trial = narrowed(self._trial, ids)
            self._keeper = Gatekeeper(trial, cost_of(self._background.judge_check))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keeps the record that a report carries, on disk first; where that fails the run ends."""
        line = getattr(report, RECORD, None)
        if line is not None:
            delattr(report, RECORD)  # pytest keeps its reports to the end
            why = self._keep(line)
            if self._failures.found:
                pytest.exit("what was found cannot be kept", returncode=pytest.ExitCode.INTERNAL_ERROR)
            if why:
                self._stop(why)
        elif report.failed:
            self._stray = True
        elif report.skipped:
            self._skipped.add(_id_of(report.nodeid))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Takes note of what cannot be collected, after which pytest may be told to go on."""
        self._stray = self._stray or report.failed

    def _keep(self, line: str) -> str | None:
        """Keeps the record, and has it shown and heard of; says why the run can stop, once it can."""
        with self._failures.noted():
            record = Record.model_validate_json(line)
            if record.id in self.records:  # its worker died between reporting it and saying that it was done
                return None
            self._folder.append(line)
            self.records[record.id] = record
            with self._unshown.noted():
                self._progress.add(record)
                self._warn(record)
            return self._keeper.hear(record) if self._keeper is not None else None
        return None

    def _warn(self, record: Record) -> None:
        """Says at once, and once, that another model answers than was asked for."""
        for role, spent in record.usage.items():
            if role in ROLES and (role, spent.model) not in self._heard:
                self._heard.add((role, spent.model))
                for reason in substitutes_of(self._background.provenance, [record], role):
                    self._shown.warn(reason.partition(",")[0])

    def _stop(self, why: str) -> None:
        """Ends the run, in all its processes; what is in flight has been paid for and comes to its end."""
        config = self._session.config
        self._session.shouldstop, self._stopped = why, True
        if ENGINE in config.stash:
            config.stash[ENGINE].stop(why)
            config.stash[ENGINE].drain()
        if (controller := config.pluginmanager.getplugin("dsession")) is not None:
            controller.shouldstop = why
            end_workers(config, why)

    def _sorted(self) -> list[Record]:
        """In an order of their own: sums of fractions must not depend on who was done first."""
        return [self.records[name] for name in sorted(self.records)]

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Writes the report and the summary, of whatever was finished, reported to pytest or not."""
        engine = session.config.stash.get(ENGINE, None)
        for outcome in engine.unclaimed() if engine else ():
            with self._failures.noted():
                self._keep(record_line(outcome, session.config)[0])
        self._unkept = self._unkept or (engine is not None and engine.unkept)
        if engine and engine.fault:
            self._unshown.note(RunError(engine.stopped or "", fault=engine.fault))
        with self._failures.noted():
            if self.records:
                self.report = self._reported()
                self._hand_over(self.report)

    def _hand_over(self, report: Report) -> None:
        """Writes what there is to read, and puts frames beside it, and clips where that was asked for."""
        records = self._sorted()
        counted, error = (self._keeper.counted(), self._keeper.error) if self._keeper else (records, ERROR)
        with self._failures.noted():
            if self._gate is not None:
                self._pass_on(report.gate)
        with self._failures.noted():
            write_report(self._folder, report)
        with self._pages.noted():
            write_summary(self._folder, report, records)
        with self._pages.noted():
            linked = self._bring(report, records)
            contents = Contents(report=report, records=records, counted=counted, error=error, linked=linked)
            write_run_page(self._folder.path, contents)
        with self._pages.noted():
            tell_github(report, records)

    def _bring(self, report: Report, records: Sequence[Record]) -> Linked:
        """Puts frames beside the page, and clips where that was asked for; says where clips are."""
        config, linked, place = self._session.config, linked_to(report), self._folder.path / PAGE_FOLDER
        if config.stash[REPORT_OPTIONS].report_media:
            clips = {sample.id: sample.clip for sample in self._samples if sample.clip is not None}
            linked = replace(linked, urls=place_clips(records, place, clips, reader_of(config)))
        place_frames(records, place, cache_of(config).media.find)
        return linked

    def _reported(self) -> Report:
        took = {"retries": self._progress.retries, "seconds": round(time.monotonic() - self._started, 3)}
        background = self._background.model_copy(update=took)
        if self._keeper is None:
            return report_of(self._sorted(), background)
        counted = sorted(self._keeper.counted(), key=lambda record: record.id)
        report = self._keeper.conclude(report_of(counted, background, self._keeper.error))
        if report.gate is None or not (left_out := len(self._samples) - background.selected):
            return report
        note = (
            f"{left_out} of {len(self._samples)} samples were left out by -k, -m or the like: this is not about them."
        )
        gate = report.gate.model_copy(update={"reasons": (*report.gate.reasons, note)})
        return report.model_copy(update={"gate": gate})

    def _pass_on(self, verdict: Verdict | None) -> None:
        """The verdict for junit.xml; a shard has none."""
        if verdict is not None and (xml := self._session.config.stash.get(xml_key, None)) is not None:
            for name, value in properties_of(verdict):
                xml.add_global_property(name, value)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Hears whether what a worker has found cannot be kept."""
        self._unkept = self._unkept or getattr(node, "workeroutput", {}).get(UNKEPT, False)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport) -> None:
        """Makes a record of a sample over which two workers have died."""
        for sample in self._samples:
            if crashitem.endswith(f"[{sample.id}]"):
                dead = Unscored(sample=sample, stage="run", error="Two worker processes died over this sample.")
                setattr(report, RECORD, record_line(dead, self._session.config)[0])

    @pytest.hookimpl(tryfirst=True)
    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Prints the table below everything else, brings along a junit.xml written elsewhere, lets go of the folder."""
        terminal = config.pluginmanager.getplugin("terminalreporter")
        with self._pages.noted():
            written = getattr(config.option, "xmlpath", None)  # None with `-p no:junitxml`
            if self.records and written and Path(written).is_file():  # /dev/full, as a file, has no end
                keep(Path(written), self._folder.path / JUNIT)
        with self._failures.noted():
            self._folder.close()
        if terminal is not None:
            self._print(terminal)
        elif self.report is not None and self.report.gate is not None:  # with `-p no:terminal`
            sys.stdout.write(f"Gate: {self.report.gate.word}\n")

    def _print(self, terminal: pytest.TerminalReporter) -> None:
        with self._failures.noted():
            if self.report is not None and self.records:
                print_scores(terminal, self.report, self._sorted())
        if self.records:
            write_lines(terminal, [f"The run is kept in {self._folder.path}"])
        with self._failures.noted():
            if self.report is not None:
                print_verdict(terminal, self.report, self._drift)
        if self._gate is not None and self._stray:
            terminal.write_line("Something besides the samples has failed, see above: no PASS is given.", red=True)
        found = (self._failures, self._pages, self._unshown)
        write_lines(terminal, [line for failures in found for line in failures.lines()], red=True)
        terminal.flush()
        self._printed = True

    def end(self, status: int | None, escaped: BaseException | None) -> int:
        """The exit code, whatever pytest ended with, or an exception that has escaped from it; tells what is news."""
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
            self._late.note(NotKept(f"What was found could not be shown ({unshown.strerror}){self._kept_in()}."))
        for line in self._late.lines():
            tell(line)
        code = exit_code(self._ending(status))
        if self.report is None and status in (0, 1) and not (self._failures.found or self._late.found):
            tell(f"No sample has been recorded{', and the gate has not been decided' if self._gate else ''}.")
        return code

    def _note_late(self, error: BaseException) -> None:
        """Notes what pytest, another plugin or the cleaning up has let escape; their pages cost no verdict."""
        writers = {frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__)}
        if isinstance(error, OSError) and any(name.startswith(WRITERS) for name in writers):
            failure = NotKept(f"{error.filename or 'junit.xml or --html'} cannot be written ({error.strerror}).")
            self._pages.note(failure)
            if self._printed:
                tell(str(failure))
        else:
            with self._late.noted():
                raise error

    def _kept_in(self) -> str:
        return f"; what was found is kept in {self._folder.path}" if self.records else ""

    def _ending(self, status: int) -> Ending:
        gated, verdict = self._gate is not None, self.report.gate if self.report else None
        pages = [page for page in self._pages.found if page.fault or not gated]
        return Ending(
            status=status,
            lost=bool(self._failures.found or self._late.found or pages or self._unkept),
            whole=len(self.records.keys() | self._skipped) >= self._background.selected,
            gated=gated,
            shard=gated and self._trial is None,
            word=verdict.word if verdict else None,
            settled=self._stopped,
            stray=self._stray,
        )


def _raise(error: BaseException | None) -> None:
    if error is not None:
        raise error


def clean_up(config: pytest.Config) -> None:
    """What pytest does when a run is over, unless it has; else it would do so when the exit code is decided."""
    config._ensure_unconfigure()


def _id_of(case: str) -> str:
    """The sample's id, of the name of its case: file, function and, in brackets, the sample."""
    return case.partition("::")[2].partition("[")[2].removesuffix("]")


def record_line(outcome: Scored | Unscored, config: pytest.Config) -> tuple[str, str | None]:
    """The record of a sample as JSON, and where it could not be made whole, why."""
    clip = outcome.sample.clip
    return line_of(outcome, None if clip is None else bench_of(config).dataset.place_of(clip))
