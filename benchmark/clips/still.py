"""Pictures in place of clips: a JPEG, PNG or WebP file is a clip of one frame, without sound.

Pillow decodes them: it limits what a PNG's compressed texts and profiles may unpack to, and opens no second file.
"""

import struct
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

from PIL import Image, ImageOps

from benchmark.clips.container import ClipFile, Larger, Meter
from benchmark.clips.frames import Taken
from benchmark.clips.jpeg import as_jpeg
from benchmark.clips.limits import PACKET_BYTES
from benchmark.errors import DataError
from benchmark.storage.given import opened

STARTS: Mapping[bytes, str] = MappingProxyType(
    {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"RIFF": "WEBP"},
)
"""How a file of each supported format starts; a RIFF file is WebP if it says so after its length."""

_REFUSALS = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, MemoryError, struct.error,
    Image.DecompressionBombError,
)  # fmt: skip
"""What Pillow raises for a file that it cannot read."""


def is_still(path: Path) -> bool:
    """Whether the file is a picture, by how it starts; not if it cannot be read."""
    try:
        with opened(path) as file:
            return _format(file.read(16)) != ""
    except (DataError, OSError):
        return False


def _format(head: bytes) -> str:
    """The format of a picture that starts so, by Pillow's name; "" for other files."""
    if head.startswith(b"RIFF") and head[8:12] != b"WEBP":
        return ""
    return next((name for start, name in STARTS.items() if head.startswith(start)), "")


def read_still(source: ClipFile) -> Taken:
    """The picture, upright, as the only frame; transparent parts are white, and of an animation it is the first one.

    Raises:
        DataError: it cannot be decoded, or is larger than the limits allow.
        Larger: it has more pixels than `source.pixels`.
    """
    with Meter(source.path) as file:
        if file.size > PACKET_BYTES:
            raise DataError(f"The picture {source.path} takes more than {PACKET_BYTES // 2**20} MiB; convert it.")
        name = _format(file.read(16))
        file.seek(0)
        file.renew()
        try:
            with Image.open(file, formats=(name,)) as picture:
                source.check_size(picture.width, picture.height)
                if picture.width * picture.height > source.pixels:
                    raise Larger
                return Taken({0.0: as_jpeg(_opaque(ImageOps.exif_transpose(picture)), Fraction(1))}, None)
        except _REFUSALS as error:
            raise DataError(f"The picture {source.path} cannot be decoded ({_reason(error)}); replace it.") from error


def _opaque(picture: Image.Image) -> Image.Image:
    """The picture in three colours; a PNG may have 16 bits of grey."""
    if picture.mode.startswith("I"):
        return picture.point(lambda level: level / 256).convert("L").convert("RGB")
    if "A" not in picture.mode and "transparency" not in picture.info:
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    white = Image.new("RGBA", layer.size, "white")
    white.alpha_composite(layer)
    return white.convert("RGB")


def _reason(error: BaseException) -> str:
    """The first line of the error, without what Pillow says of the file object."""
    text = str(error).partition("\n")[0]
    return "it is damaged" if not text or "<" in text else text
