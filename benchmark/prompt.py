"""What a model is sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from benchmark.clip import Frame, Sound
from benchmark.task import Turn

Modality = Literal["video", "audio", "clip", "track"]
"""What a model takes: pictures; sound; the whole clip as a video file in place of frames; its sound besides that file.

A clip's file contains its sound already, so only models that need a file of its own for the sound take a `track`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """Everything that a model is sent. No field could carry an id, a path, an audio clue or a target.

    Attributes:
        text: the question: the last message of the user.
        frames: still pictures in order of time; read from disk on first use.
        sound: the clip's sound.
        video: the whole clip as an mp4 file without metadata, for models that take one.
        turns: the messages before the question, in a dialogue.
        repeat: how often the same prompt was asked before; not sent, but each repeat has its own cached reply.
    """

    text: str
    frames: Sequence[Frame] = ()
    sound: Sound | None = None
    video: bytes | None = None
    turns: tuple[Turn, ...] = ()
    repeat: int = 0
