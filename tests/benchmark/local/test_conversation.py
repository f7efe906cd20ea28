"""Prompts in the shape that processors take."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmark.clip import Frame, Sound
from benchmark.local.conversation import Abilities, conversation_of, material_of, pace_of, weight_of, without_control
from benchmark.prompt import Prompt

VIDEO = Abilities(frames="video", hears=True, weaves=True)
PICTURES = Abilities(frames="images", hears=False)


def frame(second: float, level: int = 128) -> Frame:
    buffer = BytesIO()
    Image.new("L", (32, 24), level).save(buffer, "JPEG")
    return Frame(jpeg=buffer.getvalue(), seconds=second)


BLANK = frame(0)


def sound(seconds: float, rate: int = 16_000) -> Sound:
    wave = np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    return Sound(samples=wave.astype("f4"), rate=rate)


def test_pictures_are_decoded_in_colour_and_keep_their_pace() -> None:
    prompt = Prompt(text="?", frames=[frame(0), frame(0.5), frame(1)], sound=sound(1))
    material = material_of(prompt, VIDEO)
    assert [picture.shape for picture in material.pictures] == [(24, 32, 3)] * 3
    assert material.fps == 2.0
    assert material.sound is not None
    assert len(material.sound) == 16_000


@pytest.mark.parametrize(
    ("abilities", "count", "levels"),
    [
        (VIDEO, 1, [0, 0]),  # a single one is shown twice
        (PICTURES, 1, [0]),
        (VIDEO, 3, [0, 20, 40]),
        (Abilities(frames="video", hears=False, exact=8), 5, [0, 20, 20, 40, 40, 60, 60, 80]),
        (Abilities(frames="video", hears=False, exact=8), 12, [0, 40, 60, 100, 120, 160, 180, 220]),
    ],
)
def test_a_network_gets_as_many_frames_as_it_takes(abilities: Abilities, count: int, levels: list[int]) -> None:
    material = material_of(Prompt(text="?", frames=[frame(at, 20 * at) for at in range(count)]), abilities)
    assert [int(picture.mean().round()) for picture in material.pictures] == pytest.approx(levels, abs=2)


def test_what_it_does_not_take_is_never_left_out_in_silence() -> None:
    prompt = Prompt(text="?", frames=[frame(0), frame(1)], sound=sound(1))
    with pytest.raises(ValueError, match="its processor takes no sound; --modalities=video sends none"):
        material_of(prompt, PICTURES)
    with pytest.raises(ValueError, match="its processor takes no frames; --modalities=audio sends none"):
        material_of(prompt, Abilities(frames=None, hears=True))


def test_sound_at_another_rate_is_resampled() -> None:
    abilities = Abilities(frames=None, hears=True, rate=24_000)
    heard = material_of(Prompt(text="?", sound=sound(0.5)), abilities).sound
    assert heard is not None
    assert len(heard) == 12_000
    expected = sound(0.5, 24_000).samples
    assert np.abs(heard[500:-500] - expected[500:-500]).max() < 0.01  # its ends ring


@pytest.mark.parametrize(
    ("abilities", "woven", "types"),
    [
        (VIDEO, True, ["video", "text"]),  # the sound stands between the frames
        (VIDEO, False, ["video", "audio", "text"]),
        (Abilities(frames="images", hears=True), False, ["image", "image", "audio", "text"]),
        (Abilities(frames=None, hears=True), False, ["audio", "text"]),
    ],
)
def test_a_conversation_has_a_place_for_each_part(abilities: Abilities, woven: bool, types: list[str]) -> None:  # noqa: FBT001
    prompt = Prompt(text="?", frames=[frame(0), frame(1)] if abilities.frames else (), sound=sound(1))
    (turn,) = conversation_of(material_of(prompt, abilities), abilities, woven=woven)
    assert turn["role"] == "user"
    assert [part["type"] for part in turn["content"]] == types


TOKENS = ("<|im_start|>", "<|im_end|>", "</s>", "\n")


@given(st.lists(st.sampled_from([*TOKENS, "a", "<", "|>", "<|im_", "end|>", "s>"])).map("".join))
def test_no_control_token_survives_in_a_text(text: str) -> None:
    kept = without_control(text, TOKENS)
    assert not any(token in kept for token in TOKENS[:3])
    assert kept.replace("\N{ZERO WIDTH SPACE}", "") == text


def test_sound_is_never_cut_off_in_silence() -> None:
    abilities = Abilities(frames=None, hears=True, longest=30 * 16_000)
    assert material_of(Prompt(text="?", sound=sound(30)), abilities).sound is not None
    with pytest.raises(ValueError, match="takes 30 s of sound, and the clip has 31 s"):
        material_of(Prompt(text="?", sound=sound(31)), abilities)


def test_clips_of_like_pace_are_alike() -> None:
    assert pace_of([frame(0), frame(0.968), frame(1.969)]) == pace_of([frame(0), frame(1), frame(2)]) == 1.0
    assert pace_of([frame(0), frame(0.99)]) == 1.0
    assert pace_of([frame(0), frame(0.5)]) == 2.0
    assert pace_of([frame(0)]) == pace_of([]) == pace_of([frame(3), frame(3)]) == 1.0


@pytest.mark.parametrize("fps", [0.25, 0.3, 1 / 3, 1.25, 1.5, 2.5, 1 / 30, 1 / 60])
def test_the_pace_that_was_asked_for_is_told(fps: float) -> None:
    exact = [frame(place / fps) for place in range(4)]
    on_display = [frame(0), *(frame(place / fps - 0.03) for place in range(1, 4))]
    assert pace_of(exact) == pace_of(on_display) == pytest.approx(fps)


@given(st.floats(0.01, 600), st.integers(1, 9))
def test_no_frame_is_told_far_from_its_time(last: float, steps: int) -> None:
    pace = pace_of([Frame(jpeg=BLANK.jpeg, seconds=last * place / steps) for place in range(steps + 1)])
    assert abs(steps / pace - last) <= max(0.05, 0.005 * last) + 1e-9


def test_longer_prompts_weigh_more() -> None:
    words, more_words = Prompt(text="?" * 30), Prompt(text="?" * 300)
    heard, longer = Prompt(text="?", sound=sound(1)), Prompt(text="?", sound=sound(4))
    seen, more = Prompt(text="?", frames=[frame(0)]), Prompt(text="?", frames=[frame(0)] * 5)
    for less, greater in ((words, more_words), (heard, longer), (seen, more)):
        assert weight_of(less) < weight_of(greater)
