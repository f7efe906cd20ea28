"""Makes pictures, sound and a clip without meaning, to test what a server takes."""

from fractions import Fraction
from io import BytesIO

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

from benchmark.clip import Frame, Sound
from benchmark.clips.jpeg import JPEG_QUALITY

RATE = 16_000
"""Samples per second of the sound that is sent."""

CLIP_SECONDS, CLIP_FPS, CLIP_SIZE = 2, 10, (256, 256)


def draw(width: int, height: int, number: int = 0) -> NDArray[np.uint8]:
    """Colour gradients, which differ with `number`: shape (height, width, 3), values 0 to 255."""
    across, down = np.arange(width) * 255 // width, np.arange(height)[:, None] * 255 // height
    planes = (across + down) // 2, (across + 20 * number) % 256 + 0 * down, (down + 40 * number) % 256 + 0 * across
    return np.stack(planes, axis=2).astype(np.uint8)


def make_frame(width: int, number: int = 0) -> Frame:
    """A 16:9 frame, `width` pixels wide, at second `number` of a clip."""
    buffer = BytesIO()
    Image.fromarray(draw(width, width * 9 // 16, number)).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return Frame(jpeg=buffer.getvalue(), seconds=float(number))


def make_sound(seconds: float) -> Sound:
    """A tone that rises and falls, `seconds` long."""
    times = np.arange(round(seconds * RATE)) / RATE
    samples = 0.3 * np.sin(2 * np.pi * (300 * times + 20 * np.sin(4 * times)))
    return Sound(samples=samples.astype(np.float32), rate=RATE)


def make_clip() -> bytes:
    """An mp4 file of two seconds, H.264, without sound.

    Raises:
        av.FFmpegError: the encoder fails.
        ValueError: PyAV was built without the encoder.
    """
    buffer = BytesIO()
    with av.open(buffer, "w", format="mp4") as target:
        stream = target.add_stream("libx264", rate=Fraction(CLIP_FPS))
        if not isinstance(stream, VideoStream):
            raise ValueError("libx264 does not encode video")
        stream.width, stream.height = CLIP_SIZE
        stream.pix_fmt = "yuv420p"
        for number in range(CLIP_SECONDS * CLIP_FPS):
            target.mux(stream.encode(av.VideoFrame.from_ndarray(draw(*CLIP_SIZE, number), "rgb24")))
        target.mux(stream.encode(None))
    return buffer.getvalue()
