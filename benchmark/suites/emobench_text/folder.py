"""A folder of EmoBench: EU.jsonl, EA.jsonl or both, as its authors publish them (Sahandfer/EmoBench, folder data).

EU.jsonl  {"qid": "1", "language": "en", "coarse_category": "emotional_cues", "scenario": "…", "subject": "Ada",
           "emotion_choices": ["Joy", …], "emotion_label": "Joy", "cause_choices": ["…", …], "cause_label": "…"}
EA.jsonl  {"qid": "1", "language": "zh", "category": "Personal-Self", "question type": "Response", "scenario": "…",
           "subject": "Ada", "choices": ["…", …], "label": "…"}

The true label is the text of a choice. A scenario may be asked about for several people, and each question is there in
both languages under one `qid`; all of these are one recording, since they are not independent of each other.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path, PurePosixPath
from string import ascii_uppercase
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from benchmark.data.clip_finder import list_files
from benchmark.data.rows import Gathered, Row, Word, placed_lines, plain, source_name, valid_rows
from benchmark.errors import DataError
from benchmark.suite import Suite

Choices = Annotated[tuple[Word, ...], Field(min_length=2, max_length=12)]


class _Question(BaseModel):
    """What the rows of both files have."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    qid: Word
    language: Literal["en", "zh"]
    scenario: Word
    subject: Word

    @property
    def asked(self) -> str:
        """What is asked about the scenario."""
        return f"Person: {self.subject}"


class Understanding(_Question):
    """A row of EU.jsonl."""

    coarse_category: Word
    emotion_choices: Choices
    emotion_label: Word
    cause_choices: Choices
    cause_label: Word

    @property
    def category(self) -> str:
        """The category by which the authors report: the coarse one of two."""
        return self.coarse_category

    @property
    def parts(self) -> Mapping[str, tuple[Sequence[str], str]]:
        """The choices and the true one of the emotion and of its cause."""
        return {"emotion": (self.emotion_choices, self.emotion_label), "cause": (self.cause_choices, self.cause_label)}


class Application(_Question):
    """A row of EA.jsonl."""

    stated: Annotated[Word, Field(alias="category")]
    kind: Annotated[Literal["Response", "Action"], Field(alias="question type")]
    choices: Choices
    label: Word

    @property
    def category(self) -> str:
        """The category by which the authors report: whose problem it is, and in which relationship."""
        return self.stated

    @property
    def parts(self) -> Mapping[str, tuple[Sequence[str], str]]:
        """The choices and the true one of the answer."""
        return {"answer": (self.choices, self.label)}

    @property
    def asked(self) -> str:
        """The person, and whether words or deeds are asked for."""
        return f"{super().asked}\nAsked for: {'what to say' if self.kind == 'Response' else 'what to do'}"


KINDS: Mapping[str, type[Understanding] | type[Application]] = {"EU": Understanding, "EA": Application}
"""The type of a file's rows by the file's name."""

Asked: TypeAlias = Understanding | Application


def read_folder(root: Path, suite: Suite) -> Gathered | None:
    """Every row of the files; None if there is neither.

    Raises:
        DataError: the folder cannot be read.
    """
    root = root.resolve()
    rows: list[Row] = []
    problems: list[str] = []
    seen: dict[str, str] = {}
    for file in sorted(list_files(root)):
        path = PurePosixPath(file)
        if path.suffix.lower() != ".jsonl" or path.stem not in KINDS:
            continue
        if first := seen.get(path.stem):
            problems.append(f"{file}: {first} has the same questions; keep one of the two")
            continue
        seen[path.stem] = file
        try:
            placed = valid_rows(placed_lines(root / file), file, KINDS[path.stem], problems)
            rows += _rows(placed, path.stem, suite, problems)
        except DataError as error:
            problems.append(f"{file}: {error}")
    return Gathered(rows=tuple(rows), problems=tuple(problems)) if seen else None


def _rows(placed: Iterator[tuple[str, Asked]], name: str, suite: Suite, problems: list[str]) -> Iterator[Row]:
    first: dict[tuple[str, str], str] = {}
    for place, asked in placed:
        targets = {part: _letter(choices, label) for part, (choices, label) in asked.parts.items()}
        if lacking := [part for part, letter in targets.items() if not letter]:
            problems.append(f"{place}: {', '.join(lacking)}: the label must be exactly one of the choices")
            continue
        recording = first.setdefault((asked.language, asked.scenario), asked.qid)
        letters = [
            [f"{part} {letter}" for letter in ascii_uppercase[: len(choices)]]
            for part, (choices, _) in asked.parts.items()
        ]
        yield Row(
            place=place,
            task=suite.tasks[f"{name}-{asked.language}"],
            video_id=f"{name}-{asked.language}-{asked.qid}",
            label_set=tuple(map(", ".join, product(*letters))),
            targets=(", ".join(f"{part} {letter}" for part, letter in targets.items()),),
            source=source_name(asked.category),
            recording=plain(f"EmoBench/{name}-{recording}"),
            clip=None,
            text=_text(asked),
        )


def _letter(choices: Sequence[str], label: str) -> str:
    """The letter of the label's choice; "" if it is none of them, or several."""
    return ascii_uppercase[choices.index(label)] if choices.count(label) == 1 else ""


def _text(asked: Asked) -> str:
    """The scenario and the choices, with letters."""
    lists = ("\n".join([f"{part.capitalize()}:", *_lettered(choices)]) for part, (choices, _) in asked.parts.items())
    return "\n\n".join([f"Scenario: {asked.scenario}", asked.asked, *lists])


def _lettered(choices: Sequence[str]) -> Iterator[str]:
    return (f"{letter}. {choice}" for letter, choice in zip(ascii_uppercase, choices, strict=False))
