"""Opens a clip's file safely: which formats are supported, and how much of a file may be read.

The libraries trust what a file declares. So clips are read through a meter, which limits what there is before the
first packet and between two packets, of whatever kind (an index, tags, covers, attachments, a packet of gigabytes).
"""

import ctypes
import errno
import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from traceback import clear_frames
from typing import Any, TypeVar

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from benchmark.clips.boxes import claims_too_much
from benchmark.clips.limits import (
    FRAME_SAMPLES,
    MOST_PACKETS,
    MOST_STREAMS,
    OPENING_BYTES,
    PACKET_BYTES,
    RAISE,
    SHARES,
    SOUND_RATES,
    ClipLimits,
    Room,
)
from benchmark.errors import DataError
from benchmark.storage.given import strange
from benchmark.text import clip_disguise

T = TypeVar("T")

REFUSALS = (av.FFmpegError, ValueError, EOFError, LookupError, ArithmeticError, MemoryError)
"""What PyAV raises for a file that it cannot read."""

FORMATS = "mov,matroska,avi,mpegts,asf,ogg,nut,ivf,dv,mxf,h264,hevc,m4v,mpegvideo,wav,w64,aiff,mp3,aac,flac,ac3,caf"
"""Supported formats, by ffmpeg's names: containers of video and sound, none of which refers to other files."""

LATE_FORMATS = "mpeg,flv"
"""Formats for the ffmpeg program only: they declare streams too late to limit what is decoded to open a file."""

# up to PyAV 18 a tag that is not UTF-8 makes a file unreadable; from 19 on none does, and the argument is gone
_ANY_TAGS: Mapping[str, Any] = {"metadata_errors": "replace"} if hasattr(InputContainer, "metadata_errors") else {}
_OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "none", "max_streams": str(MOST_STREAMS)}
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"v=0", b"<MPD", b"<SmoothStreamingMedia", b"[playlist]")
_ROOM = Room(SHARES[-1][1])


class Meter(io.FileIO):
    """A file of which only so much may be read at a time."""

    def __init__(self, path: Path) -> None:
        """Opens the file without waiting for a pipe's writer.

        Raises:
            DataError: it cannot be opened, or is not a regular file.
        """
        try:
            super().__init__(path.absolute(), opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))
        except OSError as error:
            raise unreadable(path, error) from error
        state = os.fstat(self.fileno())
        self.path, self.size, self.left = path, state.st_size, OPENING_BYTES
        self.overrun: DataError | None = None
        if strange(state):
            self.close()
            raise not_regular(path)

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes.

        Raises:
            DataError: they are more than may be read at a time, or the file cannot be read.
        """
        size = -1 if size is None else size
        if self.overrun is None and size > self.left and min(size, self.size - self.tell()) > self.left:
            self.overrun = DataError(
                f"The clip {self.path} has a part of more than {PACKET_BYTES // 2**20} MiB; convert it."
            )
        if self.overrun is not None:
            raise self.overrun
        try:
            content = super().read(size) or b""
        except OSError as error:
            raise unreadable(self.path, error) from error
        self.left -= len(content)
        return content

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Moves to a position; a position before the start, as in damaged files, is an error number, as in ffmpeg."""
        try:
            return super().seek(offset, whence)
        except OSError as error:
            return -(error.errno or errno.EIO)

    def renew(self) -> None:
        """Allows as much to be read as may lie between two packets.

        Raises:
            DataError: more has been requested already.
        """
        if self.overrun is not None:
            raise self.overrun
        self.left = PACKET_BYTES


def unreadable(path: Path, error: OSError) -> DataError:
    """The error for a clip that the system cannot read."""
    return DataError(f"The clip {path} cannot be read ({error.strerror}).")


def not_regular(path: Path) -> DataError:
    """The error for a folder, a pipe, a device or a socket in place of a clip."""
    return DataError(f"The clip {path} is not a regular file; replace it.")


@dataclass(frozen=True, slots=True)
class ClipFile:
    """A clip's file and how to read it.

    Attributes:
        path: the file.
        limits: the user's limits.
        looks: whether its pictures are needed; if not, pictures that are decoded to open it are limited further.
        pixels: the most pixels of a picture that decoders accept.
    """

    path: Path
    limits: ClipLimits
    looks: bool = True
    pixels: int = 0

    def check_size(self, width: int, height: int) -> None:
        """Refuses a picture that is too large.

        Raises:
            DataError: it has more pixels than the user's limit.
        """
        if width * height > self.limits.pixels:
            raise DataError(
                f"The clip {self.path} has pictures of {width} × {height} pixels, more than"
                f" {self.limits.megapixels:g} megapixels; make it smaller, or {RAISE}megapixels="
                f"{-(-width * height // 1_000_000)}."
            )


@dataclass(frozen=True, slots=True)
class OpenClip:
    """A clip's file, ready to be read."""

    source: ClipFile
    container: InputContainer
    meter: Meter

    def picture(self) -> VideoStream:
        """The first stream of pictures that is not a cover, ready to be decoded.

        Raises:
            LookupError: its encoding is unknown.
            DataError: there is none, or its pictures are too large.
        """
        stream = _picture(self.container)
        if stream is None:
            refuse_disguise(self.source.path)
            raise DataError(
                f"The clip {self.source.path} has no picture; omit it, or send only its sound with --modalities=audio."
            )
        if not stream.codec_context:
            raise LookupError("its encoding is unknown")
        stream.codec_context.thread_count = 1  # clips are decoded in parallel, which uses the cores better
        # the decoder refuses larger pictures in the middle of the stream before they take memory
        stream.codec_context.options = {"max_pixels": str(self.source.pixels)}
        self.source.check_size(stream.width, stream.height)
        return stream

    @property
    def first_sound(self) -> AudioStream | None:
        """The first stream of sound; None if there is none."""
        return next(iter(self.container.streams.audio), None)

    def sound(self) -> AudioStream | None:
        """The first stream of sound, ready to be decoded; None if there is none.

        Raises:
            LookupError: its encoding is unknown.
            DataError: its sample rate is not supported.
        """
        stream = self.first_sound
        if stream is None:
            return None
        if not stream.codec_context:
            raise LookupError("the encoding of its sound is unknown")
        if stream.rate not in SOUND_RATES:
            raise DataError(
                f"The clip {self.source.path} has sound with {stream.rate:,} samples per second; convert it to a rate"
                f" from {SOUND_RATES[0]:,} to {SOUND_RATES[-1]:,}."
            )
        stream.codec_context.options = {"max_samples": str(FRAME_SAMPLES)}
        return stream

    def packets(self, *streams: VideoStream | AudioStream) -> "Iterator[Packet[Any]]":
        """The packets of these streams, in the order of the file.

        Raises:
            DataError: one is too large, or there are too many.
        """
        self.meter.renew()
        wanted = {stream.index for stream in streams}
        # packets of the other streams are read too, so that the meter is renewed at each
        for number, packet in enumerate(self.container.demux()):
            self.meter.renew()
            if number > MOST_PACKETS:
                raise DataError(
                    f"The clip {self.source.path} has more than {MOST_PACKETS:,} packets; cut it into parts."
                )
            if packet.stream.index in wanted:  # the empty last packet of each stream has no `stream_index`
                yield packet

    @property
    def length(self) -> float | None:
        """The clip's length in seconds, as its file declares it; None if it does not."""
        return None if self.container.duration is None else self.container.duration / av.time_base


def _picture(container: InputContainer) -> VideoStream | None:
    """The first stream of pictures that is not a cover."""
    streams = container.streams.video
    return next((stream for stream in streams if not stream.disposition & Disposition.attached_pic), None)


class Larger(Exception):
    """A clip's pictures are too large to be decoded with the shares that it has."""


def with_room(read: Callable[[ClipFile], T], source: ClipFile) -> T:
    """What `read` returns for the file; waits until there is memory to decode pictures of its size.

    Opening a file may decode pictures, so their size is unknown before: the limit is small at first. A file that fails
    is tried once more with all shares, since its pictures may be larger than declared.

    Raises:
        av.FFmpegError, ValueError, ...: one of `REFUSALS`, if the file cannot be read.
        DataError: as `read` does.
    """
    tiers = list(SHARES)
    while True:
        most, shares = tiers.pop(0)
        pixels = min(most, source.limits.pixels)
        final = not source.looks or pixels == source.limits.pixels
        try:
            with _share(shares):
                return read(replace(source, pixels=int(pixels)))
        except Larger:
            pass
        except REFUSALS:
            if final:
                raise
            tiers = tiers[-1:]


@contextmanager
def opened(source: ClipFile) -> Iterator[OpenClip]:
    """The clip's file, open as long as the context lasts.

    Raises:
        av.FFmpegError, ValueError, ...: one of `REFUSALS`, if the file cannot be read.
        DataError: it is not a regular file, is a list of files, or has too much before its first packet.
        Larger: its pictures are larger than `source.pixels`.
    """
    with Meter(source.path) as meter, _container(meter, source.pixels) as container:
        picture = _picture(container) if source.looks else None
        if picture is not None and picture.codec_context:  # without a codec, the size is unknown
            needed = min(picture.width * picture.height, source.limits.pixels)
            if source.pixels < needed:
                raise Larger
        yield OpenClip(source, container, meter)


@contextmanager
def _share(shares: int) -> Iterator[None]:
    """Holds shares of the memory for decoding, and frees all that was used of it.

    An error would keep decoders alive, and glibc the memory that large pictures took in a thread.
    """
    with _ROOM.take(shares):
        try:
            yield
        except Exception as error:
            clear_frames(error.__traceback__)
            raise
        finally:
            if shares > 1 and (trim := _trim()) is not None:
                trim(0)


@cache
def _trim() -> Callable[[int], object] | None:
    """Glibc's `malloc_trim`; None on other systems."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None)


def _container(meter: Meter, pixels: int) -> InputContainer:
    """The file as PyAV opens it, after the checks that must come before."""
    _refuse_unsafe(meter)
    try:
        container: InputContainer = av.open(meter, options={**_OPTIONS, "max_pixels": str(pixels)}, **_ANY_TAGS)
        return container
    except REFUSALS as refusal:
        if meter.overrun is not None:
            raise meter.overrun from None
        if getattr(refusal, "errno", None) == errno.EINVAL:
            raise ValueError("its format is not supported, or it is damaged") from refusal
        raise


def _refuse_unsafe(meter: Meter) -> None:
    """Refuses what no library may open: a list of other files, whatever its name, or an index that fills the memory."""
    head = meter.read(64)
    meter.seek(0)
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_PLAYLISTS):
        raise DataError(f"The clip {meter.path} is a list of other files, not a clip; replace it.")
    if claims_too_much(meter.fileno(), meter.size):
        raise DataError(f"The clip {meter.path} has an index that is compressed or too large; convert it.")


def refuse_disguise(path: Path) -> None:
    """Refuses known kinds of files that are often found in place of a clip, such as web pages.

    Raises:
        DataError: the file is one.
    """
    if disguise := clip_disguise(path):
        raise DataError(f"{path} {disguise}.")


def exact(rational: Any) -> Fraction:
    """PyAV's fraction as Python's; 0 if it is not set, which is None up to PyAV 18 and a false value from 19 on."""
    return Fraction(rational.numerator, rational.denominator) if rational else Fraction(0)
