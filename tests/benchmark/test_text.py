"""Text and JSON as they come in: half characters, `NaN`, and files that are not what their names say."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.errors import DataError
from benchmark.text import clip_disguise, clip_flaw, mended, parse_json, read_text, storable

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb\nsize 12345\n"
PAGES = ("<!DOCTYPE html><title>404</title>", "<html lang='en'>", "\n \t<HTML>", "\ufeff<!doctype HTML>")

HALVES = st.characters(categories=["Cs"])
TEXTS = st.text(st.one_of(st.characters(), HALVES), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def faultless(value: object) -> bool:
    """Whether a value can be written as UTF-8 and holds no `NaN`."""
    if isinstance(value, list):
        return all(map(faultless, value))
    if isinstance(value, dict):
        return all(map(faultless, (*value, *value.values())))
    if isinstance(value, str):
        return not any("\ud800" <= sign <= "\udfff" for sign in value)
    return not (isinstance(value, float) and math.isnan(value))


@given(VALUES)
def test_what_json_says_can_be_written_down_and_is_there(value: object) -> None:
    found = parse_json(json.dumps(value))

    assert faultless(found)
    assert found == mended(value)
    if faultless(value):
        assert found == value


@given(VALUES)
def test_what_has_been_mended_stays_as_it_is(value: object) -> None:
    assert mended(mended(value)) == mended(value)


def test_two_halves_are_one_character_and_one_is_replaced() -> None:
    assert parse_json(r'["\ud83d\ude00", "\ud83d", {"\ude00a": NaN}]') == ["😀", "\ufffd", {"\ufffda": None}]
    assert parse_json("[Infinity, -Infinity]") == [None, None]
    assert storable("\ud83d\ude00") == "😀"


@pytest.mark.parametrize("text", ["", "{", "[1,]", "nan", "[" * 100_000, "9" * 5000])
def test_what_is_no_json_is_said_to_be_none(text: str) -> None:
    with pytest.raises(DataError, match=r"^is not valid JSON"):
        parse_json(text)


def test_half_characters_in_a_files_bytes_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("\ufeffa\ud83dz \ud83d\ude00\r\n".encode("utf-8", "surrogatepass"))

    assert read_text(tmp_path / "a.csv") == "a\ufffdz 😀\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (POINTER, "is a Git LFS pointer, not a data file: run `git lfs pull`"),
        *((page, "is a web page, not a data file: download it again") for page in PAGES),
        (" \n", "is empty"),
    ],
)
def test_a_data_file_that_is_something_else_is_called_that(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text, "utf-8")
    with pytest.raises(DataError) as caught:
        read_text(tmp_path / "a.json")

    assert str(caught.value) == said


@pytest.mark.parametrize("text", ["version 2 of https://git-lfs.github.com", "<htmlish>", "a <html>", "[]"])
def test_other_files_are_read(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text, "utf-8")

    assert read_text(tmp_path / "a.json") == text


def test_only_a_small_clip_is_looked_into_before_it_is_decoded(tmp_path: Path) -> None:
    clip = tmp_path / "a.mp4"
    clip.write_text(POINTER)

    assert clip_flaw(clip, len(POINTER)) == "is a Git LFS pointer, not a clip: run `git lfs pull`"
    assert clip_flaw(clip, 5000) == ""
    assert clip_flaw(clip, 0) == "is empty"
    for page in PAGES:
        clip.write_text(page + " " * 5000, "utf-8")
        assert clip_disguise(clip) == "is a web page, not a clip: download it again"
    clip.write_bytes(bytes(range(256)))
    assert clip_disguise(clip) == clip_disguise(tmp_path / "none.mp4") == ""
