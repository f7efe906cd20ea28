"""Reads each clip once: frames, sound and loudness, cached for later use."""

import asyncio
import base64
import hashlib
import json
import os
import stat
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import TypeAdapter, ValidationError

from benchmark.clip import FULL_SCALE, Clip, Frames, Sound, Source
from benchmark.clips import decode
from benchmark.clips.container import not_regular, unreadable
from benchmark.clips.decode import Decoder
from benchmark.clips.frames import import_decord
from benchmark.clips.limits import USUAL, ClipLimits
from benchmark.clips.pace import Pace
from benchmark.clips.still import is_still
from benchmark.clips.waveform import STRETCHES, Waveform, packed, parse_waveform, waveform_of
from benchmark.errors import DataError, boundary
from benchmark.storage.cache import Cache, key_of
from benchmark.storage.digests import Contents
from benchmark.storage.given import strange

T = TypeVar("T")

_WAVEFORM_RATE = 16_000
_EMPTY = hashlib.sha256().hexdigest()
RECENT_BYTES = 128 * 2**20
"""Pictures that stay in memory between the request to the model and that to the judge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """What the cache stores about a clip's frames, beside their pictures; `size` is in bytes."""

    decoder: str
    seconds: list[float]
    size: int
    digest: str
    length: float | None = None


_HEAD = TypeAdapter(_Head)


def _parse_head(kept: bytes | None) -> _Head | None:
    """The stored head; None if none is stored or it is invalid."""
    try:
        return _HEAD.validate_json(kept or b"")
    except ValidationError:
        return None


def _parse_number(kept: bytes) -> float | None:
    try:
        return float(json.loads(kept))
    except (ValueError, TypeError, RecursionError):
        return None


def script_of(encoded: Sequence[bytes], key: str) -> bytes:
    """The pictures as they are stored: a call in JavaScript.

    A report that is opened from disk may load scripts but no other files, so it loads these files themselves.
    """
    return b'mmeFrames("%s",["%s"]);\n' % (key.encode(), b'","'.join(encoded))


def pictures_in(script: bytes, key: str) -> tuple[bytes, ...]:
    """The pictures that `script_of` was given; empty if the script is incomplete."""
    start, end = script_of([b"|"], key).split(b"|")
    if not (script.startswith(start) and script.endswith(end)):
        return ()
    return tuple(script[len(start) : -len(end)].split(b'","'))


class ClipReader:
    """Reads clips; decodes each once and caches the results by the file's content. Threads may share it.

    `frames` and `sound` block; `frames_soon` and `soon` do not block a running loop.

    Attributes:
        spread: whether the frames of long clips are spread over the whole clip.
    """

    def __init__(
        self, cache: Cache, decoder: Decoder = "pyav", *, spread: bool = False, limits: ClipLimits = USUAL
    ) -> None:
        """Stores what is decoded in the cache; `decoder` is for frames, and sound is always decoded by PyAV.

        Raises:
            RunError: the decoder is not installed.
        """
        if decoder == "decord":
            import_decord()
        self.spread, self._limits = spread, limits
        self._cache, self._contents = cache, Contents(cache)
        self._digests: dict[Path, str] = {}
        self._lengths: dict[Path, float] = {}
        self._decoder = decoder
        self._recent: OrderedDict[str, tuple[Frames, int]] = OrderedDict()
        self._recent_bytes = 0
        self._guard = threading.Lock()
        # a key selects a lock, so that two threads that want the same decode it once
        self._locks = tuple(threading.Lock() for _ in range(64))
        # decoding has threads of its own, so that what only reads the disk never waits for it
        self._pool = ThreadPoolExecutor(os.cpu_count(), "mme-emotion decoding")

    @boundary(DataError)
    def frames(self, clip: Clip, *, fps: float = 1.0, most: int = 10) -> Frames:
        """The frames on display at 0, 1/fps, 2/fps, … seconds, at most `most`; `Pace` has the exact rules.

        Raises:
            DataError: the file is missing, has no picture, or cannot be decoded.
        """
        key, pace = self._frames_key(clip, fps, most), self._pace(fps, most)
        found = self._found_frames(key, clip, pace)
        return self._decoded_frames(key, clip, pace) if found is None else found

    def knows(self, clip: Clip, *, fps: float = 1.0, most: int = 10) -> bool:
        """Whether `frames` would only read the cache, neither reading the file nor decoding anything.

        Raises:
            DataError: the file is missing or cannot be read.
        """
        with _reading(clip.path):
            if self._contents.known(clip.path) is None:
                return False
        return _parse_head(self._cache.get(f"clip:{self._frames_key(clip, fps, most)}")) is not None

    @boundary(DataError)
    def sound(self, clip: Clip, *, rate: int = 16_000) -> Sound | None:
        """The sound at `rate` samples per second; None if the clip has none.

        Raises:
            DataError: the file is missing or cannot be decoded.
        """
        key = self._sound_key(self._digest(clip.path), rate)
        with self._lock(key):
            kept = self._stored_sound(key)
            if kept is None:
                levels = decode.read_sound(clip.path, rate, self._limits)
                kept = b"" if levels is None else levels.astype("<i2").tobytes()
                self._cache.media.write(key, kept)
        # earlier versions, which had no limit, stored all of it
        heard = np.frombuffer(kept, "<i2", min(len(kept) // 2, round(self._limits.sound_seconds * rate)))
        return Sound(samples=heard.astype(np.float32) / np.float32(FULL_SCALE), rate=rate) if len(heard) else None

    @boundary(DataError)
    def waveform(self, clip: Clip) -> Waveform | None:
        """How loud the clip is over time; None if it has no sound. Does not store the sound itself.

        Raises:
            DataError: the file is missing or cannot be decoded.
        """
        digest = self._digest(clip.path)
        sound_key, wave_key = self._sound_key(digest, _WAVEFORM_RATE), self._wave_key(digest)
        with self._lock(sound_key):  # so that the sound is decoded once
            if (kept := parse_waveform(self._cache.get(wave_key))) is not None:
                return kept[0]
            sound = self._stored_sound(sound_key)
            if sound is None:
                levels = decode.read_sound(clip.path, _WAVEFORM_RATE, self._limits)
            else:
                levels = np.frombuffer(sound, "<i2")
            waveform = None if levels is None or not len(levels) else waveform_of(levels, _WAVEFORM_RATE)
            self._cache.put(wave_key, packed(waveform))
            return waveform

    async def waveform_soon(self, clip: Clip) -> Waveform | None:
        """As `waveform`, for a clip whose frames or sound this reader has read; None for others.

        A stored waveform is returned at once. The file's state is not checked again: a hard link to it, such as reports
        make, changes its state but not its content.

        Raises:
            DataError: as for `waveform`.
        """
        digest = self._digests.get(clip.path)
        if digest is None:
            return None
        kept = parse_waveform(self._cache.get(self._wave_key(digest)))
        return await self.soon(partial(self.waveform, clip)) if kept is None else kept[0]

    async def length_soon(self, clip: Clip) -> float | None:
        """The declared length in seconds of a clip that this reader has read; None for others, or if unknown.

        Raises:
            DataError: it cannot be opened.
        """
        if clip.path in self._lengths or clip.path not in self._digests:
            return self._lengths.get(clip.path)
        key = f"length:{key_of(decode.VERSION, self._digests[clip.path])}"
        if (kept := self._cache.get(key)) is not None:
            length = _parse_number(kept)
        else:
            length = await self.soon(partial(decode.read_length, clip.path, self._limits))
            self._cache.put(key, json.dumps(length).encode())
        if length is not None:
            self._lengths[clip.path] = length
        return length

    @boundary(DataError)
    def video(self, clip: Clip, *, sound: bool = True) -> bytes:
        """The whole clip as mp4, not re-encoded, and without metadata, which may contain the file's name or title.

        Raises:
            DataError: the file is missing, damaged, has no picture, or cannot be an mp4 without re-encoding.
        """
        self._digest(clip.path)
        return decode.read_video(clip.path, sound=sound, limits=self._limits)

    async def is_still(self, clip: Clip) -> bool:
        """Whether the clip is a picture; not if its file cannot be read."""
        return await asyncio.to_thread(is_still, clip.path)

    async def soon(self, read: Callable[[], T]) -> T:
        """The result of `read`, called on one of the decoding threads."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, read)

    async def frames_soon(self, clip: Clip, *, fps: float = 1.0, most: int = 10) -> Frames:
        """As `frames`, without blocking the loop; cached frames do not wait for the decoding of others.

        Raises:
            DataError: as for `frames`.
        """
        with boundary(DataError):
            key, pace = await asyncio.to_thread(self._frames_key, clip, fps, most), self._pace(fps, most)
            found = self._found_frames(key, clip, pace)
            return await self.soon(partial(self._decoded_frames, key, clip, pace)) if found is None else found

    def _pace(self, fps: float, most: int) -> Pace:
        return Pace(fps=fps, most=most, spread=self.spread)

    def _cut(self) -> tuple[str, ...]:
        """The part of a key for sound that is cut at another length than the default."""
        seconds = self._limits.sound_seconds
        return () if seconds == USUAL.sound_seconds else (f"{seconds:g} s",)

    def _sound_key(self, digest: str, rate: int) -> str:
        return key_of(decode.VERSION, digest, "sound", str(rate), *self._cut())

    def _wave_key(self, digest: str) -> str:
        return f"wave:{key_of(decode.VERSION, digest, str(STRETCHES), *self._cut())}"

    def _frames_key(self, clip: Clip, fps: float, most: int) -> str:
        spread = ("spread",) if self.spread else ()
        return key_of(decode.VERSION, self._digest(clip.path), "frames", self._decoder, str(fps), str(most), *spread)

    def _stored_sound(self, key: str) -> bytes | None:
        """The stored 16-bit samples; None if there are none, or the last is incomplete."""
        kept = self._cache.media.read(key)
        return None if kept is None or len(kept) % 2 else kept

    def _found_frames(self, key: str, clip: Clip, pace: Pace) -> Frames | None:
        """The frames, if memory or the cache has them; the pictures are read later."""
        with self._guard:
            if key in self._recent:
                self._recent.move_to_end(key)
                return self._recent[key][0]
        head = _parse_head(self._cache.get(f"clip:{key}"))
        return None if head is None else self._remembered(key, clip, pace, head)

    def _decoded_frames(self, key: str, clip: Clip, pace: Pace) -> Frames:
        with self._lock(key):
            found = self._found_frames(key, clip, pace)
            if found is not None:
                return found
            return self._remembered(key, clip, pace, *self._decode(key, clip, pace))

    def _pictures(self, key: str, clip: Clip, pace: Pace, count: int) -> tuple[bytes, ...]:
        """The stored pictures; decoded again if they were pruned or are incomplete."""
        encoded = pictures_in(self._cache.media.read(key) or b"", key)
        return encoded if len(encoded) == count else self._decode(key, clip, pace)[1]

    def _decode(self, key: str, clip: Clip, pace: Pace) -> tuple[_Head, tuple[bytes, ...]]:
        """Decodes the frames and stores them, the pictures first; returns the head and the pictures in Base64."""
        decoder, (pictures, length) = decode.read_frames(clip.path, self._decoder, pace, self._limits)
        shown = tuple(pictures.values())
        encoded, size = tuple(map(base64.b64encode, shown)), sum(map(len, shown))
        head = _Head(decoder=decoder, seconds=list(pictures), size=size, digest=key_of(*shown), length=length)
        self._cache.media.write(key, script_of(encoded, key))
        self._cache.put(f"clip:{key}", _HEAD.dump_json(head, exclude_none=True))
        return head, encoded

    def _remembered(
        self, key: str, clip: Clip, pace: Pace, head: _Head, encoded: tuple[bytes, ...] | None = None
    ) -> Frames:
        """The frames, which stay in memory until others have been used more recently."""
        load = partial(self._pictures, key, clip, pace, len(head.seconds))
        frames = Frames(head.seconds, head.digest, load, Source(decoder=head.decoder, key=key), encoded)
        if head.length is not None:
            self._lengths[clip.path] = head.length
        with self._guard:
            self._recent_bytes += head.size - self._recent.pop(key, (frames, 0))[1]
            self._recent[key] = frames, head.size
            while self._recent_bytes > RECENT_BYTES:
                self._recent_bytes -= self._recent.popitem(last=False)[1][1]
        return frames

    def _lock(self, key: str) -> threading.Lock:
        return self._locks[int(key, 16) % len(self._locks)]

    def _digest(self, path: Path) -> str:
        """The hash of the clip's content, which is remembered; refuses files that cannot be a clip."""
        with _reading(path):
            state = path.stat()
            # a pipe, a device or a socket might never end; opening a folder raises an error
            if strange(state) and not stat.S_ISDIR(state.st_mode):
                raise not_regular(path)
            digest = self._contents.digest(path)
        if digest == _EMPTY:
            raise DataError(f"The clip {path} is empty; copy it again.")
        self._digests[path] = digest
        return digest


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Converts system errors about a clip to `DataError`."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"The clip {path} does not exist; check the data folder.") from error
    except OSError as error:
        raise unreadable(path, error) from error
