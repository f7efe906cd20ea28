"""Clips read once: frames, sound and loudness, kept for whoever asks next."""

import asyncio
import base64
import hashlib
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from benchmark.clip import FULL_SCALE, Clip, Frames, Sound, Source
from benchmark.clips import decode
from benchmark.clips.container import not_regular
from benchmark.clips.decode import Decoder
from benchmark.clips.frames import import_decord
from benchmark.clips.limits import USUAL, ClipLimits
from benchmark.clips.pace import Pace
from benchmark.clips.waveform import STRETCHES, Waveform, packed, parse_waveform, waveform_of
from benchmark.errors import DataError, boundary
from benchmark.storage.cache import Cache, key_of
from benchmark.storage.digests import Contents
from benchmark.text import NOT_REGULAR, size_of

T = TypeVar("T")

_WAVEFORM_RATE = 16_000
_EMPTY = hashlib.sha256().hexdigest()
RECENT_BYTES = 128 * 2**20
"""Pictures that stay in memory between the request to the model and that to the judge."""


def _head_in(kept: bytes | None) -> Mapping[str, Any] | None:
    """What is kept of a clip's frames beside their pictures; None where nothing is, or it cannot be read."""
    try:
        head = json.loads(kept or b"")
        seconds, size = [float(second) for second in head["seconds"]], int(head["size"])
        known = {"length": float(head["length"])} if head.get("length") is not None else {}
        return {
            "decoder": str(head["decoder"]),
            "seconds": seconds,
            "size": size,
            "digest": str(head["digest"]),
            **known,
        }
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _number(kept: bytes) -> float | None:
    try:
        return float(json.loads(kept))
    except (ValueError, TypeError, RecursionError):
        return None


def script_of(encoded: Sequence[bytes], key: str) -> bytes:
    """The pictures as they are kept: a call in JavaScript.

    A report that is opened from disk may load scripts but no other files, and shows these very files.
    """
    return b'mmeFrames("%s",["%s"]);\n' % (key.encode(), b'","'.join(encoded))


def pictures_in(script: bytes, key: str) -> tuple[bytes, ...]:
    """The pictures that `script_of` was given; none where the script is not whole."""
    start, end = script_of([b"|"], key).split(b"|")
    if not (script.startswith(start) and script.endswith(end)):
        return ()
    return tuple(script[len(start) : -len(end)].split(b'","'))


class ClipReader:
    """Reads clips; decodes each once and keeps what it made, by the file's content. Threads may share it.

    `frames` and `sound` block; `soon` lets a running loop do other things in the meantime.
    """

    def __init__(
        self, cache: Cache, decoder: Decoder = "pyav", *, spread: bool = False, limits: ClipLimits = USUAL
    ) -> None:
        """Keeps what is decoded in the cache; `decoder` is for frames, sound is always PyAV's.

        With `spread`, frames of a clip that is longer than they show are taken from the whole of it, evenly.

        Raises:
            RunError: the decoder is not installed.
        """
        if decoder == "decord":
            import_decord()
        self._spread, self._limits = spread, limits
        self._cache, self._contents = cache, Contents(cache)
        self._digests: dict[Path, str] = {}
        self._lengths: dict[Path, float] = {}
        self._decoder = decoder
        self._recent: OrderedDict[str, tuple[Frames, int]] = OrderedDict()
        self._recent_bytes = 0
        self._guard = threading.Lock()
        # a clip's lock is found by its key: what two threads ask for at once is decoded once
        self._locks = tuple(threading.Lock() for _ in range(64))
        # decoding has threads of its own, so that what only needs a look at the disk never waits behind it
        self._pool = ThreadPoolExecutor(os.cpu_count(), "mme-emotion decoding")

    @property
    def spread(self) -> bool:
        """Whether the frames of long clips are taken from the whole of them."""
        return self._spread

    @boundary(DataError)
    def frames(self, clip: Clip, *, fps: float = 1.0, most: int = 10) -> Frames:
        """The frames on display at 0, 1/fps, 2/fps, … seconds, `most` times at most; `Pace` is exact about it.

        Raises:
            DataError: the file is missing, has no picture, or nothing can decode it.
        """
        key, pace = self._frames_key(clip, fps, most), self._pace(fps, most)
        found = self._found_frames(key, clip, pace)
        return self._decoded_frames(key, clip, pace) if found is None else found

    def knows(self, clip: Clip, *, fps: float = 1.0, most: int = 10) -> bool:
        """Whether `frames` is a look at the cache: neither is the file read nor is anything decoded.

        Raises:
            DataError: the file is missing or cannot be read.
        """
        if self._known(clip.path) is None:
            return False
        return _head_in(self._cache.get(f"clip:{self._frames_key(clip, fps, most)}")) is not None

    @boundary(DataError)
    def sound(self, clip: Clip, *, rate: int = 16_000) -> Sound | None:
        """The sound at `rate` samples a second, or None where the clip has none.

        Raises:
            DataError: the file is missing, or nothing can decode it.
        """
        key = self._sound_key(self._digest(clip.path), rate)
        with self._lock(key):
            kept = self._cache.media.read(key)
            if kept is None or len(kept) % 2:  # half a sample is none
                levels = decode.read_sound(clip.path, rate, self._limits)
                kept = b"" if levels is None else levels.astype("<i2").tobytes()
                self._cache.media.write(key, kept)
        # versions without a limit have kept all of it
        heard = np.frombuffer(kept, "<i2", min(len(kept) // 2, round(self._limits.sound_seconds * rate)))
        return Sound(samples=heard.astype(np.float32) / np.float32(FULL_SCALE), rate=rate) if len(heard) else None

    @boundary(DataError)
    def waveform(self, clip: Clip) -> Waveform | None:
        """How loud the clip is over time, or None where it has no sound; the sound itself is not kept for it.

        Raises:
            DataError: the file is missing, or nothing can decode it.
        """
        digest = self._digest(clip.path)
        with self._lock(self._sound_key(digest, _WAVEFORM_RATE)):  # so that a sound is decoded once
            kept = parse_waveform(self._cache.get(self._wave_key(digest)))
            return kept[0] if kept is not None else self._measured(clip, digest)

    def _measured(self, clip: Clip, digest: str) -> Waveform | None:
        sound = self._cache.media.read(self._sound_key(digest, _WAVEFORM_RATE))
        if sound is None or len(sound) % 2:
            levels = decode.read_sound(clip.path, _WAVEFORM_RATE, self._limits)
        else:
            levels = np.frombuffer(sound, "<i2")
        waveform = None if levels is None or not len(levels) else waveform_of(levels, _WAVEFORM_RATE)
        self._cache.put(self._wave_key(digest), packed(waveform))
        return waveform

    async def waveform_soon(self, clip: Clip) -> Waveform | None:
        """As `waveform`, of a clip that somebody has read here for its frames or its sound; else None.

        None is read for this alone, and what is kept is looked up at once. The file is not asked again: a link to it,
        such as reports make, changes its state and not what it holds.

        Raises:
            DataError: as for `waveform`.
        """
        digest = self._digests.get(clip.path)
        if digest is None:
            return None
        kept = parse_waveform(self._cache.get(self._wave_key(digest)))
        return await self.soon(partial(self.waveform, clip)) if kept is None else kept[0]

    async def length_soon(self, clip: Clip) -> float | None:
        """How many seconds a clip lasts that somebody has read here, by what its file says; else None.

        Raises:
            DataError: it cannot be opened.
        """
        if clip.path in self._lengths or clip.path not in self._digests:
            return self._lengths.get(clip.path)
        key = f"length:{key_of(decode.VERSION, self._digests[clip.path])}"
        if (kept := self._cache.get(key)) is not None:
            length = _number(kept)
        else:
            length = await self.soon(partial(decode.read_length, clip.path, self._limits))
            self._cache.put(key, json.dumps(length).encode())
        if length is not None:
            self._lengths[clip.path] = length
        return length

    @boundary(DataError)
    def video(self, clip: Clip, *, sound: bool = True) -> bytes:
        """The whole clip as mp4, encoded as it was, without metadata: a file may carry its own name or title there.

        Raises:
            DataError: the file is missing, damaged, has no picture, or cannot be an mp4 without re-encoding.
        """
        self._digest(clip.path)
        return decode.read_video(clip.path, sound=sound, limits=self._limits)

    async def soon(self, read: Callable[[], T]) -> T:
        """What `read` returns, read on one of the decoding threads."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, read)

    async def frames_soon(self, clip: Clip, *, fps: float = 1.0, most: int = 10) -> Frames:
        """As `frames`; what is kept does not wait behind what is to be decoded.

        Raises:
            DataError: as for `frames`.
        """
        with boundary(DataError):
            key, pace = await asyncio.to_thread(self._frames_key, clip, fps, most), self._pace(fps, most)
            found = self._found_frames(key, clip, pace)
            return await self.soon(partial(self._decoded_frames, key, clip, pace)) if found is None else found

    def _pace(self, fps: float, most: int) -> Pace:
        return Pace(fps=fps, most=most, spread=self._spread)

    def _cut(self) -> tuple[str, ...]:
        """What tells sound that is cut elsewhere than usual in a key."""
        seconds = self._limits.sound_seconds
        return () if seconds == USUAL.sound_seconds else (f"{seconds:g} s",)

    def _sound_key(self, digest: str, rate: int) -> str:
        return key_of(decode.VERSION, digest, "sound", str(rate), *self._cut())

    def _wave_key(self, digest: str) -> str:
        return f"wave:{key_of(decode.VERSION, digest, str(STRETCHES), *self._cut())}"

    def _frames_key(self, clip: Clip, fps: float, most: int) -> str:
        spread = ("spread",) if self._spread else ()
        return key_of(decode.VERSION, self._digest(clip.path), "frames", self._decoder, str(fps), str(most), *spread)

    def _found_frames(self, key: str, clip: Clip, pace: Pace) -> Frames | None:
        """The frames, where it is known what they show; the pictures are read later."""
        with self._guard:
            if key in self._recent:
                self._recent.move_to_end(key)
                return self._recent[key][0]
        head = _head_in(self._cache.get(f"clip:{key}"))
        return None if head is None else self._remembered(key, clip, pace, head)

    def _decoded_frames(self, key: str, clip: Clip, pace: Pace) -> Frames:
        with self._lock(key):
            found = self._found_frames(key, clip, pace)
            if found is not None:
                return found
            return self._remembered(key, clip, pace, *self._decode(key, clip, pace))

    def _pictures(self, key: str, clip: Clip, pace: Pace, count: int) -> tuple[bytes, ...]:
        """The pictures as kept; decoded again where they had to make room, or only half of them reached the disk."""
        encoded = pictures_in(self._cache.media.read(key) or b"", key)
        return encoded if len(encoded) == count else self._decode(key, clip, pace)[1]

    def _decode(self, key: str, clip: Clip, pace: Pace) -> tuple[Mapping[str, Any], tuple[bytes, ...]]:
        """What the clip holds, and its pictures in Base64; both are kept, the pictures first."""
        decoder, (pictures, length) = decode.read_frames(clip.path, self._decoder, pace, self._limits)
        shown = tuple(pictures.values())
        encoded, size = tuple(map(base64.b64encode, shown)), sum(map(len, shown))
        head = {"decoder": decoder, "seconds": list(pictures), "size": size, "digest": key_of(*shown)}
        head |= {} if length is None else {"length": length}
        self._cache.media.write(key, script_of(encoded, key))
        self._cache.put(f"clip:{key}", json.dumps(head).encode())
        return head, encoded

    def _remembered(
        self, key: str, clip: Clip, pace: Pace, head: Mapping[str, Any], encoded: tuple[bytes, ...] | None = None
    ) -> Frames:
        """The frames, in memory until others have been used more recently."""
        load = partial(self._pictures, key, clip, pace, len(head["seconds"]))
        source, size = Source(decoder=head["decoder"], key=key), head["size"]
        frames = Frames(head["seconds"], head["digest"], load, source, encoded)
        if "length" in head:
            self._lengths[clip.path] = head["length"]
        with self._guard:
            self._recent_bytes += size - self._recent.pop(key, (frames, 0))[1]
            self._recent[key] = frames, size
            while self._recent_bytes > RECENT_BYTES:
                self._recent_bytes -= self._recent.popitem(last=False)[1][1]
        return frames

    def _lock(self, key: str) -> threading.Lock:
        return self._locks[int(key, 16) % len(self._locks)]

    def _digest(self, path: Path) -> str:
        with _reading(path):
            _refuse_irregular(path)
            digest = self._contents.digest(path)
        if digest == _EMPTY:
            raise DataError(f"The clip {path} is empty; copy it again.")
        self._digests[path] = digest
        return digest

    def _known(self, path: Path) -> str | None:
        """As `_digest`, where the file has been read in this state before."""
        with _reading(path):
            return self._contents.known(path)


def _refuse_irregular(path: Path) -> None:
    """Refuses what would never end: a pipe, a device, a socket. A folder is refused when it is opened."""
    if size_of(path.stat()) == NOT_REGULAR and not path.is_dir():
        raise not_regular(path)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Says in the suite's own words why a clip cannot be read."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"The clip {path} does not exist; check the data folder.") from error
    except OSError as error:
        raise DataError(f"The clip {path} cannot be read ({error.strerror}).") from error
