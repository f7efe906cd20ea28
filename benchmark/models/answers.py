"""`answers:FILE`: answers that were produced elsewhere.

The file is a JSON list or JSONL. A row, in which other keys are ignored, and `id` may replace `video_id`:

    {"video_id": "MELD/video/test_dia100_utt0.mp4", "model_response": "The speaker smiles …", "task": "ER-Wild"}

A row may also have the `question_hash` of the question that it answers, as `mme-emotion questions` writes it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from benchmark.data.rows import slashed
from benchmark.errors import DataError, ModelError, RunError
from benchmark.model import Answer
from benchmark.task import Sample, Task, leading_task, task_named
from benchmark.text import QUOTED, one_line, parse_json, read_text

SHOWN = 10
"""The most rows that an error lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAnswer:
    """A row of the file.

    Attributes:
        video_id: the id in the row.
        text: the answer; empty if the row has none.
        task: the name of the task, by the row, the file or the folder; None if unknown.
        place: the file and the number of the row, for messages.
        question_hash: of the question that it answers; None if the row has none.
    """

    video_id: str
    text: str
    task: str | None
    place: str
    question_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersFile:
    """A respondent that looks answers up.

    Attributes:
        name: the file's name without suffix; the folder's name for several files.
        file: the file's name, or the number of files, for messages.
        answers: the answers by sample id.
        unknown: ids in the file that no sample has.
        missing: ids of samples without an answer.
    """

    name: str
    file: str
    answers: Mapping[str, GivenAnswer]
    unknown: tuple[str, ...]
    missing: tuple[str, ...]

    async def answer(self, sample: Sample) -> Answer:
        """The file's answer to the sample.

        Raises:
            ModelError: there is none, or it is empty.
        """
        given = self.answers.get(sample.id)
        if given is None:
            raise ModelError(f"{self.file} has no answer for {sample.id}.")
        if not given.text.strip():
            raise ModelError(f"The answer in {given.place} is empty.")
        return Answer(text=given.text, model=self.name)


def read_answers(rest: str, samples: Sequence[Sample]) -> AnswersFile:
    """The answers of a file, of several (comma-separated), or of all `.json` and `.jsonl` files in a folder.

    The id of a row is compared with the id, the `video_id` and the file name of the samples, in this order. If the row,
    the file or the folder names a task, only its samples are considered.

    Raises:
        RunError: a file cannot be used, a sample has two answers, an id fits several samples, or no id fits any.
    """
    paths = [path for name in rest.split(",") for path in _files(Path(name.strip()).expanduser())]
    tasks = tuple(dict.fromkeys(sample.task for sample in samples))
    rows = [row for path in paths for row in _read(path, tasks)]
    found, unknown = _matched(rows, samples, rest)
    if not found:
        first = one_line(rows[0].video_id, QUOTED)
        raise RunError(f"answers:{rest}: none of its {len(rows)} ids is the id of a sample, e.g. {first}.")
    return AnswersFile(
        name=paths[0].stem if len(paths) == 1 else paths[0].parent.name or "answers",
        file=paths[0].name if len(paths) == 1 else f"{len(paths)} files",
        answers=found,
        unknown=unknown,
        missing=tuple(sample.id for sample in samples if sample.id not in found),
    )


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in (".json", ".jsonl"))
    if not files:
        raise RunError(f"answers:{path} contains no .json or .jsonl file.")
    return files


def _read(path: Path, tasks: Sequence[Task]) -> list[GivenAnswer]:
    try:
        rows = list(_rows(read_text(path)))
    except DataError as error:
        raise RunError(f"answers:{path} {error}.") from error
    if not rows:
        raise RunError(f"answers:{path} contains no answers.")
    named = leading_task(path.stem, tasks) or task_named(path.parent.name, tasks)
    return [_row(row, f"{path.name}, row {number}", named, tasks) for number, row in enumerate(rows, 1)]


def _rows(text: str) -> Iterator[object]:
    """The elements of a JSON list or the lines of JSONL; only line feeds end lines, since JSON may contain others."""
    wanted = "use a JSON list, or JSONL with one answer per line"
    if text.lstrip().startswith("["):
        try:
            whole = parse_json(text)
        except DataError as error:
            raise DataError(f"{error}; {wanted}") from error
        yield from whole if isinstance(whole, list) else ()
        return
    for number, line in enumerate(text.split("\n"), 1):
        try:
            if line.strip():
                yield parse_json(line)
        except DataError as error:
            raise DataError(f"has a line, {number}, that {error}; {wanted}") from error


def _row(row: object, place: str, named: Task | None, tasks: Sequence[Task]) -> GivenAnswer:
    if not isinstance(row, dict):
        raise RunError(f"answers: {place} is not an object with video_id and model_response.")
    if "model_response" not in row:
        raise RunError(f"answers: {place} lacks `model_response`.")
    name, text = _id(row, place), row["model_response"]
    if not isinstance(text, str | None):
        raise RunError(f"answers: `model_response` of {place} is not text; put it in quotes.")
    task = (task_named(str(row["task"]), tasks) if "task" in row else None) or named
    hashed = row.get("question_hash")
    return GivenAnswer(
        video_id=name,
        text=text or "",
        task=task.name if task else None,
        place=place,
        question_hash=None if hashed in (None, "") else str(hashed),
    )


def _id(row: Mapping[str, object], place: str) -> str:
    """The row's id, or the digits of a number; 17.0 counts as 17, since pandas writes it if other rows have no id."""
    field = next((name for name in ("video_id", "id") if row.get(name) not in (None, "")), None)
    if field is None:
        raise RunError(f"answers: {place} lacks `video_id` (or `id`).")
    given = row[field]
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise RunError(f"answers: `{field}` of {place} is neither text nor a number; put it in quotes.")
    return str(int(given) if isinstance(given, float) and given.is_integer() else given)


def _matched(
    rows: Sequence[GivenAnswer], samples: Sequence[Sample], rest: str
) -> tuple[dict[str, GivenAnswer], tuple[str, ...]]:
    """The rows by sample id, and the ids that fit no sample."""
    names = _names(samples)
    found: dict[str, GivenAnswer] = {}
    unknown, trouble = [], []
    for row in rows:
        ids, name = _candidates(row, names), one_line(row.video_id, QUOTED)
        if not ids:
            unknown.append(name)
        elif len(ids) > 1:
            trouble.append(f"{name} may be {' or '.join(sorted(ids)[:3])}: add the task to each row")
        elif (one := next(iter(ids))) in found:
            trouble.append(f"{one} has two answers")
        else:
            found[one] = row
    if trouble:
        more = f", and {len(trouble) - SHOWN} more" if len(trouble) > SHOWN else ""
        raise RunError(f"answers:{rest} cannot be matched: {'; '.join(trouble[:SHOWN])}{more}.")
    return found, tuple(unknown)


Names = Mapping[tuple[str | None, str], set[str]]
"""Sample ids by the name of a task (None for all tasks) and by each name that a row may use."""


def _names(samples: Iterable[Sample]) -> Names:
    names: dict[tuple[str | None, str], set[str]] = defaultdict(set)
    for sample in samples:
        path = PurePosixPath(sample.video_id)
        for kind, name in (("", sample.id), ("", sample.video_id), ("file:", path.name), ("file:", path.stem)):
            names[None, kind + name].add(sample.id)
            names[sample.task.name, kind + name].add(sample.id)
    return names


def _candidates(row: GivenAnswer, names: Names) -> set[str]:
    """The ids of the samples that a row fits, by the first of its names that fits any."""
    path = PurePosixPath(slashed(row.video_id))
    for name in (row.video_id, slashed(row.video_id), f"file:{path.name}", f"file:{path.stem}"):
        if ids := names.get((row.task, name)):
            return ids
    return set()
