"""Merges runs that each asked a part of the samples, as if one run had asked all."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from benchmark.clip import Clip
from benchmark.errors import RunError
from benchmark.suite import Suite, is_within, suite_of
from benchmark.task import Sample, Task
from benchmark.text import SEATS
from evaluators.measures import measures_of
from reports.figures.health import cost_of, shortfalls
from reports.figures.labels import Labels
from reports.figures.report import report_of, total_of
from reports.gate.gate import Gate
from reports.gate.gatekeeper import Gatekeeper
from reports.gate.trial import Trial, trial_of
from reports.gate.verdict import with_left_out
from reports.kept.flaws import data_flaws, uneven
from reports.kept.length import settings_in
from reports.kept.past import PastRun, differences
from reports.kept.provenance import facts_by_suite, majority_floor, published_of
from reports.kept.record import Record
from reports.kept.report import Background, Health, Report

Rated = Callable[[PastRun], Labels]
"""Gives people's ratings of a run."""

SHOWN = 20
"""Most missing shards that a message names."""
UNCHECKED = "The judge was not checked in every part; run every part with --gate, which checks the judge first."


def merge(
    runs: Sequence[PastRun], gate: Gate | None = None, *, partial: bool = False, rated: Rated | None = None
) -> tuple[Report, list[Record]]:
    """The runs as one: the report, with the verdict if there is a gate, and all records, sorted by id.

    With `partial` shards may be missing; their samples count as not asked. `rated` gives people's ratings of a run, of
    one that is not merged with others; the gate then goes by what they say.

    Raises:
        RunError: the runs are not parts of one run: they differ in model, data or judge, a sample is in two of them, or
            a shard is missing. Or the baseline cannot be compared, or no run could pass the gate.
    """
    first, *others = runs
    for other in others:
        _refuse_unlike(first, other)
    lacking, unasked = _gaps(runs)
    if lacking and not partial:
        names = ", ".join([*lacking[:SHOWN], *(["…"] if len(lacking) > SHOWN else [])])
        raise RunError(f"Shards are missing: {names}. Run them, or merge the rest with --partial.")
    records = sorted(chain.from_iterable(run.records.values() for run in runs), key=lambda record: record.id)
    if twice := [name for name, times in Counter(record.id for record in records).items() if times > 1]:
        raise RunError(f"{len(twice)} samples are in more than one of these runs, e.g. {twice[0]}; omit one run.")
    if why := uneven(records) or next(data_flaws(first.report.provenance, records), ""):
        raise RunError(f"These are not parts of one run: {why}.")
    background = _background(runs, records, _check([run.report.judge_check for run in runs], gate), unasked)
    report = report_of(records, background)
    if gate is None:
        return report, records
    tasks = suite_of(background.provenance).tasks
    trial = trial_of(gate, [_sample(record, tasks) for record in records], background, early=False)
    if rated is not None:
        trial = replace(trial, labels={name: rated(run) for name, run in {"": first, **trial.pasts}.items()})
    return _judged(report, records, trial, background), records


def _judged(report: Report, records: Sequence[Record], trial: Trial, background: Background) -> Report:
    """The report with the gate's verdict."""
    check = background.judge_check
    keeper = Gatekeeper(trial, cost_of(check), report.selected)
    for record in records:
        keeper.hear(record)
    report = keeper.conclude(report)
    judged = "judge" in measures_of(trial.suite).roles and not trial.labels  # people correct whatever the judge does
    doubts = [] if not judged else [UNCHECKED] if check is None else shortfalls(check)
    if report.gate is not None and doubts:
        verdict = report.gate.model_copy(update={"word": "UNTRUSTED", "reasons": (*doubts, *report.gate.reasons)})
        report = report.model_copy(update={"gate": verdict})
    data = report.provenance["data"]
    whole = sum((data.get("samples") or {}).values())
    return with_left_out(report, whole - report.selected, f"{whole} samples of {data['name']}", "--tasks, --limit, -k")


def _sample(record: Record, tasks: Mapping[str, Task]) -> Sample:
    """The sample of a record, with the fields that a gate needs."""
    return Sample(
        id=record.id,
        task=tasks[record.task],
        clip=Clip(Path(record.clip or record.id)),
        label_set=record.label_set,
        targets=record.targets,
        source=record.source,
        recording=record.recording,
        video_id=record.id,
        group=record.group,
    )


def _refuse_unlike(first: PastRun, other: PastRun) -> None:
    """Refuses runs that differ in model, data or agents."""
    found = list(differences(first.report.provenance, other.report.provenance).values())
    sizes = [run.report.provenance["data"].get("samples") for run in (first, other)]
    if all(sizes) and sizes[0] != sizes[1]:
        found.append("how many samples of each task the data has")
    if _model(first) != _model(other):
        there, here = (
            f"{run.report.model}{''.join(f' ({reason})' for reason in run.report.substitutes)}"
            for run in (first, other)
        )
        found.insert(0, f"model ({there} there, {here} here)")
    if found:
        raise RunError(f"{first.path} and {other.path} are not parts of one run: they differ in {'; '.join(found)}.")


def _model(run: PastRun) -> tuple[str, object]:
    return run.report.model, (run.report.provenance.get("model") or {}).get("identity")


def _gaps(runs: Sequence[PastRun]) -> tuple[list[str], int]:
    """The missing shards, as K/N, and the number of samples that they would have asked.

    Shards with the same N, tasks, limit and number of unanswered samples are of one selection. Those beyond its last
    sample have nothing to ask.
    """
    selections: dict[tuple[str, tuple[str, ...], int | None, int | None], list[PastRun]] = defaultdict(list)
    for run in runs:
        settings = settings_in(run.report.provenance)
        if settings.get("shard"):
            parts, tasks = settings["shard"].partition("/")[2], _tasks_in(settings, suite_of(run.report.provenance))
            selections[parts, tasks, settings.get("limit"), settings.get("unanswered")].append(run)
    lacking: list[str] = []
    unasked = 0
    for (parts, tasks, limit, _), members in selections.items():
        there = {int(settings_in(run.report.provenance)["shard"].partition("/")[0]) for run in members}
        whole = _whole(members[0], tasks, limit)
        missing = (f"{place}/{parts}" for place in range(1, min(int(parts), whole) + 1) if place not in there)
        if found := list(islice(missing, SHOWN + 1)):
            lacking += found
            unasked += max(0, whole - sum(run.report.selected for run in members))
    return lacking, unasked


def _tasks_in(settings: Mapping[str, Any], suite: Suite) -> tuple[str, ...]:
    """The tasks that were selected by name, in the suite's spelling."""
    return tuple(task.name for name in settings.get("tasks") or () if (task := suite.task_named(name)))


def _whole(run: PastRun, tasks: Sequence[str], limit: int | None) -> int:
    """The number of samples in the selection."""
    sizes: Mapping[str, int] = (run.report.provenance.get("data") or {}).get("samples") or {}
    wanted = {name: size for name, size in sizes.items() if not tasks or name in tasks}
    unanswered = settings_in(run.report.provenance).get("unanswered") or 0
    if limit is None:
        return sum(wanted.values()) - unanswered
    places = suite_of(run.report.provenance).places
    of_suites = [sum(size for name, size in wanted.items() if is_within(place, name)) for place in places]
    return min(sum(min(limit, size) for size in of_suites), sum(of_suites) - unanswered)


def _background(runs: Sequence[PastRun], records: Sequence[Record], check: Health | None, unasked: int) -> Background:
    """The background of the merged report; `unasked` is the number of samples of missing shards."""
    reports = [run.report for run in runs]
    provenance = reports[0].provenance
    data, judges = provenance["data"], provenance["judge"]["name"].split(SEATS)
    counts, suite = Counter(record.task for record in records), suite_of(provenance)
    names = dict.fromkeys(suite.places, data.get("name") or "") | (data.get("names") or {})
    return Background(
        model=reports[0].model,
        provenance=_provenance(runs),
        **facts_by_suite(suite, names, counts, provenance["extractor"]["name"], judges),
        selected=sum(report.selected for report in reports) + unasked,
        floors=_floors(records, data.get("samples") or {}, suite),
        published=published_of(suite, str((provenance.get("model") or {}).get("spec"))),
        judge_check=check,
        retries=sum(report.retries for report in reports),
        seconds=max(report.seconds for report in reports),
    )


def _provenance(runs: Sequence[PastRun]) -> Mapping[str, Any]:
    """The provenance of the first run, with the settings of the whole and a list of the parts."""
    first = runs[0].report.provenance
    settings = [settings_in(run.report.provenance) for run in runs]
    suite = suite_of(first)
    tasks = sorted({name for one in settings for name in _tasks_in(one, suite)}, key=list(suite.tasks).index)
    whole = {**settings[0], "shard": None, "tasks": tasks if all(one.get("tasks") for one in settings) else []}
    whole.pop("longest_sound", None)  # of the first part only
    if unanswered := {(_tasks_in(one, suite), one["unanswered"]) for one in settings if "unanswered" in one}:
        whole["unanswered"] = sum(count for _, count in unanswered)
    if limits := [one["sound_seconds"] for one in settings if one.get("sound_seconds") is not None]:
        whole["sound_seconds"] = max(limits)  # parts with other limits cut nothing
    started = min(str(run.report.provenance.get("started")) for run in runs)
    return {**first, "started": started, "settings": whole, "parts": list(_parts(runs))}


def _parts(runs: Sequence[PastRun]) -> Iterator[str]:
    for run in runs:
        shard = settings_in(run.report.provenance).get("shard")
        yield f"{run.name}{f' ({shard})' if shard else ''}: {len(run.records)} samples"


def _floors(records: Sequence[Record], sizes: Mapping[str, int], suite: Suite) -> Mapping[str, float]:
    """The floors, computed from records: of complete tasks, and over all tasks of a suite if these are complete."""
    tasks = suite.tasks
    asked = {name: [_sample(record, tasks) for record in records if record.task == name] for name in tasks}
    whole = {name: members for name, members in asked.items() if members and len(members) == sizes.get(name)}
    for place in suite.places:
        inside = [name for name, members in asked.items() if members and is_within(place, name)]
        if all(name in whole for name in inside):
            whole[place] = [sample for name in inside for sample in whole[name]]
    return {name: float(floor) for name, members in whole.items() if (floor := majority_floor(members)) is not None}


def _check(checks: Sequence[Health | None], gate: Gate | None) -> Health | None:
    """The first check that fails, else the first, with the usage of all; None if a part's judge was not checked."""
    done = [check.model_copy(update={"needed": gate.judge}) if gate else check for check in checks if check is not None]
    if not done or len(done) < len(checks):
        return None
    worst = next((check for check in done if shortfalls(check)), done[0])
    return worst.model_copy(update={"usage": total_of([check.usage for check in done])})
