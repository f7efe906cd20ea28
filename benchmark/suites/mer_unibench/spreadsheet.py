"""Reads the first sheet of an .xlsx file: a zip file of XML (ECMA-376, part 1, section 18.3)."""

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, fromstring
from zipfile import BadZipFile, ZipFile

from benchmark.errors import DataError
from benchmark.storage.given import opened

MOST_BYTES = 8 * 2**20
"""The most bytes of a member that is read; the authors' largest has 170,000."""
MOST_CELLS = 1_000_000

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_SHEET, _TEXTS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
_CELL = re.compile(r"([A-Z]{1,3})[0-9]{1,7}")


def read_sheet(path: Path) -> Sequence[Sequence[str]]:
    """The rows of the first sheet, each with a text for every column; "" for an empty cell.

    Raises:
        DataError: it cannot be read, or is no such file; the message does not name it.
    """
    try:
        with opened(path) as file, ZipFile(file) as archive:
            members = set(archive.namelist())
            texts = [_text(item) for item in _member(archive, _TEXTS)] if _TEXTS in members else []
            rows = [_row(row, texts) for row in _member(archive, _SHEET).iter(f"{_MAIN}row")]
    except (BadZipFile, KeyError, NotImplementedError, RuntimeError, ParseError, ValueError, IndexError) as error:
        raise DataError(f"is not a valid .xlsx file ({error})") from error
    width = max((max(row, default=0) + 1 for row in rows), default=0)
    if width * len(rows) > MOST_CELLS:
        raise DataError(f"has more than {MOST_CELLS:,} cells")
    return [[row.get(column, "") for column in range(width)] for row in rows]


def _member(archive: ZipFile, name: str) -> Element:
    """The root of an XML member; entities, which could grow without end or name other files, are refused."""
    with archive.open(name) as member:
        text = member.read(MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise DataError(f"is refused: its member {name} has more than {MOST_BYTES:,} bytes")
    if b"<!" in text:
        raise DataError(f"is refused: its member {name} declares types or entities")
    return fromstring(text)  # noqa: S314  without declarations there are no entities


def _text(item: Element) -> str:
    """The text of a cell, from all its runs, without phonetic hints."""
    own = item.findall(f"{_MAIN}t") + item.findall(f"{_MAIN}r/{_MAIN}t")
    return "".join(part.text or "" for part in own)


def _row(row: Element, texts: Sequence[str]) -> dict[int, str]:
    """The texts of a row by column, from 0."""
    cells: dict[int, str] = {}
    for place, cell in enumerate(row.iter(f"{_MAIN}c")):
        where = _CELL.fullmatch(cell.get("r", ""))
        cells[_column(where[1]) if where else place] = _value(cell, texts).strip()
    return cells


def _value(cell: Element, texts: Sequence[str]) -> str:
    if (inline := cell.find(f"{_MAIN}is")) is not None:
        return _text(inline)
    value = cell.findtext(f"{_MAIN}v") or ""
    if cell.get("t") != "s" or not value:
        return value
    if not 0 <= int(value) < len(texts):
        raise DataError(f"names the text {value}, which it does not have")
    return texts[int(value)]


def _column(letters: str) -> int:
    """The number of a column, from 0: A is 0, AA is 26."""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number - 1
