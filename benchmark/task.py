"""A task of a benchmark, and one question of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from benchmark.clip import Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task of a suite.

    Attributes:
        name: as published.
        title: the name spelled out.
        subject: what is asked for, as a noun: emotion, sentiment, intent.
        question: the wording of the question.
        metric: how answers are scored: a module of `evaluators.metrics`, or `python:MODULE:ATTR`.
        separator: what stands between several labels in the data, or None where there is only one label.
        place: its position in the suite.
    """

    name: str
    title: str
    subject: str
    question: str
    metric: str
    separator: str | None = None
    place: int = 0

    @property
    def several(self) -> bool:
        """Whether a sample may have several labels."""
        return self.separator is not None

    def targets(self, label: str) -> tuple[str, ...]:
        """The labels in the data's `label`, in its order: `"anger,disgust"` is two only where a comma separates."""
        parts = label.split(self.separator) if self.separator else [label]
        return tuple(part.strip() for part in parts)

    def is_named(self, text: str) -> bool:
        """Whether the text is its name, in any spelling: `ER-Lab`, `ER_Lab`, `er-lab`."""
        return spelling(text) == spelling(self.name)


def spelling(name: str) -> str:
    """The name as all its spellings are compared."""
    return name.strip().lower().replace("_", "-")


def task_named(name: str, tasks: Iterable[Task]) -> Task | None:
    """The task of that name, in any spelling."""
    return next((task for task in tasks if task.is_named(name)), None)


def leading_task(stem: str, tasks: Iterable[Task]) -> Task | None:
    """The task with whose name a file's name begins: `ER_Lab_qwen2_audio_clues`."""
    words = f"{spelling(stem)}-"
    return next((task for task in tasks if words.startswith(f"{spelling(task.name)}-")), None)


class Turn(NamedTuple):
    """What one speaker says: `user`, `assistant` (whoever is under test) or `system`."""

    speaker: Literal["user", "assistant", "system"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One question: one pytest case.

    Attributes:
        id: short, unique in the data set and the same on every machine, e.g. `SA/MELD/test_dia100_utt0`.
        task: the task that it belongs to.
        clip: the recording; its file need not exist, and the case is then an error. None where there is only text.
        turns: what is said before the question: a dialogue, a scenario; empty where there is only a clip.
        label_set: the candidates, in the order in which they are shown; empty where any answer may be given.
        targets: the true label(s).
        source: the corpus, e.g. `MELD`; "unknown" where the data does not say.
        recording: what the clip was cut from; samples that share it are not independent of each other.
        video_id: the id that the data file gives, by which answers produced elsewhere are found.
        audio_clue: what is heard, for the judge only; None where nobody has said.
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
