"""A MER2023 folder: tables of labels, and the clips that they name.

test3-label.csv: name,discrete,valence
                 sample_00000001,worried,-1.5
video/sample_00000001.avi

The benchmark's own label files are NumPy archives of pickled objects, which can run code when they are read. They are
refused, and the message says how to convert them. (The layout follows the toolkit zeroQiaoba/MERTools, MER2023. It has
not been tested on the data, which has a restrictive licence.)
"""

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from benchmark.data.clip_finder import list_files
from benchmark.data.labelled import SUFFIXES
from benchmark.data.rows import Gathered, Row
from benchmark.errors import DataError
from benchmark.suite import Suite
from benchmark.task import Task
from benchmark.text import clip_flaw, read_text

LABELS = ("neutral", "angry", "happy", "sad", "worried", "surprise")
COLUMNS = ("discrete", "emotion", "emo", "label")
"""The names that the column of the emotion may have."""
PARTS = {
    "multi": "MER-MULTI",
    "test1": "MER-MULTI",
    "noise": "MER-NOISE",
    "test2": "MER-NOISE",
    "semi": "MER-SEMI",
    "test3": "MER-SEMI",
}
"""The test set of a table, by a part of its name."""


def read_folder(root: Path, suite: Suite) -> Gathered | None:
    """Every row of the tables below the folder with its clip; None if there is no table of labels.

    Raises:
        DataError: the folder cannot be read.
    """
    root = root.resolve()
    files = list_files(root)
    clips = {PurePosixPath(file).stem: file for file in sorted(files) if file.lower().endswith(SUFFIXES)}
    rows: list[Row] = []
    problems: list[str] = []
    for file in sorted(files):
        name = PurePosixPath(file).name.lower()
        task = next((suite.tasks[task] for part, task in PARTS.items() if part in name), None)
        if task is None or "label" not in name or not name.endswith((".csv", ".npz")):
            continue
        try:
            rows += _rows(root, file, task, clips, files)
        except DataError as error:
            problems.append(f"{file}: {error}")
    return Gathered(rows=tuple(rows), problems=tuple(problems)) if rows or problems else None


def _rows(root: Path, file: str, task: Task, clips: Mapping[str, str], files: Mapping[str, int]) -> Iterator[Row]:
    if file.lower().endswith(".npz"):
        raise DataError(
            "contains Python objects, which can run code when they are read; convert it to a CSV file with the columns"
            " name and discrete"
        )
    reader = csv.DictReader(io.StringIO(read_text(root / file)), strict=True)
    column = next((name for name in COLUMNS if name in (reader.fieldnames or ())), None)
    if column is None or "name" not in (reader.fieldnames or ()):
        raise DataError(f"must have the column name and one of {', '.join(COLUMNS)}")
    try:
        for stated in reader:
            name, label = (stated["name"] or "").strip(), (stated[column] or "").strip().lower()
            clip = clips.get(name)
            flaw = clip_flaw(root / clip, files[clip]) if clip else "is not there"
            yield Row(
                place=file,
                task=task,
                video_id=name,
                label_set=LABELS,
                targets=(label,),
                source="MER2023",
                recording=f"MER2023/{name}",
                clip=root / (clip or f"{name}.mp4"),
                flaw=f"{name} {flaw}" if flaw else "",
            )
    except csv.Error as error:
        raise DataError(f"is not valid CSV (line {reader.line_num}: {error})") from error
