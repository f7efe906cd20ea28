"""A folder of dair-ai/emotion: the test split as a table of texts and labels.

test.jsonl                           {"text": "i feel at home here", "label": 1}
test.txt                             i feel at home here;joy
split/test-00000-of-00001.parquet    as on the hub; needs the package pyarrow

Labels are names or the numbers of the hub's data card (huggingface.co/datasets/dair-ai/emotion). Only files whose names
begin with `test` are read; those of other splits are ignored.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from benchmark.data.clip_finder import list_files
from benchmark.data.rows import Gathered, Placed, Row, placed_lines, placed_list
from benchmark.errors import DataError
from benchmark.suite import Suite
from benchmark.task import Task
from benchmark.text import NOT_REGULAR, QUOTED, mended, one_line, read_text

LABELS = ("sadness", "joy", "love", "anger", "fear", "surprise")
"""The labels in the order of their numbers, from 0."""

MOST_ROWS = 1_000_000
"""Rows of a parquet file: a small one may claim any number."""


def read_folder(root: Path, suite: Suite) -> Gathered | None:
    """Every row of the test split; None if there is no file of it.

    Raises:
        DataError: the folder cannot be read.
    """
    root = root.resolve()
    task = suite.tasks["six-emotions"]
    rows: list[Row] = []
    problems: list[str] = []
    sizes = list_files(root)
    files = [file for file in sorted(sizes) if _is_test(file)]
    if len(files) > 1:
        problems.append(f"{files[0]}: {files[1]} is a test split too; keep one of the two")
    for file in files:
        try:
            if sizes[file] == NOT_REGULAR:
                raise DataError("is not a regular file")
            for number, (place, stated) in enumerate(_READERS[PurePosixPath(file).suffix.lower()](root / file), 1):
                try:
                    rows.append(_row(stated, f"{file} {place}", number, task))
                except DataError as error:
                    problems.append(f"{file} {place}: {error}")
        except DataError as error:
            problems.append(f"{file}: {error}")
    return Gathered(rows=tuple(rows), problems=tuple(problems)) if rows or problems else None


def _is_test(file: str) -> bool:
    path = PurePosixPath(file)
    return path.stem.lower().replace("-", ".").split(".")[0] == "test" and path.suffix.lower() in _READERS


def _row(stated: object, place: str, number: int, task: Task) -> Row:
    if isinstance(stated, DataError):
        raise stated
    if not isinstance(stated, dict):
        raise DataError("must be an object with text and label")
    lacking = [f"`{name}`" for name in ("text", "label") if stated.get(name) in (None, "")]
    if lacking:
        raise DataError(f"{' and '.join(lacking)} missing")
    text = stated["text"]
    if not isinstance(text, str) or not text.strip():
        raise DataError("`text` must be text")
    name = f"test-{number:04}"
    return Row(
        place=place,
        task=task,
        video_id=name,
        label_set=LABELS,
        targets=(_label(stated["label"]),),
        source="dair-emotion",
        recording=f"dair-emotion/{name}",
        clip=None,
        text=f"Message: {text.strip()}",
    )


def _label(stated: object) -> str:
    """The name of a label, given as name or number."""
    spelt = str(stated).strip().lower()
    if spelt in LABELS:
        return spelt
    if spelt.isascii() and spelt.isdigit() and len(spelt) == 1 and int(spelt) < len(LABELS):
        return LABELS[int(spelt)]
    known = ", ".join(f"{number} {name}" for number, name in enumerate(LABELS))
    raise DataError(f"`label` must be one of {known}, got {one_line(str(stated), QUOTED)}")


def _read_csv(path: Path) -> Iterator[Placed]:
    reader = csv.DictReader(io.StringIO(read_text(path)), strict=True)
    try:
        if not {"text", "label"} <= set(reader.fieldnames or ()):
            raise DataError("must have the columns text and label")
        for row in reader:
            yield f"line {reader.line_num}", dict(row)
    except csv.Error as error:
        yield f"line {reader.line_num + 1}", DataError(f"is not valid CSV ({error})")


def _read_txt(path: Path) -> Iterator[Placed]:
    """The lines of the authors' first release; a text may contain a semicolon, a label may not."""
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            text, found, label = line.rpartition(";")
            yield f"line {number}", {"text": text, "label": label} if found else DataError("must be text;label")


def _read_parquet(path: Path) -> Iterator[Placed]:
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        raise DataError("needs pip install 'mme-emotion[hub]'; or convert it to test.jsonl") from error
    with path.open("rb") as opened:
        if opened.read(4) != b"PAR1":
            read_text(path)  # says what it is instead, such as a Git LFS pointer
            raise DataError("is not a parquet file")
    number = 0
    try:
        with pq.ParquetFile(path) as file:
            if lacking := {"text", "label"} - set(file.schema_arrow.names):
                raise DataError(f"must have the columns text and label, lacks {', '.join(sorted(lacking))}")
            for batch in file.iter_batches(batch_size=1000, columns=["text", "label"]):
                for row in batch.to_pylist():
                    number += 1
                    yield f"row {number}", mended(row)
                if number > MOST_ROWS:
                    raise DataError(f"has more than {MOST_ROWS:,} rows")
    except (OSError, ValueError, KeyError, NotImplementedError) as error:  # the library's own errors are of these types
        raise DataError(f"is not valid parquet ({one_line(str(error), QUOTED)})") from error


_READERS = {
    ".jsonl": placed_lines,
    ".json": placed_list,
    ".csv": _read_csv,
    ".txt": _read_txt,
    ".parquet": _read_parquet,
}
