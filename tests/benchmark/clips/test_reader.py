import io
import os
import shutil
import wave
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from unittest.mock import ANY

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmark.clip import Clip, Frame, Sound, Source
from benchmark.clips.jpeg import JPEG_QUALITY
from benchmark.clips.limits import ClipLimits
from benchmark.clips.reader import ClipReader
from benchmark.errors import DataError
from benchmark.storage.cache import Cache
from tests.benchmark.made_clips import Recipe, make_clip, number_of

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the ffmpeg program is not installed")
SECRET = "test_Disgust_0072"
LONGEST_SIDE = 768  # pixels, as docs/providers.md says


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with closing(Cache(tmp_path / "cache")) as opened:
        yield opened


@pytest.fixture
def reader(cache: Cache) -> ClipReader:
    return ClipReader(cache)


def shown(frames: Sequence[Frame]) -> list[tuple[int, float]]:
    return [(number_of(frame.jpeg), round(frame.seconds, 3)) for frame in frames]


def size_of(frame: Frame) -> tuple[int, int]:
    with Image.open(io.BytesIO(frame.jpeg)) as picture:
        assert picture.format == "JPEG"
        return picture.size


def fully_decoded(path: Path) -> list[bytes]:
    """Every frame, by plain decoding in a row."""
    with av.open(str(path)) as container:
        pictures = [Image.fromarray(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    buffers = [io.BytesIO() for _ in pictures]
    for picture, buffer in zip(pictures, buffers, strict=True):
        picture.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return [buffer.getvalue() for buffer in buffers]


# ---- which frames


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_one_frame_a_second_from_zero_on(tmp_path: Path, reader: ClipReader, suffix: str) -> None:
    clip = Clip(make_clip(tmp_path / f"clip{suffix}"))
    assert shown(reader.frames(clip)) == [(0, 0.0), (25, 1.0), (50, 2.0)]
    assert reader.frames(clip).source == Source(decoder="pyav", key=ANY)


def test_fps_and_most_change_the_protocol(tmp_path: Path, reader: ClipReader) -> None:
    clip = Clip(make_clip(tmp_path / "clip.mp4"))
    assert shown(reader.frames(clip, fps=2.0, most=4)) == [(0, 0.0), (12, 0.48), (25, 1.0), (37, 1.48)]


def test_ten_frames_at_most(tmp_path: Path, reader: ClipReader) -> None:
    clip = Clip(make_clip(tmp_path / "clip.mp4", Recipe(times=range(0, 12_000, 100))))
    assert shown(reader.frames(clip)) == [(10 * second, second) for second in range(10)]


def test_a_clip_that_ends_on_the_second_has_no_frame_there(tmp_path: Path, reader: ClipReader) -> None:
    clip = Clip(make_clip(tmp_path / "clip.mp4", Recipe(times=range(0, 2000, 40))))
    assert shown(reader.frames(clip)) == [(0, 0.0), (25, 1.0)]


@pytest.mark.parametrize("times", [range(0, 960, 40), [0]], ids=["24 frames", "one frame"])
def test_less_than_a_second_gives_the_first_frame(tmp_path: Path, reader: ClipReader, times: list[int]) -> None:
    clip = Clip(make_clip(tmp_path / "clip.mp4", Recipe(times=times)))
    assert shown(reader.frames(clip)) == [(0, 0.0)]


def test_variable_frame_rate_goes_by_time(tmp_path: Path, reader: ClipReader) -> None:
    times = [0, 30, 900, 1100, 1130, 1160, 1990, 2000, 3500]
    clip = Clip(make_clip(tmp_path / "clip.mkv", Recipe(times=times)))
    assert shown(reader.frames(clip)) == [(0, 0.0), (2, 0.9), (7, 2.0)]
    assert shown(reader.frames(clip, fps=0.5)) == [(0, 0.0), (7, 2.0)]


def test_a_slide_show_gives_each_frame_once(tmp_path: Path, reader: ClipReader) -> None:
    clip = Clip(make_clip(tmp_path / "clip.mp4", Recipe(times=range(0, 9000, 3000))))
    assert shown(reader.frames(clip)) == [(0, 0.0), (1, 3.0), (2, 6.0)]


@pytest.mark.parametrize("offset", [-480, 480])
def test_times_count_from_the_first_frame(tmp_path: Path, reader: ClipReader, offset: int) -> None:
    clip = Clip(make_clip(tmp_path / "clip.mkv", Recipe(times=range(offset, offset + 2500, 40))))
    assert shown(reader.frames(clip)) == [(0, 0.0), (25, 1.0), (50, 2.0)]


@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_avi_with_reordered_frames_and_no_display_times(tmp_path: Path, reader: ClipReader, codec: str) -> None:
    clip = Clip(make_clip(tmp_path / "clip.avi", Recipe(codec=codec, options={"bf": "2"})))
    assert shown(reader.frames(clip)) == [(0, 0.0), (25, 1.0), (50, 2.0)]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_container_with_times_is_decoded_once_though_nothing_is_reordered(
    tmp_path: Path, cache: Cache, suffix: str
) -> None:
    never = {"bf": "2", "x264-params": "b-bias=-100"}  # the stream allows for reordering and has none
    clip = Clip(make_clip(tmp_path / f"clip{suffix}", Recipe(options=never)))
    most = ClipLimits(decoded_gb=60 * 160 * 96 * 1.5 / 1e9)  # of 63 pictures; counting them decodes all
    assert shown(ClipReader(cache, limits=most).frames(clip)) == [(0, 0.0), (25, 1.0), (50, 2.0)]
    without_times = Clip(make_clip(tmp_path / "clip.avi", Recipe(options=never)))
    with pytest.raises(DataError, match="of decoded pictures"):
        ClipReader(cache, limits=most).frames(without_times)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    codec=st.sampled_from(["libx264", "mpeg4"]),
    group=st.sampled_from([1, 5, 12, 250]),
    reordered=st.integers(0, 4),
    pyramid=st.sampled_from(["none", "strict", "normal"]),
    gap=st.sampled_from([20, 33, 40, 100]),
    fps=st.sampled_from([0.4, 1.0, 3.0, 29.97]),
)
def test_skipping_changes_no_pixel(
    tmp_path: Path, cache: Cache, codec: str, group: int, reordered: int, pyramid: str, gap: int, fps: float
) -> None:
    own = {"preset": "veryfast", "b-pyramid": pyramid, "b_strategy": "0"} if codec == "libx264" else {}
    options = {"g": str(group), "bf": str(reordered), **own}
    times = range(0, 1500, gap)
    path = make_clip(tmp_path / "clip.mp4", Recipe(times=times, codec=codec, options=options))
    frames = ClipReader(cache).frames(Clip(path), fps=fps, most=30)
    everything = fully_decoded(path)
    numbers = [number_of(frame.jpeg) for frame in frames]
    assert [frame.jpeg for frame in frames] == [everything[number] for number in numbers]
    wanted = [n / fps for n in range(30) if n / fps < len(times) * gap / 1000]
    assert numbers == sorted({int(time * 1000 / gap + 1e-6) for time in wanted})


# ---- what the pictures look like


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotation_is_applied(tmp_path: Path, reader: ClipReader, rotation: int) -> None:
    plain, turned = (
        reader.frames(Clip(make_clip(tmp_path / f"{degrees}.mp4", Recipe(rotation=degrees))))[1]
        for degrees in (0, rotation)
    )
    assert size_of(turned) == ((160, 96) if rotation == 180 else (96, 160))
    with Image.open(io.BytesIO(plain.jpeg)) as picture, Image.open(io.BytesIO(turned.jpeg)) as other:
        upright = np.asarray(picture.rotate(rotation, expand=True), float)
        assert np.abs(upright - np.asarray(other, float)).mean() < 3


def test_a_large_picture_is_scaled_down(tmp_path: Path, reader: ClipReader) -> None:
    clip = Clip(make_clip(tmp_path / "clip.mp4", Recipe(times=[0], size=(1280, 720))))
    assert size_of(reader.frames(clip)[0]) == (LONGEST_SIDE, LONGEST_SIDE * 9 // 16)


def test_pixels_that_are_not_square_are_stretched(tmp_path: Path, reader: ClipReader) -> None:
    clip = Clip(make_clip(tmp_path / "clip.mp4", Recipe(times=[0], aspect=Fraction(3, 2))))
    assert size_of(reader.frames(clip)[0]) == (240, 96)


@pytest.mark.parametrize(("codec", "pixels"), [("png", "rgba"), ("png", "gray"), ("ffv1", "yuv420p10le")])
def test_odd_sizes_and_pixel_formats(tmp_path: Path, reader: ClipReader, codec: str, pixels: str) -> None:
    clip = Clip(make_clip(tmp_path / "clip.avi", Recipe(codec=codec, pixels=pixels, size=(161, 97))))
    frames = reader.frames(clip)
    assert shown(frames) == [(0, 0.0), (25, 1.0), (50, 2.0)]
    assert size_of(frames[0]) == (161, 97)


# ---- sound


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_sound_is_mono_at_the_rate_asked_for(tmp_path: Path, reader: ClipReader, suffix: str) -> None:
    codec = "mpeg4" if suffix == ".avi" else "libx264"
    clip = Clip(make_clip(tmp_path / f"clip{suffix}", Recipe(codec=codec, sound=(0, 2.0))))
    sound = reader.sound(clip, rate=8000)
    assert sound is not None
    assert sound.samples.dtype == np.float32
    assert sound.samples.ndim == 1
    assert sound.rate == 8000
    assert 1.95 < len(sound.samples) / 8000 < 2.2
    assert 0.45 < np.abs(sound.samples[2000:14000]).max() < 0.6


def test_a_late_start_is_silence(tmp_path: Path, reader: ClipReader) -> None:
    sound = reader.sound(Clip(make_clip(tmp_path / "clip.mkv", Recipe(sound=(0.5, 2.0)))))
    assert sound is not None
    assert np.flatnonzero(np.abs(sound.samples) > 0.1)[0] / sound.rate == pytest.approx(0.5, abs=0.05)
    assert len(sound.samples) / sound.rate == pytest.approx(2.0, abs=0.1)


def test_no_sound_is_none(tmp_path: Path, reader: ClipReader) -> None:
    clip = Clip(make_clip(tmp_path / "clip.mp4"))
    assert reader.sound(clip) is None
    assert reader.sound(clip) is None


def test_no_picture_leaves_the_sound(tmp_path: Path, reader: ClipReader) -> None:
    clip = Clip(make_clip(tmp_path / "clip.mp4", Recipe(times=[], sound=(0, 1.0))))
    assert reader.sound(clip) is not None
    with pytest.raises(DataError, match="has no picture"):
        reader.frames(clip)
    with pytest.raises(DataError, match="has no picture"):
        reader.video(clip)


@given(st.lists(st.integers(-32_768, 32_767), max_size=50))
def test_a_wav_holds_the_samples(levels: list[int]) -> None:
    sound = Sound(samples=np.array(levels, np.float32) / np.float32(32_768), rate=16_000)
    with wave.open(io.BytesIO(sound.wav())) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        assert np.frombuffer(file.readframes(-1), "<i2").tolist() == levels


def test_a_wav_does_not_wrap_round_at_full_scale() -> None:
    wav = Sound(samples=np.array([1.0, -1.0], np.float32), rate=8000).wav()
    assert np.frombuffer(wav[-4:], "<i2").tolist() == [32_767, -32_768]


# ---- the whole clip


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
@pytest.mark.parametrize("sound", [True, False])
def test_a_video_holds_the_clip_and_nothing_about_it(
    tmp_path: Path, reader: ClipReader, suffix: str, *, sound: bool
) -> None:
    recipe = Recipe(codec="mpeg4" if suffix == ".avi" else "libx264", rotation=90, sound=(0, 2.0))
    path = make_clip(
        tmp_path / f"{SECRET}{suffix}", recipe, dict.fromkeys(["title", "comment", "handler_name"], SECRET)
    )
    assert SECRET.encode() in path.read_bytes()
    video = reader.video(Clip(path), sound=sound)
    assert video[4:8] == b"ftyp"
    assert SECRET.encode() not in video
    again = Clip(tmp_path / "again.mp4")
    again.path.write_bytes(video)
    assert reader.frames(again) == reader.frames(Clip(path))
    assert (reader.sound(again) is not None) == sound


def test_a_codec_without_a_place_in_mp4_is_refused(tmp_path: Path, reader: ClipReader) -> None:
    clip = Clip(make_clip(tmp_path / "clip.avi", Recipe(codec="wmv2")))
    with pytest.raises(DataError, match=r"clip\.avi cannot be put into an mp4 file as it is .*wmv2.*convert it"):
        reader.video(clip)


# ---- files that are not what they should be


def absent(path: Path) -> None:
    assert not path.exists()


def a_folder(path: Path) -> None:
    path.mkdir()


def empty(path: Path) -> None:
    path.touch()


def garbage(path: Path) -> None:
    path.write_bytes(np.random.default_rng(1).bytes(5000))


def without_its_index(path: Path) -> None:
    whole = make_clip(path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def with_a_broken_head(path: Path) -> None:
    path.write_bytes(b"\0" * 64 + make_clip(path).read_bytes()[64:])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (absent, "does not exist"),
        (a_folder, "Is a directory"),
        (empty, "is empty"),
        (garbage, "cannot be"),
        (without_its_index, "cannot be"),
        (with_a_broken_head, "cannot be"),
    ],
)
def test_a_spoilt_file_is_named(
    tmp_path: Path, reader: ClipReader, spoil: Callable[[Path], None], message: str
) -> None:
    clip = Clip(tmp_path / "clip.mp4")
    spoil(clip.path)
    for read in (reader.frames, reader.sound, reader.video):
        with pytest.raises(DataError) as caught:
            read(clip)
        assert str(clip.path) in str(caught.value)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


@needs_ffmpeg
def test_ffmpeg_rescues_what_the_library_refuses(tmp_path: Path, reader: ClipReader) -> None:
    clip = Clip(make_clip(tmp_path / "-i clip:.avi", Recipe(codec="png", pixels="rgb24")))
    signature = b"\x89PNG"
    pictures = clip.path.read_bytes().split(signature)
    clip.path.write_bytes(signature.join(pictures[:31]) + bytes(4) + signature.join(pictures[31:]))
    assert shown(reader.frames(clip)) == [(0, 0.0), (25, 1.0), (50, 2.0)]
    assert reader.frames(clip).source == Source(decoder="ffmpeg", key=ANY)


def test_without_ffmpeg_the_refusal_says_so(
    tmp_path: Path, reader: ClipReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    garbage(tmp_path / "clip.mp4")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="install ffmpeg"):
        reader.frames(Clip(tmp_path / "clip.mp4"))


def test_a_truncated_file_gives_what_is_left(tmp_path: Path, reader: ClipReader) -> None:
    path = make_clip(tmp_path / "clip.mkv", Recipe(codec="mpeg4", options={"g": "12"}))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 5])
    assert shown(reader.frames(Clip(path)))[:2] == [(0, 0.0), (25, 1.0)]


@pytest.mark.parametrize("name", ["-i.mp4", "http:clip.mp4", "表情 ü.mp4", "%03d.mp4", os.fsdecode(b"\xff.mp4")])
def test_a_name_is_only_a_name(tmp_path: Path, reader: ClipReader, name: str) -> None:
    plain = make_clip(tmp_path / "clip.mp4")
    try:
        plain.rename(tmp_path / name)
    except (OSError, UnicodeEncodeError):
        pytest.skip("this file system has no such names")
    assert shown(reader.frames(Clip(tmp_path / name))) == [(0, 0.0), (25, 1.0), (50, 2.0)]


# ---- decoded once


def decoded(cache: Cache) -> int:
    """How many times pictures have been decoded and kept."""
    return cache.counts()["clip"]


def test_the_same_content_is_decoded_once(tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_clip(tmp_path / "clip.mp4", Recipe(sound=(0, 2.0)))
    copy = Path(shutil.copy(path, tmp_path / "copy.mp4"))
    frames, sound = ClipReader(cache).frames(Clip(path)), ClipReader(cache).sound(Clip(path))
    pictures = list(frames)
    with monkeypatch.context() as broken:
        broken.setattr("benchmark.clips.decode.av.open", None)  # whoever decodes now, fails
        again = ClipReader(cache).sound(Clip(copy))
        assert list(ClipReader(cache).frames(Clip(copy))) == pictures
        with pytest.raises(DataError, match="TypeError"):
            ClipReader(cache).frames(Clip(copy), most=2)
    assert sound is not None
    assert again is not None
    assert np.array_equal(sound.samples, again.samples)


def test_pictures_that_had_to_make_room_are_decoded_again(tmp_path: Path) -> None:
    clip = Clip(make_clip(tmp_path / "clip.mp4"))
    with closing(Cache(tmp_path / "cache")) as cache:
        pictures = list(ClipReader(cache).frames(clip))
        assert cache.media.prune(0) > 0
        kept = ClipReader(cache).frames(clip)
        assert [frame.jpeg for frame in kept] == [frame.jpeg for frame in pictures]
        assert kept.seconds == (0.0, 1.0, 2.0)


def test_half_a_file_is_as_good_as_none(tmp_path: Path) -> None:
    clip = Clip(make_clip(tmp_path / "clip.mp4"))
    with closing(Cache(tmp_path / "cache")) as cache:
        pictures = list(ClipReader(cache).frames(clip))
        (file,) = (path for path in (tmp_path / "cache" / "media").rglob("*") if path.is_file())
        file.write_bytes(file.read_bytes()[:-1])
        assert list(ClipReader(cache).frames(clip)) == pictures


def test_what_is_known_is_neither_read_nor_decoded(tmp_path: Path, cache: Cache) -> None:
    clip = Clip(make_clip(tmp_path / "clip.mp4"))
    assert not ClipReader(cache).knows(clip)
    ClipReader(cache).frames(clip)
    assert ClipReader(cache).knows(clip)
    assert not ClipReader(cache).knows(clip, fps=2.0)


def test_a_file_that_changes_is_decoded_anew(tmp_path: Path, reader: ClipReader) -> None:
    clip = Clip(make_clip(tmp_path / "clip.mp4"))
    assert len(reader.frames(clip)) == 3
    make_clip(clip.path, Recipe(times=range(0, 1500, 40)))
    assert len(reader.frames(clip)) == 2


def test_threads_that_ask_at_once_get_the_same(tmp_path: Path, reader: ClipReader, cache: Cache) -> None:
    clips = [Clip(make_clip(tmp_path / f"{n}.mp4", Recipe(times=range(0, 1500 + 40 * n, 40)))) for n in range(4)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(reader.frames, clips * 8))
    assert answers == [reader.frames(clip) for clip in clips] * 8
    assert decoded(cache) == 4


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_decord_equals_pyav_on_a_plain_clip(tmp_path: Path, cache: Cache, suffix: str) -> None:
    pytest.importorskip("decord")
    clip = Clip(make_clip(tmp_path / f"clip{suffix}"))
    by_decord = ClipReader(cache, decoder="decord")
    assert by_decord.frames(clip) == ClipReader(cache).frames(clip)
    assert by_decord.frames(clip).source == Source(decoder="decord", key=ANY)
    assert decoded(cache) == 2


def test_decord_refuses_garbage_in_our_words(tmp_path: Path, cache: Cache) -> None:
    pytest.importorskip("decord")
    garbage(tmp_path / "clip.mp4")
    with pytest.raises(DataError, match="cannot be decoded"):
        ClipReader(cache, decoder="decord").frames(Clip(tmp_path / "clip.mp4"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "is a Git LFS pointer, not a clip"),
        ("\ufeff\n<!DOCTYPE html>" + "<p>not found</p>" * 500, "is a web page, not a clip: download it again."),
    ],
)
def test_what_lies_there_in_place_of_a_clip_is_said(
    tmp_path: Path, reader: ClipReader, content: str, said: str
) -> None:
    clip = Clip(tmp_path / "clip.mp4")
    clip.path.write_text(content, "utf-8")
    for read in (reader.frames, reader.sound, reader.video):
        with pytest.raises(DataError) as caught:
            read(clip)
        assert str(caught.value).startswith(f"{clip.path} {said}")
