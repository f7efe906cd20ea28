"""A task of a benchmark, and one question of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from benchmark.clip import Clip

Speaker = Literal["user", "assistant", "system"]
"""Who says something in a dialogue; `assistant` is the model under test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task of a suite.

    Attributes:
        name: as published; in a run of several suites `SUITE/NAME`.
        title: the name spelled out.
        subject: what is asked for, as a noun: emotion, sentiment, intent.
        question: the wording of the question.
        metric: how answers are scored: a module of `evaluators.metrics`, or `python:MODULE:ATTR`.
        separator: what separates several labels in the data; None if each sample has one label.
        ranked: whether a sample's true labels are a ranking, the truest first, of which an answer names one.
        outside: what an answer that names none of the labels counts as, in the words of the metric; None for the
            metric's default.
        reference: whether what is true is a text to compare with, and no label by which samples could be grouped.
        turns: the most messages of the model under test in a dialogue, whose user is played by an agent; None if each
            sample is a single question.
        place: its position in the suite, from 0.
        suite: in a run of several suites, the name of its own; else "".
    """

    name: str
    title: str
    subject: str
    question: str
    metric: str
    separator: str | None = None
    ranked: bool = False
    outside: str | None = None
    reference: bool = False
    turns: Annotated[int, Field(ge=1)] | None = None
    place: int = 0
    suite: str = ""

    @property
    def own_name(self) -> str:
        """Its name in a run of its suite alone."""
        return self.name.removeprefix(self.suite and f"{self.suite}/")

    @property
    def several(self) -> bool:
        """Whether a sample may have several labels."""
        return self.separator is not None

    def kind_of(self, targets: tuple[str, ...]) -> tuple[str, ...]:
        """The true labels by which samples are counted: the truest if they are a ranking, else all."""
        return targets[:1] if self.ranked else targets

    def targets(self, label: str) -> tuple[str, ...]:
        """The labels in the data's `label`, in order: `"anger,disgust"` is two labels if the separator is a comma."""
        parts = label.split(self.separator) if self.separator else [label]
        return tuple(part.strip() for part in parts)

    def is_named(self, text: str) -> bool:
        """Whether the text is its name, in any spelling: `ER-Lab`, `ER_Lab`, `er-lab`."""
        return spelling(text) == spelling(self.name)


def spelling(name: str) -> str:
    """The form of a name in which all its spellings are equal."""
    return name.strip().lower().replace("_", "-")


def task_named(name: str, tasks: Iterable[Task]) -> Task | None:
    """The task of that name, in any spelling."""
    return next((task for task in tasks if task.is_named(name)), None)


def leading_task(stem: str, tasks: Iterable[Task]) -> Task | None:
    """The task whose name a file's name begins with, as ER-Lab for `ER_Lab_qwen2_audio_clues`."""
    words = f"{spelling(stem)}-"
    return next((task for task in tasks if words.startswith(f"{spelling(task.name)}-")), None)


class Turn(NamedTuple):
    """A message of a dialogue."""

    speaker: Speaker
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One question: one pytest case.

    Attributes:
        id: short, unique in the data set and the same on every machine, e.g. `SA/MELD/test_dia100_utt0`; in a run of
            several suites `SUITE/ID`.
        task: its task.
        clip: the recording, or None if there is only text. Its file may be missing; the case is then an error.
        turns: the messages before the question, such as a dialogue; empty if there is only a clip. If the task has
            turns, they are the dialogue so far and end with a message of the user, in the place of the question.
        text: what the question is about if it is a text, with all that is asked of this sample alone; "" if none.
        label_set: the candidate labels, in the order in which they are shown; empty if any answer is allowed.
        targets: the true label or labels.
        source: the corpus, e.g. `MELD`; "unknown" if the data does not name it.
        recording: what the clip was cut from; samples of one recording are not independent of each other.
        video_id: the clip's id in the data file, by which answers produced elsewhere are matched.
        audio_clue: a description of the sound, for the judge only; None if there is none.
        part: what the agent that plays the user of a dialogue is told of its part; for that agent only.
        resources: the folder with what the task's metric needs to score, such as word maps; None if it needs nothing.
        group: the samples of one name are scored together, such as the two questions of a pair; None if it is alone.
    """

    id: str
    task: Task
    clip: Clip | None
    label_set: tuple[str, ...]
    targets: tuple[str, ...]
    source: str
    recording: str
    video_id: str
    audio_clue: str | None = None
    turns: tuple[Turn, ...] = ()
    text: str = ""
    part: str = ""
    resources: Path | None = None
    group: str | None = None

    @property
    def own_id(self) -> str:
        """Its id in a run of its suite alone, on which neither its selection nor its question may differ."""
        return self.id.removeprefix(self.task.suite and f"{self.task.suite}/")

    @property
    def question(self) -> str:
        """The task's question and, in a paragraph of its own, the text that it is about."""
        return f"{self.task.question}\n\n{self.text}" if self.text else self.task.question
