"""The verdict of a gate, and the numbers that it is based on."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.suite import is_within
from reports.gate.gate import Criterion, Gate
from reports.kept.record import Record
from reports.kept.report import Report, Status, Stopping, Tested, Verdict, Word
from reports.stats.inference import (
    Clusters,
    Interval,
    Tails,
    Values,
    cluster_codes,
    difference_interval,
    difference_test,
    mean_interval,
    mean_test,
    score_bounds,
    score_test,
)

Chosen = NDArray[np.intp]
Level = Callable[[int], float]
"""The significance level if that many criteria share the error rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """A criterion's numbers: in arrays, a value for each sample of the run in the order asked.

    Attributes:
        member: whether the sample counts for the criterion.
        value: the score, or its difference from the baseline's; nan if a score is missing.
        worst: the same, with samples without a score counted as wrong in this run and as right in the baseline.
        best: the same, counted the other way round.
        clusters: the number of the sample's recording.
        other: the baseline's score; nan if there is none.
        unpaired: the number of samples of the place that the baseline did not ask.
    """

    criterion: Criterion
    member: NDArray[np.bool_]
    value: Values
    worst: Values
    best: Values
    clusters: Clusters
    other: Values
    unpaired: int

    @property
    def scored(self) -> Chosen:
        """The indices of the samples that count for the criterion and have a value."""
        return np.flatnonzero(self.member & ~np.isnan(self.value))

    def chosen(self, samples: Chosen) -> Chosen:
        """Those of the samples, given by index, that count for the criterion."""
        return samples[self.member[samples]]

    def tails(self, samples: Chosen) -> Tails:
        """The p-values for these samples: of being above in the worst case, and of being below in the best."""
        at = self.chosen(samples)
        if not len(at):
            return Tails(above=1.0, below=1.0)
        test, clusters, limit = _test_of(self.criterion), self.clusters[at], self.criterion.limit
        worst, best = self.worst[at], self.best[at]
        lowest = test(worst, clusters, limit)
        highest = lowest if np.array_equal(worst, best) else test(best, clusters, limit)
        return Tails(above=lowest.above, below=highest.below)

    def tested(self, samples: Chosen, status: Status, level: float) -> Tested:
        """The criterion's numbers for these samples; each bound holds at that one-sided level."""
        at, tails = self.chosen(samples), self.tails(samples)
        bounds, scored = self._bounds(at, level), ~np.isnan(self.value[at])
        return Tested(
            text=str(self.criterion),
            kind=self.criterion.kind,
            place=self.criterion.place,
            score=self.criterion.measure.name,
            limit=self.criterion.limit,
            status=status,
            value=_mean(self.value[at][scored]),
            baseline=_mean(self.other[at][scored]) if self.criterion.compares else None,
            low=bounds[0],
            high=bounds[1],
            p_met=tails.above,
            p_missed=tails.below,
            samples=int(scored.sum()),
            unscored=int((~scored).sum()),
            unpaired=self.unpaired,
        )

    def _bounds(self, at: Chosen, level: float) -> tuple[float, float]:
        if not len(at):
            return (-1.0 if self.criterion.compares else 0.0, 1.0)
        clusters = self.clusters[at]
        worst, best = (self._interval(values[at], clusters, level) for values in (self.worst, self.best))
        return worst[0], best[1]

    def _interval(self, values: Values, clusters: Clusters, level: float) -> Interval:
        if self.criterion.compares:
            return difference_interval(values, clusters, 2 * level)
        if self.criterion.measure.bounded:
            return score_bounds(values, clusters, level)
        return mean_interval(values, clusters, 2 * level)


def _test_of(criterion: Criterion) -> Callable[[Values, Clusters, float], Tails]:
    if criterion.compares:
        return difference_test
    return score_test if criterion.measure.bounded else mean_test


def _mean(values: Values) -> float | None:
    return float(values.mean()) if len(values) else None


def tally(criterion: Criterion, records: Sequence[Record], baseline: Mapping[str, Record]) -> Tally:
    """The criterion's numbers; `records` are in the order asked, `baseline` has records by the sample's id."""
    measure = criterion.measure
    inside = np.array([is_within(criterion.place, record.task) for record in records], dtype=bool)
    paired = np.array([record.id in baseline for record in records], dtype=bool)
    member = inside & paired if criterion.compares else inside
    at = np.flatnonzero(member)
    ours = [records[place] for place in at.tolist()]
    value, worst, best, other = (np.full(len(records), np.nan) for _ in range(4))
    value[at] = measure.column(ours)
    worst[at], best[at] = measure.filled(ours, right=False), measure.filled(ours, right=True)
    if criterion.compares:
        theirs = [baseline[record.id] for record in ours]
        other[at] = measure.column(theirs)
        value -= other
        worst[at] -= measure.filled(theirs, right=True)
        best[at] -= measure.filled(theirs, right=False)
    return Tally(
        criterion=criterion,
        member=member,
        value=value,
        worst=worst,
        best=best,
        clusters=cluster_codes(record.recording for record in records),
        other=other,
        unpaired=int((inside & ~paired).sum()) if criterion.compares else 0,
    )


def statuses(tails: Sequence[Tails], level: Level) -> list[Status]:
    """The status of each criterion.

    A run passes if all criteria are met, each at the full level: a wrong pass needs a criterion wrongly shown to
    be met (intersection-union test, Berger 1982, doi:10.1080/00401706.1982.10487790). A run fails if any criterion is
    missed, so these share the error rate by Holm's stepwise procedure (1979, doi:10.2307/4615733).
    """
    found: list[Status] = ["met" if tail.above <= level(1) else "open" for tail in tails]
    for rank, place in enumerate(sorted(range(len(tails)), key=lambda place: tails[place].below)):
        if tails[place].below > level(len(tails) - rank):
            break
        found[place] = "missed"
    return found


def settled(tallies: Iterable[Tally], samples: Chosen, level: Level) -> bool:
    """Whether these samples decide: every criterion is met, or at least one is missed."""
    found = statuses([one.tails(samples) for one in tallies], level)
    return "missed" in found or all(status == "met" for status in found)


EXIT_CODES: Mapping[Word, int] = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 6, "UNTRUSTED": 7}
"""The exit codes of runs with a gate; the other codes are pytest's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a verdict depends on besides scores.

    Attributes:
        coverage: share of the samples to ask that have a score; of several suites, that of the one with the least.
        cost_usd: the cost of the run in USD; None if unknown.
        baseline: the folder name of the baseline; None without one.
        differs: the aspects in which the runs differ, as allowed.
        stopping: when the run stopped; None unless it stopped early.
        thinnest: the suite that the coverage is of, if it is one of several.
        doubts: reasons to distrust the scores, a sentence each.
    """

    coverage: float
    cost_usd: float | None
    baseline: str | None = None
    differs: tuple[str, ...] = ()
    stopping: Stopping | None = None
    thinnest: str = ""
    doubts: tuple[str, ...] = ()


def decide(gate: Gate, tallies: Sequence[Tally], samples: Chosen, level: Level, seen: Circumstances) -> Verdict:
    """The verdict on these samples."""
    found = statuses([one.tails(samples) for one in tallies], level)
    tested = tuple(one.tested(samples, status, level(1)) for one, status in zip(tallies, found, strict=True))
    word, reasons = _word(gate, tested, seen)
    return Verdict(
        word=word,
        reasons=tuple(reasons),
        criteria=tested,
        error_rate=gate.error_rate,
        coverage=seen.coverage,
        cost_usd=seen.cost_usd,
        baseline=seen.baseline,
        differs=seen.differs,
        stopping=seen.stopping,
    )


def distrusted(reasons: Sequence[str], gate: Gate) -> Verdict:
    """The verdict on a run that did not start because its judge failed its check."""
    seen = Circumstances(coverage=0.0, cost_usd=None, doubts=tuple(reasons))
    return decide(gate, (), np.arange(0), lambda _: gate.error_rate, seen)


def with_left_out(report: Report, count: int, of: str, by: str) -> Report:
    """The report with a note in its verdict that options such as `by` left out `count` of `of`, if any."""
    if report.gate is None or count <= 0:
        return report
    note = f"{count} of {of} were left out by {by} or similar options; the verdict does not cover them."
    verdict = report.gate.model_copy(update={"reasons": (*report.gate.reasons, note)})
    return report.model_copy(update={"gate": verdict})


def _word(gate: Gate, tested: Sequence[Tested], seen: Circumstances) -> tuple[Word, list[str]]:
    """The verdict's word and its reasons."""
    if seen.doubts:
        return "UNTRUSTED", list(seen.doubts)
    if seen.coverage < gate.coverage:
        of = f"samples of {seen.thinnest}" if seen.thinnest else "samples"
        return "UNTRUSTED", [f"Only {seen.coverage:.1%} of the {of} have a score; {gate.coverage:.1%} must."]
    missed = [f"Shown not to hold: {one.text}." for one in tested if one.status == "missed"]
    if gate.max_cost_usd is not None and seen.cost_usd is None:
        return "UNTRUSTED", ["The cost of the run is unknown; set prices with --price, or remove max_cost_usd."]
    if gate.max_cost_usd is not None and seen.cost_usd is not None and seen.cost_usd > gate.max_cost_usd:
        missed.append(f"The run cost {seen.cost_usd:.2f} USD; max_cost_usd is {gate.max_cost_usd:.2f}.")
    if missed:
        return "FAIL", missed
    undecided = [f"Not decided by these samples: {one.text}." for one in tested if one.status == "open"]
    return ("INCONCLUSIVE", undecided) if undecided else ("PASS", ["Every criterion is shown to hold."])
