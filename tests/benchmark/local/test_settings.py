"""What options say of a local model."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.errors import RunError
from benchmark.local.settings import COUNTS, FRACTIONS, parse_settings


def test_greedy_unless_a_temperature_asks_for_samples() -> None:
    assert parse_settings({}).generation == {"do_sample": False, "max_new_tokens": 1024}
    assert parse_settings({"temperature": 0}).generation == parse_settings({}).generation
    sampled = parse_settings({"temperature": 0.7, "top_p": 0.9, "max_new_tokens": 5}).generation
    assert sampled == {"do_sample": True, "temperature": 0.7, "top_p": 0.9, "max_new_tokens": 5}


def test_options_are_sorted_by_what_they_are_for() -> None:
    given = {"dtype": "bfloat16", "max_pixels": 200_704, "batch_size": 4, "revision": None, "sound_in_video": False}
    settings = parse_settings(given)
    assert settings.loading == {"dtype": "bfloat16"}
    assert settings.processing == {"max_pixels": 200_704}
    assert settings.batch == 4
    assert not settings.sound_in_video
    assert not settings.trusts_code


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tempreature": 1}, "unknown option tempreature of a local model; did you mean temperature?"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"batch_size": "many"}, "batch_size must be at least 1, got many"),
        ({"batch_size": True}, "batch_size must be at least 1, got True"),
        ({"max_new_tokens": "many"}, "max_new_tokens must be a number, got many"),
        ({"max_new_tokens": True}, "max_new_tokens must be a number, got True"),
        ({"max_new_tokens": 0}, "max_new_tokens must be a whole number of at least 1, got 0; omit it for the default"),
        ({"max_new_tokens": 16.5}, r"max_new_tokens must be a whole number of at least 1, got 16\.5"),
        ({"top_k": 5.0, "temperature": 1}, r"top_k must be a whole number of at least 1, got 5\.0"),
        ({"no_repeat_ngram_size": -1}, "no_repeat_ngram_size must be a whole number of at least 0, got -1"),
        ({"temperature": -0.1}, r"temperature must be at least 0, got -0\.1"),
        ({"top_p": 0, "temperature": 1}, "top_p must be greater than 0 and at most 1, got 0"),
        ({"top_p": 1.1, "temperature": 1}, "top_p must be greater than 0 and at most 1, got 1.1"),
        ({"repetition_penalty": 0}, "repetition_penalty must be greater than 0, got 0"),
        ({"top_p": 0.9}, "top_p has no effect without sampling; set temperature greater than 0"),
    ],
)
def test_what_is_wrong_is_told(options: dict[str, object], said: str) -> None:
    with pytest.raises(RunError, match=said):
        parse_settings(options)


def test_a_penalty_is_a_fraction_however_it_is_written() -> None:
    whole, fraction = parse_settings({"repetition_penalty": 2}), parse_settings({"repetition_penalty": 2.0})
    assert type(whole.generation["repetition_penalty"]) is float  # Transformers takes no other
    assert whole.identity == fraction.identity


ANYTHING = st.one_of(st.integers(-2, 60), st.floats(), st.floats(0, 2), st.booleans(), st.just(10**400))


@given(st.sampled_from([*COUNTS, *FRACTIONS]), ANYTHING)
def test_transformers_takes_all_that_is_let_through(name: str, value: float) -> None:
    with suppress(RunError):
        generation = parse_settings({"temperature": 1, name: value}).generation
        assert type(generation.get(name, 0.0)) is (int if name in COUNTS else float)
        _make_processors(generation)


def _make_processors(generation: Mapping[str, Any]) -> None:
    """What `generate` makes of these fields, each of which refuses what it does not take."""
    pytest.importorskip("torch")
    from transformers.generation import logits_process as made

    makers = {
        "temperature": made.TemperatureLogitsWarper,
        "top_k": made.TopKLogitsWarper,
        "top_p": made.TopPLogitsWarper,
        "repetition_penalty": made.RepetitionPenaltyLogitsProcessor,
        "no_repeat_ngram_size": made.NoRepeatNGramLogitsProcessor,
    }
    for name, make in makers.items():
        if generation.get(name):  # 0 switches it off
            make(generation[name])
    assert generation.get("min_new_tokens", 0) >= 0
    assert generation["max_new_tokens"] >= 1


def test_where_it_is_computed_does_not_make_another_model() -> None:
    identity = parse_settings({"dtype": "bfloat16"}).identity
    assert parse_settings({"dtype": "bfloat16", "device_map": "cpu", "batch_size": 3}).identity == identity
    assert parse_settings({"dtype": "float16"}).identity != identity
    assert parse_settings({"dtype": "bfloat16", "max_new_tokens": 7}).identity != identity
    assert parse_settings({"dtype": "bfloat16", "sound_in_video": False}).identity != identity


def test_one_thing_has_one_identity() -> None:
    identity = parse_settings({"temperature": 1}).identity
    for same in ({"temperature": 1.0}, {"temperature": 1, "dtype": "auto"}, {"temperature": 1, "revision": "main"}):
        assert parse_settings(same).identity == identity


def test_devices_have_numbers_though_json_has_none() -> None:
    settings = parse_settings({"max_memory": {"0": "10GiB", "cpu": "1GiB"}})
    assert settings.loading["max_memory"] == {0: "10GiB", "cpu": "1GiB"}


@pytest.mark.parametrize(
    ("named", "device"),
    [("cpu", "cpu"), ("cuda:1", "cuda:1"), ("auto", None), ("balanced", None), ("cuda", None), (None, None)],
)
def test_the_device_that_the_user_names(named: str | None, device: str | None) -> None:
    assert parse_settings({"device_map": named}).device == device
