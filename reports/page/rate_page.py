"""The page in which people rate the steps of answers: of one run, or blinded of two."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark.data.selection import SEED
from benchmark.errors import RunError
from benchmark.suite import suite_of
from reports.figures.choosing import Chosen, Worth
from reports.kept.folder import PAGE_FOLDER, write_whole
from reports.kept.past import PastRun
from reports.kept.record import Record
from reports.page.bundle import page, write_shards
from reports.page.media import bring_along, left_out_of
from reports.page.run_page import linked_to
from reports.tables.labels import worth_rows

SCRIPTS = ("kit.js", "clip.js", "rate.js")

SHOWN = frozenset(
    {"id", "has_clip", "clip", "length", "waveform", "frames", "audio_clue", "question", "label_set", "targets"}
)
"""The fields of a record that a rater needs; nothing that tells the run, the model or the judge."""


def write_rate_page(file: Path, runs: Sequence[PastRun], chosen: Sequence[Chosen], worth: Sequence[Worth]) -> list[str]:
    """Writes the page, and beside it the folder `STEM-files` with answers, frames and clips.

    Returns:
        A sentence about files of the runs' own pages that were left out; empty if there are none.

    Raises:
        RunError: the folder cannot be written, or one of two runs has no id, so that ratings could not name it.
    """
    for run in runs:
        if len(runs) > 1 and run.report.run is None:
            raise RunError(f"{run.path} is a run of an older version without an id; rate it alone, or run it again.")
    suite = suite_of(runs[0].report.provenance)
    items = [item for one in chosen for item in _shuffled(one, runs)]
    beside = file.parent / f"{file.stem}-files"
    shards = write_shards(beside, "answers", items, json.dumps)
    records = [run.records[one.id] for run in runs for one in chosen]
    brought = bring_along(records, [run.path / PAGE_FOLDER for run in runs], beside)
    data = {
        "clips": {"base": linked_to(runs[0].report).base, "urls": brought.urls},
        "shards": shards,
        "worth": worth_rows(worth)[1:],
        "key": hashlib.sha256("\n".join(f"{item['run']} {item['id']}" for item in items).encode()).hexdigest()[:16],
        "runs": len(runs),
        "file": f"{file.stem}.csv",
        "judge": "The judge",
    }
    write_whole(file, page(suite.title, "Rate answers", "rate.html", SCRIPTS, data, framed=False))
    return left_out_of(brought)


def _shuffled(chosen: Chosen, runs: Sequence[PastRun]) -> list[Mapping[str, Any]]:
    """The sample's answers, one of each run, in an order that tells nothing about the runs."""
    items = [
        {"run": run.report.run or "", "inclusion": chosen.inclusion, **_blinded(run.records[chosen.id])} for run in runs
    ]
    return sorted(items, key=lambda item: hashlib.sha256(f"{SEED}\n{item['run']}\n{chosen.id}".encode()).digest())


def _blinded(record: Record) -> Mapping[str, Any]:
    last = record.prediction.text if record.prediction else ""
    return {
        **record.model_dump(mode="json", include=set(SHOWN)),
        "steps": [*(step.text for step in record.steps), last],
        "labels": len(record.targets),
    }
