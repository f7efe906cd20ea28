"""The authors' word maps: from any form of a word for an emotion to its place in each of five emotion wheels.

    emotion_wheel/format.csv              name,format: a word and its forms, with commas between them
    emotion_wheel/format_MER2026.csv      the same, corrected; optional
    emotion_wheel/synonym.xlsx            word_run1, synonym_run1, word_run2, …: a wheel's word and words that mean it
    emotion_wheel/wheel1.xlsx … wheel5    level1,level2,level3: the wheels, an empty cell repeats the one above

They lie in zeroQiaoba/MERTools, MER2025/MER2025_Track23/emotion_wheel; each file may be a CSV file too (`wheel1.csv`).

The rule (AffectGPT, arXiv 2501.16566, and `my_affectgpt/evaluation/wheel.py`): a form leads to words, a word
to the wheels' words that it means, and of these, sorted by letters, the first that a wheel holds is its place there. A
word without a place in a wheel does not count there.

The map of 2025, with which the paper's scores were made, ties words to their opposites in "-less": `fear` is a form of
`fearless` too, so that it lands beside happy or brave. The map of 2026 (MER2026, track 2) does not. Scores by different
maps do not compare.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmark.errors import DataError
from benchmark.suites.mer_unibench.spreadsheet import read_sheet
from benchmark.text import read_text

WHEELS = 5
LEVELS = (1, 2)
"""The levels of a wheel, from the inside, at which words are compared."""
MAPS = ("2025", "2026")
"""The maps from forms to words; the paper's is the first."""
FOLDER = "emotion_wheel"
CORRECTED = "format_MER2026.csv"

Words = Mapping[str, Set[str]]


Wheel = Mapping[str, tuple[str, str]]
"""The place of each word of a wheel at each of the `LEVELS`."""


@dataclass(frozen=True, slots=True)
class WordMap:
    """All that turns words into places in wheels.

    Attributes:
        forms: the words that a form belongs to, by the map's name; the map of 2026 may be missing.
        meanings: the wheels' words that a word means.
        wheels: the five wheels.
    """

    forms: Mapping[str, Words]
    meanings: Words
    wheels: tuple[Wheel, ...]

    def place(self, word: str, *, forms: str, wheel: int, level: int) -> str | None:
        """Where a word lies in a wheel; None if it has no place there.

        Args:
            word: in small letters.
            forms: the map, one of `MAPS`.
            wheel: from 0.
            level: one of `LEVELS`.
        """
        known = self.forms[forms].get(word, frozenset())
        meant = sorted(frozenset[str]().union(*(self.meanings.get(name, frozenset()) for name in known)))
        places = self.wheels[wheel]
        first = next((places[one] for one in meant if one in places), None)
        return None if first is None else first[level - 1]

    def group(self, words: Iterable[str], *, forms: str, wheel: int, level: int) -> frozenset[str]:
        """The places of all words that have one."""
        places = (self.place(word, forms=forms, wheel=wheel, level=level) for word in words)
        return frozenset(place for place in places if place is not None)


@cache
def read_wheels(folder: Path) -> WordMap:
    """The maps in a folder; read once.

    Raises:
        DataError: files are missing or malformed: all that is wrong, a line each, by file and row.
    """
    problems: list[str] = []
    forms = {MAPS[0]: _forms(_table(folder, "format", ("name", "format"), problems), problems)}
    if "fear" not in forms[MAPS[0]].get("fearless", "fear"):
        problems.append(f"{folder.name}/format.csv: is the corrected map of 2026: call it {CORRECTED}, and add 2025's")
    if (folder / CORRECTED).exists():
        table = _table(folder, CORRECTED.removesuffix(".csv"), ("name", "format"), problems)
        forms[MAPS[1]] = _forms(table, problems)
    meanings = _meanings(_table(folder, "synonym", ("word_run1", "synonym_run1"), problems), problems)
    wheels = tuple(
        _wheel(_table(folder, f"wheel{number}", ("level1", "level2", "level3"), problems))
        for number in range(1, WHEELS + 1)
    )
    if problems:
        raise DataError("\n".join(problems))
    return WordMap(
        forms={name: _inverted(words) for name, words in forms.items()},
        meanings=_whole(meanings, wheels),
        wheels=wheels,
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """A table: its file, and its rows by column."""

    file: str
    rows: Sequence[Mapping[str, str]]


def _table(folder: Path, name: str, columns: Sequence[str], problems: list[str]) -> _Table:
    """The table of that name, from a CSV file or a spreadsheet; without rows if something is wrong with it."""
    file = next((f"{name}{end}" for end in (".xlsx", ".csv") if (folder / f"{name}{end}").is_file()), "")
    where = f"{folder.name}/{file or name}"
    try:
        if not file:
            raise DataError("is missing (.csv or .xlsx)")
        rows = read_sheet(folder / file) if file.endswith(".xlsx") else _cells(read_text(folder / file))
        head = [cell.strip() for cell in rows[0]] if rows else []
        if missing := [column for column in columns if column not in head]:
            raise DataError(f"lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}")
        if len(rows) == 1:
            raise DataError("has no rows")
        for number, row in enumerate(rows, 1):
            if len(row) > len(head):
                raise DataError(f"row {number}: has more cells than there are columns")
    except DataError as error:
        problems.append(f"{where}: {error}")
        return _Table(where, ())
    return _Table(where, [dict(zip(head, [*row, *[""] * (len(head) - len(row))], strict=True)) for row in rows[1:]])


def _cells(text: str) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        return [row for row in reader if row]
    except csv.Error as error:
        raise DataError(f"is not valid CSV (line {reader.line_num}: {error})") from error


def _parts(text: str) -> frozenset[str]:
    return frozenset(part for one in text.split(",") if (part := one.strip().lower()))


def _forms(table: _Table, problems: list[str]) -> Words:
    """The forms of each word."""
    forms: dict[str, frozenset[str]] = {}
    for number, row in enumerate(table.rows, 2):
        name = row["name"].strip().lower()
        if not name:
            problems.append(f"{table.file}: row {number}: `name` is missing")
        forms[name] = forms.get(name, frozenset()) | _parts(row["format"])
    return forms


def _inverted(forms: Words) -> Words:
    words: dict[str, set[str]] = defaultdict(set)
    for name, of in forms.items():
        for form in of:
            words[form].add(name)
    return words


def _meanings(table: _Table, problems: list[str]) -> Words:
    """The wheels' words that each word means, by all runs together."""
    meanings: dict[str, set[str]] = defaultdict(set)
    runs = [name for name in (table.rows[0] if table.rows else {}) if name.startswith("word_run")]
    for run in runs:
        column = run.replace("word_", "synonym_")
        for number, row in enumerate(table.rows, 2):
            word = row[run].strip().lower()
            if column not in row:
                problems.append(f"{table.file}: lacks the column {column}")
                break
            if row[column] and not word:
                problems.append(f"{table.file}: row {number}: `{run}` is missing")
            for synonym in _parts(row[column]) if word else ():
                meanings[synonym].add(word)
    return meanings


def _wheel(table: _Table) -> Wheel:
    """The places of a wheel's words; of a word that it holds twice, the last.

    An inner word's second level is the first, by letters, of those around it.
    """
    places: dict[str, tuple[str, str]] = {}
    around: dict[str, set[str]] = defaultdict(set)
    inner = second = ""
    for row in table.rows:
        cells = [row[f"level{level}"].strip().lower() for level in (1, 2, 3)]
        inner, second = cells[0] or inner, cells[1] or second
        around[inner].add(second)
        places[second] = (inner, second)
        if cells[2]:
            places[cells[2]] = (inner, second)
    for word, seconds in around.items():
        places[word] = (word, min(seconds))
    places.pop("", None)
    return places


def _whole(meanings: Words, wheels: Sequence[Wheel]) -> Words:
    """The meanings, in which each word of a wheel means itself too."""
    whole = {word: set(means) for word, means in meanings.items()}
    for wheel in wheels:
        for word in wheel:
            whole.setdefault(word, set()).add(word)
    return whole
