"""What a gated run is put to, settled before it starts."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from benchmark.data.selection import SEED, spread_out
from benchmark.errors import RunError
from benchmark.suite import suite_of
from benchmark.task import Sample
from evaluators.metrics.measures import Measures, measures_of
from reports.gate.gate import SAMPLES, Criterion, Gate, criteria_of
from reports.kept.past import PastRun, differences, read_past, refuse_unlike
from reports.kept.report import Background
from reports.stats.inference import cluster_codes, difference_test, score_test
from reports.stats.sequential import levels_of, looks_of

ASKED = ("targets", "label_set", "source", "recording")
"""Fields of a sample, and of its record, that scores and intervals depend on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a run is put to.

    Attributes:
        gate: the limits.
        criteria: what they demand of this run.
        past: the run compared with.
        differs: in what that differs, and may.
        floors: the constant guess's score by task.
        order: the samples in the order asked.
        early: whether to stop as soon as the verdict is settled.
        provenance: who is asked, and how.
    """

    gate: Gate
    criteria: tuple[Criterion, ...]
    past: PastRun | None
    differs: tuple[str, ...]
    floors: Mapping[str, float]
    order: tuple[Sample, ...]
    early: bool
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def measures(self) -> Measures:
        """What sums up the scores of the suite."""
        return measures_of(suite_of(self.provenance))

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
    past = past_of(gate, background)
    trial = Trial(
        gate=gate,
        criteria=(),
        past=past,
        differs=tuple(differences(past.report.provenance, background.provenance)) if past else (),
        floors=background.floors,
        order=tuple(in_order(samples, gate) if early else samples),
        early=early,
        provenance=background.provenance,
    )
    return narrowed(trial, {sample.id for sample in samples})


def past_of(gate: Gate, background: Background) -> PastRun | None:
    """The run compared with; None where the gate names none.

    Raises:
        RunError: it cannot be read or compared with.
    """
    past = read_past(gate.baseline) if gate.baseline else None
    if past is not None:
        refuse_unlike(past, background.provenance, gate.allow)
    return past


def refuse_unpriced(gate: Gate, asked: Iterable[object]) -> None:
    """Says no to a limit on the cost of requests whose price nobody knows.

    Raises:
        RunError: names the first model without a price.
    """
    for model in asked if gate.max_cost_usd is not None else ():
        if getattr(getattr(model, "endpoint", model), "price", None) is None:
            name = getattr(model, "name", "a model")
            raise RunError(
                f"The gate's max_cost_usd needs the price of {name}, in USD per million tokens:"
                f" --price={name}=INPUT/OUTPUT, or 0/0 for a server of your own."
            )


def narrowed(trial: Trial, ids: Set[str]) -> Trial:
    """The same over these samples alone.

    Raises:
        RunError: a task is not asked, the baseline has asked too few of them, or nothing could ever pass.
    """
    order = tuple(sample for sample in trial.order if sample.id in ids)
    tasks = [name for name in trial.measures.metrics if any(sample.task.name == name for sample in order)]
    trial = replace(trial, order=order, criteria=criteria_of(trial.gate, tasks, trial.floors, trial.measures))
    if trial.past is not None:
        _refuse_thin(trial.past, trial)
        _refuse_changed(trial.past, trial)
    for criterion in trial.criteria:
        _refuse_hopeless(criterion, trial)
    return trial


def _refuse_thin(past: PastRun, trial: Trial) -> None:
    common = sum(sample.id in past.records for sample in trial.order)
    if common < trial.gate.coverage * len(trial.order) and SAMPLES not in trial.gate.allow:
        raise RunError(
            f"The baseline {past.path} has asked {common} of these {len(trial.order)} samples: select the same ones, or"
            f" compare those alone with --baseline-allow={SAMPLES}."
        )


def _refuse_changed(past: PastRun, trial: Trial) -> None:
    """Says no to a baseline whose records ask something else under the same ids: its provenance may be another's."""
    for sample in trial.order if "data" not in trial.gate.allow else ():
        if (record := past.records.get(sample.id)) is None:
            continue
        found = [name for name in ASKED if getattr(record, name) != getattr(sample, name)]
        found += ["task"] if record.task != sample.task.name else []
        if found:
            raise RunError(
                f"The baseline {past.path} cannot be compared with: {sample.id} has another {found[0]} there. Make the"
                " baseline anew, or allow it with --baseline-allow=data."
            )


def in_order(samples: Sequence[Sample], gate: Gate) -> list[Sample]:
    """The random order in which a run asks that may stop early."""
    return spread_out(samples, gate.seed or SEED)


def _refuse_hopeless(criterion: Criterion, trial: Trial) -> None:
    members, error = trial.members(criterion), trial.gate.error_rate
    if criterion.limit >= 1:
        raise RunError(f"No run could pass the gate: in {criterion.place} a constant guess is always right.")
    level = levels_of(looks_of(len(trial.order)), error)[-1] if trial.early else error
    if _best(criterion, members) > level:
        run = "a run that gives the baseline's own answers" if criterion.kind == "drop" else "a run without a mistake"
        raise RunError(
            f'Not even {run} could pass the gate: {len(members)} samples are too few to show "{criterion}".'
            " Ask more, or set another limit; `mme-emotion power` says how many it takes."
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
