"""What a gate says of a run, and the numbers it goes by."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmark.suite import OVERALL
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
"""The significance level where the error rate is shared among so many criteria."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """A criterion's numbers, a place for each sample of the run in the order asked.

    Attributes:
        member: whether the sample bears on the criterion.
        value: the score or difference; nan where a side is unscored.
        worst: with unscored samples taken for wrong here and right in the baseline.
        best: the other way round.
        clusters: the sample's recording.
        other: the baseline's score; nan where there is none.
        unpaired: how many samples of the place the baseline did not ask.
    """

    criterion: Criterion
    member: NDArray[np.bool_]
    value: Values
    worst: Values
    best: Values
    clusters: Clusters
    other: Values
    unpaired: int

    def chosen(self, samples: Chosen) -> Chosen:
        """Those of the samples that bear on the criterion."""
        return samples[self.member[samples]]

    def tails(self, samples: Chosen) -> Tails:
        """The p-values: of being above by the worst case, of being below by the best."""
        at = self.chosen(samples)
        if not len(at):
            return Tails(above=1.0, below=1.0)
        test, clusters = _test_of(self.criterion), self.clusters[at]
        worst, best = self.worst[at], self.best[at]
        above = test(worst, clusters, self.criterion.limit)
        return Tails(
            above=above.above,
            below=above.below if np.array_equal(worst, best) else test(best, clusters, self.criterion.limit).below,
        )

    def tested(self, samples: Chosen, status: Status, level: float) -> Tested:
        """The numbers for these samples; bounds hold one by one at that level."""
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
    """A criterion's numbers; `records` in the order asked, `baseline` by id."""
    measure = criterion.measure
    inside = np.array([criterion.place in (OVERALL, record.task) for record in records], dtype=bool)
    paired = np.array([record.id in baseline for record in records], dtype=bool)
    member = inside & paired if criterion.compares else inside
    at = np.flatnonzero(member)
    ours = [records[place] for place in at.tolist()]
    value, worst, best = (np.full(len(records), np.nan) for _ in range(3))
    value[at] = other = measure.column(ours)
    worst[at], best[at] = measure.filled(ours, right=False), measure.filled(ours, right=True)
    if criterion.compares:
        theirs = [baseline[record.id] for record in ours]
        other = measure.column(theirs)
        value[at] -= other
        worst[at] -= measure.filled(theirs, right=True)
        best[at] -= measure.filled(theirs, right=False)
    return Tally(
        criterion=criterion,
        member=member,
        value=value,
        worst=worst,
        best=best,
        clusters=cluster_codes(record.recording for record in records),
        other=_placed(other, at, len(records)),
        unpaired=int((inside & ~paired).sum()) if criterion.compares else 0,
    )


def _placed(values: Values, at: Chosen, count: int) -> Values:
    placed = np.full(count, np.nan)
    placed[at] = values
    return placed


def statuses(tails: Sequence[Tails], level: Level) -> list[Status]:
    """What is shown of each criterion.

    A run passes where all criteria are met, each at the full level: being passed wrongly takes one that is wrongly
    shown to be met (intersection-union test, Berger 1982, doi:10.1080/00401706.1982.10487790). It fails where any is
    missed, so these share the error rate, stepwise by Holm (1979, doi:10.2307/4615733).
    """
    found: list[Status] = ["met" if tail.above <= level(1) else "open" for tail in tails]
    for rank, place in enumerate(sorted(range(len(tails)), key=lambda place: tails[place].below)):
        if tails[place].below > level(len(tails) - rank):
            break
        found[place] = "missed"
    return found


def settled(tallies: Iterable[Tally], samples: Chosen, level: Level) -> bool:
    """Whether these samples decide: every criterion is met, or one is missed."""
    found = statuses([one.tails(samples) for one in tallies], level)
    return "missed" in found or all(status == "met" for status in found)


EXIT_CODES: Mapping[Word, int] = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 6, "UNTRUSTED": 7}
"""With a gate; the other codes are pytest's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a verdict depends on besides scores.

    Attributes:
        coverage: share of the samples that were to be asked which have a score.
        cost_usd: None where it is not known.
        baseline: the name of the run compared with.
        differs: in what the runs differ nevertheless.
        stopping: with `--until-decided` alone.
        doubts: why the scores are not those of the model that was to be gated, a sentence each.
    """

    coverage: float
    cost_usd: float | None
    baseline: str | None = None
    differs: tuple[str, ...] = ()
    stopping: Stopping | None = None
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
    """The verdict on a run that was not begun, since its judge has failed its check."""
    return Verdict(
        word="UNTRUSTED",
        reasons=tuple(reasons),
        criteria=(),
        error_rate=gate.error_rate,
        coverage=0.0,
        cost_usd=None,
        baseline=None,
        differs=(),
    )


def with_left_out(report: Report, count: int, of: str, by: str) -> Report:
    """The report whose verdict, where there is one, says that `count` of the samples were left out, if any were."""
    if report.gate is None or count <= 0:
        return report
    note = f"{count} of {of} were left out by {by} or the like: this is not about them."
    verdict = report.gate.model_copy(update={"reasons": (*report.gate.reasons, note)})
    return report.model_copy(update={"gate": verdict})


def _word(gate: Gate, tested: Sequence[Tested], seen: Circumstances) -> tuple[Word, list[str]]:
    if seen.doubts:
        return "UNTRUSTED", list(seen.doubts)
    if seen.coverage < gate.coverage:
        return "UNTRUSTED", [f"Only {seen.coverage:.1%} of the samples have a score, {gate.coverage:.1%} must."]
    missed = [f"Shown not to hold: {one.text}." for one in tested if one.status == "missed"]
    if gate.max_cost_usd is not None and seen.cost_usd is None:
        return "UNTRUSTED", ["What the run has cost is not known; give prices with --price, or drop max_cost_usd."]
    if gate.max_cost_usd is not None and seen.cost_usd is not None and seen.cost_usd > gate.max_cost_usd:
        missed.append(f"The run has cost {seen.cost_usd:.2f} USD, {gate.max_cost_usd:.2f} were allowed.")
    if missed:
        return "FAIL", missed
    undecided = [f"The samples do not tell: {one.text}." for one in tested if one.status == "open"]
    return ("INCONCLUSIVE", undecided) if undecided else ("PASS", ["Every criterion is shown to hold."])
