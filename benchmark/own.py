"""A user's own clips, listed in a file.

A line of JSON Lines; a JSON list and CSV have the same columns:

    {"video": "clips/door.mp4", "label": "anger", "label_set": ["anger", "joy", "neutral"], "task": "ER-Wild"}

`audio_clue`, `id`, `source` and `recording` (what several clips were cut from) may be added. In CSV the labels of a set
stand between `;` or `|`.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationError

from benchmark.errors import DataError
from benchmark.recording import own_recording
from benchmark.rows import (
    Gathered,
    Label,
    Labels,
    Row,
    leaves_folder,
    mistakes,
    read_list,
    read_text,
    source_name,
    targets_of,
    task_named,
)
from benchmark.task import TASKS, Task


def _listed(value: object) -> object:
    return re.split("[;|]", value) if isinstance(value, str) else value


def _task(name: object) -> Task:
    task = task_named(name) if isinstance(name, str) else None
    if task is None:
        raise ValueError(f"`{name}` is none of {', '.join(TASKS)}")
    return task


def _or_none(value: object) -> object:
    return None if value == "" else value


Optional = Annotated[str | None, BeforeValidator(_or_none)]


class OwnClip(BaseModel):
    """A row as the user states it."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    video: Annotated[str, Field(min_length=1)]
    label: Label
    label_set: Annotated[Labels, BeforeValidator(_listed)]
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
        folder: where the paths of clips start.
        source: of the rows that name none; empty for the name of the folder that a clip lies in.
        confined: whether paths must stay below the folder, as those of a stranger's table must.
    """

    folder: Path
    source: str = ""
    confined: bool = False


def read_own(path: Path) -> Gathered:
    """The clips of a JSONL, JSON or CSV file."""
    try:
        placed = [(f"{path.name} {place}", record) for place, record in _READERS[path.suffix.lower()](path)]
    except DataError as error:
        return Gathered(rows=(), problems=(f"{path.name}: {error}",))
    return gather(placed, Origin(folder=path.parent))


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
    stated = OwnClip.model_validate(record)
    if origin.confined and leaves_folder(stated.video):
        raise DataError("its path leaves the folder")
    clip = origin.folder / stated.video
    source = source_name(stated.source or origin.source or PurePosixPath(stated.video).parent.name or "own")
    return Row(
        place=place,
        task=stated.task,
        video_id=stated.id or stated.video,
        label_set=stated.label_set,
        targets=targets_of(stated.task, stated.label),
        source=source,
        recording=own_recording(source, stated.video, stated.recording),
        clip=clip,
        flaw=_flaw(clip, stated.video),
        audio_clue=stated.audio_clue,
        case=stated.id,
    )


def _flaw(clip: Path, video: str) -> str:
    try:
        return "" if clip.stat().st_size else f"{video} is empty"
    except (OSError, ValueError):  # the latter for a zero byte in the path
        return f"{video} is not there"


def _read_lines(path: Path) -> Iterator[Placed]:
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            yield f"line {number}", _parse_json(line)


def _parse_json(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        return DataError(f"is no JSON ({error})")


def _read_list(path: Path) -> Iterator[Placed]:
    return ((f"row {number}", row) for number, row in enumerate(read_list(path), 1))


def _read_csv(path: Path) -> Iterator[Placed]:
    reader = csv.DictReader(io.StringIO(read_text(path)), strict=True)
    try:
        for row in reader:
            surplus = DataError("has more cells than there are columns") if None in row else None
            yield f"line {reader.line_num}", surplus or row
    except csv.Error as error:
        yield f"line {reader.line_num + 1}", DataError(f"is no CSV ({error})")


_READERS: Mapping[str, Callable[[Path], Iterator[Placed]]] = MappingProxyType(
    {".jsonl": _read_lines, ".json": _read_list, ".csv": _read_csv}
)
FORMATS = tuple(_READERS)
