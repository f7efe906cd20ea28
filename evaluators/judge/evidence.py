"""What the agents are shown of a sample."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.clip import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the model under test was asked.

    Attributes:
        subject: what is asked for, as a noun: emotion, sentiment, intent.
        label_set: the candidate labels.
        several: whether the answer may name several labels.
    """

    subject: str
    label_set: tuple[str, ...]
    several: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the judge rates the steps against.

    Attributes:
        question: what was asked.
        targets: the true labels.
        audio_clue: a description of the sound; None if there is none.
        frames: one a second from the start, at most ten; with `spread`, ten from the whole of a longer clip.
        spread: whether frames of longer clips are spread.
        repeat: how often the judge has rated the same sample before.
    """

    question: Question
    targets: tuple[str, ...]
    audio_clue: str | None
    frames: Sequence[Frame] = ()
    spread: bool = False
    repeat: int = 0
