"""`answers:FILE`: answers that were produced elsewhere.

A row of the file, a JSON list or JSONL; other keys are left alone, and `id` may stand for `video_id`:

    {"video_id": "MELD/video/test_dia100_utt0.mp4", "model_response": "The speaker smiles …", "task": "ER-Wild"}
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


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAnswer:
    """One row: whose answer, what it says, and the task where row or file name tell it."""

    video_id: str
    text: str
    task: str | None
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersFile:
    """A respondent that looks answers up.

    Attributes:
        name: the file's name without suffix.
        file: the file's name, for messages.
        answers: by sample id.
        unknown: ids in the file that no sample has.
        missing: ids of samples that the file has no answer to.
    """

    name: str
    file: str
    answers: Mapping[str, GivenAnswer]
    unknown: tuple[str, ...]
    missing: tuple[str, ...]

    async def answer(self, sample: Sample) -> Answer:
        """The file's answer.

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
    """The answers of a file, of several (comma-separated) or of all `.json` and `.jsonl` files of a folder.

    An answer belongs to the sample whose id the row gives; or to the one with its `video_id`, or else its file name,
    within the task that the row, the file's name or the folder's name tells, or in all the data where none does.

    Raises:
        RunError: a file cannot be used, a sample has two answers, an id fits several samples, or none fits any.
    """
    paths = [path for name in rest.split(",") for path in _files(Path(name.strip()).expanduser())]
    tasks = tuple(dict.fromkeys(sample.task for sample in samples))
    rows = [row for path in paths for row in _read(path, tasks)]
    found, unknown = _matched(rows, samples, rest)
    if not found:
        first = one_line(rows[0].video_id, QUOTED)
        raise RunError(f"answers:{rest}: none of its {len(rows)} ids is that of a sample, e.g. {first}.")
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
        raise RunError(f"answers:{path} holds no .json or .jsonl file.")
    return files


def _read(path: Path, tasks: Sequence[Task]) -> list[GivenAnswer]:
    try:
        rows = list(_rows(read_text(path)))
    except DataError as error:
        raise RunError(f"answers:{path} {error}.") from error
    if not rows:
        raise RunError(f"answers:{path} holds no answer.")
    named = leading_task(path.stem, tasks) or task_named(path.parent.name, tasks)
    return [_row(row, f"{path.name}, row {number}", named, tasks) for number, row in enumerate(rows, 1)]


def _rows(text: str) -> Iterator[object]:
    """The members of a JSON list, or what the lines of JSONL say; only line feeds end these, JSON may hold others."""
    wanted = "give a JSON list, or JSONL with an answer a line"
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
        raise RunError(f"answers: `model_response` of {place} is not text; write it between quotes.")
    task = (task_named(str(row["task"]), tasks) if "task" in row else None) or named
    return GivenAnswer(video_id=name, text=text or "", task=task.name if task else None, place=place)


def _id(row: Mapping[str, object], place: str) -> str:
    """The row's id; a number is taken for its digits, and pandas makes 17.0 of 17 where other rows have no id."""
    field = next((name for name in ("video_id", "id") if row.get(name) not in (None, "")), None)
    if field is None:
        raise RunError(f"answers: {place} lacks `video_id` (or `id`).")
    given = row[field]
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise RunError(f"answers: `{field}` of {place} is neither text nor a number.")
    return str(int(given) if isinstance(given, float) and given.is_integer() else given)


def _matched(
    rows: Sequence[GivenAnswer], samples: Sequence[Sample], rest: str
) -> tuple[dict[str, GivenAnswer], tuple[str, ...]]:
    names = _names(samples)
    found: dict[str, GivenAnswer] = {}
    unknown, trouble = [], []
    for row in rows:
        ids = _candidates(row, names)
        if not ids:
            unknown.append(one_line(row.video_id, QUOTED))
        elif len(ids) > 1:
            trouble.append(
                f"{one_line(row.video_id, QUOTED)} may be {' or '.join(sorted(ids)[:3])}: give each row its task"
            )
        elif (one := next(iter(ids))) in found:
            trouble.append(f"{one} has two answers")
        else:
            found[one] = row
    if trouble:
        more = f", and {len(trouble) - SHOWN} more" if len(trouble) > SHOWN else ""
        raise RunError(f"answers:{rest} cannot be matched: {'; '.join(trouble[:SHOWN])}{more}.")
    return found, tuple(unknown)


Names = Mapping[tuple[str | None, str], frozenset[str]]
"""Sample ids by task (None: all the data) and by each name that a file may give."""


def _names(samples: Iterable[Sample]) -> Names:
    names: dict[tuple[str | None, str], set[str]] = defaultdict(set)
    for sample in samples:
        path = PurePosixPath(sample.video_id)
        for kind, name in (("", sample.id), ("", sample.video_id), ("file:", path.name), ("file:", path.stem)):
            names[None, kind + name].add(sample.id)
            names[sample.task.name, kind + name].add(sample.id)
    return {key: frozenset(ids) for key, ids in names.items()}


def _candidates(row: GivenAnswer, names: Names) -> frozenset[str]:
    path = PurePosixPath(slashed(row.video_id))
    for name in (row.video_id, slashed(row.video_id), f"file:{path.name}", f"file:{path.stem}"):
        if ids := names.get((row.task, name)):
            return ids
    return frozenset()
