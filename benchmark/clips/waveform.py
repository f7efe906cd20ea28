"""How loud a clip is over time."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmark.clip import FULL_SCALE

STRETCHES = 240
"""Of a waveform: as many as a drawing of it has room for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waveform:
    """How loud a clip is over time; records hold it as it is.

    Attributes:
        peaks: the largest level in each of `STRETCHES` equal stretches, two hexadecimal digits, `ff` for full scale.
        seconds: how long the sound is.
    """

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    peaks: str
    seconds: float


def waveform_of(levels: NDArray[np.int16], rate: int) -> Waveform:
    """The waveform of 16-bit levels, of which there must be some; `rate` is samples a second."""
    starts = np.linspace(0, len(levels), STRETCHES, endpoint=False).astype(int)
    peaks = np.maximum.reduceat(np.abs(levels.astype(np.int32)), starts) * 255 // FULL_SCALE
    return Waveform(peaks=peaks.astype(np.uint8).tobytes().hex(), seconds=round(len(levels) / rate, 3))


def packed(waveform: Waveform | None) -> bytes:
    """As it is kept; None of a clip without sound."""
    return json.dumps(waveform and asdict(waveform)).encode()


def parse_waveform(kept: bytes | None) -> tuple[Waveform | None] | None:
    """The waveform that is kept, which is None of a clip without sound; None where nothing is, or it cannot be read."""
    try:
        head = json.loads(kept or b"")
        if head is None:
            return (None,)
        return (Waveform(peaks=bytes.fromhex(head["peaks"]).hex(), seconds=float(head["seconds"])),)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
