"""The files beside a page: the frames that the judge saw and, with `--report-media`, the clips."""

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
"""Containers that browsers play; clips in others are copied into an mp4 without encoding them again."""

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
"""Suffixes of clips that are pictures."""

_OTHERS = "mkv avi mov flv wmv asf ogv ogg 3gp 3g2 mpg mpeg mpe m2v vob ts mts m2ts"
SUFFIXES = {FRAMES: frozenset({".js"}), CLIPS: PLAYABLE | PICTURES | {f".{name}" for name in _OTHERS.split()}}
"""Suffixes of the files that are copied from other pages."""
LARGEST_FRAMES = 256 * 10**6
"""The largest script with frames that is read, in bytes."""
MOST_PIXELS = 64 * 10**6
"""The most pixels of a frame; 8K has 33 million."""

_HEAD = 16
# ISO media (mp4, mov), Matroska and WebM, AVI and WebP, FLV, Ogg, MPEG program and transport streams, Windows Media,
# JPEG, PNG
_RECORDING = re.compile(
    rb"....(?:ftyp|moov|mdat|wide|free|skip)|\x1aE\xdf\xa3|RIFF....(?:AVI |WEBP)|FLV\x01|OggS|\x00\x00\x01[\xb3\xba]|"
    rb"G[@A]|\x30\x26\xb2\x75\x8e\x66\xcf\x11|\xff\xd8\xff|\x89PNG\r\n\x1a\n",
    re.DOTALL,
)


def place_frames(records: Sequence[Record], folder: Path, found: Callable[[str], Path | None]) -> None:
    """Puts the frames of all records into the folder, as hard links if the disk allows it.

    `found` returns the path of the file with the frames of a key; frames without a file are left out, and the page says
    so.

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
    """Puts the clips into the folder, in a container that browsers play if that needs no encoding.

    Frames that are no longer in the cache are decoded again, so that they can be placed.

    Returns:
        The URL of each clip, relative to the page, by sample id.

    Raises:
        RunError: the folder cannot be written.
    """

    def place(record: Record) -> tuple[str, str] | None:
        try:
            if record.frames:
                reader.frames(clips[record.id]).encoded()
            return record.id, _placed_clip(clips[record.id], folder / CLIPS / clip_name(record), reader)
        except DataError as error:  # the run could not read this clip either
            _refuse_fault(error)
            return None

    known = [record for record in records if record.id in clips]
    with ThreadPoolExecutor(os.cpu_count(), "mme-emotion clips") as pool:
        return dict(filter(None, pool.map(place, known)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What was copied from the pages of other runs.

    Attributes:
        urls: the URL of each copied clip, relative to the page, by sample id.
        left_out: the files that were left out, each with the reason.
    """

    urls: Mapping[str, str]
    left_out: tuple[str, ...]


def bring_along(records: Sequence[Record], sources: Sequence[Path], folder: Path) -> Brought:
    """Copies frames and clips from the folders of other pages into this one.

    The other pages are not trusted: frames are checked to be pictures and their script is written again, and clips are
    copied if they are regular files that start like a recording or a picture. No link is followed, and no other file
    is read.

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
    """A sentence about the files that were left out, with the first reason; empty if there are none."""
    if not (why := brought.left_out):
        return []
    files = "file of the runs' reports was" if len(why) == 1 else "files of the runs' reports were"
    return [f"{len(why)} {files} left out, since only pictures and clips are copied: {why[0]}."]


def _listed(sources: Sequence[Path], kind: str, left_out: list[str]) -> Mapping[str, Path]:
    """The files of a kind by their name without suffix; the first source wins. Adds links to `left_out`."""
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
    """Writes the script with the record's frames again, if there is one.

    Raises:
        DataError: the file is not such a script.
    """
    if record.frames is None or (file := there.get(record.frames.key)) is None:
        return
    with _named(file):
        encoded = pictures_in(read_whole(file, LARGEST_FRAMES, linked=False), record.frames.key)
        if len(encoded) != len(record.frames.seconds):
            raise DataError(f"is not a script with {len(record.frames.seconds)} frames")
        pictures = [base64.b64encode(_picture(one)) for one in encoded]
    write_whole(folder / FRAMES / f"{record.frames.key}.js", script_of(pictures, record.frames.key))


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Puts the path of the file before the words of an error about it."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{file} {error}") from error


def _picture(encoded: bytes) -> bytes:
    """The JPEG file that is encoded in Base64; only its header is read.

    Raises:
        DataError: it is not a JPEG file, or the picture has more than `MOST_PIXELS`.
    """
    try:
        content = binascii.a2b_base64(encoded, strict_mode=True)
        with Image.open(BytesIO(content), formats=("JPEG",)) as picture:
            width, height = picture.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError("contains something other than JPEG pictures") from error
    if not 0 < width * height <= MOST_PIXELS:
        raise DataError(f"contains a picture of {width} by {height} pixels, more than allowed")
    return content


def _bring_clip(record: Record, there: Mapping[str, Path], folder: Path) -> str | None:
    """Copies the record's clip and returns its URL, relative to the page; None if there is no clip.

    Raises:
        DataError: it is not a regular file, or not a recording.
    """
    if (file := there.get(clip_name(record))) is None:
        return None
    target = folder / CLIPS / f"{file.stem}{file.suffix.lower()}"
    with _named(file), opened(file, linked=False) as clip:
        if not _RECORDING.match(clip.read(_HEAD)):
            raise DataError("does not start like a recording")
        clip.seek(0)
        with _replaced(target), open(target, "xb", opener=opener) as placed:
            shutil.copyfileobj(clip, placed, 1 << 20)
    return quote(f"{folder.name}/{CLIPS}/{target.name}")


def clip_name(record: Record) -> str:
    """The name of a sample's copied clip without its suffix: a hash, since ids may contain any character."""
    return key_of(record.id)[:24]


def _placed_clip(clip: Clip, stem: Path, reader: ClipReader) -> str:
    """Puts a clip into the folder, as an mp4 if browsers do not play its container; returns its URL."""
    if not clip.path.is_file():
        raise DataError(f"The clip {clip.path} does not exist.")
    target = stem.with_suffix(".mp4")
    try:
        content = None if clip.path.suffix.lower() in PLAYABLE | PICTURES else reader.video(clip)
    except DataError as error:  # an mp4 cannot contain its codec; some browsers may play the clip as it is
        _refuse_fault(error)
        content = None
    if content is not None:
        write_whole(target, content)
    else:
        target = stem.with_suffix(clip.path.suffix.lower())
        _place(clip.path, target)
    return quote(f"{target.parent.parent.name}/{CLIPS}/{target.name}")


def _refuse_fault(error: DataError) -> None:
    """Raises the error again if it is not about the clip but an unexpected exception."""
    if error.fault is not None:
        raise error


def _place(source: Path, target: Path) -> None:
    with _replaced(target):
        try:
            os.link(source.resolve(), target)
        except OSError:  # on another disk, or on one without links
            copy(source, target)


@contextmanager
def _replaced(target: Path) -> Iterator[None]:
    """Removes the file and makes its folder, so that the block can write it; reports what the system refuses."""
    try:
        make_folder(target.parent)
        target.unlink(missing_ok=True)
        yield
    except OSError as error:
        raise RunError(f"{target} cannot be written ({error.strerror}).") from error
