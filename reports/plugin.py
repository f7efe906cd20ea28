"""What pytest sees of results: the run folder, the table at the end, the properties in junit.xml."""

import shutil
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from _pytest.junitxml import xml_key

from benchmark.errors import RunError
from benchmark.plugin import (
    add_options,
    asks,
    bench_of,
    cache_of,
    introduces,
    is_worker,
    read_options,
    reader_of,
    runs_cases,
    usage_errors,
)
from benchmark.text import SEATS
from evaluators.estimate import ends_of, lines_of
from evaluators.plugin import (
    ENGINE,
    EVALUATOR_OPTIONS,
    OUTCOME,
    agents_of,
    check_judges,
    connected,
    end_workers,
    rehearse,
    sample_of,
)
from evaluators.scorer import Scored, Unscored
from reports.answered import ROLES, substitutes_of
from reports.failures import Failures
from reports.gate import Gate, read_gate
from reports.gatekeeper import Gatekeeper
from reports.health import Health, cost_of, health_notes, health_of, keep_check, read_checks, shortfalls
from reports.inference import ERROR
from reports.live.plugin import TRAFFIC, Shown, print_scores, print_verdict, write_lines
from reports.live.progress import Progress
from reports.options import ReportOptions
from reports.page.media import place_clips, place_frames
from reports.page.plugin import HtmlRows, path_between
from reports.page.run_page import Contents, Linked, linked_to, write_run_page
from reports.past import judged_otherwise
from reports.power import forecasts
from reports.provenance import background_of, facts_of, introduction
from reports.record import Record, line_of
from reports.report import Background, Report, report_of
from reports.results import tell_github, write_results
from reports.run import JUNIT, PAGE, PAGE_FOLDER, RunFolder, usual_place
from reports.say import as_lines
from reports.table import as_text
from reports.trial import Trial, in_order, narrowed, past_of, refuse_unpriced, trial_of
from reports.verdict import EXIT_CODES, Verdict, distrusted, properties_of

TRIAL = pytest.StashKey[Trial]()
GATE = pytest.StashKey[Gate]()
"""The gate, of a shard too, which is no trial of its own: it is decided when all shards are merged."""
REPORT_OPTIONS = pytest.StashKey[ReportOptions]()
RUN_PATH = pytest.StashKey[Path]()
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
        self._failures = Failures()
        self._stray = self._stopped = False
        self._heard: set[tuple[str, str | None]] = set()
        self._started = time.monotonic()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Takes down which samples are asked: `-k` and the like may have left some out."""
        if session.items:
            self._take(item.nodeid for item in session.items)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection(self) -> Generator[None, object, object]:
        """Before a gated run asks anything, looks whether its judge can be trusted."""
        if self._gate is not None:
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
        ids = {case.partition("[")[2].removesuffix("]") for case in cases}
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
                self._keep(_line_of(outcome, session.config)[0])
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
            write_results(self._folder, report, records)
        with self._failures.noted():
            linked = self._bring(report, records)
            contents = Contents(report=report, records=records, counted=counted, error=error, linked=linked)
            write_run_page(self._folder.path, contents)
        with self._failures.noted():
            tell_github(report, records)

    def _bring(self, report: Report, records: Sequence[Record]) -> Linked:
        """Puts frames beside the page, and clips where that was asked for; says where clips are."""
        config, linked, place = self._session.config, linked_to(report), self._folder.path / PAGE_FOLDER
        if config.stash[REPORT_OPTIONS].report_media:
            clips = {sample.id: sample.clip for sample in self._samples}
            linked = replace(linked, urls=place_clips(records, place, clips, reader_of(config)))
        place_frames(records, place, cache_of(config).media.find)
        return linked

    def _reported(self) -> Report:
        took = {"retries": self._progress.retries, "seconds": round(time.monotonic() - self._started, 3)}
        background = self._background.model_copy(update=took)
        if self._keeper is None:
            return report_of(self._sorted(), background)
        counted = sorted(self._keeper.counted(), key=lambda record: record.id)
        return self._keeper.conclude(report_of(counted, background, self._keeper.error))

    def _pass_on(self, verdict: Verdict | None) -> None:
        """The verdict for junit.xml and as exit code, unless the run ended before it was over, or more went wrong.

        A shard has none, and has done its part.
        """
        if verdict is not None and (xml := self._session.config.stash.get(xml_key, None)) is not None:
            for name, value in properties_of(verdict):
                xml.add_global_property(name, value)
        over = self._session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        if (over or self._stopped) and not self._stray:
            self._session.exitstatus = EXIT_CODES[verdict.word] if verdict else pytest.ExitCode.OK

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport) -> None:
        """Makes a record of a sample over which two workers have died."""
        for sample in self._samples:
            if crashitem.endswith(f"[{sample.id}]"):
                dead = Unscored(sample=sample, stage="run", error="Two worker processes died over this sample.")
                setattr(report, RECORD, _line_of(dead, self._session.config)[0])

    @pytest.hookimpl(tryfirst=True)
    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Prints the table below everything else, brings along a junit.xml written elsewhere, lets go of the folder."""
        terminal = config.pluginmanager.getplugin("terminalreporter")
        written, kept = Path(config.option.xmlpath), self._folder.path / JUNIT
        with self._failures.noted():
            if self.records and written.exists() and written.resolve() != kept.resolve():
                shutil.copyfile(written, kept)
        with self._failures.noted():
            self._folder.close()
        if terminal is not None:
            self._print(terminal)
        if self._failures.found:
            self._session.exitstatus = pytest.ExitCode.INTERNAL_ERROR

    def _print(self, terminal: pytest.TerminalReporter) -> None:
        with self._failures.noted():
            if self.report is not None and self.records:
                print_scores(terminal, self.report, self._sorted())
        if self.records:
            write_lines(terminal, [f"The run is kept in {self._folder.path}"])
        with self._failures.noted():
            if self.report is not None:
                print_verdict(terminal, self.report, self._drift)
        write_lines(terminal, [*self._failures.lines(), *self._unshown.lines()], red=True)


def _line_of(outcome: Scored | Unscored, config: pytest.Config) -> tuple[str, str | None]:
    return line_of(outcome, bench_of(config).dataset.place_of(outcome.sample.clip))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """With `--estimate`, prints what the cases would cost in place of running them."""
    config = session.config
    if not (asks(config) and bench_of(config).options.estimate):
        return None
    with usage_errors():
        options = config.stash[REPORT_OPTIONS]
        roles = rehearse(session, gated=bool(options.gate or options.baseline))
    table = [*as_text(lines_of(roles)), *ends_of(roles)]
    if (terminal := config.pluginmanager.getplugin("terminalreporter")) is not None:
        terminal.write_sep("=", "MME-Emotion: what this command would ask; nothing has been asked", bold=True)
        write_lines(terminal, table)
    return True


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options about results."""
    add_options(parser, "MME-Emotion: results", ReportOptions)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Settles the run folder's name before pytest's own junitxml plugin asks where to write."""
    options = config.stash[REPORT_OPTIONS] = read_options(config, ReportOptions)
    if not asks(config) or config.getoption("--estimate") or is_worker(config):
        return
    usual = config.rootpath / usual_place(config.getoption("--model") or "signal")
    config.stash[RUN_PATH] = (options.run_dir or usual).absolute()
    if not config.option.xmlpath:
        config.option.xmlpath = str(config.stash[RUN_PATH] / JUNIT)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Makes the run folder, once questions and agents are known to be there."""
    config = session.config
    if RUN_PATH in config.stash:
        background = background_of(
            bench_of(config), agents_of(config), config.stash[EVALUATOR_OPTIONS], config.rootpath
        )
        with usage_errors():
            if (gate := _gate(config)) is not None:
                _put_to(gate, background, config)
            folder = RunFolder(config.stash[RUN_PATH])
        shown = Shown(config, Progress(background.selected))
        recorder = Recorder(session, folder, background, shown)
        config.pluginmanager.register(recorder, "mme-emotion-recorder")
        # after the recorder, and so before it in turn: what is amiss is said before the judge is checked
        config.pluginmanager.register(shown, "mme-emotion-progress")
        page = path_between(Path(config.getoption("htmlpath", None) or PAGE).absolute(), folder.path)
        whole = config.stash[REPORT_OPTIONS].html_all
        rows = HtmlRows(recorder.records, lambda: recorder.report, page, shown.failures, whole=whole)
        config.pluginmanager.register(rows, "mme-emotion-html")


def _put_to(gate: Gate, background: Background, config: pytest.Config) -> None:
    refuse_unpriced(gate, connected(config))
    config.stash[GATE] = gate
    if bench_of(config).options.shard:
        past_of(gate, background)
    else:
        early = config.stash[REPORT_OPTIONS].until_decided
        config.stash[TRIAL] = trial_of(gate, bench_of(config).samples, background, early=early)


def _gate(config: pytest.Config) -> Gate | None:
    options = config.stash[REPORT_OPTIONS]
    if options.until_decided and bench_of(config).options.shard:
        raise RunError("--until-decided needs all samples in one run: leave --shard away.")
    if options.until_decided and not (options.gate or options.baseline):
        raise RunError("--until-decided stops when a gate is settled: add --gate=FILE.toml or --baseline=RUN.")
    return read_gate(options.gate, options.baseline, options.baseline_allow, allow_substitute=options.allow_substitute)


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
    if not introduces(config):
        return []
    doubts = forecasts(config.stash[TRIAL]) if TRIAL in config.stash else []
    if GATE in config.stash and TRIAL not in config.stash:
        doubts = ["of a shard it checks the judge alone; `mme-emotion merge` decides it, over all shards"]
    return list(as_lines([*introduction(bench_of(config), agents_of(config)), *(f"gate: {doubt}" for doubt in doubts)]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Gives the report of a case, or of its failed set-up, the sample's record to carry."""
    report = yield
    outcome = item.stash.get(OUTCOME, None)
    if outcome is not None and (report.when == "call" or (report.when == "setup" and report.failed)):
        line, error = _line_of(outcome, item.config)
        setattr(report, RECORD, line)
        if error is not None and not report.failed:
            report.outcome, report.longrepr = "failed", error
        if is_worker(item.config):
            setattr(report, TRAFFIC, asdict(bench_of(item.config).limits.traffic))
    return report
