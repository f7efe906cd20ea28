"""Makes the page of a run that has just ended, with frames and clips beside it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from benchmark.clip import Clip
from benchmark.clips.reader import ClipReader
from reports.kept.folder import PAGE_FOLDER
from reports.page.media import place_clips, place_frames
from reports.page.run_page import Contents, write_run_page


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """Where frames and clips come from.

    Attributes:
        frames: returns the path of the file with the frames of a key; None if it no longer exists.
        clips: the clips to copy, by sample id.
        reader: reads the clips.
    """

    frames: Callable[[str], Path | None]
    clips: Mapping[str, Clip]
    reader: ClipReader


def make_page(folder: Path, contents: Contents, media: Media) -> None:
    """Puts frames and clips beside the page, then writes the page.

    Raises:
        RunError: the folder cannot be written.
    """
    place = folder / PAGE_FOLDER
    if media.clips:
        urls = place_clips(contents.records, place, media.clips, media.reader)
        contents = replace(contents, linked=replace(contents.linked, urls=urls))
    place_frames(contents.records, place, media.frames)
    write_run_page(folder, contents)
