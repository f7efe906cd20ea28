"""The verdict of a gate, and the numbers that it is based on."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import DataError, RunError
from benchmark.suite import is_within
from evaluators.metrics.metric import Mean
from reports.figures.labels import Labels, People, people_of
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
from reports.stats.sequential import chance_left

Chosen = NDArray[np.intp]
FEW = 20
"""With samples from fewer recordings, verdicts may be wrong more often than the error rate says."""
Level = Callable[[int], float]
"""The significance level if that many criteria share the error rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """A criterion's numbers: in arrays, a value for each sample of the run in the order asked.

    Attributes:
        member: whether the sample counts for the criterion.
        value: the score, or its difference from the baseline's or the constant guess's; nan if a score is missing.
        worst: the same, with samples without a score counted as wrong in this run and as right in the baseline.
        best: the same, counted the other way round.
        clusters: the number of the sample's recording.
        strata: the number of its task: what tasks differ by is no chance.
        other: the score of the baseline or of the constant guess; nan if there is none.
        unpaired: the number of samples of the place that the baseline did not ask.
        unreadable: the number of those whose clip could not be used in either run.
        people: people's ratings, which then correct the judge's; None without.
    """

    criterion: Criterion
    member: NDArray[np.bool_]
    value: Values
    worst: Values
    best: Values
    clusters: Clusters
    strata: Clusters
    other: Values
    unpaired: int
    unreadable: int = 0
    people: People | None = None

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
        if self.people is not None:
            return self._tails_by_people(self.people, at)
        test, limit = _test_of(self.criterion)
        clusters, strata, worst, best = self.clusters[at], self.strata[at], self.worst[at], self.best[at]
        lowest = test(worst, clusters, limit, strata)
        highest = lowest if np.array_equal(worst, best) else test(best, clusters, limit, strata)
        return Tails(above=lowest.above, below=highest.below)

    def _tails_by_people(self, people: People, at: Chosen) -> Tails:
        limit = _test_of(self.criterion)[1]
        lowest, highest = (people.corrected(values, self.clusters, at) for values in (self.worst, self.best))
        if lowest is None or highest is None:
            return Tails(above=1.0, below=1.0)
        return Tails(above=lowest.tails(limit).above, below=highest.tails(limit).below)

    def tested(self, samples: Chosen, status: Status, level: float) -> Tested:
        """The criterion's numbers for these samples; each bound holds at that one-sided level."""
        at, tails = self.chosen(samples), self.tails(samples)
        bounds, scored = self._bounds(at, level), ~np.isnan(self.value[at])
        value, baseline = _mean(self.value[at][scored]), _mean(self.other[at][scored])
        by_judge, found = None, None
        if self.people is not None:
            found = self.people.corrected(self.value, self.clusters, at[scored])
            by_judge, value = value, found.mean if found else None
        if self.criterion.kind == "floor":  # shown as a score: the guess's, and the difference from it
            value = None if value is None or baseline is None else baseline + value
            bounds = _shifted(bounds, _mean(self.other[at]) or 0.0)
        return Tested(
            text=str(self.criterion),
            kind=self.criterion.kind,
            place=self.criterion.place,
            score=self.criterion.measure.name,
            limit=self.criterion.limit,
            status=status,
            value=value,
            baseline=None if self.criterion.least is None else baseline,
            low=bounds[0],
            high=bounds[1],
            p_met=tails.above,
            p_missed=tails.below,
            samples=int(scored.sum()),
            unscored=int((~scored).sum()),
            unpaired=self.unpaired,
            recordings=len(np.unique(self.clusters[at])),
            unreadable=self.unreadable,
            by_judge=by_judge,
            rated=None
            if self.people is None
            else int((~np.isnan(self.people.rated[at]) & ~self.people.certain[at]).sum()),
        )

    def _bounds(self, at: Chosen, level: float) -> tuple[float, float]:
        if not len(at):
            return (0.0 if self.criterion.least is None else -1.0, 1.0)
        worst, best = (self._interval(values, at, level) for values in (self.worst, self.best))
        return worst[0], best[1]

    def _interval(self, values: Values, at: Chosen, level: float) -> Interval:
        if self.people is not None:
            found = self.people.corrected(values, self.clusters, at)
            return (self.people.lowest, 1.0) if found is None else found.interval(2 * level)
        if self.criterion.least is None and self.criterion.measure.bounded:
            return score_bounds(values[at], self.clusters[at], level, self.strata[at])
        interval = mean_interval if self.criterion.least is None else difference_interval
        return interval(values[at], self.clusters[at], 2 * level, self.strata[at])


def _test_of(criterion: Criterion) -> tuple[Callable[[Values, Clusters, float, Clusters], Tails], float]:
    """The test of a criterion, and the limit to give it."""
    if (least := criterion.least) is not None:
        return difference_test, least
    return (score_test if criterion.measure.bounded else mean_test), criterion.limit


def _shifted(bounds: Interval, by: float) -> Interval:
    """The bounds of a score that differs by these bounds from another one."""
    return max(0.0, bounds[0] + by), min(1.0, bounds[1] + by)


def _mean(values: Values) -> float | None:
    return float(values.mean()) if len(values) else None


def tally(
    criterion: Criterion,
    records: Sequence[Record],
    baseline: Mapping[str, Record],
    guesses: Mapping[str, bool] = MappingProxyType({}),
    labels: Sequence[Labels] = (),
) -> Tally:
    """The criterion's numbers; `records` are in the order asked, `baseline` has records by the sample's id.

    `guesses` says, by the sample's id, whether the constant guess is right: a floor is tested sample by sample, since
    the guess's score is known from the same samples only, with the same chance. `labels` are people's ratings of this
    run and, if it is compared, of the baseline.

    Raises:
        RunError: there are people's ratings, and the measure is no mean over samples, so that they cannot correct it.
    """
    measure = criterion.measure
    inside = np.array([is_within(criterion.place, record.task) for record in records], dtype=bool)
    paired = np.array([record.id in baseline for record in records], dtype=bool)
    lost = np.array([_is_unreadable(one) and _is_unreadable(baseline.get(one.id)) for one in records], dtype=bool)
    member = inside & paired & ~lost if criterion.compares else inside
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
    elif criterion.kind == "floor":
        other[at] = [guesses[record.id] for record in ours]
        for column in (value, worst, best):
            column -= other
    return Tally(
        criterion=criterion,
        member=member,
        value=value,
        worst=worst,
        best=best,
        clusters=cluster_codes(record.recording for record in records),
        strata=cluster_codes(record.task for record in records),
        other=other,
        unpaired=int((inside & ~paired).sum()) if criterion.compares else 0,
        unreadable=int((inside & lost).sum()) if criterion.compares else 0,
        people=_people(criterion, records, baseline, labels, other) if labels else None,
    )


def _people(
    criterion: Criterion,
    records: Sequence[Record],
    baseline: Mapping[str, Record],
    labels: Sequence[Labels],
    other: Values,
) -> People:
    if not isinstance(criterion.measure, Mean):
        raise RunError(
            f"People's ratings cannot correct {criterion.measure.name}, which is no mean over samples; limit another"
            " score."
        )
    others = [baseline.get(record.id) for record in records] if criterion.compares else None
    people = people_of(criterion.measure, records, labels, others)
    return replace(people, rated=people.rated - other, lowest=-1.0) if criterion.kind == "floor" else people


def _is_unreadable(record: Record | None) -> bool:
    """Whether the sample has no score because its clip could not be used, whatever the model answers."""
    return record is not None and record.outcome == "error" and record.stage == DataError.stage


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


def is_futile(tallies: Sequence[Tally], samples: Chosen, whole: int, level: float, least: float) -> bool:
    """Whether the rest of the run is unlikely to decide: neither PASS nor FAIL has a chance of at least `least`.

    Args:
        tallies: the criteria.
        samples: the samples at this look.
        whole: the number of samples at the last look, which is later.
        level: the one-sided significance level of the last look.
        least: the probability, 0 to 1, if the run goes on as so far.
    """
    tails, time = [one.tails(samples) for one in tallies], len(samples) / whole
    passing = min(chance_left(tail.above, time, level) for tail in tails)
    return max(passing, *(chance_left(tail.below, time, level) for tail in tails)) < least


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
        reference: the folder name of the reference; None without one.
        identical: share of the answers that are the baseline's word for word; None without a baseline.
        stopping: when the run stopped; None unless it stopped early.
        futile: whether it stopped because the rest was unlikely to decide.
        thinnest: the suite that the coverage is of, if it is one of several.
        doubts: reasons to distrust the scores, a sentence each.
    """

    coverage: float
    cost_usd: float | None
    baseline: str | None = None
    differs: tuple[str, ...] = ()
    reference: str | None = None
    identical: float | None = None
    stopping: Stopping | None = None
    futile: bool = False
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
        identical=seen.identical,
        reference=seen.reference,
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
    if seen.futile and gate.futility is not None and undecided:
        undecided.append(f"Stopped since the chance that all samples decide was below {gate.futility:.1%} (futility).")
    return ("INCONCLUSIVE", undecided) if undecided else ("PASS", ["Every criterion is shown to hold."])
