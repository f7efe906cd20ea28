"""The folder of SAGE: its users, and what is wrong with bad ones."""

import json
from pathlib import Path

import pytest

from benchmark.data.dataset import read_samples
from benchmark.errors import DataError
from benchmark.suite import find_suite
from benchmark.suites.sage.folder import FILE
from benchmark.task import Turn

SUITE = find_suite("sage")
SHARED = Path(__file__).parents[4] / "shared" / "reference" / "sage"
ROW = {
    "id": "a-1",
    "player": "* Name: Ada",
    "scene": "She waits.",
    "main_cha": "负面型",
    "cha_group": ["x"],
    "task": "be heard",
    "first_talk": " I wait. ",
}


def write(folder: Path, *rows: object, name: str = FILE) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in rows))


def test_each_row_is_a_user_with_a_part_that_no_question_shows(tmp_path: Path) -> None:
    write(tmp_path / "SAGE" / "profile", ROW, {**ROW, "id": "a-2", "main_cha": "shy one"})
    write(tmp_path / "SAGE" / "profile", {"id": "a-1"}, name="simulator_profile.jsonl")
    first, second = read_samples(str(tmp_path), SUITE).samples
    assert (first.id, first.recording, first.targets) == ("support/negative/a-1", "SAGE/a-1", ("be heard",))
    assert first.turns == (Turn("user", "I wait."),)
    assert first.part == "* Name: Ada\n\nShe waits."
    assert (first.clip, first.label_set, first.text) == (None, (), "")
    assert second.source == "shy_one"
    assert "Ada" not in first.question


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    lacking = {name: value for name, value in ROW.items() if name not in ("scene", "first_talk")}
    write(tmp_path / "a", ROW, lacking, "{", [1], {**ROW, "player": " "}, ROW)
    write(tmp_path / "b", ROW)
    with pytest.raises(DataError) as caught:
        read_samples(str(tmp_path), SUITE)
    said = str(caught.value)
    assert "has 6 problems" in said
    for part in (
        f"b/{FILE}: a/{FILE} has the same profiles; keep one of the two",
        f"a/{FILE} line 2: `scene` is missing; `first_talk` is missing",
        f"a/{FILE} line 3: is not valid JSON",
        f"a/{FILE} line 4: must be an object",
        f"a/{FILE} line 5: `player`: String should have at least 1 character",
        f"a/{FILE} line 6: a-1: duplicate id, also in a/{FILE} line 1",
    ):
        assert part in said


def test_without_its_file_the_suite_says_where_it_is_had(tmp_path: Path) -> None:
    write(tmp_path, ROW, name="simulator_profile.jsonl")
    with pytest.raises(DataError, match=r"has no SAGE questions: expected simulator_profile_withfirsttalk.jsonl.*MIT"):
        read_samples(str(tmp_path), SUITE)


@pytest.mark.skipif(not (SHARED / FILE).exists(), reason="the authors' profiles are not here")
def test_the_authors_file_is_read_whole() -> None:
    samples = read_samples(str(SHARED), SUITE).samples
    sources = [sample.source for sample in samples]
    assert len(samples) == SUITE.read_published()["samples"]["support"] == 100
    assert [sources.count(name) for name in ("negative", "passive", "avoidant")] == [41, 34, 25]
    assert len({sample.targets for sample in samples}) == 8
