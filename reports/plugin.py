"""What pytest sees of results: the run folder, the table at the end, the properties in junit.xml."""

import os
import shutil
import sys
import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from _pytest.junitxml import xml_key

from benchmark.errors import EmotionError, RunError
from benchmark.limits import Traffic
from benchmark.options import option
from benchmark.plugin import add_options, bench_of, cache_of, is_worker, read_options, runs_cases, usage_errors
from evaluators.estimate import lines_of
from evaluators.plugin import (
    ENGINE,
    EVALUATOR_OPTIONS,
    OUTCOME,
    agents_of,
    check_judges,
    connected,
    over_file,
    rehearse,
    sample_of,
)
from evaluators.scorer import Unscored
from reports.gate import COMPARED, SAMPLES, Aspects, Gate, read_gate
from reports.gatekeeper import Gatekeeper
from reports.health import health_notes, health_of, health_rows, keep_check, read_checks, shortfalls
from reports.power import forecasts
from reports.progress import Panel, Progress
from reports.provenance import background_of, introduction
from reports.record import Record, record_of
from reports.report import Background, Report, counts_of, notes_of, report_of, score_rows
from reports.run import DISAGREEMENTS, JUNIT, REPORT, SUMMARY, RunFolder
from reports.second_opinion import disagreements_of
from reports.summary import as_html, summary_of
from reports.table import as_text
from reports.trial import Trial, in_order, narrowed, refuse_unpriced, trial_of
from reports.verdict import EXIT_CODES, Verdict, distrusted, properties_of, verdict_notes, verdict_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """Where results go."""

    run_dir: Path | None = option(None, "DIR", "where the run is kept (default: reports/runs/<model>-<time>)")
    gate: Path | None = option(None, "FILE.toml", "release gate: exit code 0 PASS, 1 FAIL, 6 INCONCLUSIVE, 7 UNTRUSTED")
    baseline: Path | None = option(
        None, "RUN", "run directory to compare with; without --gate, no score may be worse by more than a point"
    )
    baseline_allow: Aspects = option((), "LIST", f"in what the runs may differ: {', '.join((*COMPARED, SAMPLES))}")
    until_decided: bool = option(
        default=False, metavar="", text="ask in random order, and stop as soon as the gate's verdict is settled"
    )


TRIAL = pytest.StashKey[Trial]()
REPORT_OPTIONS = pytest.StashKey[ReportOptions]()
RUN_PATH = pytest.StashKey[Path]()
RECORD = "mme_emotion_record"
"""The attribute of a report that carries a record from an xdist worker to the controller, as JSON."""


TRAFFIC = "mme_emotion_traffic"
"""The attribute that tells the controller what a worker's requests are about."""


class Recorder:
    """The pytest plugin of one run: keeps each record as it comes, shows how far it is, and the figures at the end."""

    def __init__(self, session: pytest.Session, folder: RunFolder, background: Background, progress: Progress) -> None:
        """Starts with nothing recorded."""
        self._session = session
        self._folder = folder
        self._background = background
        self._progress = progress
        self._samples = bench_of(session.config).samples
        self._trial = session.config.stash.get(TRIAL, None)
        self._keeper: Gatekeeper | None = None
        self._records: dict[str, Record] = {}
        self._report: Report | None = None
        self._drift: list[str] = []
        self._stray = self._stopped = False

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Takes down which samples are asked: `-k` and the like may have left some out."""
        if session.items:
            self._take(item.nodeid for item in session.items)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        """Before a gated run asks anything, looks whether its judge can be trusted."""
        if self._trial is not None:
            self._check_judge(self._trial.gate)
        return (yield)

    def _check_judge(self, gate: Gate) -> None:
        config, folder = self._session.config, cache_of(self._session.config).path.parent
        with usage_errors():
            past = read_checks(folder, agents_of(config).judge_name)
            health = health_of(agents_of(config).judge_name, check_judges(config), gate.judge, short=True)
            keep_check(folder, health)
        self._background = self._background.model_copy(update={"judge_check": health})
        self._drift = health_notes(health, past)
        if missing := shortfalls(health):
            self._report = report_of([], self._background).model_copy(update={"gate": distrusted(missing, gate)})
            self._hand_over(self._report)
            pytest.exit("the gate is UNTRUSTED: the judge has failed its check", EXIT_CODES["UNTRUSTED"])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """The same from a worker: the controller collects nothing."""
        self._take(ids)

    def _take(self, cases: Iterable[str]) -> None:
        ids = {case.partition("[")[2].removesuffix("]") for case in cases}
        selected = sum(sample.id in ids for sample in self._samples)
        self._background = self._background.model_copy(update={"selected": selected})
        if self._trial is not None and self._keeper is None:
            check = self._background.judge_check
            with usage_errors():
                trial = narrowed(self._trial, ids)
            self._keeper = Gatekeeper(trial, check.usage.cost_usd if check and check.usage.requests else 0.0)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keeps the record that a report carries, on disk first; a disk that cannot take it ends the run."""
        line = getattr(report, RECORD, None)
        if line is not None:
            delattr(report, RECORD)  # pytest keeps its reports to the end
            if why := self._keep(line):
                self._stop(why)
        elif report.failed:
            self._stray = True

    def _keep(self, line: str) -> str | None:
        """Keeps the record; says why the run can stop, once it can."""
        record = Record.model_validate_json(line)
        if record.id in self._records:  # its worker died between reporting it and saying that it was done
            return None
        try:
            self._folder.append(line)
        except EmotionError as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.INTERNAL_ERROR)
        self._records[record.id] = record
        self._progress.add(record)
        return self._keeper.hear(record) if self._keeper is not None else None

    def _stop(self, why: str) -> None:
        """Ends the run, in all its processes; what is in flight has been paid for and comes to its end."""
        config = self._session.config
        self._session.shouldstop, self._stopped = why, True
        if ENGINE in config.stash:
            config.stash[ENGINE].stop(why)
            config.stash[ENGINE].drain()
        if (controller := config.pluginmanager.getplugin("dsession")) is not None:
            controller.shouldstop = why
            over_file(config).write_text(why, encoding="utf-8")

    def _sorted(self) -> list[Record]:
        """In an order of their own: sums of fractions must not depend on who was done first."""
        return [self._records[name] for name in sorted(self._records)]

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Writes the report and the summary, of whatever was finished, reported to pytest or not."""
        if ENGINE in session.config.stash:
            for outcome in session.config.stash[ENGINE].unclaimed():
                self._keep(record_of(outcome).model_dump_json())
        if self._records:
            self._report = self._reported()
            self._hand_over(self._report)

    def _hand_over(self, report: Report) -> None:
        """Writes what there is to read."""
        self._folder.write(REPORT, report.model_dump_json(indent=1) + "\n")
        self._folder.write(SUMMARY, summary_of(report, self._sorted()))
        if report.agreement is not None and report.agreement.differing:
            self._folder.write(DISAGREEMENTS, "\n".join(disagreements_of(self._sorted())) + "\n")
        if report.gate is not None:
            self._pass_on(report.gate)

    def _reported(self) -> Report:
        if self._keeper is None:
            return report_of(self._sorted(), self._background)
        counted = sorted(self._keeper.counted(), key=lambda record: record.id)
        return self._keeper.conclude(report_of(counted, self._background, self._keeper.error))

    def _pass_on(self, verdict: Verdict) -> None:
        """The verdict for junit.xml and as exit code, unless the run ended before it was over, or more went wrong."""
        if (xml := self._session.config.stash.get(xml_key, None)) is not None:
            for name, value in properties_of(verdict):
                xml.add_global_property(name, value)
        over = self._session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        if (over or self._stopped) and not self._stray:
            self._session.exitstatus = EXIT_CODES[verdict.word]

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_summary(self, prefix: list[str]) -> None:
        """Puts the verdict at the top of pytest-html's page."""
        if self._report is not None and self._report.gate is not None:
            prefix.extend(as_html(self._report))

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport) -> None:
        """Makes a record of a sample over which two workers have died."""
        for sample in self._samples:
            if crashitem.endswith(f"[{sample.id}]"):
                dead = Unscored(sample=sample, stage="run", error="Two worker processes died over this sample.")
                setattr(report, RECORD, record_of(dead).model_dump_json())

    @pytest.hookimpl(tryfirst=True)
    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Prints the table below everything else, brings along a junit.xml written elsewhere, lets go of the folder."""
        terminal = config.pluginmanager.getplugin("terminalreporter")
        written, kept = Path(config.option.xmlpath), self._folder.path / JUNIT
        if self._records and written.exists() and written.resolve() != kept.resolve():
            shutil.copyfile(written, kept)
        self._folder.close()
        if self._report is not None and terminal is not None:
            self._print(self._report, terminal)

    def _print(self, report: Report, terminal: pytest.TerminalReporter) -> None:
        if self._records:
            terminal.write_sep("=", f"MME-Emotion: {report.model} (scores in percent)", bold=True)
            lines = [*as_text(score_rows(report)), "", *notes_of(report), f"{counts_of(self._sorted())}."]
            for line in [*lines, f"The run is kept in {self._folder.path}"]:
                terminal.write_line(line)
        if (verdict := report.gate) is not None:
            good, bad = verdict.word == "PASS", verdict.word == "FAIL"
            terminal.write_sep("=", f"Gate: {verdict.word}", bold=True, green=good, red=bad, yellow=not (good or bad))
            check = (
                [*as_text(health_rows(report.judge_check, whole=False)), *self._drift, ""] if report.judge_check else []
            )
            for line in [*check, *as_text(verdict_rows(verdict)), "", *verdict_notes(verdict)]:
                terminal.write_line(line)


class Shown:
    """The pytest plugin that shows how far the run is: a panel on a terminal, else lines, and nothing with `-q`."""

    def __init__(self, config: pytest.Config, progress: Progress) -> None:
        """Finds out what there is to write on."""
        self.progress = progress
        self._limits = bench_of(config).limits
        self._terminal = config.pluginmanager.getplugin("terminalreporter")
        self._quiet = self._terminal is None or config.option.verbose < 0
        plain = self._quiet or config.option.verbose > 0 or config.option.capture == "no" or bool(config.option.usepdb)
        self._panel = None if plain or not _is_terminal(sys.stdout) else Panel(progress, sys.stdout)

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
        """Makes room for what xdist says of a worker that is gone."""
        self.progress.forget(node.gateway.id)
        if self._panel is not None:
            self._panel.hide()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Takes the panel away when the cases are over, however they end."""
        try:
            return (yield)
        finally:
            if self._panel is not None:
                self._panel.close()
                self._panel = None


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """With `--estimate`, prints what the cases would cost in place of running them."""
    config = session.config
    if not (runs_cases(config) and config.stash[EVALUATOR_OPTIONS].estimate) or config.option.collectonly:
        return None
    with usage_errors():
        options = config.stash[REPORT_OPTIONS]
        table = as_text(lines_of(rehearse(session, gated=bool(options.gate or options.baseline))))
    if (terminal := config.pluginmanager.getplugin("terminalreporter")) is not None:
        terminal.write_sep("=", "MME-Emotion: what this command would ask; nothing has been asked", bold=True)
        for line in table:
            terminal.write_line(line)
    return True


def _is_terminal(stream: Any) -> bool:
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options about results."""
    add_options(parser, "MME-Emotion: results", ReportOptions)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Settles the run folder's name before pytest's own junitxml plugin asks where to write."""
    options = config.stash[REPORT_OPTIONS] = read_options(config, ReportOptions)
    if not runs_cases(config) or config.option.collectonly or config.getoption("--estimate") or is_worker(config):
        return
    name = "".join(c if c.isalnum() or c in "-._" else "-" for c in config.getoption("--model") or "signal")
    default = config.rootpath / "reports" / "runs" / f"{name[:60]}-{time.strftime('%Y%m%d-%H%M%S')}"
    config.stash[RUN_PATH] = (options.run_dir or default).absolute()
    if not config.option.xmlpath:
        config.option.xmlpath = str(config.stash[RUN_PATH] / JUNIT)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Makes the run folder, once questions and agents are known to be there."""
    config = session.config
    if RUN_PATH in config.stash:
        background = background_of(bench_of(config), agents_of(config), config.rootpath)
        with usage_errors():
            if (gate := _gate(config)) is not None:
                early = config.stash[REPORT_OPTIONS].until_decided
                refuse_unpriced(gate, connected(config))
                config.stash[TRIAL] = trial_of(gate, bench_of(config).samples, background, early=early)
            folder = RunFolder(config.stash[RUN_PATH])
        shown = Shown(config, Progress(background.selected))
        config.pluginmanager.register(shown, "mme-emotion-progress")
        recorder = Recorder(session, folder, background, shown.progress)
        config.pluginmanager.register(recorder, "mme-emotion-recorder")


def _gate(config: pytest.Config) -> Gate | None:
    options = config.stash[REPORT_OPTIONS]
    if options.until_decided and not (options.gate or options.baseline):
        raise RunError("--until-decided stops when a gate is settled: add --gate=FILE.toml or --baseline=RUN.")
    return read_gate(options.gate, options.baseline, options.baseline_allow)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--until-decided`, puts cases in an order that is random and the same in all processes."""
    if runs_cases(config) and config.stash[REPORT_OPTIONS].until_decided:
        with usage_errors():
            gate = _gate(config)
        order = in_order(bench_of(config).samples, gate) if gate else ()
        places = {sample.id: place for place, sample in enumerate(order)}
        items.sort(key=lambda item: places[sample.id] if (sample := sample_of(item)) else -1)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Who is asked what, who judges, and what is missing; the demo says loudly that it is one."""
    if not runs_cases(config):
        return []
    doubts = forecasts(config.stash[TRIAL]) if TRIAL in config.stash else []
    return [*introduction(bench_of(config), agents_of(config)), *(f"gate: {doubt}" for doubt in doubts)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Gives the report of a case, or of its failed set-up, the sample's record to carry."""
    report = yield
    outcome = item.stash.get(OUTCOME, None)
    if outcome is not None and (report.when == "call" or (report.when == "setup" and report.failed)):
        setattr(report, RECORD, record_of(outcome).model_dump_json())
        if is_worker(item.config):
            setattr(report, TRAFFIC, asdict(bench_of(item.config).limits.traffic))
    return report
