"""Decodes the frames that `Pace` (`pace.py`) chooses, with PyAV or decord."""

import importlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain, pairwise
from typing import Any, NamedTuple

from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from benchmark.clips.container import ClipFile, OpenClip, exact, opened
from benchmark.clips.jpeg import as_jpeg, jpeg_of
from benchmark.clips.limits import HELD_BYTES, HELD_PACKETS, PICTURES_BYTES, RAISE
from benchmark.clips.pace import Pace
from benchmark.errors import DataError, RunError

# in other codecs, later frames may refer to "non-reference" ones: HEVC means only the same temporal layer
_SKIPPABLE = frozenset({"h264", "mpeg4"})
_WITH_TIMES = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"})

Pictures = Mapping[float, bytes]
"""Upright JPEG pictures by their time in seconds."""


class Taken(NamedTuple):
    """The frames of a clip, and its length in seconds as its file declares it; None if it does not."""

    pictures: Pictures
    length: float | None


class Mark(NamedTuple):
    """What is known about a packet without its content."""

    pts: int | None
    dts: int | None
    duration: int
    is_discard: bool
    is_keyframe: bool


def frames_by_pyav(source: ClipFile, pace: Pace, held: int = HELD_PACKETS) -> Taken:
    """The frames as PyAV decodes them; a file with more than `held` packets is read twice.

    Raises:
        DataError: there is no picture, or the pictures exceed a limit.
    """
    return _by_packets(source, pace, held) or _by_counting(source, pace)


def _by_packets(source: ClipFile, pace: Pace, most: int) -> Taken | None:
    """Chooses by the packets' times, then decodes only what is needed; None if these times are not reliable.

    If the packets take too much memory, the file is read again from the key frames before what is needed.
    """
    with opened(source) as clip:
        stream = clip.picture()
        marks, held = _read_packets(_until(clip.packets(stream), pace.last), most)
        wanted = _wanted(marks, stream, pace)
        if not wanted:
            return None
        if held is not None:
            pictures = _taken(_decoded(stream, held, wanted), wanted, Gallery(clip, stream))
            return Taken(pictures, clip.length) if pictures else None
    found: dict[float, bytes] = {}
    with opened(source) as clip:
        stream = clip.picture()
        gallery = Gallery(clip, stream)
        for key, group in _by_key_frame(marks, wanted).items():
            packets = _from(key, clip, stream)
            taken = packets and _taken(_decoded(stream, packets, group), group, gallery)
            if not taken:
                return None
            found |= taken
        return Taken(found, clip.length)


def _read_packets(
    packets: "Iterable[Packet[VideoStream]]", most: int
) -> "tuple[list[Mark], list[Packet[VideoStream]] | None]":
    """The marks of all packets, and the packets; None in place of these if they take too much memory."""
    marks, size = [], 0
    held: list[Packet[VideoStream]] | None = []
    for packet in packets:
        marks.append(Mark(packet.pts, packet.dts, packet.duration or 0, packet.is_discard, packet.is_keyframe))
        size += packet.size
        if size > HELD_BYTES or len(marks) > most:
            held = None
        elif held is not None:
            held.append(packet)
    return marks, held


def _by_key_frame(marks: Sequence[Mark], wanted: Mapping[int, float]) -> Mapping[Mark, Mapping[int, float]]:
    """Groups the wanted frames by the last key frame that is decoded before them and shown no later.

    No frame refers to anything before that key frame.
    """
    groups: dict[Mark, dict[int, float]] = {}
    keys: list[Mark] = []
    for mark in marks:
        if mark.is_keyframe and mark.pts is not None:
            keys = [*[key for key in keys if (key.pts or 0) < mark.pts][-2:], mark]
        if mark.pts is not None and mark.pts in wanted and not mark.is_discard:
            key = next((key for key in reversed(keys) if (key.pts or 0) <= mark.pts), marks[0])
            groups.setdefault(key, {})[mark.pts] = wanted[mark.pts]
    return groups


def _from(key: Mark, clip: OpenClip, stream: VideoStream) -> "Iterator[Packet[VideoStream]] | None":
    """The packets from a key frame on; None if the container does not find it."""
    start = key.pts if key.dts is None else key.dts
    if start is None:
        return None
    clip.container.seek(start, stream=stream)
    packets = clip.packets(stream)
    for packet in packets:
        if packet.pts == key.pts and packet.dts == key.dts:
            return chain([packet], (later for later in packets if later.size))
        if packet.dts is not None and packet.dts > start:
            return None
    return None


def _until(packets: "Iterable[Packet[VideoStream]]", last: Fraction | None) -> "Iterator[Packet[VideoStream]]":
    """The packets of all frames due within `last` seconds, and one more; ends after a packet without a time."""
    start = None
    for packet in packets:
        if packet.size == 0:  # to a decoder it would mean the end
            continue
        yield packet
        if packet.pts is None:
            return
        if start is None and not packet.is_discard:
            start = packet.pts
        # no later packet is due before this one is decoded
        if last is None or start is None or packet.dts is None:
            continue
        if (packet.dts - start) * exact(packet.time_base) > last:
            return


def _wanted(marks: Sequence[Mark], stream: VideoStream, pace: Pace) -> Mapping[int, float] | None:
    """The time in seconds of each wanted frame, by its time in the stream's ticks; None if times are not reliable."""
    displayed = [mark for mark in marks if not mark.is_discard]
    durations = {mark.pts: mark.duration for mark in displayed if mark.pts is not None}
    if not displayed or len(durations) < len(displayed):
        return None  # a time is missing or occurs twice
    # AVI has no display times: frames that the codec reorders are numbered in the order of decoding
    may_lie = stream.container.format.name not in _WITH_TIMES
    if may_lie and stream.codec_context.has_b_frames and _ascend(list(durations)):
        return None
    shown = sorted(durations)
    times, end = _timeline(shown, durations[shown[-1]], _base(stream))
    return {shown[index]: float(times[index]) for index in pace.choose(times, end)}


def _decoded(
    stream: VideoStream, packets: "Iterable[Packet[VideoStream]]", wanted: Collection[int]
) -> Iterator[VideoFrame]:
    codec, left = stream.codec_context, set(wanted)
    for packet in packets:
        if codec.name in _SKIPPABLE:
            codec.skip_frame = "DEFAULT" if packet.pts in wanted else "NONREF"
        yield from stream.decode(packet)
        if packet.pts in left and not packet.is_discard:
            left.remove(packet.pts)
        if not left:
            break
    yield from stream.decode(None)


class Gallery:
    """Counts the frames of a clip that are decoded, and the pictures made of them.

    Attributes:
        aspect: the width of a pixel divided by its height.
    """

    def __init__(self, clip: OpenClip, stream: VideoStream) -> None:
        self._clip, self.aspect = clip, exact(stream.sample_aspect_ratio) or Fraction(1)
        self._decoded = self._pictures = 0

    def count(self, frame: VideoFrame) -> None:
        """Counts a decoded frame.

        Raises:
            DataError: it is too large, or too many were decoded.
        """
        self._clip.source.check_size(frame.width, frame.height)
        self._decoded += frame.width * frame.height * frame.format.padded_bits_per_pixel // 8
        limits = self._clip.source.limits
        if self._decoded > limits.decoded_gb * 1e9:
            raise DataError(
                f"The clip {self._clip.source.path} takes more than {limits.decoded_gb:g} GB of decoded pictures to"
                f" find its frames; cut it, or {RAISE}decoded_gb=N."
            )

    def keep(self, jpeg: bytes) -> bytes:
        """Counts a JPEG picture, and returns it.

        Raises:
            DataError: the clip's pictures are too large together.
        """
        self._pictures += len(jpeg)
        if self._pictures > PICTURES_BYTES:
            raise DataError(
                f"The frames of {self._clip.source.path} take more than {PICTURES_BYTES // 2**20} MiB; reduce --frames."
            )
        return jpeg


def _taken(frames: Iterable[VideoFrame], wanted: Mapping[int, float], gallery: Gallery) -> Pictures | None:
    """The wanted pictures; None if one is missing, or the frames are out of order."""
    seen, pictures = [], {}
    for frame in frames:
        gallery.count(frame)
        seen.append(frame.pts)
        if frame.pts is not None and frame.pts in wanted:
            pictures[wanted[frame.pts]] = gallery.keep(jpeg_of(frame, gallery.aspect))
    return pictures if len(pictures) == len(wanted) and _ascend(seen) else None


def _by_counting(source: ClipFile, pace: Pace) -> Taken:
    """Decodes all frames to learn their times, then again to keep the wanted ones."""
    marks: list[tuple[int | None, int]] = []
    with opened(source) as clip:
        stream = clip.picture()
        for frame in _all_of(clip, stream, Gallery(clip, stream)):
            marks.append((frame.pts, frame.duration))
            if _is_past(marks, stream, pace.last):
                break
        if not marks:
            raise ValueError("it contains no complete frame")
        shown = [pts for pts, _ in marks if pts is not None]
        if len(shown) == len(marks) and _ascend(shown):
            times, end = _timeline(shown, marks[-1][1], _base(stream))
        else:
            # the division refuses a stream without a rate
            times, end = _timeline(range(len(marks)), 1, 1 / exact(stream.guessed_rate))
    wanted = {index: float(times[index]) for index in pace.choose(times, end)}
    with opened(source) as clip:
        stream = clip.picture()
        gallery = Gallery(clip, stream)
        frames = enumerate(_all_of(clip, stream, gallery))
        pictures = ((wanted[index], jpeg_of(frame, gallery.aspect)) for index, frame in frames if index in wanted)
        return Taken({time: gallery.keep(jpeg) for time, jpeg in pictures}, clip.length)


def _is_past(marks: Sequence[tuple[int | None, int]], stream: VideoStream, last: Fraction | None) -> bool:
    """Whether no later frame can be needed."""
    if last is None:
        return False
    first, latest = marks[0][0], marks[-1][0]
    if first is None or latest is None:
        return bool(stream.guessed_rate) and (len(marks) - 1) / exact(stream.guessed_rate) > last
    return (latest - first) * _base(stream) > last


def _all_of(clip: OpenClip, stream: VideoStream, gallery: Gallery) -> Iterator[VideoFrame]:
    """Every frame of the clip, counted."""
    for packet in clip.packets(stream):
        for frame in packet.decode():
            gallery.count(frame)
            yield frame


def _ascend(marks: Sequence[int | None]) -> bool:
    return all(one is not None and other is not None and one < other for one, other in pairwise(marks))


def _base(stream: VideoStream) -> Fraction:
    return exact(stream.time_base) or Fraction(1)


class _Seconds(Sequence[Fraction]):
    """Times in ticks, converted on access to seconds from the first: most are never read."""

    def __init__(self, ticks: Sequence[int], base: Fraction) -> None:
        self._ticks, self._base = ticks, base

    def __len__(self) -> int:
        return len(self._ticks)

    def __getitem__(self, place: Any) -> Any:
        return (self._ticks[place] - self._ticks[0]) * self._base


def _timeline(shown: Sequence[int], duration: int, base: Fraction) -> tuple[Sequence[Fraction], Fraction]:
    """The frames' times in seconds from the first, and the end of the last, which lasts the mean if unknown."""
    times = _Seconds(shown, base)
    mean = times[-1] / (len(times) - 1) if len(times) > 1 else Fraction(0)
    return times, times[-1] + (duration * base or mean)


def frames_by_decord(source: ClipFile, pace: Pace) -> Taken:
    """The frames as decord decodes them; its times are wrong for edit lists, negative starts, gaps and open GOPs.

    decord has no limits of its own: PyAV first checks the format and the size of each key frame.

    Raises:
        RunError: decord is not installed.
        DataError: there is no picture, or the pictures exceed a limit.
    """
    decord = import_decord()
    with opened(source) as clip:
        stream = clip.picture()
        gallery = Gallery(clip, stream)
        stream.codec_context.skip_frame = "NONKEY"
        for _ in _all_of(clip, stream, gallery):
            pass
        try:
            reader = decord.VideoReader(str(source.path.absolute()), num_threads=1)
            spans = reader.get_frame_timestamp(range(len(reader)))
            times = [round(float(start - spans[0][0]), 4) for start, _ in spans]
            wanted = pace.choose(times, round(float(spans[-1][1] - spans[0][0]), 4))
            pictures = ((times[n], Image.fromarray(reader[n].asnumpy())) for n in wanted)
            taken = {time: gallery.keep(as_jpeg(picture, gallery.aspect)) for time, picture in pictures}
            return Taken(taken, clip.length)
        except decord.DECORDError as error:
            raise ValueError("decord cannot read it") from error


def import_decord() -> Any:
    """The decord package.

    Raises:
        RunError: it is not installed.
    """
    try:
        return importlib.import_module("decord")
    except ImportError as error:
        raise RunError("decord is not installed; run pip install 'mme-emotion[decord]', or omit --decoder.") from error
