"""A folder of MVEI: MVEI_metadata.json, and the images that it names, in `images` or anywhere below.

[{"image_id": "amusement_00012.jpg", "ov_emotion": ["joy", …],
  "statement_list": [{"statement": "…", "label": "correct", "class": "sentiment polarity", "subclass": "…"}, …]}, …]

A statement is a question of its own; those about one image are one recording. (The layout is that of the authors'
scripts, folder eval of github.com/wdqqdw/MVEI. It has not been tried on the data.)
"""

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from benchmark.data.clip_finder import read_tables
from benchmark.data.rows import Gathered, Place, Row, Word, plain, valid_rows
from benchmark.suite import Suite

FILE = "mvei_metadata.json"
LABELS = ("correct", "incorrect")
TASKS: Mapping[str, str] = MappingProxyType(
    {
        "sentiment polarity": "SP",
        "emotion interpretation": "EI",
        "scene context": "SC",
        "perception subjectivity": "PS",
    }
)
"""The task of a statement's class."""


def _small(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


class Statement(BaseModel):
    """A statement about an image."""

    statement: Word
    label: Annotated[Literal["correct", "incorrect"], BeforeValidator(_small)]
    kind: Annotated[
        Literal["sentiment polarity", "emotion interpretation", "scene context", "perception subjectivity"],
        BeforeValidator(_small),
        Field(alias="class"),
    ]


class Pictured(BaseModel):
    """An image with its statements, which are checked one by one."""

    image_id: Place
    statement_list: Annotated[tuple[object, ...], Field(min_length=1)]


def read_folder(root: Path, suite: Suite) -> Gathered | None:
    """Every statement of the file with its image; None if there is no such file below the folder.

    Raises:
        DataError: the folder cannot be read.
    """
    return read_tables(root, suite, Pictured, lambda file: suite if _is_table(file) else None, _rows)


def _is_table(file: str) -> bool:
    return PurePosixPath(file).name.lower() == FILE


def _rows(place: str, pictured: Pictured, suite: Suite, problems: list[str]) -> Iterator[tuple[Row, str | None]]:
    numbered = ((f"statement {number}", value) for number, value in enumerate(pictured.statement_list, 1))
    for found, statement in valid_rows(numbered, place, Statement, problems):
        row = Row(
            place=found,
            task=suite.tasks[TASKS[statement.kind]],
            video_id=f"{pictured.image_id}-{found.rpartition(' ')[2]}",
            label_set=LABELS,
            targets=(statement.label,),
            source="MVEI",
            recording=plain(f"MVEI/{pictured.image_id}"),
            clip=None,
            text=f"Statement: {statement.statement}",
        )
        yield row, f"images/{pictured.image_id}"
