"""`answers:FILE`: answers that were produced elsewhere, or in another run.

The file is a JSON list or JSONL. A row, in which other keys are ignored, and `id` may replace `video_id`:

    {"video_id": "MELD/video/test_dia100_utt0.mp4", "model_response": "The speaker smiles …", "task": "ER-Wild"}

A row may also have the `question_hash` of the question that it answers, as `mme-emotion questions` writes it. The
folder of a run stands for its `samples.jsonl`, whose lines have the whole answer, and the question that was asked.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from benchmark.data.rows import slashed
from benchmark.errors import DataError, ModelError, RunError
from benchmark.model import Answer
from benchmark.models.kept_run import KeptLine, read_kept, run_folder
from benchmark.task import Sample, Task, leading_task, task_named
from benchmark.text import QUOTED, one_line, parse_json, read_text

SHOWN = 10
"""The most rows that an error lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAnswer:
    """A row of the file.

    Attributes:
        video_id: the id in the row.
        answer: the answer; its text is empty if the row has none, its model None if the row names none.
        task: the name of the task, by the row, the file or the folder; None if unknown.
        place: the file and the number of the row, for messages.
        question_hash: of the question that it answers; None if the row has none.
        question: the question that it answers and its candidate labels; None if the row does not have them.
        error: why the run that kept it has no answer; "" if it has, or if no run kept it.
    """

    video_id: str
    answer: Answer
    task: str | None
    place: str
    question_hash: str | None = None
    question: tuple[str, tuple[str, ...]] | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersFile:
    """A respondent that looks answers up.

    Attributes:
        name: the name of the model whose run kept them; else the file's name without suffix, or the folder's name for
            several files.
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
        if not given.answer.reasoned:
            raise ModelError(given.error or f"The answer in {given.place} is empty.")
        return replace(given.answer, model=given.answer.model or self.name)


def read_answers(rest: str, samples: Sequence[Sample]) -> AnswersFile:
    """The answers of a file, of several (comma-separated), or of all `.json` and `.jsonl` files in a folder.

    The id of a row is compared with the id, the `video_id` and the file name of the samples, in this order. If the row,
    the file or the folder names a task, only its samples are considered.

    Raises:
        RunError: a file cannot be used, a sample has two answers, an id fits several samples, or no id fits any.
    """
    tasks = tuple(dict.fromkeys(sample.task for sample in samples))
    sources = [source for name in rest.split(",") for source in _sources(Path(name.strip()).expanduser(), tasks)]
    rows = [row for source in sources for row in source.rows]
    found, unknown = _matched(rows, samples, rest)
    if not found:
        first = f", e.g. {one_line(rows[0].video_id, QUOTED)}" if rows else ""
        raise RunError(f"answers:{rest}: none of its {len(rows)} ids is the id of a sample{first}.")
    one = sources[0]
    return AnswersFile(
        name=one.name if len(sources) == 1 else one.path.parent.name or "answers",
        file=one.path.name if len(sources) == 1 else f"{len(sources)} files",
        answers=found,
        unknown=unknown,
        missing=tuple(sample.id for sample in samples if sample.id not in found),
    )


@dataclass(frozen=True, slots=True)
class _Source:
    """A file of answers, or a run that kept them."""

    path: Path
    name: str
    rows: Sequence[GivenAnswer]


def _sources(path: Path, tasks: Sequence[Task]) -> Iterator[_Source]:
    if (folder := run_folder(path)) is not None:
        run = read_kept(folder)
        yield _Source(path, run.name, [_kept(line, path, tasks) for line in run.lines])
        return
    for file in _files(path):
        yield _Source(file, file.stem, _read(file, tasks))


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
        answer=Answer(text=text or "", model=None),
        task=task.name if task else None,
        place=place,
        question_hash=None if hashed in (None, "") else str(hashed),
    )


def _kept(line: KeptLine, run: Path, tasks: Sequence[Task]) -> GivenAnswer:
    task = task_named(line.task, tasks)
    return GivenAnswer(
        video_id=line.id,
        answer=Answer(
            text=line.answer or "",
            thoughts=line.thoughts,
            model=line.model_of("model"),
            ending=line.ending,
            refusal=line.refused or None,
        ),
        task=task.name if task else None,
        place=f"{run}, {line.id}",
        question=(line.question, line.label_set),
        error=f"{run} has no answer: {line.error}" if line.error else "",
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
        for name in (sample.id, sample.own_id, sample.video_id, f"file:{path.name}", f"file:{path.stem}"):
            names[None, name].add(sample.id)
            names[sample.task.name, name].add(sample.id)
    return names


def _candidates(row: GivenAnswer, names: Names) -> set[str]:
    """The ids of the samples that a row fits, by the first of its names that fits any."""
    path = PurePosixPath(slashed(row.video_id))
    for name in (row.video_id, slashed(row.video_id), f"file:{path.name}", f"file:{path.stem}"):
        if ids := names.get((row.task, name)):
            return ids
    return set()
