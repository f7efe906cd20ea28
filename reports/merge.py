"""Runs that asked a part of the samples each, put together as if one had asked all."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from benchmark.clip import Clip
from benchmark.errors import RunError
from benchmark.task import TASKS, Sample
from reports.gate import Gate
from reports.gatekeeper import Gatekeeper
from reports.health import Health, shortfalls
from reports.past import PastRun, differences
from reports.provenance import incomparable
from reports.record import Record
from reports.report import Background, Report, total_of
from reports.trial import trial_of
from reports.verdict import Verdict

UNCHECKED = "Nobody has checked the judge: run the parts with --gate, so that each checks it before it begins."


def merge(runs: Sequence[PastRun], *, partial: bool = False) -> tuple[Background, list[Record]]:
    """The runs as one: what its report says besides figures, and all records, by id.

    With `partial` shards may be missing.

    Raises:
        RunError: they are not parts of one run: of another model, of other data, judged otherwise; a sample is in two
            of them, or a shard in none.
    """
    first, *others = runs
    for other in others:
        _refuse_unlike(first, other)
    if not partial:
        _refuse_missing(runs)
    records = sorted(chain.from_iterable(run.records.values() for run in runs), key=lambda record: record.id)
    if twice := [name for name, times in Counter(record.id for record in records).items() if times > 1]:
        raise RunError(f"{len(twice)} samples are in more than one of these runs, e.g. {twice[0]}: leave one run away.")
    return _background(runs, records), records


def judged(report: Report, records: Sequence[Record], gate: Gate) -> Report:
    """The merged report with the gate's verdict.

    Raises:
        RunError: the baseline cannot be read or compared with, or no run could pass the gate.
    """
    background = Background.model_validate({name: getattr(report, name) for name in Background.model_fields})
    check = report.judge_check
    trial = trial_of(gate, [_sample(record) for record in records], background, early=False)
    keeper = Gatekeeper(trial, check.usage.cost_usd if check and check.usage.requests else 0.0, report.selected)
    for record in records:
        keeper.hear(record)
    report = keeper.conclude(report)
    doubts = [UNCHECKED] if check is None else shortfalls(check.model_copy(update={"needed": gate.judge}))
    return report.model_copy(update={"gate": _doubted(report.gate, doubts)}) if doubts and report.gate else report


def _doubted(verdict: Verdict, doubts: Sequence[str]) -> Verdict:
    return verdict.model_copy(update={"word": "UNTRUSTED", "reasons": (*doubts, *verdict.reasons)})


def _sample(record: Record) -> Sample:
    """The question as far as a gate asks for it."""
    return Sample(
        id=record.id,
        task=TASKS[record.task],
        clip=Clip(Path(record.clip or record.id)),
        label_set=record.label_set,
        targets=record.targets,
        source=record.source,
        recording=record.recording,
        video_id=record.id,
    )


def _refuse_unlike(first: PastRun, other: PastRun) -> None:
    found = list(differences(first.report.provenance, other.report.provenance).values())
    if _model(first) != _model(other):
        found.insert(0, f"model ({first.report.model} there, {other.report.model} here)")
    if found:
        raise RunError(f"{first.path} and {other.path} are not parts of one run: they differ in {'; '.join(found)}.")


def _model(run: PastRun) -> tuple[str, object]:
    return run.report.model, (run.report.provenance.get("model") or {}).get("identity")


def _refuse_missing(runs: Sequence[PastRun]) -> None:
    """Shards belong together where they are of the same selection."""
    found: dict[tuple[str, str, str], set[int]] = defaultdict(set)
    for run in runs:
        settings = run.report.provenance.get("settings") or {}
        if settings.get("shard"):
            part, _, parts = settings["shard"].partition("/")
            found[parts, str(settings.get("tasks")), str(settings.get("limit"))].add(int(part))
    lacking = {
        f"{part}/{parts}"
        for (parts, _, _), there in found.items()
        for part in range(1, int(parts) + 1)
        if part not in there
    }
    if lacking:
        raise RunError(f"Shards are missing: {', '.join(sorted(lacking))}. Run them, or merge the rest with --partial.")


def _background(runs: Sequence[PastRun], records: Sequence[Record]) -> Background:
    reports = [run.report for run in runs]
    provenance = reports[0].provenance
    data, judges = provenance["data"], provenance["judge"]["name"].split(" + ")
    counts = Counter(record.task for record in records)
    return Background(
        model=reports[0].model,
        provenance=_provenance(runs),
        incomparable=tuple(incomparable(data["name"], counts, provenance["extractor"]["name"], judges)),
        selected=sum(report.selected for report in reports),
        floors=_floors(reports, data.get("samples") or {}),
        published={name: score for report in reports for name, score in report.published.items()},
        judge_check=_check([report.judge_check for report in reports if report.judge_check is not None]),
        retries=sum(report.retries for report in reports),
        seconds=max(report.seconds for report in reports),
    )


def _provenance(runs: Sequence[PastRun]) -> Mapping[str, Any]:
    """The first run's, and what the parts were."""
    first = runs[0].report.provenance
    settings = [run.report.provenance.get("settings") or {} for run in runs]
    tasks = sorted({name for one in settings for name in one.get("tasks") or ()}, key=list(TASKS).index)
    whole = {**settings[0], "shard": None, "tasks": tasks if all(one.get("tasks") for one in settings) else []}
    started = min(str(run.report.provenance.get("started")) for run in runs)
    return {**first, "started": started, "settings": whole, "parts": list(_parts(runs))}


def _parts(runs: Sequence[PastRun]) -> Iterator[str]:
    for run in runs:
        shard = (run.report.provenance.get("settings") or {}).get("shard")
        yield f"{run.path.name}{f' ({shard})' if shard else ''}: {len(run.records)} samples"


def _floors(reports: Sequence[Report], sizes: Mapping[str, int]) -> Mapping[str, float]:
    """By task as the parts have them; overall their mean, each task weighing by its size in the whole data."""
    floors = {name: report.floors[name] for report in reports for name in TASKS if name in report.floors}
    total = sum(sizes.get(name, 0) for name in floors)
    if total:
        floors["overall"] = sum(floor * sizes.get(name, 0) for name, floor in floors.items()) / total
    return floors


def _check(checks: Sequence[Health]) -> Health | None:
    """The check that stands for all: the first that falls short, else the first; it has cost what all have."""
    if not checks:
        return None
    worst = next((check for check in checks if shortfalls(check)), checks[0])
    return worst.model_copy(update={"usage": total_of([check.usage for check in checks])})
