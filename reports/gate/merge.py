"""Runs that asked a part of the samples each, put together as if one had asked all."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from benchmark.clip import Clip
from benchmark.errors import RunError
from benchmark.suite import OVERALL, Suite, suite_of
from benchmark.task import Sample, Task
from benchmark.text import SEATS
from reports.figures.health import cost_of, shortfalls
from reports.figures.report import report_of, total_of
from reports.gate.gate import Gate
from reports.gate.gatekeeper import Gatekeeper
from reports.gate.trial import trial_of
from reports.gate.verdict import with_left_out
from reports.kept.flaws import data_flaws, uneven
from reports.kept.past import PastRun, differences
from reports.kept.provenance import incomparable, majority_floor, published_of
from reports.kept.record import Record
from reports.kept.report import Background, Health, Report

SHOWN = 20
"""Shards that are named."""
UNCHECKED = "The judge was not checked in every part: run all of them with --gate, so that each checks it first."


def merge(runs: Sequence[PastRun], gate: Gate | None = None, *, partial: bool = False) -> tuple[Report, list[Record]]:
    """The runs as one: the report, with the gate's verdict where there is a gate, and all records, by id.

    With `partial` shards may be missing; their samples count as not asked.

    Raises:
        RunError: they are not parts of one run: of another model, of other data, judged otherwise; a sample is in two
            of them, or a shard in none. The baseline cannot be compared with, or no run could pass the gate.
    """
    first, *others = runs
    for other in others:
        _refuse_unlike(first, other)
    selections = _selections(runs)
    lacking = list(islice(chain.from_iterable(selection.lacking for selection in selections), SHOWN + 1))
    if lacking and not partial:
        names = ", ".join([*lacking[:SHOWN], *(["…"] if len(lacking) > SHOWN else [])])
        raise RunError(f"Shards are missing: {names}. Run them, or merge the rest with --partial.")
    records = sorted(chain.from_iterable(run.records.values() for run in runs), key=lambda record: record.id)
    if twice := [name for name, times in Counter(record.id for record in records).items() if times > 1]:
        raise RunError(f"{len(twice)} samples are in more than one of these runs, e.g. {twice[0]}: leave one run away.")
    if why := uneven(records):
        raise RunError(f"These are not parts of one run: {why}.")
    for flaw in data_flaws(first.report.provenance, records):
        raise RunError(f"These are not parts of one run: {flaw}.")
    background = _background(runs, records, _check([run.report.judge_check for run in runs], gate))
    whole = background.selected + sum(selection.unasked for selection in selections)
    background = background.model_copy(update={"selected": whole})
    report = report_of(records, background)
    return (report if gate is None else _judged(report, records, gate, background)), records


def _judged(report: Report, records: Sequence[Record], gate: Gate, background: Background) -> Report:
    check, tasks = background.judge_check, suite_of(background.provenance).tasks
    trial = trial_of(gate, [_sample(record, tasks) for record in records], background, early=False)
    keeper = Gatekeeper(trial, cost_of(check), report.selected)
    for record in records:
        keeper.hear(record)
    report = keeper.conclude(report)
    verdict = report.gate
    judged = "judge" in trial.measures.roles
    doubts = shortfalls(check) if check is not None else [UNCHECKED] if judged else []
    if verdict is not None and doubts:
        verdict = verdict.model_copy(update={"word": "UNTRUSTED", "reasons": (*doubts, *verdict.reasons)})
    report = report.model_copy(update={"gate": verdict})
    data = report.provenance["data"]
    whole = sum((data.get("samples") or {}).values())
    return with_left_out(report, whole - report.selected, f"{whole} samples of {data['name']}", "--tasks, --limit, -k")


def _sample(record: Record, tasks: Mapping[str, Task]) -> Sample:
    """The question as far as a gate asks for it."""
    return Sample(
        id=record.id,
        task=tasks[record.task],
        clip=Clip(Path(record.clip or record.id)),
        label_set=record.label_set,
        targets=record.targets,
        source=record.source,
        recording=record.recording,
        video_id=record.id,
    )


def _refuse_unlike(first: PastRun, other: PastRun) -> None:
    found = list(differences(first.report.provenance, other.report.provenance).values())
    sizes = [run.report.provenance["data"].get("samples") for run in (first, other)]
    if all(sizes) and sizes[0] != sizes[1]:
        found.append("how many samples of each task the data has")
    if _model(first) != _model(other):
        told = [
            f"{run.report.model}{''.join(f' ({reason})' for reason in run.report.substitutes)}"
            for run in (first, other)
        ]
        found.insert(0, f"model ({told[0]} there, {told[1]} here)")
    if found:
        raise RunError(f"{first.path} and {other.path} are not parts of one run: they differ in {'; '.join(found)}.")


def _model(run: PastRun) -> tuple[str, object]:
    return run.report.model, (run.report.provenance.get("model") or {}).get("identity")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Selection:
    """Shards of the same samples.

    Attributes:
        parts: into how many these were dealt.
        there: which of them there are.
        whole: how many samples they are together.
        asked: how many of them the shards that there are were to ask.
    """

    parts: int
    there: frozenset[int]
    whole: int
    asked: int

    @property
    def lacking(self) -> Iterator[str]:
        """The shards that are not there; those beyond the last sample have nothing to ask."""
        places = range(1, min(self.parts, self.whole) + 1)
        return (f"{place}/{self.parts}" for place in places if place not in self.there)

    @property
    def unasked(self) -> int:
        """How many samples they would have asked."""
        return max(0, self.whole - self.asked) if any(self.lacking) else 0


def _selections(runs: Sequence[PastRun]) -> list[_Selection]:
    """Shards belong together where they are of the same tasks and the same limit."""
    groups: dict[tuple[str, tuple[str, ...], int | None], list[PastRun]] = defaultdict(list)
    for run in runs:
        settings = run.report.provenance.get("settings") or {}
        if settings.get("shard"):
            parts = settings["shard"].partition("/")[2]
            groups[parts, _tasks_in(settings, suite_of(run.report.provenance)), settings.get("limit")].append(run)
    return [
        _Selection(
            parts=int(parts),
            there=frozenset(int(run.report.provenance["settings"]["shard"].partition("/")[0]) for run in members),
            whole=_whole(members[0], tasks, limit),
            asked=sum(run.report.selected for run in members),
        )
        for (parts, tasks, limit), members in groups.items()
    ]


def _tasks_in(settings: Mapping[str, Any], suite: Suite) -> tuple[str, ...]:
    """The tasks that were asked for by name, however these were spelt."""
    return tuple(task.name for name in settings.get("tasks") or () if (task := suite.task_named(name)))


def _whole(run: PastRun, tasks: Sequence[str], limit: int | None) -> int:
    """How many samples were dealt out."""
    sizes: Mapping[str, int] = (run.report.provenance.get("data") or {}).get("samples") or {}
    whole = sum(size for name, size in sizes.items() if not tasks or name in tasks)
    return whole if limit is None else min(limit, whole)


def _background(runs: Sequence[PastRun], records: Sequence[Record], check: Health | None) -> Background:
    reports = [run.report for run in runs]
    provenance = reports[0].provenance
    data, judges = provenance["data"], provenance["judge"]["name"].split(SEATS)
    counts, suite = Counter(record.task for record in records), suite_of(provenance)
    return Background(
        model=reports[0].model,
        provenance=_provenance(runs),
        incomparable=tuple(
            incomparable(suite, data.get("name") or "", counts, provenance["extractor"]["name"], judges)
        ),
        selected=sum(report.selected for report in reports),
        floors=_floors(records, data.get("samples") or {}, suite.tasks),
        published=published_of(suite, str((provenance.get("model") or {}).get("spec"))),
        judge_check=check,
        retries=sum(report.retries for report in reports),
        seconds=max(report.seconds for report in reports),
    )


def _provenance(runs: Sequence[PastRun]) -> Mapping[str, Any]:
    """The first run's, and what the parts were."""
    first = runs[0].report.provenance
    settings = [run.report.provenance.get("settings") or {} for run in runs]
    suite = suite_of(first)
    tasks = sorted({name for one in settings for name in _tasks_in(one, suite)}, key=list(suite.tasks).index)
    whole = {**settings[0], "shard": None, "tasks": tasks if all(one.get("tasks") for one in settings) else []}
    whole.pop("longest_sound", None)  # the first part's
    if limits := [one["sound_seconds"] for one in settings if one.get("sound_seconds") is not None]:
        whole["sound_seconds"] = max(limits)  # parts of other limits have cut nothing
    started = min(str(run.report.provenance.get("started")) for run in runs)
    return {**first, "started": started, "settings": whole, "parts": list(_parts(runs))}


def _parts(runs: Sequence[PastRun]) -> Iterator[str]:
    for run in runs:
        shard = (run.report.provenance.get("settings") or {}).get("shard")
        yield f"{run.name}{f' ({shard})' if shard else ''}: {len(run.records)} samples"


def _floors(records: Sequence[Record], sizes: Mapping[str, int], tasks: Mapping[str, Task]) -> Mapping[str, float]:
    """Of the tasks whose records are all here, and overall where that holds for each: reports might say anything."""
    asked = {name: [_sample(record, tasks) for record in records if record.task == name] for name in tasks}
    whole = {name: members for name, members in asked.items() if members and len(members) == sizes.get(name)}
    if sum(map(len, whole.values())) == len(records):
        whole[OVERALL] = list(chain.from_iterable(whole.values()))
    return {name: float(floor) for name, members in whole.items() if (floor := majority_floor(members)) is not None}


def _check(checks: Sequence[Health | None], gate: Gate | None) -> Health | None:
    """The check that stands for all: the first that falls short, else the first; it has cost what all have.

    None where one part's judge was not checked: it may have been another day's.
    """
    done = [check.model_copy(update={"needed": gate.judge}) if gate else check for check in checks if check is not None]
    if not done or len(done) < len(checks):
        return None
    worst = next((check for check in done if shortfalls(check)), done[0])
    return worst.model_copy(update={"usage": total_of([check.usage for check in done])})
