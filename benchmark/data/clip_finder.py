"""Where the clips of a folder lie, however they are nested or packed."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmark.data.download import unpack
from benchmark.data.rows import inner_id, slashed
from benchmark.errors import DataError
from benchmark.suite import Suite
from benchmark.task import Task
from benchmark.text import NOT_REGULAR, clip_flaw, size_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """A clip that a question is about; `place` is where its layout puts it, as a path from the folder."""

    task: Task
    video_id: str
    place: str

    @property
    def name(self) -> str:
        """The file's name."""
        return self.video_id.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Found:
    """Where a clip is, or should be, and why it cannot be used; `flaw` is empty where it can."""

    path: Path
    flaw: str


def list_files(root: Path) -> Mapping[str, int]:
    """The size in bytes of every file below the folder, by its path from there; `NOT_REGULAR` of pipes and the like.

    Hidden ones are passed over; links are followed, but into no folder twice.

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
            raise DataError(f"The folder {root / prefix} cannot be read ({error.strerror}).") from error
        for child in seen:
            if not child.is_dir():
                with suppress(FileNotFoundError):  # a link that leads nowhere
                    sizes[prefix + child.name] = size_of(child.stat())
            elif not child.is_symlink() or _is_new(child.path, followed):
                left.append(f"{prefix}{child.name}/")
    return sizes


def _is_new(link: str, followed: set[str]) -> bool:
    before = len(followed)
    followed.add(os.path.realpath(link))
    return len(followed) > before


def find_clips(
    root: Path, wanted: Sequence[Wanted], files: Mapping[str, int], suite: Suite, problems: list[str]
) -> Sequence[Found]:
    """Where each clip is; zip files of tasks that lack some are unpacked first, their faults added to the problems."""
    found = _find(root, wanted, files, suite)
    lacking = {clip.task for clip, place in zip(wanted, found, strict=True) if place.flaw}
    if lacking and _unpack(root, files, lacking, suite, problems):
        found = _find(root, wanted, list_files(root), suite)
    return found


def _find(root: Path, wanted: Sequence[Wanted], files: Mapping[str, int], suite: Suite) -> list[Found]:
    by_name: dict[str, list[str]] = defaultdict(list)
    for path in files:
        by_name[_spelt(path).rpartition("/")[2]].append(path)
    found = []
    for clip in wanted:
        distances = {namesake: _distance(clip, namesake, suite) for namesake in by_name.get(_spelt(clip.name), ())}
        found.append(_locate(root, clip, files, distances))
    return found


def _spelt(path: str) -> str:
    """The path as it is compared: Windows leaves backslashes within names, and cameras write `.MP4`."""
    stem, dot, suffix = slashed(path).rpartition(".")
    return f"{stem}{dot}{suffix.lower()}" if dot and "/" not in suffix else slashed(path)


def _locate(root: Path, clip: Wanted, files: Mapping[str, int], distances: Mapping[str, tuple[int, bool]]) -> Found:
    path = clip.place
    if path not in files:
        nearest = min(distances.values(), default=_ELSEWHERE)
        near = sorted(namesake for namesake, distance in distances.items() if distance == nearest < _ELSEWHERE)
        if len(near) != 1:
            return Found(
                root / path, f"{path} is not there" + (f"; it could be any of {', '.join(near)}" if near else "")
            )
        (path,) = near
    flaw = clip_flaw(root / path, files[path])
    return Found(root / path, f"{path} {flaw}" if flaw else "")


_ELSEWHERE = (4, False)


def _distance(clip: Wanted, namesake: str, suite: Suite) -> tuple[int, bool]:
    """How far from its place a file of the clip's name lies, and whether its name is spelt otherwise.

    It is 0 and 1 within the clip's task, and `_ELSEWHERE` within another's.
    """
    inner, path = _spelt(inner_id(clip.task, clip.video_id)), _spelt(namesake)
    ends, otherwise = f"/{path}".endswith(f"/{inner}"), not namesake.endswith(clip.name)
    task = suite.task_around(path)
    if task == clip.task:
        return 0 if ends else 1, otherwise
    if ends and "/" in inner:  # its corpus's folder vouches for it, whichever task that belongs to
        return 2, otherwise
    return (3, otherwise) if task is None else _ELSEWHERE


def _unpack(root: Path, files: Mapping[str, int], lacking: Set[Task], suite: Suite, problems: list[str]) -> bool:
    """Unpacks the zip files that may hold clips of the tasks; says whether there is anything new."""
    unpacked = False
    for archive in (file for file in files if file.lower().endswith(".zip") and files[file] != NOT_REGULAR):
        task = suite.leading_task(_stem(archive).rpartition("/")[2]) or suite.task_around(archive)
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
    """Where a zip file goes: a folder of its stem, or one beside the questions there; None where clips are already."""
    stem = _stem(archive)
    inside = [file for file in files if file.startswith(f"{stem}/")]
    if not all(file.lower().endswith((".json", ".zip")) for file in inside):
        return None
    return f"{stem}/clips" if inside else stem


def _stem(archive: str) -> str:
    return archive[: -len(".zip")]
