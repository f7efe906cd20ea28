"""Applies the gate to a run: at its end and, with `--until-decided`, while it grows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import nan
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from benchmark.suite import OVERALL, Suite, is_within
from evaluators.measures import measures_of
from evaluators.metrics.metric import is_scored
from reports.figures.report import usage_of
from reports.figures.scores import macro
from reports.gate.trial import Trial
from reports.gate.verdict import Circumstances, Level, Tally, decide, is_futile, settled, tally
from reports.kept.answered import substitutes_of, with_answered
from reports.kept.past import judged_otherwise
from reports.kept.record import Record
from reports.kept.report import Report, Scores, Stopping, Verdict, by_suite
from reports.stats.inference import ERROR, Interval
from reports.stats.sequential import Order, levels_of, looks_of, unbiased


class Gatekeeper:
    """Follows a run, reports when its verdict is settled, and gives the verdict at the end."""

    def __init__(self, trial: Trial, check_usd: float | None = 0.0, selected: int = 0) -> None:
        """Starts without records.

        `check_usd` is the cost of the judge's check, None if unknown; `selected` is the number of samples to ask, if
        the trial does not contain all of them.
        """
        self._trial, self._check_usd = trial, check_usd
        self._selected = max(selected, len(trial.order))
        self._looks = looks_of(len(trial.order)) if trial.early else (len(trial.order),)
        self._records: dict[str, Record] = {}
        self._gapless = 0  # samples in the order asked, from the first on, that are done without a gap
        self._looked = 0  # looks that were taken
        self._decided = self._futile = False

    def hear(self, record: Record) -> str | None:
        """Adds a record; returns why the run can stop once it can, else None.

        A look waits for all samples up to it in the order asked: those that finish first are quick, not random.
        """
        self._records[record.id] = record
        order = self._trial.order
        while self._gapless < len(order) and order[self._gapless].id in self._records:
            self._gapless += 1
        if not self._trial.early or self._decided:
            return None
        while self._looked < len(self._looks) and self._gapless >= self._looks[self._looked]:
            self._looked += 1
            is_last = self._looked == len(self._looks)  # there is nothing left to stop
            if not is_last and (word := self._settles(self._looked - 1)):
                self._decided = True
                return f"The gate is settled after {self._looks[self._looked - 1]} of {len(order)}: {word}"
        return None

    def _settles(self, look: int) -> str | None:
        """The verdict, if it is settled at this look."""
        records = self._first(self._looks[look])
        unscored, whole = sum(record.outcome == "error" for record in records), len(self._trial.order)
        if (whole - unscored) / whole < self._trial.gate.coverage or any(self._doubts(records)):
            return "UNTRUSTED"
        verdict = self._judged(records, self._circumstances(records), self._level(look))
        if verdict.word in ("PASS", "FAIL"):
            return verdict.word
        self._futile = self._is_futile(self._tallies(records), np.arange(len(records)))
        return "INCONCLUSIVE, and unlikely to change" if self._futile else None

    def _is_futile(self, tallies: Sequence[Tally], samples: Order) -> bool:
        """Whether the gate stops a run as unlikely to be decided, and these samples make it so."""
        least, whole = self._trial.gate.futility, len(self._trial.order)
        return least is not None and is_futile(tallies, samples, whole, self._level(len(self._looks) - 1)(1), least)

    def _first(self, count: int) -> list[Record]:
        return [self._records[sample.id] for sample in self._trial.order[:count]]

    def _level(self, look: int) -> Level:
        error = self._trial.gate.error_rate
        return lambda among: levels_of(self._looks, error / among)[look]

    def _circumstances(self, records: Sequence[Record], asked: int | None = None) -> Circumstances:
        past, reference = self._trial.past, self._trial.pasts.get("reference")
        scored = sum(map(is_scored, records))
        spent = [spent for record in self._records.values() for spent in record.usage.values() if spent.requests]
        costs = [self._check_usd, *(part.cost_usd for part in spent)]
        shares = [("", scored / (asked or len(records)))]
        for suite in self._trial.suite.members:  # else nobody would notice that a small suite has no scores
            inside = [record for record in records if is_within(suite.name, record.task)]
            shares += [(suite.name, sum(map(is_scored, inside)) / len(inside))] if inside else []
        thinnest, coverage = min(shares, key=itemgetter(1))
        return Circumstances(
            coverage=coverage,
            thinnest=thinnest,
            cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
            baseline=past.path.name if past else None,
            reference=reference.path.name if reference else None,
            differs=self._trial.differs,
            identical=_identical(records, past.records) if past else None,
        )

    def _tallies(self, records: Sequence[Record]) -> list[Tally]:
        trial = self._trial
        return [
            tally(one, records, trial.compared(one) or {}, trial.guesses, trial.labels_of(one))
            for one in trial.criteria
        ]

    def _judged(self, records: Sequence[Record], circumstances: Circumstances, level: Level) -> Verdict:
        return decide(self._trial.gate, self._tallies(records), np.arange(len(records)), level, circumstances)

    def counted(self) -> list[Record]:
        """The records that count for the verdict: all or, if the run stopped early, those up to the last look."""
        if not self._decided:
            return [self._records[sample.id] for sample in self._trial.order if sample.id in self._records]
        return self._first(self._looks[self._looked - 1])

    @property
    def error(self) -> float:
        """The probability that an interval at the last look misses, so that all looks together keep 5 %."""
        return 2 * levels_of(self._looks, ERROR / 2)[max(self._looked, 1) - 1] if self._trial.early else ERROR

    def conclude(self, report: Report) -> Report:
        """The report with the verdict; if the run stopped early, its scores are corrected for that."""
        records = self.counted()
        look = self._looked - 1 if self._decided else len(self._looks) - 1
        circumstances = self._circumstances(records, None if self._decided else self._selected)
        gaps = self._gaps() if circumstances.coverage >= self._trial.gate.coverage else ()
        circumstances = replace(circumstances, doubts=(*gaps, *self._doubts(list(self._records.values()))))
        if self._decided:
            corrected = self._corrected(records)
            if corrected is not None:
                report = _replaced(report, corrected, self._trial.suite)
            stopping = self._stopping(unbiased=corrected is not None)
            circumstances = replace(circumstances, stopping=stopping, futile=self._futile)
        verdict = self._judged(records, circumstances, self._level(look))
        usage = usage_of(self._records.values(), report.judge_check)
        return report.model_copy(update={"gate": verdict, "usage": usage})

    def _gaps(self) -> Iterator[str]:
        """That the run is incomplete: whoever ended it may have known its scores."""
        if not self._decided and (missing := self._selected - len(self._records)):
            yield f"{missing} of {self._selected} samples were not asked; the gate needs a complete run."

    def _doubts(self, records: Sequence[Record]) -> Iterator[str]:
        """Reasons to distrust the scores: another model has answered, or another judge has judged the baseline."""
        gate, provenance = self._trial.gate, self._trial.provenance
        if not gate.allow_substitute:
            for reason in substitutes_of(provenance, records, "model"):
                yield f"{reason}; --allow-substitute accepts this."
        for role, past in self._trial.pasts.items():
            yield from judged_otherwise(past, with_answered(provenance, records), gate.allow, role)

    def _stopping(self, *, unbiased: bool) -> Stopping:
        samples = self._looks[self._looked - 1]
        return Stopping(
            look=self._looked,
            looks=self._looks,
            level=self._level(self._looked - 1)(1),
            samples=samples,
            beyond=len(self._records) - samples,
            unbiased=unbiased,
        )

    def _corrected(self, records: Sequence[Record]) -> Mapping[str, Mapping[str, float]] | None:
        """The scores, overall and by task, corrected for early stopping; None if they cannot be."""
        tallies, looks = self._tallies(records), self._looks[: self._looked]
        cells = dict(_cells(records, self._trial.suite))

        def ends(order: Order, look: int) -> bool:
            return settled(tallies, order, self._level(look)) or self._is_futile(tallies, order)

        strata = [(sample.task.name, sample.targets) for sample in self._trial.order[: looks[-1]]]
        found = unbiased(strata, looks, ends, partial(_means, list(cells.values())))
        if found is None:
            return None
        corrected: dict[str, dict[str, float]] = {}
        for (place, name), value in zip(cells, found.tolist(), strict=True):
            corrected.setdefault(place, {})[name] = value
        return corrected


def _identical(records: Sequence[Record], baseline: Mapping[str, Record]) -> float | None:
    """The share of the answers that are the baseline's word for word; None if the runs have none in common."""
    pairs = [(record.answer, baseline[record.id].answer) for record in records if record.id in baseline]
    given = [ours == theirs for ours, theirs in pairs if ours is not None and theirs is not None]
    return sum(given) / len(given) if given else None


def _cells(records: Sequence[Record], suite: Suite) -> Iterator[tuple[tuple[str, str], NDArray[np.float64]]]:
    """Each score's part of each record by place and name: over all tasks of a suite and for each; nan for other tasks.

    A score of a task is the mean of its samples' parts in the score over all tasks.
    """
    tasks = np.array([record.task for record in records])
    for whole, member in suite.places.items():
        inside = np.array([is_within(whole, task) for task in tasks])
        of_suite = [record for record in records if is_within(whole, record.task)]
        for measure in measures_of(member).by_name.values():
            column = np.full(len(records), np.nan)
            column[inside] = measure.column(of_suite)
            for place in (whole, *dict.fromkeys(record.task for record in of_suite)):
                yield (place, measure.name), np.where([is_within(place, task) for task in tasks], column, np.nan)


def _means(columns: Sequence[NDArray[np.float64]], order: Order) -> NDArray[np.float64]:
    """The mean of each column over these samples; nan without a score."""
    means = []
    for column in columns:
        known = column[order][~np.isnan(column[order])]
        means.append(known.mean() if len(known) else nan)
    return np.array(means)


def _replaced(report: Report, corrected: Mapping[str, Mapping[str, float]], suite: Suite) -> Report:
    tasks = {name: _with(scores, corrected[name]) for name, scores in report.tasks.items()}
    whole = {place: _whole_with(place, part, corrected, suite) for place, part in by_suite(report).items()}
    suites = {name: figures.model_copy(update=whole[name]) for name, figures in report.suites.items()}
    return report.model_copy(update={"tasks": tasks, "suites": suites, **({} if suites else whole[OVERALL])})


def _whole_with(
    place: str, part: Report, corrected: Mapping[str, Mapping[str, float]], suite: Suite
) -> Mapping[str, object]:
    """The corrected fields over all tasks of a suite."""
    tasks = [_with(scores, corrected[name]) for name, scores in part.tasks.items()]
    means = macro(tasks, measures_of(suite.places[place]))
    intervals = {name: _around(interval, means.get(name)) for name, interval in part.macro_intervals.items()}
    return {"overall": _with(part.overall, corrected[place]), "macro": means, "macro_intervals": intervals}


def _with(scores: Scores, corrected: Mapping[str, float]) -> Scores:
    """The corrected scores, inside their intervals and with their bounds shifted likewise; nan corrects nothing."""
    moved = {name: value for name, value in corrected.items() if value == value}
    bounds = dict(scores.bounds)
    for name in bounds.keys() & moved.keys():
        if (measured := scores.scores[name]) is not None:
            shift = moved[name] - measured
            low, high = (min(1.0, max(0.0, bound + shift)) for bound in bounds[name])
            bounds[name] = (low, high)
    intervals = {name: _around(interval, moved.get(name)) for name, interval in scores.intervals.items()}
    return scores.model_copy(update={"scores": {**scores.scores, **moved}, "bounds": bounds, "intervals": intervals})


def _around(interval: Interval, value: float | None) -> Interval:
    """The interval, reaching as far as the value: a wider one misses the true score no more often."""
    return interval if value is None else (min(interval[0], value), max(interval[1], value))
