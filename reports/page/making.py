"""The page of a run that has just ended: frames and clips are put beside it, then it is written."""

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
        frames: where the file lies that holds the frames of that key; None where there is none.
        clips: those to be copied, by sample id.
        reader: of clips.
    """

    frames: Callable[[str], Path | None]
    clips: Mapping[str, Clip]
    reader: ClipReader


def make_page(folder: Path, contents: Contents, media: Media) -> None:
    """Writes the page, once what it shows lies beside it.

    Raises:
        RunError: the folder cannot be written.
    """
    place = folder / PAGE_FOLDER
    if media.clips:
        urls = place_clips(contents.records, place, media.clips, media.reader)
        contents = replace(contents, linked=replace(contents.linked, urls=urls))
    place_frames(contents.records, place, media.frames)
    write_run_page(folder, contents)
