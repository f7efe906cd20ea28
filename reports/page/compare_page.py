"""The page that compares two runs, sample by sample."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmark.suite import OVERALL, is_within, suite_of
from evaluators.metrics.metric import Measure
from reports.gate.compare import Difference
from reports.kept.folder import PAGE_FOLDER, write_whole
from reports.kept.past import PastRun, differences
from reports.kept.record import Record
from reports.kept.report import by_suite
from reports.page.bundle import page, write_shards
from reports.page.measures import measures_data, measures_of, scores_of
from reports.page.media import bring_along, left_out_of
from reports.page.run_page import answering_of, coded, linked_to
from reports.tables.compare import difference_rows

SCRIPTS = ("kit.js", "measures.js", "browse.js", "clip.js", "sample.js", "charts.js", "compare.js")
Pair = tuple[Record, Record]


def write_compare_page(file: Path, first: PastRun, second: PastRun, found: Sequence[Difference]) -> list[str]:
    """Writes the page, and beside it the folder `STEM-files` with the samples that are in both runs.

    Returns:
        A sentence about files of the runs' own pages that were left out; empty if there are none.

    Raises:
        RunError: the folder cannot be written.
    """
    pairs = [(one, second.records[name]) for name, one in sorted(first.records.items()) if name in second.records]
    beside = file.parent / f"{file.stem}-files"
    shown = [one if one.frames else two for one, two in pairs]
    brought = bring_along(shown, [run.path / PAGE_FOLDER for run in (first, second)], beside)
    data: dict[str, Any] = {}
    places = [place for place in by_suite(first.report) if place in by_suite(second.report)]
    for number, place in enumerate(places):
        inside = [pair for pair in pairs if is_within(place, pair[0].task)]
        one, two = _part(first, place), _part(second, place)
        name = f"pairs-{number}" if first.report.suites else "pairs"
        data[place] = {
            **_data(one, two, [difference for difference in found if is_within(place, difference.place)]),
            "clips": {"base": linked_to(second.report).base, "urls": brought.urls},
            "index": _index(inside, measures_of(two.report)),
            "shards": write_shards(beside, name, inside, _pair_json),
        }
    whole = {"suites": data} if first.report.suites else data[OVERALL]
    write_whole(file, page(suite_of(first.report.provenance).title, "Two runs", "compare.html", SCRIPTS, whole))
    return left_out_of(brought)


def _part(run: PastRun, place: str) -> PastRun:
    """What the run says about one suite."""
    records = {name: record for name, record in run.records.items() if is_within(place, record.task)}
    return replace(run, report=by_suite(run.report)[place], records=records)


def _pair_json(pair: Pair) -> str:
    return f"[{','.join(record.model_dump_json() for record in pair)}]"


def _data(first: PastRun, second: PastRun, found: Sequence[Difference]) -> Mapping[str, Any]:
    asked = {record.task for run in (first, second) for record in run.records.values()}
    return {
        **measures_data(measures_of(second.report)),
        "names": [f"{run.report.model} ({run.name})" for run in (first, second)],
        "answering": [answering_of(run.report, run.records.values()) for run in (first, second)],
        "about": list(_about(first, second)),
        "banners": list(_banners(first, second)),
        "differences": [
            {"score": one.measure.name, "place": one.place, "change": one.second - one.first, "interval": one.interval}
            for one in found
        ],
        "difference_rows": difference_rows(found),
        "places": [name for name in suite_of(first.report.provenance).tasks if name in asked],
        "tasks": {
            name: {"reference": task.reference} for name, task in suite_of(first.report.provenance).tasks.items()
        },
    }


def _about(first: PastRun, second: PastRun) -> Iterator[tuple[str, str]]:
    for name, run in (("First", first), ("Second", second)):
        yield name, f"{run.report.model}, {run.report.provenance.get('started', '')}, {run.name}"


def _banners(first: PastRun, second: PastRun) -> Iterator[str]:
    if found := differences(first.report.provenance, second.report.provenance):
        yield f"The runs differ in {'; '.join(found.values())}, as allowed."
    for run in (first, second):
        yield from (f"ANOTHER MODEL in {run.name}: {reason}." for reason in run.report.substitutes)
    for run, other in ((first, second), (second, first)):
        if unpaired := sum(name not in other.records for name in run.records):
            yield f"Samples only in {run.name}, not shown: {unpaired}."


def _index(pairs: Sequence[Pair], measures: Sequence[Measure]) -> Mapping[str, Any]:
    first, second = [one for one, _ in pairs], [two for _, two in pairs]
    return {
        "id": [record.id for record in first],
        "coded": {
            "task": coded([record.task for record in first]),
            "source": coded([record.source for record in first]),
            "targets": coded([record.targets for record in first]),
            "first": coded([record.predicted for record in first]),
            "second": coded([record.predicted for record in second]),
        },
        "scores": [scores_of(first, measures), scores_of(second, measures)],
    }
