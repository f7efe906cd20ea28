"""Which samples people should rate, with which probability each was chosen, and what their ratings will be worth."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import floor, sqrt

from benchmark.data.selection import SEED
from reports.figures.labels import are_equal
from reports.kept.record import Record

ASSUMED = 0.9
"""The sensitivity and specificity of a judge that nobody has measured."""
CLEAR = 1.645 + 0.842
"""The standard errors by which a true value must clear a limit, to be shown at 5 % in 80 of 100 runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A sample to rate.

    Attributes:
        id: its id.
        inclusion: the probability, above 0 and at most 1, with which it was chosen.
    """

    id: str
    inclusion: float


def choose(runs: Sequence[Mapping[str, Record]], headline: str, count: int) -> list[Chosen]:
    """The samples to rate of one run, or of both of two: those in doubt first.

    In doubt are samples whose `headline` differs between the runs; of a single run, those on which judges disagree with
    each other or with the list of words. Half of the count is spent on them, if there are as many. Within both halves
    every sample has the same chance, and the tasks their share (systematic sampling of the list sorted by task, Madow
    & Madow 1944, doi:10.1214/aoms/1177731312). The same runs give the same samples.

    Equal answers of two runs are not chosen: people would rate them alike.

    Args:
        runs: the records of one run, or of two, by the sample's id.
        headline: the name of the score that the runs are compared by.
        count: how many samples, at least 2; all that have a score if there are fewer.
    """
    scored = [
        name
        for name in runs[0]
        if all(name in run and run[name].prediction for run in runs) and _is_open([run[name] for run in runs])
    ]
    doubted = [name for name in scored if _is_doubted([run[name] for run in runs], headline)]
    settled = sorted(set(scored).difference(doubted))
    count = min(count, len(scored))
    first = min(len(doubted), max((count + 1) // 2, count - len(settled)))
    if first == count and settled and count > 1:
        first -= 1  # of every kind some are rated, or the estimate would leave the kind out
    halves = ((doubted, first), (settled, count - first))
    return sorted(
        (
            Chosen(id=name, inclusion=number / len(kind))
            for kind, number in halves
            for name in _drawn(kind, number, runs[0])
        ),
        key=lambda one: _draw(one.id),
    )


def _is_open(records: Sequence[Record]) -> bool:
    return len(records) == 1 or not are_equal(*records)


def _is_doubted(records: Sequence[Record], headline: str) -> bool:
    if len(records) > 1:
        return len({record.scores.get(headline) for record in records}) > 1
    steps = [step for record in records for step in (*record.steps, record.prediction) if step is not None]
    if any(len(set(step.votes.values())) > 1 for step in steps):
        return True
    return any(
        record.by_rules is not None and record.prediction is not None and record.by_rules != record.prediction.rating
        for record in records
    )


def _drawn(names: Collection[str], number: int, records: Mapping[str, Record]) -> list[str]:
    """So many of the names, each with the same probability, spread evenly over the list sorted by task."""
    if not number:
        return []
    listed = sorted(names, key=lambda name: (records[name].task, _draw(name)))
    start = int.from_bytes(_draw("".join(listed[:1]))[:6]) / 2**48
    return [listed[floor((place + start) * len(listed) / number)] for place in range(number)]


def _draw(name: str) -> bytes:
    return hashlib.sha256(f"{SEED}\nrate\n{name}".encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What a number of rated samples is worth; in points of a score, 0 to 1.

    Attributes:
        labels: how many samples, of one run or of both.
        error: the standard error of the corrected score, or difference.
        margin: the smallest distance from a limit that is shown in 8 of 10 runs.
    """

    labels: int
    error: float
    margin: float


def worth_of(runs: Sequence[Mapping[str, Record]], headline: str, labels: Sequence[int]) -> list[Worth]:
    """The worth of numbers of labels, if the judge is right in `ASSUMED` of all cases and samples are independent.

    A prediction-powered estimate from n of N samples has the variance  r/n + v/N  (arXiv 2301.09633): v is the variance
    of people's values, r the part of it that the judge's do not explain. Both follow from how often the judge sees a
    sample right (one run), or sees a difference (two).
    """
    common = [
        [run[name] for run in runs]
        for name in runs[0]
        if all(name in run and run[name].scores.get(headline) is not None for run in runs)
    ]
    values = [tuple(_is_full(one, headline) for one in records) for records in common if _is_open(records)]
    if not values:
        return []
    slope, size = 2 * ASSUMED - 1, len(values)
    if len(runs) == 1:
        seen = sum(one for (one,) in values) / size
        true = min(1.0, max(0.0, (seen - (1 - ASSUMED)) / slope))
        people, judge = true * (1 - true), seen * (1 - seen)
    else:
        seen = sum(one != other for one, other in values) / size
        false = 2 * ASSUMED * (1 - ASSUMED)
        people, judge = min(1.0, max(0.0, (seen - false) / (slope * slope))), seen
    people = max(people, 1 / size)
    left = people * (1 - min(1.0, slope * slope * people / judge)) if judge else people
    share = size / len(common)
    variances = [(number, share * share * left / number + share * people / len(common)) for number in labels]
    return [
        Worth(labels=number, error=sqrt(variance), margin=CLEAR * sqrt(variance))
        for number, variance in variances
        if number <= size
    ]


def _is_full(record: Record, headline: str) -> bool:
    return (record.scores[headline] or 0) >= 1
