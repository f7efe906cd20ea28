"""What a clip's file holds: frames as JPEG, sound as samples, the whole as mp4.

PyAV decodes; decord may decode the frames in its place; the ffmpeg program is the last resort for what they refuse.
"""

import importlib
import shutil
import subprocess
from bisect import bisect_right
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from io import BytesIO
from itertools import chain, pairwise, takewhile
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

from benchmark.errors import DataError, RunError
from benchmark.passing import passing_folder
from benchmark.rescue import run_ffmpeg
from benchmark.text import clip_disguise

Decoder = Literal["pyav", "decord"]

VERSION = "2"
"""Part of every cache key: to be raised whenever this module would make something else of the same file."""

LONGEST_SIDE = 768
"""Pixels; a larger picture is scaled down, its shape kept, so that requests stay small."""

JPEG_QUALITY = 85
FLICK = "1:705600000"
"""Of a second: all usual frame rates are whole numbers of it, and every version of ffmpeg takes it as a time base."""

_REFUSALS = (av.FFmpegError, ValueError, EOFError, LookupError, ArithmeticError, MemoryError)
# In other codecs "non-reference" is not final: HEVC means only frames of the same temporal layer.
_SKIPPABLE = frozenset({"h264", "mpeg4"})
_WITH_TIMES = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"})
# up to PyAV 18 a tag that is not UTF-8 makes a file unreadable; from 19 on none does, and there is nothing to ask for
_ANY_TAGS: Mapping[str, Any] = {"metadata_errors": "replace"} if hasattr(InputContainer, "metadata_errors") else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Which frames are taken: those on display at 0, 1/fps, 2/fps, … seconds.

    Times count from the first frame. One is wanted if it lies before the clip's end, where its last frame's duration is
    over; 0 always is. For each wanted time the last frame is taken that is due by then, and no frame twice: a clip
    shorter than 1/fps gives its first frame, one that shows less than fps frames a second gives each once.

    Attributes:
        fps: wanted times a second; 1 is the protocol (MME-Emotion, arXiv 2508.09210).
        most: wanted times at most; 10 is the protocol.
    """

    fps: float = 1.0
    most: int = 10

    @property
    def last(self) -> Fraction:
        """The last time that can be wanted, in seconds."""
        return (self.most - 1) / Fraction(str(self.fps))

    def choose(self, times: Sequence[Fraction | float], end: Fraction | float) -> list[int]:
        """Indexes into ascending `times` of frames (seconds, from 0 on) of a clip that ends at `end`, ascending."""
        step = 1 / Fraction(str(self.fps))
        wanted = takewhile(lambda time: time == 0 or time < end, (n * step for n in range(self.most)))
        return list(dict.fromkeys(bisect_right(times, time) - 1 for time in wanted))


def read_frames(path: Path, decoder: Decoder, pace: Pace) -> tuple[str, Mapping[float, bytes]]:
    """What decoded the frames (`pyav`, `decord` or `ffmpeg`), and JPEG pictures, upright, by their time in seconds.

    Raises:
        DataError: the clip has no picture, or nothing can decode it.
    """
    by_library = _frames_by_decord if decoder == "decord" else _frames
    try:
        return decoder, by_library(path, pace)
    except _REFUSALS as refusal:
        span = f"{float(pace.last) + 1}"
        with _rescued(path, refusal, ["-map", "0:V:0", "-c:v", "ffv1", "-enc_time_base", FLICK, "-t", span]) as file:
            return "ffmpeg", _frames(file, pace)


def read_sound(path: Path, rate: int) -> NDArray[np.int16] | None:
    """Mono 16-bit samples, shape (time,), or None where the clip has no sound.

    Where the sound starts later than the picture, silence fills the gap, so that its time 0 is the first frame's. Sound
    that starts earlier is kept whole: lost speech is worse than a shift.

    Raises:
        DataError: nothing can decode it.
    """
    try:
        return _sound(path, rate)
    except _REFUSALS as refusal:
        with _rescued(path, refusal, ["-map", "0:a:0", "-c:a", "pcm_s16le"]) as file:
            return _sound(file, rate)


def read_video(path: Path, *, sound: bool) -> bytes:
    """The clip as mp4: the same encoded picture, and sound if wanted, without any of the file's metadata.

    Raises:
        DataError: the clip has no picture, is damaged, or is encoded in a way that mp4 has no place for.
    """
    try:
        return _remuxed(path, sound=sound)
    except _REFUSALS as refusal:
        _refuse_disguise(path)
        raise DataError(
            f"The clip {path} cannot be put into an mp4 file as it is ({_reason(refusal)});"
            " convert it, or choose a model that takes frames."
        ) from refusal


def import_decord() -> Any:
    """The decord package.

    Raises:
        RunError: it is not installed.
    """
    try:
        return importlib.import_module("decord")
    except ImportError as error:
        raise RunError(
            "decord is not installed; pip install 'mme-emotion[decord]', or leave --decoder away."
        ) from error


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    # an absolute path is never taken for an URL, and a playlist in disguise reaches no network
    options = {"protocol_whitelist": "file"}
    with av.open(str(path.absolute()), options=options, **_ANY_TAGS) as container:
        yield container


def _picture(container: InputContainer, path: Path) -> VideoStream:
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            if not stream.codec_context:
                raise LookupError("its encoding is unknown")
            stream.codec_context.thread_count = 1  # clips are decoded side by side, which uses the cores better
            return stream
    _refuse_disguise(path)
    raise DataError(f"The clip {path} has no picture; leave it out, or send its sound alone with --modalities=audio.")


def _frames(path: Path, pace: Pace) -> Mapping[float, bytes]:
    return _frames_by_packets(path, pace) or _frames_by_counting(path, pace)


def _frames_by_packets(path: Path, pace: Pace) -> Mapping[float, bytes] | None:
    """Chooses by the packets' times, then decodes what is wanted and what that refers to; None where times mislead."""
    with _opened(path) as container:
        stream = _picture(container, path)
        packets = list(_until(container.demux(stream), pace.last))
        durations = {packet.pts: packet.duration or 0 for packet in packets if not packet.is_discard}
        if not _are_display_times(packets, stream):
            return None
        shown = sorted(pts for pts in durations if pts is not None)
        times, end = _timeline(shown, durations[shown[-1]], _base(stream))
        wanted = {shown[index]: float(times[index]) for index in pace.choose(times, end)}
        seen, pictures = [], {}
        for frame in _decoded(stream, packets, wanted):
            seen.append(frame.pts)
            if frame.pts in wanted:
                pictures[wanted[frame.pts]] = _jpeg_of(frame, stream)
    return pictures if len(pictures) == len(wanted) and _ascend(seen) else None


def _until(packets: "Iterable[Packet[VideoStream]]", last: Fraction) -> "Iterator[Packet[VideoStream]]":
    """The packets of all frames due within `last` seconds, and one more, or the first without a time."""
    start = None
    for packet in packets:
        if packet.size == 0:  # handed to a decoder it would mean the end
            continue
        yield packet
        if packet.pts is None:
            return
        if start is None and not packet.is_discard:
            start = packet.pts
        # no later packet is due before this one is decoded
        if start is not None and packet.dts is not None and (packet.dts - start) * _exact(packet.time_base) > last:
            return


def _are_display_times(packets: "Sequence[Packet[VideoStream]]", stream: VideoStream) -> bool:
    shown = [packet.pts for packet in packets if not packet.is_discard]
    if not shown or None in shown or len(set(shown)) < len(shown):
        return False
    # AVI keeps no display times: frames that the codec reorders come numbered as they are decoded
    may_lie = stream.container.format.name not in _WITH_TIMES
    return not (may_lie and stream.codec_context.has_b_frames and _ascend(shown))


def _decoded(
    stream: VideoStream, packets: "Sequence[Packet[VideoStream]]", wanted: Container[int | None]
) -> Iterator[VideoFrame]:
    codec = stream.codec_context
    final = max(n for n, packet in enumerate(packets) if packet.pts in wanted)
    for packet in packets[: final + 1]:
        if codec.name in _SKIPPABLE:
            codec.skip_frame = "DEFAULT" if packet.pts in wanted else "NONREF"
        yield from stream.decode(packet)
    yield from stream.decode(None)


def _frames_by_counting(path: Path, pace: Pace) -> Mapping[float, bytes]:
    """Decodes all frames to know their times, then once more to keep those that are wanted."""
    with _opened(path) as container:
        stream = _picture(container, path)
        marks = [(frame.pts, frame.duration) for frame in container.decode(stream)]
        if not marks:
            raise ValueError("there is no whole frame in it")
        shown = [pts for pts, _ in marks if pts is not None]
        if len(shown) == len(marks) and _ascend(shown):
            times, end = _timeline(shown, marks[-1][1], _base(stream))
        else:
            # a stream without a rate is refused by the division
            times, end = _timeline(range(len(marks)), 1, 1 / _exact(stream.guessed_rate))
    wanted = set(pace.choose(times, end))
    with _opened(path) as container:
        stream = _picture(container, path)
        decoded = enumerate(container.decode(stream))
        return {float(times[index]): _jpeg_of(frame, stream) for index, frame in decoded if index in wanted}


def _ascend(marks: Sequence[int | None]) -> bool:
    return all(one is not None and other is not None and one < other for one, other in pairwise(marks))


def _base(stream: VideoStream) -> Fraction:
    return _exact(stream.time_base) or Fraction(1)


def _exact(rational: Any) -> Fraction:
    """One of PyAV's as Python's; 0 where it is not set: None up to PyAV 18, a false one from 19 on."""
    return Fraction(rational.numerator, rational.denominator) if rational else Fraction(0)


def _timeline(shown: Sequence[int], duration: int, base: Fraction) -> tuple[Sequence[Fraction], Fraction]:
    """Seconds from the first frame on, and when the last is over; one of unknown duration lasts as long as the mean."""
    times = [(pts - shown[0]) * base for pts in shown]
    mean = times[-1] / (len(times) - 1) if len(times) > 1 else Fraction(0)
    return times, times[-1] + (duration * base or mean)


def _jpeg_of(frame: VideoFrame, stream: VideoStream) -> bytes:
    picture = Image.fromarray(reformatted(frame, "rgb24").to_ndarray())
    return _jpeg(picture, _aspect(stream), round(frame.rotation / 90) * 90)


def reformatted(frame: VideoFrame, pixels: str) -> VideoFrame:
    """The frame in another pixel format."""
    return frame.reformat(format=pixels, **_alone())


@cache
def _alone() -> Mapping[str, Any]:
    """Has PyAV convert on one thread: more cost ten times what they save on pictures this small. 16.0 has but one."""
    try:
        VideoFrame(16, 16, "yuv420p").reformat(format="rgb24", threads=1)
    except TypeError:
        return {}
    return {"threads": 1}


def _aspect(stream: VideoStream) -> Fraction:
    """How much wider than high a pixel is."""
    return _exact(stream.sample_aspect_ratio) or Fraction(1)


def _jpeg(picture: Image.Image, aspect: Fraction, rotation: int = 0) -> bytes:
    width, height = picture.width * aspect, Fraction(picture.height)
    scale = min(Fraction(1), LONGEST_SIDE / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    upright = picture.resize(size, Image.Resampling.LANCZOS).rotate(rotation, expand=True)
    buffer = BytesIO()
    upright.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def _frames_by_decord(path: Path, pace: Pace) -> Mapping[float, bytes]:
    """By decord, whose times are wrong on edit lists, negative start times, gaps and open GOPs."""
    decord = import_decord()
    with _opened(path) as container:
        aspect = _aspect(_picture(container, path))
    try:
        reader = decord.VideoReader(str(path.absolute()), num_threads=1)
        spans = reader.get_frame_timestamp(range(len(reader)))
        times = [round(float(start - spans[0][0]), 4) for start, _ in spans]
        wanted = pace.choose(times, round(float(spans[-1][1] - spans[0][0]), 4))
        return {times[n]: _jpeg(Image.fromarray(reader[n].asnumpy()), aspect) for n in wanted}
    except decord.DECORDError as error:
        raise ValueError("decord refuses it") from error


def _sound(path: Path, rate: int) -> NDArray[np.int16] | None:
    with _opened(path) as container:
        if not container.streams.audio:
            return None
        resampler = av.AudioResampler("s16", "mono", rate)
        decoded = container.decode(container.streams.audio[0])
        first = next(decoded, None)
        if first is None:
            return None
        heard = (part for frame in chain([first], decoded, [None]) for part in resampler.resample(frame))
        silence = np.zeros(round(_lateness(first, container) * rate), np.int16)
        return np.concatenate([silence, *(part.to_ndarray()[0] for part in heard)])


def _lateness(first: AudioFrame, container: InputContainer) -> float:
    """How many seconds after the picture the sound starts; 0 where that is not known, or more than the whole clip."""
    picture = next(iter(container.streams.video), None)
    if picture is None or picture.start_time is None or first.time is None or container.duration is None:
        return 0
    late = first.time - float(picture.start_time * _base(picture))
    return late if 0 < late < container.duration / av.time_base else 0


def _remuxed(path: Path, *, sound: bool) -> bytes:
    buffer = BytesIO()
    # bitexact: the muxer does not sign its work
    with _opened(path) as source, av.open(buffer, "w", "mp4", options={"fflags": "+bitexact"}) as target:
        kept = [_picture(source, path), *(source.streams.audio[:1] if sound else ())]
        streams = {stream.index: target.add_stream_from_template(stream) for stream in kept}
        for packet in source.demux(*kept):
            if packet.size:
                packet.stream = streams[packet.stream_index]
                target.mux_one(packet)
    if not (content := buffer.getvalue()):
        raise ValueError("there is nothing in it")
    return content


@contextmanager
def _rescued(path: Path, refusal: Exception, output: Sequence[str]) -> Iterator[Path]:
    """A file with what the ffmpeg program can read of a clip, losslessly encoded, for as long as the context lasts."""
    _refuse_disguise(path)
    program = shutil.which("ffmpeg")
    if program is None:
        raise DataError(
            f"The clip {path} cannot be decoded ({_reason(refusal)}); replace it, or install ffmpeg, which can read"
            " some damaged files."
        ) from refusal
    with passing_folder() as folder:
        rescued = folder / "rescued.nut"
        source = ["-nostdin", "-v", "quiet", "-protocol_whitelist", "file", "-i", f"file:{path.absolute()}"]
        try:
            # the file is named in full and as a file, so its name can be neither an option nor an URL
            run_ffmpeg([program, *source, *output, f"file:{rescued}"])
            yield rescued
        except (*_REFUSALS, subprocess.TimeoutExpired) as error:
            raise DataError(
                f"The clip {path} cannot be decoded, not by the ffmpeg program either ({_reason(refusal)}); replace it."
            ) from error


def _refuse_disguise(path: Path) -> None:
    if disguise := clip_disguise(path):
        raise DataError(f"{path} {disguise}.")


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, av.FFmpegError) else str(error)
    return text.splitlines()[0] if text else type(error).__name__
