"""A folder of EmoPrefer: preference_emoprefer.csv, and the clips that it names, anywhere below.

name,a1,a2,preference
samplenew3_00000123,"The person …","The person …",a1

A row is asked twice, with the descriptions in the file's order and swapped; both questions are one group. The authors'
own file with swapped rows is not needed. (The columns are those of zeroQiaoba/AffectGPT, folder EmoPrefer; the clips
are MER2025's. It has not been tried on the data.)
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator

from benchmark.data.clip_finder import list_files
from benchmark.data.labelled import named_clips
from benchmark.data.rows import Gathered, Place, Placed, Row, Word, plain, table_of, valid_rows
from benchmark.errors import DataError
from benchmark.suite import Suite
from benchmark.text import NOT_REGULAR, read_text

FILE = "preference_emoprefer.csv"
LABELS = ("a1", "a2", "same")
SWAPPED = {"a1": "a2", "a2": "a1", "same": "same"}


def _small(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


class Preference(BaseModel):
    """Two descriptions of a clip, and which one people prefer."""

    name: Place
    a1: Word
    a2: Word
    preference: Annotated[Literal["a1", "a2", "same"], BeforeValidator(_small)]


def read_folder(root: Path, suite: Suite) -> Gathered | None:
    """Every row of the file with its clip, in both orders; None if there is no such file below the folder.

    Raises:
        DataError: the folder cannot be read.
    """
    root = root.resolve()
    files = list_files(root)
    problems: list[str] = []
    valid: list[tuple[str, Preference]] = []
    tables = [file for file in sorted(files) if PurePosixPath(file).name.lower() == FILE and files[file] != NOT_REGULAR]
    for file in tables:
        try:
            valid += valid_rows(_lines(root / file), file, Preference, problems)
        except DataError as error:
            problems.append(f"{file}: {error}")
    if not tables:
        return None
    find = named_clips(root, files)
    counts = Counter(preference.name for _, preference in valid)
    rows: list[Row] = []
    for place, one in valid:
        group = f"{one.name}-{place.rpartition(' ')[2]}" if counts[one.name] > 1 else one.name
        found = find(one.name)
        for order, first, second in (("given", one.a1, one.a2), ("swapped", one.a2, one.a1)):
            rows.append(
                Row(
                    place=place,
                    task=suite.tasks[order],
                    video_id=group,
                    label_set=LABELS,
                    targets=(one.preference if order == "given" else SWAPPED[one.preference],),
                    source="EmoPrefer",
                    recording=plain(f"EmoPrefer/{one.name}"),
                    clip=found.path,
                    flaw=found.flaw,
                    text=f"Description a1: {first}\n\nDescription a2: {second}",
                    group=group,
                )
            )
    return Gathered(rows=tuple(rows), problems=tuple(problems))


def _lines(path: Path) -> Iterator[Placed]:
    """The lines of the table.

    Raises:
        DataError: it cannot be read, is not CSV, or lacks a column.
    """
    columns, lines = table_of(read_text(path))
    if lacking := [name for name in Preference.model_fields if name not in columns]:
        raise DataError(f"lacks the columns {', '.join(lacking)}")
    for line, cells in lines:
        yield f"line {line}", {name: cell for name, cell in cells.items() if name and cell}
