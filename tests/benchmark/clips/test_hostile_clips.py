"""Clips and zip files that were made to do harm, or by mistake do: each gets a sentence, and takes little."""

import os
import socket
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import av
import numpy as np
import pytest

from benchmark.clip import Clip
from benchmark.clips.container import ClipFile, with_room
from benchmark.clips.decode import read_frames, read_length, read_sound, read_video
from benchmark.clips.frames import Taken, frames_by_pyav
from benchmark.clips.limits import USUAL, ClipLimits
from benchmark.clips.pace import Pace
from benchmark.clips.reader import ClipReader
from benchmark.data.archive import DIRECTORY_BYTES
from benchmark.data.download import unpack
from benchmark.errors import DataError, RunError
from benchmark.options import parse_options
from benchmark.run_setup import BenchmarkOptions
from benchmark.storage.cache import Cache
from tests.benchmark.made_clips import Recipe, make_clip, number_of

ROOT = Path(__file__).parents[3]
FAST = {"preset": "ultrafast"}
PEAK_MB = 250
"""What a process may take that reads one hostile clip; without limits it is gigabytes."""


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def with_index(clip: Path, change: Callable[[bytes], bytes]) -> Path:
    """The clip with another content of its last box, `moov`."""
    content = clip.read_bytes()
    start = content.index(b"moov") - 4
    clip.write_bytes(content[:start] + box(b"moov", change(content[start + 8 :])))
    return clip


def a_tag(clip: Path) -> Path:
    return with_index(clip, lambda index: index + box(b"udta", box(b"\xa9cmt", b"x" * 60_000_000)))


def a_claim(clip: Path) -> Path:
    def claim(index: bytes) -> bytes:
        at = index.index(b"stsz")
        return index[: at + 8] + struct.pack(">II", 1, 150_000_000) + index[at + 16 :]

    return with_index(clip, claim)


def a_compressed_index(clip: Path) -> Path:
    def compress(index: bytes) -> bytes:
        whole = box(b"moov", index + box(b"free", bytes(100_000_000)))
        small = struct.pack(">I", len(whole)) + zlib.compress(whole)
        return box(b"cmov", box(b"dcom", b"zlib") + box(b"cmvd", small))

    return with_index(clip, compress)


def a_claim_behind_many_boxes(clip: Path) -> Path:
    clip = a_claim(clip)
    content = clip.read_bytes()
    start = content.index(b"moov") - 4
    clip.write_bytes(content[:start] + box(b"skip", b"") * 100_001 + content[start:])
    return clip


def a_claim_in_what_is_free(clip: Path) -> Path:
    clip = a_claim(clip)
    clip.write_bytes(clip.read_bytes().replace(b"moov", b"hoov"))
    return clip


def a_claim_behind_a_strange_head(clip: Path) -> Path:
    """Of a first box so long that its length reads as the first sign of another kind of file."""
    index = a_claim(clip).read_bytes()
    with clip.open("wb") as file:
        file.write(struct.pack(">I", 0x47000010) + b"free")
        file.truncate(0x47000010)
        file.seek(0x47000010)
        file.write(index[index.index(b"moov") - 4 :])
    return clip


def many_fragments(clip: Path) -> Path:
    """An index of 65,535 fragments, each of which takes memory for each of 64 streams, six times over."""

    def more(index: bytes) -> bytes:
        track = index[(at := index.index(b"trak") - 4) : at + struct.unpack(">I", index[at : at + 4])[0]]
        return index + track * 63

    with_index(clip, more)
    named = struct.pack(">IIIIIHH", 0, 1, 1000, 0, 0, 0, 65_535) + struct.pack(">III", 1, 1, 0) * 65_535
    clip.write_bytes(clip.read_bytes() + box(b"sidx", named) * 6)
    return clip


def an_attachment(clip: Path) -> Path:
    """A file of many megabytes before the first packet."""
    size = 60_000_000
    head = bytes.fromhex("1a45dfa3") + bytes([0x88]) + bytes.fromhex("4282") + b"\x85webm\0"
    name = bytes.fromhex("466e") + b"\x81a" + bytes.fromhex("4660") + b"\x81b" + bytes.fromhex("46ae") + b"\x81\x01"
    attached = name + bytes.fromhex("465c") + b"\x01" + struct.pack(">Q", size)[1:] + bytes(size)
    file = bytes.fromhex("61a7") + b"\x01" + struct.pack(">Q", len(attached))[1:] + attached
    files = bytes.fromhex("1941a469") + b"\x01" + struct.pack(">Q", len(file))[1:] + file
    clip.write_bytes(head + bytes.fromhex("18538067") + b"\x01" + b"\xff" * 7 + files)
    return clip


def a_playlist(clip: Path) -> Path:
    other = clip.rename(clip.with_name("other.mp4"))
    clip.write_text(f"\ufeff#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{other}\n#EXT-X-ENDLIST\n")
    return clip


def a_list(clip: Path) -> Path:
    other = clip.rename(clip.with_name("other.mp4"))
    clip.write_text(f"ffconcat version 1.0\nfile {other}\n")
    return clip


def a_pipe(clip: Path) -> Path:
    clip.unlink()
    os.mkfifo(clip)
    return clip


def a_socket(clip: Path) -> Path:
    clip.unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(clip))
    return clip


def a_device(clip: Path) -> Path:
    clip.unlink()
    clip.symlink_to("/dev/zero")
    return clip


def a_folder(clip: Path) -> Path:
    clip.unlink()
    clip.mkdir()
    return clip


HOSTILE = {
    a_tag: "has an index that is compressed or too large",
    a_claim: "has an index that is compressed or too large",
    a_compressed_index: "has an index that is compressed or too large",
    a_claim_behind_many_boxes: "has an index that is compressed or too large",
    a_claim_in_what_is_free: "has an index that is compressed or too large",
    a_claim_behind_a_strange_head: "has an index that is compressed or too large",
    many_fragments: "has an index that is compressed or too large",
    an_attachment: "has a part of more than",
    a_playlist: "is a list of other files",
    a_list: "is a list of other files",
    a_pipe: "is not a regular file",
    a_socket: "is not a regular file|cannot be read",
    a_device: "is not a regular file",
    a_folder: "cannot be read",
}


@pytest.mark.parametrize(("spoil", "said"), HOSTILE.items(), ids=[spoil.__name__ for spoil in HOSTILE])
def test_what_is_no_clip_gets_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], Path], said: str
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    clip = spoil(make_clip(tmp_path / "clip.mp4", Recipe(sound=(0, 1.0))))
    reads: tuple[Callable[[], object], ...] = (
        lambda: read_frames(clip, "pyav", Pace()),
        lambda: read_sound(clip, 16_000),
        lambda: read_video(clip, sound=True),
    )
    for read in reads:
        with pytest.raises(DataError, match=f"clip.mp4 ({said})"):
            read()


def test_pictures_of_unknown_encoding_get_a_sentence(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.avi", Recipe(codec="mjpeg", pixels="yuvj420p"))
    clip.write_bytes(clip.read_bytes().replace(b"MJPG", b"\xff\xff\xff\x7f"))
    reads: tuple[Callable[[], object], ...] = (
        lambda: read_frames(clip, "pyav", Pace()),
        lambda: read_video(clip, sound=True),
    )
    for read in reads:
        with pytest.raises(DataError, match="its encoding is unknown"):
            read()


def test_a_part_that_sends_before_the_file_s_start_is_passed_over(tmp_path: Path) -> None:
    clip = tmp_path / "clip.w64"
    with av.open(clip, "w", "w64") as file:
        stream = file.add_stream("pcm_s16le", rate=16_000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.ones((1, 1600), np.int16), "s16", "mono")
        sound.sample_rate = 16_000
        file.mux(stream.encode(sound))
    content = clip.read_bytes()
    clip.write_bytes(content[:40] + b"abcd" + content[44:56] + struct.pack("<Q", 2**62) + content[40:])
    heard = read_sound(clip, 16_000)
    assert heard is not None
    assert len(heard) == 1600


@pytest.mark.parametrize("spoil", [a_pipe, a_socket, a_device, a_folder], ids=lambda spoil: spoil.__name__)
def test_what_is_no_file_is_never_waited_for(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], Path]
) -> None:
    monkeypatch.chdir(tmp_path)
    clip = Clip(spoil(make_clip(tmp_path / "clip.mp4")))
    with pytest.raises(DataError, match=r"clip.mp4 (is not a regular file|cannot be read)"):
        ClipReader(cache).frames(clip)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    kept = Cache(tmp_path / "cache", 10**9)
    yield kept
    kept.close()


def test_a_large_picture_is_refused_before_it_takes_memory(tmp_path: Path) -> None:
    large = make_clip(tmp_path / "large.mp4", Recipe(times=[0], size=(4096, 4096)))
    with pytest.raises(DataError, match=r"4096 × 4096 pixels, more than 9 megapixels; .*--clip-limits=megapixels=17"):
        read_frames(large, "pyav", Pace())
    raised = ClipLimits(megapixels=17)
    assert list(read_frames(large, "pyav", Pace(), raised)[1].pictures) == [0.0]


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_a_picture_that_grows_in_the_midst_of_a_stream_takes_no_memory(tmp_path: Path) -> None:
    small = make_clip(tmp_path / "small.mp4", Recipe(times=range(0, 1000, 40)))
    large = make_clip(tmp_path / "large.mp4", Recipe(times=range(0, 120, 40), size=(6144, 3456), options=FAST))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(as_transport_stream(clip, tmp_path) for clip in (small, large)))
    script = f"""
from pathlib import Path
from benchmark.clips.container import ClipFile, with_room
from benchmark.clips.decode import read_frames
from benchmark.errors import DataError
from benchmark.clips.pace import Pace
try:
    read_frames(Path({str(joined)!r}), "pyav", Pace())
except DataError:
    pass
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) / 1024 < PEAK_MB


def as_transport_stream(clip: Path, folder: Path) -> bytes:
    copy = folder / f"{clip.stem}.ts"
    with av.open(str(clip)) as source, av.open(str(copy), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    return copy.read_bytes()


def test_sound_is_cut_where_the_limit_is(tmp_path: Path, cache: Cache) -> None:
    clip = make_clip(tmp_path / "clip.mp4", Recipe(sound=(0, 6.0)))
    cut = read_sound(clip, 1000, ClipLimits(sound_seconds=2))
    assert cut is not None
    assert len(cut) == 2001
    sound = ClipReader(cache, limits=ClipLimits(sound_seconds=2)).sound(Clip(clip), rate=1000)
    whole = ClipReader(cache).sound(Clip(clip), rate=1000)
    assert sound is not None
    assert whole is not None
    assert (len(sound.samples), len(whole.samples) > 5900) == (2000, True)


def test_what_a_decoder_holds_back_to_the_last_is_heard(tmp_path: Path) -> None:
    """In a second stream too, beside others whose packets are read and left."""
    clip = tmp_path / "clip.wmv"
    with av.open(str(clip), "w") as target:
        make_clip(tmp_path / "picture.mp4", Recipe(codec="mpeg4"))
        with av.open(str(tmp_path / "picture.mp4")) as picture:
            stream = target.add_stream_from_template(picture.streams.video[0])
            sound = target.add_stream("wmav2", rate=44_100, layout="mono", bit_rate=64_000)
            for packet in picture.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    target.mux(packet)
        frame = av.AudioFrame.from_ndarray(np.ones((1, 2048 * 20), np.float32) / 2, "fltp", "mono")
        frame.sample_rate = 44_100
        for part in [*av.AudioResampler("fltp", "mono", 44_100, frame_size=2048).resample(frame), None]:
            target.mux(sound.encode(part))
    with av.open(str(clip)) as whole:
        resampler = av.AudioResampler("s16", "mono", 44_100)
        parts = [part for frame in [*whole.decode(audio=0), None] for part in resampler.resample(frame)]
    heard = np.concatenate([part.to_ndarray()[0] for part in parts])
    found = read_sound(clip, 44_100)
    assert found is not None
    assert found[-len(heard) :].tolist() == heard.tolist()


def test_a_whole_clip_is_no_larger_than_a_request(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", Recipe(size=(640, 480)))
    with pytest.raises(DataError, match=r"takes more than 0\.0075 MB, too much for one request.*request_mb=N"):
        read_video(clip, sound=False, limits=ClipLimits(request_mb=0.01))


def test_more_than_the_limit_is_not_decoded(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", Recipe(times=range(0, 9000, 40)))
    with pytest.raises(DataError, match=r"takes more than 0\.001 GB of decoded pictures"):
        read_frames(clip, "pyav", Pace(), ClipLimits(decoded_gb=0.001))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_spread_frames_show_the_whole_of_a_long_clip(tmp_path: Path, suffix: str) -> None:
    """Whether its packets are held or, where they are too many, read twice."""
    codec = "mpeg4" if suffix == ".avi" else "libx264"
    clip = make_clip(tmp_path / f"clip{suffix}", Recipe(times=range(0, 40_000, 100), codec=codec))
    held = read_frames(clip, "pyav", Pace(spread=True))[1]
    read_twice = with_room(partial(frames_by_pyav, pace=Pace(spread=True), held=10), ClipFile(clip, USUAL))
    for taken in (held, read_twice):
        assert list(map(number_of, taken.pictures.values())) == list(range(0, 400, 40))
        assert list(taken.pictures) == [4.0 * n for n in range(10)]
    assert read_twice == held
    assert Taken(held.pictures, read_length(clip)).length == pytest.approx(40, abs=0.2)
    assert list(read_frames(clip, "pyav", Pace())[1].pictures) == list(range(10))


def test_a_clip_that_fits_is_the_same_spread_or_not(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", Recipe(times=range(0, 10_000, 100)))
    assert read_frames(clip, "pyav", Pace(spread=True)) == read_frames(clip, "pyav", Pace())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("sound_seconds=0", ": sound_seconds must be more than 0 and at most 86,400, got 0"),
        ("megapixels=-1", ": megapixels must be more than 0 and at most 500, got -1"),
        ("decoded_gb=NaN", ": decoded_gb must be more than 0 and at most 100,000, got nan"),
        ("request_mb=1e400", ": request_mb must be more than 0 and at most 2,000, got inf"),
        ("request_mb=many", ": request_mb must be more than 0 and at most 2,000, got many"),
        ("frames=3", ": unknown limit frames; the limits are sound_seconds, megapixels, decoded_gb, request_mb"),
        ("megapixel=3", ": unknown limit megapixel; did you mean megapixels?"),
        ("9", " must be K=V, got 9"),
    ],
)
def test_a_limit_that_cannot_be_is_refused(given: str, said: str) -> None:
    with pytest.raises(RunError) as caught:
        parse_options(BenchmarkOptions, {"clip_limits": given})
    assert str(caught.value) == f"--clip-limits{said}"


def test_limits_are_written_as_they_are_given() -> None:
    options = parse_options(BenchmarkOptions, {"clip_limits": "sound_seconds=600,request_mb=100"})
    assert options.clip_limits == ClipLimits(sound_seconds=600, request_mb=100)
    assert options.clip_limits.stated == "sound_seconds=600,request_mb=100"


def growing(path: Path) -> None:
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        archive.writestr("x.mp4", bytes(200_000_000))


def twice(path: Path) -> None:
    with ZipFile(path, "w") as archive:
        archive.writestr("a\\x.mp4", "1")
        archive.writestr("a/x.mp4", "2")


def twice_by_detours(path: Path) -> None:
    with ZipFile(path, "w") as archive:
        archive.writestr("a/x.mp4", "x")
        archive.writestr("a/.//x.mp4", "y")


def nested(path: Path) -> None:
    with ZipFile(path, "w") as archive:
        archive.writestr("more.ZIP", "x")


def piped(path: Path) -> None:
    member = ZipInfo("x.mp4")
    member.external_attr = 0o010644 << 16
    with ZipFile(path, "w") as archive:
        archive.writestr(member, "x")


def overlapping(path: Path) -> None:
    """Two members of the same bytes."""
    with ZipFile(path, "w") as archive:
        archive.writestr("x.mp4", b"x" * 100)
        archive.writestr("y.mp4", b"y" * 100)
    content = bytearray(path.read_bytes())
    second = content.index(b"PK\1\2", content.index(b"PK\1\2") + 4)
    struct.pack_into("<I", content, second + 42, 0)
    path.write_bytes(content)


def crowded(path: Path) -> None:
    """A list of members that takes gigabytes, or says so."""
    path.write_bytes(
        bytes(DIRECTORY_BYTES + 1) + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 9, 9, DIRECTORY_BYTES + 1, 0, 0)
    )


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (growing, "would become 200,000,000, more than 100 times as many"),
        (twice, "it has two members with the name a/x.mp4"),
        (twice_by_detours, "it has two members with the name a/x.mp4"),
        (nested, "its member more.ZIP is itself a zip file; unpack it by hand"),
        (piped, "its member x.mp4 is neither a file nor a folder"),
        (overlapping, "its members x.mp4 and y.mp4 overlap"),
        (crowded, "its list of members takes more than 8,388,608 bytes"),
    ],
    ids=lambda part: getattr(part, "__name__", ""),
)
def test_a_zip_file_that_is_none_of_clips_is_refused(tmp_path: Path, make: Callable[[Path], None], said: str) -> None:
    make(tmp_path / "a.zip")
    with pytest.raises(DataError, match=f"is refused as a whole: .*{said}"):
        unpack(tmp_path / "a.zip", tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]
