"""The rows of data files: their checks, and the ids of their samples.

The usual layouts of a row's `video_id`:

    CAER/video/test_Disgust_0072.avi        the official folder: corpus, folder, name
    ER_Wild/test_Disgust_0072.avi           the hub's copy: task, name
"""

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from benchmark.errors import DataError
from benchmark.task import Task, Turn
from benchmark.text import parse_json, read_text


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _split_labels(value: object) -> object:
    if not isinstance(value, str) or not value.strip():
        return value
    labels = re.split("[;|]", value)
    if len(labels) == 1:
        raise ValueError("must be several labels, with `;` or `|` between them")
    return labels


Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Labels = Annotated[tuple[Word, ...], Field(min_length=1), BeforeValidator(_split_labels)]
"""The candidate labels: a list, or one string with `;` or `|` between them."""
Label = Annotated[tuple[str, ...], Field(min_length=1), BeforeValidator(_as_list)]
"""The true label or labels: a list, or one string, with the task's separator between several."""

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One question of a data file; the other attributes are those of the `Sample` made from it.

    Attributes:
        place: the file and, if it has lines, the line; for messages.
        clip: the path where the clip is, or should be; None if there is only text.
        flaw: why the clip cannot be used; empty if it can.
        case: the id that the user chose, if any.
    """

    place: str
    task: Task
    video_id: str
    label_set: tuple[str, ...]
    targets: tuple[str, ...]
    source: str
    recording: str
    clip: Path | None
    flaw: str = ""
    audio_clue: str | None = None
    case: str | None = None
    turns: tuple[Turn, ...] = ()
    text: str = ""
    part: str = ""
    resources: Path | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """The rows of a folder or a file, and what is wrong with it, one line each."""

    rows: tuple[Row, ...]
    problems: tuple[str, ...]


def targets_of(task: Task, label: Sequence[str]) -> tuple[str, ...]:
    """The true labels, given as a list or as one string with the task's separator."""
    return tuple(target for part in label for target in task.targets(part))


Placed = tuple[str, object]
"""The place of a row, such as `line 3`, and the row as it was read, or the `DataError` if it cannot be read."""


def read_list(path: Path) -> list[object]:
    """The rows of a JSON file.

    Raises:
        DataError: the file cannot be read, or is not a JSON list of at least one row; the message does not name the
            file.
    """
    rows = parse_json(read_text(path))
    if not isinstance(rows, list) or not rows:
        raise DataError("has no rows" if rows == [] else "must be a list of rows")
    return rows


def placed_list(path: Path) -> Iterator[Placed]:
    """The rows of a JSON file with a list.

    Raises:
        DataError: as for `read_list`.
    """
    return ((f"row {number}", row) for number, row in enumerate(read_list(path), 1))


def placed_lines(path: Path) -> Iterator[Placed]:
    """The rows of a JSONL file; a line that is not JSON is the `DataError` that says so.

    Raises:
        DataError: the file cannot be read.
    """
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            try:
                yield f"line {number}", parse_json(line)
            except DataError as error:
                yield f"line {number}", error


def table_of(text: str) -> tuple[Sequence[str], list[tuple[int, dict[str, str]]]]:
    """The columns of a table in CSV, and its rows with their lines; missing cells are empty, surplus ones under None.

    Raises:
        DataError: it is not CSV; the message does not name the file.
    """
    reader: csv.DictReader[str] = csv.DictReader(io.StringIO(text), strict=True, restval="")
    try:
        return reader.fieldnames or (), [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise DataError(f"is not valid CSV (line {reader.line_num + 1}: {error})") from error


def valid_rows(placed: Iterable[Placed], file: str, kind: type[M], problems: list[str]) -> Iterator[tuple[str, M]]:
    """The rows that are valid, each with its file and place; what is wrong with the others is added to the problems."""
    for place, row in placed:
        try:
            if isinstance(row, DataError):
                raise row
            yield f"{file} {place}", kind.model_validate(row)
        except (DataError, ValidationError) as error:
            problems.append(f"{file} {place}: {mistakes(error)}")


# a leading slash, a drive, `..`, or a zero byte, which ends a name in C; with either kind of slash
_LEAVING = re.compile(r"^[/\\]|^[A-Za-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)|\0")


def leaves_folder(name: str) -> bool:
    """Whether a path is absolute or leads out of its folder, on any system."""
    return _LEAVING.search(name) is not None


def inner_place(path: str) -> str:
    """The path inside the folder, with slashes; only the file's name if it starts at a root, as of another machine.

    Raises:
        ValueError: it leads out of the folder, or names no file.
    """
    path = slashed(path)
    if leaves_folder(path) and ".." not in path.split("/"):
        path = path.rpartition("/")[2]
    if leaves_folder(path) or not path.rpartition("/")[2]:
        raise ValueError("must be the path of a file in the folder")
    return path


def slashed(path: str) -> str:
    """The path with slashes instead of the backslashes of Windows."""
    return path.replace("\\", "/")


def _inside(path: str) -> str:
    if leaves_folder(path):
        raise ValueError("leaves the folder")
    return slashed(path)


Place = Annotated[str, Field(min_length=1), AfterValidator(_inside)]
"""A path within the folder, with slashes."""


def inner_id(task: Task, video_id: str) -> str:
    """The `video_id` without the folder that only repeats the task."""
    head, slash, rest = video_id.partition("/")
    return rest if slash and task.is_named(head) else video_id


def flaws(row: Row) -> Iterator[str]:
    """What is wrong with one row's labels, one line each."""
    if len(set(row.label_set)) < len(row.label_set):
        yield f"{row.place}: {row.video_id}: its label set names a label twice"
    if len(row.targets) > 1 and not (row.task.several or row.task.ranked):
        yield f"{row.place}: {row.video_id}: has {len(row.targets)} labels, {row.task.name} takes one"
    if len(set(row.targets)) < len(row.targets):
        yield f"{row.place}: {row.video_id}: names a label twice"
    if row.task.turns and [turn.speaker for turn in row.turns] != ["user"]:
        yield f"{row.place}: {row.video_id}: its dialogue must begin with one message of the user"
    for target in row.targets:
        if row.label_set and target not in row.label_set:
            hint = f" ({row.task.name} separates labels by `{row.task.separator}`)" if row.task.several else ""
            words = ", ".join(row.label_set)
            yield f"{row.place}: {row.video_id}: label `{target}` is not in its label set: {words}{hint}"


def duplicates(rows: Sequence[Row]) -> Iterator[str]:
    """A message for each row whose id an earlier row has."""
    seen: dict[tuple[str, str], str] = {}
    for row in rows:
        key = ("", row.case) if row.case else (row.task.name, row.video_id)
        if key in seen:
            yield f"{row.place}: {key[1]}: duplicate id" + (f", also in {seen[key]}" if seen[key] != row.place else "")
        seen.setdefault(key, row.place)


def mistakes(error: ValidationError | DataError) -> str:
    """What is wrong with a row, on one line; of what Pydantic found, the first mistake in each field."""
    if isinstance(error, DataError):
        return str(error)
    first: dict[tuple[int | str, ...], str] = {}
    for found in error.errors():
        first.setdefault(found["loc"][:1], _mistake(found))
    return "; ".join(first.values())


def _mistake(found: ErrorDetails) -> str:
    if not found["loc"]:
        return "must be an object"
    field = f"`{found['loc'][0]}`"
    if found["type"] == "missing" or (found["input"] is None and len(found["loc"]) == 1):
        return f"{field} is missing"
    return f"{field}: {found['msg'].removeprefix('Value error, ')}".replace("valid tuple", "list")


def source_name(text: str) -> str:
    """The text as a name that can be a pytest marker."""
    return plain(text).strip("._/") or "unknown"


def case_ids(rows: Sequence[Row]) -> tuple[str, ...]:
    """A short, unique id for each row: task, source and the file's stem, longer only if that is not unique."""
    ids = [plain(row.case or f"{row.task.name}/{row.source}/{stem(row.video_id)}") for row in rows]
    for wording in ("{task}/{source}/{name}", "{task}/{video_id}", "{task}/{video_id}-{digest}"):
        counts = Counter(ids)
        if len(counts) == len(ids):
            break
        ids = [_worded(wording, row) if counts[short] > 1 else short for row, short in zip(rows, ids, strict=True)]
    return tuple(ids)


def _worded(wording: str, row: Row) -> str:
    digest = hashlib.sha256(f"{row.task.name}/{row.video_id}/{row.case}".encode()).hexdigest()[:8]
    parts = {"source": row.source, "name": row.video_id.rpartition("/")[2], "video_id": row.video_id}
    return plain(f"{row.case}-{digest}" if row.case else wording.format(task=row.task.name, digest=digest, **parts))


def stem(video_id: str) -> str:
    """The name of the clip's file without its extension."""
    name = video_id.rpartition("/")[2]
    return name.rpartition(".")[0] or name


def plain(text: str) -> str:
    """The text with `_` for each character that is special to pytest, to its `-k` or `-m`, or to a shell."""
    return re.sub(r"[^A-Za-z0-9._/+-]", "_", text)
