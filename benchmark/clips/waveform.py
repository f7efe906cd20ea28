"""How loud a clip is over time."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmark.clip import FULL_SCALE

STRETCHES = 240
"""The number of levels in a waveform; a chart has space for this many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waveform:
    """How loud a clip is over time; records contain it unchanged.

    Attributes:
        peaks: the largest level in each of `STRETCHES` equal parts, two hexadecimal digits each, `ff` for full scale.
        seconds: the length of the sound.
    """

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    peaks: str
    seconds: float


def waveform_of(levels: NDArray[np.int16], rate: int) -> Waveform:
    """The waveform of 16-bit levels, shape (time,), at least one; `rate` is in samples per second."""
    starts = np.linspace(0, len(levels), STRETCHES, endpoint=False).astype(int)
    peaks = np.maximum.reduceat(np.abs(levels.astype(np.int32)), starts) * 255 // FULL_SCALE
    return Waveform(peaks=peaks.astype(np.uint8).tobytes().hex(), seconds=round(len(levels) / rate, 3))


def packed(waveform: Waveform | None) -> bytes:
    """The waveform as the cache stores it; None for a clip without sound."""
    return json.dumps(waveform and asdict(waveform)).encode()


def parse_waveform(kept: bytes | None) -> tuple[Waveform | None] | None:
    """The stored waveform in a tuple, `(None,)` for a clip without sound; None if none is stored or it is invalid."""
    try:
        head = json.loads(kept or b"")
        if head is None:
            return (None,)
        return (Waveform(peaks=bytes.fromhex(head["peaks"]).hex(), seconds=float(head["seconds"])),)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
