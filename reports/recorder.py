"""Records the samples of a run as they finish, stops a run that can stop, and has the results written at its end."""

import time
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmark.engine.signals import held
from benchmark.errors import RunError
from benchmark.plugin import bench_of, cache_of, usage_errors
from benchmark.storage.files import keep
from evaluators.measures import measures_of
from evaluators.outcome import Unscored
from evaluators.plugin import ENGINE, OUTCOME, UNKEPT, agents_of, check_judges, end_workers
from reports.figures.health import cost_of
from reports.figures.report import report_of
from reports.gate.gate import Gate
from reports.gate.gatekeeper import Gatekeeper
from reports.gate.judge_check import check_judge_of_run
from reports.gate.trial import Trial, narrowed
from reports.gate.verdict import EXIT_CODES, distrusted, with_left_out
from reports.handover import RECORD, hand_over, record_line
from reports.kept.attempts import attempt_of, earlier_attempts, keep_attempt
from reports.kept.folder import JUNIT, RunFolder
from reports.kept.provenance import facts_of
from reports.kept.record import Record
from reports.kept.report import Background, Report
from reports.live.closing import Closing, RunState
from reports.live.plugin import Shown
from reports.tables.health import health_notes

TRIAL = pytest.StashKey[Trial]()
GATE = pytest.StashKey[Gate]()
"""The run's gate; a shard has one but no trial, since the gate is decided when all shards are merged."""


class Recorder:
    """The pytest plugin of one run that writes each record at once, stops the run, and has the results written.

    Attributes:
        state: the records and everything else known of the run.
        closing: prints the results at the end, and decides the exit code.
    """

    def __init__(self, session: pytest.Session, folder: RunFolder, background: Background, shown: Shown) -> None:
        """Starts without records."""
        self._session, self._folder, self._shown = session, folder, shown
        self._bench, self._agents = bench_of(session.config), agents_of(session.config)
        self._gate = session.config.stash.get(GATE, None)
        self._trial = session.config.stash.get(TRIAL, None)
        self._keeper: Gatekeeper | None = None
        gated, shard = self._gate is not None, self._gate is not None and self._trial is None
        self.state = RunState(folder.path, background, unshown=shown.failures, gated=gated, shard=shard)
        self.closing = Closing(session, self.state)
        self._started = time.monotonic()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        """Checks the judge of a run with a gate before any sample is sent; exits pytest if it cannot be trusted."""
        if self._gate is not None and "judge" in measures_of(self._bench.suite).roles:
            self._check_judge(self._gate)
        return (yield)

    def _check_judge(self, gate: Gate) -> None:
        config, state, folder = self._session.config, self.state, cache_of(self._session.config).path.parent
        name, provenance = self._agents.judge_name, state.background.provenance
        with usage_errors():
            judge = check_judge_of_run(name, gate, self._trial, provenance, folder, lambda: check_judges(config))
        state.background = state.background.model_copy(update={"judge_check": judge.health})
        state.drift = health_notes(judge.health, judge.past)
        if judge.why:
            verdict = distrusted(judge.doubts, gate)
            state.report = report_of([], state.background).model_copy(update={"gate": verdict})
            hand_over(config, self._folder, state, state.report, None)
            pytest.exit(f"the gate is UNTRUSTED: {judge.why}", EXIT_CODES["UNTRUSTED"])

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Notes which samples the run evaluates: options such as `-k` may have deselected some."""
        if session.items:
            self._note_selected(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Notes the same from a worker, since the controller collects nothing."""
        self._note_selected(ids)

    def _note_selected(self, cases: Iterable[str]) -> None:
        ids, state = {_id_of(case) for case in cases}, self.state
        selected = tuple(sample for sample in self._bench.samples if sample.id in ids)
        if len(selected) < state.background.selected:
            state.background = state.background.model_copy(update=facts_of(self._bench, self._agents, selected))
        if self._trial is not None and self._keeper is None:
            with usage_errors():
                trial = narrowed(self._trial, ids)
            self._keeper = Gatekeeper(trial, cost_of(state.background.judge_check))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Notes that something cannot be collected; options can make pytest continue after it."""
        self.state.stray = self.state.stray or report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Writes the record that a report carries to disk; ends the run if that fails."""
        line = getattr(report, RECORD, None)
        if line is not None:
            delattr(report, RECORD)  # pytest holds its reports in memory until the end
            why = self._keep(line)
            if self.state.failures.found:
                pytest.exit("the results cannot be written", returncode=pytest.ExitCode.INTERNAL_ERROR)
            if why:
                self._stop(why)
        elif report.failed:
            self.state.stray = True
        elif report.skipped:
            self.state.skipped.add(_id_of(report.nodeid))

    def _keep(self, line: str) -> str | None:
        """Writes the record, shows it, and gives it to the gatekeeper; returns why the run can stop, or None."""
        with self.state.failures.noted():
            record = Record.model_validate_json(line)
            if record.id in self.state.records:  # its worker died after reporting it, and another one repeated it
                return None
            with held():  # the report counts what the file has
                self._folder.append(line)
                self.state.records[record.id] = record
            self._shown.add(record, self.state.background.provenance)
            return self._keeper.hear(record) if self._keeper is not None else None
        return None

    def _stop(self, why: str) -> None:
        """Ends the run in all its processes; requests in flight are paid for, so their replies are awaited."""
        config = self._session.config
        self._session.shouldstop, self.state.settled = why, True
        if (engine := config.stash.get(ENGINE, None)) is not None:
            engine.stop(why)
            engine.drain()
        if (controller := config.pluginmanager.getplugin("dsession")) is not None:
            controller.shouldstop = why
            end_workers(config, why)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Notes whether a worker could not write what it found."""
        self.state.unkept = self.state.unkept or getattr(node, "workeroutput", {}).get(UNKEPT, False)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport) -> None:
        """Attaches a record without a score for a sample over which two workers have died."""
        for sample in self._bench.samples:
            if crashitem.endswith(f"[{sample.id}]"):
                dead = Unscored(sample=sample, stage="run", error="Two worker processes died on this sample.")
                setattr(report, RECORD, record_line(dead, self._session.config)[0])

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Writes the results of all samples that were finished, even those whose cases were not reported."""
        state, engine = self.state, session.config.stash.get(ENGINE, None)
        begun = [item.stash[OUTCOME] for item in getattr(session, "items", ()) if OUTCOME in item.stash]
        for outcome in (*begun, *(engine.unclaimed() if engine else ())):
            with state.failures.noted():
                self._keep(record_line(outcome, session.config)[0])
        state.unkept = state.unkept or (engine is not None and engine.unkept)
        if engine and engine.fault:
            state.unshown.note(RunError(engine.stopped or "", fault=engine.fault))
        with state.failures.noted():
            if state.records:
                state.report = self._reported()
                hand_over(session.config, self._folder, state, state.report, self._keeper)

    def _reported(self) -> Report:
        """The report, with the verdict if there is a gate to decide."""
        took = {"retries": self._shown.progress.retries, "seconds": round(time.monotonic() - self._started, 3)}
        background = self.state.background.model_copy(update=took)
        if self._keeper is None:
            return report_of(self.state.sorted_records(), background)
        counted = sorted(self._keeper.counted(), key=lambda record: record.id)
        report = self._keeper.conclude(report_of(counted, background, self._keeper.error))
        with self.state.failures.noted():
            report = self._with_attempts(report, counted)
        whole, (unanswered, of) = len(self._bench.samples), self._bench.unanswered
        report = with_left_out(report, unanswered, f"{of} samples", "--answered-only")
        return with_left_out(report, whole - background.selected, f"{whole} samples", "-k, -m")

    def _with_attempts(self, report: Report, counted: list[Record]) -> Report:
        """The report with the verdicts of earlier runs at its gate, to which this one is added."""
        folder, trial = cache_of(self._session.config).path.parent, self._trial
        if report.gate is None or trial is None:
            return report
        data = report.provenance["data"].get("fingerprint")
        attempt = attempt_of(report.gate, report.model, data, trial.pasts.values(), counted)
        earlier = earlier_attempts(folder, attempt)
        keep_attempt(folder, attempt)
        return report.model_copy(update={"gate": report.gate.model_copy(update={"earlier": earlier})})

    @pytest.hookimpl(tryfirst=True)
    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Copies a junit.xml written elsewhere, releases the folder, and has the results printed."""
        with self.state.pages.noted():
            written = getattr(config.option, "xmlpath", None)  # None with `-p no:junitxml`
            if self.state.records and written and Path(written).is_file():  # not a device, which may have no end
                keep(Path(written), self._folder.path / JUNIT)
        with self.state.failures.noted():
            self._folder.close()
        self.closing.show()


def _id_of(case: str) -> str:
    """The sample's id, from the name of its case: `file::function[id]`."""
    return case.partition("::")[2].partition("[")[2].removesuffix("]")
