"""Text of others, made fit for a terminal, a log and a Markdown file."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.errors import DataError, RunError
from benchmark.printed import as_inline_markdown, printable

PARTS = st.lists(
    st.sampled_from(
        ["::", ":", "#", "##", "[", "error", " ", "\t", "\n", "\r", "\v", "\f", "\x85", "\u2028", "vso", "é"]
    )
    | st.characters(),
    max_size=12,
).map("".join)


def obeyed(text: str) -> bool:
    """Whether a runner would take a line for a command: of GitHub, by its start; of it and Azure, anywhere."""
    lines = re.split(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", text)
    return any(line.lstrip().startswith("::") for line in lines) or bool(re.search(r"##[\w.]*\[", text))


@given(PARTS)
def test_nothing_steers_a_terminal_or_a_runner(text: str) -> None:
    found = printable(text)
    assert not obeyed(found)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]", found)
    assert printable(found) == found


@pytest.mark.parametrize("text", ["", "wrong: 3 :: 4", "a\n  b\n", "# head", "tests/test_x.py::test_y", "é 中 😀 ##"])
def test_a_text_that_is_harmless_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::error::x", ": :error::x"),
        ("a\n \t::set-output name=x::y", "a\n  : :set-output name=x::y"),
        ("\u2028::stop-commands::x", " : :stop-commands::x"),
        ("x ##[error]y", "x # #[error]y"),
        ("##vso[task.setvariable]y", "# #vso[task.setvariable]y"),
        ("##teamcity[x]", "# #teamcity[x]"),
        ("###[x]", "## #[x]"),
        ("\x1b[31mred\x1b[0m\x07", " [31mred [0m "),
        ("a\u202egnp.exe", "a gnp.exe"),
        ("one\r\ntwo\rthree", "one\ntwo three"),
    ],
)
def test_what_is_obeyed_is_parted(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert str(RunError(text)) == shown


@given(PARTS | st.sampled_from(["[x](javascript:y)", "![x](//y)", "<img src=x>", "a|b", "`x`", "@all", "# x", "- x"]))
def test_markdown_shows_it_as_text(text: str) -> None:
    shown = as_inline_markdown(text)
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*\[\]|]", shown)
    assert not re.search("[<>@]", shown)


def test_an_error_that_quotes_a_book_is_short() -> None:
    said = str(DataError(f"the file holds `{'x' * 10**7}`; correct it"))
    assert len(said) < 21_000
    assert said.startswith("the file holds `xxx")
    assert said.endswith("xxx`; correct it")
