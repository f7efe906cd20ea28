"""Reads the tables of true emotions of MER-UniBench and its kin, the clips and the words that are said in them.

    emotion_wheel/…                     the authors' word maps (wheels.py), anywhere below the folder or beside it
    MER2023/test1.csv                   name,emo             or discrete, emotion, label: one word
    CMU-MOSI/test.csv                   name,val             a number; its sign is what counts
    OV-MERD+/labels.csv                 name,openset         a list of words: "[angry, hurt]"
    MER2023/video/sample_00000001.mp4   the clips, by their name
    MER2023/transcription-engchi-polish.csv   name,english   what is said, for the model; optional

A table belongs to the data set that its file or a folder around it is named after. A column `subtitle` of the table
may have what is said instead of the transcription. With a column `clip`, that names the clip's file, from the table's
folder; an empty cell means that there is none and only the words are shown.

The authors' labels are NumPy archives of pickled objects, which can run code when they are read. They are refused. The
layout of folders is ours, and only the columns are the authors' (zeroQiaoba/MERTools, MERBench/dataset).
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from benchmark.data.clip_finder import list_files
from benchmark.data.labelled import DataFolder
from benchmark.data.rows import Gathered, Row, leaves_folder, plain, slashed, stem, table_of
from benchmark.errors import DataError
from benchmark.suite import Suite
from benchmark.suites.mer_unibench.wheels import FOLDER, read_wheels
from benchmark.task import Task, Turn
from benchmark.text import NOT_REGULAR, clip_flaw, read_text

COLUMNS: Mapping[str, Sequence[str]] = {
    "words.hit": ("emo", "discrete", "emotion", "label", "gold"),
    "words.sign": ("val", "valence", "gold"),
}
"""The names that the column of the truth may have, by metric."""
LISTS = ("openset", "emotions", "labels", "gold")
"""The same for lists of words."""
SPOKEN = ("subtitle", "english")
TRANSCRIPTION = "transcription"
SIGNS = {-1: "negative", 0: "neutral", 1: "positive"}

_APART = re.compile(r"""['",;\[\]]""")
_LETTERS = re.compile(r"[^a-z0-9+]")
_SHORT = re.compile("^(?:cmu|ch)")  # most people leave these out: MOSI, SIMS


def words_of(text: str) -> tuple[str, ...]:
    """The words of a list, `['angry', 'hurt']` or `angry, hurt`, each once and in small letters."""
    parts = (" ".join(part.split()).lower() for part in _APART.split(text))
    return tuple(dict.fromkeys(part for part in parts if part and part != "nan"))


@dataclass
class _Folder(DataFolder):
    """What is being read."""

    resources: Path | None = None


def read_folder(root: Path, suite: Suite) -> Gathered | None:
    """Every row of the tables below the folder; None if there is no table of a task of the suite.

    Raises:
        DataError: the folder cannot be read.
    """
    root = root.resolve()
    found = _Folder(root, suite, list_files(root))
    rows: list[Row] = []
    tables = [(file, task) for file in sorted(found.files) if (task := _task_of(root, file, suite))]
    if tables and any("words.groups" not in task.metric for _, task in tables):
        found.resources = _resources(found)
    for file, task in tables:
        try:
            rows += _rows(found, file, task)
        except DataError as error:
            found.problems.append(f"{file}: {error}")
    return Gathered(rows=tuple(rows), problems=tuple(found.problems)) if rows or found.problems else None


def _resources(found: _Folder) -> Path | None:
    """The folder of word maps; what is wrong with them is a problem."""
    folders = sorted(
        {folder for file in found.files for folder in PurePosixPath(file).parents if folder.name == FOLDER}
    )
    if not folders and (found.root.parent / FOLDER).is_dir():
        folders = [PurePosixPath("..", FOLDER)]
    if len(folders) != 1:
        several = f": {', '.join(map(str, folders))}; keep one" if folders else ", which MERTools has in MER2025"
        found.problems.append(f"{FOLDER}: there must be one such folder, with the authors' word maps{several}")
        return None
    home = (found.root / folders[0]).resolve()
    try:
        read_wheels(home)
    except DataError as error:
        found.problems += str(error).split("\n")
        return None
    return home


def _task_of(root: Path, file: str, suite: Suite) -> Task | None:
    """The task that a table belongs to, by its name or the innermost folder that names one; None for other files."""
    path = PurePosixPath(file)
    if path.suffix.lower() not in (".csv", ".npz") or FOLDER in path.parts or TRANSCRIPTION in path.name.lower():
        return None
    names = [path.stem, *reversed((root.name, *path.parent.parts))]
    letters = {task.name: _SHORT.sub("", _spelt(task.name)) for task in suite.task}
    for name in names:
        fitting = [task for task in suite.task if letters[task.name] in _spelt(name)]
        if fitting:
            return max(fitting, key=lambda task: len(letters[task.name]))
    return suite.task[0] if len(suite.task) == 1 and _has_truth(root / file, suite.task[0]) else None


def _has_truth(path: Path, task: Task) -> bool:
    """Whether a table, which is not named after the task, has its columns."""
    try:
        head = read_text(path).partition("\n")[0].split(",") if path.suffix.lower() == ".csv" else []
    except DataError:
        return False
    return "name" in head and not set(_columns(task)).isdisjoint(head)


def _spelt(name: str) -> str:
    """The letters and digits of a name: `CH-SIMS v2` and `chsims_v2` are the same, and OV-MERD+ is `ovmerdplus`."""
    return _LETTERS.sub("", name.lower()).replace("+", "plus")


def _rows(found: _Folder, file: str, task: Task) -> Iterator[Row]:
    """The rows of a table that can be used; what is wrong with the others is added to the problems."""
    if file.lower().endswith(".npz"):
        raise DataError(
            "contains Python objects, which can run code when they are read; convert it to a CSV file with the columns"
            f" name and {_columns(task)[0]}"
        )
    columns, rows = table_of(read_text(found.root / file))
    truth = next((name for name in _columns(task) if name in columns), None)
    if truth is None or "name" not in columns:
        raise DataError(f"must have the column name and one of {', '.join(_columns(task))}")
    said = _spoken(found, file)
    for line, row in rows:
        name, where = row["name"].strip(), f"{file}: line {line}"
        try:
            if len(row) > len(columns):
                raise DataError("has more cells than there are columns")
            if not name or leaves_folder(name):
                raise DataError("`name` is missing" if not name else "`name` leaves the folder")
            targets = _targets(row[truth], truth, task)
            clip, flaw = _clip(found, file, row, name)
        except DataError as error:
            found.problems.append(f"{where}: {error}")
            continue
        spoken = next((row[column].strip() for column in SPOKEN if row.get(column, "").strip()), said.get(name, ""))
        if clip is None and not spoken:
            found.problems.append(f"{where}: has neither a clip nor a subtitle")
            continue
        yield Row(
            place=file,
            task=task,
            video_id=name,
            label_set=(),
            targets=targets,
            source=plain(task.name),
            recording=plain(f"{task.name}/{_recording(task, name)}"),
            clip=clip,
            flaw=flaw,
            turns=(Turn("user", f'What is said in the clip: "{" ".join(spoken.split())}"'),) if spoken else (),
            resources=found.resources,
        )


def _columns(task: Task) -> Sequence[str]:
    return COLUMNS.get(task.metric, LISTS)


def _targets(text: str, column: str, task: Task) -> tuple[str, ...]:
    """The true words; for a number, its sign.

    Raises:
        DataError: the cell has none; says why.
    """
    if task.metric == "words.sign":
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise DataError(f"`{column}` must be a number, got `{text.strip()[:40]}`")
        return (SIGNS[(value > 0) - (value < 0)],)
    words = words_of(text)
    if not words or (not task.several and len(words) > 1):
        raise DataError(f"`{column}` must have {'words' if task.several else 'one word'}, got `{text.strip()[:40]}`")
    return words


def _clip(found: _Folder, file: str, row: Mapping[str, str], name: str) -> tuple[Path | None, str]:
    """The clip of a row and why it cannot be used; None if the row says that it has none.

    Raises:
        DataError: its path leaves the folder.
    """
    folder = PurePosixPath(file).parent
    if "clip" in row:
        stated = slashed(row["clip"].strip())
        if not stated:
            return None, ""
        if leaves_folder(stated):
            raise DataError("`clip` leaves the folder")
        near = [str(folder / stated)] if str(folder / stated) in found.files else []
    else:
        stated = f"{name}.mp4"
        near = _called(found, slashed(name)) or _called(found, stem(slashed(name)))
        near = [clip for clip in near if PurePosixPath(clip).is_relative_to(folder)] or near
    if len(near) != 1:
        return (
            found.root / folder / stated,
            f"{stated} is not there" if not near else f"{stated} is there several times",
        )
    size = found.files[near[0]]
    flaw = clip_flaw(found.root / near[0], size)
    return found.root / near[0], f"{near[0]} {flaw}" if flaw else ""


def _called(found: _Folder, name: str) -> list[str]:
    """The clips of a name, which may begin with folders."""
    namesakes = found.clips.get(PurePosixPath(name).name, ())
    return [clip for clip in namesakes if f"/{clip.rpartition('.')[0]}".endswith(f"/{name}")]


def _spoken(found: _Folder, file: str) -> Mapping[str, str]:
    """What is said in each clip, from the transcription nearest to a table: in its folder, or in one above it."""
    folder = PurePosixPath(file).parent
    near = [
        other
        for other in found.files
        if TRANSCRIPTION in PurePosixPath(other).name.lower()
        and other.lower().endswith(".csv")
        and found.files[other] != NOT_REGULAR
        and folder.is_relative_to(PurePosixPath(other).parent)
    ]
    if not near:
        return {}
    other = max(sorted(near), key=lambda path: path.count("/"))
    columns, rows = table_of(read_text(found.root / other))
    if "name" not in columns or "english" not in columns:
        found.problems.append(f"{other}: must have the columns name and english")
        return {}
    return {row["name"].strip(): row["english"].strip() for _, row in rows}


_RECORDINGS = {
    "MELD": r"(.*dia\d+)_utt\d+",
    "IEMOCAP": r"(Ses\d\d[FM]_(?:impro\d+|script\d+_\d+))\w*_[FM]\d+",
    "CMU-MOSI": r"(.+)_\d+",
    "CMU-MOSEI": r"(.+)_\d+",
    "CH-SIMS": r"(.+)[/_]\d+",
    "CH-SIMS-v2": r"(.+)[/_]\d+",
}
"""What a clip was cut from, by its name: the dialogue, or the speaker's video, as for MME-Emotion."""


def _recording(task: Task, name: str) -> str:
    match = re.fullmatch(_RECORDINGS.get(task.name, r"(.*)"), name)
    return match[1] if match else name
