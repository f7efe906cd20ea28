"""Puts a run to its gate: while it grows, if asked to stop it early, and at its end."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import nan

import numpy as np
from numpy.typing import NDArray

from evaluators.metrics.measures import Measures
from reports.figures.report import usage_of
from reports.figures.scores import macro
from reports.gate.trial import Trial
from reports.gate.verdict import Circumstances, Level, Tally, decide, settled, tally
from reports.kept.answered import substitutes_of, with_answered
from reports.kept.past import judged_otherwise
from reports.kept.record import Record
from reports.kept.report import Report, Scores, Stopping, Verdict
from reports.stats.inference import ERROR, Interval
from reports.stats.sequential import Order, levels_of, looks_of, unbiased


class Gatekeeper:
    """Follows a run and says when its verdict is settled, and at the end what it is."""

    def __init__(self, trial: Trial, check_usd: float | None = 0.0, selected: int = 0) -> None:
        """Nothing has been heard yet; the check of the judge has cost so much.

        `selected` is how many samples were to be asked, where that is more than the trial knows of.
        """
        self._trial, self._check_usd = trial, check_usd
        self._selected = max(selected, len(trial.order))
        self._looks = looks_of(len(trial.order)) if trial.early else (len(trial.order),)
        self._records: dict[str, Record] = {}
        self._prefix = 0
        self._look = 0
        self._decided = False

    @property
    def baseline(self) -> Mapping[str, Record]:
        """The records compared with, by id; none without a baseline."""
        return self._trial.past.records if self._trial.past else {}

    def hear(self, record: Record) -> str | None:
        """Takes a record; says why the run can stop, once it can.

        It looks when all samples up to the next look are there, in the order asked: those done first are not a random
        sample, they are the quick ones.
        """
        self._records[record.id] = record
        while self._prefix < len(self._trial.order) and self._trial.order[self._prefix].id in self._records:
            self._prefix += 1
        if not self._trial.early or self._decided:
            return None
        while self._look < len(self._looks) and self._prefix >= self._looks[self._look]:
            self._look += 1
            if self._look < len(self._looks) and (word := self._settles(self._look - 1)):
                self._decided = True
                return f"The gate is settled after {self._looks[self._look - 1]} of {len(self._trial.order)}: {word}"
        return None

    def _settles(self, look: int) -> str | None:
        records = self._first(self._looks[look])
        unscored, whole = sum(record.outcome == "error" for record in records), len(self._trial.order)
        if (whole - unscored) / whole < self._trial.gate.coverage:
            return "UNTRUSTED"
        if any(self._doubts(records)):
            return "UNTRUSTED"
        verdict = self._judged(records, replace(self._seen(records), stopping=None), self._level(look))
        return verdict.word if verdict.word in ("PASS", "FAIL") else None

    def _first(self, count: int) -> list[Record]:
        return [self._records[sample.id] for sample in self._trial.order[:count]]

    def _level(self, look: int) -> Level:
        error = self._trial.gate.error_rate
        return lambda among: levels_of(self._looks, error / among)[look]

    def _seen(self, records: Sequence[Record], asked: int | None = None) -> Circumstances:
        past, scored = self._trial.past, sum(record.outcome != "error" for record in records)
        spent = [spent for record in self._records.values() for spent in record.usage.values() if spent.requests]
        costs = [self._check_usd, *(part.cost_usd for part in spent)]
        return Circumstances(
            coverage=scored / (asked or len(records)),
            cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
            baseline=past.path.name if past else None,
            differs=self._trial.differs,
        )

    def _tallies(self, records: Sequence[Record]) -> list[Tally]:
        return [tally(criterion, records, self.baseline) for criterion in self._trial.criteria]

    def _judged(self, records: Sequence[Record], seen: Circumstances, level: Level) -> Verdict:
        return decide(self._trial.gate, self._tallies(records), np.arange(len(records)), level, seen)

    def counted(self) -> list[Record]:
        """The records that the verdict goes by: all, or with early stopping those up to the last look."""
        if not self._decided:
            return [self._records[sample.id] for sample in self._trial.order if sample.id in self._records]
        return self._first(self._looks[self._look - 1])

    @property
    def error(self) -> float:
        """How often intervals that are to hold in 95 % of all runs may miss at the look that ended this one."""
        return 2 * levels_of(self._looks, ERROR / 2)[max(self._look, 1) - 1] if self._trial.early else ERROR

    def conclude(self, report: Report) -> Report:
        """The report with the verdict, and without the optimism of stopping when the scores looked good."""
        records = self.counted()
        look = self._look - 1 if self._decided else len(self._looks) - 1
        seen = self._seen(records, None if self._decided else self._selected)
        gaps = self._gaps() if seen.coverage >= self._trial.gate.coverage else ()
        seen = replace(seen, doubts=(*gaps, *self._doubts(list(self._records.values()))))
        if self._decided:
            fair = self._fair(records)
            report, seen = (
                _replaced(report, fair, self._trial.measures),
                replace(seen, stopping=self._stopping(fair is not None)),
            )
        verdict = self._judged(records, seen, self._level(look))
        return report.model_copy(
            update={"gate": verdict, "usage": usage_of(self._records.values(), report.judge_check)}
        )

    def _gaps(self) -> Iterator[str]:
        """That the run is no whole: whoever ended it may have seen how it went."""
        if not self._decided and (missing := self._selected - len(self._records)):
            yield f"{missing} of {self._selected} samples were not asked, and a part is no whole run."

    def _doubts(self, records: Sequence[Record]) -> Iterator[str]:
        """Why the scores are not what was to be gated: another model has answered, or judged the baseline."""
        gate, past, provenance = self._trial.gate, self._trial.past, self._trial.provenance
        if not gate.allow_substitute:
            for reason in substitutes_of(provenance, records, "model"):
                yield f"{reason}; --allow-substitute would gate it all the same."
        if past is not None:
            yield from judged_otherwise(past, with_answered(provenance, records), gate.allow)

    def _stopping(self, fair: bool) -> Stopping:  # noqa: FBT001  private
        samples = self._looks[self._look - 1]
        return Stopping(
            look=self._look,
            looks=self._looks,
            level=self._level(self._look - 1)(1),
            samples=samples,
            beyond=len(self._records) - samples,
            unbiased=fair,
        )

    def _fair(self, records: Sequence[Record]) -> Mapping[str, Mapping[str, float]] | None:
        tallies, looks = self._tallies(records), self._looks[: self._look]
        groups = {"overall": np.ones(len(records), dtype=bool)}
        groups |= {name: np.array([record.task == name for record in records]) for name in {r.task for r in records}}
        measures = self._trial.measures
        columns = [measure.column(records) for measure in measures.by_name.values()]

        def ends(order: Order, look: int) -> bool:
            return settled(tallies, order, self._level(look))

        strata = [(sample.task.name, sample.targets) for sample in self._trial.order[: looks[-1]]]
        found = unbiased(strata, looks, ends, partial(_means, list(groups.values()), columns))
        if found is None:
            return None
        table = found.reshape(len(groups), len(measures.names))
        return {
            group: dict(zip(measures.names, map(float, row), strict=True))
            for group, row in zip(groups, table, strict=True)
        }


def _means(
    groups: Sequence[NDArray[np.bool_]], columns: Sequence[NDArray[np.float64]], order: Order
) -> NDArray[np.float64]:
    """Each score's mean in each group over these samples; nan where none of them has one."""
    means = []
    for group in groups:
        at = order[group[order]]
        for column in columns:
            known = column[at][~np.isnan(column[at])]
            means.append(known.mean() if len(known) else nan)
    return np.array(means)


def _replaced(report: Report, fair: Mapping[str, Mapping[str, float]] | None, measures: Measures) -> Report:
    if fair is None:
        return report
    tasks = {name: _with(scores, fair[name]) for name, scores in report.tasks.items()}
    overall = _with(report.overall, fair["overall"])
    return report.model_copy(update={"overall": overall, "tasks": tasks, "macro": macro(tasks.values(), measures)})


def _with(scores: Scores, fair: Mapping[str, float]) -> Scores:
    """The scores, and the bounds that unscored samples imply, moved by what is corrected; nan corrects nothing."""
    moved = {name: value for name, value in fair.items() if value == value}
    bounds = {
        name: _shifted(bounds, moved[name] - told)
        if name in moved and (told := scores.scores[name]) is not None
        else bounds
        for name, bounds in scores.bounds.items()
    }
    return scores.model_copy(update={"scores": {**scores.scores, **moved}, "bounds": bounds})


def _shifted(bounds: Interval, by: float) -> Interval:
    return (min(1.0, max(0.0, bounds[0] + by)), min(1.0, max(0.0, bounds[1] + by)))
