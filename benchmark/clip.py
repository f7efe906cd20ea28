"""A clip's frames and sound, decoded once."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A still picture and when it is shown.

    Attributes:
        jpeg: the picture, upright.
        seconds: its time in the clip, 0 at the first frame.
    """

    jpeg: bytes
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sound:
    """A clip's sound.

    Attributes:
        samples: mono, float32 in [-1, 1], shape (time,).
        rate: samples per second.
    """

    samples: NDArray[np.float32]
    rate: int


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording on disk; the file may be missing until somebody reads it."""

    path: Path
