"""What a run may be told of its results."""

from dataclasses import dataclass
from pathlib import Path

from benchmark.options import option
from reports.gate.gate import SAMPLES, Aspects
from reports.kept.past import COMPARED


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """Where results go."""

    run_dir: Path | None = option(None, "DIR", "where the run is kept (default: reports/runs/<model>-<time>)")
    gate: Path | None = option(None, "FILE.toml", "release gate: exit code 0 PASS, 1 FAIL, 6 INCONCLUSIVE, 7 UNTRUSTED")
    baseline: Path | None = option(
        None, "RUN", "run directory to compare with; without --gate, no score may be worse by more than a point"
    )
    baseline_allow: Aspects = option((), "LIST", f"in what the runs may differ: {', '.join((*COMPARED, SAMPLES))}")
    allow_substitute: bool = option(
        default=False, metavar="", text="gate a run though another model has answered in place of the one asked for"
    )
    report_media: bool = option(
        default=False, metavar="", text="put the clips beside the report, playable, and decode frames that are gone"
    )
    html_all: bool = option(default=False, metavar="", text="list right answers too in the page that --html writes")
    until_decided: bool = option(
        default=False, metavar="", text="ask in random order, and stop as soon as the gate's verdict is settled"
    )
