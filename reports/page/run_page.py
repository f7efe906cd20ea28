"""`report.html`: a run, from the release decision down to the frames that the judge saw."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, TypeVar

import numpy as np

from benchmark.accounts.snapshots import is_same_model
from benchmark.suite import suite_of
from reports.kept.answered import UNKNOWN, asked_of
from reports.kept.folder import PAGE, PAGE_FOLDER, write_whole
from reports.kept.record import Record
from reports.kept.report import Report
from reports.kept.rerun import CASE
from reports.page.bundle import page, shard
from reports.page.measures import (
    ALPHAS,
    Measure,
    Mix,
    measures_data,
    measures_of,
    own,
    refusal,
    score_of,
    scores_of,
)
from reports.stats.agreement import spearman
from reports.stats.inference import ERROR, Clusters, Interval, cluster_codes, macro_interval, score_interval
from reports.tables.health import health_rows
from reports.tables.report import doubts_of, faults_of, remarks_on
from reports.tables.second_opinion import notes_on
from reports.tables.verdict import verdict_notes, verdict_rows

T = TypeVar("T")

SCRIPTS = ("kit.js", "measures.js", "browse.js", "sample.js", "charts.js", "tasks.js", "run.js")
SHARD = 100
"""Records in a shard: one is loaded where a sample is opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """Where the page finds clips.

    Attributes:
        base: the URL of the folder that the others start from; None where clips are not linked.
        urls: by sample id; where a sample is absent, its record's path from the data folder serves.
    """

    base: str | None = None
    urls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What the page shows.

    Attributes:
        report: the figures.
        records: the samples, in the order in which they are listed.
        counted: those that the figures are of: a run that was stopped early has more.
        error: how often intervals miss the true score.
        linked: where clips are found.
    """

    report: Report
    records: Sequence[Record]
    counted: Sequence[Record]
    error: float
    linked: Linked


def write_run_page(folder: Path, contents: Contents) -> None:
    """Writes the page and the shards beside it.

    Raises:
        RunError: the folder cannot be written.
    """
    records = contents.records
    for number, first in enumerate(range(0, len(records), SHARD)):
        name = f"records-{number:03}"
        lines = (record.model_dump_json() for record in records[first : first + SHARD])
        write_whole(folder / PAGE_FOLDER / f"{name}.js", shard(name, lines))
    brand = suite_of(contents.report.provenance).title
    write_whole(folder / PAGE, page(brand, contents.report.model, "run.html", SCRIPTS, _data(contents)))


def linked_to(report: Report) -> Linked:
    """The clips where the run found them, below its data folder, on this machine's own disks."""
    named = report.provenance.get("data", {}).get("folder") or ""
    folder = Path("" if named.startswith(("//", "\\\\")) or ".." in PurePath(named).parts else named)
    return Linked(base=f"{folder.as_uri()}/" if folder.is_absolute() else None)


def _data(contents: Contents) -> Mapping[str, Any]:
    report, records, linked = contents.report, contents.records, contents.linked
    suite = suite_of(report.provenance)
    provenance, gate, check = report.provenance, report.gate, report.judge_check
    judge, measures = provenance.get("judge", {}).get("name", "the judge"), measures_of(report)
    return {
        "report": report.model_dump(mode="json", exclude={"agreement", "variance", "judge_check"}),
        "about": list(_about(report)),
        "banners": [*doubts_of(report), *faults_of(records)],
        "notes": remarks_on(report),
        "agreement_notes": notes_on(report.agreement, report.variance),
        "length_note": length_note(contents.counted, measures),
        "answering": answering_of(report, records),
        "gate_notes": verdict_notes(gate) if gate else [],
        "gate_rows": verdict_rows(gate) if gate else [],
        "check_rows": health_rows(check, whole=False) if check else [],
        **measures_data(measures),
        "mixed_intervals": {
            measure.name: mixed_intervals(contents.counted, measure.mix, contents.error)
            for measure in measures
            if measure.mix
        },
        "published": suite.read_published(),
        "tasks": {
            name: {"title": t.title, "question": t.question, "several": t.several} for name, t in suite.tasks.items()
        },
        "index": index_of(records, {record.id for record in contents.counted}, measures),
        "shards": {"folder": PAGE_FOLDER, "name": "records", "size": SHARD, "records": len(records)},
        "clips": {"base": linked.base, "urls": linked.urls},
        "command": {"case": CASE, "arguments": provenance.get("arguments", "")},
        "judge": judge,
    }


def _about(report: Report) -> Iterator[tuple[str, str]]:
    provenance = report.provenance
    named = {name: provenance.get(name) or {} for name in ("data", "judge", "extractor", "versions")}
    yield "Run", str(provenance.get("started", "")).replace("T", " ")
    yield "Data", f"{named['data'].get('name')}, {report.selected} samples"
    yield "Judge", str(named["judge"].get("name"))
    yield "Extractor", str(named["extractor"].get("name"))
    if provenance.get("listener"):
        yield "Listener", str(provenance["listener"])
    yield "Suite", " ".join(filter(None, (named["versions"].get("mme-emotion"), provenance.get("commit"))))


def answering_of(report: Report, records: Iterable[Record]) -> Mapping[str, Any]:
    """What a sample's page says of its answer that is the whole run's.

    `asked` names the model asked for, `strange` those that answered in its place; `thoughts` says whether they were
    rated, where that is known; `refusal` says what a refusal that has a score comes to.
    """
    asked = next(iter(asked_of(report.provenance, "model")), None) or report.model
    told = (record.usage["model"].model for record in records if "model" in record.usage)
    names = dict.fromkeys(name for name in told if name is not None)
    strange = [name for name in names if not is_same_model(asked, name)]
    return {
        "asked": asked,
        # where several snapshots of one model have answered, each is as strange as the other
        "strange": (strange or list(names)) if report.substitutes else [],
        "thoughts": (report.provenance.get("settings") or {}).get("thoughts"),
        "refusal": refusal(measures_of(report)),
    }


def length_note(records: Sequence[Record], measures: Sequence[Measure]) -> str:
    """How far scores follow the length of answers, in a sentence."""
    said = list(_along_length(records, own(measures)))
    if not said:
        return "Scores or lengths do not vary."
    return (
        f"Spearman's correlation with the number of characters: {', '.join(said)}. A longer answer is not a truer one."
    )


def _along_length(records: Sequence[Record], measures: Sequence[Measure]) -> Iterator[str]:
    for measure in measures:
        scored = [
            (score, float(len(record.answer or "")))
            for record in records
            if (score := score_of(record, measure.name)) is not None
        ]
        figure = spearman([score for score, _ in scored], [length for _, length in scored])
        if figure is not None:
            yield f"{measure.title} {figure:+.2f}"


def index_of(records: Sequence[Record], counted: Set[str], measures: Sequence[Measure]) -> Mapping[str, Any]:
    """What the table of samples holds, a column each; names as places in lists. `counted` are ids."""
    count = len(records)
    tasks, task = as_places([record.task for record in records])
    sources, source = as_places([record.source for record in records])
    outcomes, outcome = as_places([record.outcome for record in records])
    endings, ending = as_places([_ending(record) for record in records])
    labels, named = as_places([*(record.targets for record in records), *(record.predicted for record in records)])
    return {
        "tasks": tasks,
        "sources": sources,
        "outcomes": outcomes,
        "endings": endings,
        "labels": labels,
        "id": [record.id for record in records],
        "task": task,
        "source": source,
        "outcome": outcome,
        "ending": ending,
        "counted": [int(record.id in counted) for record in records],
        "targets": named[:count],
        "predicted": named[count:],
        "scores": scores_of(records, measures),
        "steps": [len(record.steps) + 1 if record.prediction else None for record in records],
        "tokens": [record.usage["model"].output_tokens if "model" in record.usage else None for record in records],
        "signs": [None if record.answer is None else len(record.answer) for record in records],
        "again": [sum(map(len, record.rejected.values())) for record in records],
    }


def _ending(record: Record) -> str | None:
    """How the answer ended, as a report counts it; None where there is no answer."""
    if record.answer is None:
        return None
    return "refused" if record.refused else record.ending or UNKNOWN


def as_places(values: Sequence[T]) -> tuple[list[T], list[int]]:
    """The values without repetition, and for each value its place among them."""
    names = list(dict.fromkeys(values))
    place = {name: at for at, name in enumerate(names)}
    return names, [place[value] for value in values]


def mixed_intervals(records: Iterable[Record], mix: Mix, error: float = ERROR) -> Mapping[str, Sequence[Interval]]:
    """Where a mixture truly lies for each of `ALPHAS`, missed with probability `error`; by place.

    A place's parts are a line each: `overall`, `macro`, `tasks` with a task, `sources` and `labels` with a task and a
    name.
    """
    groups: dict[tuple[str, ...], list[Record]] = defaultdict(list)
    for record in records:
        if all(score_of(record, name) is not None for name in mix.of):
            for place in _places_of(record):
                groups[place].append(record)
    found = {"\n".join(place): _intervals(members, mix, error) for place, members in groups.items()}
    if everyone := groups.get(("overall",)):
        found["macro"] = _intervals(everyone, mix, error, cluster_codes(record.task for record in everyone))
    return found


def _places_of(record: Record) -> Iterator[tuple[str, ...]]:
    yield ("overall",)
    yield ("tasks", record.task)
    yield ("sources", record.task, record.source)
    yield from (("labels", record.task, label) for label in record.targets)


def _intervals(members: Sequence[Record], mix: Mix, error: float, tasks: Clusters | None = None) -> Sequence[Interval]:
    clusters = cluster_codes(record.recording for record in members)
    one, other = (np.array([score_of(record, name) for record in members], dtype=float) for name in mix.of)
    mixed = (alpha * one + (1 - alpha) * other for alpha in ALPHAS)
    if tasks is None:
        return [_rounded(score_interval(scores, clusters, error)) for scores in mixed]
    return [_rounded(macro_interval(scores, clusters, tasks, error)) for scores in mixed]


def _rounded(interval: Interval) -> Interval:
    return round(interval[0], 5), round(interval[1], 5)
