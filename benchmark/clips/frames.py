"""A clip's frames, as PyAV or decord decodes them."""

import importlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
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

# In other codecs "non-reference" is not final: HEVC means only frames of the same temporal layer.
_SKIPPABLE = frozenset({"h264", "mpeg4"})
_WITH_TIMES = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"})

Pictures = Mapping[float, bytes]
"""JPEG pictures, upright, by their time in seconds."""


class Taken(NamedTuple):
    """The frames of a clip, and how many seconds it lasts by what its file says; None where it says nothing."""

    pictures: Pictures
    length: float | None


class Mark(NamedTuple):
    """What is known of a packet that is not held."""

    pts: int | None
    dts: int | None
    duration: int
    is_discard: bool
    is_keyframe: bool


def frames_by_pyav(source: ClipFile, pace: Pace, held: int = HELD_PACKETS) -> Taken:
    """The frames as PyAV decodes them; a file with more packets than may be `held` is read twice.

    Raises:
        DataError: there is no picture, or too much of it.
    """
    return _by_packets(source, pace, held) or _by_counting(source, pace)


def _by_packets(source: ClipFile, pace: Pace, held: int) -> Taken | None:
    """Chooses by the packets' times, then decodes what is wanted and what that refers to; None where times mislead."""
    with opened(source) as clip:
        stream = clip.picture()
        packets = _held(_until(clip.packets(stream), pace.last), held)
        if packets is not None:
            wanted = _wanted(packets, stream, pace)
            pictures = wanted and _taken(_decoded(stream, packets, wanted), wanted, Gallery(clip, stream))
            return Taken(pictures, clip.length) if pictures else None
    return _by_passes(source, pace)


def _held(packets: "Iterable[Packet[VideoStream]]", most: int) -> "list[Packet[VideoStream]] | None":
    """The packets; None where they take too much memory."""
    held, size = [], 0
    for packet in packets:
        held.append(packet)
        size += packet.size
        if size > HELD_BYTES or len(held) > most:
            return None
    return held


def _by_passes(source: ClipFile, pace: Pace) -> Taken | None:
    """As `_by_packets`, but reads the packets twice; from the key frames before what is wanted, where it can."""
    with opened(source) as clip:
        stream = clip.picture()
        marks = [_mark(packet) for packet in _until(clip.packets(stream), pace.last)]
        wanted = _wanted(marks, stream, pace)
    if not wanted:
        return None
    pictures: dict[float, bytes] = {}
    with opened(source) as clip:
        stream = clip.picture()
        gallery = Gallery(clip, stream)
        for key, group in _by_key_frame(marks, wanted).items():
            packets = _from(key, clip, stream)
            taken = packets and _taken(_decoded(stream, packets, group), group, gallery)
            if not taken:
                return None
            pictures |= taken
        return Taken(pictures, clip.length)


def _mark(packet: "Packet[VideoStream]") -> Mark:
    return Mark(packet.pts, packet.dts, packet.duration or 0, packet.is_discard, packet.is_keyframe)


def _by_key_frame(marks: Sequence[Mark], wanted: Mapping[int, float]) -> Mapping[Mark, Mapping[int, float]]:
    """What is wanted, by the last key frame that is decoded before it and shown no later: nothing refers beyond it."""
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
    """The packets from a key frame on; None where the container does not find it."""
    start = key.pts if key.dts is None else key.dts
    if start is None:
        return None
    clip.container.seek(start, stream=stream)
    for packet in (packets := clip.packets(stream)):
        if packet.pts == key.pts and packet.dts == key.dts:
            return _chained(packet, packets)
        if packet.dts is not None and packet.dts > start:
            return None
    return None


def _chained(first: "Packet[VideoStream]", rest: "Iterator[Packet[VideoStream]]") -> "Iterator[Packet[VideoStream]]":
    yield first
    yield from (packet for packet in rest if packet.size)


def _until(packets: "Iterable[Packet[VideoStream]]", last: Fraction | None) -> "Iterator[Packet[VideoStream]]":
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
        if last is None or start is None or packet.dts is None:
            continue
        if (packet.dts - start) * exact(packet.time_base) > last:
            return


def _wanted(
    packets: "Sequence[Packet[VideoStream] | Mark]", stream: VideoStream, pace: Pace
) -> Mapping[int, float] | None:
    """When each frame is shown that is wanted, by its time in the stream's ticks; None where times mislead."""
    durations = {packet.pts: packet.duration or 0 for packet in packets if not packet.is_discard}
    if not _are_display_times(packets, stream):
        return None
    shown = sorted(pts for pts in durations if pts is not None)
    times, end = _timeline(shown, durations[shown[-1]], _base(stream))
    return {shown[index]: float(times[index]) for index in pace.choose(times, end)}


def _are_display_times(packets: "Sequence[Packet[VideoStream] | Mark]", stream: VideoStream) -> bool:
    shown = [packet.pts for packet in packets if not packet.is_discard]
    if not shown or None in shown or len(set(shown)) < len(shown):
        return False
    # AVI keeps no display times: frames that the codec reorders come numbered as they are decoded
    may_lie = stream.container.format.name not in _WITH_TIMES
    return not (may_lie and stream.codec_context.has_b_frames and _ascend(shown))


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
    """Makes JPEG pictures of a clip's frames, and counts what is decoded for them."""

    def __init__(self, clip: OpenClip, stream: VideoStream) -> None:
        """Nothing has been decoded yet."""
        self._clip, self.aspect = clip, exact(stream.sample_aspect_ratio) or Fraction(1)
        self._decoded = self._pictures = 0

    def count(self, frame: VideoFrame) -> None:
        """Takes note of a decoded frame.

        Raises:
            DataError: it is too large, or too many were decoded.
        """
        self._clip.check_size(frame.width, frame.height)
        self._decoded += frame.width * frame.height * frame.format.padded_bits_per_pixel // 8
        limits = self._clip.limits
        if self._decoded > limits.decoded_gb * 1e9:
            raise DataError(
                f"The clip {self._clip.path} takes more than {limits.decoded_gb:g} GB of decoded pictures to get at"
                f" its frames; cut it, or {RAISE}decoded_gb=N."
            )

    def jpeg(self, frame: VideoFrame) -> bytes:
        """The frame as JPEG.

        Raises:
            DataError: the pictures take too much.
        """
        return self.keep(jpeg_of(frame, self.aspect))

    def keep(self, jpeg: bytes) -> bytes:
        """The picture, counted."""
        self._pictures += len(jpeg)
        if self._pictures > PICTURES_BYTES:
            raise DataError(
                f"The frames of {self._clip.path} take more than {PICTURES_BYTES // 2**20} MiB; take fewer (--frames)."
            )
        return jpeg


def _taken(frames: Iterable[VideoFrame], wanted: Mapping[int, float], gallery: Gallery) -> Pictures | None:
    """The pictures that are wanted; None where one is lacking, or the frames do not come in order."""
    seen, pictures = [], {}
    for frame in frames:
        gallery.count(frame)
        seen.append(frame.pts)
        if frame.pts is not None and frame.pts in wanted:
            pictures[wanted[frame.pts]] = gallery.jpeg(frame)
    return pictures if len(pictures) == len(wanted) and _ascend(seen) else None


def _by_counting(source: ClipFile, pace: Pace) -> Taken:
    """Decodes all frames to know their times, then once more to keep those that are wanted."""
    marks: list[tuple[int | None, int]] = []
    with opened(source) as clip:
        stream = clip.picture()
        for frame in _all_of(clip, stream, Gallery(clip, stream)):
            marks.append((frame.pts, frame.duration))
            if _is_past(marks, stream, pace.last):
                break
        if not marks:
            raise ValueError("there is no whole frame in it")
        shown = [pts for pts, _ in marks if pts is not None]
        if len(shown) == len(marks) and _ascend(shown):
            times, end = _timeline(shown, marks[-1][1], _base(stream))
        else:
            # a stream without a rate is refused by the division
            times, end = _timeline(range(len(marks)), 1, 1 / exact(stream.guessed_rate))
    wanted = {index: float(times[index]) for index in pace.choose(times, end)}
    with opened(source) as clip:
        stream = clip.picture()
        gallery = Gallery(clip, stream)
        frames = enumerate(_all_of(clip, stream, gallery))
        pictures = {wanted[index]: gallery.jpeg(frame) for index, frame in frames if index in wanted}
        return Taken(pictures, clip.length)


def _is_past(marks: Sequence[tuple[int | None, int]], stream: VideoStream, last: Fraction | None) -> bool:
    """Whether no later frame can be wanted."""
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
    """Times in ticks as seconds from the first; a clip may have many of which few are looked at."""

    def __init__(self, ticks: Sequence[int], base: Fraction) -> None:
        self._ticks, self._base = ticks, base

    def __len__(self) -> int:
        return len(self._ticks)

    def __getitem__(self, place: Any) -> Any:
        return (self._ticks[place] - self._ticks[0]) * self._base


def _timeline(shown: Sequence[int], duration: int, base: Fraction) -> tuple[Sequence[Fraction], Fraction]:
    """Seconds from the first frame on, and when the last is over; one of unknown duration lasts as long as the mean."""
    times = _Seconds(shown, base)
    mean = times[-1] / (len(times) - 1) if len(times) > 1 else Fraction(0)
    return times, times[-1] + (duration * base or mean)


def frames_by_decord(source: ClipFile, pace: Pace) -> Taken:
    """By decord, whose times are wrong on edit lists, negative start times, gaps and open GOPs.

    decord bounds nothing by itself: PyAV looks first at the kind of file and at the size of each key frame.

    Raises:
        RunError: it is not installed.
        DataError: there is no picture, or too much of it.
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
            raise ValueError("decord refuses it") from error


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
