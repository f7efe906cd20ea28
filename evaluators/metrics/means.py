"""Means of means: how benchmarks of many data sets sum up their scores."""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from math import fsum
from typing import TypeAlias

import numpy as np

from evaluators.metrics.metric import Column, Marked, is_scored

Group: TypeAlias = str | tuple["Group", ...]
"""The name of a task, or groups of which the mean is taken."""


@dataclass(frozen=True, slots=True)
class MeanOfMeans:
    """The mean of groups, each the mean of its tasks or of smaller groups; a task is the mean of its samples' scores.

    Tasks and groups of which nothing was asked are left out, so that a task's own value is its mean score.

    Attributes:
        name: its name in files and gates.
        title: its name in tables.
        groups: the groups.
        mark: the name of the score, which all samples of these tasks have.
    """

    name: str
    title: str
    groups: tuple[Group, ...]
    mark: str = "score"
    bounded: bool = False

    def value(self, records: Sequence[Marked]) -> float | None:
        """The mean over the records that have a score; None if none belongs to a group."""
        scored = [record for record in records if is_scored(record)]
        return self._value([(_own(record.task), self._mark(record)) for record in scored])

    def column(self, records: Sequence[Marked]) -> Column:
        """Jackknife pseudo-values, shape (records,); their mean is the measure, nan marks records without a score.

        n times the measure minus n - 1 times the measure without the sample; without its only sample a task would be
        left out, so that this sample counts as one that changes nothing.
        """
        marks = [(_own(record.task), self._mark(record) if is_scored(record) else None) for record in records]
        return self._pseudo(marks)

    def filled(self, records: Sequence[Marked], *, right: bool) -> Column:
        """The same if all samples without a score had 1, or all 0; only these numbers if no task is in a group."""
        whole = [self._mark(record) if is_scored(record) else float(right) for record in records]
        full = [(_own(record.task), mark) for record, mark in zip(records, whole, strict=True)]
        column = self._pseudo(full)
        return np.where(np.isnan(column), float(right), column)

    def _mark(self, record: Marked) -> float:
        return record.scores.get(self.mark) or 0.0  # of tasks that do not count there may be none

    def _value(self, marks: Sequence[tuple[str, float | None]]) -> float | None:
        weights, scores = self._weights(marks), _by_task(marks)
        return fsum(weights[task] * fsum(scores[task]) / len(scores[task]) for task in weights) if weights else None

    def _weights(self, marks: Sequence[tuple[str, float | None]]) -> Mapping[str, float]:
        """The weight of each task that has a score and is in a group; they sum to 1."""
        return _weights(self.groups, _by_task(marks).keys())

    def _pseudo(self, marks: Sequence[tuple[str, float | None]]) -> Column:
        whole, weights, scores = self._value(marks), self._weights(marks), _by_task(marks)
        count = sum(map(len, scores.values()))

        def part(task: str, score: float | None) -> float:
            if score is None or whole is None:
                return np.nan
            n = len(scores[task])
            if task not in weights or n == 1:
                return whole
            return whole + (count - 1) * weights[task] * (score - fsum(scores[task]) / n) / (n - 1)

        return np.array([part(task, score) for task, score in marks], dtype=float)


def _weights(group: Group, there: Set[str]) -> Mapping[str, float]:
    """The weight of each task in the mean of a group, of those that are there."""
    if isinstance(group, str):
        return {group: 1.0} if group in there else {}
    found = [part for part in (_weights(one, there) for one in group) if part]
    return {task: weight / len(found) for part in found for task, weight in part.items()}


def _own(task: str) -> str:
    """The task's name without that of its suite, which it has where several suites are run."""
    return task.rpartition("/")[2]


def _by_task(marks: Sequence[tuple[str, float | None]]) -> Mapping[str, Sequence[float]]:
    scores = defaultdict[str, list[float]](list)
    for task, score in marks:
        if score is not None:
            scores[task].append(score)
    return scores
