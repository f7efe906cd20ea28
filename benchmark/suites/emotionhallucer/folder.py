"""A folder of EmotionHallucer: a JSON list of pairs for each of its six parts.

image.json  [{"category": "…", "image": "images/7.jpg",
              "basic": {"question": "Does … ?", "answer": "yes"},
              "hallucination": {"question": "Does … ?", "answer": "no"}}, …]

The other files are knowledge.json and text.json, where a `text` may come before both questions, audio.json,
short_video.json and long_video.json. An image, an audio or a video is stated for the pair or for each question; it lies
anywhere below the folder.

The authors have not published their files. The layout is a guess, after VideoHallucer (arXiv 2406.16338), whose pairs
are of the same kind; it has not been tried on the data.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator

from benchmark.data.clip_finder import by_task, read_tables
from benchmark.data.rows import Gathered, Place, Row, Word, plain, source_name
from benchmark.suite import Suite
from benchmark.task import Task

LABELS = ("yes", "no")
TEXTUAL = frozenset({"knowledge", "text"})
"""The tasks whose questions are about no clip."""


def _small(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


class Shown(BaseModel):
    """What a pair or a question may show."""

    image: Place | None = None
    audio: Place | None = None
    video: Place | None = None

    @property
    def clip(self) -> str | None:
        """The path of the only one that is stated."""
        return self.image or self.audio or self.video


class Basic(Shown):
    """A question on what is there."""

    question: Word
    answer: Annotated[Literal["yes"], BeforeValidator(_small)]


class Hallucination(Shown):
    """A question on what is not there."""

    question: Word
    answer: Annotated[Literal["no"], BeforeValidator(_small)]


class Pair(Shown):
    """A pair of questions."""

    category: Word = "EmotionHallucer"
    text: Word | None = None
    basic: Basic
    hallucination: Hallucination


def read_folder(root: Path, suite: Suite) -> Gathered | None:
    """Every question of the files below the folder that are named after a task; None if there is no such file.

    Raises:
        DataError: the folder cannot be read.
    """
    return read_tables(root, suite, Pair, by_task(suite), _rows)


def _questions(pair: Pair) -> Iterator[tuple[Basic | Hallucination, str | None]]:
    """Both questions, each with the path of its clip."""
    for question in (pair.basic, pair.hallucination):
        yield question, question.clip or pair.clip


def _rows(place: str, pair: Pair, task: Task, problems: list[str]) -> Iterator[tuple[Row, str | None]]:
    """The rows of both questions, with the paths of their clips; together they are one group of one recording."""
    if task.name not in TEXTUAL and not all(clip for _, clip in _questions(pair)):
        problems.append(f"{place}: image, audio or video is missing")
        return
    group = f"{task.name}/{place.rpartition(' ')[2]}"
    seen = pair.clip or pair.basic.clip or group
    for question, clip in _questions(pair):
        kind = type(question).__name__.lower()
        row = Row(
            place=place,
            task=task,
            video_id=f"{group}-{kind}",
            label_set=LABELS,
            targets=(question.answer,),
            source=source_name(pair.category),
            recording=plain(f"EmotionHallucer/{seen}"),
            clip=None,
            text="\n\n".join([*([f"Text: {pair.text}"] if pair.text else ()), f"Question: {question.question}"]),
            group=group,
        )
        yield row, clip
