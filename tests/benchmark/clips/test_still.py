"""Pictures in place of clips: which are read, how they look, and what a hostile one may take."""

import asyncio
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.clip import PILLOW, Clip
from benchmark.clips.decode import read_frames, read_length, read_sound, read_video
from benchmark.clips.limits import ClipLimits
from benchmark.clips.pace import Pace
from benchmark.clips.reader import ClipReader
from benchmark.clips.still import is_still
from benchmark.errors import DataError
from benchmark.storage.cache import Cache
from tests.benchmark.made_clips import make_clip

ROOT = Path(__file__).parents[3]
PEAK_MB = 250
"""What a process may take that reads one hostile picture."""
ORIENTATION = 0x0112


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[ClipReader]:
    with closing(Cache(tmp_path / "cache")) as cache:
        yield ClipReader(cache)


def two_halves() -> Image.Image:
    """Red on the left, blue on the right, 64 by 32 pixels."""
    picture = Image.new("RGB", (64, 32), "red")
    picture.paste("blue", (32, 0, 64, 32))
    return picture


def shown(path: Path) -> Image.Image:
    decoder, (pictures, length) = read_frames(path, "pyav", Pace())
    assert (decoder, list(pictures), length) == (PILLOW, [0.0], None)
    return Image.open(BytesIO(pictures[0.0]))


def near(picture: Image.Image, at: tuple[int, int], colour: tuple[int, ...]) -> bool:
    pixels = np.asarray(picture.convert("RGB"), int)
    return bool(np.abs(pixels[at[1], at[0]] - colour).max() < 12)


@pytest.mark.parametrize("name", ["clip.jpg", "clip.png", "clip.webp", "named_as_a_video.mp4"])
def test_a_picture_is_a_clip_of_one_frame_without_sound(tmp_path: Path, reader: ClipReader, name: str) -> None:
    path = tmp_path / name
    two_halves().save(path, {".mp4": "JPEG"}.get(path.suffix))
    picture = shown(path)
    assert picture.size == (64, 32)
    assert near(picture, (8, 16), (255, 0, 0))
    assert near(picture, (56, 16), (0, 0, 255))
    assert (read_sound(path, 16_000), read_length(path), is_still(path)) == (None, None, True)
    assert asyncio.run(reader.is_still(Clip(path)))
    frames = reader.frames(Clip(path), fps=4.0)
    assert (frames.seconds, frames.is_still, reader.sound(Clip(path)), reader.waveform(Clip(path))) == (
        (0.0,), True, None, None,
    )  # fmt: skip
    assert reader.frames(Clip(path), fps=4.0) == frames  # from the cache
    with pytest.raises(DataError, match="is a picture, not a video"):
        read_video(path, sound=False)


def test_what_is_no_picture_is_no_still(tmp_path: Path) -> None:
    sound = tmp_path / "clip.wav"  # RIFF, as WebP is
    sound.write_bytes(b"RIFF\x24\0\0\0WAVEfmt ")
    os.mkfifo(tmp_path / "pipe.jpg")
    others = [sound, make_clip(tmp_path / "clip.mp4"), tmp_path / "pipe.jpg", tmp_path, tmp_path / "absent.jpg"]
    assert not any(map(is_still, others))


def test_a_picture_is_turned_as_its_file_says(tmp_path: Path) -> None:
    picture = two_halves()
    exif = picture.getexif()
    exif[ORIENTATION] = 6  # to be turned clockwise by 90 degrees
    picture.save(tmp_path / "clip.jpg", exif=exif)
    upright = shown(tmp_path / "clip.jpg")
    assert upright.size == (32, 64)
    assert near(upright, (16, 8), (255, 0, 0))
    assert near(upright, (16, 56), (0, 0, 255))


def test_what_is_transparent_is_white_and_grey_of_16_bits_is_grey(tmp_path: Path) -> None:
    Image.new("RGBA", (16, 16), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    palette = Image.new("P", (16, 16), 0)
    palette.putpalette([255, 0, 0])
    palette.save(tmp_path / "palette.png", transparency=0)
    Image.fromarray(np.full((16, 16), 32_768, np.uint16)).save(tmp_path / "grey.png")
    assert near(shown(tmp_path / "clear.png"), (8, 8), (255, 255, 255))
    assert near(shown(tmp_path / "palette.png"), (8, 8), (255, 255, 255))
    assert near(shown(tmp_path / "grey.png"), (8, 8), (128, 128, 128))


def test_a_picture_larger_than_the_limit_is_refused(tmp_path: Path) -> None:
    Image.new("L", (2000, 1000)).save(tmp_path / "clip.png")
    with pytest.raises(DataError, match=r"2000 × 1000 pixels, more than 1 megapixels; .*--clip-limits=megapixels=2"):
        read_frames(tmp_path / "clip.png", "pyav", Pace(), ClipLimits(megapixels=1))
    assert shown(tmp_path / "clip.png").size == (768, 384)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_damaged_picture_gets_a_sentence(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clip{suffix}"
    Image.effect_noise((64, 64), 64).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=rf"The picture .*clip{suffix} cannot be decoded \(.+\); replace it"):
        read_frames(path, "pyav", Pace())


def test_a_picture_that_takes_more_than_a_packet_may_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "clip.webp"
    path.write_bytes(b"RIFF\xff\xff\xff\x7fWEBPVP8 ")
    os.truncate(path, 49 * 2**20)
    with pytest.raises(DataError, match="takes more than 48 MiB; convert it"):
        read_frames(path, "pyav", Pace())


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_chunk(extra: bytes) -> bytes:
    """A PNG file with another chunk after its head."""
    buffer = BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    return buffer.getvalue()[:33] + extra + buffer.getvalue()[33:]


def bomb() -> bytes:
    """400 MB, packed into less than half of one."""
    packer = zlib.compressobj(9)
    return b"".join([*(packer.compress(bytes(10**7)) for _ in range(40)), packer.flush()])


def a_large_head() -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0))


BOMBS: dict[str, Callable[[], bytes]] = {
    "text": lambda: with_chunk(chunk(b"zTXt", b"Comment\0\0" + bomb())),
    "international text": lambda: with_chunk(chunk(b"iTXt", b"Comment\0\1\0\0\0" + bomb())),
    "profile": lambda: with_chunk(chunk(b"iCCP", b"icc\0\0" + bomb())),
    "size": a_large_head,
}


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_hostile_pictures_take_little_memory(tmp_path: Path) -> None:
    for name, made in BOMBS.items():
        (tmp_path / f"{name}.png").write_bytes(made())
    script = f"""
from pathlib import Path
from benchmark.clips.decode import read_frames
from benchmark.errors import DataError
from benchmark.clips.pace import Pace
for path in Path({str(tmp_path)!r}).glob("*.png"):
    try:
        read_frames(path, "pyav", Pace())
        print(path.stem, "is read")
    except DataError as error:
        print(path.stem, "is refused")
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    *told, peak = done.stdout.splitlines()
    assert len(told) == len(BOMBS), done
    assert "size is refused" in told
    assert int(peak) / 1024 < PEAK_MB, told
