"""The options about a run's results."""

from dataclasses import dataclass
from pathlib import Path

from benchmark.options import option
from reports.gate.gate import SAMPLES, Aspects
from reports.kept.past import COMPARED


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """Where results are written, and what they are compared with."""

    run_dir: Path | None = option(None, "DIR", "folder of the run's results (default: reports/runs/<model>-<time>)")
    gate: Path | None = option(None, "FILE.toml", "release gate: exit code 0 PASS, 1 FAIL, 6 INCONCLUSIVE, 7 UNTRUSTED")
    baseline: Path | None = option(
        None, "RUN", "run folder to compare with; without --gate, no score may be worse by more than a point"
    )
    baseline_allow: Aspects = option((), "LIST", f"what may differ between the runs: {', '.join((*COMPARED, SAMPLES))}")
    allow_substitute: bool = option(
        default=False, metavar="", text="apply the gate although another model answered in place of the one asked for"
    )
    report_media: bool = option(
        default=False,
        metavar="",
        text="copy the clips beside the report, and decode frames again that are no longer cached",
    )
    html_all: bool = option(default=False, metavar="", text="include right answers in the page that --html writes")
    until_decided: bool = option(
        default=False, metavar="", text="ask in random order, and stop as soon as the verdict of the gate is certain"
    )
