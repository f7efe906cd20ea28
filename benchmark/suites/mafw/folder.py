"""A MAFW folder: a list of labels for the test set of each fold, and the clips that it names.

Train & Test Set/single/no_caption/set_1/test.txt: 00025.mp4 anger
data/clips/00025.mp4

The layout is that of MAE-DFER's preprocessing (github.com/sunlicai/MAE-DFER, preprocess/mafw.py) and of others'
scripts. It has not been tested on the data, which is given out on request.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from benchmark.data.labelled import Labelled, fold_by, read_lists
from benchmark.data.rows import Gathered
from benchmark.suite import Suite
from benchmark.task import Task
from benchmark.text import QUOTED, one_line

LABELS = (
    "anger",
    "disgust",
    "fear",
    "happiness",
    "neutral",
    "sadness",
    "surprise",
    "contempt",
    "anxiety",
    "helplessness",
    "disappointment",
)

_TABLE = re.compile(r"/single/(?:no_caption/)?set_([1-5])/test\.txt$")
_NAME = re.compile(r"\w[\w.-]{0,99}")


def read_folder(root: Path, suite: Suite) -> Gathered | None:
    """Every line of the lists of single-labelled test sets below the folder with its clip; None if there is no list.

    Raises:
        DataError: the folder cannot be read.
    """
    return read_lists(root, suite, LABELS, fold_by(_TABLE), parse_table)


def parse_table(text: str, file: str, task: Task, problems: list[str]) -> Iterator[Labelled]:
    """The valid lines of a list; what is wrong with the others is added to the problems, by file and line."""
    for number, line in enumerate(text.split("\n"), 1):
        if not (words := line.split()):
            continue
        place = f"{file} line {number}"
        name, label = words[0], words[-1].lower()
        if len(words) != 2 or not _NAME.fullmatch(name):
            problems.append(f"{place}: must be the name of a clip and its label, got `{one_line(line, QUOTED)}`")
        elif label not in LABELS:
            problems.append(f"{place}: label must be one of {', '.join(LABELS)}, got `{one_line(label, QUOTED)}`")
        else:
            yield Labelled(place, task, PurePosixPath(name).stem, label)
