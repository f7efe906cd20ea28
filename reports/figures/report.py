"""The figures of a run, computed from its records."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from benchmark.suite import OVERALL, Suite, is_within, suite_of
from benchmark.usage import TOKENS
from evaluators.lookup import RULES
from evaluators.measures import Measures, measures_of
from reports.figures.scores import aggregate, grouped, macro, macro_intervals
from reports.figures.second_opinion import agreed_of, variance_of
from reports.kept.answered import ROLES, endings_of, substitutes_of, with_answered
from reports.kept.length import cut_sounds, longer_than_shown
from reports.kept.record import Record, Spent
from reports.kept.report import CHECK, SEVERAL, TOTAL, Background, Health, Report, SuiteFacts, SuiteFigures
from reports.stats.inference import ERROR


def report_of(records: Sequence[Record], background: Background, error: float = ERROR) -> Report:
    """The report on these records; each interval misses the true score with probability `error`."""
    suite, judge = suite_of(background.provenance), background.provenance.get("judge", {}).get("name")
    scores = {place: _scores_of(place, member, records, error) for place, member in suite.places.items()}
    return Report(
        **{
            **dict(background),
            **_identified(records, background),
            **(_together(scores, background.suites, records) if suite.members else scores[OVERALL]),
        },
        endings=endings_of(records),
        longer=longer_than_shown(records, background.provenance),
        sound_cut=cut_sounds(records, background.provenance),
        agreement=agreed_of(records) if "judge" in measures_of(suite).roles and judge != RULES else None,
        unrepeated=sum(record.repeats is not None and record.repeats.error is not None for record in records),
        gate=None,
        usage=usage_of(records, background.judge_check),
    )


def _scores_of(place: str, suite: Suite, records: Sequence[Record], error: float) -> dict[str, Any]:
    """The fields with the scores of one suite."""
    measures, records = measures_of(suite), [record for record in records if is_within(place, record.task)]
    present = {name: found for name in suite.tasks if (found := [record for record in records if record.task == name])}
    tasks = {name: aggregate(members, measures, error) for name, members in present.items()}
    return {
        "overall": aggregate(records, measures, error),
        "macro": macro(tasks.values(), measures),
        "macro_intervals": macro_intervals(records, measures, error),
        "tasks": tasks,
        "sources": {name: grouped(found, lambda one: [one.source], measures, error) for name, found in present.items()},
        "labels": {
            name: {} if suite.tasks[name].reference else grouped(found, lambda one: one.targets, measures, error)
            for name, found in present.items()
        },
        "variance": variance_of(records, measures.names),
    }


def _together(
    scores: Mapping[str, Mapping[str, Any]], facts: Mapping[str, SuiteFacts], records: Sequence[Record]
) -> dict[str, Any]:
    """The fields with the scores of several suites: no number is a mean over suites, whose measures differ."""
    by_task = {
        name: {task: of for fields in scores.values() for task, of in fields[name].items()}
        for name in ("tasks", "sources", "labels")
    }
    suites = {
        name: SuiteFigures(
            selected=of.selected,
            incomparable=of.incomparable,
            **{field: value for field, value in scores[name].items() if field not in by_task},
        )
        for name, of in facts.items()
    }
    overall = aggregate(records, Measures({}))
    none: dict[str, Any] = {"macro": {}, "macro_intervals": {}, "variance": {}}
    return {**by_task, **none, "overall": overall, "suites": suites, "schema_version": SEVERAL}


def recomputed(report: Report, records: Sequence[Record]) -> Report:
    """A report that was read from a file, with its figures recomputed from its records.

    A report with a gate is returned unchanged: its intervals depend on how often the run was checked for early
    stopping, and its scores may be corrected for that.
    """
    if report.gate is not None or not records:
        return report
    background = Background(**{name: getattr(report, name) for name in Background.model_fields})
    return report_of(records, background).model_copy(update={"run": report.run})


def _identified(records: Sequence[Record], background: Background) -> Mapping[str, Any]:
    """The fields of the background that change once it is known which models have answered."""
    found = {role: tuple(substitutes_of(background.provenance, records, role)) for role in ROLES}
    return {
        "provenance": with_answered(background.provenance, records),
        "substitutes": found["model"],
        "incomparable": tuple(dict.fromkeys((*background.incomparable, *chain.from_iterable(found.values())))),
        "published": {} if found["model"] else background.published,
    }


def usage_of(records: Iterable[Record], check: Health | None) -> Mapping[str, Spent]:
    """The usage of each role over these records, of the check of the judge, and of all together under `TOTAL`."""
    records = list(records)
    roles = dict.fromkeys(role for record in records for role in record.usage)
    spent = {role: total_of([record.usage[role] for record in records if role in record.usage]) for role in roles}
    if check is not None:
        spent[CHECK] = check.usage
    # the cost of a role that has sent nothing is known to be 0, even if its tokens are unknown
    sent = [part for part in spent.values() if part.requests]
    return {**spent, TOTAL: total_of(sent).model_copy(update={"model": None})} if sent else spent


def total_of(parts: Sequence[Spent]) -> Spent:
    """The sum of the parts; a figure that is unknown in one part is None."""
    sums: dict[str, Any] = {}
    for name in ("requests", *TOKENS, "seconds", "cost_usd"):
        values = [getattr(part, name) for part in parts]
        sums[name] = None if None in values else sum(values)
    models = {part.model for part in parts}
    left_out = tuple(dict.fromkeys(name for part in parts for name in part.left_out))
    return Spent(model=models.pop() if len(models) == 1 else None, left_out=left_out, **sums)
