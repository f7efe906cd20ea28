"""Reads text and JSON from foreign files, and cleans them up."""

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
"""How many characters of a model's name are shown."""

QUOTED = 100
"""How many characters of a file's text a message quotes."""

SEATS = " + "
"""The separator between the names of a panel's judges; no name contains it."""

_SMALL = 1024
"""Bytes: no clip is smaller, and no Git LFS pointer larger."""


def storable(text: str) -> str:
    """The text with lone surrogates replaced: JSON can contain these halves of a character, UTF-8 cannot."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def one_line(text: str, most: int) -> str:
    """The text on one line of at most `most` characters, without commands to a terminal."""
    plain = "".join(sign if sign.isprintable() else " " for sign in storable(text[: 20 * most]))
    return printable(" ".join(plain.split()))[:most]


def similar(name: str, known: Iterable[str], most: int = 1, cutoff: float = 0.6) -> list[str]:
    """The known names most similar to this one, ignoring case, at most `most` of them; empty if none is similar."""
    folded = {other.casefold(): other for other in known}
    return [folded[one] for one in difflib.get_close_matches(name.casefold(), folded, n=most, cutoff=cutoff)]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: `; did you mean NAME?`, or "" if no known name is similar."""
    return "".join(f"; did you mean {other}?" for other in similar(name, known))


def mended(value: object) -> object:
    """A value of JSON or of a table with lone surrogates replaced; NaN and infinities, which mark gaps, become None."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [mended(part) for part in value]
    if isinstance(value, dict):
        return {mended(name): mended(part) for name, part in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def parse_json(text: str) -> object:
    """The value of a JSON text, cleaned up as by `mended`.

    Raises:
        DataError: the text is not valid JSON; the message does not name the file.
    """
    try:
        value = json.loads(text, parse_constant=lambda _: None)
        return mended(value) if _HALF.search(text) else value
    except (ValueError, RecursionError) as error:
        raise DataError(f"is not valid JSON ({error})") from error


def read_text(path: Path) -> str:
    r"""The text of a data file, without its byte-order mark, with `\n` as line end, and with lone surrogates replaced.

    Raises:
        DataError: the file cannot be read, is empty, is not UTF-8, or is another kind of file, such as a web page; the
            message does not name the file.
    """
    try:
        text = storable(read_whole(path).decode("utf-8-sig", "surrogatepass"))
    except UnicodeDecodeError as error:
        raise DataError(f"is not UTF-8 ({error})") from error
    if not text.strip():
        raise DataError("is empty")
    if disguise := _disguise(text, "a data file"):
        raise DataError(disguise)
    return text.replace("\r\n", "\n").replace("\r", "\n")


NOT_REGULAR = -1
"""The `size_of` a pipe, a device or a socket, which may block whoever opens it."""


def size_of(state: os.stat_result) -> int:
    """The size of a file in bytes, or `NOT_REGULAR`."""
    return NOT_REGULAR if strange(state) else state.st_size


def clip_flaw(path: Path, size: int) -> str:
    """Why a clip of `size` bytes cannot be used; "" if no reason is seen. Only small files are opened."""
    if size == NOT_REGULAR:
        return "is not a regular file"
    if not size:
        return "is empty"
    return clip_disguise(path) if size < _SMALL else ""


def clip_disguise(path: Path) -> str:
    """What the file is instead of a clip, and what to do; "" if it is not a known kind of such a file."""
    try:
        with path.open("rb") as file:
            head = file.read(_SMALL)
    except OSError:
        return ""
    return _disguise(head.decode("utf-8-sig", "replace"), "a clip")


def _disguise(text: str, wanted: str) -> str:
    """Which known kind of file the text is instead of the wanted one, by its first characters; "" if none."""
    start = text[:_SMALL].lstrip()
    if start.startswith(_POINTER):
        return f"is a Git LFS pointer, not {wanted}: run `git lfs pull`"
    if _PAGE.match(start):
        return f"is a web page, not {wanted}: download it again"
    return f"is an error message, not {wanted}: download it again" if start.startswith("<?xml") else ""
