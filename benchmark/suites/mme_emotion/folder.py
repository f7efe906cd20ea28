"""Reads an MME-Emotion folder: its questions, audio clues and clips, in either layout.

ER-Lab/question/ER_Lab.json   ER-Lab/audio_clue/*.json   ER-Lab/IEMOCAP/video/x.mp4     the official one
ER_Lab.json                   ER_Lab*clue*.json          ER_Lab.zip or ER_Lab/x.mp4     the hub's
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from benchmark.data.clip_finder import Found, Wanted, find_clips, list_files
from benchmark.data.rows import Gathered, Label, Labels, Row, leaves_folder, mistakes, read_list, slashed, targets_of
from benchmark.errors import DataError
from benchmark.suite import Suite
from benchmark.suites.mme_emotion.corpora import recording_of, source_of
from benchmark.task import Task, leading_task
from benchmark.text import NOT_REGULAR


def _inside(video_id: str) -> str:
    if leaves_folder(video_id):
        raise ValueError("leaves the folder")
    return slashed(video_id)


VideoId = Annotated[str, Field(min_length=1), AfterValidator(_inside)]


class Question(BaseModel):
    """A row of a question file; it may contain its audio clue."""

    video_id: VideoId
    label: Label
    label_set: Labels
    audio_clue: str | None = None


class Clue(BaseModel):
    """A row of an audio-clue file; a clue is null if the request for it failed."""

    video_id: VideoId
    audio_clue: str | None
    ground_truth: Label | None = None


R = TypeVar("R", Question, Clue)


@dataclass(frozen=True, slots=True)
class Table:
    """A file of questions, if it `asks`, or of clues, and its task."""

    file: str
    task: Task
    asks: bool


@dataclass(frozen=True, slots=True)
class Stated(Generic[R]):
    """A row and its file."""

    table: Table
    row: R

    @property
    def key(self) -> tuple[str, str]:
        """The task's name and the `video_id`."""
        return self.table.task.name, self.row.video_id

    @property
    def name_key(self) -> tuple[str, str]:
        """The task's name and the name of the clip's file, which is unique within a task."""
        return self.table.task.name, self.row.video_id.rpartition("/")[2]

    def problem(self, text: str) -> str:
        """A line about a problem of the row."""
        return f"{self.table.file}: {self.row.video_id}: {text}"


Pair = tuple[Stated[Question], Stated[Clue] | None]


def read_folder(root: Path, suite: Suite) -> Gathered | None:
    """Every question below the folder with its clip and its clue; None if there is no question file.

    Raises:
        DataError: the folder cannot be read.
    """
    root = root.resolve()
    files = list_files(root)
    problems: list[str] = []
    readable = sorted(file for file, size in files.items() if size != NOT_REGULAR)
    tables = [table for file in readable if (table := _table(root, file, suite, problems))]
    if not any(table.asks for table in tables) and not problems:
        return None
    asked = [stated for table in tables if table.asks for stated in _read(root, table, Question, problems)]
    heard = [stated for table in tables if not table.asks for stated in _read(root, table, Clue, problems)]
    pairs = _pair(asked, heard, problems)
    clips = find_clips(root, [_wanted(question) for question in asked], files, suite, problems)
    rows = tuple(_row(pair, clip) for pair, clip in zip(pairs, clips, strict=True))
    return Gathered(rows=rows, problems=(*problems, *_asked_twice(rows)))


def _table(root: Path, file: str, suite: Suite, problems: list[str]) -> Table | None:
    """The kind and the task of a file, by its name and its folders; None if it has neither questions nor clues."""
    if not file.lower().endswith(".json"):
        return None
    around = suite.task_around(f"{root.name}/{file}")  # the root may be a task's own folder
    *_, folder, name = ("", *file.split("/"))
    stem = name[: -len(".json")]
    asks = "clue" not in stem.lower() and "clue" not in folder.lower()
    if not asks:
        task = leading_task(stem, suite.task) or around
    elif folder == "question":
        task = around or suite.task_named(stem)
        if task is None:
            problems.append(f"{file}: its folder is not named after a task; the tasks are {', '.join(suite.tasks)}")
    else:
        task = suite.task_named(stem)
    return Table(file, task, asks) if task else None


def _read(root: Path, table: Table, model: type[R], problems: list[str]) -> Iterator[Stated[R]]:
    """The valid rows of a file; what is wrong with the others is added to the problems."""
    try:
        rows = read_list(root / table.file)
    except DataError as error:
        problems.append(f"{table.file}: {error}")
        return
    for number, row in enumerate(rows, 1):
        try:
            yield Stated(table, model.model_validate(row))
        except ValidationError as error:
            named = row.get("video_id") if isinstance(row, dict) else None
            problems.append(f"{table.file}: {named or f'row {number}'}: {mistakes(error)}")


def _wanted(question: Stated[Question]) -> Wanted:
    """The clip of a question: below the file's folder, or below the one above if that is called `question`."""
    home, _, folder = question.table.file.rpartition("/")[0].rpartition("/")
    place = f"{home}/{question.row.video_id}" if folder == "question" else f"{home}/{folder}/{question.row.video_id}"
    return Wanted(question.table.task, question.row.video_id, place.lstrip("/"))


def _row(pair: Pair, clip: Found) -> Row:
    stated, clue = pair
    task, question = stated.table.task, stated.row
    source = source_of(task, question.video_id, question.label_set)
    return Row(
        place=stated.table.file,
        task=task,
        video_id=question.video_id,
        label_set=question.label_set,
        targets=targets_of(task, question.label),
        source=source,
        recording=recording_of(source, question.video_id),
        clip=clip.path,
        flaw=clip.flaw,
        audio_clue=(clue and clue.row.audio_clue) or question.audio_clue or None,
    )


def _asked_twice(rows: Sequence[Row]) -> Iterator[str]:
    """A line for each two files with the same clips under different ids: both layouts are in one folder."""
    first: dict[tuple[str, str, str], Row] = {}
    files: set[tuple[str, str]] = set()
    for row in rows:
        other = first.setdefault((row.task.name, row.source, row.video_id.rpartition("/")[2]), row)
        if other.place != row.place and other.video_id != row.video_id:
            files.add((other.place, row.place))
    return (f"{one}: asks about the same clips as {other}; keep one of the two" for one, other in sorted(files))


def _pair(asked: Sequence[Stated[Question]], heard: Sequence[Stated[Clue]], problems: list[str]) -> Sequence[Pair]:
    """Each question with the clue of its id, else with the only clue of its file name that matches no question's id."""
    clues: dict[tuple[str, str], Stated[Clue]] = {}
    problems += [clue.problem("duplicate id") for clue in heard if clues.setdefault(clue.key, clue) is not clue]
    unclaimed: dict[tuple[str, str], list[Stated[Clue]]] = defaultdict(list)
    for key in clues.keys() - {question.key for question in asked}:
        unclaimed[clues[key].name_key].append(clues[key])
    only = {name: found[0] for name, found in unclaimed.items() if len(found) == 1}
    pairs = [(question, clues.get(question.key) or only.get(question.name_key)) for question in asked]
    problems += _disagreements(pairs)
    problems += _strays(pairs, clues)
    return pairs


def _disagreements(pairs: Iterable[Pair]) -> Iterator[str]:
    """A line for each clue whose true label is not that of its question."""
    for question, clue in pairs:
        if clue and clue.row.ground_truth:
            label, truth = (targets_of(clue.table.task, given) for given in (question.row.label, clue.row.ground_truth))
            if label != truth:
                yield clue.problem(f"ground_truth `{', '.join(truth)}` is not the label, `{', '.join(label)}`")


def _strays(pairs: Sequence[Pair], clues: Mapping[tuple[str, str], Stated[Clue]]) -> Iterator[str]:
    """A line for each clue without a question, unless the task's questions are an extract.

    They are an extract, shortened for a trial, if each has its clue and most clues have no question.
    """
    used = {clue.key for _, clue in pairs if clue}
    unused = [clue for key, clue in clues.items() if key not in used]
    asked = Counter(question.key[0] for question, _ in pairs)
    answered = Counter(question.key[0] for question, clue in pairs if clue)
    left = Counter(clue.key[0] for clue in unused)
    extracts = {task for task in left if answered[task] == asked[task] < left[task]}
    return (clue.problem("audio clue without a question") for clue in unused if clue.key[0] not in extracts)
