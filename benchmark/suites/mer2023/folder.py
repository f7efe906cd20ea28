"""A MER2023 folder: tables of labels, and the clips that they name.

test3-label.csv: name,discrete,valence
                 sample_00000001,worried,-1.5
video/sample_00000001.avi

The benchmark's own label files are NumPy archives of pickled objects, which can run code when they are read. They are
refused, and the message says how to convert them. (The layout follows the toolkit zeroQiaoba/MERTools, MER2023. It has
not been tested on the data, which has a restrictive licence.)
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from benchmark.data.labelled import Labelled, read_lists
from benchmark.data.rows import Gathered, table_of
from benchmark.errors import DataError
from benchmark.suite import Suite
from benchmark.task import Task

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
    return read_lists(root, suite, LABELS, _task_of, _parse_table)


def _task_of(path: str) -> str | None:
    name = PurePosixPath(path).name.lower()
    task = next((task for part, task in PARTS.items() if part in name), None)
    if task is None or "label" not in name or not name.endswith((".csv", ".npz")):
        return None
    if name.endswith(".npz"):
        raise DataError(
            "contains Python objects, which can run code when they are read; convert it to a CSV file with the columns"
            " name and discrete"
        )
    return task


def _parse_table(text: str, file: str, task: Task, __: list[str]) -> Iterator[Labelled]:
    """The rows of a table.

    Raises:
        DataError: it is not CSV, or lacks a column; the message does not name the file.
    """
    columns, rows = table_of(text)
    column = next((name for name in COLUMNS if name in columns), None)
    if column is None or "name" not in columns:
        raise DataError(f"must have the column name and one of {', '.join(COLUMNS)}")
    for _, row in rows:
        yield Labelled(file, task, row["name"].strip(), row[column].strip().lower())
