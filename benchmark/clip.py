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

PILLOW = "pillow"
"""What decodes a clip that is a picture."""

FULL_SCALE = 32_768
"""The amplitude of a 16-bit sample that stands for 1.0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A still picture of a clip.

    Attributes:
        jpeg: the picture as a JPEG file, upright.
        seconds: its time in the clip; the first frame is at 0.
    """

    jpeg: bytes
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where frames come from.

    Attributes:
        decoder: what decoded them: `pyav`, `decord`, `ffmpeg` if the library refused the file, or `PILLOW`.
        key: the key of their pictures in the reader's cache.
    """

    decoder: str
    key: str


class Frames(Sequence[Frame]):
    """A clip's frames in order of time. The pictures are read from disk on first use."""

    def __init__(
        self,
        seconds: Sequence[float],
        digest: str,
        load: Callable[[], tuple[bytes, ...]],
        source: Source | None = None,
        encoded: tuple[bytes, ...] | None = None,
    ) -> None:
        """Frames at these times, whose pictures `load` returns as JPEG in Base64; `digest` is a hash of the pictures.

        `source` is None for frames that no reader has decoded; `encoded` is what `load` returns, if already in memory.
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
    def is_still(self) -> bool:
        """Whether they are a picture and not a video."""
        return self.source is not None and self.source.decoder == PILLOW

    @property
    def ready(self) -> bool:
        """Whether the pictures are in memory, so that `encoded` need not read the disk."""
        return self._encoded is not None

    def encoded(self) -> tuple[bytes, ...]:
        """The pictures as JPEG in Base64; read once."""
        if self._encoded is None:
            self._encoded = self._load()
        return self._encoded


def as_frames(frames: Sequence[Frame]) -> Frames:
    """The frames as `Frames`, with a digest and the pictures in Base64."""
    if isinstance(frames, Frames):
        return frames
    pictures = [frame.jpeg for frame in frames]
    seconds = [frame.seconds for frame in frames]
    return Frames(seconds, key_of(*pictures), lambda: tuple(map(base64.b64encode, pictures)))


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
        """The sound as a mono WAV file with 16 bits a sample."""
        levels = np.clip(np.rint(self.samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1)
        buffer = BytesIO()
        with wave.open(buffer, "wb") as file:
            file.setparams((1, 2, self.rate, 0, "NONE", ""))
            file.writeframes(levels.astype("<i2").tobytes())
        return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording on disk. The file may be missing: reading it then raises a `DataError`."""

    path: Path
