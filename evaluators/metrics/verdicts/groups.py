"""Measures of groups of samples that are scored together, such as the two questions of a pair.

The measure is a mean over groups, not over samples. Each sample is still a question, and a case, of its own: a pair
asked in one request would be another question.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum

import numpy as np

from evaluators.metrics.metric import Column, Marked, is_scored


@dataclass(frozen=True, slots=True)
class OfGroups:
    """The mean over groups of a mark of each group.

    A group counts if all its samples have a score, and it has as many as it should: a run may have asked only a part.

    Attributes:
        name: its name in files and gates.
        title: its name in tables.
        size: the number of samples of a group.
        of: the mark, 0 to 1, of a group's samples; of only some of them, the best that it can still be.
        bounded: as for every measure.
    """

    name: str
    title: str
    size: int
    of: Callable[[Sequence[Marked]], float]
    bounded: bool = False

    def value(self, records: Sequence[Marked]) -> float | None:
        """The mean over the groups that count; None if there is none."""
        groups = self._whole([record if is_scored(record) else None for record in records])
        return fsum(self._mark(records, places, right=True) for places in groups) / len(groups) if groups else None

    def column(self, records: Sequence[Marked]) -> Column:
        """Each sample's part, shape (records,): nan without a score, the measure itself if its group does not count.

        The others have their group's mark, further from the measure the fewer samples count. So their mean is the
        measure, and their sums over clusters, which contain whole groups, have the spread of a mean over groups.
        """
        scored = [place for place, record in enumerate(records) if is_scored(record)]
        column = np.full(len(records), np.nan)
        column[scored] = self._parts([records[place] for place in scored], right=True)
        return column

    def filled(self, records: Sequence[Marked], *, right: bool) -> Column:
        """The same if groups with samples without a score had the best mark that they can have, or 0."""
        column = self._parts(records, right=right)
        return np.where(np.isnan(column), float(right), column)

    def _whole(self, records: Sequence[Marked | None]) -> list[list[int]]:
        """The places of the samples of each whole group."""
        found: Mapping[str, list[int]] = defaultdict(list)
        for place, record in enumerate(records):
            if record is not None and record.group is not None:
                found[record.group].append(place)
        return [places for places in found.values() if len(places) == self.size]

    def _mark(self, records: Sequence[Marked], places: Sequence[int], *, right: bool) -> float:
        scored = [records[place] for place in places if is_scored(records[place])]
        return self.of(scored) if right or len(scored) == len(places) else 0.0

    def _parts(self, records: Sequence[Marked], *, right: bool) -> Column:
        groups = self._whole(records)
        marks = np.array([self._mark(records, places, right=right) for places in groups])
        whole = float(marks.mean()) if groups else np.nan
        parts = np.full(len(records), whole)
        for places, mark in zip(groups, marks, strict=True):
            parts[places] = whole + (mark - whole) * len(records) / (len(groups) * self.size)
        return parts


def all_right(records: Sequence[Marked]) -> float:
    """1 if the answers to all questions of a group are right, else 0."""
    return float(all(record.predicted == record.targets for record in records))
