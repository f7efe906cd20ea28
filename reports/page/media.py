"""What lies beside a page: the frames that the judge saw and, if asked for, the clips."""

import base64
import binascii
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from benchmark.clip import Clip
from benchmark.clips.reader import ClipReader, pictures_in, script_of
from benchmark.errors import DataError, RunError
from benchmark.storage.cache import key_of
from benchmark.storage.files import copy, make_folder, opener
from benchmark.storage.given import opened, read_whole
from reports.kept.folder import write_whole
from reports.kept.record import Record

FRAMES, CLIPS = "frames", "clips"
PLAYABLE = frozenset({".mp4", ".m4v", ".webm"})
"""Containers that browsers play; what is in another one is put into an mp4, not encoded anew."""

CLIP_SUFFIXES = PLAYABLE | frozenset(f".{name}" for name in ("mkv", "avi", "mov", "flv", "wmv", "asf", "ogv", "ogg"))
CLIP_SUFFIXES |= frozenset(
    f".{name}" for name in ("3gp", "3g2", "mpg", "mpeg", "mpe", "m2v", "vob", "ts", "mts", "m2ts")
)
SUFFIXES = {FRAMES: frozenset({".js"}), CLIPS: CLIP_SUFFIXES}
"""Of what is taken from other pages."""
LARGEST_FRAMES = 256 * 10**6
"""Bytes of a script with frames."""
MOST_PIXELS = 64 * 10**6
"""Of a frame; 8K has 33 million."""

_HEAD = 16
# ISO media (mp4, mov), Matroska and WebM, AVI, FLV, Ogg, MPEG program and transport streams, Windows Media
_RECORDING = re.compile(
    rb"....(?:ftyp|moov|mdat|wide|free|skip)|\x1aE\xdf\xa3|RIFF....AVI |FLV\x01|OggS|\x00\x00\x01[\xb3\xba]|G[@A]|"
    rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
    re.DOTALL,
)


def place_frames(records: Sequence[Record], folder: Path, found: Callable[[str], Path | None]) -> None:
    """Puts the frames of all records into the folder, as links to files that exist anyway where the disk allows it.

    `found` says where the file of that key is; what is nowhere any more is left out, and the page says so.

    Raises:
        RunError: the folder cannot be written.
    """
    for key in {record.frames.key for record in records if record.frames}:
        source = found(key)
        if source is not None:
            _place(source, folder / FRAMES / f"{key}.js")


def place_clips(
    records: Sequence[Record], folder: Path, clips: Mapping[str, Clip], reader: ClipReader
) -> Mapping[str, str]:
    """Puts the clips into the folder, playable where that takes no encoding; returns each one's URL from the page.

    Frames that are no longer kept are decoded anew, so that they can be placed.

    Raises:
        RunError: the folder cannot be written.
    """

    def place(record: Record) -> tuple[str, str] | None:
        try:
            if record.frames:
                reader.frames(clips[record.id]).encoded()
            return record.id, _placed_clip(clips[record.id], folder / CLIPS / clip_name(record), reader)
        except DataError as error:  # the page has no clip then, as the run had none
            _refuse_fault(error)
            return None

    known = [record for record in records if record.id in clips]
    with ThreadPoolExecutor(os.cpu_count(), "mme-emotion clips") as pool:
        return dict(filter(None, pool.map(place, known)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What came along from other runs' pages.

    Attributes:
        urls: each brought clip's, from the page, by sample id.
        left_out: what did not and why, a few words each.
    """

    urls: Mapping[str, str]
    left_out: tuple[str, ...]


def bring_along(records: Sequence[Record], sources: Sequence[Path], folder: Path) -> Brought:
    """Puts the frames and clips that lie in other pages' folders into this one.

    They may be anybody's: frames are read as pictures and written anew, and clips are copied where they are regular
    files that begin as recordings do. No link is followed, and nothing else of those folders is looked at.

    Raises:
        RunError: the folder cannot be written.
    """
    left_out: list[str] = []
    frames, clips = (_listed(sources, kind, left_out) for kind in (FRAMES, CLIPS))

    def bring(record: Record) -> str | None:
        for there, put in ((frames, _bring_frames), (clips, _bring_clip)):
            try:
                url = put(record, there, folder)
            except DataError as error:
                url = None
                left_out.append(str(error))
        return url

    with ThreadPoolExecutor(os.cpu_count(), "mme-emotion media") as pool:
        urls = list(pool.map(bring, records))
    named = {record.id: url for record, url in zip(records, urls, strict=True) if url is not None}
    return Brought(urls=named, left_out=tuple(sorted(left_out)))


def left_out_of(brought: Brought) -> list[str]:
    """That some of it was left out, and why, in a sentence; nothing where all came along."""
    if not (why := brought.left_out):
        return []
    files = "file of the runs' reports was" if len(why) == 1 else "files of the runs' reports were"
    return [f"{len(why)} {files} left out, since only pictures and clips are taken over: {why[0]}."]


def _listed(sources: Sequence[Path], kind: str, left_out: list[str]) -> Mapping[str, Path]:
    """The files of that kind by name without suffix, those of the first source where several have one."""
    found: dict[str, Path] = {}
    for source in sources:
        if link := next((part for part in (source, source / kind) if part.is_symlink()), None):
            left_out.append(f"{link} is a link")
        elif (source / kind).is_dir():
            for path in (source / kind).iterdir():
                if path.suffix.lower() in SUFFIXES[kind]:
                    found.setdefault(path.stem, path)
    return found


def _bring_frames(record: Record, there: Mapping[str, Path], folder: Path) -> None:
    """Writes the script with the record's frames anew, where there is one.

    Raises:
        DataError: what lies there is no such script.
    """
    if record.frames is None or (file := there.get(record.frames.key)) is None:
        return
    with _named(file):
        encoded = pictures_in(read_whole(file, LARGEST_FRAMES, linked=False), record.frames.key)
        if len(encoded) != len(record.frames.seconds):
            raise DataError(f"is no script with {len(record.frames.seconds)} frames")
        pictures = [base64.b64encode(_picture(one)) for one in encoded]
    write_whole(folder / FRAMES / f"{record.frames.key}.js", script_of(pictures, record.frames.key))


@contextmanager
def _named(file: Path) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        raise DataError(f"{file} {error}") from error


def _picture(encoded: bytes) -> bytes:
    """The JPEG file that is written in Base64; its header says how large the picture is.

    Raises:
        DataError: it is none, or its picture is larger than any frame.
    """
    try:
        content = binascii.a2b_base64(encoded, strict_mode=True)
        with Image.open(BytesIO(content), formats=("JPEG",)) as picture:
            width, height = picture.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError("holds something else than JPEG pictures") from error
    if not 0 < width * height <= MOST_PIXELS:
        raise DataError(f"holds a picture of {width} by {height} pixels")
    return content


def _bring_clip(record: Record, there: Mapping[str, Path], folder: Path) -> str | None:
    """The URL of the record's clip, copied; None where there is none.

    Raises:
        DataError: what lies there is no regular file, or no recording.
    """
    if (file := there.get(clip_name(record))) is None:
        return None
    target = folder / CLIPS / f"{file.stem}{file.suffix.lower()}"
    with _named(file), opened(file, linked=False) as clip:
        if not _RECORDING.match(clip.read(_HEAD)):
            raise DataError("does not begin as recordings do")
        clip.seek(0)
        try:
            make_folder(target.parent)
            target.unlink(missing_ok=True)
            with open(target, "xb", opener=opener) as placed:
                shutil.copyfileobj(clip, placed, 1 << 20)
        except OSError as error:
            raise RunError(f"{target} cannot be written ({error.strerror}).") from error
    return quote(f"{folder.name}/{CLIPS}/{target.name}")


def clip_name(record: Record) -> str:
    """What a sample's copied clip is called, without its suffix: ids may hold what file names may not."""
    return key_of(record.id)[:24]


def _placed_clip(clip: Clip, stem: Path, reader: ClipReader) -> str:
    if not clip.path.is_file():
        raise DataError(f"The clip {clip.path} does not exist.")
    target = stem.with_suffix(".mp4")
    try:
        content = None if clip.path.suffix.lower() in PLAYABLE else reader.video(clip)
    except DataError as error:  # its codec has no place in an mp4; some browsers may play it as it is
        _refuse_fault(error)
        content = None
    if content is not None:
        write_whole(target, content)
    else:
        target = stem.with_suffix(clip.path.suffix.lower())
        _place(clip.path, target)
    return quote(f"{target.parent.parent.name}/{CLIPS}/{target.name}")


def _refuse_fault(error: DataError) -> None:
    if error.fault is not None:
        raise error


def _place(source: Path, target: Path) -> None:
    try:
        make_folder(target.parent)
        target.unlink(missing_ok=True)
        try:
            os.link(source.resolve(), target)
        except OSError:  # another disk, or one without links
            copy(source, target)
    except OSError as error:
        raise RunError(f"{target} cannot be written ({error.strerror}).") from error
