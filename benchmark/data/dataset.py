"""The samples of a folder, a file or the hub, or a list of everything that is wrong with them."""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Protocol

from benchmark.clip import Clip
from benchmark.data.download import fetch, read_table
from benchmark.data.own import FORMATS, Origin, gather, read_own
from benchmark.data.rows import Gathered, Row, case_ids, duplicates, flaws
from benchmark.errors import DataError, RunError
from benchmark.storage.cache import key_of
from benchmark.storage.importing import import_named
from benchmark.suite import Suite, find_suite, suite_names
from benchmark.task import Sample
from benchmark.text import did_you_mean, storable

DEMO_NAME = "demo"
"""The data that comes with a suite."""

MOST_PROBLEMS = 50
"""How many problems an error lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """All samples of a data set.

    Attributes:
        samples: in the data's order, with unique ids.
        missing: why a sample's clip cannot be used, by sample id; these samples are among `samples`.
        name: its name in reports.
        fingerprint: a hash of ids, targets and label sets, not of the clips; equal for both layouts of the benchmark.
        folder: the folder that contains the clips; those of a user's own file may lie elsewhere.
        names: the names of the data of several suites, by suite; empty for one.
    """

    samples: tuple[Sample, ...]
    missing: Mapping[str, str]
    name: str
    fingerprint: str
    folder: Path
    names: Mapping[str, str] = field(default_factory=dict)

    def place_of(self, clip: Clip) -> str | None:
        """The clip's path from the folder, with slashes; None if it lies elsewhere."""
        path, folder = os.path.normpath(clip.path.absolute()), f"{self.folder}{os.sep}"
        return Path(path.removeprefix(folder)).as_posix() if path.startswith(folder) else None


def places_of_data(given: Sequence[str], suite: Suite) -> Mapping[str, str]:
    """Where the data of each suite is, by its name.

    `given` are places as `read_samples` takes them, for one of several suites as `SUITE=WHERE`; the last one counts.
    Of a folder for several suites, each has the sub-folder with its name, or the whole if there is none. Nothing given
    means the demo.

    Raises:
        RunError: a place is given for a suite that is not run, or none for a suite that is.
    """
    names = [member.name for member in suite.places.values()]
    shared, own = None if given else DEMO_NAME, dict[str, str]()
    for where in given:
        name, _, rest = where.partition("=")
        if rest and name in names:
            own[name] = rest
        elif rest and (name in suite_names() or did_you_mean(name, names)) and not Path(where).expanduser().exists():
            hint = did_you_mean(name, names) or f"; add {name} to --suite."
            raise RunError(f"--data={where} is for a suite that is not run{hint}")
        else:
            shared = where
    if shared is None and (lacking := [name for name in names if name not in own]):
        raise RunError(f"--data gives no data of {', '.join(lacking)}; add --data={lacking[0]}=WHERE.")
    return {name: own.get(name) or _share(shared or "", name, several=len(names) > 1) for name in names}


def _share(where: str, name: str, *, several: bool) -> str:
    """The sub-folder that one of several suites has of a folder for all of them; else the place itself."""
    beneath = Path(where).expanduser() / name
    return str(beneath) if several and where != DEMO_NAME and beneath.is_dir() else where


def read_data(given: Sequence[str], suite: Suite) -> Dataset:
    """The samples of a suite or of several, from places as `places_of_data` takes them.

    Raises:
        DataError: as for `read_samples`; lists the errors of all suites, with the suite's name before its own.
        RunError: as for `read_samples` and `places_of_data`.
    """
    places = places_of_data(given, suite)
    if not suite.members:
        return read_samples(places[suite.name], suite)
    found: dict[str, Dataset] = {}
    problems = []
    for name, where in places.items():
        try:
            found[name] = read_samples(where, find_suite(name))
        except DataError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise DataError("\n".join(problems))
    samples = tuple(
        replace(sample, id=f"{name}/{sample.id}", task=suite.tasks[f"{name}/{sample.task.name}"])
        for name, part in found.items()
        for sample in part.samples
    )
    names = {name: part.name for name, part in found.items()}
    alike = set(names.values())
    return Dataset(
        samples=samples,
        missing={f"{name}/{one}": why for name, part in found.items() for one, why in part.missing.items()},
        name=alike.pop() if len(alike) == 1 else ", ".join(f"{name} {of}" for name, of in names.items()),
        fingerprint=fingerprint_of(samples),
        folder=Path(os.path.commonpath([part.folder for part in found.values()])),
        names=names,
    )


def read_samples(where: str, suite: Suite | None = None) -> Dataset:
    """The samples of a suite's folder, a hub id (`hf:ID`, `hf:ID@REVISION`), the `demo`, or a user's own file.

    The default suite is MME-Emotion. A folder is read by the suite's `reader`, a function that takes the folder and the
    suite and returns the rows as `Gathered`, or None if the folder has no questions.

    Raises:
        DataError: there is no such data, or it has errors, which are all listed, one a line.
        RunError: a package that the hub needs is not installed, or the suite's reader cannot be imported.
    """
    suite = suite or find_suite()
    if where.startswith("hf:"):
        return _dataset(where, *_gather_hub(where.removeprefix("hf:"), suite))
    path = suite.demo_data if where == DEMO_NAME else Path(where).expanduser()
    if path is None:
        raise DataError(f"{suite.title} has no demo; set --data to its data: {_layout(suite)}.{_had(suite)}")
    if path.is_dir():
        gathered = _read_folder(path, suite)
        if gathered is None:
            raise DataError(f"{path} has no {suite.title} questions: {_layout(suite)}.{_had(suite)}")
        return _dataset(where if where == DEMO_NAME else path.resolve().name, gathered, path.resolve())
    if path.is_file() and path.suffix.lower() in FORMATS:
        return _dataset(where if where == DEMO_NAME else path.name, read_own(path, suite), path.parent.absolute())
    raise DataError(
        f"There is no data at {where}: give a folder, hf:ID, demo, or a file of your own clips ({', '.join(FORMATS)})."
        f"{_had(suite)}"
    )


def _dataset(name: str, gathered: Gathered, folder: Path) -> Dataset:
    rows = gathered.rows
    problems = [*gathered.problems, *(flaw for row in rows for flaw in flaws(row)), *duplicates(rows)]
    if not rows and not problems:
        problems.append(f"{name}: has no rows")
    if problems:
        raise DataError(_report(name, [*problems, *(f"{row.place}: {row.flaw}" for row in rows if row.flaw)]))
    samples = tuple(_sample(row, case_id) for row, case_id in zip(rows, case_ids(rows), strict=True))
    return Dataset(
        samples=samples,
        missing={sample.id: storable(row.flaw) for sample, row in zip(samples, rows, strict=True) if row.flaw},
        name=storable(name),  # the name of a folder may not be valid UTF-8
        fingerprint=fingerprint_of(samples),
        folder=Path(os.path.normpath(folder)),
    )


class Asked(Protocol):
    """A sample, or the record of one, as far as it enters the fingerprint."""

    @property
    def id(self) -> str:
        """Its unique id."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The true labels."""

    @property
    def label_set(self) -> tuple[str, ...]:
        """The candidate labels."""


def fingerprint_of(samples: Iterable[Asked]) -> str:
    """A hash of the id, the targets and the label set of each sample, independent of their order."""
    return key_of(json.dumps(sorted((sample.id, sample.targets, sample.label_set) for sample in samples)))


def _report(name: str, problems: Sequence[str]) -> str:
    shown = problems[:MOST_PROBLEMS]
    more = [f"and {len(problems) - len(shown)} more"] if len(problems) > len(shown) else []
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return storable("\n  ".join((f"The data in {name} has {count}:", *shown, *more)))


_SHARED = tuple(field.name for field in fields(Sample) if field.name not in ("id", "clip"))
"""The attributes that a sample has from its row."""


def _sample(row: Row, case_id: str) -> Sample:
    clip = None if row.clip is None else Clip(row.clip)
    return Sample(id=case_id, clip=clip, **{name: getattr(row, name) for name in _SHARED})


def _gather_hub(name: str, suite: Suite) -> tuple[Gathered, Path]:
    """The rows of a data set of the hub, in the suite's layout or as a table, and the folder of its clips."""
    folder = fetch(name)
    if (gathered := _read_folder(folder, suite)) is not None:
        return gathered, folder.resolve()
    source = name.partition("@")[0].rpartition("/")[2]
    try:
        placed = [(f"row {number}", row) for number, row in enumerate(read_table(folder), 1)]
    except DataError as error:
        raise DataError(f"hf:{name} has no {suite.title} questions ({_layout(suite)}) and no table: {error}") from error
    return gather(placed, Origin(suite=suite, folder=folder, source=source, confined=True)), folder.absolute()


def _layout(suite: Suite) -> str:
    expected = f"expected {suite.layout}; " if suite.layout else ""
    return f"{expected}the tasks are {', '.join(suite.tasks)}"


def _had(suite: Suite) -> str:
    """Where the suite's data is had, as a further sentence; "" if it does not say."""
    return f" The data of {suite.title}: {suite.data}." if suite.data else ""


def _read_folder(folder: Path, suite: Suite) -> Gathered | None:
    """The rows of a folder of the suite's own layout; None if it has no questions, or the suite no such layout."""
    if not suite.reader:
        return None
    subject = f"The reader {suite.reader} of the suite {suite.name}"
    reader: Callable[[Path, Suite], Gathered | None] = import_named(suite.reader, subject)
    if not callable(reader):
        raise RunError(f"{subject} is not a function.")
    return reader(folder, suite)
