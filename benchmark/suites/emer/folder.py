"""A folder of EMER: one or both of its tables of explanations, and the clips of MER2023 that they are about.

gt-eng.csv               names,emotions,subtitles,reasons     EMER-v1, 100 clips; gt-chi.csv is the same in Chinese
final-EMER-reason.csv    names,chinese,english                EMER-v2, 332 clips
video/sample_00000648.avi                                     the clips, by their name, in any folder below

The columns are those of zeroQiaoba/AffectGPT, EMER/README.md; where the clips lie is up to the user. An explanation in
English is preferred to the one in Chinese. `subtitles`, if there are any, are shown to the model; `emotions`, which are
MER2023's own labels, are not used.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from benchmark.data.clip_finder import list_files
from benchmark.data.labelled import DataFolder
from benchmark.data.rows import Gathered, Row, leaves_folder, plain, stem, table_of
from benchmark.errors import DataError
from benchmark.suite import Suite
from benchmark.task import Task, Turn
from benchmark.text import NOT_REGULAR, clip_flaw, read_text

TABLES: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "gt-eng.csv": ("EMER-v1", ("reasons",)),
        "gt-chi.csv": ("EMER-v1", ("reasons", "chi_reasons")),
        "final-emer-reason.csv": ("EMER-v2", ("english", "chinese")),
    }
)
"""The task of a table, by its name in small letters, and the columns that may have its explanations, best first."""


def read_folder(root: Path, suite: Suite) -> Gathered | None:
    """Every row of the tables with its clip; None if there is none of the tables.

    Raises:
        DataError: the folder cannot be read.
    """
    root = root.resolve()
    found = DataFolder(root, suite, list_files(root))
    rows: list[Row] = []
    tables = _tables(found)
    for file, (name, columns) in tables.items():
        try:
            rows += _rows(found, file, suite.tasks[name], columns)
        except DataError as error:
            found.problems.append(f"{file}: {error}")
    return Gathered(rows=tuple(rows), problems=tuple(found.problems)) if tables else None


def _tables(found: DataFolder) -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """The tables to read, one for each task: the first of `TABLES`. Two of the same name are a problem."""
    named: dict[str, list[str]] = defaultdict(list)
    for file in sorted(found.files):
        named[PurePosixPath(file).name.lower()].append(file)
    tables: dict[str, str] = {}
    for name, (task, _) in TABLES.items():
        if name in named and task not in tables:
            first, *others = named[name]
            tables[task] = first
            found.problems += [f"{other}: {first} has the same name; keep one of the two" for other in others]
    return {file: TABLES[PurePosixPath(file).name.lower()] for file in tables.values()}


def _rows(found: DataFolder, file: str, task: Task, columns: Sequence[str]) -> Iterator[Row]:
    """The rows that can be used; what is wrong with the others is added to the problems."""
    if found.files[file] == NOT_REGULAR:
        raise DataError("is not a regular file")
    there, lines = table_of(read_text(found.root / file))
    truth = next((name for name in columns if name in there), None)
    if truth is None or "names" not in there:
        raise DataError(f"must have the columns names and {' or '.join(columns)}")
    for number, stated in lines:
        try:
            yield _row(found, file, task, stated, stated[truth].strip())
        except DataError as error:
            found.problems.append(f"{file} line {number}: {error}")


def _row(found: DataFolder, file: str, task: Task, stated: Mapping[str, str], truth: str) -> Row:
    name = stated["names"].strip()
    if None in stated:
        raise DataError("has more cells than there are columns")
    if not name or leaves_folder(name):
        raise DataError("`names` leaves the folder" if name else "`names` is missing")
    if not truth:
        raise DataError("its explanation is missing")
    clips = found.clips.get(stem(name), ())
    clip = clips[0] if clips else f"{name}.mp4"
    flaw = clip_flaw(found.root / clip, found.files[clip]) if clips else "is not there"
    if len(clips) > 1:
        flaw = f"could be any of {', '.join(clips)}"
    spoken = " ".join(stated.get("subtitles", "").split())
    return Row(
        place=file,
        task=task,
        video_id=name,
        label_set=(),
        targets=(truth,),
        source="EMER",
        recording=plain(f"EMER/{name}"),
        clip=found.root / clip,
        flaw=f"{name} {flaw}" if flaw else "",
        turns=(Turn("user", f'What is said in the clip: "{spoken}"'),) if spoken else (),
    )
