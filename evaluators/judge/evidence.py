"""What agents are told of a sample."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.clip import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the model under test was asked.

    Attributes:
        subject: what for.
        label_set: the candidates.
        several: whether it may name several.
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
        audio_clue: what is heard; None where nobody has said.
        frames: one a second, the first ten; where they are `spread`, ten of the whole of a longer clip.
        spread: whether they may be.
        repeat: how often the judge has been asked for the same sample before.
    """

    question: Question
    targets: tuple[str, ...]
    audio_clue: str | None
    frames: Sequence[Frame] = ()
    spread: bool = False
    repeat: int = 0
