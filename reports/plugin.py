"""What pytest sees of results: the run folder, the table at the end, the properties in junit.xml."""

import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmark.catalogue import published_row
from benchmark.errors import EmotionError
from benchmark.limits import Traffic
from benchmark.options import option
from benchmark.plugin import Bench, add_options, bench_of, is_worker, read_options, runs_cases, usage_errors
from benchmark.task import TASKS, Sample
from evaluators.estimate import lines_of
from evaluators.lookup import PAPER_EXTRACTOR, PAPER_JUDGE, RULES
from evaluators.plugin import DEMO_NAME, ENGINE, EVALUATOR_OPTIONS, OUTCOME, Agents, agents_of, rehearse
from evaluators.scorer import Unscored
from reports.progress import Panel, Progress
from reports.provenance import commit_of, digest_of, versions
from reports.record import Record, record_of
from reports.reference import published_recognition, read_published
from reports.report import Background, Report, counts_of, notes_of, report_of, score_rows
from reports.run import JUNIT, REPORT, SUMMARY, RunFolder
from reports.stats import majority_floor
from reports.summary import summary_of
from reports.table import as_text


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """Where results go."""

    run_dir: Path | None = option(None, "DIR", "where the run is kept (default: reports/runs/<model>-<time>)")


REPORT_OPTIONS = pytest.StashKey[ReportOptions]()
RUN_PATH = pytest.StashKey[Path]()
RECORD = "mme_emotion_record"
"""The attribute of a report that carries a record from an xdist worker to the controller, as JSON."""


TRAFFIC = "mme_emotion_traffic"
"""The attribute that tells the controller what a worker's requests are about."""


class Recorder:
    """The pytest plugin of one run: keeps each record as it comes, shows how far it is, and the figures at the end."""

    def __init__(
        self, folder: RunFolder, background: Background, samples: Sequence[Sample], progress: Progress
    ) -> None:
        """Starts with nothing recorded."""
        self._folder = folder
        self._background = background
        self._samples = samples
        self._progress = progress
        self._records: dict[str, Record] = {}
        self._report: Report | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keeps the record that a report carries, on disk first; a disk that cannot take it ends the run."""
        line = getattr(report, RECORD, None)
        if line is not None:
            delattr(report, RECORD)  # pytest keeps its reports to the end
            self._keep(line)

    def _keep(self, line: str) -> None:
        record = Record.model_validate_json(line)
        if record.id in self._records:  # its worker died between reporting it and saying that it was done
            return
        try:
            self._folder.append(line)
        except EmotionError as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.INTERNAL_ERROR)
        self._records[record.id] = record
        self._progress.add(record)

    def _sorted(self) -> list[Record]:
        """In an order of their own: sums of fractions must not depend on who was done first."""
        return [self._records[name] for name in sorted(self._records)]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Writes the report and the summary, of whatever was finished, reported to pytest or not."""
        if ENGINE in session.config.stash:
            for outcome in session.config.stash[ENGINE].unclaimed():
                self._keep(record_of(outcome).model_dump_json())
        if self._records:
            self._report = report = report_of(self._sorted(), self._background)
            self._folder.write(REPORT, report.model_dump_json(indent=1) + "\n")
            self._folder.write(SUMMARY, summary_of(report, self._sorted()))

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
        terminal.write_sep("=", f"MME-Emotion: {report.model} (scores in percent)", bold=True)
        lines = [*as_text(score_rows(report)), "", *notes_of(report), f"{counts_of(self._sorted())}."]
        for line in [*lines, f"The run is kept in {self._folder.path}"]:
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
        table = as_text(lines_of(rehearse(session)))
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
        background = _background(config)
        with usage_errors():
            folder = RunFolder(config.stash[RUN_PATH])
        samples = bench_of(config).samples
        shown = Shown(config, Progress(len(samples)))
        config.pluginmanager.register(shown, "mme-emotion-progress")
        config.pluginmanager.register(Recorder(folder, background, samples, shown.progress), "mme-emotion-recorder")


def _background(config: pytest.Config) -> Background:
    bench, agents = bench_of(config), agents_of(config)
    published = published_row(bench.options.model)
    return Background(
        model=bench.respondent.name,
        provenance=_provenance(config, bench, agents),
        incomparable=tuple(_incomparable(bench, agents)),
        selected=len(bench.samples),
        floors=_floors(bench),
        published={
            name: recognition
            for name in (*TASKS, "overall")
            if published and (recognition := published_recognition(published, name)) is not None
        },
    )


def _floors(bench: Bench) -> Mapping[str, float]:
    """Of the whole data, not of the selection, where a constant guess would profit from hindsight."""
    asked = {sample.task.name for sample in bench.samples}
    samples = {name: [s for s in bench.dataset.samples if s.task.name == name] for name in TASKS if name in asked}
    samples["overall"] = [sample for members in samples.values() for sample in members]
    return {name: float(floor) for name, members in samples.items() if (floor := majority_floor(members)) is not None}


def _provenance(config: pytest.Config, bench: Bench, agents: Agents) -> Mapping[str, Any]:
    options = bench.options
    scheme, colon, rest = options.model.partition(":")
    spec = f"answers:{Path(rest).name}" if scheme == "answers" else f"{scheme}{colon}{rest}"
    return {
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "commit": commit_of(config.rootpath),
        "versions": versions(),
        "model": {"spec": spec, "identity": getattr(bench.respondent, "identity", None)},
        "extractor": {"name": agents.extractor.name, "identity": agents.extractor.identity},
        "judge": {"name": agents.judge.name, "identity": agents.judge.identity},
        "listener": agents.listener.name if agents.listener else None,
        "data": {"name": bench.dataset.name, "fingerprint": bench.dataset.fingerprint},
        "prompts": digest_of({"question": bench.template, **agents.templates}),
        "settings": {
            name: getattr(options, name)
            for name in ("frames", "fps", "modalities", "decoder", "tasks", "limit", "shard")
        },
    }


def _incomparable(bench: Bench, agents: Agents) -> Iterator[str]:
    counts = Counter(sample.task.name for sample in bench.samples)
    if bench.dataset.name == DEMO_NAME:
        yield "the clips are drawn and the voices synthetic; they test the path and measure nothing"
    elif counts != read_published()["samples"]:
        yield f"the run asks {counts.total()} samples, not the benchmark's {sum(read_published()['samples'].values())}"
    for role, name, paper in (
        ("extractor", agents.extractor.name, PAPER_EXTRACTOR),
        ("judge", agents.judge.name, PAPER_JUDGE),
    ):
        if name == RULES:
            yield f"the {role} is rules, a list of words"
        elif name != paper:
            yield f"the {role} is {name}, not {paper}"


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Who is asked what, who judges, and what is missing; the demo says loudly that it is one."""
    if not runs_cases(config):
        return []
    bench, agents = bench_of(config), agents_of(config)
    lines = [
        f"MME-Emotion: {bench.respondent.name} answers {len(bench.samples)} of {len(bench.dataset.samples)} samples"
        f" of {bench.dataset.name}; extractor {agents.extractor.name}, judge {agents.judge.name}"
    ]
    if bench.dataset.name == DEMO_NAME:
        lines.append(
            "THIS IS THE DEMO: drawn clips that test the path and measure nothing; --data=DIR for the benchmark"
        )
    missing = [why for sample in bench.samples if (why := bench.dataset.missing.get(sample.id))]
    if missing:
        lines.append(f"{len(missing)} clips cannot be used, their cases are errors; the first: {missing[0]}")
    unknown = getattr(bench.respondent, "unknown", ())
    unanswered = set(getattr(bench.respondent, "missing", ())).intersection(sample.id for sample in bench.samples)
    if unknown:
        lines.append(f"answers: {len(unknown)} ids are unknown and left alone, e.g. {', '.join(unknown[:3])}")
    if unanswered:
        lines.append(f"answers: {len(unanswered)} samples have none and are errors, e.g. {min(unanswered)}")
    return lines


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
