"""What options say of a local model."""

import pytest

from benchmark.errors import RunError
from benchmark.local.settings import MAX_NEW_TOKENS, parse_settings


def test_greedy_unless_a_temperature_asks_for_samples() -> None:
    assert parse_settings({}).generation == {"do_sample": False, "max_new_tokens": MAX_NEW_TOKENS}
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
    ("given", "said"),
    [
        ({"tempreature": 1}, "knows no option tempreature; it knows .*temperature"),
        ({"batch_size": 0}, "batch_size=0 is no number of requests"),
        ({"batch_size": "many"}, "batch_size=many is no number of requests"),
        ({"max_new_tokens": "many"}, "max_new_tokens=many is no number"),
        ({"top_p": 0.9}, "top_p=0.9 has a meaning only for samples: set a temperature above 0"),
    ],
)
def test_what_is_wrong_is_told(given: dict[str, object], said: str) -> None:
    with pytest.raises(RunError, match=said):
        parse_settings(given)


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
    ("given", "device"),
    [("cpu", "cpu"), ("cuda:1", "cuda:1"), ("auto", None), ("balanced", None), ("cuda", None), (None, None)],
)
def test_the_device_that_the_user_names(given: str | None, device: str | None) -> None:
    assert parse_settings({"device_map": given}).device == device
