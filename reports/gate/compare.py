"""Two runs beside each other, sample by sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from benchmark.suite import OVERALL, suite_of
from evaluators.metrics.measures import measures_of
from evaluators.metrics.metric import Measure
from reports.gate.gate import Criterion
from reports.gate.verdict import Tally, tally
from reports.kept.past import PastRun
from reports.kept.record import Record
from reports.stats.inference import ERROR, Interval, difference_interval, difference_test


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """By how much one run's score differs from another's over the samples that both have scored.

    Attributes:
        place: `overall` or a task.
        measure: which score.
        first: the earlier run's.
        second: the later run's.
        interval: where the true difference lies, 95 %, paired by sample and clustered by recording.
        p: two-sided p-value of no difference, adjusted among all tasks of this score (Holm 1979); overall stands alone.
        samples: how many both have scored.
        left_out: how many of either are not scored in both.
    """

    place: str
    measure: Measure
    first: float
    second: float
    interval: Interval
    p: float
    samples: int
    left_out: int


def compare(first: PastRun, second: PastRun) -> list[Difference]:
    """All differences that there are, by score, overall and then by task."""
    present = {record.task for run in (first, second) for record in run.records.values()}
    measures = measures_of(suite_of(first.report.provenance))
    places = [OVERALL, *(name for name in measures.metrics if name in present)]
    return [
        difference
        for measure in measures.by_name.values()
        for difference in _adjusted(
            [
                _between(place, measure, first.records, second.records)
                for place in places
                if measures.has(place, measure.name)
            ]
        )
    ]


def _between(
    place: str, measure: Measure, first: Mapping[str, Record], second: Mapping[str, Record]
) -> Difference | None:
    criterion = Criterion(kind="gain", place=place, measure=measure, limit=0.0)
    ours = tally(criterion, list(second.values()), first)
    at = _scored(ours)
    if not len(at):
        return None
    values, clusters = ours.value[at], ours.clusters[at]
    tails = difference_test(values, clusters, 0.0)
    either = {name for run in (first, second) for name, one in run.items() if place in (OVERALL, one.task)}
    return Difference(
        place=place,
        measure=measure,
        first=float(ours.other[at].mean()),
        second=float((ours.other[at] + values).mean()),
        interval=difference_interval(values, clusters, ERROR),
        p=min(1.0, 2 * min(tails.above, tails.below)),
        samples=len(at),
        left_out=len(either) - len(at),
    )


def _scored(ours: Tally) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    return np.flatnonzero(ours.member & ~np.isnan(ours.value))


def _adjusted(found: Sequence[Difference | None]) -> list[Difference]:
    """With the tasks' p-values adjusted: of eight tasks one differs by chance every third time."""
    there = [one for one in found if one is not None]
    tasks = [one for one in there if one.place != OVERALL]
    adjusted = dict(zip([one.place for one in tasks], holm([one.p for one in tasks]), strict=True))
    return [replace(one, p=adjusted.get(one.place, one.p)) for one in there]


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for there being several, in their order (Holm 1979, doi:10.2307/4615733)."""
    rising = sorted(range(len(p_values)), key=p_values.__getitem__)
    shares = (min(1.0, (len(p_values) - rank) * p_values[place]) for rank, place in enumerate(rising))
    adjusted = dict(zip(rising, accumulate(shares, max), strict=True))
    return [adjusted[place] for place in range(len(p_values))]
