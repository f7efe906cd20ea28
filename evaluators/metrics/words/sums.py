"""Measures that are functions of sums over samples, of one or several sets of samples, with jackknife pseudo-values."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Protocol

from evaluators.metrics.metric import Column, Marked, is_scored

Vector: TypeAlias = NDArray[np.float64]


class Kind(Protocol):
    """A score of a set of samples."""

    @property
    def mark(self) -> str:
        """A mark that only samples of this kind have."""

    def value(self, records: Sequence[Marked]) -> float:
        """The score of samples that have one each; nan if none of them counts."""

    def pseudo(self, records: Sequence[Marked], *, right: bool) -> Column:
        """Pseudo-values, shape (records,), whose mean is the score; those without a score are right, or wrong."""


@dataclass(frozen=True, slots=True)
class OfSums:
    """A score of a set of samples that is a function of sums over them.

    Attributes:
        mark: a mark that only samples of this kind have.
        part: what a sample with a score adds to the sums, shape (d,).
        filled: what a sample without a score would add if it were right, or wrong.
        of: the score from sums, shape (…, d) to (…); nan if the sums are of samples that do not count.
    """

    mark: str
    part: Callable[[Marked], Vector]
    filled: Callable[[Marked, bool], Vector]
    of: Callable[[Vector], Vector]

    def value(self, records: Sequence[Marked]) -> float:
        """The score of the sums; nan if it is of samples that do not count."""
        return float(self.of(np.sum([self.part(one) for one in records], axis=0)))

    def pseudo(self, records: Sequence[Marked], *, right: bool) -> Column:
        """Pseudo-values, shape (records,), whose mean is the score; those without a score are right, or wrong.

        A sample that does not count has the score.
        """
        parts = np.array([self.part(one) if is_scored(one) else self.filled(one, right) for one in records])
        sums = parts.sum(axis=0)
        return pseudo_values(self.of(sums), self.of(sums - parts))


def pseudo_values(whole: float | Vector, without: Vector) -> Column:
    """Pseudo-values, shape (n,), from a score and from the scores without each sample, shape (n,).

    They are n times the score minus n - 1 times the score without the sample (Efron & Stein 1981,
    doi:10.1214/aos/1176345462), shifted to have the score as mean; without a score, nan, they are the whole one.
    """
    n = len(without)
    pseudo = n * whole - (n - 1) * np.where(np.isnan(without), whole, without)
    return np.asarray(pseudo - pseudo.mean() + whole, dtype=float)


@dataclass(frozen=True, slots=True)
class BySet:
    """The mean over sets, which are the tasks, of a score that is no mean over samples.

    Attributes:
        name: its name in files and gates.
        title: its name in tables.
        kinds: how a set is scored: the first kind of which its samples have the mark. Sets of no kind do not count.
        bounded: as for every measure.
    """

    name: str
    title: str
    kinds: tuple[Kind, ...]
    bounded: bool = False

    def value(self, records: Sequence[Marked]) -> float | None:
        """The mean over the sets; None if there is none, or if of one no sample counts."""
        sets = self._sets([record for record in records if is_scored(record)])
        found = [kind.value(members) for kind, _, members in sets]
        mean = float(np.mean(found)) if found else np.nan
        return None if np.isnan(mean) else mean

    def column(self, records: Sequence[Marked]) -> Column:
        """The pseudo-values; nan without a score. A sample that does not count has the measure itself."""
        seen = [place for place, record in enumerate(records) if is_scored(record)]
        column = np.full(len(records), np.nan)
        column[seen] = self._pseudo([records[place] for place in seen], right=False)
        return column

    def filled(self, records: Sequence[Marked], *, right: bool) -> Column:
        """The same if all samples without a score were right, or wrong."""
        column = self._pseudo(records, right=right)
        return np.where(np.isnan(column), float(right), column)

    def _pseudo(self, records: Sequence[Marked], *, right: bool) -> Column:
        """The pseudo-values of the mean over sets: a set's spread counts by its share in the mean, not by its size."""
        found = [(places, kind.pseudo(members, right=right)) for kind, places, members in self._sets(records)]
        whole = float(np.mean([column.mean() for _, column in found])) if found else np.nan
        pseudo = np.full(len(records), whole)
        for places, column in found:
            pseudo[places] += (column - column.mean()) * len(records) / (len(places) * len(found))
        return pseudo if not np.isnan(whole) else np.full(len(records), np.nan)

    def _sets(self, records: Sequence[Marked]) -> Sequence[tuple[Kind, list[int], Sequence[Marked]]]:
        """How each set is scored, the places of its samples, and these."""
        sets: dict[str, list[int]] = defaultdict(list)
        for place, record in enumerate(records):
            sets[record.task].append(place)
        found = []
        for places in sets.values():
            scores: Mapping[str, float | None] = records[places[0]].scores
            if kind := next((kind for kind in self.kinds if kind.mark in scores), None):
                found.append((kind, places, [records[place] for place in places]))
        return found


def mean_over_wheels(scores: Vector) -> Vector:
    """The mean over the last axis, without wheels in which no sample counts; nan if none counts in any."""
    known = ~np.isnan(scores)
    count = known.sum(axis=-1)
    total = np.where(known, scores, 0.0).sum(axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def share(part: Vector, whole: Vector) -> Vector:
    """The quotient; nan where the divisor is 0, up to the rounding of sums."""
    counts = whole > 0.5
    return np.where(counts, part / np.where(counts, whole, 1.0), np.nan)
