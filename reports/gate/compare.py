"""Compares two runs sample by sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from benchmark.suite import is_within, suite_of
from evaluators.measures import measures_of
from evaluators.metrics.metric import Measure
from reports.gate.gate import Criterion
from reports.gate.verdict import tally
from reports.kept.past import PastRun
from reports.kept.record import Record
from reports.stats.inference import ERROR, Interval, difference_interval, difference_test


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The difference of a score between two runs, over the samples that have a score in both; 0 to 1.

    Attributes:
        place: `overall`, one of several suites, or a task.
        measure: the score.
        first: the score of the first run.
        second: the score of the second run.
        interval: the 95 % interval of the true difference, paired by sample and clustered by recording.
        p: two-sided p-value of no difference; for tasks adjusted over all tasks of this score (Holm 1979).
        samples: the number of samples with a score in both runs.
        left_out: the number of other samples in either run.
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
    """The differences of the second run from the first: for each score overall, then by task."""
    present = {record.task for run in (first, second) for record in run.records.values()}
    found: list[Difference] = []
    for whole, suite in suite_of(first.report.provenance).places.items():
        measures = measures_of(suite)
        tasks = [name for name in suite.tasks if name in present]
        for measure in measures.by_name.values():
            places = [whole, *(name for name in tasks if measures.has(name, measure.name))]
            differences = [_between(place, measure, first.records, second.records) for place in places]
            found += _adjusted([difference for difference in differences if difference is not None], whole)
    return found


def _between(
    place: str, measure: Measure, first: Mapping[str, Record], second: Mapping[str, Record]
) -> Difference | None:
    """The difference with its own p-value; None if no sample has a score in both runs."""
    criterion = Criterion(kind="gain", place=place, measure=measure, limit=0.0)
    ours = tally(criterion, list(second.values()), first)
    at = ours.scored
    if not len(at):
        return None
    values, clusters, strata = ours.value[at], ours.clusters[at], ours.strata[at]
    tails = difference_test(values, clusters, 0.0, strata)
    either = {name for run in (first, second) for name, one in run.items() if is_within(place, one.task)}
    return Difference(
        place=place,
        measure=measure,
        first=float(ours.other[at].mean()),
        second=float((ours.other[at] + values).mean()),
        interval=difference_interval(values, clusters, ERROR, strata),
        p=min(1.0, 2 * min(tails.above, tails.below)),
        samples=len(at),
        left_out=len(either) - len(at),
    )


def _adjusted(found: Sequence[Difference], whole: str) -> list[Difference]:
    """With the tasks' p-values adjusted: in a third of comparisons one of eight tasks differs by chance."""
    tasks = [one for one in found if one.place != whole]
    adjusted = dict(zip([one.place for one in tasks], holm([one.p for one in tasks]), strict=True))
    return [replace(one, p=adjusted.get(one.place, one.p)) for one in found]


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for multiple tests, in the same order (Holm 1979, doi:10.2307/4615733)."""
    rising = sorted(range(len(p_values)), key=p_values.__getitem__)
    shares = (min(1.0, (len(p_values) - rank) * p_values[place]) for rank, place in enumerate(rising))
    adjusted = dict(zip(rising, accumulate(shares, max), strict=True))
    return [adjusted[place] for place in range(len(p_values))]
