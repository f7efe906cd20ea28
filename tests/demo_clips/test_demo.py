import json
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.clip import Clip, Frame, Sound
from benchmark.clips.reader import ClipReader
from benchmark.data.dataset import read_samples
from benchmark.storage.cache import Cache
from benchmark.task import Sample
from evaluators.judge.labels import named_labels
from tests.demo_clips.make_clips import make_clip, write_task
from tests.demo_clips.script import CLIPS, LABEL_SETS
from tests.tasks import DEMO, clip_of

SAMPLES = read_samples("demo").samples
NEEDS_ESPEAK = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="the espeak-ng program is not installed")


def pixels(frame: Frame, folder: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    path = folder / "frame.jpg"
    path.write_bytes(frame.jpeg)
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), np.float64)


def heard(reader: ClipReader, path: Path) -> Sound:
    sound = reader.sound(Clip(path))
    assert sound is not None
    return sound


def test_there_are_six_clips_a_task_in_less_than_four_megabytes() -> None:
    assert Counter(sample.task.name for sample in SAMPLES) == dict.fromkeys(LABEL_SETS, 6)
    assert sum(path.stat().st_size for path in DEMO.rglob("*") if path.is_file()) < 4_000_000


def test_the_questions_ask_what_the_script_plans() -> None:
    planned = [plan.labels for sample in SAMPLES[::6] for plan in CLIPS[sample.task.name]]

    assert [sample.targets for sample in SAMPLES] == planned
    assert all(sample.audio_clue for sample in SAMPLES)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.id)
def test_a_clip_is_short_and_can_be_seen_and_heard(sample: Sample, tmp_path: Path) -> None:
    reader = ClipReader(Cache(tmp_path))
    sound = heard(reader, clip_of(sample).path)

    assert 2.5 <= len(sound.samples) / sound.rate <= 10
    assert 3 <= len(reader.frames(clip_of(sample))) <= 10


def test_no_file_name_tells_a_label() -> None:
    names = [path.stem for path in DEMO.rglob("*") if path.is_file() and path.suffix != ".json"]

    assert len(names) == 48
    for name in names:
        words = " ".join(re.findall("[A-Za-z]+", name))
        assert not any(named_labels(words, labels) for labels in LABEL_SETS.values())


@NEEDS_ESPEAK
@pytest.mark.parametrize("name", ["Noise-ER"])
def test_a_task_written_afresh_asks_the_same(name: str, tmp_path: Path) -> None:
    write_task(name, CLIPS[name][:1], tmp_path)
    fresh = {path.relative_to(tmp_path): json.loads(path.read_text()) for path in tmp_path.rglob("*.json")}

    kept = {path.relative_to(DEMO): json.loads(path.read_text())[:1] for path in (DEMO / name).rglob("*.json")}
    assert fresh == kept
    assert len(fresh) == 2


@NEEDS_ESPEAK
@pytest.mark.parametrize(("name", "number"), [("ML-ER", 1), ("Noise-ER", 1)])
def test_a_clip_made_afresh_is_the_same(name: str, number: int, tmp_path: Path) -> None:
    plan = CLIPS[name][number - 1]
    kept = DEMO / name / f"Drawn/video/{name.replace('-', '_')}_{number:02d}{plan.suffix}"
    fresh = tmp_path / kept.name
    make_clip(plan, 8 * number + len(name), fresh)
    reader = ClipReader(Cache(tmp_path))

    assert len(heard(reader, fresh).samples) == len(heard(reader, kept).samples)
    pairs = list(zip(reader.frames(Clip(fresh)), reader.frames(Clip(kept)), strict=True))
    assert len(pairs) >= 3
    for one, other in pairs:
        error = float(np.mean((pixels(one, tmp_path) - pixels(other, tmp_path)) ** 2))
        assert 10 * np.log10(255**2 / max(error, 1e-9)) > 38  # dB, the peak signal-to-noise ratio
