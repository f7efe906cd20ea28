"""A user's own clips, listed in a file.

A line of JSON Lines; a JSON list and CSV have the same columns:

    {"video": "clips/door.mp4", "label": "anger", "label_set": ["anger", "joy", "neutral"], "task": "ER-Wild"}

`audio_clue`, `id`, `source` and `recording` (what several clips were cut from) may be added. CSV has commas, semicolons
or tabs between its columns, whichever part those of its first line; the labels of a set stand between `;` or `|`.
"""

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Annotated, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationError, ValidationInfo

from benchmark.data.rows import (
    Gathered,
    Label,
    Labels,
    Row,
    leaves_folder,
    mistakes,
    plain,
    read_list,
    slashed,
    source_name,
    stem,
    targets_of,
)
from benchmark.errors import DataError
from benchmark.suite import Suite
from benchmark.task import Task
from benchmark.text import clip_flaw, parse_json, read_text, size_of


def _task(name: object, info: ValidationInfo) -> Task:
    suite = cast("Suite", info.context)
    task = suite.task_named(name) if isinstance(name, str) else None
    if task is None:
        raise ValueError(f"`{name}` is none of {', '.join(suite.tasks)}")
    return task


def _optional(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)  # pandas makes fractions of a column's whole numbers where one is lacking
    return None if value == "" else value


Optional = Annotated[str | None, BeforeValidator(_optional)]


class OwnClip(BaseModel):
    """A row as the user states it."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    video: Annotated[str, Field(min_length=1)]
    label: Label
    label_set: Labels
    task: Annotated[Task, PlainValidator(_task)]
    audio_clue: Optional = None
    id: Optional = None
    source: Optional = None
    recording: Optional = None


Placed = tuple[str, object]
"""Where a row stands, and the row as it was written, or the `DataError` where it cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where rows come from.

    Attributes:
        suite: whose tasks they name.
        folder: where the paths of clips start.
        source: of the rows that name none; empty for the name of the folder that a clip lies in.
        confined: whether paths must stay below the folder, as those of a stranger's table must.
    """

    suite: Suite
    folder: Path
    source: str = ""
    confined: bool = False


def read_own(path: Path, suite: Suite) -> Gathered:
    """The clips of a JSONL, JSON or CSV file."""
    try:
        placed = [(f"{path.name} {place}", record) for place, record in _READERS[path.suffix.lower()](path)]
    except DataError as error:
        return Gathered(rows=(), problems=(f"{path.name}: {error}",))
    return gather(placed, Origin(suite=suite, folder=path.parent))


def gather(placed: Iterable[Placed], origin: Origin) -> Gathered:
    """The rows that can be used, and what is wrong with the others."""
    rows: list[Row] = []
    problems: list[str] = []
    for place, record in placed:
        try:
            rows.append(_parse(place, record, origin))
        except ValidationError as error:
            problems.append(f"{place}: {_naming(record)}{mistakes(error)}")
        except DataError as error:
            problems.append(f"{place}: {_naming(record)}{error}")
    return Gathered(rows=tuple(rows), problems=tuple(problems))


def _naming(record: object) -> str:
    return f"{record['video']}: " if isinstance(record, dict) and record.get("video") else ""


def _parse(place: str, record: object, origin: Origin) -> Row:
    if isinstance(record, DataError):
        raise record
    stated = OwnClip.model_validate(record, context=origin.suite)
    if origin.confined and leaves_folder(stated.video):
        raise DataError("its path leaves the folder")
    video = _video(stated.video, origin.folder)
    source = source_name(stated.source or origin.source or PurePosixPath(video).parent.name or "own")
    return Row(
        place=place,
        task=stated.task,
        video_id=stated.id or video,
        label_set=stated.label_set,
        targets=targets_of(stated.task, stated.label),
        source=source,
        recording=_recording(source, video, stated.recording),
        clip=origin.folder / video,
        flaw=_flaw(origin.folder / video, video),
        audio_clue=stated.audio_clue,
        case=stated.id,
    )


def _recording(source: str, video: str, stated: str | None) -> str:
    """What the row states, else the clip itself, told apart by its whole path."""
    digest = hashlib.sha256(video.encode()).hexdigest()[:8]
    return plain(f"{source}/{stated}" if stated else f"{source}/{stem(video)}-{digest}")


def _video(stated: str, folder: Path) -> str:
    """The path with slashes, unless a file has backslashes in its very name."""
    with suppress(OSError):
        if "\\" in stated and (folder / stated).exists():
            return stated
    return slashed(stated)


def _flaw(clip: Path, video: str) -> str:
    try:
        flaw = clip_flaw(clip, size_of(clip.stat()))
    except (OSError, ValueError):  # the latter for a zero byte in the path
        flaw = "is not there"
    return f"{video} {flaw}" if flaw else ""


def _read_lines(path: Path) -> Iterator[Placed]:
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            yield f"line {number}", _parse_line(line)


def _parse_line(line: str) -> object:
    try:
        return parse_json(line)
    except DataError as error:
        return error


def _read_list(path: Path) -> Iterator[Placed]:
    return ((f"row {number}", row) for number, row in enumerate(read_list(path), 1))


def _read_csv(path: Path) -> Iterator[Placed]:
    text = read_text(path)
    head = text.partition("\n")[0][: csv.field_size_limit()]
    reader = csv.DictReader(io.StringIO(text), delimiter=_delimiter(head), strict=True)
    try:
        for row in reader:
            surplus = DataError("has more cells than there are columns") if None in row else None
            yield f"line {reader.line_num}", surplus or {name: _cell(cell) for name, cell in row.items()}
    except csv.Error as error:
        yield f"line {reader.line_num + 1}", DataError(f"is no CSV ({error})")


def _delimiter(head: str) -> str:
    """What parts the columns of a table's first line: that which makes the most of the required ones of it."""
    required = {name for name, field in OwnClip.model_fields.items() if field.is_required()}
    return max(",;\t", key=lambda delimiter: len(required.intersection(*csv.reader([head], delimiter=delimiter))))


def _cell(cell: str | None) -> str | None:
    """What a cell says; pandas may be told to write that there is nothing."""
    return None if cell in ("", "nan", "NaN") else cell


_READERS: Mapping[str, Callable[[Path], Iterator[Placed]]] = MappingProxyType(
    {".jsonl": _read_lines, ".json": _read_list, ".csv": _read_csv, ".tsv": _read_csv}
)
FORMATS = tuple(_READERS)
