"""A RAVDESS folder: clips whose names say what is acted, in seven numbers (doi:10.1371/journal.pone.0196391, table 1).

Actor_12/01-01-06-01-02-01-12.mp4
         |  |  |  |  |  |  actor, 01 to 24
         |  |  |  |  |  repetition, 01 or 02
         |  |  |  |  statement, 01 or 02
         |  |  |  intensity, 01 or 02
         |  |  emotion, 01 to 08
         |  01 speech, 02 song
         01 picture and sound, 02 picture only, 03 sound only

Clips with only picture or only sound are not asked, since they are the same recordings again.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from benchmark.data.clip_finder import list_files
from benchmark.data.labelled import SUFFIXES
from benchmark.data.rows import Gathered, Row
from benchmark.suite import Suite
from benchmark.text import clip_flaw

LABELS = ("neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise")
"""The labels, in the order of their numbers in the names, from 1; a song has only the first six."""
SUNG = 6
PARTS: Mapping[str, int] = {
    "modality": 3,
    "channel": 2,
    "emotion": 8,
    "intensity": 2,
    "statement": 2,
    "repetition": 2,
    "actor": 24,
}
"""What the numbers of a name say, and the largest of each."""

_NAME = re.compile("-".join(["([0-9]{2})"] * len(PARTS)))


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the name of a clip says of it."""

    sung: bool
    label: str
    actor: int
    whole: bool
    """Whether it has picture and sound."""


def parse_name(stem: str) -> Recorded | None:
    """What the name of a clip, without its ending, says; None if it is not seven numbers of two digits.

    Raises:
        ValueError: a number is out of its range; says which.
    """
    found = _NAME.fullmatch(stem)
    if found is None:
        return None
    numbers = dict(zip(PARTS, map(int, found.groups()), strict=True))
    wrong = [f"{part} must be 01 to {most:02}, got {numbers[part]:02}" for part, most in PARTS.items()
             if not 1 <= numbers[part] <= most]  # fmt: skip
    if numbers["channel"] == 2 and SUNG < numbers["emotion"] <= len(LABELS):
        wrong.append(f"emotion of a song must be 01 to {SUNG:02}, got {numbers['emotion']:02}")
    if wrong:
        raise ValueError("; ".join(wrong))
    return Recorded(
        sung=numbers["channel"] == 2,
        label=LABELS[numbers["emotion"] - 1],
        actor=numbers["actor"],
        whole=numbers["modality"] == 1,
    )


def read_folder(root: Path, suite: Suite) -> Gathered | None:
    """Every clip below the folder that has picture and sound; None if no clip has a name of RAVDESS.

    Raises:
        DataError: the folder cannot be read.
    """
    root = root.resolve()
    files = list_files(root)
    clips = [file for file in sorted(files) if file.lower().endswith(SUFFIXES)]
    if not any(_NAME.fullmatch(PurePosixPath(file).stem) for file in clips):
        return None
    problems: list[str] = []
    rows = tuple(
        _row(root, file, recorded, files[file], suite)
        for file, recorded in _recorded(clips, problems)
        if recorded.whole
    )
    if not rows and not problems:
        problems.append("no clip has picture and sound, whose names begin with 01")
    return Gathered(rows=rows, problems=tuple(problems))


def _recorded(clips: list[str], problems: list[str]) -> Iterator[tuple[str, Recorded]]:
    """The clips with valid names; what is wrong with the others is added to the problems."""
    for file in clips:
        try:
            recorded = parse_name(PurePosixPath(file).stem)
        except ValueError as error:
            problems.append(f"{file}: {error}")
            continue
        if recorded is None:
            problems.append(f"{file}: its name must be seven numbers, such as 01-01-06-01-02-01-12; remove other clips")
        else:
            yield file, recorded


def _row(root: Path, file: str, recorded: Recorded, size: int, suite: Suite) -> Row:
    name, flaw = PurePosixPath(file).stem, clip_flaw(root / file, size)
    return Row(
        place=file,
        task=suite.tasks["song" if recorded.sung else "speech"],
        video_id=name,
        label_set=LABELS[:SUNG] if recorded.sung else LABELS,
        targets=(recorded.label,),
        source="RAVDESS",
        recording=f"RAVDESS/Actor_{recorded.actor:02}",
        clip=root / file,
        flaw=f"{name} {flaw}" if flaw else "",
    )
