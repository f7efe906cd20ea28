"""The eight tasks as a table, and one question about one clip.

A row of the published data, from which a `Sample` is made:

    {"video_id": "MAFW/video/03419.mp4", "label": "anger,disgust", "label_set": ["disappointment", "fear", …]}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from benchmark.clip import Clip

Subject = Literal["emotion", "sentiment", "intent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One of the benchmark's tasks (MME-Emotion, arXiv 2508.09210).

    Attributes:
        name: as published, e.g. `ER-Wild`.
        title: the name spelled out.
        subject: what is asked for, as a noun.
        question: the wording of the question.
        separator: what stands between several labels in the data, or None where there is one label only.
    """

    name: str
    title: str
    subject: Subject
    question: str
    separator: str | None = None

    @property
    def several(self) -> bool:
        """Whether a clip may carry several labels."""
        return self.separator is not None

    def targets(self, label: str) -> tuple[str, ...]:
        """The labels in the data's `label`, in its order: `"anger,disgust"` is two for ML-ER and one elsewhere."""
        parts = label.split(self.separator) if self.separator else [label]
        return tuple(part.strip() for part in parts)


def _table(*tasks: Task) -> Mapping[str, Task]:
    return MappingProxyType({task.name: task for task in tasks})


_EMOTION = "Which emotion does the person at the centre of the clip show most clearly?"
_EMOTIONS = "Which emotion or emotions does the person at the centre of the clip show? There may be one or several."

TASKS: Mapping[str, Task] = _table(
    Task(name="ER-Lab", title="emotion recognition, in the laboratory", subject="emotion", question=_EMOTION),
    Task(name="ER-Wild", title="emotion recognition, in the wild", subject="emotion", question=_EMOTION),
    Task(name="Noise-ER", title="emotion recognition under noise", subject="emotion", question=_EMOTION),
    Task(name="FG-ER", title="fine-grained emotion recognition", subject="emotion", question=_EMOTIONS, separator=";"),
    Task(name="ML-ER", title="multi-label emotion recognition", subject="emotion", question=_EMOTIONS, separator=","),
    Task(
        name="SA",
        title="sentiment analysis",
        subject="sentiment",
        question="Which sentiment does the speaker express?",
    ),
    Task(
        name="FG-SA",
        title="fine-grained sentiment analysis",
        subject="sentiment",
        question="Which sentiment does the speaker express, and how strongly?",
    ),
    Task(
        name="IR",
        title="intent recognition",
        subject="intent",
        question="What does the speaker intend with what is said?",
    ),
)
"""The published tasks by name, in the paper's order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One question about one clip: one pytest case.

    Attributes:
        id: short, unique in the data set and the same on every machine, e.g. `ER-Wild/MELD/test_dia100_utt0`.
        task: which of the tasks.
        clip: the recording; its file need not exist, and the case is then an error.
        label_set: the candidates, in the order in which they are shown.
        targets: the true label(s), each one of `label_set`.
        source: the corpus the clip comes from, e.g. `MELD`; "unknown" where the data does not tell.
        recording: what the clip was cut from; samples that share it are not independent of each other.
        video_id: the id that the data file gives, by which answers produced elsewhere are found.
        audio_clue: what is heard, for the judge alone; None where nobody has said.
    """

    id: str
    task: Task
    clip: Clip
    label_set: tuple[str, ...]
    targets: tuple[str, ...]
    source: str
    recording: str
    video_id: str
    audio_clue: str | None = None
