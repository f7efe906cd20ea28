"""A clip's frames and sound, decoded once."""

import base64
import hashlib
import json
import threading
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark import decode
from benchmark.cache import Cache, key_of
from benchmark.decode import Decoder, Pace
from benchmark.errors import DataError

_FULL_SCALE = 32_768


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

    def wav(self) -> bytes:
        """The sound as a WAV file, 16 bits a sample."""
        levels = np.clip(np.rint(self.samples * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1)
        buffer = BytesIO()
        with wave.open(buffer, "wb") as file:
            file.setparams((1, 2, self.rate, 0, "NONE", ""))
            file.writeframes(levels.astype("<i2").tobytes())
        return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording on disk; the file may be missing until somebody reads it."""

    path: Path


class ClipReader:
    """Reads clips; decodes each once and keeps what it made, by the file's content. Blocks; threads may share it."""

    def __init__(self, cache: Cache, decoder: Decoder = "pyav") -> None:
        """Keeps what is decoded in the cache; `decoder` is for frames, sound is always PyAV's.

        Raises:
            RunError: the decoder is not installed.
        """
        if decoder == "decord":
            decode.import_decord()
        self._cache = cache
        self._decoder = decoder
        self._digests: dict[tuple[Path, int, int], str] = {}
        # a clip's lock is found by its key: what two threads ask for at once is decoded once
        self._locks = tuple(threading.Lock() for _ in range(64))

    def frames(self, clip: Clip, *, fps: float = 1.0, most: int = 10) -> tuple[Frame, ...]:
        """The frames on display at 0, 1/fps, 2/fps, … seconds, `most` times at most; `decode.Pace` is exact about it.

        Raises:
            DataError: the file is missing, has no picture, or nothing can decode it.
        """
        return self._decoded(clip, Pace(fps=fps, most=most))[1]

    def decoder_used(self, clip: Clip, *, fps: float = 1.0, most: int = 10) -> str:
        """What decoded these frames: `pyav`, `decord`, or `ffmpeg` where the library refused the file.

        Raises:
            DataError: as for `frames`.
        """
        return self._decoded(clip, Pace(fps=fps, most=most))[0]

    def sound(self, clip: Clip, *, rate: int = 16_000) -> Sound | None:
        """The sound at `rate` samples a second, or None where the clip has none.

        Raises:
            DataError: the file is missing, or nothing can decode it.
        """

        def make() -> bytes:
            levels = decode.read_sound(clip.path, rate)
            return b"" if levels is None else levels.astype("<i2").tobytes()

        levels = np.frombuffer(self._kept(clip, ("sound", str(rate)), make), "<i2")
        return Sound(samples=levels.astype(np.float32) / np.float32(_FULL_SCALE), rate=rate) if len(levels) else None

    def video(self, clip: Clip, *, sound: bool = True) -> bytes:
        """The whole clip as mp4, encoded as it was, without metadata: a file may carry its own name or title there.

        Raises:
            DataError: the file is missing, damaged, has no picture, or cannot be an mp4 without re-encoding.
        """
        self._digest(clip.path)
        return decode.read_video(clip.path, sound=sound)

    def _decoded(self, clip: Clip, pace: Pace) -> tuple[str, tuple[Frame, ...]]:
        kind = ("frames", self._decoder, str(pace.fps), str(pace.most))
        return _unpacked(self._kept(clip, kind, lambda: _packed(*decode.read_frames(clip.path, self._decoder, pace))))

    def _kept(self, clip: Clip, kind: tuple[str, ...], make: Callable[[], bytes]) -> bytes:
        key = key_of("clip", decode.VERSION, self._digest(clip.path), *kind)
        with self._locks[int(key, 16) % len(self._locks)]:
            kept = self._cache.get(key)
            if kept is None:
                kept = make()
                self._cache.put(key, kept)
        return kept

    def _digest(self, path: Path) -> str:
        """SHA-256 of the file, read again only where its size or time of change differ."""
        try:
            state = path.stat()
            if state.st_size == 0:
                raise DataError(f"The clip {path} is empty; copy it again.")
            known = (path, state.st_size, state.st_mtime_ns)
            if known not in self._digests:
                with path.open("rb") as file:
                    self._digests[known] = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError as error:
            raise DataError(f"The clip {path} does not exist; check the data folder.") from error
        except OSError as error:
            raise DataError(f"The clip {path} cannot be read ({error.strerror}).") from error
        return self._digests[known]


def _packed(decoder: str, pictures: Mapping[float, bytes]) -> bytes:
    """One line of JSON, which says what follows, then the pictures one after the other."""
    head = {"decoder": decoder, "frames": [(seconds, len(jpeg)) for seconds, jpeg in pictures.items()]}
    return b"\n".join([json.dumps(head).encode(), b"".join(pictures.values())])


def _unpacked(raw: bytes) -> tuple[str, tuple[Frame, ...]]:
    line, _, rest = raw.partition(b"\n")
    head = json.loads(line)
    body = BytesIO(rest)
    frames = (Frame(jpeg=body.read(size), seconds=seconds) for seconds, size in head["frames"])
    return head["decoder"], tuple(frames)


def data_url(mime: str, content: bytes) -> str:
    """The content as a `data:` URL, as requests carry it."""
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"
