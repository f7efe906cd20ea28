"""Scores as people would give them, estimated from the samples whose steps people have rated."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import mean

import numpy as np

from benchmark.errors import RunError
from benchmark.suite import is_within
from benchmark.text import QUOTED, one_line
from evaluators.metrics.metric import Mean, Measure
from reports.figures.ratings import Sheet, on_one_line, rated_steps
from reports.kept.record import Record
from reports.stats.inference import Values, cluster_codes
from reports.stats.labels import Corrected, corrected

FEW, LEAST = 50, 10
"""Labelled recordings below which intervals are rough, and below which there are none."""

Remade = Callable[[Record], Mapping[str, Fraction | None]]
"""Computes the marks of a record again from its rated steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What people say of the samples of a run.

    Attributes:
        records: samples with the scores that follow from people's ratings, by id; several people count by their mean.
        inclusion: the probability with which each sample was chosen to be rated, by its id as a sheet has it.
        partly: how many samples have ratings of some of their steps only, and so no score.
        unknown: how many samples of the sheet the run does not have.
    """

    records: Mapping[str, Record]
    inclusion: Mapping[str, float]
    partly: int
    unknown: int


def labels_of(sheet: Sheet, records: Iterable[Record], remade: Remade) -> Labels:
    """The scores by people of those samples whose steps they have all rated.

    Raises:
        RunError: no sample of the run is rated as a whole, or a step is rated that an answer does not have.
    """
    ratings: dict[str, dict[int, list[Fraction]]] = {}
    for rated in sheet.humans.values():
        for (name, step), rating in rated.items():
            ratings.setdefault(name, {}).setdefault(step, []).append(rating)
    known = {on_one_line(record.id): record for record in records if record.prediction is not None}
    found, partly = {}, 0
    for name in ratings.keys() & known.keys():
        record, steps = known[name], ratings[name]
        if (last := max(steps)) > (there := len(rated_steps(record))):
            raise RunError(
                f"{sheet.path} rates step {last} of {one_line(name, QUOTED)}, whose answer has {there} in this run;"
                " a rating belongs to the answer of one run."
            )
        if steps.keys() == set(range(1, there + 1)):
            found[record.id] = _ratedby_people(record, [mean(steps[step]) for step in sorted(steps)], remade)
        else:
            partly += 1
    if not found:
        raise RunError(
            f"{sheet.path} rates no sample of this run as a whole; rate every step of a sample, the last one included."
        )
    return Labels(records=found, inclusion=sheet.inclusion, partly=partly, unknown=len(ratings.keys() - known.keys()))


def _ratedby_people(record: Record, ratings: Sequence[Fraction], remade: Remade) -> Record:
    steps = [
        step.model_copy(update={"rating": f"{rating.numerator}/{rating.denominator}", "votes": {}})
        for step, rating in zip(rated_steps(record), ratings, strict=True)
    ]
    rated = record.model_copy(update={"steps": tuple(steps[:-1]), "prediction": steps[-1]})
    marks = remade(rated)
    scores = {name: None if mark is None else float(mark) for name, mark in marks.items()}
    return rated.model_copy(update={"scores": {**record.scores, **scores}})


def corrected_score(measure: Measure, place: str, records: Sequence[Record], labels: Labels) -> Corrected | None:
    """The score of `overall` or a task as people would give it; None with fewer than `LEAST` labelled recordings."""
    chosen = [record for record in records if is_within(place, record.task)]
    return _corrected(measure, [(record, None) for record in chosen], labels, None)


def corrected_difference(
    measure: Measure, place: str, pairs: Sequence[tuple[Record, Record]], first: Labels, second: Labels
) -> Corrected | None:
    """The second run's score less the first's, as people would give them, over samples that are in both runs.

    Equal answers do not differ, whatever a judge makes of them, and need no label. Of the others, only samples of which
    people rated both answers count as labelled. None with fewer than `LEAST` such recordings.
    """
    chosen = [(after, before) for before, after in pairs if is_within(place, after.task)]
    return _corrected(measure, chosen, second, first)


def _corrected(
    measure: Measure, chosen: Sequence[tuple[Record, Record | None]], ours: Labels, theirs: Labels | None
) -> Corrected | None:
    if not isinstance(measure, Mean) or not chosen:  # others are no sums over samples, which is what is corrected
        return None
    judged = measure.column([one for one, _ in chosen])
    rated = by_people(measure, [one for one, _ in chosen], ours)
    certain = np.zeros(len(chosen), dtype=bool)
    if theirs is not None:
        others = [other for _, other in chosen if other is not None]
        judged = judged - measure.column(others)
        certain = np.array([are_equal(one, other) for (one, _), other in zip(chosen, others, strict=True)], dtype=bool)
        rated = np.where(certain, 0.0, rated - by_people(measure, others, theirs))
    scored = ~np.isnan(judged)
    inclusion = np.array([ours.inclusion.get(on_one_line(one.id), 1.0) for one, _ in chosen])
    clusters = cluster_codes(one.recording for one, _ in chosen)
    lowest = 0.0 if theirs is None else -1.0
    found = corrected(judged[scored], rated[scored], inclusion[scored], clusters[scored], lowest, certain[scored])
    return found if found is not None and found.clusters >= LEAST else None


def are_equal(one: Record, other: Record) -> bool:
    """Whether two runs gave the same answer, so that people would rate both alike."""
    return one.answer is not None and (one.answer, one.thoughts) == (other.answer, other.thoughts)


def by_people(measure: Measure, records: Sequence[Record], labels: Labels) -> Values:
    """The measure by people's ratings, shape (records,); nan for samples that they did not rate."""
    values = np.full(len(records), np.nan)
    at = [number for number, record in enumerate(records) if record.id in labels.records]
    if at:
        values[at] = measure.column([labels.records[records[number].id] for number in at])
    return values
