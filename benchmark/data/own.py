"""A user's own clips, listed in a JSON Lines, JSON, CSV or TSV file.

A line of JSON Lines; the other formats have the same columns:

    {"video": "clips/door.mp4", "label": "anger", "label_set": ["anger", "joy", "neutral"], "task": "ER-Wild"}

`audio_clue`, `id`, `source`, `recording` (what several clips were cut from) and `group` (rows that are scored together)
are optional. In CSV, columns are separated by commas, semicolons or tabs, as in the first line, and the labels of a
label set by `;` or `|`.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationError, ValidationInfo

from benchmark.data.rows import (
    Gathered,
    Label,
    Labels,
    Placed,
    Row,
    leaves_folder,
    mistakes,
    placed_lines,
    placed_list,
    plain,
    slashed,
    source_name,
    stem,
    targets_of,
)
from benchmark.errors import DataError
from benchmark.suite import Suite
from benchmark.task import Task
from benchmark.text import clip_flaw, read_text, size_of


def _task(name: object, info: ValidationInfo) -> Task:
    suite = cast("Suite", info.context)
    task = suite.task_named(name) if isinstance(name, str) else None
    if task is None:
        raise ValueError(f"must be one of {', '.join(suite.tasks)}, got `{name}`")
    return task


def _optional(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)  # pandas writes a column of whole numbers as fractions if one is missing
    return None if value == "" else value


OptionalText = Annotated[str | None, BeforeValidator(_optional)]


class OwnClip(BaseModel):
    """A row of the user's file."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    video: Annotated[str, Field(min_length=1)]
    label: Label
    label_set: Labels
    task: Annotated[Task, PlainValidator(_task)]
    audio_clue: OptionalText = None
    id: OptionalText = None
    source: OptionalText = None
    recording: OptionalText = None
    group: OptionalText = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """How to read the rows of a table.

    Attributes:
        suite: the suite whose tasks they name.
        folder: the folder that the paths of clips start from.
        source: the source of rows that name none; empty for the name of the clip's folder.
        confined: whether paths must stay inside the folder, as in a table from the hub.
    """

    suite: Suite
    folder: Path
    source: str = ""
    confined: bool = False


def read_own(path: Path, suite: Suite) -> Gathered:
    """The rows of a file of one of the `FORMATS`, and its problems, one line each."""
    try:
        placed = [(f"{path.name} {place}", record) for place, record in _READERS[path.suffix.lower()](path)]
    except DataError as error:
        return Gathered(rows=(), problems=(f"{path.name}: {error}",))
    return gather(placed, Origin(suite=suite, folder=path.parent))


def gather(placed: Iterable[Placed], origin: Origin) -> Gathered:
    """The rows that can be used, and what is wrong with the others, one line each."""
    rows: list[Row] = []
    problems: list[str] = []
    for place, record in placed:
        try:
            rows.append(_parse(place, record, origin))
        except (ValidationError, DataError) as error:
            named = f"{record['video']}: " if isinstance(record, dict) and record.get("video") else ""
            problems.append(f"{place}: {named}{mistakes(error)}")
    return Gathered(rows=tuple(rows), problems=tuple(problems))


def _parse(place: str, record: object, origin: Origin) -> Row:
    if isinstance(record, DataError):
        raise record
    stated = OwnClip.model_validate(record, context=origin.suite)
    if origin.confined and leaves_folder(stated.video):
        raise DataError("its path leaves the folder")
    video = _video(stated.video, origin.folder)
    source = source_name(stated.source or origin.source or PurePosixPath(video).parent.name or "own")
    digest = hashlib.sha256(video.encode()).hexdigest()[:8]
    recording = stated.recording or f"{stem(video)}-{digest}"  # without a stated one, each clip is its own
    return Row(
        place=place,
        task=stated.task,
        video_id=stated.id or video,
        label_set=stated.label_set,
        targets=targets_of(stated.task, stated.label),
        source=source,
        recording=plain(f"{source}/{recording}"),
        clip=origin.folder / video,
        flaw=_flaw(origin.folder / video, video),
        audio_clue=stated.audio_clue,
        case=stated.id,
        group=stated.group,
    )


def _video(stated: str, folder: Path) -> str:
    """The path with slashes, unless the name of an existing file contains backslashes."""
    with suppress(OSError):
        if "\\" in stated and (folder / stated).exists():
            return stated
    return slashed(stated)


def _flaw(clip: Path, video: str) -> str:
    try:
        flaw = clip_flaw(clip, size_of(clip.stat()))
    except (OSError, ValueError):  # ValueError: a zero byte in the path
        flaw = "is not there"
    return f"{video} {flaw}" if flaw else ""


def _read_csv(path: Path) -> Iterator[Placed]:
    text = read_text(path)
    head = text.partition("\n")[0][: csv.field_size_limit()]
    reader = csv.DictReader(io.StringIO(text), delimiter=_delimiter(head), strict=True)
    try:
        for row in reader:
            surplus = DataError("has more cells than there are columns") if None in row else None
            # pandas may write an empty cell as nan
            cells = {name: None if cell in ("", "nan", "NaN") else cell for name, cell in row.items()}
            yield f"line {reader.line_num}", surplus or cells
    except csv.Error as error:
        yield f"line {reader.line_num + 1}", DataError(f"is not valid CSV ({error})")


def _delimiter(head: str) -> str:
    """The delimiter of a table's first line: the one that yields the most required columns."""
    required = {name for name, field in OwnClip.model_fields.items() if field.is_required()}
    return max(",;\t", key=lambda delimiter: len(required.intersection(*csv.reader([head], delimiter=delimiter))))


_READERS = {".jsonl": placed_lines, ".json": placed_list, ".csv": _read_csv, ".tsv": _read_csv}
FORMATS = tuple(_READERS)
