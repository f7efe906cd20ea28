"""A folder of EmpatheticDialogues: test.csv, as in the authors' archive `empatheticdialogues.tar.gz`.

conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags
hit:0_conv:1,1,guilty,I broke a cup.,0,I broke my sister's cup_comma_ and hid it.,5|5|5_5|5|5,

A line is split at every comma; a comma in a text is written `_comma_`, and quotation marks mean nothing. `context` is
the emotion that the speaker was told to speak about; messages 1, 3, … are the speaker's, 2, 4, … the listener's
(github.com/facebookresearch/EmpatheticDialogues, empchat/datasets/empchat.py). Further columns are ignored.

Each message of a listener is two samples with the dialogue before it: the task `reply` asks for the message, the task
`emotion` for the emotion. All samples of a dialogue are one recording. Other files, such as train.csv, are not read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path, PurePosixPath

from benchmark.data.clip_finder import list_files
from benchmark.data.rows import Gathered, Row, plain
from benchmark.errors import DataError
from benchmark.suite import Suite
from benchmark.task import Turn
from benchmark.text import NOT_REGULAR, QUOTED, one_line, read_text

EMOTIONS = (
    "afraid", "angry", "annoyed", "anticipating", "anxious", "apprehensive", "ashamed", "caring", "confident",
    "content", "devastated", "disappointed", "disgusted", "embarrassed", "excited", "faithful", "furious", "grateful",
    "guilty", "hopeful", "impressed", "jealous", "joyful", "lonely", "nostalgic", "prepared", "proud", "sad",
    "sentimental", "surprised", "terrified", "trusting",
)  # fmt: skip
"""The emotions of the data, in alphabetical order."""

COLUMNS = {"conv_id": 0, "utterance_idx": 1, "context": 2, "utterance": 5}
"""The columns that are read, and their places."""


@dataclass(frozen=True, slots=True)
class Message:
    """A line of the file.

    Attributes:
        place: the file and the line.
        dialogue: the id of its dialogue.
        number: its number in the dialogue, from 1.
        emotion: what the speaker speaks about.
        text: what is said.
    """

    place: str
    dialogue: str
    number: int
    emotion: str
    text: str


def read_folder(root: Path, suite: Suite) -> Gathered | None:
    """Two rows for each message of a listener in the test split; None if there is no file of it.

    Raises:
        DataError: the folder cannot be read.
    """
    root = root.resolve()
    sizes = list_files(root)
    files = [file for file in sorted(sizes) if PurePosixPath(file).name == "test.csv"]
    problems = [f"{files[0]}: {file} is a test split too; keep one of the two" for file in files[1:]]
    messages: list[Message] = []
    for file in files:
        try:
            if sizes[file] == NOT_REGULAR:
                raise DataError("is not a regular file")
            messages += _read(root / file, file, problems)
        except DataError as error:
            problems.append(f"{file}: {error}")
    if not problems:
        problems += _disorder(messages)
    rows = () if problems else tuple(_rows(messages, suite))
    return Gathered(rows=rows, problems=tuple(problems)) if files else None


def _read(path: Path, file: str, problems: list[str]) -> Iterator[Message]:
    """The valid messages; what is wrong with other lines is added to the problems."""
    head, *lines = read_text(path).split("\n")
    named = [name.strip() for name in head.split(",")]
    lacking = [name for name, place in COLUMNS.items() if named[place : place + 1] != [name]]
    if lacking:
        wanted = ", ".join(f"{name} as column {COLUMNS[name] + 1}" for name in lacking)
        raise DataError(f"its first line must name {wanted}")
    for number, line in enumerate(lines, 2):
        if line.strip():
            try:
                yield _message(line, f"{file} line {number}")
            except DataError as error:
                problems.append(f"{file} line {number}: {error}")


def _message(line: str, place: str) -> Message:
    cells = [cell.replace("_comma_", ",").strip() for cell in line.split(",")]
    if len(cells) <= COLUMNS["utterance"]:
        raise DataError(f"has {len(cells)} columns, needs at least {COLUMNS['utterance'] + 1}")
    stated = {name: cells[column] for name, column in COLUMNS.items()}
    number, emotion = stated["utterance_idx"], stated["context"].lower()
    if lacking := [f"`{name}`" for name in ("conv_id", "utterance") if not stated[name]]:
        raise DataError(f"{' and '.join(lacking)} missing")
    if not (number.isascii() and number.isdigit() and 0 < int(number[:6]) < 10_000 and len(number) < 6):
        raise DataError(f"`utterance_idx` must be a number from 1, got {one_line(number, QUOTED)}")
    if emotion not in EMOTIONS:
        raise DataError(f"`context` must be one of {', '.join(EMOTIONS)}, got {one_line(emotion, QUOTED)}")
    return Message(place, stated["conv_id"], int(number), emotion, stated["utterance"])


def _dialogues(messages: Sequence[Message]) -> Iterator[list[Message]]:
    """The messages of each dialogue; its lines follow each other."""
    return (list(members) for _, members in groupby(messages, lambda one: one.dialogue))


def _disorder(messages: Sequence[Message]) -> Iterator[str]:
    """What is wrong with the dialogues: one in two places, with a message missing, or with two emotions."""
    seen: dict[str, str] = {}
    for members in _dialogues(messages):
        first = members[0]
        name = one_line(first.dialogue, QUOTED)
        if first.dialogue in seen:
            yield f"{first.place}: the dialogue {name} has begun already in {seen[first.dialogue]}"
        seen.setdefault(first.dialogue, first.place)
        wrong = next((one for at, one in enumerate(members, 1) if one.number != at), None)
        if wrong is not None:
            at = members.index(wrong) + 1
            yield f"{wrong.place}: message {wrong.number} of the dialogue {name} stands where message {at} must be"
        if other := next((one for one in members if one.emotion != first.emotion), None):
            yield f"{other.place}: the dialogue {name} is about {other.emotion} here and about {first.emotion} before"


def _rows(messages: Sequence[Message], suite: Suite) -> Iterator[Row]:
    for members in _dialogues(messages):
        for heard in members[1::2]:
            before = members[: heard.number - 1]
            turns = tuple(Turn("user" if one.number % 2 else "assistant", one.text) for one in before[:-1])
            for name, labels, true in (("reply", (), heard.text), ("emotion", EMOTIONS, heard.emotion)):
                choice = f"\n\nEmotions: {'; '.join(labels)}" if labels else ""
                yield Row(
                    place=heard.place,
                    task=suite.tasks[name],
                    video_id=f"{heard.dialogue}-{heard.number}",
                    label_set=labels,
                    targets=(true,),
                    source="empathetic-dialogues",
                    recording=plain(f"empathetic-dialogues/{heard.dialogue}"),
                    clip=None,
                    turns=turns,
                    text=f"Message: {before[-1].text}{choice}",
                )
