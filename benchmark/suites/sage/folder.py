"""The users of SAGE: `simulator_profile_withfirsttalk.jsonl`, as its authors publish it (Tencent/digitalhuman).

{"id": "d3c386e4-…", "player": "* 姓名：…", "scene": "## …", "main_cha": "负面型", "cha_group": ["愤怒", …],
 "task": "你希望对方用心倾听你的情绪宣泄", "first_talk": "最近…"}

`player` is the person, `scene` what has happened and how the person reacts, `task` what the person secretly hopes for.
The file `simulator_profile.jsonl` lacks what the person says first, and is not read.
"""

from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict

from benchmark.data.clip_finder import list_files
from benchmark.data.rows import Gathered, Row, Word, placed_lines, plain, source_name, valid_rows
from benchmark.errors import DataError
from benchmark.suite import Suite
from benchmark.task import Turn

FILE = "simulator_profile_withfirsttalk.jsonl"
CHARACTERS = {"负面型": "negative", "被动型": "passive", "回避型": "avoidant"}
"""The kinds of characters, as sources are called by ASCII names."""


class Profile(BaseModel):
    """A row of the file."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: Word
    player: Word
    scene: Word
    main_cha: Word
    task: Word
    first_talk: Word


def read_folder(root: Path, suite: Suite) -> Gathered | None:
    """Every profile of the file, wherever it lies in the folder; None if it is not there.

    Raises:
        DataError: the folder cannot be read.
    """
    first, *others = [*sorted(file for file in list_files(root) if PurePosixPath(file).name == FILE), None]
    if first is None:
        return None
    rows: list[Row] = []
    problems = [f"{file}: {first} has the same profiles; keep one of the two" for file in others if file]
    try:
        valid = valid_rows(placed_lines(root / first), first, Profile, problems)
        rows += [_row(place, profile, suite) for place, profile in valid]
    except DataError as error:
        problems.append(f"{first}: {error}")
    return Gathered(rows=tuple(rows), problems=tuple(problems))


def _row(place: str, profile: Profile, suite: Suite) -> Row:
    return Row(
        place=place,
        task=suite.task[0],
        video_id=profile.id,
        label_set=(),
        targets=(profile.task,),
        source=CHARACTERS.get(profile.main_cha) or source_name(profile.main_cha),
        recording=plain(f"SAGE/{profile.id}"),
        clip=None,
        turns=(Turn("user", profile.first_talk),),
        part=f"{profile.player}\n\n{profile.scene}",
    )
