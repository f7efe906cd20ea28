"""`report.html`: the page of a run, from the verdict down to the frames that the judge saw."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any, TypeVar

import numpy as np

from benchmark.accounts.snapshots import is_same_model
from benchmark.suite import OVERALL, is_within, suite_of
from evaluators.metrics.metric import Measure
from reports.kept.answered import UNKNOWN, asked_of
from reports.kept.folder import PAGE, PAGE_FOLDER, write_whole
from reports.kept.record import Record
from reports.kept.report import Report, by_suite
from reports.kept.rerun import CASE
from reports.page.bundle import page, write_shards
from reports.page.measures import ALPHAS, Mix, measures_data, measures_of, mix_of, own, refusal, scores_of
from reports.stats.agreement import spearman
from reports.stats.inference import Interval, cluster_codes, macro_interval, score_interval
from reports.tables.health import health_rows
from reports.tables.scores import doubts_of, faults_of, remarks_on
from reports.tables.second_opinion import notes_on
from reports.tables.verdict import verdict_notes, verdict_rows

T = TypeVar("T")

SCRIPTS = ("kit.js", "measures.js", "browse.js", "clip.js", "sample.js", "charts.js", "tasks.js", "run.js")


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """Where the page finds clips.

    Attributes:
        base: the URL of the data folder, to which the paths in records are relative; None if clips are not linked.
        urls: URLs of copied clips, relative to the page, by sample id; they take precedence over `base`.
    """

    base: str | None = None
    urls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What the page shows.

    Attributes:
        report: the figures.
        records: the samples, in the order of the list.
        counted: the records that the figures are computed from; fewer than `records` if the run stopped early.
        error: the probability, 0 to 1, with which an interval misses the true score.
        linked: where the page finds clips.
    """

    report: Report
    records: Sequence[Record]
    counted: Sequence[Record]
    error: float
    linked: Linked


def write_run_page(folder: Path, contents: Contents) -> None:
    """Writes the page, and the records in the folder beside it.

    Raises:
        RunError: the folder cannot be written.
    """
    data: dict[str, Any] = {}
    for number, (place, part) in enumerate(_parts(contents)):
        name = f"records-{number}" if contents.report.suites else "records"
        shards = write_shards(folder / PAGE_FOLDER, name, part.records, Record.model_dump_json)
        data[place] = {**_data(part), "shards": shards}
    whole = {"suites": data} if contents.report.suites else data[OVERALL]
    brand = suite_of(contents.report.provenance).title
    write_whole(folder / PAGE, page(brand, contents.report.model, "run.html", SCRIPTS, whole))


def _parts(contents: Contents) -> Iterator[tuple[str, Contents]]:
    """What the page shows of each suite, which is one at a time, by place."""
    for place, report in by_suite(contents.report).items():
        records, counted = (
            [record for record in records if is_within(place, record.task)]
            for records in (contents.records, contents.counted)
        )
        yield place, replace(contents, report=report, records=records, counted=counted)


def linked_to(report: Report) -> Linked:
    """Links to the clips in the run's data folder; none if it is not an absolute path on a local disk."""
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
            measure.name: mixed_intervals(contents.counted, mix, contents.error)
            for measure in measures
            if (mix := mix_of(measure))
        },
        "published": suite.read_published(),
        "tasks": {
            name: {
                "title": t.title,
                "question": t.question,
                "several": t.several or t.ranked,
                "reference": t.reference,
                "talks": t.turns is not None,
            }
            for name, t in suite.tasks.items()
        },
        "index": index_of(records, {record.id for record in contents.counted}, measures),
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
    if provenance.get("bertscore"):
        yield "BERTScore", str(provenance["bertscore"])
    yield "Suite", " ".join(filter(None, (named["versions"].get("mme-emotion"), provenance.get("commit"))))


def answering_of(report: Report, records: Iterable[Record]) -> Mapping[str, Any]:
    """What the page needs to describe any answer of the run.

    `asked` is the requested model, `strange` the names of models that answered in its place, `thoughts` the setting
    `rated` or `ignored`, None if unknown, and `refusal` the words for a refusal that has a score.
    """
    asked = next(iter(asked_of(report.provenance, "model")), None) or report.model
    answered = (record.usage["model"].model for record in records if "model" in record.usage)
    names = dict.fromkeys(name for name in answered if name is not None)
    strange = [name for name in names if not is_same_model(asked, name)]
    return {
        "asked": asked,
        # if several snapshots of one model answered, all of them are marked
        "strange": (strange or list(names)) if report.substitutes else [],
        "thoughts": (report.provenance.get("settings") or {}).get("thoughts"),
        "refusal": refusal(measures_of(report)),
    }


def length_note(records: Sequence[Record], measures: Sequence[Measure]) -> str:
    """A sentence with the correlation of each measure with the length of answers."""
    found = []
    for measure in own(measures):
        marks = [(record.scores.get(measure.name), float(len(record.answer or ""))) for record in records]
        scored = [(score, length) for score, length in marks if score is not None]
        rho = spearman([score for score, _ in scored], [length for _, length in scored])
        if rho is not None:
            found.append(f"{measure.title} {rho:+.2f}")
    if not found:
        return "No correlation with length: scores or lengths do not vary."
    return (
        f"Spearman's correlation with the number of characters: {', '.join(found)}. A correlation does not show that "
        "longer answers are better."
    )


def index_of(records: Sequence[Record], counted: Set[str], measures: Sequence[Measure]) -> Mapping[str, Any]:
    """The columns of the list of samples; `counted` has the ids of the samples that the figures count."""
    answers = [record.usage.get("model") for record in records]
    return {
        "id": [record.id for record in records],
        "columns": {
            "counted": [int(record.id in counted) for record in records],
            "steps": [len(record.steps) + 1 if record.prediction else None for record in records],
            "tokens": [spent.output_tokens if spent else None for spent in answers],
            "signs": [None if record.answer is None else len(record.answer) for record in records],
            "again": [sum(map(len, record.rejected.values())) for record in records],
        },
        "coded": {
            "task": coded([record.task for record in records]),
            "source": coded([record.source for record in records]),
            "outcome": coded([record.outcome for record in records]),
            "ending": coded([_ending(record) for record in records]),
            "targets": coded([record.targets for record in records]),
            "predicted": coded([record.predicted for record in records]),
        },
        "scores": scores_of(records, measures),
    }


def _ending(record: Record) -> str | None:
    """How the answer ended, in the words of the report; None if there is no answer."""
    if record.answer is None:
        return None
    return "refused" if record.refused else record.ending or UNKNOWN


def coded(column: Sequence[T]) -> tuple[list[T], list[int]]:
    """The distinct values of a column, and the column as indices into them."""
    values = list(dict.fromkeys(column))
    place = {value: at for at, value in enumerate(values)}
    return values, [place[value] for value in column]


def mixed_intervals(records: Iterable[Record], mix: Mix, error: float) -> Mapping[str, Sequence[Interval]]:
    """The interval of a mixture of two measures for each of `ALPHAS`, by place.

    An interval misses the true value with probability `error`. The parts of a place are joined by line breaks:
    `overall`, `macro`, `tasks` and a task, `sources` or `labels` and a task and a name.
    """
    groups: dict[tuple[str, ...], list[Record]] = defaultdict(list)
    for record in records:
        if all(record.scores.get(name) is not None for name in mix):
            for place in _places_of(record):
                groups[place].append(record)
    found = {"\n".join(place): _intervals(members, mix, error) for place, members in groups.items()}
    if everyone := groups.get(("overall",)):
        found["macro"] = _intervals(everyone, mix, error, of_tasks=True)
    return found


def _places_of(record: Record) -> Iterator[tuple[str, ...]]:
    yield ("overall",)
    yield ("tasks", record.task)
    yield ("sources", record.task, record.source)
    yield from (("labels", record.task, label) for label in record.targets)


def _intervals(members: Sequence[Record], mix: Mix, error: float, *, of_tasks: bool = False) -> Sequence[Interval]:
    """An interval of the mean for each of `ALPHAS`; with `of_tasks`, of the mean of the tasks' means."""
    clusters, tasks = (cluster_codes(getattr(record, of) for record in members) for of in ("recording", "task"))
    one, other = (np.array([record.scores.get(name) for record in members], dtype=float) for name in mix)
    mixed = (alpha * one + (1 - alpha) * other for alpha in ALPHAS)
    if not of_tasks:
        return [_rounded(score_interval(scores, clusters, error, tasks)) for scores in mixed]
    return [_rounded(macro_interval(scores, clusters, tasks, error)) for scores in mixed]


def _rounded(interval: Interval) -> Interval:
    return round(interval[0], 5), round(interval[1], 5)
