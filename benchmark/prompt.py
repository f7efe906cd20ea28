"""What a model is sent."""

from dataclasses import dataclass
from typing import Literal

from benchmark.clip import Frame, Sound

Modality = Literal["video", "audio"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """All that a model is sent; has no field that could carry an id, a path, an audio clue or a target.

    Attributes:
        text: the request in words.
        frames: still pictures in order of time.
        sound: what is heard.
        video: the whole clip as mp4 without metadata, for models that take one.
    """

    text: str
    frames: tuple[Frame, ...] = ()
    sound: Sound | None = None
    video: bytes | None = None
