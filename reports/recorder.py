"""A run's records: kept as they come, until the run ends or can be ended; then the figures are written."""

import time
from collections.abc import Generator, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import RunError
from benchmark.plugin import bench_of, cache_of, usage_errors
from benchmark.storage.files import keep
from evaluators.metrics.measures import measures_of
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
from reports.kept.folder import JUNIT, RunFolder
from reports.kept.provenance import facts_of
from reports.kept.record import Record
from reports.kept.report import Background, Report
from reports.live.closing import Closing, RunState
from reports.live.plugin import Shown
from reports.stats.inference import ERROR
from reports.tables.health import health_notes

TRIAL = pytest.StashKey[Trial]()
GATE = pytest.StashKey[Gate]()
"""The gate, of a shard too, which is no trial of its own: it is decided when all shards are merged."""


class Recorder:
    """The pytest plugin of one run: keeps each record as it comes, ends the run, and has the figures written.

    Attributes:
        state: what is known of the run.
        closing: prints it at the end, and decides the exit code.
    """

    def __init__(self, session: pytest.Session, folder: RunFolder, background: Background, shown: Shown) -> None:
        """Starts with nothing recorded."""
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
        """Before a gated run asks anything, looks whether its judge can be trusted."""
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
            verdict = distrusted([*judge.failed, *judge.other], gate)
            state.report = report_of([], state.background).model_copy(update={"gate": verdict})
            self._hand_over(state.report)
            pytest.exit(f"the gate is UNTRUSTED: {judge.why}", EXIT_CODES["UNTRUSTED"])

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Takes down which samples are asked: `-k` and the like may have left some out."""
        if session.items:
            self._take(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """The same from a worker: the controller collects nothing."""
        self._take(ids)

    def _take(self, cases: Iterable[str]) -> None:
        ids, state = {_id_of(case) for case in cases}, self.state
        selected = tuple(sample for sample in self._bench.samples if sample.id in ids)
        if len(selected) < state.background.selected:  # `-k` and the like come after all else
            state.background = state.background.model_copy(update=facts_of(self._bench, self._agents, selected))
        if self._trial is not None and self._keeper is None:
            with usage_errors():
                trial = narrowed(self._trial, ids)
            self._keeper = Gatekeeper(trial, cost_of(state.background.judge_check))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Takes note of what cannot be collected, after which pytest may be told to go on."""
        self.state.stray = self.state.stray or report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keeps the record that a report carries, on disk first; where that fails the run ends."""
        line = getattr(report, RECORD, None)
        if line is not None:
            delattr(report, RECORD)  # pytest keeps its reports to the end
            why = self._keep(line)
            if self.state.failures.found:
                pytest.exit("what was found cannot be kept", returncode=pytest.ExitCode.INTERNAL_ERROR)
            if why:
                self._stop(why)
        elif report.failed:
            self.state.stray = True
        elif report.skipped:
            self.state.skipped.add(_id_of(report.nodeid))

    def _keep(self, line: str) -> str | None:
        """Keeps the record, and has it shown and heard of; says why the run can stop, once it can."""
        with self.state.failures.noted():
            record = Record.model_validate_json(line)
            if record.id in self.state.records:  # its worker died between reporting it and saying that it was done
                return None
            self._folder.append(line)
            self.state.records[record.id] = record
            self._shown.add(record, self.state.background.provenance)
            return self._keeper.hear(record) if self._keeper is not None else None
        return None

    def _stop(self, why: str) -> None:
        """Ends the run, in all its processes; what is in flight has been paid for and comes to its end."""
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
        """Hears whether what a worker has found cannot be kept."""
        self.state.unkept = self.state.unkept or getattr(node, "workeroutput", {}).get(UNKEPT, False)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport) -> None:
        """Makes a record of a sample over which two workers have died."""
        for sample in self._bench.samples:
            if crashitem.endswith(f"[{sample.id}]"):
                dead = Unscored(sample=sample, stage="run", error="Two worker processes died over this sample.")
                setattr(report, RECORD, record_line(dead, self._session.config)[0])

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Writes the report and the summary, of whatever was finished, reported to pytest or not."""
        state, engine = self.state, session.config.stash.get(ENGINE, None)
        begun = [item.stash[OUTCOME] for item in getattr(session, "items", ()) if OUTCOME in item.stash]
        for outcome in (*begun, *(engine.unclaimed() if engine else ())):  # of a case that was not reported, too
            with state.failures.noted():
                self._keep(record_line(outcome, session.config)[0])
        state.unkept = state.unkept or (engine is not None and engine.unkept)
        if engine and engine.fault:
            state.unshown.note(RunError(engine.stopped or "", fault=engine.fault))
        with state.failures.noted():
            if state.records:
                state.report = self._reported()
                self._hand_over(state.report)

    def _reported(self) -> Report:
        """The figures, and the verdict where there is a gate to decide."""
        took = {"retries": self._shown.progress.retries, "seconds": round(time.monotonic() - self._started, 3)}
        background = self.state.background.model_copy(update=took)
        if self._keeper is None:
            return report_of(self.state.sorted_records(), background)
        counted = sorted(self._keeper.counted(), key=lambda record: record.id)
        report = self._keeper.conclude(report_of(counted, background, self._keeper.error))
        whole = len(self._bench.samples)
        return with_left_out(report, whole - background.selected, f"{whole} samples", "-k, -m")

    def _hand_over(self, report: Report) -> None:
        keeper, state = self._keeper, self.state
        counted, error = (keeper.counted(), keeper.error) if keeper else (state.sorted_records(), ERROR)
        hand_over(self._session.config, self._folder, state, report, counted, error)

    @pytest.hookimpl(tryfirst=True)
    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Brings along a junit.xml written elsewhere, lets go of the folder, and has the end printed."""
        with self.state.pages.noted():
            written = getattr(config.option, "xmlpath", None)  # None with `-p no:junitxml`
            if self.state.records and written and Path(written).is_file():  # /dev/full, as a file, has no end
                keep(Path(written), self._folder.path / JUNIT)
        with self.state.failures.noted():
            self._folder.close()
        self.closing.show()


def _id_of(case: str) -> str:
    """The sample's id, of the name of its case: file, function and, in brackets, the sample."""
    return case.partition("::")[2].partition("[")[2].removesuffix("]")
