"""How many samples a margin needs, as a table and sentences."""

from functools import partial

from reports.gate.power import CHANGED, POWER, SHARES, Pilot, margin_shown, samples_needed
from reports.gate.trial import Trial
from reports.gate.verdict import FEW
from reports.tables.verdict import few_recordings


def power_rows(margin: float, pilot: Pilot | None, *, error: float, power: float) -> list[tuple[str, ...]]:
    """Headings, then a row for each assumed share of answers that change, or one row for the two runs of `pilot`."""
    needed = partial(samples_needed, margin, error=error, power=power)
    if pilot is not None:
        alone, clustered = needed(pilot.variance), needed(pilot.variance, effect=pilot.effect)
        head = ("Measured on", "Variance", "Design effect", "Samples", "Clustered")
        return [
            head,
            (f"{pilot.samples} samples", f"{pilot.variance:.3f}", f"{pilot.effect:.2f}", f"{alone}", f"{clustered}"),
        ]
    rows = [(f"{share:.0%}", f"{needed(share)}") for share in SHARES]
    return [("Answers that change", "Samples"), *rows]


def forecasts(trial: Trial) -> list[str]:
    """Warnings that the gate is likely not to decide, or has few recordings to decide by, a sentence each."""
    error, lines = trial.gate.error_rate, []
    places: dict[str, int] = {}
    for criterion in trial.criteria:
        members = trial.members(criterion)
        count, places[criterion.place] = len(members), len({sample.recording for sample in members})
        if criterion.kind in ("drop", "drift") and margin_shown(count, CHANGED, error=error) > -criterion.limit:
            needed = samples_needed(-criterion.limit, CHANGED, error=error)
            lines.append(
                f'likely INCONCLUSIVE: {count} samples are probably too few to show "{criterion}"; if nothing has '
                f"changed and one answer in five differs, {needed} samples show it with a probability of {POWER:.0%}"
            )
        if criterion.kind == "drop" and (lacking := 1 - trial.gate.coverage) >= -criterion.limit:
            lines.append(
                f"the coverage of {trial.gate.coverage:.1%} lets {lacking:.1%} of the samples have no score, and these"
                f' may use up the margin of "{criterion}"; set a higher coverage or allow a larger difference'
            )
    return lines + [few_recordings(place, found) for place, found in places.items() if found < FEW]
