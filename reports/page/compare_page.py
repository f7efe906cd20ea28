"""The page of two runs beside each other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from benchmark.suite import suite_of
from reports.gate.compare import Difference
from reports.kept.folder import PAGE_FOLDER, write_whole
from reports.kept.past import PastRun, differences
from reports.kept.record import Record
from reports.page.bundle import page, shard
from reports.page.measures import Measure, measures_data, measures_of, scores_of
from reports.page.media import bring_along, left_out_of
from reports.page.run_page import SHARD, answering_of, as_places, linked_to
from reports.tables.compare import difference_rows

SCRIPTS = ("kit.js", "measures.js", "browse.js", "sample.js", "charts.js", "compare.js")
Pair = tuple[Record, Record]


def write_compare_page(file: Path, first: PastRun, second: PastRun, found: Sequence[Difference]) -> list[str]:
    """Writes the page, and beside it a folder of its stem's name with the samples that both runs have asked.

    Returns:
        What of the runs' own pages was left out, in a sentence.

    Raises:
        RunError: the folder cannot be written.
    """
    pairs = [(one, second.records[name]) for name, one in sorted(first.records.items()) if name in second.records]
    beside = f"{file.stem}-files"
    for number, start in enumerate(range(0, len(pairs), SHARD)):
        name = f"pairs-{number:03}"
        lines = (f"[{one.model_dump_json()},{two.model_dump_json()}]" for one, two in pairs[start : start + SHARD])
        write_whole(file.parent / beside / f"{name}.js", shard(name, lines))
    shown = [one if one.frames else two for one, two in pairs]
    brought = bring_along(shown, [run.path / PAGE_FOLDER for run in (first, second)], file.parent / beside)
    shards = {"folder": beside, "name": "pairs", "size": SHARD, "records": len(pairs)}
    clips = {"base": linked_to(second.report).base, "urls": brought.urls}
    data = {
        **_data(first, second, found),
        "clips": clips,
        "index": _index(pairs, measures_of(second.report)),
        "shards": shards,
    }
    write_whole(file, page(suite_of(first.report.provenance).title, "Two runs", "compare.html", SCRIPTS, data))
    return left_out_of(brought)


def _data(first: PastRun, second: PastRun, found: Sequence[Difference]) -> Mapping[str, Any]:
    asked = {record.task for run in (first, second) for record in run.records.values()}
    return {
        **measures_data(measures_of(second.report)),
        "names": [f"{run.report.model} ({run.name})" for run in (first, second)],
        "answering": [answering_of(run.report, run.records.values()) for run in (first, second)],
        "about": list(_about(first, second)),
        "banners": list(_banners(first, second)),
        "differences": [{**vars_of(one), "score": one.measure.name} for one in found],
        "difference_rows": difference_rows(found),
        "places": [name for name in suite_of(first.report.provenance).tasks if name in asked],
    }


def vars_of(one: Difference) -> Mapping[str, Any]:
    """A difference as the page takes it, without its measure."""
    return {field.name: getattr(one, field.name) for field in fields(one) if field.name != "measure"}


def _about(first: PastRun, second: PastRun) -> Iterator[tuple[str, str]]:
    for name, run in (("First", first), ("Second", second)):
        yield name, f"{run.report.model}, {run.report.provenance.get('started', '')}, {run.name}"


def _banners(first: PastRun, second: PastRun) -> Iterator[str]:
    if found := differences(first.report.provenance, second.report.provenance):
        yield f"The runs differ in {'; '.join(found.values())}, as allowed."
    for run in (first, second):
        yield from (f"ANOTHER MODEL in {run.name}: {reason}." for reason in run.report.substitutes)
    for run, other in ((first, second), (second, first)):
        if alone := sum(name not in other.records for name in run.records):
            yield f"{alone} samples are in {run.name} alone and not shown."


def _index(pairs: Sequence[Pair], measures: Sequence[Measure]) -> Mapping[str, Any]:
    count = len(pairs)
    tasks, task = as_places([one.task for one, _ in pairs])
    sources, source = as_places([one.source for one, _ in pairs])
    labels, named = as_places(
        [
            *(one.targets for one, _ in pairs),
            *(one.predicted for one, _ in pairs),
            *(two.predicted for _, two in pairs),
        ]
    )
    return {
        "tasks": tasks,
        "sources": sources,
        "labels": labels,
        "id": [one.id for one, _ in pairs],
        "task": task,
        "source": source,
        "targets": named[:count],
        "first_labels": named[count : 2 * count],
        "second_labels": named[2 * count :],
        "first_scores": scores_of([one for one, _ in pairs], measures),
        "second_scores": scores_of([two for _, two in pairs], measures),
    }
