"""What lies beside a page: frames, and clips where they are wanted."""

from contextlib import closing
from pathlib import Path

import pytest

from benchmark.cache import Cache
from benchmark.clip import Clip, ClipReader
from benchmark.errors import RunError
from reports.page.media import bring_along, clip_name, place_clips, place_frames
from reports.record import Record, Shown
from tests.benchmark.clips import make_clip
from tests.reports.kept import record


def seen(number: int, key: str) -> Record:
    return record(number, 1.0, frames=Shown(seconds=(0.0,), key=key))


def test_frames_are_linked_not_copied_and_what_is_gone_is_left_out(tmp_path: Path) -> None:
    kept = tmp_path / "kept.js"
    kept.write_text("frames")
    places = {"a": kept, "b": None}
    place_frames([seen(1, "a"), seen(2, "b"), record(3, 1.0)], tmp_path / "report", places.get)
    (placed,) = (tmp_path / "report" / "frames").iterdir()
    assert placed.name == "a.js"
    assert placed.samefile(kept)
    place_frames([seen(1, "a")], tmp_path / "report", places.get)  # again, as the same run directory is


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("a file")
    with pytest.raises(RunError, match=r"frames/a\.js cannot be written"):
        place_frames([seen(1, "a")], tmp_path / "report", lambda _: tmp_path / "report")


@pytest.mark.parametrize(("suffix", "placed"), [(".mp4", ".mp4"), (".avi", ".mp4"), (".mkv", ".mp4")])
def test_clips_are_placed_such_that_browsers_play_them(tmp_path: Path, suffix: str, placed: str) -> None:
    clip = Clip(make_clip(tmp_path / f"clip{suffix}"))
    one = record(1, 1.0, clip=f"clip{suffix}")
    with closing(Cache(tmp_path / "cache")) as cache:
        urls = place_clips([one, record(2, 1.0)], tmp_path / "report", {one.id: clip}, ClipReader(cache))
    name = f"{clip_name(one)}{placed}"
    assert urls == {one.id: f"report/clips/{name}"}
    assert (tmp_path / "report" / "clips" / name).read_bytes()[4:8] == b"ftyp"
    assert bring_along([one], [tmp_path / "report"], tmp_path / "other") == {one.id: f"other/clips/{name}"}
    assert (tmp_path / "other" / "clips" / name).samefile(tmp_path / "report" / "clips" / name)


def test_frames_that_had_to_make_room_are_decoded_again_with_the_clips(tmp_path: Path) -> None:
    clip = Clip(make_clip(tmp_path / "clip.mp4"))
    with closing(Cache(tmp_path / "cache")) as cache:
        source = ClipReader(cache).frames(clip).source
        assert source is not None
        one = seen(1, source.key)
        cache.media.prune(0)
        assert cache.media.find(source.key) is None
        place_clips([one], tmp_path / "report", {one.id: clip}, ClipReader(cache))
        place_frames([one], tmp_path / "report", cache.media.find)
    text = (tmp_path / "report" / "frames" / f"{source.key}.js").read_text()
    assert text.startswith(f'mmeFrames("{source.key}",["/9j/')


def test_a_clip_that_is_gone_has_no_url(tmp_path: Path) -> None:
    one = record(1, None)
    with closing(Cache(tmp_path / "cache")) as cache:
        gone = {one.id: Clip(tmp_path / "gone.mp4")}
        assert place_clips([one], tmp_path / "report", gone, ClipReader(cache)) == {}
