"""Finds the clips of a folder, in any subfolder or zip file."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TypeVar

from pydantic import BaseModel

from benchmark.data.download import unpack
from benchmark.data.rows import Gathered, Row, inner_id, placed_list, slashed, valid_rows
from benchmark.errors import DataError
from benchmark.suite import Suite
from benchmark.task import Task, leading_task
from benchmark.text import NOT_REGULAR, clip_flaw, size_of

K = TypeVar("K")
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A clip that a question is about; `place` is its path from the folder according to the layout."""

    task: Task
    video_id: str
    place: str

    @property
    def name(self) -> str:
        """The file's name."""
        return self.video_id.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Found:
    """The path where a clip is, or should be, and why it cannot be used; `flaw` is empty if it can."""

    path: Path
    flaw: str


def list_files(root: Path) -> Mapping[str, int]:
    """The `size_of` every file below the folder, by its path from there.

    Hidden files and folders are skipped. Links are followed, but a folder is never entered by a second link.

    Raises:
        DataError: a folder cannot be read.
    """
    sizes: dict[str, int] = {}
    left, followed = [""], {os.path.realpath(root)}
    while left:
        prefix = left.pop()
        try:
            with os.scandir(root / prefix) as children:
                seen = [child for child in children if not child.name.startswith(".")]
        except OSError as error:
            raise DataError(f"Cannot read the folder {root / prefix} ({error.strerror}).") from error
        for child in seen:
            if not child.is_dir():
                with suppress(FileNotFoundError):  # a link to nothing
                    sizes[prefix + child.name] = size_of(child.stat())
                continue
            if child.is_symlink():
                if (real := os.path.realpath(child.path)) in followed:
                    continue
                followed.add(real)
            left.append(f"{prefix}{child.name}/")
    return sizes


def find_clips(
    root: Path, wanted: Sequence[Wanted], files: Mapping[str, int], suite: Suite, problems: list[str]
) -> Sequence[Found]:
    """Where each clip is.

    If a task lacks clips, its zip files are unpacked first. What is wrong with these is added to the problems.
    """
    found = _find(root, wanted, files, suite)
    lacking = {clip.task for clip, place in zip(wanted, found, strict=True) if place.flaw}
    if lacking and _unpack(root, files, lacking, suite, problems):
        found = _find(root, wanted, list_files(root), suite)
    return found


def with_clips(
    root: Path, stated: Sequence[tuple[Row, str | None]], files: Mapping[str, int], suite: Suite, problems: list[str]
) -> tuple[Row, ...]:
    """The rows with their clips, given the path of each clip from the folder, or None for a row without one."""
    wanted = [Wanted(row.task, path, path) for row, path in stated if path is not None]
    found = iter(find_clips(root, wanted, files, suite, problems))
    return tuple(_with_clip(row, next(found)) if path is not None else row for row, path in stated)


def read_tables(
    root: Path,
    suite: Suite,
    kind: type[M],
    key_of: Callable[[str], K | None],
    rows_of: Callable[[str, M, K, list[str]], Iterable[tuple[Row, str | None]]],
) -> Gathered | None:
    """The rows of all tables in JSON below a folder, with their clips; None if there is no table.

    `key_of` returns what a file is a table of, None for any other file. `rows_of` returns the rows of a valid row of a
    table, which is of the `kind`, by its place and its table's key, each with the path of its clip as in `with_clips`;
    it adds what is wrong to the problems.

    Raises:
        DataError: the folder cannot be read.
    """
    root = root.resolve()
    files = list_files(root)
    stated: list[tuple[Row, str | None]] = []
    problems: list[str] = []
    keys = {file: key_of(file) for file in sorted(files) if files[file] != NOT_REGULAR}
    tables = {file: key for file, key in keys.items() if key is not None}
    for file, key in tables.items():
        try:
            for place, row in valid_rows(placed_list(root / file), file, kind, problems):
                stated += rows_of(place, row, key, problems)
        except DataError as error:
            problems.append(f"{file}: {error}")
    if not tables:
        return None
    return Gathered(rows=with_clips(root, stated, files, suite, problems), problems=tuple(problems))


def by_task(suite: Suite) -> Callable[[str], Task | None]:
    """For `read_tables`: the task that a file in JSON is named after."""

    def task_of(file: str) -> Task | None:
        path = PurePosixPath(file)
        return suite.task_named(path.stem) if path.suffix.lower() == ".json" else None

    return task_of


def _with_clip(row: Row, clip: Found) -> Row:
    return replace(row, clip=clip.path, flaw=clip.flaw)


def _find(root: Path, wanted: Sequence[Wanted], files: Mapping[str, int], suite: Suite) -> list[Found]:
    by_name: dict[str, list[str]] = defaultdict(list)
    for path in files:
        by_name[_spelt(path).rpartition("/")[2]].append(path)
    found = []
    for clip in wanted:
        near = [clip.place] if clip.place in files else _nearest(clip, by_name.get(_spelt(clip.name), ()), suite)
        if len(near) == 1:
            path = near[0]
            flaw = clip_flaw(root / path, files[path])
        else:
            path = clip.place
            flaw = f"is not there; it could be any of {', '.join(near)}" if near else "is not there"
        found.append(Found(root / path, f"{path} {flaw}" if flaw else ""))
    return found


def _spelt(path: str) -> str:
    """The path in the form in which paths are compared: with slashes, and the extension in lower case."""
    stem, dot, suffix = slashed(path).rpartition(".")
    return f"{stem}{dot}{suffix.lower()}" if dot and "/" not in suffix else slashed(path)


_ELSEWHERE = (4, False)


def _nearest(clip: Wanted, namesakes: Iterable[str], suite: Suite) -> list[str]:
    """The files of the clip's name that are nearest to its place; empty if all are in folders of other tasks."""
    distances = {namesake: _distance(clip, namesake, suite) for namesake in namesakes}
    nearest = min(distances.values(), default=_ELSEWHERE)
    return sorted(namesake for namesake, distance in distances.items() if distance == nearest < _ELSEWHERE)


def _distance(clip: Wanted, namesake: str, suite: Suite) -> tuple[int, bool]:
    """How far a file of the clip's name is from its place, and whether its name is spelt differently.

    The distance is 0 or 1 in the folder of the clip's task, and `_ELSEWHERE` in that of another task.
    """
    inner, path = _spelt(inner_id(clip.task, clip.video_id)), _spelt(namesake)
    ends, otherwise = f"/{path}".endswith(f"/{inner}"), not namesake.endswith(clip.name)
    task = suite.task_around(path)
    if task == clip.task:
        return 0 if ends else 1, otherwise
    if ends and "/" in inner:  # the folder of the corpus matches too, so it may be in any task's folder
        return 2, otherwise
    return (3, otherwise) if task is None else _ELSEWHERE


def _unpack(root: Path, files: Mapping[str, int], lacking: Set[Task], suite: Suite, problems: list[str]) -> bool:
    """Unpacks the zip files that may contain clips of the tasks; returns whether there are new files."""
    unpacked = False
    for archive in (file for file in files if file.lower().endswith(".zip") and files[file] != NOT_REGULAR):
        task = leading_task(_stem(archive).rpartition("/")[2], suite.task) or suite.task_around(archive)
        target = _target(archive, files)
        if target is None or (root / target).exists() or not (task is None or task in lacking):
            continue
        try:
            unpack(root / archive, root / target)
            unpacked = True
        except DataError as error:
            problems.append(f"{archive}: {error}")
    return unpacked


def _target(archive: str, files: Iterable[str]) -> str | None:
    """The folder to unpack a zip file to: named as the zip file, or inside that if it has only questions; else None."""
    stem = _stem(archive)
    inside = [file for file in files if file.startswith(f"{stem}/")]
    if not all(file.lower().endswith((".json", ".zip")) for file in inside):
        return None
    return f"{stem}/clips" if inside else stem


def _stem(archive: str) -> str:
    return archive[: -len(".zip")]
