"""Clips of one label each, which a corpus lists by the name of the clip's file."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from benchmark.data.clip_finder import Found, list_files
from benchmark.data.rows import Gathered, Row, stem
from benchmark.errors import DataError
from benchmark.suite import Suite
from benchmark.task import Task
from benchmark.text import clip_flaw, read_text

SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".webm")
"""The endings of the files that are clips."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A line of a corpus's list of labels.

    Attributes:
        place: the file and the line, for messages.
        task: the task that the list belongs to.
        name: the name of the clip's file without its ending.
        label: the true label.
    """

    place: str
    task: Task
    name: str
    label: str


@dataclass
class DataFolder:
    """A folder of a suite's data that is being read.

    Attributes:
        root: its path.
        suite: the suite.
        files: the files below it, with their sizes.
        problems: what is wrong with it, one line each; grows while it is read.
    """

    root: Path
    suite: Suite
    files: Mapping[str, int]
    problems: list[str] = field(default_factory=list)

    @cached_property
    def clips(self) -> Mapping[str, Sequence[str]]:
        """The clips by the name of their file without its ending, sorted."""
        return _clips_by(stem, self.files)


Parse = Callable[[str, str, Task, list[str]], Iterable[Labelled]]
"""The valid lines of a list's text, by its file and task; adds what is wrong with the others to the problems."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus of named clips: its name, its labels, its folder, and the files below that with their sizes."""

    name: str
    labels: tuple[str, ...]
    root: Path
    files: Mapping[str, int]


def fold_by(table: re.Pattern[str]) -> Callable[[str], str | None]:
    """For `read_lists`: the task `set-NUMBER` of a list whose path matches, with the number of the fold as group 1."""
    return lambda path: f"set-{found[1]}" if (found := table.search(path)) else None


def read_lists(
    root: Path, suite: Suite, labels: tuple[str, ...], task_of: Callable[[str], str | None], parse: Parse
) -> Gathered | None:
    """The rows of a corpus with lists of labels, and their clips; None if there is no list.

    `task_of` returns the name of a list's task, by its path, which begins with the name of the root; None for any other
    file. It may refuse a file with a `DataError`.

    Raises:
        DataError: the folder cannot be read.
    """
    root = root.resolve()
    files = list_files(root)
    stated: list[Labelled] = []
    problems: list[str] = []
    for file in sorted(files):
        try:
            if task := task_of(f"/{root.name}/{file}"):  # the root may be any of the folders
                stated += parse(read_text(root / file), file, suite.tasks[task], problems)
        except DataError as error:
            problems.append(f"{file}: {error}")
    if not stated and not problems:
        return None
    rows = rows_of(stated, Corpus(suite.title, labels, root, files))
    return Gathered(rows=rows, problems=tuple(problems))


def rows_of(stated: Iterable[Labelled], corpus: Corpus) -> tuple[Row, ...]:
    """A row for each line of a list, with the clip of its name in any folder; each clip is a recording of its own."""
    find = named_clips(corpus.root, corpus.files)
    return tuple(_row(line, corpus, find(line.name)) for line in stated)


def named_clips(root: Path, files: Mapping[str, int]) -> Callable[[str], Found]:
    """Finds the clip of a name, which has no ending, in any folder below the root."""
    clips = _clips_by(lambda file: _plain(PurePosixPath(file).stem), files)

    def find(name: str) -> Found:
        found = clips.get(_plain(name), ())
        if len(found) == 1:
            flaw = clip_flaw(root / found[0], files[found[0]])
        else:
            flaw = f"is not there; it could be any of {', '.join(found)}" if found else "is not there"
        return Found(root / (found[0] if found else f"{name}.mp4"), f"{name} {flaw}" if flaw else "")

    return find


def _clips_by(name_of: Callable[[str], str], files: Iterable[str]) -> Mapping[str, Sequence[str]]:
    clips = defaultdict[str, list[str]](list)
    for file in sorted(files):
        if file.lower().endswith(SUFFIXES):
            clips[name_of(file)].append(file)
    return clips


def _plain(name: str) -> str:
    """The name without zeros at its start, since corpora write `1` for the clip `00001.mp4`."""
    return name.lstrip("0")


def _row(stated: Labelled, corpus: Corpus, clip: Found) -> Row:
    return Row(
        place=stated.place,
        task=stated.task,
        video_id=stated.name,
        label_set=corpus.labels,
        targets=(stated.label,),
        source=corpus.name,
        recording=f"{corpus.name}/{stated.name}",
        clip=clip.path,
        flaw=clip.flaw,
    )
