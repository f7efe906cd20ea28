"""How much memory, time and space in a request a clip may take."""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from typing import Annotated

from pydantic import BeforeValidator

from benchmark.options import split_pairs
from benchmark.text import did_you_mean

RAISE = "raise the limit with --clip-limits="

REQUEST_MB = 32.0
"""The largest request to a server whose limit is unknown."""

MOST_PACKETS = 1_000_000
"""Packets of all streams that are read of a file; four hours of 50 frames a second with sound have fewer."""

MOST_STREAMS = 64
OPENING_BYTES = 24 * 2**20
"""What may be read before a file's first packet: index, tags and cover."""

PACKET_BYTES = 48 * 2**20
"""What may be read from one packet to the next; an uncompressed picture of 9 megapixels takes half of it."""

HELD_BYTES, HELD_PACKETS = 32 * 2**20, 20_000
"""Packets that are held in memory until the frames are chosen; a file with more is read twice."""

PICTURES_BYTES = 64 * 2**20
"""The size of all of a clip's frames as JPEG."""

SOUND_RATES = range(1_000, 768_001)
"""Supported sample rates, in samples per second."""

FRAME_SAMPLES = 2**20
"""Samples of one channel that may be decoded at a time."""

RESCUED_BYTES = 2**30
"""What the ffmpeg program may write for a clip."""

RESCUE_MEMORY = 2 * 2**30
"""The address space of the ffmpeg program, in bytes, on systems that can limit it."""

SHARES = ((1_050_000, 1), (2_360_000, 2), (math.inf, 8))
"""How many shares of the decoding memory a clip takes, by its largest number of pixels (1280 × 800, 2048 × 1152).

A hostile clip takes 120 bytes a pixel: a decoder may hold twenty pictures of six bytes a pixel.
"""

_GREATEST = {"sound_seconds": 86_400, "megapixels": 500, "decoded_gb": 100_000, "request_mb": 2_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipLimits:
    """The limits that a user may change.

    Attributes:
        sound_seconds: the length at which a clip's sound is cut.
        megapixels: width times height of a picture; 9 is 4K.
        decoded_gb: the uncompressed size of all pictures that are decoded to find a clip's frames.
        request_mb: the largest request that is sent; None for the server's known limit.
    """

    sound_seconds: float = 300.0
    megapixels: float = 9.0
    decoded_gb: float = 32.0
    request_mb: float | None = None

    @property
    def pixels(self) -> int:
        """The most pixels of a picture."""
        return round(self.megapixels * 1e6)

    @property
    def video_bytes(self) -> int:
        """The largest whole clip, in bytes; in a request it takes a third more."""
        return round((self.request_mb or REQUEST_MB) * 1e6 * 3 / 4)

    @property
    def stated(self) -> str:
        """The limits that differ from the default, as a value of `--clip-limits`."""
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
    """Shares of the memory for decoding; a thread that wants more than are free waits for others to finish."""

    def __init__(self, shares: int) -> None:
        self._free = shares
        self._turn = threading.Condition()

    @contextmanager
    def take(self, shares: int) -> Iterator[None]:
        """Holds that many shares as long as the context lasts."""
        with self._turn:
            self._turn.wait_for(lambda: self._free >= shares)
            self._free -= shares
        try:
            yield
        finally:
            with self._turn:
                self._free += shares
                self._turn.notify_all()
