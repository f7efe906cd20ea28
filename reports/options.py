"""The options for the results of a run."""

from dataclasses import dataclass
from pathlib import Path

from benchmark.options import option, switch
from benchmark.suite import Suite
from reports.gate.gate import SAMPLES, Aspects, Gate, read_gate
from reports.kept.past import COMPARED


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """Where results are written, and the gate and baseline that decide on them."""

    run_dir: Path | None = option(None, "DIR", "folder of the run's results (default: reports/runs/<model>-<time>)")
    gate: Path | None = option(None, "FILE.toml", "release gate: exit code 0 PASS, 1 FAIL, 6 INCONCLUSIVE, 7 UNTRUSTED")
    baseline: Path | None = option(
        None, "RUN", "run folder to compare with; without --gate, no score may be worse by more than two points"
    )
    reference: Path | None = option(
        None, "RUN", "run folder of a fixed release, from which scores must not drift away over many releases"
    )
    baseline_allow: Aspects = option((), "LIST", f"what may differ between the runs: {', '.join((*COMPARED, SAMPLES))}")
    allow_substitute: bool = switch("apply the gate although another model than the requested one answered")
    report_media: bool = switch("copy the clips into the run folder, and decode frames again that are no longer cached")
    html_all: bool = switch("include right answers in the page that --html writes")
    until_decided: bool = switch("evaluate in random order, and stop as soon as the verdict of the gate is certain")

    def read_gate(self, suite: Suite) -> Gate | None:
        """The gate that the options name, for runs of the suite; None without `gate` and `baseline`.

        Raises:
            RunError: the gate file cannot be read or is malformed.
        """
        return read_gate(
            self.gate,
            self.baseline,
            self.baseline_allow,
            allow_substitute=self.allow_substitute,
            reference=self.reference,
            suite=suite,
        )
