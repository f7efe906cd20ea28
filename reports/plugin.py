"""What pytest sees of results: the run folder, the table at the end, the properties in junit.xml."""

import shutil
import time
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmark.catalogue import published_row
from benchmark.errors import EmotionError
from benchmark.options import option
from benchmark.plugin import Bench, add_options, bench_of, is_worker, read_options, runs_cases, usage_errors
from benchmark.task import TASKS
from evaluators.lookup import PAPER_EXTRACTOR, PAPER_JUDGE, RULES
from evaluators.plugin import DEMO_NAME, OUTCOME, Agents, agents_of
from reports.provenance import commit_of, digest_of, versions
from reports.record import Record, record_of
from reports.reference import published_recognition, read_published
from reports.report import Background, counts_of, notes_of, report_of, score_rows
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


class Recorder:
    """The pytest plugin of one run: keeps each record as it comes, and the figures at the end."""

    def __init__(self, folder: RunFolder, background: Background) -> None:
        """Starts with nothing recorded."""
        self._folder = folder
        self._background = background
        self._records: list[Record] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keeps the record that a report carries, on disk first; a disk that cannot take it ends the run."""
        line = getattr(report, RECORD, None)
        if line is None:
            return
        record = Record.model_validate_json(line)
        try:
            self._folder.append(record)
        except EmotionError as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.INTERNAL_ERROR)
        self._records.append(record)

    def pytest_sessionfinish(self) -> None:
        """Writes the report and the summary, of whatever was finished."""
        if self._records:
            report = report_of(self._records, self._background)
            self._folder.write(REPORT, report.model_dump_json(indent=1) + "\n")
            self._folder.write(SUMMARY, summary_of(report, self._records))

    @pytest.hookimpl(tryfirst=True)
    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Prints the table below everything else, brings along a junit.xml written elsewhere, lets go of the folder."""
        terminal = config.pluginmanager.getplugin("terminalreporter")
        written, kept = Path(config.option.xmlpath), self._folder.path / JUNIT
        if self._records and written.exists() and written.resolve() != kept.resolve():
            shutil.copyfile(written, kept)
        self._folder.close()
        if self._records and terminal is not None:
            self._print(terminal)

    def _print(self, terminal: pytest.TerminalReporter) -> None:
        report = report_of(self._records, self._background)
        terminal.write_sep("=", f"MME-Emotion: {report.model} (scores in percent)", bold=True)
        lines = [*as_text(score_rows(report)), "", *notes_of(report), f"{counts_of(self._records)}."]
        for line in [*lines, f"The run is kept in {self._folder.path}"]:
            terminal.write_line(line)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options about results."""
    add_options(parser, "MME-Emotion: results", ReportOptions)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Settles the run folder's name before pytest's own junitxml plugin asks where to write."""
    options = config.stash[REPORT_OPTIONS] = read_options(config, ReportOptions)
    if not runs_cases(config) or config.option.collectonly or is_worker(config):
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
        config.pluginmanager.register(Recorder(folder, background), "mme-emotion-recorder")


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
    return report
