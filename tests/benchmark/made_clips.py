"""Small clips, odd ones too, made on the spot by PyAV."""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

BITS = 10
TICKS = 1000
OFFERS_ROTATION = hasattr(VideoStream, "set_display_rotation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a clip is made.

    Attributes:
        times: when each frame is shown, in milliseconds; empty for a clip without a picture.
        codec: of the picture, with the encoder's options beside it.
        size: width and height in pixels.
        rotation: degrees counterclockwise that a player turns the picture by.
        aspect: a pixel's width by its height.
        sound: from when to when a tone of half the full scale is heard, in seconds; None for no sound track.
    """

    times: Sequence[int] = range(0, 2500, 40)
    codec: str = "libx264"
    options: Mapping[str, str] = field(default_factory=dict)
    pixels: str = "yuv420p"
    size: tuple[int, int] = (160, 96)
    rotation: int = 0
    aspect: Fraction | None = None
    sound: tuple[float, float] | None = None


def make_clip(path: Path, recipe: Recipe = Recipe(), metadata: Mapping[str, str] | None = None) -> Path:
    """Writes the clip; the suffix says which container."""
    with av.open(str(path), "w") as target:
        target.metadata.update(metadata or {})
        picture = _add_picture(target, recipe) if recipe.times else None
        sound = (
            target.add_stream("mp3" if path.suffix == ".avi" else "aac", rate=24_000, layout="mono")
            if recipe.sound
            else None
        )
        for stream in target.streams:
            stream.metadata.update(metadata or {})
        if picture:
            _draw(target, picture, recipe)
        if recipe.sound and isinstance(sound, AudioStream):
            _play(target, sound, *recipe.sound)
    if recipe.rotation and not OFFERS_ROTATION:
        _rotate(path, recipe.rotation)
    return path


def _rotate(path: Path, degrees: int) -> None:
    """Writes the matrix of the first track's header (ISO 14496-12, 8.3.2), as PyAV does from 17.1 on."""
    if path.suffix != ".mp4":
        pytest.skip("this PyAV cannot write a rotation into such a file")
    content = bytearray(path.read_bytes())
    cosine, sine = round(math.cos(math.radians(degrees))), round(math.sin(math.radians(degrees)))
    one = 1 << 16
    matrix = (cosine * one, -sine * one, 0, sine * one, cosine * one, 0, 0, 0, 1 << 30)
    struct.pack_into(">9i", content, content.index(b"tkhd") + 44, *matrix)
    path.write_bytes(content)


def _add_picture(target: OutputContainer, recipe: Recipe) -> VideoStream:
    tick = math.gcd(*recipe.times) or 40
    stream = target.add_stream(recipe.codec, rate=Fraction(TICKS, tick), options=dict(recipe.options))
    assert isinstance(stream, VideoStream)
    stream.width, stream.height = recipe.size
    stream.pix_fmt = recipe.pixels
    stream.codec_context.time_base = Fraction(tick, TICKS)
    if recipe.aspect:
        stream.codec_context.sample_aspect_ratio = recipe.aspect
    if recipe.rotation and OFFERS_ROTATION:
        stream.set_display_rotation(recipe.rotation)
    return stream


def _draw(target: OutputContainer, stream: VideoStream, recipe: Recipe) -> None:
    for number, time in enumerate(recipe.times):
        frame = av.VideoFrame.from_ndarray(numbered(number, *recipe.size), "rgb24")
        frame.pts, frame.time_base = time, Fraction(1, TICKS)
        target.mux(stream.encode(frame))
    target.mux(stream.encode(None))


def _play(target: OutputContainer, stream: AudioStream, start: float, end: float) -> None:
    rate = 24_000
    tone = 0.5 * np.sin(np.arange(round((end - start) * rate)) * 440 * 2 * np.pi / rate)
    resampler = av.AudioResampler(stream.format, stream.layout, rate, frame_size=1152 if stream.name == "mp3" else 1024)
    whole = av.AudioFrame.from_ndarray(tone.astype(np.float32)[None], "flt", "mono")
    whole.sample_rate, whole.pts, whole.time_base = rate, round(start * rate), Fraction(1, rate)
    for part in resampler.resample(whole) + resampler.resample(None):
        target.mux(stream.encode(part))
    target.mux(stream.encode(None))


def numbered(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """A picture that says which it is: the number's bits as white bars above, a moving slope below."""
    bits = (number >> np.arange(BITS)) & 1
    bars = bits[np.arange(width) * BITS // width] * 255
    slope = (np.arange(width) * 2 + number * 5) % 256
    rows = np.where(np.arange(height)[:, None] < height // 2, bars, slope).astype(np.uint8)
    return np.repeat(rows[:, :, None], 3, axis=2)


def number_of(jpeg: bytes) -> int:
    """Which frame of a clip the picture is."""
    with Image.open(BytesIO(jpeg)) as picture:
        grey = np.asarray(picture.convert("L"))
    middles = ((np.arange(BITS) + 0.5) * grey.shape[1] / BITS).astype(int)
    return int(((grey[grey.shape[0] // 4, middles] > 127) << np.arange(BITS)).sum())
