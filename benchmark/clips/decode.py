"""Decodes a clip's file: frames as JPEG, sound as samples, the whole clip as mp4.

PyAV decodes, or decord for the frames; the ffmpeg program is the last resort for files that they refuse. A picture is a
clip of one frame, decoded by Pillow.
"""

from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Literal

import av
import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from benchmark.clip import PILLOW
from benchmark.clips.container import REFUSALS, ClipFile, OpenClip, exact, opened, refuse_disguise, with_room
from benchmark.clips.frames import Taken, frames_by_decord, frames_by_pyav
from benchmark.clips.limits import RAISE, USUAL, ClipLimits
from benchmark.clips.pace import Pace
from benchmark.clips.rescue import PICTURES, SOUND, reason, rescued
from benchmark.clips.still import is_still, read_still
from benchmark.errors import DataError

Decoder = Literal["pyav", "decord"]

VERSION = "2"
"""Part of every cache key: raise it whenever this module yields another result for the same file."""


def read_frames(path: Path, decoder: Decoder, pace: Pace, limits: ClipLimits = USUAL) -> tuple[str, Taken]:
    """What decoded the frames (`pyav`, `decord`, `ffmpeg` or `pillow`), and the frames.

    Raises:
        DataError: the clip has no picture, cannot be decoded, or takes more than the limits allow.
        RunError: decord is not installed.
    """
    if is_still(path):
        return PILLOW, with_room(read_still, ClipFile(path, limits))
    by_library = frames_by_decord if decoder == "decord" else frames_by_pyav
    try:
        return decoder, with_room(lambda source: by_library(source, pace), ClipFile(path, limits))
    except REFUSALS as refusal:
        span = () if pace.last is None else ("-t", f"{float(pace.last) + 1}")
        with rescued(path, refusal, [*PICTURES, *span], limits) as file:
            return "ffmpeg", with_room(lambda source: frames_by_pyav(source, pace), ClipFile(file, limits))


def read_sound(path: Path, rate: int, limits: ClipLimits = USUAL) -> NDArray[np.int16] | None:
    """Mono 16-bit samples, shape (time,), one more than the limit if they are cut; None if the clip has no sound.

    If the sound starts later than the picture, silence fills the gap, so that time 0 is that of the first frame. Sound
    that starts earlier is kept whole: lost speech is worse than a shift.

    Raises:
        DataError: it cannot be decoded.
    """
    if is_still(path):
        return None
    try:
        return with_room(lambda source: _sound(source, rate), ClipFile(path, limits, looks=False))
    except REFUSALS as refusal:
        with rescued(path, refusal, [*SOUND, "-t", f"{limits.sound_seconds + 1}"], limits) as file:
            return with_room(lambda source: _sound(source, rate), ClipFile(file, limits, looks=False))


def read_length(path: Path, limits: ClipLimits = USUAL) -> float | None:
    """The clip's length in seconds, as its file declares it; None if it does not, or the libraries cannot read it.

    Raises:
        DataError: it cannot be opened.
    """
    if is_still(path):
        return None
    try:
        return with_room(_length, ClipFile(path, limits, looks=False))
    except REFUSALS:
        return None


def read_video(path: Path, *, sound: bool, limits: ClipLimits = USUAL) -> bytes:
    """The clip as mp4: the same encoded picture, and the sound if `sound` is set, without any of the file's metadata.

    Raises:
        DataError: the clip has no picture or is one, is damaged, has an encoding that mp4 does not support, or is too
            large.
    """
    if is_still(path):
        raise DataError(f"The clip {path} is a picture, not a video; choose a model that takes frames.")
    try:
        return with_room(lambda source: _remuxed(source, sound=sound), ClipFile(path, limits))
    except REFUSALS as refusal:
        refuse_disguise(path)
        raise DataError(
            f"The clip {path} cannot be put into an mp4 file as it is ({reason(refusal)});"
            " convert it, or choose a model that takes frames."
        ) from refusal


def _length(source: ClipFile) -> float | None:
    with opened(source) as clip:
        return clip.length


def _sound(source: ClipFile, rate: int) -> NDArray[np.int16] | None:
    with opened(source) as clip:
        stream = clip.sound()
        if stream is None:
            return None
        resampler = av.AudioResampler("s16", "mono", rate)
        decoded = (frame for packet in clip.packets(stream) for frame in stream.decode(packet))
        first = next(decoded, None)
        if first is None:
            return None
        most = round(source.limits.sound_seconds * rate) + 1
        parts = [np.zeros(min(most, round(_lateness(first, clip) * rate)), np.int16)]
        left = most - len(parts[0])
        for frame in chain([first], decoded, [None]):
            if left <= 0:
                break
            for part in resampler.resample(frame):
                parts.append(part.to_ndarray()[0])
                left -= part.samples
        return np.concatenate(parts)[:most]


def _lateness(first: AudioFrame, clip: OpenClip) -> float:
    """How many seconds after the picture the sound starts; 0 if unknown or longer than the clip."""
    picture = next(iter(clip.container.streams.video), None)
    if picture is None or picture.start_time is None or first.time is None or clip.length is None:
        return 0
    late = first.time - float(picture.start_time * (exact(picture.time_base) or 1))
    return late if 0 < late < clip.length else 0


def _remuxed(source: ClipFile, *, sound: bool) -> bytes:
    buffer, size = BytesIO(), 0
    # bitexact: the muxer writes no name and version of its own
    with opened(source) as clip, av.open(buffer, "w", "mp4", options={"fflags": "+bitexact"}) as target:
        heard = clip.first_sound if sound else None
        kept = [clip.picture(), *([heard] if heard else ())]
        streams = {stream.index: target.add_stream_from_template(stream) for stream in kept}
        for packet in clip.packets(*kept):
            if packet.size:
                size += packet.size
                if size > source.limits.video_bytes:
                    raise DataError(
                        f"The clip {source.path} takes more than {source.limits.video_bytes / 1e6:g} MB, too much for"
                        f" one request; cut it, choose a model that takes frames, or {RAISE}request_mb=N."
                    )
                packet.stream = streams[packet.stream_index]
                target.mux_one(packet)
    if not (content := buffer.getvalue()):
        raise ValueError("it is empty")
    return content
