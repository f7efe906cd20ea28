"""Scores as people would give them, estimated from the samples whose steps people have rated."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import RunError
from benchmark.suite import is_within
from benchmark.text import QUOTED, one_line
from evaluators.metrics.metric import Mean, Measure
from reports.figures.ratings import Sheet, on_one_line, rated_steps
from reports.kept.record import Record
from reports.stats.inference import Clusters, Values, cluster_codes
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


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """People's values of a measure for records of a run, or of their differences from another run, in arrays.

    Attributes:
        rated: the value by people; nan where there is none.
        inclusion: the probability with which the sample was chosen to be rated.
        certain: whether the value is known without people.
        lowest: the lowest value that there can be.
    """

    rated: Values
    inclusion: Values
    certain: NDArray[np.bool_]
    lowest: float

    def corrected(self, judged: Values, clusters: Clusters, at: NDArray[np.intp]) -> Corrected | None:
        """The mean by people over the samples given by index; None with fewer than `LEAST` rated recordings."""
        if not len(at):
            return None
        found = corrected(judged[at], self.rated[at], self.inclusion[at], clusters[at], self.lowest, self.certain[at])
        return found if found is not None and found.clusters >= LEAST else None


def people_of(
    measure: Measure,
    records: Sequence[Record],
    labels: Sequence[Labels],
    others: Sequence[Record | None] | None = None,
) -> People:
    """People's values of the records; with `others`, of their differences from these, where there is one.

    Equal answers do not differ, whatever a judge makes of them, and need no label. `labels` are those of the run and,
    with `others`, of theirs.
    """
    rated, certain = _by_people(measure, records, labels[0]), np.zeros(len(records), dtype=bool)
    if others is not None:
        pairs = list(zip(records, others, strict=True))
        certain = np.array([other is not None and are_equal(one, other) for one, other in pairs], dtype=bool)
        theirs = np.full(len(records), np.nan)
        at = [number for number, other in enumerate(others) if other is not None]
        theirs[at] = _by_people(measure, [other for other in others if other is not None], labels[1])
        rated = np.where(certain, 0.0, rated - theirs)
    return People(
        rated=rated,
        inclusion=np.array([labels[0].inclusion.get(on_one_line(record.id), 1.0) for record in records]),
        certain=certain,
        lowest=0.0 if others is None else -1.0,
    )


def corrected_score(measure: Measure, place: str, records: Sequence[Record], labels: Labels) -> Corrected | None:
    """The score of `overall` or a task as people would give it; None with fewer than `LEAST` labelled recordings.

    Also None for a measure that is no mean over samples.
    """
    chosen = [record for record in records if is_within(place, record.task)]
    if not isinstance(measure, Mean) or not chosen:
        return None
    return _corrected(measure.column(chosen), chosen, people_of(measure, chosen, (labels,)))


def corrected_difference(
    measure: Measure, place: str, pairs: Sequence[tuple[Record, Record]], first: Labels, second: Labels
) -> Corrected | None:
    """The second run's score less the first's, as people would give them, over samples that are in both runs.

    Only samples of which people rated both answers count as labelled. None with fewer than `LEAST` such recordings, or
    for a measure that is no mean over samples.
    """
    chosen = [pair for pair in pairs if is_within(place, pair[1].task)]
    if not isinstance(measure, Mean) or not chosen:
        return None
    before, after = ([pair[which] for pair in chosen] for which in (0, 1))
    judged = measure.column(after) - measure.column(before)
    return _corrected(judged, after, people_of(measure, after, (second, first), before))


def _corrected(judged: Values, records: Sequence[Record], people: People) -> Corrected | None:
    clusters = cluster_codes(record.recording for record in records)
    return people.corrected(judged, clusters, np.flatnonzero(~np.isnan(judged)))


def are_equal(one: Record, other: Record) -> bool:
    """Whether two runs gave the same answer, so that people would rate both alike."""
    return one.answer is not None and (one.answer, one.thoughts) == (other.answer, other.thoughts)


def _by_people(measure: Measure, records: Sequence[Record], labels: Labels) -> Values:
    """The measure by people's ratings, shape (records,); nan for samples that they did not rate."""
    values = np.full(len(records), np.nan)
    at = [number for number, record in enumerate(records) if record.id in labels.records]
    if at:
        values[at] = measure.column([labels.records[records[number].id] for number in at])
    return values
