r"""The files of EmoBench-M, one for each scenario.

benchmark_json/MELD.json    [{"id": 7, "video": "MELD/dia0_utt3.mp4", "conversations": [
                              {"from": "human", "value": "<video>\nThe person in video says: … Choose one: …"},
                              {"from": "gpt", "value": "joy"}]}, …]

The model is sent the authors' words of the user's file, then the suite's own question. A true label may stand alone or
in an object, `{'emotion label': 'happy', 'intent label': 'wishing'}`. Clips lie anywhere below the folder; a path from
the root of another machine counts as the file's name. (The layout follows the README, the scripts and the examples of
Emo-gml/EmoBench-M. It has not been tried on the data, which is given out as one archive on Google Drive.)
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from benchmark.data.clip_finder import Found, Wanted, find_clips, list_files
from benchmark.data.rows import Gathered, Row, Word, inner_place, mistakes, plain, read_list, stem
from benchmark.errors import DataError
from benchmark.suite import Suite
from benchmark.task import Task, Turn
from benchmark.text import NOT_REGULAR

SENTIMENTS = ("neutral", "negative", "positive")
TRUTH = ("true", "false")
EMOTIONS = ("happy", "surprise", "sad", "disgust", "anger", "fear", "neutral")
INTENTS = (
    "questioning", "agreeing", "acknowledging", "encouraging", "consoling", "suggesting", "wishing", "neutral",
)  # fmt: skip
JOINT = tuple(f"{emotion}-{intent}" for emotion in EMOTIONS for intent in INTENTS)
SUNG = ("neutral", "calm", "happy", "sad", "angry", "fearful")
STRENGTHS = ("strong negative", "weak negative", "neutral", "weak positive", "strong positive")

FILES: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "ravdss_song": ("SOER", SUNG),
        "ravdss_speech": ("SPER", (*SUNG, "surprised", "disgust")),
        "mosi": ("OSA", SENTIMENTS),
        "mosei": ("EIA", SENTIMENTS),
        "fgmsa": ("SCEA", STRENGTHS),
        "mer2023": ("FGDEA", ("happy", "sad", "neutral", "angry", "worried", "surprise")),
        "sims": ("PEA", SENTIMENTS),
        "ch_simsv2s": ("FCDEA", SENTIMENTS),
        "mc_eiu": ("CEIA", JOINT),
        "meld": ("MPDER", ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")),
        "funny": ("HU", TRUTH),
        "mustard": ("SD", TRUTH),
        "smile": ("LR", ()),
    }
)
"""The task and the labels of a file, by its name in lower case with underscores.

The labels are those of the configuration in EmoBench-M-eval.py. Which file is OSA, EIA, PEA and FCDEA is inferred from
their sizes.
"""

# a dialogue of MELD or MC-EIU, a video of MOSI or MOSEI, an actor of RAVDESS
_RECORDING = re.compile(r"(?:(\w*dia_?\d+)_utt_?\d+\w*|([\w-]{11})_\d+|(?:\d\d-){6}(\d\d))")
MEDIUM = re.compile(r"<(?:video|image|audio)>\s*")
"""The mark of a clip in a message."""
_VALUE = re.compile(r""":\s*(["'])(.*?)\1\s*(?=[,}])""")


def recording_of(name: str) -> str:
    """What the clip of that name was cut from, as far as the names of its corpus tell; else the name itself."""
    cut = _RECORDING.fullmatch(name)
    return cut[cut.lastindex or 0] if cut else name


class Message(BaseModel):
    """A message of a conversation."""

    model_config = ConfigDict(populate_by_name=True)

    speaker: Annotated[Literal["human", "gpt"], Field(alias="from")]
    value: Word


class Stated(BaseModel):
    """A row of a file."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: Word | None = None
    video: Annotated[str, Field(min_length=1), AfterValidator(inner_place)] | None = None
    conversations: Annotated[tuple[Message, ...], Field(min_length=2)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A row with its file.

    Attributes:
        video_id: the clip's path, with the row's id if several rows have the clip; the id without a clip.
    """

    file: str
    task: Task
    labels: tuple[str, ...]
    row: Stated
    video_id: str

    @property
    def target(self) -> str:
        """The true label, or the reference explanation."""
        said = self.row.conversations[-1].value
        if not self.labels:
            return said
        values = [value for _, value in _VALUE.findall(said)] if said.startswith("{") else re.split("[,;_]", said)
        return "-".join(value.strip(" .'\"").lower() for value in values)


def read_folder(root: Path, suite: Suite) -> Gathered | None:
    """Every row of the files below the folder that are named as the authors', with its clip; None without such a file.

    Raises:
        DataError: the folder cannot be read.
    """
    root = root.resolve()
    files = list_files(root)
    problems: list[str] = []
    asked: list[Asked] = []
    tables = [file for file in sorted(files) if _known(file) and files[file] != NOT_REGULAR]
    for file in tables:
        name, labels = FILES[_known(file)]
        rows = list(_rows(root, file, problems))
        clips = Counter(row.video for _, row in rows)
        for place, row in rows:
            if row.video is None and labels:
                problems.append(f"{file}: {place}: `video` is missing")
                continue
            several = f"-{row.id or place}" if clips[row.video] > 1 else ""
            video_id = f"{row.video}{several}" if row.video else row.id or place
            asked.append(Asked(file=file, task=suite.tasks[name], labels=labels, row=row, video_id=video_id))
    if not tables:
        return None
    wanted = [Wanted(one.task, one.row.video, _beside(one.file, one.row.video)) for one in asked if one.row.video]
    found = iter(find_clips(root, wanted, files, suite, problems))
    made = tuple(_row(one, next(found) if one.row.video else None) for one in asked)
    return Gathered(rows=made, problems=tuple(problems))


def _known(file: str) -> str:
    """The key in `FILES` of a file's name; empty if it is not one of the benchmark's."""
    name = file.rpartition("/")[2].lower()
    key = name.removesuffix(".json").replace("-", "_")
    return key if name.endswith(".json") and key in FILES else ""


def _rows(root: Path, file: str, problems: list[str]) -> Iterator[tuple[str, Stated]]:
    """The valid rows of a file by their place; what is wrong with the others is added to the problems."""
    try:
        stated = read_list(root / file)
    except DataError as error:
        problems.append(f"{file}: {error}")
        return
    for number, value in enumerate(stated, 1):
        try:
            row = Stated.model_validate(value)
            if [message.speaker for message in row.conversations[-2:]] != ["human", "gpt"]:
                raise DataError("`conversations` must end with a message from human and one from gpt")
            yield f"row {number}", row
        except (ValidationError, DataError) as error:
            problems.append(f"{file}: row {number}: {mistakes(error)}")


def _beside(file: str, video: str) -> str:
    """The place of a clip: from the folder above the file's, which is called `benchmark_json`, or from the file's."""
    home, _, folder = file.rpartition("/")[0].rpartition("/")
    return f"{home}/{video}".lstrip("/") if folder == "benchmark_json" else f"{home}/{folder}/{video}".lstrip("/")


def _row(asked: Asked, clip: Found | None) -> Row:
    said = _said(asked.row.conversations[:-1])
    source = stem(asked.file)
    name = stem(asked.row.video or asked.video_id)
    return Row(
        place=asked.file,
        task=asked.task,
        video_id=asked.video_id,
        label_set=asked.labels,
        targets=(asked.target,),
        source=plain(source),
        recording=plain(f"{source}/{recording_of(name)}"),
        clip=clip.path if clip else None,
        flaw=clip.flaw if clip else "",
        turns=said,
    )


def _said(messages: Sequence[Message]) -> tuple[Turn, ...]:
    """The messages before the answer, without the marks of media."""
    texts = [(message.speaker, MEDIUM.sub("", message.value).strip()) for message in messages]
    return tuple(Turn("user" if speaker == "human" else "assistant", text) for speaker, text in texts if text)
