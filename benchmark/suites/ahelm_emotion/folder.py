"""A folder with the data of one or more of AHELM's scenarios, as HELM downloads it.

MELD        test_sent_emo.csv                    Dialogue_ID,Utterance_ID,Emotion and dia0_utt0.flac
MUStARD     sarcasm_data.json                    {"1_60": {"context": […], "context_speakers": […], "sarcasm": true}}
                                                 and 1_60.mp4
PARADE      audio_result_path_mapping_v2.json    {"onyx": {"status": {"0": {"0": {"path": …, "question": …,
            or annotation.json                   "options": [three], "label": one of them}}}}, "nova": …}
CoRe-Bench  instances.jsonl                      {"audio_path": …, "question": …, "answer": …}

Clips lie anywhere below. Zip files are unpacked, `.tgz` files must be. A table of MELD may name its clip in a column
`Clip`, as the demo's does. (The layouts follow src/helm/benchmark/scenarios/audio_language of stanford-crfm/helm; they
have not been tried on the data.)
"""

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmark.data.clip_finder import Wanted, find_clips, list_files
from benchmark.data.rows import Gathered, Place, Row, Word, leaves_folder, mistakes, plain, source_name, table_of
from benchmark.errors import DataError
from benchmark.suite import Suite
from benchmark.task import Turn
from benchmark.text import NOT_REGULAR, parse_json, read_text

EMOTIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
LETTERS = ("A", "B", "C")
VOICES: Mapping[str, str] = {"onyx": "male", "nova": "female"}
SUFFIXES = (".flac", ".wav", ".mp3", ".mp4", ".avi", ".mkv")
"""Of clips that are named by an id; where several exist, the first counts."""


class Line(BaseModel):
    """A row of MELD's table."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    Dialogue_ID: Annotated[str, Field(pattern=r"^\d+$")]
    Utterance_ID: Annotated[str, Field(pattern=r"^\d+$")]
    Emotion: Word
    Clip: Place | None = None


class Remark(BaseModel):
    """A remark of MUStARD, by its id."""

    context: tuple[str, ...]
    context_speakers: tuple[str, ...] = ()
    sarcasm: bool


class Choice(BaseModel):
    """A question of PARADE."""

    path: Place
    question: Word
    options: Annotated[tuple[Word, ...], Field(min_length=2, max_length=len(LETTERS))]
    label: Word


class Query(BaseModel):
    """A question of CoRe-Bench."""

    audio_path: Place
    question: Word
    answer: Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A question of a file, before its clip is looked for.

    Attributes:
        task: the name of its task.
        clip: the path of its clip, or its name alone.
        any_suffix: whether a clip of that name with another suffix will do.
        said: the text before the question.
    """

    task: str
    video_id: str
    clip: str
    any_suffix: bool
    label_set: tuple[str, ...]
    target: str
    source: str
    recording: str
    said: tuple[str, ...] = ()


Found = Iterator[Stated | str]
"""The questions of a file, and what is wrong with its other rows."""


def read_folder(root: Path, suite: Suite) -> Gathered | None:
    """Every question of the known files below the folder with its clip; None if there is no such file.

    Raises:
        DataError: the folder cannot be read.
    """
    root = root.resolve()
    files = list_files(root)
    found: list[tuple[str, Stated]] = []
    problems: list[str] = []
    tables = {file: READERS[name] for file in sorted(files) if (name := _name(file)) in READERS}
    for file, reader in tables.items():
        for one in _read(root / file, files[file], reader):
            if isinstance(one, str):
                problems.append(f"{file}: {one}")
            else:
                found.append((file, one))
    if not tables:
        return None
    names = set(map(_name, files))
    wanted = [_wanted(file, one, suite, names) for file, one in found]
    clips = find_clips(root, wanted, files, suite, problems)
    rows = tuple(
        Row(
            place=file,
            task=suite.tasks[one.task],
            video_id=one.video_id,
            label_set=one.label_set,
            targets=(one.target,),
            source=one.source,
            recording=one.recording,
            clip=clip.path,
            flaw=clip.flaw,
            turns=tuple(Turn("user", text) for text in one.said),
        )
        for (file, one), clip in zip(found, clips, strict=True)
    )
    return Gathered(rows=rows, problems=tuple(problems))


def _name(file: str) -> str:
    return file.rpartition("/")[2]


def _read(path: Path, size: int, reader: Callable[[str], Found]) -> Found:
    try:
        yield from ("is not a regular file",) if size == NOT_REGULAR else reader(read_text(path))
    except DataError as error:
        yield str(error)


def _wanted(file: str, stated: Stated, suite: Suite, names: Set[str]) -> Wanted:
    """The clip of a question: next to its file or anywhere below the folder."""
    clip = stated.clip
    if stated.any_suffix and clip not in names:
        stem = clip.rpartition(".")[0]
        clip = next((name for suffix in SUFFIXES if (name := stem + suffix) in names), clip)
    return Wanted(suite.tasks[stated.task], clip, str(PurePosixPath(file).parent / clip))


def _lines(text: str) -> Found:
    """The rows of MELD's table."""
    columns, rows = table_of(text)
    required = (name for name, field in Line.model_fields.items() if field.is_required())
    if lacking := [name for name in required if name not in columns]:
        raise DataError(f"lacks the columns {', '.join(lacking)}")
    for number, cells in rows:
        try:
            line = Line.model_validate({name: cell for name, cell in cells.items() if name and cell})
        except ValidationError as error:
            yield f"line {number}: {mistakes(error)}"
            continue
        name = f"dia{line.Dialogue_ID}_utt{line.Utterance_ID}"
        yield Stated(
            task="MELD",
            video_id=name,
            clip=line.Clip or f"{name}.flac",
            any_suffix=line.Clip is None,
            label_set=EMOTIONS,
            target=line.Emotion,
            source="MELD",
            recording=f"MELD/dia{line.Dialogue_ID}",
        )


def _remarks(text: str) -> Found:
    """The remarks of MUStARD."""
    for key, value in _object(parse_json(text)).items():
        try:
            if leaves_folder(key) or "/" in key:
                raise DataError("its id must be the name of a clip")
            remark = Remark.model_validate(value)
        except (ValidationError, DataError) as error:
            yield f"{key}: {mistakes(error)}"
            continue
        speakers = (*remark.context_speakers, *[""] * len(remark.context))
        context = (f"{who}: {line}" if who else line for who, line in zip(speakers, remark.context, strict=False))
        yield Stated(
            task="MUStARD",
            video_id=key,
            clip=f"{key}.mp4",
            any_suffix=True,
            label_set=LETTERS[:2],
            target=LETTERS[0] if remark.sarcasm else LETTERS[1],
            source="MUStARD",
            recording=plain(f"MUStARD/{key}"),
            said=("\n".join(context),) if remark.context else (),
        )


def _choices(text: str) -> Found:
    """The questions of PARADE, each in two voices; a voice's question has the recording of its twin."""
    voices = _object(parse_json(text))
    yield from (f"`{voice}` is no voice; they are {', '.join(VOICES)}" for voice in voices if voice not in VOICES)
    for voice in (voice for voice in VOICES if voice in voices):
        for subset, groups in _object(voices[voice], voice).items():
            for group, asked in _object(groups, f"{voice}/{subset}").items():
                for key, value in _object(asked, f"{voice}/{subset}/{group}").items():
                    yield _choice(voice, f"{subset}/{group}/{key}", value)


def _choice(voice: str, place: str, value: object) -> Stated | str:
    try:
        choice = Choice.model_validate(value)
        if choice.options.count(choice.label) != 1:
            raise DataError(f"label `{choice.label}` must be one of its options: {', '.join(choice.options)}")
    except (ValidationError, DataError) as error:
        return f"{voice}/{place}: {mistakes(error)}"
    listed = "\n".join(f"{letter}: {option}" for letter, option in zip(LETTERS, choice.options, strict=False))
    return Stated(
        task="PARADE",
        video_id=f"{voice}/{place}",
        clip=choice.path,
        any_suffix=False,
        label_set=LETTERS[: len(choice.options)],
        target=LETTERS[choice.options.index(choice.label)],
        source=source_name(f"{place.partition('/')[0]}-{VOICES[voice]}"),
        recording=plain(f"PARADE/{place}"),
        said=(f"{choice.question}\n{listed}",),
    )


def _queries(text: str) -> Found:
    """The questions of CoRe-Bench; the answer is free, and those about one conversation share its recording."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            query = Query.model_validate(parse_json(line))
        except (ValidationError, DataError) as error:
            yield f"line {number}: {mistakes(error)}"
            continue
        yield Stated(
            task="CoRe-Bench",
            video_id=f"{query.audio_path.rpartition('.')[0] or query.audio_path}-{number}",
            clip=query.audio_path,
            any_suffix=False,
            label_set=(),
            target=query.answer.lower(),
            source="CoRe-Bench",
            recording=plain(f"CoRe-Bench/{query.audio_path}"),
            said=(query.question,),
        )


def _object(value: object, place: str = "") -> Mapping[str, object]:
    if not isinstance(value, dict) or not value:
        raise DataError(f"{place + ': ' if place else ''}must be an object with at least one entry")
    return value


READERS: Mapping[str, Callable[[str], Found]] = {
    "test_sent_emo.csv": _lines,
    "sarcasm_data.json": _remarks,
    "audio_result_path_mapping_v2.json": _choices,
    "annotation.json": _choices,
    "instances.jsonl": _queries,
}
