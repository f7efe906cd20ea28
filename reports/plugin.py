"""The pytest plugin of the package: options for results, the run folder, the gate, and the exit code."""

import sys
from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path

import pytest
from _pytest.config import print_usage_error

from benchmark.errors import RunError
from benchmark.options import flag_of
from benchmark.plugin import (
    CASES,
    add_options,
    asks,
    bench_of,
    given_as,
    introduces,
    is_worker,
    read_options,
    runs_cases,
    shows,
    usage_errors,
)
from benchmark.run_setup import BenchmarkOptions
from evaluators.estimate import assumed_in, ends_of, lines_of
from evaluators.measures import measures_of
from evaluators.plugin import EVALUATOR_OPTIONS, OUTCOME, agents_of, connected, rehearse, sample_of
from reports.ending import UNKEPT
from reports.gate.gate import Gate
from reports.gate.trial import in_order, pasts_of, refuse_own_folder, refuse_unpriced, trial_of
from reports.handover import RECORD, REPORT_OPTIONS, record_line
from reports.kept.folder import JUNIT, PAGE, RunFolder, usual_place
from reports.kept.provenance import background_of, introduction
from reports.kept.report import Background
from reports.live.closing import clean_up
from reports.live.output import Spared, let_go, open_closed
from reports.live.plugin import TRAFFIC, Shown, write_lines
from reports.live.progress import Progress
from reports.options import ReportOptions
from reports.page.plugin import HtmlRows, path_between
from reports.recorder import GATE, TRIAL, Recorder
from reports.say import as_lines, tell
from reports.tables.power import forecasts
from reports.tables.table import as_text

pytest_plugins = ["benchmark.plugin"]
RUN_PATH = pytest.StashKey[Path]()
RECORDER = pytest.StashKey[Recorder]()

GATED = ("gate", "baseline", "reference", "until_decided")
"""Options that ask for a verdict, on the command line, in a file or in the ini section."""
OF_CASES = ("run_dir", "report_media", "max_cost")
"""Further options that need cases; they are refused without cases only on the command line."""
OF_FAILURES = ("lf", "stepwise", "stepwise_skip", "stepwise_reset", "looponfail")
"""Options of pytest and xdist that select tests by what failed last time."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """With `--estimate`, prints what the cases would ask and cost instead of running them."""
    config = session.config
    if not (asks(config) and bench_of(config).options.estimate):
        return None
    options = config.stash[REPORT_OPTIONS]
    with usage_errors():
        roles = rehearse(session, gated=bool(options.gate or options.baseline))
    asked = bench_of(config).samples
    table = [*as_text(lines_of(roles)), *assumed_in(asked), *ends_of(roles)]
    if (terminal := config.pluginmanager.getplugin("terminalreporter")) is not None:
        terminal.write_sep("=", "MME-Emotion: what this command would ask; nothing has been asked", bold=True)
        write_lines(terminal, table)
    return True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, int | None, int | None]:
    """Decides the exit code of a run with cases last, when no other plugin and no clean-up can change it."""
    status, escaped = None, None
    open_closed()
    try:
        status = yield
    except pytest.UsageError as refusal:
        if is_worker(config):
            raise
        status = _refuse(refusal)
    except BaseException as error:
        if RECORDER in config.stash:
            escaped = error
        elif isinstance(error, SystemExit) and not error.code:
            status = 0  # as Python would exit
        else:
            raise
    if RECORDER in config.stash:
        return config.stash[RECORDER].closing.end(status, escaped)
    if status == 0 and not is_worker(config):  # another plugin may have ended pytest before `pytest_refuse`
        try:
            if _is_gated(config):
                tell("Another plugin ended pytest before the run could start, so the gate has not been decided.")
                status = UNKEPT
        except pytest.UsageError as refusal:
            status = _refuse(refusal)
    if RUN_PATH in config.stash or status == pytest.ExitCode.USAGE_ERROR:
        clean_up(config)  # which closes standard output again if it was closed
        let_go()
    return status


def _refuse(refusal: pytest.UsageError) -> int:
    """Prints the refusal as pytest does, and returns the exit code."""
    if sys.stderr is not None:
        print_usage_error(refusal, Spared(sys.stderr))  # type: ignore[arg-type]
    return pytest.ExitCode.USAGE_ERROR


@pytest.hookimpl(tryfirst=True, specname="pytest_cmdline_main")
def pytest_refuse(config: pytest.Config) -> None:
    """Refuses a command line that asks for a verdict and cannot get one, before pytest does anything else with it."""
    if not is_worker(config):
        _is_gated(config)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declares the options for results."""
    add_options(parser, "MME-Emotion: results", ReportOptions)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Chooses the run folder before pytest's junitxml plugin asks where to write."""
    options = config.stash[REPORT_OPTIONS] = read_options(config, ReportOptions)
    if is_worker(config) or not asks(config):
        return
    asked = read_options(config, BenchmarkOptions)
    if asked.estimate:
        return
    config.stash[RUN_PATH] = (options.run_dir or config.rootpath / usual_place(asked.model)).absolute()
    if getattr(config.option, "xmlpath", JUNIT) is None:
        config.option.xmlpath = str(config.stash[RUN_PATH] / JUNIT)


def _is_gated(config: pytest.Config) -> bool:
    """Whether this command must end with a verdict.

    Raises:
        pytest.UsageError: options ask for a verdict that would never be decided, or for results of cases without cases.
    """
    textual = config.option.help or config.option.version  # these must work in a project whose ini section has a gate
    options = ReportOptions() if textual else read_options(config, ReportOptions)
    gates = [name for name in GATED if getattr(options, name) or config.getoption(name)]
    given = gates + [name for name in OF_CASES if config.getoption(name) and not textual]
    with usage_errors():
        if given and not (runs_cases(config) or textual):
            raise RunError(
                f"{given_as(config, given[0])} applies to the benchmark's cases, which are not among what pytest"
                f" collects ({' '.join(config.args)}); add {CASES}."
            )
        if gates and (showing := shows(config) or ("--help or --version" if textual else "")):
            raise RunError(
                f"{given_as(config, gates[0])} asks for a verdict, and {showing} gives none: omit one of them."
            )
        going_by = [name for name in OF_FAILURES if config.getoption(name, None)]
        if gates and going_by:
            raise RunError(
                f"{flag_of(going_by[0])} selects what failed last time, but {given_as(config, gates[0])} needs all"
                " samples; omit one of them."
            )
    return bool(gates) and not read_options(config, BenchmarkOptions).estimate


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Makes the run folder and the plugins that write to it; refuses a gate that the run could not pass."""
    config = session.config
    if RUN_PATH in config.stash:
        bench = bench_of(config)
        background = background_of(bench, agents_of(config), config.stash[EVALUATOR_OPTIONS], config.rootpath)
        with usage_errors():
            if (gate := _gate(config)) is not None:
                _prepare_gate(gate, background, config)
            folder = RunFolder(config.stash[RUN_PATH])
        shown = Shown(config, Progress(background.selected, bench.suite))
        recorder = config.stash[RECORDER] = Recorder(session, folder, background, shown)
        config.pluginmanager.register(recorder, "mme-emotion-recorder")
        # pytest calls the last registered plugin first: problems are printed before the judge is checked
        config.pluginmanager.register(shown, "mme-emotion-progress")
        page = path_between(Path(config.getoption("htmlpath", None) or PAGE).absolute(), folder.path)
        state, measures, whole = recorder.state, measures_of(bench.suite), config.stash[REPORT_OPTIONS].html_all
        rows = HtmlRows(state.records, measures, lambda: state.report, page, shown.failures, whole=whole)
        config.pluginmanager.register(rows, "mme-emotion-html")


def _prepare_gate(gate: Gate, background: Background, config: pytest.Config) -> None:
    refuse_unpriced(gate, connected(config))
    refuse_own_folder(gate, config.stash[RUN_PATH])
    config.stash[GATE] = gate
    if bench_of(config).options.shard:
        pasts_of(gate, background)
    else:
        early = config.stash[REPORT_OPTIONS].until_decided
        bench = bench_of(config)
        config.stash[TRIAL] = trial_of(gate, bench.samples, background, early=early, data=bench.dataset.samples)


def _gate(config: pytest.Config) -> Gate | None:
    """The gate that the options name.

    Raises:
        RunError: its file is malformed, or `--until-decided` has no gate, or only a shard, to decide on.
    """
    options = config.stash[REPORT_OPTIONS]
    if options.until_decided and bench_of(config).options.shard:
        raise RunError("--until-decided needs all samples in one run; omit --shard.")
    if options.until_decided and not (options.gate or options.baseline):
        raise RunError("--until-decided needs a gate; add --gate=FILE.toml or --baseline=RUN.")
    return options.read_gate(bench_of(config).suite)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--until-decided`, puts the cases in a random order that is the same in all processes."""
    if runs_cases(config) and config.stash[REPORT_OPTIONS].until_decided:
        with usage_errors():
            gate = _gate(config)
        bench = bench_of(config)
        order = in_order(bench.samples, gate, bench.respondent.name) if gate else ()
        places = {sample.id: place for place, sample in enumerate(order)}
        items.sort(key=lambda item: places[sample.id] if (sample := sample_of(item)) else -1)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Lines on the data, the model, the judge and the gate, with warnings about them."""
    if not introduces(config):
        return []
    doubts = forecasts(config.stash[TRIAL]) if TRIAL in config.stash else []
    if GATE in config.stash and TRIAL not in config.stash:
        doubts = ["in a shard it only checks the judge; `mme-emotion merge` decides it over all shards"]
    return list(as_lines([*introduction(bench_of(config), agents_of(config)), *(f"gate: {doubt}" for doubt in doubts)]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attaches the sample's record to the report of its case, or of the case's failed set-up."""
    report = yield
    outcome = item.stash.get(OUTCOME, None)
    if outcome is not None and (report.when == "call" or (report.when == "setup" and report.failed)):
        line, error = record_line(outcome, item.config)
        setattr(report, RECORD, line)
        if error is not None and not report.failed:
            report.outcome, report.longrepr = "failed", error
        if is_worker(item.config):
            setattr(report, TRAFFIC, asdict(bench_of(item.config).limits.traffic))
    return report
