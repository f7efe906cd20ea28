"""Which names stand for one model."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.accounts.snapshots import is_same_model, one_for_each


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("gpt-4o", "gpt-4o"),
        ("gpt-4o", "gpt-4o-2024-08-06"),
        ("openai/gpt-4o", "gpt-4o-2024-08-06"),
        ("gpt-4o", "openai/gpt-4o"),
        ("claude-haiku-4-5", "claude-haiku-4-5-20251001"),
        ("qwen-vl-max", "qwen-vl-max-0813"),
        ("qwen2.5-vl", "qwen2.5-vl-250813"),
        ("gemini-2.0-flash", "gemini-2.0-flash-001"),
        ("gemini-2.5-pro", "models/gemini-2.5-pro"),
        ("Qwen/Qwen3-VL-8B-Instruct", "qwen/qwen3-vl-8b-instruct"),
        ("claude-sonnet-4-5", "claude-sonnet-4-5@20250929"),
        ("gemini-2.5-pro-preview", "gemini-2.5-pro-preview-06-05"),
        ("gemini-2.5-flash-preview", "gemini-2.5-flash-preview-09-2025"),
        ("mistral-large-latest", "mistral-large-2411"),
        ("llava", "llava:latest"),
    ],
)
def test_a_dated_snapshot_is_the_model_asked_for(asked: str, answered: str) -> None:
    assert is_same_model(asked, answered)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("gemini-2.5-pro", "gemini-3.8-flash"),
        ("gpt-4o", "gpt-4o-mini"),
        ("gpt-4o", "gpt-4o-mini-2024-07-18"),
        ("gpt-4o-2024-08-06", "gpt-4o-2024-11-20"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4o", "gpt-4o-2024-13-06"),
        ("gpt-4o", "gpt-4o-2024-0806"),
        ("gpt-4o", "gpt-4o-audio-preview"),
        ("gpt-4o", "gpt-4o-2"),
        ("gpt-4", "gpt-4.1"),
        ("qwen-vl-max", "qwen-vl-max-1340"),
        ("mine/qwen3-vl-8b", "qwen/qwen3-vl-8b"),
        ("gemini-2.5-pro", "gemini-2.5-pro-preview-05-06"),
    ],
)
def test_anything_else_is_another(asked: str, answered: str) -> None:
    assert not is_same_model(asked, answered)


@given(st.from_regex(r"[a-z]{1,6}-[0-9]\.[0-9]", fullmatch=True), st.dates(datetime.date(2020, 1, 1)))
def test_every_date_makes_a_snapshot_and_no_snapshot_is_its_model_s_model(name: str, day: datetime.date) -> None:
    for form in ("%Y-%m-%d", "%Y%m%d"):
        dated = f"{name}-{day.strftime(form)}"
        if day.year < 2100:
            assert is_same_model(name, dated)
        assert not is_same_model(dated, name)


def test_a_name_and_its_snapshot_are_one_model() -> None:
    assert one_for_each(["gpt-4o", "gpt-4o-2024-08-06", "gpt-4o"]) == ("gpt-4o-2024-08-06",)
    assert one_for_each(["gpt-4o-2024-08-06", "gpt-4o"]) == ("gpt-4o-2024-08-06",)
    assert one_for_each(["gpt-4o-2024-08-06", "gpt-4o-2024-11-20", "gpt-4o"]) == (
        "gpt-4o-2024-08-06",
        "gpt-4o-2024-11-20",
    )
    assert one_for_each([]) == ()
