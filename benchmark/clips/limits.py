"""How much of memory, time and room in a request a clip may take."""

import math
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType
from typing import Annotated

from pydantic import BeforeValidator

from benchmark.options import split_pairs
from benchmark.text import did_you_mean

RAISE = "raise the limit with --clip-limits="

REQUEST_MB = 32.0
"""The largest request to a server of which no limit is known."""

MOST_PACKETS = 1_000_000
"""Of all streams of a file together, as far as it is read; four hours of 50 frames a second and their sound."""

MOST_STREAMS = 64
OPENING_BYTES = 24 * 2**20
"""What may be read before a file's first packet: its index, its tags, its cover."""

PACKET_BYTES = 48 * 2**20
"""What may be read from one packet to the next: an uncompressed picture of 9 megapixels takes half of it."""

HELD_BYTES, HELD_PACKETS = 32 * 2**20, 20_000
"""Packets that are held until it is known which of them are wanted; a file with more is read twice."""

PICTURES_BYTES = 64 * 2**20
"""What a clip's frames may take as JPEG."""

SOUND_RATES = range(1_000, 768_001)
"""Samples a second that sound may have."""

FRAME_SAMPLES = 2**20
"""Samples of one channel that may be decoded at a time."""

RESCUED_BYTES = 2**30
"""What the ffmpeg program may write of a clip."""

RESCUE_MEMORY = 2 * 2**30
"""Bytes of address space that it may take, where the system can say so."""

SHARES = ((1_050_000, 1), (2_360_000, 2), (math.inf, 8))
"""Up to how many pixels (1280 × 800, 2048 × 1152) a clip takes how many of the shares that there are.

A hostile clip takes 120 bytes a pixel: a decoder may hold twenty pictures of six bytes a pixel.
"""

_GREATEST: Mapping[str, float] = MappingProxyType(
    {"sound_seconds": 86_400, "megapixels": 500, "decoded_gb": 100_000, "request_mb": 2_000}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipLimits:
    """What a user may raise.

    Attributes:
        sound_seconds: the sound of a clip is cut after so many.
        megapixels: width times height of a picture; 9 is 4K.
        decoded_gb: all pictures of a clip that are decoded to get at its frames, uncompressed.
        request_mb: the largest request that is sent; None for what the server is known to take.
    """

    sound_seconds: float = 300.0
    megapixels: float = 9.0
    decoded_gb: float = 32.0
    request_mb: float | None = None

    @property
    def pixels(self) -> int:
        """Of a picture."""
        return round(self.megapixels * 1e6)

    @property
    def video_bytes(self) -> int:
        """Of a whole clip: in a request it takes a third more."""
        return round((self.request_mb or REQUEST_MB) * 1e6 * 3 / 4)

    @property
    def stated(self) -> str:
        """What differs from the usual limits, as the option takes it."""
        usual = asdict(USUAL)
        return ",".join(f"{name}={value:g}" for name, value in asdict(self).items() if value != usual[name])


USUAL = ClipLimits()


def _parse_limits(value: object) -> object:
    pairs = split_pairs(value)
    if not isinstance(pairs, tuple):
        return value
    known = tuple(field.name for field in fields(ClipLimits))
    for name, given in pairs:
        if name not in known:
            hint = did_you_mean(name, known) or f"; the limits are {', '.join(known)}"
            raise ValueError(f"unknown limit {name}{hint}")
        most = _GREATEST[name]
        if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given <= most:
            raise ValueError(f"{name} must be more than 0 and at most {most:,}, got {given}")
    return replace(USUAL, **{name: float(given) for name, given in pairs})


Limited = Annotated[ClipLimits, BeforeValidator(_parse_limits)]
"""`K=V` pairs, comma-separated on the command line."""


class Room:
    """Shares of the memory that decoding may take; who wants more than is left waits until others are done."""

    def __init__(self, shares: int) -> None:
        """All are free."""
        self._free = shares
        self._turn = threading.Condition()

    @contextmanager
    def take(self, shares: int) -> Iterator[None]:
        """So many, for as long as the context lasts."""
        with self._turn:
            self._turn.wait_for(lambda: self._free >= shares)
            self._free -= shares
        try:
            yield
        finally:
            with self._turn:
                self._free += shares
                self._turn.notify_all()
