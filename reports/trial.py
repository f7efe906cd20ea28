"""What a gated run is put to, settled before it starts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.errors import RunError
from benchmark.selection import SEED, spread_out
from benchmark.task import TASKS, Sample
from reports.gate import Criterion, Gate, criteria_of
from reports.inference import cluster_codes, difference_test, score_test
from reports.past import PastRun, differences, read_past, refuse_unlike
from reports.report import Background


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a run is put to.

    Attributes:
        gate: the limits.
        criteria: what they demand of this run.
        past: the run compared with.
        differs: in what that differs, and may.
        order: the samples in the order asked.
        early: whether to stop as soon as the verdict is settled.
    """

    gate: Gate
    criteria: tuple[Criterion, ...]
    past: PastRun | None
    differs: tuple[str, ...]
    order: tuple[Sample, ...]
    early: bool

    def members(self, criterion: Criterion) -> list[Sample]:
        """The samples that bear on a criterion."""
        kept = self.past.records if self.past and criterion.compares else None
        return [
            sample
            for sample in self.order
            if criterion.place in ("overall", sample.task.name) and (kept is None or sample.id in kept)
        ]


def trial_of(gate: Gate, samples: Sequence[Sample], background: Background, *, early: bool) -> Trial:
    """What the gate demands of a run over these samples.

    Raises:
        RunError: the baseline cannot be read or compared with, a task is not asked, or nothing could ever pass.
    """
    past = read_past(gate.baseline) if gate.baseline else None
    if past is not None:
        refuse_unlike(past, background.provenance, gate.allow)
    tasks = [name for name in TASKS if any(sample.task.name == name for sample in samples)]
    trial = Trial(
        gate=gate,
        criteria=criteria_of(gate, tasks, background.floors),
        past=past,
        differs=tuple(differences(past.report.provenance, background.provenance)) if past else (),
        order=tuple(in_order(samples, gate) if early else samples),
        early=early,
    )
    for criterion in trial.criteria:
        _refuse_hopeless(criterion, trial)
    return trial


def in_order(samples: Sequence[Sample], gate: Gate) -> list[Sample]:
    """The random order in which a run asks that may stop early."""
    return spread_out(samples, gate.seed or SEED)


def _refuse_hopeless(criterion: Criterion, trial: Trial) -> None:
    members = trial.members(criterion)
    if _best(criterion, members) > trial.gate.error_rate:
        what = "if no answer differed from the baseline" if criterion.kind == "drop" else "without a mistake"
        raise RunError(
            f"The gate cannot be passed, even {what}: {len(members)} samples are too few to show"
            f' "{criterion}". Ask more samples or set another limit; `mme-emotion power` says how many it takes.'
        )


def _best(criterion: Criterion, members: Sequence[Sample]) -> float:
    """The p-value at the best that can happen: all right, all better, or where that shall do, none different."""
    if not members:
        return 1.0
    clusters = cluster_codes(sample.recording for sample in members)
    if criterion.kind == "drop":
        return difference_test(np.zeros(len(members)), clusters, criterion.limit).above
    test = difference_test if criterion.compares else score_test
    return test(np.ones(len(members)), clusters, criterion.limit).above
