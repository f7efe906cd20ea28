import asyncio
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from string import Template

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from benchmark.clip import Sound
from benchmark.clips.reader import ClipReader
from benchmark.data.dataset import read_samples
from benchmark.errors import ModelError
from benchmark.models.asking import Prompter, Watching
from benchmark.models.signal import FaceMeasure, SignalModel, VoiceMeasure, measure_face, measure_voice
from benchmark.models.templates import read_templates
from benchmark.prompt import Modality, Prompt
from benchmark.storage.cache import Cache
from benchmark.suite import find_suite
from evaluators.judge.labels import named_labels
from tests.demo_clips.face import Expression, draw_face
from tests.demo_clips.script import PERSONS

RATE = 16_000
SAMPLES = read_samples("demo").samples
QUESTION = read_templates(find_suite().home)["question"]
BOTH: frozenset[Modality] = frozenset({"video", "audio"})


def tone(frequency: float, rms: float = 0.1) -> Sound:
    times = np.arange(RATE) / RATE
    return Sound(samples=(rms * np.sqrt(2) * np.sin(2 * np.pi * frequency * times)).astype(np.float32), rate=RATE)


def voice(sound: Sound) -> VoiceMeasure:
    measured = measure_voice(sound)
    assert measured is not None
    return measured


def face(expression: Expression, person: int = 0) -> FaceMeasure:
    buffer = BytesIO()
    Image.fromarray(draw_face(PERSONS[person], expression, speaking=0, blink=0)).save(buffer, "jpeg", quality=95)
    measured = measure_face(buffer.getvalue())
    assert measured is not None
    return measured


def last_lines(folder: Path, modalities: frozenset[Modality], template: Template = QUESTION) -> list[str]:
    """The model's conclusion on each demo clip."""
    prompter = Prompter(reader=ClipReader(Cache(folder)), templates={"": template}, modalities=modalities)

    async def ask() -> list[str]:
        return [(await Watching(SignalModel(), prompter).answer(sample)).text.splitlines()[-1] for sample in SAMPLES]

    return asyncio.run(ask())


@given(st.floats(90, 350))
@example(200.0)
def test_pitch_is_found_over_the_range_of_voices(frequency: float) -> None:
    assert voice(tone(frequency)).pitch_hz == pytest.approx(frequency, rel=0.03)


@given(st.floats(0.01, 0.7))
def test_loudness_is_that_of_the_root_mean_square(rms: float) -> None:
    assert voice(tone(200, rms)).loudness_db == pytest.approx(20 * np.log10(rms), abs=0.1)


@pytest.mark.parametrize("seconds", [0.0, 0.01, 1.0])
def test_silence_has_no_voice(seconds: float) -> None:
    assert measure_voice(Sound(samples=np.zeros(int(seconds * RATE), np.float32), rate=RATE)) is None


@pytest.mark.parametrize("person", [0, 1, 2, 3, 4])
def test_a_smile_is_told_from_its_opposite(person: int) -> None:
    assert face(Expression(smile=1), person).smile > 0.01
    assert face(Expression(smile=-1), person).smile < -0.01


def test_an_open_mouth_is_higher_than_a_closed_one() -> None:
    assert face(Expression(gape=1)).gape > 2 * face(Expression()).gape


def test_a_grey_picture_shows_no_face() -> None:
    Image.new("RGB", (64, 64), (128, 128, 128)).save(buffer := BytesIO(), "jpeg")
    assert measure_face(buffer.getvalue()) is None


@pytest.mark.parametrize(
    ("labels", "shown", "reason"),
    [
        (("happy", "sad"), Prompt(text=""), "neither frames nor sound"),
        ((), Prompt(text="", sound=tone(200)), "candidate labels"),
    ],
)
def test_a_sample_without_candidates_or_material_is_refused(
    labels: tuple[str, ...], shown: Prompt, reason: str
) -> None:
    with pytest.raises(ModelError, match=reason):
        asyncio.run(SignalModel().watch(replace(SAMPLES[0], label_set=labels), shown))


@pytest.mark.parametrize(
    "modalities", [BOTH, frozenset({"video"}), frozenset({"audio"})], ids=["both", "seen", "heard"]
)
def test_every_answer_ends_with_labels_of_the_set(modalities: frozenset[Modality], tmp_path: Path) -> None:
    for sample, line in zip(SAMPLES, last_lines(tmp_path, modalities), strict=True):
        labels = line.removeprefix("Answer: ").split(", ")
        assert line.startswith("Answer: ")
        assert set(named_labels(line, sample.label_set)) == set(labels)
        assert len(labels) <= 1 + sample.task.several


def test_the_wording_of_the_question_does_not_change_an_answer(tmp_path: Path) -> None:
    other = Template("$material: $subject? $question Choose among $labels, $how_many")
    assert last_lines(tmp_path, BOTH, other) == last_lines(tmp_path, BOTH)


def test_it_does_better_than_chance_on_the_demo(tmp_path: Path) -> None:
    asked = [pair for pair in zip(SAMPLES, last_lines(tmp_path, BOTH), strict=True) if not pair[0].task.several]
    right = [line == f"Answer: {sample.targets[0]}" for sample, line in asked]

    assert sum(right) / len(right) > 0.3
