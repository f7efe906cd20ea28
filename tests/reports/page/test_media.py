"""What lies beside a page: frames, and clips where they are wanted."""

import base64
import filecmp
import os
from collections.abc import Callable
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from benchmark.clip import Clip
from benchmark.clips.reader import ClipReader, script_of
from benchmark.errors import RunError
from benchmark.storage.cache import Cache
from reports.kept.record import Record, Shown
from reports.page.media import bring_along, clip_name, left_out_of, place_clips, place_frames
from tests.benchmark.made_clips import make_clip
from tests.reports.made_runs import record


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
    assert bring_along([one], [tmp_path / "report"], tmp_path / "other").urls == {one.id: f"other/clips/{name}"}
    assert filecmp.cmp(tmp_path / "other" / "clips" / name, tmp_path / "report" / "clips" / name, shallow=False)


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


KEY = "0f" * 32
HARM = "window.harmed = 1"


def jpeg(width: int = 8, height: int = 8) -> bytes:
    content = BytesIO()
    Image.new("RGB", (width, height)).save(content, "JPEG")
    return content.getvalue()


def script(*pictures: bytes, key: str = KEY) -> bytes:
    return script_of([base64.b64encode(one) for one in pictures], key)


def wide(content: bytes) -> bytes:
    """The picture with a header that makes it 65,000 pixels wide and high."""
    at = content.index(b"\xff\xc0") + 5
    return content[:at] + (65_000).to_bytes(2, "big") * 2 + content[at + 4 :]


SCRIPTS: dict[str, tuple[bytes, str]] = {
    "code": (HARM.encode(), "is not a script with 1 frames"),
    "code behind": (script(jpeg()) + HARM.encode(), "is not a script with 1 frames"),
    "code within": (script_of([b'","); window.harmed = 1; ("'], KEY), "is not a script with"),
    "code for a picture": (script_of([b"window.harmed=1"], KEY), "contains something other than JPEG pictures"),
    "another key": (script(jpeg(), key="1" * 64), "is not a script with 1 frames"),
    "two pictures": (script(jpeg(), jpeg()), "is not a script with 1 frames"),
    "no picture": (script(b""), "contains something other than JPEG pictures"),
    "a text": (script(b"<svg onload='harmed = 1'>"), "contains something other than JPEG pictures"),
    "a PNG": (script(b"\x89PNG\r\n\x1a\n" + bytes(64)), "contains something other than JPEG pictures"),
    "a bomb": (script(wide(jpeg())), "contains"),
}


@pytest.mark.parametrize("kind", SCRIPTS)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_script_of_others_is_read_as_pictures_or_left_out(kind: str, tmp_path: Path) -> None:
    content, said = SCRIPTS[kind]
    (tmp_path / "theirs" / "frames").mkdir(parents=True)
    (tmp_path / "theirs" / "frames" / f"{KEY}.js").write_bytes(content)
    brought = bring_along([seen(1, KEY)], [tmp_path / "theirs"], tmp_path / "ours")
    assert not (tmp_path / "ours").exists()
    (sentence,) = left_out_of(brought)
    assert sentence.startswith("1 file of the runs' reports was left out, since only pictures and clips are copied:")
    assert f"{KEY}.js {said}" in sentence


def test_pictures_of_others_are_written_anew(tmp_path: Path) -> None:
    (tmp_path / "theirs" / "frames").mkdir(parents=True)
    theirs = tmp_path / "theirs" / "frames" / f"{KEY}.js"
    theirs.write_bytes(script(jpeg()))
    (tmp_path / "theirs" / "frames" / "other.js").write_text(HARM)
    (tmp_path / "theirs" / "records-000.js").write_text(HARM)
    brought = bring_along([seen(1, KEY), seen(2, KEY)], [tmp_path / "theirs"], tmp_path / "ours")
    assert (brought.urls, brought.left_out) == ({}, ())
    (ours,) = (path for path in (tmp_path / "ours").rglob("*") if path.is_file())
    assert ours.read_bytes() == theirs.read_bytes()
    assert not ours.samefile(theirs)


CLIPS: dict[str, Callable[[Path], object]] = {
    "a link": lambda path: path.symlink_to("/etc/hostname"),
    "a link to a clip": lambda path: path.symlink_to(make_clip(path.parents[2] / "private.mp4")),
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a page": lambda path: path.write_text(f"<script>{HARM}</script>"),
    "nothing": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("kind", CLIPS)
def test_a_clip_of_others_is_a_recording_or_left_out(kind: str, tmp_path: Path) -> None:
    one = record(1, 1.0)
    (tmp_path / "theirs" / "clips").mkdir(parents=True)
    CLIPS[kind](tmp_path / "theirs" / "clips" / f"{clip_name(one)}.mp4")
    brought = bring_along([one], [tmp_path / "theirs"], tmp_path / "ours")
    assert brought.urls == {}
    assert len(brought.left_out) == 1
    assert not (tmp_path / "ours").exists()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_picture_in_place_of_a_clip_is_placed_as_it_is_and_brought_along(suffix: str, tmp_path: Path) -> None:
    one, picture = record(1, 1.0), tmp_path / f"clip{suffix}"
    Image.new("RGB", (8, 6), "teal").save(picture)
    with closing(Cache(tmp_path / "cache")) as cache:
        urls = place_clips([one], tmp_path / "theirs", {one.id: Clip(picture)}, ClipReader(cache))
    brought = bring_along([one], [tmp_path / "theirs"], tmp_path / "ours")
    assert (urls[one.id], brought.urls[one.id]) == tuple(
        f"{whose}/clips/{clip_name(one)}{suffix}" for whose in ("theirs", "ours")
    )
    assert (tmp_path / brought.urls[one.id]).read_bytes() == picture.read_bytes()


@pytest.mark.parametrize("linked", ["theirs", "theirs/frames", "theirs/clips"])
def test_a_folder_behind_a_link_is_left_out(linked: str, tmp_path: Path) -> None:
    one = seen(1, KEY)
    private = tmp_path / "private"
    for folder, name, content in (("frames", f"{KEY}.js", script(jpeg())), ("clips", f"{clip_name(one)}.mp4", b"")):
        (private / folder).mkdir(parents=True)
        (private / folder / name).write_bytes(content or make_clip(tmp_path / "clip.mp4").read_bytes())
    target = private if linked == "theirs" else private / Path(linked).name
    (tmp_path / linked).parent.mkdir(exist_ok=True)
    (tmp_path / linked).symlink_to(target)
    brought = bring_along([one], [tmp_path / "theirs"], tmp_path / "ours")
    assert (brought.urls, (tmp_path / "ours").exists()) == ({}, False)
    assert brought.left_out[0] == f"{tmp_path / linked} is a link"


@pytest.mark.parametrize("suffix", [".html", ".js", ".svg", "", ".mp4.html"])
def test_a_clip_keeps_a_suffix_of_clips_alone(suffix: str, tmp_path: Path) -> None:
    one = record(1, 1.0)
    (tmp_path / "theirs" / "clips").mkdir(parents=True)
    make_clip(tmp_path / "clip.mp4").rename(tmp_path / "theirs" / "clips" / f"{clip_name(one)}{suffix}")
    assert bring_along([one], [tmp_path / "theirs"], tmp_path / "ours").urls == {}
    assert not (tmp_path / "ours").exists()
