"""A DFEW folder: a table of labels for the test set of each fold, and the clips that it numbers.

EmoLabel_DataSplit/test(single-labeled)/set_1.csv: video_name,label      or label/single_testset_1.csv
                                                   2,7
Clip/original/part_1/2.mp4

The layout is that of DFEW's own loader (github.com/jiangxingxun/DFEW) and of others' scripts. It has not been tested on
the data, for which a password is needed.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmark.data.labelled import Labelled, fold_by, read_lists
from benchmark.data.rows import Gathered, table_of
from benchmark.errors import DataError
from benchmark.suite import Suite
from benchmark.task import Task
from benchmark.text import QUOTED, one_line

LABELS = ("happy", "sad", "neutral", "angry", "surprise", "disgust", "fear")
"""The labels, in the order of their numbers in the tables, from 1."""
NUMBERS: Mapping[str, str] = {str(number): label for number, label in enumerate(LABELS, 1)}

_TABLE = re.compile(r"/(?:test\(single-labell?ed\)/set|single_testset)_([1-5])\.csv$", re.IGNORECASE)


def read_folder(root: Path, suite: Suite) -> Gathered | None:
    """Every row of the tables of test sets below the folder with its clip; None if there is no such table.

    Raises:
        DataError: the folder cannot be read.
    """
    return read_lists(root, suite, LABELS, fold_by(_TABLE), parse_table)


def parse_table(text: str, file: str, task: Task, problems: list[str]) -> Iterator[Labelled]:
    """The valid rows of a table; what is wrong with the others is added to the problems, by file and line.

    Raises:
        DataError: it is not CSV, or lacks a column; the message does not name the file.
    """
    columns, rows = table_of(text)
    if not {"video_name", "label"} <= set(columns):
        raise DataError("must have the columns video_name and label")
    for line, row in rows:
        place = f"{file} line {line}"
        name, label = row["video_name"].strip(), row["label"].strip()
        if not re.fullmatch("[0-9]{1,9}", name):
            problems.append(f"{place}: video_name must be a number, got `{one_line(name, QUOTED)}`")
        elif label not in NUMBERS:
            problems.append(f"{place}: label must be a number from 1 to 7, got `{one_line(label, QUOTED)}`")
        else:
            yield Labelled(place, task, name, NUMBERS[label])
