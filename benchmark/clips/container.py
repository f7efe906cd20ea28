"""A clip's file, opened with care: which kinds are taken, and how much may be read of one.

The libraries believe what a file says of itself. So a clip is read through a meter: it bounds what there is before the
first packet and between two packets, whatever that may be (an index, tags, covers, attachments, a packet of gigabytes).
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
"""What PyAV raises over a file that it cannot read."""

FORMATS = "mov,matroska,avi,mpegts,asf,ogg,nut,ivf,dv,mxf,h264,hevc,m4v,mpegvideo,wav,w64,aiff,mp3,aac,flac,ac3,caf"
"""Kinds of file that are taken, by ffmpeg's names: containers of video and sound, none that names other files."""

LATE_FORMATS = "mpeg,flv"
"""Kinds that tell their streams too late to bound what is decoded to open them: left to the ffmpeg program."""


# up to PyAV 18 a tag that is not UTF-8 makes a file unreadable; from 19 on none does, and there is nothing to ask for
_ANY_TAGS: Mapping[str, Any] = {"metadata_errors": "replace"} if hasattr(InputContainer, "metadata_errors") else {}
_OPTIONS = {"format_whitelist": FORMATS, "protocol_whitelist": "none", "max_streams": str(MOST_STREAMS)}
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"v=0", b"<MPD", b"<SmoothStreamingMedia", b"[playlist]")
_ROOM = Room(SHARES[-1][1])


class Meter(io.FileIO):
    """A file that says no when too much of it is read at a time."""

    def __init__(self, path: Path) -> None:
        """Opens it, not waiting for whoever might write into it.

        Raises:
            OSError: it cannot be opened.
            DataError: it is no regular file.
        """
        super().__init__(path.absolute(), opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))
        state = os.fstat(self.fileno())
        self.path, self.size, self.left = path, state.st_size, OPENING_BYTES
        self.overrun: DataError | None = None
        if strange(state):
            self.close()
            raise not_regular(path)

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes.

        Raises:
            DataError: it is more than may be read at a time.
        """
        size = -1 if size is None else size
        if self.overrun is None and size > self.left and min(size, self.size - self.tell()) > self.left:
            self.overrun = DataError(
                f"The clip {self.path} holds a part that takes more than {PACKET_BYTES // 2**20} MiB; convert it."
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
        """Goes to a place in the file; where damage sends before its start, says no as ffmpeg's own files do."""
        try:
            return super().seek(offset, whence)
        except OSError as error:
            return -(error.errno or errno.EIO)

    def renew(self) -> None:
        """Lets as much be read as may lie between two packets.

        Raises:
            DataError: more has been read already.
        """
        if self.overrun is not None:
            raise self.overrun
        self.left = PACKET_BYTES


def unreadable(path: Path, error: OSError) -> DataError:
    """That the system does not let a clip be read."""
    return DataError(f"The clip {path} cannot be read ({error.strerror}).")


def not_regular(path: Path) -> DataError:
    """That there is a folder, a pipe, a device or a socket in a clip's place."""
    return DataError(f"The clip {path} is no regular file; replace it.")


@dataclass(frozen=True, slots=True)
class ClipFile:
    """A clip's file and what is to be read of it.

    Attributes:
        path: of the file.
        limits: what it may take.
        looks: whether its pictures are looked at; else what is decoded to open it is bounded all the more.
        pixels: the largest picture that decoders take.
    """

    path: Path
    limits: ClipLimits
    looks: bool = True
    pixels: int = 0


@dataclass(frozen=True, slots=True)
class OpenClip:
    """A clip's file, ready to be read; decoders take no picture of more than so many `pixels`."""

    path: Path
    container: InputContainer
    meter: Meter
    limits: ClipLimits
    pixels: int

    def picture(self) -> VideoStream:
        """The stream of pictures; a cover is none.

        Raises:
            LookupError: its encoding is unknown.
            DataError: there is none, or its pictures are too large.
        """
        stream = _picture(self.container)
        if stream is not None:
            if not stream.codec_context:
                raise LookupError("its encoding is unknown")
            stream.codec_context.thread_count = 1  # clips are decoded side by side, which uses the cores better
            # what comes larger in the midst of the stream is refused by the decoder before it takes memory
            stream.codec_context.options = {"max_pixels": str(self.pixels)}
            self.check_size(stream.width, stream.height)
            return stream
        refuse_disguise(self.path)
        raise DataError(
            f"The clip {self.path} has no picture; leave it out, or send its sound alone with --modalities=audio."
        )

    def check_size(self, width: int, height: int) -> None:
        """Refuses a picture that is too large.

        Raises:
            DataError: says what to do.
        """
        if width * height > self.limits.pixels:
            raise DataError(
                f"The clip {self.path} has pictures of {width} × {height} pixels, more than"
                f" {self.limits.megapixels:g} megapixels; make it smaller, or {RAISE}megapixels="
                f"{-(-width * height // 1_000_000)}."
            )

    @property
    def first_sound(self) -> AudioStream | None:
        """The first stream of sound, if there is one."""
        return next(iter(self.container.streams.audio), None)

    def sound(self) -> AudioStream | None:
        """The same, ready to be decoded.

        Raises:
            LookupError: its encoding is unknown.
            DataError: it has a rate that no recording has.
        """
        stream = self.first_sound
        if stream is None:
            return None
        if not stream.codec_context:
            raise LookupError("the encoding of its sound is unknown")
        if stream.rate not in SOUND_RATES:
            raise DataError(
                f"The clip {self.path} has sound of {stream.rate:,} samples a second; {SOUND_RATES[0]:,} to"
                f" {SOUND_RATES[-1]:,} are taken, so convert it."
            )
        stream.codec_context.options = {"max_samples": str(FRAME_SAMPLES)}
        return stream

    def packets(self, *streams: VideoStream | AudioStream) -> "Iterator[Packet[Any]]":
        """The packets of these streams, as they lie in the file.

        Raises:
            DataError: one is too large, or there are too many.
        """
        self.meter.renew()
        wanted = {stream.index for stream in streams}
        # the others' are read as well, so that the meter knows of each
        for number, packet in enumerate(self.container.demux()):
            self.meter.renew()
            if number > MOST_PACKETS:
                raise DataError(f"The clip {self.path} has more than {MOST_PACKETS:,} packets; cut it into parts.")
            if packet.stream.index in wanted:  # the last of each stream, which is empty, has no index of its own
                yield packet

    @property
    def length(self) -> float | None:
        """How many seconds the clip lasts, by what its file says; None where it says nothing."""
        return None if self.container.duration is None else self.container.duration / av.time_base


def _picture(container: InputContainer) -> VideoStream | None:
    """The first stream of pictures that is no cover."""
    streams = container.streams.video
    return next((stream for stream in streams if not stream.disposition & Disposition.attached_pic), None)


class Larger(Exception):
    """A clip's pictures are larger than may be decoded beside others."""


def with_room(read: Callable[[ClipFile], T], source: ClipFile) -> T:
    """What is read of a clip; waits until there is memory to decode pictures of its size.

    Opening decodes already, so the size is not known before: it is tried with small pictures first. A file that is
    refused so is tried once more with no other beside it, for its pictures may be larger than it says.
    """
    tiers = list(SHARES)
    while True:
        most, shares = tiers.pop(0)
        pixels = min(most, source.limits.pixels)
        final = not source.looks or pixels == source.limits.pixels
        try:
            with _share(shares):
                return _cleared(read, replace(source, pixels=int(pixels)))
        except Larger:
            pass
        except REFUSALS:
            if final:
                raise
            tiers = tiers[-1:]


def _cleared(read: Callable[[ClipFile], T], source: ClipFile) -> T:
    """What is read; an error holds on to no decoder, and so to no memory, while others begin."""
    try:
        return read(source)
    except Exception as error:
        clear_frames(error.__traceback__)
        raise


@contextmanager
def opened(source: ClipFile) -> Iterator[OpenClip]:
    """The clip's file.

    Raises:
        av.FFmpegError, ValueError, ...: what PyAV raises over a file that it cannot read.
        DataError: it is no regular file, or has too much in front of its first packet.
        Larger: its pictures are larger than may be decoded beside others.
    """
    with _metered(source.path) as meter, _container(meter, source.pixels) as container:
        picture = _picture(container) if source.looks else None
        known = picture is not None and picture.codec_context  # else it has no size
        if picture is not None and known and source.pixels < min(picture.width * picture.height, source.limits.pixels):
            raise Larger
        yield OpenClip(source.path, container, meter, source.limits, source.pixels)


@contextmanager
def _share(shares: int) -> Iterator[None]:
    """Room to decode, given back for good: glibc keeps for a thread what large pictures have taken in it."""
    with _ROOM.take(shares):
        try:
            yield
        finally:
            if shares > 1 and (trim := _trim()) is not None:
                trim(0)


@cache
def _trim() -> Callable[[int], object] | None:
    """Glibc's `malloc_trim`; None where the system has none."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None)


@contextmanager
def _container(meter: Meter, pixels: float) -> Iterator[InputContainer]:
    _look_at(meter)
    try:
        container = av.open(meter, options={**_OPTIONS, "max_pixels": str(int(pixels))}, **_ANY_TAGS)
    except REFUSALS as refusal:
        if meter.overrun is not None:
            raise meter.overrun from None
        if getattr(refusal, "errno", None) == errno.EINVAL:
            raise ValueError("its kind of file is not taken, or it is damaged") from refusal
        raise
    with container:
        yield container


def _metered(path: Path) -> Meter:
    try:
        return Meter(path)
    except OSError as error:
        raise unreadable(path, error) from error


def _look_at(meter: Meter) -> None:
    """Refuses what no library is to see: a list of other files, whatever its name, and an index that is a bomb.

    Raises:
        DataError: it is one.
    """
    head = meter.read(64)
    meter.seek(0)
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_PLAYLISTS):
        raise DataError(f"The clip {meter.path} is a list of other files, not a clip; replace it.")
    if claims_too_much(meter.fileno(), meter.size):
        raise DataError(f"The clip {meter.path} has an index that claims more than a clip holds; convert it.")


def refuse_disguise(path: Path) -> None:
    """Refuses what lies in place of a clip, where that is known.

    Raises:
        DataError: says what it is, and what to do.
    """
    if disguise := clip_disguise(path):
        raise DataError(f"{path} {disguise}.")


def exact(rational: Any) -> Fraction:
    """One of PyAV's as Python's; 0 where it is not set: None up to PyAV 18, a false one from 19 on."""
    return Fraction(rational.numerator, rational.denominator) if rational else Fraction(0)
