"""Scores of many samples: means over those that have one, and what the others could change."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import fsum

import numpy as np

from reports.kept.record import Record
from reports.kept.report import NAMES, Scores
from reports.stats.inference import ERROR, Interval, cluster_codes, macro_interval, mean, score_interval


def aggregate(records: Sequence[Record], error: float = ERROR) -> Scores:
    """The scores of some samples together: a plain mean, so that a task weighs by its size.

    Intervals miss the true score with probability `error`.
    """
    scored = [record for record in records if record.outcome != "error"]
    return Scores(
        samples=len(records),
        scored=len(scored),
        unscored=len(records) - len(scored),
        **{name: mean(getattr(record, name) for record in scored) for name in NAMES},
        avg_steps=mean(len(record.steps) + 1 for record in scored),
        avg_tokens=mean(record.usage["model"].output_tokens for record in scored),
        intervals=_intervals(scored, error),
        bounds={name: _bounds([getattr(record, name) for record in scored], len(records)) for name in NAMES},
        precision=mean(record.precision for record in scored),
        f1=mean(record.f1 for record in scored),
    )


def _intervals(scored: Sequence[Record], error: float) -> Mapping[str, Interval]:
    if not scored:
        return {}
    clusters = cluster_codes(record.recording for record in scored)
    columns = {name: [getattr(record, name) for record in scored] for name in (*NAMES, "precision", "f1")}
    return {
        name: score_interval(np.array(values, dtype=float), clusters, error)
        for name, values in columns.items()
        if None not in values
    }


def _bounds(values: Sequence[float], samples: int) -> Interval:
    if not samples:
        return (0.0, 1.0)
    total = fsum(values)  # rounds once, at the end: no order of the values changes the sum
    return (total / samples, (total + samples - len(values)) / samples)


def grouped(
    records: Iterable[Record], key: Callable[[Record], Iterable[str]], error: float = ERROR
) -> Mapping[str, Scores]:
    """Scores by group, in order of first appearance; a record may belong to several groups, as it does by label."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        for name in key(record):
            groups[name].append(record)
    return {name: aggregate(members, error) for name, members in groups.items()}


def macro(tasks: Iterable[Scores]) -> Mapping[str, float | None]:
    """The mean of the tasks' scores, each task weighing the same; tasks without a score are left out."""
    with_scores = [scores for scores in tasks if scores.scored]
    return {name: mean(getattr(scores, name) for scores in with_scores) for name in NAMES}


def macro_intervals(records: Iterable[Record], error: float = ERROR) -> Mapping[str, Interval]:
    """Where the true means of the tasks' scores lie; a recording may reach across tasks."""
    scored = [record for record in records if record.outcome != "error"]
    if not scored:
        return {}
    clusters = cluster_codes(record.recording for record in scored)
    tasks = cluster_codes(record.task for record in scored)
    columns = {name: np.array([getattr(record, name) for record in scored]) for name in NAMES}
    return {name: macro_interval(values, clusters, tasks, error) for name, values in columns.items()}
