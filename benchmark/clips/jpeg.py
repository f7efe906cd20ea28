"""Decoded pictures as JPEG, upright and small enough for a request."""

from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from io import BytesIO
from typing import Any

from av.video.frame import VideoFrame
from PIL import Image

LONGEST_SIDE = 768
"""Pixels; larger pictures are scaled down in proportion, so that requests stay small."""

JPEG_QUALITY = 85


def jpeg_of(frame: VideoFrame, aspect: Fraction) -> bytes:
    """The frame as JPEG, rotated as its file says; `aspect` is the width of a pixel divided by its height."""
    picture = Image.fromarray(reformatted(frame, "rgb24").to_ndarray())
    return as_jpeg(picture, aspect, round(frame.rotation / 90) * 90)


def reformatted(frame: VideoFrame, pixels: str) -> VideoFrame:
    """The frame in another pixel format, by ffmpeg's name."""
    return frame.reformat(format=pixels, **_one_thread())


@cache
def _one_thread() -> Mapping[str, Any]:
    """The argument that has PyAV use one thread, since more are slower on small pictures; PyAV 16.0 has none."""
    try:
        VideoFrame(16, 16, "yuv420p").reformat(format="rgb24", threads=1)
    except TypeError:
        return {}
    return {"threads": 1}


def as_jpeg(picture: Image.Image, aspect: Fraction, rotation: int = 0) -> bytes:
    """The picture as JPEG, with square pixels, then rotated counter-clockwise by `rotation` degrees."""
    width, height = picture.width * aspect, Fraction(picture.height)
    scale = min(Fraction(1), LONGEST_SIDE / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    upright = picture.resize(size, Image.Resampling.LANCZOS).rotate(rotation, expand=True)
    buffer = BytesIO()
    upright.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()
