"""Scores of many samples: measures over those with a score, and the bounds that those without one imply."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from evaluators.measures import Measures
from evaluators.metrics.metric import Measure, bounds_of, is_scored
from reports.kept.record import Record
from reports.kept.report import Scores
from reports.stats.inference import (
    ERROR,
    Clusters,
    Interval,
    Values,
    cluster_codes,
    macro_interval,
    mean,
    mean_interval,
    score_interval,
)


def aggregate(records: Sequence[Record], measures: Measures, error: float = ERROR) -> Scores:
    """The scores over these records, in which each task weighs by its size.

    Each interval misses the true score with probability `error`.
    """
    scored = list(filter(is_scored, records))
    known = {**measures.by_name, **measures.details}
    return Scores(
        samples=len(records),
        scored=len(scored),
        unscored=len(records) - len(scored),
        scores={name: measure.value(scored) for name, measure in known.items()},
        avg_steps=mean(len(record.steps) + 1 if record.prediction else None for record in scored),
        avg_tokens=mean(record.usage["model"].output_tokens for record in scored),
        intervals=_intervals(scored, known, error),
        bounds={name: bounds_of(measure, records) for name, measure in measures.by_name.items()},
    )


def _intervals(scored: Sequence[Record], measures: Mapping[str, Measure], error: float) -> Mapping[str, Interval]:
    if not scored:
        return {}
    clusters, tasks = (cluster_codes(getattr(record, of) for record in scored) for of in ("recording", "task"))
    columns = {name: measure.column(scored) for name, measure in measures.items()}
    return {
        name: (score_interval if measures[name].bounded else mean_interval)(column, clusters, error, tasks)
        for name, column in columns.items()
        if not np.isnan(column).any()
    }


def grouped(
    records: Iterable[Record], key: Callable[[Record], Iterable[str]], measures: Measures, error: float = ERROR
) -> Mapping[str, Scores]:
    """The scores by group, in order of first appearance; `key` gives the groups of a record, e.g. its labels."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        for name in key(record):
            groups[name].append(record)
    return {name: aggregate(members, measures, error) for name, members in groups.items()}


def macro(tasks: Iterable[Scores], measures: Measures) -> Mapping[str, float | None]:
    """The mean of the tasks' scores by measure, each task with equal weight; tasks without scored samples are left out.

    It is None where a task with scored samples lacks the measure, or no task has scored samples.
    """
    with_scores = [scores for scores in tasks if scores.scored]
    return {name: mean(scores.scores.get(name) for scores in with_scores) for name in measures.names}


def macro_intervals(records: Iterable[Record], measures: Measures, error: float = ERROR) -> Mapping[str, Interval]:
    """The interval of each true mean of the tasks' scores; clips of one recording may belong to several tasks."""
    scored = list(filter(is_scored, records))
    if not scored:
        return {}
    clusters = cluster_codes(record.recording for record in scored)
    tasks = cluster_codes(record.task for record in scored)
    columns = {name: by_task(measure, scored, tasks) for name, measure in measures.by_name.items()}
    return {
        name: macro_interval(column, clusters, tasks, error)
        for name, column in columns.items()
        if not np.isnan(column).any()
    }


def by_task(measure: Measure, records: Sequence[Record], tasks: Clusters) -> Values:
    """The measure's column, a number for each record, computed for each task separately."""
    column = np.full(len(records), np.nan)
    for task in np.unique(tasks):
        at = np.flatnonzero(tasks == task)
        column[at] = measure.column([records[place] for place in at.tolist()])
    return column
