"""The trial of a gated run: what its gate demands, fixed before the run starts."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmark.data.selection import SEED, spread_out
from benchmark.errors import RunError
from benchmark.suite import Suite, is_within, suite_of
from benchmark.task import Sample
from reports.gate.gate import SAMPLES, Criterion, Gate, criteria_of
from reports.kept.past import PastRun, differences, read_past, refuse_unlike
from reports.kept.report import Background
from reports.stats.inference import cluster_codes, difference_test, score_test
from reports.stats.sequential import levels_of, looks_of

ASKED = ("targets", "label_set", "source", "recording", "group")
"""The fields of a sample and of its record that scores and intervals depend on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a gate demands of one run.

    Attributes:
        gate: the limits.
        criteria: the criteria that follow from them for this run.
        past: the baseline; None without one.
        differs: the aspects in which the baseline differs, as allowed.
        floors: the score of a constant guess by task.
        order: the samples in the order asked.
        early: whether to stop as soon as the verdict is settled.
        provenance: the provenance of the run.
    """

    gate: Gate
    criteria: tuple[Criterion, ...]
    past: PastRun | None
    differs: tuple[str, ...]
    floors: Mapping[str, float]
    order: tuple[Sample, ...]
    early: bool
    provenance: Mapping[str, Any]

    @property
    def suite(self) -> Suite:
        """The suite, or several as one."""
        return suite_of(self.provenance)

    def members(self, criterion: Criterion) -> list[Sample]:
        """The samples that count for a criterion."""
        kept = self.past.records if self.past and criterion.compares else None
        return [
            sample
            for sample in self.order
            if is_within(criterion.place, sample.task.name) and (kept is None or sample.id in kept)
        ]


def trial_of(gate: Gate, samples: Sequence[Sample], background: Background, *, early: bool) -> Trial:
    """The trial of a run on these samples; with `early` it may stop as soon as the verdict is settled.

    Raises:
        RunError: the baseline cannot be read or compared, a limited task is not asked, or no run could pass.
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
    """The gate's baseline; None if it has none.

    Raises:
        RunError: the baseline cannot be read or compared.
    """
    past = read_past(gate.baseline) if gate.baseline else None
    if past is not None:
        refuse_unlike(past, background.provenance, gate.allow)
    return past


def refuse_unpriced(gate: Gate, asked: Iterable[object]) -> None:
    """Refuses a limit on the cost if the price of a model is unknown; `asked` are the models and agents of the run.

    Raises:
        RunError: a model has no price.
    """
    for model in asked if gate.max_cost_usd is not None else ():
        if getattr(getattr(model, "endpoint", model), "price", None) is None:
            name = getattr(model, "name", "a model")
            raise RunError(
                f"The gate's max_cost_usd needs the price of {name}, in USD per million tokens:"
                f" --price={name}=INPUT/OUTPUT, or 0/0 for a server of your own."
            )


def narrowed(trial: Trial, ids: Set[str]) -> Trial:
    """The same trial for only the samples with these ids.

    Raises:
        RunError: a limited task is not asked, the baseline has too few of the samples, or no run could pass.
    """
    order = tuple(sample for sample in trial.order if sample.id in ids)
    tasks = [name for name in trial.suite.tasks if any(sample.task.name == name for sample in order)]
    trial = replace(trial, order=order, criteria=criteria_of(trial.gate, tasks, trial.floors, trial.suite))
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
            f"The baseline {past.path} has only {common} of these {len(trial.order)} samples; select the same samples,"
            f" or compare only the common ones with --baseline-allow={SAMPLES}."
        )


def _refuse_changed(past: PastRun, trial: Trial) -> None:
    """Refuses a baseline whose samples differ under the same ids; the fingerprint in its provenance may be false."""
    for sample in trial.order if "data" not in trial.gate.allow else ():
        if (record := past.records.get(sample.id)) is None:
            continue
        found = [name for name in ASKED if getattr(record, name) != getattr(sample, name)]
        found += ["task"] if record.task != sample.task.name else []
        if found:
            raise RunError(
                f"The baseline {past.path} cannot be compared: the sample {sample.id} differs there in its {found[0]}."
                " Run the baseline again, or allow this with --baseline-allow=data."
            )


def in_order(samples: Sequence[Sample], gate: Gate) -> list[Sample]:
    """The samples in the random order in which a run that may stop early asks them."""
    return spread_out(samples, gate.seed or SEED)


def _refuse_hopeless(criterion: Criterion, trial: Trial) -> None:
    """Refuses a criterion that not even the best possible run could meet."""
    members, error = trial.members(criterion), trial.gate.error_rate
    if criterion.limit >= 1:
        raise RunError(
            f"No run could pass the gate: in {criterion.place} a constant guess is always right; remove `above`."
        )
    level = levels_of(looks_of(len(trial.order)), error)[-1] if trial.early else error
    if _best(criterion, members) > level:
        run = "a run that gives the baseline's own answers" if criterion.kind == "drop" else "a run without a mistake"
        raise RunError(
            f'Not even {run} could pass the gate: {len(members)} samples are too few to show "{criterion}".'
            " Ask more samples, or set another limit; `mme-emotion power` says how many samples a limit needs."
        )


def _best(criterion: Criterion, members: Sequence[Sample]) -> float:
    """The p-value of the best possible run: all samples right, or better or, for a drop, like the baseline's."""
    if not members:
        return 1.0
    clusters = cluster_codes(sample.recording for sample in members)
    if criterion.kind == "drop":
        return difference_test(np.zeros(len(members)), clusters, criterion.limit).above
    test = difference_test if criterion.compares else score_test
    return test(np.ones(len(members)), clusters, criterion.limit).above
