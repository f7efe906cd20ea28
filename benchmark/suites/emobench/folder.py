"""A folder of EmoBench, the benchmark of EmoLLM: a JSON list of questions for each of its six tasks.

emo_c.json   [{"media": "clips/12.mp4", "options": ["anger", "joy", …], "answer": "joy"}, …]
emo_o.json   [{"media": "images/7.jpg", "answer": "awe"}, …]
intent.json  as emo_c.json; hate.json, humour.json and sarcasm.json: [{"media": …, "answer": "yes"}, …]

A row may have a `text`, such as what is said or the caption, and a `source`, the data set that it is from. Images and
videos lie anywhere below the folder. The authors have published neither files nor fields (yan9qu/EmoLLM has a README
alone): the layout is ours, for you to write.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from benchmark.data.clip_finder import by_task, read_tables
from benchmark.data.rows import Gathered, Place, Row, Word, plain, source_name
from benchmark.suite import Suite
from benchmark.task import Task

OPEN = "Emo-O"
CLOSED = frozenset({"Emo-C", "intent"})
YES_NO = ("yes", "no")


class Asked(BaseModel):
    """A row of a file."""

    media: Place
    text: Word | None = None
    options: Annotated[tuple[Word, ...], Field(min_length=2)] | None = None
    answer: Word
    source: Word = "EmoBench"


def read_folder(root: Path, suite: Suite) -> Gathered | None:
    """Every question of the files below the folder that are named after a task; None if there is no such file.

    Raises:
        DataError: the folder cannot be read.
    """
    return read_tables(root, suite, Asked, by_task(suite), _rows)


def _rows(place: str, asked: Asked, task: Task, problems: list[str]) -> Iterator[tuple[Row, str | None]]:
    if (asked.options is not None) != (task.name in CLOSED):
        problems.append(f"{place}: `options` {'is missing' if task.name in CLOSED else 'must not be there'}")
        return
    row = Row(
        place=place,
        task=task,
        video_id=f"{asked.media}-{place.rpartition(' ')[2]}",
        label_set=() if task.name == OPEN else asked.options or YES_NO,
        targets=(asked.answer if task.name in CLOSED else asked.answer.lower(),),
        source=source_name(asked.source),
        recording=plain(f"{asked.source}/{asked.media}"),
        clip=None,
        text=asked.text or "",
    )
    yield row, asked.media
