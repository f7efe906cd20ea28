"""The trial of a gated run: what its gate demands, fixed before the run starts."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.data.selection import spread_out
from benchmark.errors import RunError
from benchmark.models.floors import guessed_right
from benchmark.suite import Suite, is_within, suite_of
from benchmark.task import Sample
from reports.figures.labels import Labels
from reports.gate.gate import OTHERS, SAMPLES, Criterion, Gate, criteria_of
from reports.kept.past import PastRun, differences, read_past, refuse_unlike
from reports.kept.record import Record
from reports.kept.report import Background
from reports.stats.inference import cluster_codes, difference_test, score_test
from reports.stats.sequential import levels_of, looks_of

ORDER = "until decided"
"""Part of the seed of the order in which `--until-decided` asks; `--limit` has another one."""
ASKED = ("targets", "label_set", "source", "recording", "group")
"""The fields of a sample and of its record that scores and intervals depend on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a gate demands of one run.

    Attributes:
        gate: the limits.
        criteria: the criteria that follow from them for this run.
        pasts: the runs to compare with: `baseline`, and `reference` if there is one.
        differs: the aspects in which they differ, as allowed.
        floors: the score of a constant guess by task.
        guesses: whether that guess is right, by the sample's id; empty if the gate has no floor.
        order: the samples in the order asked.
        early: whether to stop as soon as the verdict is settled.
        provenance: the provenance of the run.
        labels: people's ratings of the run itself, by "", and of `pasts`, by their names; empty without.
    """

    gate: Gate
    criteria: tuple[Criterion, ...]
    pasts: Mapping[str, PastRun]
    differs: tuple[str, ...]
    floors: Mapping[str, float]
    guesses: Mapping[str, bool]
    order: tuple[Sample, ...]
    early: bool
    provenance: Mapping[str, Any]
    labels: Mapping[str, Labels] = field(default_factory=dict)

    @property
    def suite(self) -> Suite:
        """The suite, or several as one."""
        return suite_of(self.provenance)

    @property
    def past(self) -> PastRun | None:
        """The baseline; None without one."""
        return self.pasts.get("baseline")

    def compared(self, criterion: Criterion) -> Mapping[str, Record] | None:
        """The records, by the sample's id, of the run that a criterion compares with; None if it compares with none."""
        return self.pasts[OTHERS[criterion.kind]].records if criterion.compares else None

    def labels_of(self, criterion: Criterion) -> tuple[Labels, ...]:
        """People's ratings of the run, and of the one that the criterion compares with; empty without ratings."""
        names = ("", OTHERS[criterion.kind]) if criterion.compares else ("",)
        return tuple(self.labels[name] for name in names) if self.labels else ()

    def members(self, criterion: Criterion) -> list[Sample]:
        """The samples that count for a criterion."""
        kept = self.compared(criterion)
        return [
            sample
            for sample in self.order
            if is_within(criterion.place, sample.task.name) and (kept is None or sample.id in kept)
        ]


def trial_of(
    gate: Gate, samples: Sequence[Sample], background: Background, *, early: bool, data: Sequence[Sample] = ()
) -> Trial:
    """The trial of a run on these samples; with `early` it may stop as soon as the verdict is settled.

    `data` are all samples of the data, from which the constant guess follows; without them, it follows from `samples`.

    Raises:
        RunError: the baseline cannot be read or compared, a limited task is not asked, or no run could pass.
    """
    pasts = pasts_of(gate, background)
    found = [differences(past.report.provenance, background.provenance) for past in pasts.values()]
    trial = Trial(
        gate=gate,
        criteria=(),
        pasts=pasts,
        differs=tuple(dict.fromkeys(chain.from_iterable(found))),
        floors=background.floors,
        guesses=guessed_right(data or samples) if gate.above else {},
        order=tuple(in_order(samples, gate, background.model) if early else samples),
        early=early,
        provenance=background.provenance,
    )
    return narrowed(trial, {sample.id for sample in samples})


def pasts_of(gate: Gate, background: Background) -> Mapping[str, PastRun]:
    """The gate's `baseline` and `reference`, as far as it has them.

    Raises:
        RunError: one of them cannot be read or compared.
    """
    paths = {"baseline": gate.baseline, "reference": gate.reference}
    pasts = {role: read_past(path) for role, path in paths.items() if path is not None}
    for past in pasts.values():
        refuse_unlike(past, background.provenance, gate.allow)
    return pasts


def refuse_own_folder(gate: Gate, folder: Path) -> None:
    """Refuses a run that would replace its own baseline.

    Raises:
        RunError: `folder`, the run directory, is the baseline's or the reference's.
    """
    for role, path in (("baseline", gate.baseline), ("reference", gate.reference)):
        if path is not None and folder.resolve() == path.resolve():
            raise RunError(f"--run-dir={folder} is the {role}'s own folder, which is kept; choose another folder.")


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
    for role, past in trial.pasts.items():
        _refuse_thin(role, past, trial)
        _refuse_changed(role, past, trial)
    for criterion in trial.criteria:
        _refuse_hopeless(criterion, trial)
    return trial


def _refuse_thin(role: str, past: PastRun, trial: Trial) -> None:
    common = sum(sample.id in past.records for sample in trial.order)
    if common < trial.gate.coverage * len(trial.order) and SAMPLES not in trial.gate.allow:
        raise RunError(
            f"The {role} {past.path} has only {common} of these {len(trial.order)} samples; select the same samples,"
            f" or compare only the common ones with --baseline-allow={SAMPLES}."
        )


def _refuse_changed(role: str, past: PastRun, trial: Trial) -> None:
    """Refuses a run to compare with whose samples differ under the same ids; its fingerprint may be false."""
    for sample in trial.order if "data" not in trial.gate.allow else ():
        if (record := past.records.get(sample.id)) is None:
            continue
        found = [name for name in ASKED if getattr(record, name) != getattr(sample, name)]
        found += ["task"] if record.task != sample.task.name else []
        if found:
            raise RunError(
                f"The {role} {past.path} cannot be compared: the sample {sample.id} differs there in its {found[0]}."
                f" Run the {role} again, or allow this with --baseline-allow=data."
            )


def in_order(samples: Sequence[Sample], gate: Gate, model: str) -> list[Sample]:
    """The samples in the random order in which a run that may stop early asks that model.

    Without a seed in the gate the order changes with the model's name, so that releases are not all decided by the same
    samples, and it never begins with those that `--limit` selects.
    """
    return spread_out(samples, f"{ORDER}\n{gate.seed or model}")


def _refuse_hopeless(criterion: Criterion, trial: Trial) -> None:
    """Refuses a criterion that not even the best possible run could meet."""
    members, error = trial.members(criterion), trial.gate.error_rate
    if criterion.limit >= 1:
        raise RunError(
            f"No run could pass the gate: in {criterion.place} a constant guess is always right; remove `above`."
        )
    level = levels_of(looks_of(len(trial.order)), error)[-1] if trial.early else error
    if _best(criterion, members, trial.guesses) > level:
        same = f"a run that gives the {OTHERS.get(criterion.kind)}'s own answers"
        run = same if criterion.kind in ("drop", "drift") else "a run without a mistake"
        raise RunError(
            f'Not even {run} could pass the gate: {len(members)} samples are too few to show "{criterion}".'
            " Ask more samples, or set another limit; `mme-emotion power` says how many samples a limit needs."
        )


def _best(criterion: Criterion, members: Sequence[Sample], guesses: Mapping[str, bool]) -> float:
    """The p-value of the best possible run: all samples right, or better or, for a drop, like the baseline's."""
    if not members:
        return 1.0
    clusters = cluster_codes(sample.recording for sample in members)
    if criterion.kind in ("drop", "drift"):
        return difference_test(np.zeros(len(members)), clusters, criterion.limit).above
    if criterion.least is None:
        return score_test(np.ones(len(members)), clusters, criterion.limit).above
    others = [criterion.kind == "floor" and guesses[sample.id] for sample in members]
    return difference_test(1.0 - np.array(others), clusters, criterion.least).above
