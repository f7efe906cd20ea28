"""What a model is sent, and the wording of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from benchmark.clip import Frame, Sound
from benchmark.task import Turn

Modality = Literal["video", "audio", "clip"]
"""What a model takes: pictures, sound, or the whole clip as a video file in place of single frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """All that a model is sent; has no field that could carry an id, a path, an audio clue or a target.

    Attributes:
        text: the request in words: what the user says last.
        frames: still pictures in order of time; read from disk when somebody looks at them.
        sound: what is heard.
        video: the whole clip as mp4 without metadata, for models that take one.
        turns: what was said before it, in a dialogue.
        repeat: how often the same has been asked before; not sent, but a kept reply to one is none to the other.
    """

    text: str
    frames: Sequence[Frame] = ()
    sound: Sound | None = None
    video: bytes | None = None
    turns: tuple[Turn, ...] = ()
    repeat: int = 0
