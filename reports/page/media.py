"""What lies beside a page: the frames that the judge saw and, if asked for, the clips."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

from benchmark.cache import key_of
from benchmark.clip import Clip, ClipReader
from benchmark.errors import DataError, RunError
from benchmark.files import copy, make_folder
from reports.record import Record
from reports.run import write_whole

FRAMES, CLIPS = "frames", "clips"
PLAYABLE = frozenset({".mp4", ".m4v", ".webm"})
"""Containers that browsers play; what is in another one is put into an mp4, not encoded anew."""


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


def bring_along(records: Sequence[Record], sources: Sequence[Path], folder: Path) -> Mapping[str, str]:
    """Puts the frames and clips that lie in other pages' folders into this one; returns the clips' URLs.

    Raises:
        RunError: the folder cannot be written.
    """
    place_frames(records, folder, _by_stem(sources, FRAMES).get)
    there = _by_stem(sources, CLIPS)
    urls = {}
    for record in records:
        if (clip := there.get(clip_name(record))) is not None:
            _place(clip, folder / CLIPS / clip.name)
            urls[record.id] = quote(f"{folder.name}/{CLIPS}/{clip.name}")
    return urls


def clip_name(record: Record) -> str:
    """What a sample's copied clip is called, without its suffix: ids may hold what file names may not."""
    return key_of(record.id)[:24]


def _by_stem(sources: Sequence[Path], kind: str) -> Mapping[str, Path]:
    """The files of that kind by name without suffix, those of the first source where several have one."""
    return {path.stem: path for source in reversed(sources) for path in (source / kind).glob("*")}


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
