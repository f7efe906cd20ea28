"""The samples, from wherever the user keeps them, and all that is wrong with them."""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmark.clip import Clip
from benchmark.data.download import fetch, read_table
from benchmark.data.own import FORMATS, Origin, gather, read_own
from benchmark.data.rows import Gathered, Row, case_ids, duplicates, flaws
from benchmark.errors import DataError, RunError
from benchmark.importing import import_named
from benchmark.storage.cache import key_of
from benchmark.suite import Suite, find_suite
from benchmark.task import Sample
from benchmark.text import storable

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


def read_samples(where: str, suite: Suite | None = None) -> Dataset:
    """The samples of a suite's folder, a hub id (`hf:ID`, `hf:ID@REVISION`), the `demo`, or a user's own file.

    Without a suite they are MME-Emotion's. A folder is read by the suite's `reader`: given the folder and the suite, it
    returns the rows that it has gathered, or None where there is no question.

    Raises:
        DataError: there is no such place, or something in it is wrong; all that is then listed, one line each.
        RunError: a package that the hub needs is not installed, or the suite's reader cannot be imported.
    """
    suite = suite or find_suite()
    if where.startswith("hf:"):
        return _dataset(where, *_gather_hub(where.removeprefix("hf:"), suite))
    path = (suite.demo_folder if where == "demo" else None) or Path(where).expanduser()
    if path.is_dir():
        return _dataset(where if where == "demo" else path.resolve().name, _gather_folder(path, suite), path.resolve())
    if path.is_file() and path.suffix.lower() in FORMATS:
        return _dataset(path.name, read_own(path, suite), path.parent.absolute())
    if where == "demo":
        raise DataError(f"{suite.title} has no demo: name its data with --data.")
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
        clip=None if row.clip is None else Clip(row.clip),
        label_set=row.label_set,
        targets=row.targets,
        source=row.source,
        recording=row.recording,
        video_id=row.video_id,
        audio_clue=row.audio_clue,
        turns=row.turns,
    )


def _gather_folder(path: Path, suite: Suite) -> Gathered:
    gathered = _reader(suite)(path, suite)
    if gathered is None:
        raise DataError(f"{path} holds no {suite.title} questions: {_layout(suite)}.")
    return gathered


def _gather_hub(name: str, suite: Suite) -> tuple[Gathered, Path]:
    folder = fetch(name)
    if (gathered := _reader(suite)(folder, suite)) is not None:
        return gathered, folder.resolve()
    source = name.partition("@")[0].rpartition("/")[2]
    try:
        placed = [(f"row {number}", row) for number, row in enumerate(read_table(folder), 1)]
    except DataError as error:
        raise DataError(
            f"hf:{name} holds no {suite.title} questions ({_layout(suite)}) and no table: {error}"
        ) from error
    return gather(placed, Origin(suite=suite, folder=folder, source=source, confined=True)), folder.absolute()


def _layout(suite: Suite) -> str:
    expected = f"expected are {suite.layout}; " if suite.layout else ""
    return f"{expected}the tasks are {', '.join(suite.tasks)}"


Reader = Callable[[Path, Suite], Gathered | None]


def _reader(suite: Suite) -> Reader:
    """The function that reads a folder of the suite's own layout; without one no folder has questions.

    Raises:
        RunError: the function that `suite.toml` names cannot be imported.
    """
    if not suite.reader:
        return lambda *_: None
    subject = f"The reader {suite.reader} of the suite {suite.name}"
    reader: Reader = import_named(suite.reader, subject)
    if not callable(reader):
        raise RunError(f"{subject} is not a function.")
    return reader
