"""The samples, from wherever the user keeps them, and all that is wrong with them."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmark.clip import Clip
from benchmark.data.download import fetch, read_table
from benchmark.data.folder import read_folder
from benchmark.data.own import FORMATS, Origin, gather, read_own
from benchmark.data.rows import Gathered, Row, case_ids, duplicates, flaws
from benchmark.errors import DataError
from benchmark.storage.cache import key_of
from benchmark.task import TASKS, Sample
from benchmark.text import storable

DEMO = Path(__file__).parents[1] / "demo" / "clips"
LAYOUT = (
    "expected are TASK/question/*.json with clips at TASK/<video_id>, or TASK.json with TASK.zip as on the hub; "
    f"the tasks are {', '.join(TASKS)}"
)
MOST_PROBLEMS = 50
"""How many problems one message lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """What there is to ask.

    Attributes:
        samples: in the data's order, each with an id of its own.
        missing: why a sample's clip cannot be used, by sample id; these samples are among `samples`.
        name: what reports call it.
        fingerprint: a hash of ids, targets and label sets, not of the clips; equal for both layouts of the benchmark.
        folder: below which the clips lie; those of a user's own file may lie elsewhere.
    """

    samples: tuple[Sample, ...]
    missing: Mapping[str, str]
    name: str
    fingerprint: str
    folder: Path

    def place_of(self, clip: Clip) -> str | None:
        """The clip's path from the folder; None where it lies elsewhere."""
        path, folder = os.path.normpath(clip.path.absolute()), f"{self.folder}{os.sep}"
        return Path(path.removeprefix(folder)).as_posix() if path.startswith(folder) else None


def read_samples(where: str) -> Dataset:
    """The samples of an MME-Emotion folder, a hub id (`hf:ID`, `hf:ID@REVISION`), the `demo`, or a user's own file.

    Raises:
        DataError: there is no such place, or something in it is wrong; all that is then listed, one line each.
        RunError: a package that the hub needs is not installed.
    """
    if where.startswith("hf:"):
        return _dataset(where, *_gather_hub(where.removeprefix("hf:")))
    path = DEMO if where == "demo" else Path(where).expanduser()
    if path.is_dir():
        return _dataset(where if where == "demo" else path.resolve().name, _gather_folder(path), path.resolve())
    if path.is_file() and path.suffix.lower() in FORMATS:
        return _dataset(path.name, read_own(path), path.parent.absolute())
    raise DataError(
        f"There is no data at {where}: give a folder, hf:ID, demo, or a file of your own clips ({', '.join(FORMATS)})."
    )


def _dataset(name: str, gathered: Gathered, folder: Path) -> Dataset:
    rows = gathered.rows
    problems = [*gathered.problems, *(flaw for row in rows for flaw in flaws(row)), *duplicates(rows)]
    if not rows and not problems:
        problems.append(f"{name}: holds no row")
    if problems:
        raise DataError(_report(name, [*problems, *(f"{row.place}: {row.flaw}" for row in rows if row.flaw)]))
    samples = tuple(_sample(row, case_id) for row, case_id in zip(rows, case_ids(rows), strict=True))
    return Dataset(
        samples=samples,
        missing={sample.id: storable(row.flaw) for sample, row in zip(samples, rows, strict=True) if row.flaw},
        name=storable(name),  # of a folder, whose name need be no text
        fingerprint=fingerprint_of(samples),
        folder=Path(os.path.normpath(folder)),
    )


class Asked(Protocol):
    """What a fingerprint is of: a sample, or the record of one."""

    @property
    def id(self) -> str:
        """Its name among all."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The true labels."""

    @property
    def label_set(self) -> tuple[str, ...]:
        """The candidates."""


def fingerprint_of(samples: Iterable[Asked]) -> str:
    """A hash of what is asked, whatever the order of the samples."""
    return key_of(json.dumps(sorted((sample.id, sample.targets, sample.label_set) for sample in samples)))


def _report(name: str, problems: Sequence[str]) -> str:
    shown = problems[:MOST_PROBLEMS]
    more = [f"and {len(problems) - len(shown)} more"] if len(problems) > len(shown) else []
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return storable("\n  ".join((f"The data in {name} has {count}:", *shown, *more)))


def _sample(row: Row, case_id: str) -> Sample:
    return Sample(
        id=case_id,
        task=row.task,
        clip=Clip(row.clip),
        label_set=row.label_set,
        targets=row.targets,
        source=row.source,
        recording=row.recording,
        video_id=row.video_id,
        audio_clue=row.audio_clue,
    )


def _gather_folder(path: Path) -> Gathered:
    gathered = read_folder(path)
    if gathered is None:
        raise DataError(f"{path} holds no MME-Emotion questions: {LAYOUT}.")
    return gathered


def _gather_hub(name: str) -> tuple[Gathered, Path]:
    folder = fetch(name)
    if (gathered := read_folder(folder)) is not None:
        return gathered, folder.resolve()
    source = name.partition("@")[0].rpartition("/")[2]
    try:
        placed = [(f"row {number}", row) for number, row in enumerate(read_table(folder), 1)]
    except DataError as error:
        raise DataError(f"hf:{name} holds no MME-Emotion questions ({LAYOUT}) and no table: {error}") from error
    return gather(placed, Origin(folder=folder, source=source, confined=True)), folder.absolute()
