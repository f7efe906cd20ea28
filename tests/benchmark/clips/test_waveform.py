"""How loud a clip is over time."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.clip import Clip
from benchmark.clips.reader import ClipReader
from benchmark.clips.waveform import STRETCHES, Waveform, packed, waveform_of
from benchmark.storage.cache import Cache
from tests.benchmark.kept import keys_of
from tests.benchmark.made_clips import Recipe, make_clip


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with closing(Cache(tmp_path / "cache")) as opened:
        yield opened


def test_a_waveform_follows_the_sound(tmp_path: Path, cache: Cache) -> None:
    clip = Clip(make_clip(tmp_path / "clip.mp4", Recipe(sound=(1.0, 2.0))))
    waveform = ClipReader(cache).waveform(clip)
    assert waveform is not None
    assert waveform.seconds == pytest.approx(2.0, abs=0.1)
    peaks = np.frombuffer(bytes.fromhex(waveform.peaks), np.uint8)
    assert len(peaks) == STRETCHES
    assert peaks[: STRETCHES * 4 // 10].max() < 10
    assert peaks[STRETCHES * 6 // 10 : STRETCHES * 9 // 10].min() > 100
    (key,) = keys_of(cache, "wave")
    cache.put(key, packed(Waveform(peaks="6b657074", seconds=1.0)))
    assert ClipReader(cache).waveform(clip) == Waveform(peaks="6b657074", seconds=1.0)


def test_no_clip_is_read_for_its_waveform_alone(tmp_path: Path, cache: Cache) -> None:
    reader, clip = ClipReader(cache), Clip(make_clip(tmp_path / "clip.mp4", Recipe(sound=(0, 2.0))))
    assert asyncio.run(reader.waveform_soon(clip)) is None
    reader.frames(clip)
    waveform = asyncio.run(reader.waveform_soon(clip))
    assert waveform is not None
    assert asyncio.run(reader.waveform_soon(clip)) == waveform


def test_a_link_made_meanwhile_costs_no_waveform(tmp_path: Path, cache: Cache) -> None:
    reader, clip = ClipReader(cache), Clip(make_clip(tmp_path / "clip.mp4", Recipe(sound=(0, 2.0))))
    reader.frames(clip)
    (tmp_path / "another run's.mp4").hardlink_to(clip.path)
    assert asyncio.run(reader.waveform_soon(clip)) is not None


def test_no_sound_has_no_waveform(tmp_path: Path, cache: Cache) -> None:
    clip = Clip(make_clip(tmp_path / "clip.mp4"))
    assert ClipReader(cache).waveform(clip) is None
    assert ClipReader(cache).waveform(clip) is None  # and this is known from then on


@given(levels=st.lists(st.integers(-32768, 32767), min_size=1, max_size=1000))
def test_a_waveform_has_the_largest_level(levels: list[int]) -> None:
    waveform = waveform_of(np.array(levels, dtype=np.int16), 16_000)
    peaks = bytes.fromhex(waveform.peaks)
    assert len(peaks) == STRETCHES
    assert max(peaks) == min(255, max(map(abs, levels)) * 255 // 32768)


KEPT = st.binary(max_size=20) | st.sampled_from([b"{}", b"[]", b"3", b'{"peaks": 3}', b'{"peaks": "zz", "seconds": 1}'])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(KEPT)
def test_what_is_kept_and_cannot_be_read_is_measured_anew(tmp_path: Path, cache: Cache, kept: bytes) -> None:
    path = tmp_path / "clip.mp4"
    reader, clip = ClipReader(cache), Clip(path if path.exists() else make_clip(path, Recipe(sound=(0, 0.5))))
    waveform, frames = reader.waveform(clip), reader.frames(clip)
    for kind in ("wave", "clip", "file"):
        for key in keys_of(cache, kind):
            cache.put(key, kept)
    again = ClipReader(cache)

    assert again.waveform(clip) == waveform
    assert again.frames(clip).digest == frames.digest
