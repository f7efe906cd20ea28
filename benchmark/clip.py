"""A clip's frames and sound, decoded once."""

import base64
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from benchmark.storage.cache import key_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A still picture and when it is shown.

    Attributes:
        jpeg: the picture, upright.
        seconds: its time in the clip, 0 at the first frame.
    """

    jpeg: bytes
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where frames come from.

    Attributes:
        decoder: what decoded them: `pyav`, `decord`, or `ffmpeg` where the library refused the file.
        key: under which the reader's cache keeps their pictures.
    """

    decoder: str
    key: str


class Frames(Sequence[Frame]):
    """A clip's frames in order of time; the pictures are read when somebody looks at them."""

    def __init__(
        self,
        seconds: Sequence[float],
        digest: str,
        load: Callable[[], tuple[bytes, ...]],
        source: Source | None = None,
        encoded: tuple[bytes, ...] | None = None,
    ) -> None:
        """Stands for pictures that `load` gets in Base64, one for each time; `digest` stands for what they show.

        `source` is None for frames that no reader has decoded; `encoded` is what `load` would get, where it is at hand.
        """
        self.seconds = tuple(seconds)
        self.source = source
        self.digest = digest
        self._load = load
        self._encoded = encoded

    def __len__(self) -> int:
        return len(self.seconds)

    @overload
    def __getitem__(self, place: int) -> Frame: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Frame]: ...
    def __getitem__(self, place: int | slice) -> Frame | Sequence[Frame]:
        if isinstance(place, slice):
            return [self[at] for at in range(len(self))[place]]
        return Frame(jpeg=base64.b64decode(self.encoded()[place]), seconds=self.seconds[place])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frames) and (self.seconds, self.digest) == (other.seconds, other.digest)

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def ready(self) -> bool:
        """Whether `encoded` is at hand, without a look at the disk."""
        return self._encoded is not None

    def encoded(self) -> tuple[bytes, ...]:
        """The pictures in Base64; read once."""
        if self._encoded is None:
            self._encoded = self._load()
        return self._encoded


def as_frames(frames: Sequence[Frame]) -> Frames:
    """Frames in hand as `Frames`."""
    if isinstance(frames, Frames):
        return frames
    pictures = tuple(frame.jpeg for frame in frames)
    encoded = tuple(map(base64.b64encode, pictures))
    return Frames([frame.seconds for frame in frames], key_of(*pictures), lambda: encoded)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sound:
    """A clip's sound.

    Attributes:
        samples: mono, float32 in [-1, 1], shape (time,).
        rate: samples per second.
    """

    samples: NDArray[np.float32]
    rate: int

    def wav(self) -> bytes:
        """The sound as a WAV file, 16 bits a sample."""
        levels = np.clip(np.rint(self.samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1)
        buffer = BytesIO()
        with wave.open(buffer, "wb") as file:
            file.setparams((1, 2, self.rate, 0, "NONE", ""))
            file.writeframes(levels.astype("<i2").tobytes())
        return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording on disk; the file may be missing until somebody reads it."""

    path: Path


FULL_SCALE = 32_768
