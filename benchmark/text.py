"""Text and JSON as the files of people and programs hold them, made fit for use."""

import difflib
import json
import math
import os
import re
from collections.abc import Iterable
from pathlib import Path

from benchmark.errors import DataError
from benchmark.printed import printable
from benchmark.storage.given import read_whole, strange

_POINTER = "version https://git-lfs.github.com/spec/v1"
_PAGE = re.compile(r"<!doctype html|<html\b", re.IGNORECASE)
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
LONGEST_NAME = 200
"""Characters of a model's name that are told."""

QUOTED = 100
"""Characters of a file's words that a sentence quotes."""

SEATS = " + "
"""What stands between the names of a panel's judges, and in no name."""

_SMALL = 1024
"""Bytes: no clip is smaller, and no pointer of Git LFS larger."""


def storable(text: str) -> str:
    """The text with lone surrogates replaced: halves of a character, which JSON may carry and UTF-8 may not."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def one_line(text: str, most: int) -> str:
    """The text on one line of so many characters at most, without what would steer a terminal."""
    plain = "".join(sign if sign.isprintable() else " " for sign in storable(text[: 20 * most]))
    return printable(" ".join(plain.split()))[:most]


def similar(name: str, known: Iterable[str], most: int = 1, cutoff: float = 0.6) -> list[str]:
    """The known names most like this one, whatever their case, at most so many; empty if none is like it."""
    folded = {other.casefold(): other for other in known}
    return [folded[one] for one in difflib.get_close_matches(name.casefold(), folded, n=most, cutoff=cutoff)]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: `; did you mean NAME?`, or nothing if no known name is like it."""
    return "".join(f"; did you mean {other}?" for other in similar(name, known))


def mended(value: object) -> object:
    """A value of JSON or of a table, half characters replaced; `NaN` is None: it says that nothing is there."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [mended(part) for part in value]
    if isinstance(value, dict):
        return {mended(name): mended(part) for name, part in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def parse_json(text: str) -> object:
    """What a JSON text says, `mended`.

    Raises:
        DataError: it is no JSON; the text does not name the file.
    """
    try:
        value = json.loads(text, parse_constant=_constant)
        return mended(value) if _HALF.search(text) else value
    except (ValueError, RecursionError) as error:
        raise DataError(f"is no JSON ({error})") from error


def _constant(name: str) -> None:  # noqa: ARG001  NaN and the infinities say nothing
    return None


def read_text(path: Path) -> str:
    """A data file that is not empty, with or without a byte-order mark; half characters are replaced.

    Raises:
        DataError: it cannot be read, is empty, or is something else under this name; the text does not name the file.
    """
    try:
        text = storable(read_whole(path).decode("utf-8-sig", "surrogatepass"))
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise DataError(f"is not UTF-8 ({error})") from error
    if not text.strip():
        raise DataError("is empty")
    if disguise := _disguise(text, "a data file"):
        raise DataError(disguise)
    return text


NOT_REGULAR = -1
"""In place of the size of a pipe, a device or a socket: to open it may never end."""


def size_of(state: os.stat_result) -> int:
    """The size in bytes of a file, or `NOT_REGULAR`."""
    return NOT_REGULAR if strange(state) else state.st_size


def clip_flaw(path: Path, size: int) -> str:
    """Why a clip of so many bytes cannot be used; empty where its size is no reason to look, or it seems to be one."""
    if size == NOT_REGULAR:
        return "is no regular file"
    if not size:
        return "is empty"
    return clip_disguise(path) if size < _SMALL else ""


def clip_disguise(path: Path) -> str:
    """What lies there in place of a clip, and what to do; empty where that is not known."""
    try:
        with path.open("rb") as file:
            head = file.read(_SMALL)
    except OSError:
        return ""
    return _disguise(head.decode("utf-8-sig", "replace"), "a clip")


def _disguise(text: str, wanted: str) -> str:
    start = text[:_SMALL].lstrip()
    if start.startswith(_POINTER):
        return f"is a Git LFS pointer, not {wanted}: run `git lfs pull`"
    if _PAGE.match(start):
        return f"is a web page, not {wanted}: download it again"
    return f"is an error message, not {wanted}: download it again" if start.startswith("<?xml") else ""
