import re
from dataclasses import replace
from pathlib import Path, PureWindowsPath
from string import ascii_letters

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from benchmark.data.rows import Row, case_ids, duplicates, flaws, leaves_folder, source_name
from benchmark.suites.mme_emotion.corpora import source_of
from benchmark.task import Speaker, Turn
from tests.tasks import SUITE, TASKS


def row(video_id: str, source: str = "S", case: str | None = None) -> Row:
    return Row(
        place="q.json",
        task=TASKS["SA"],
        video_id=video_id,
        label_set=("a",),
        targets=("a",),
        source=source,
        recording=source,
        clip=Path(video_id),
        case=case,
    )


@pytest.mark.parametrize("speakers", [(), ("assistant",), ("system", "user"), ("user", "assistant")])
def test_a_dialogue_begins_with_the_user(speakers: tuple[Speaker, ...]) -> None:
    talk = replace(row("a"), task=replace(TASKS["SA"], turns=2), turns=(Turn("user", "Hm."),))
    assert list(flaws(talk)) == []
    other = replace(talk, turns=tuple(Turn(speaker, "Hm.") for speaker in speakers))
    assert list(flaws(other)) == ["q.json: a: its dialogue must begin with one message of the user"]


@pytest.mark.parametrize(
    ("rows", "ids"),
    [
        ([row("S/video/a.mp4"), row("S/video/b.mp4")], ["SA/S/a", "SA/S/b"]),
        ([row("S/a.mp4"), row("S/a.mkv"), row("S/b.mp4")], ["SA/S/a.mp4", "SA/S/a.mkv", "SA/S/b"]),
        ([row("S/x/a.mp4"), row("S/y/a.mp4")], ["SA/S/x/a.mp4", "SA/S/y/a.mp4"]),
        ([row("S/a.mp4"), row("S/a.mkv"), row("S/a.mp4.avi")], ["SA/S/a.mp4", "SA/S/a.mkv", "SA/S/a.mp4.avi"]),
        ([row("S/no suffix [1]"), row("S/视频.mp4")], ["SA/S/no_suffix__1_", "SA/S/__"]),
        ([row("S/a.b.mp4"), row("S/a+1-x.mp4")], ["SA/S/a.b", "SA/S/a+1-x"]),
        ([row("v.mp4", case="my id"), row("v.mp4", case="other")], ["my_id", "other"]),
    ],
)
def test_ids_are_as_short_as_they_can_be(rows: list[Row], ids: list[str]) -> None:
    assert list(case_ids(rows)) == ids


@given(
    st.lists(
        st.tuples(st.text("ab./ é:[", min_size=1, max_size=6), st.none() | st.text("ab é[", min_size=1, max_size=3)),
        max_size=20,
        unique=True,
    )
)
def test_ids_are_plain_unique_and_independent_of_order(named: list[tuple[str, str | None]]) -> None:
    rows = [row(video_id, case=case) for video_id, case in named]
    ids = case_ids(rows)

    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[A-Za-z0-9._/+-]+", one) for one in ids)
    assert dict(zip(named, ids, strict=True)) == dict(zip(named[::-1], case_ids(rows[::-1]), strict=True))


def test_an_id_stands_for_one_row_and_the_other_is_named_where_it_lies_elsewhere() -> None:
    one, other = row("a.mp4"), row("b.mp4")
    assert list(duplicates([one, other, replace(one, place="r.json")])) == [
        "r.json: a.mp4: duplicate id, also in q.json"
    ]
    assert list(duplicates([one, one])) == ["q.json: a.mp4: duplicate id"]
    assert list(duplicates([replace(one, case="x"), replace(other, case="x")])) == ["q.json: x: duplicate id"]
    assert not list(duplicates([replace(one, case="x"), replace(one, case="y")])), "two questions about one clip"
    assert not list(duplicates([one, replace(one, task=TASKS["IR"])]))


@given(st.text("ab.:/\\\0", max_size=8))
def test_a_path_that_leaves_its_folder_is_known_as_such(name: str) -> None:
    path = PureWindowsPath(name)  # knows both kinds of slash
    # from Python 3.13 on any sign before a colon makes a drive, such as no disk has
    assume(path.drive[1:] != ":" or path.drive[0] in ascii_letters)

    assert leaves_folder(name) == bool(path.drive or path.root or ".." in path.parts or "\0" in name)


@pytest.mark.parametrize(
    "name", ["/a", "\\a", "C:a", "c:/a", "..", "../a", "a/..", "a/../b", "a\\..\\b", "//host/a", "a\0"]
)
def test_paths_out_of_the_folder(name: str) -> None:
    assert leaves_folder(name)


@pytest.mark.parametrize("name", ["a", "a/b.mp4", "a..b", "..a/b", "a.../b", ".hidden"])
def test_paths_within_the_folder(name: str) -> None:
    assert not leaves_folder(name)


@pytest.mark.parametrize(
    ("task", "video_id", "first_label", "source"),
    [
        ("ER-Wild", "MELD/video/x.mp4", "neutral", "MELD"),
        ("ER-Wild", "ER_Wild/test_dia100_utt0.mp4", "neutral", "MELD"),
        ("ER-Wild", "test_Disgust_0072.avi", "disgust", "CAER"),
        ("ER-Wild", "er-wild/video/02889.mp4", "disappointment", "MAFW"),
        ("ER-Wild", "ER_Wild/02889.mp4", "neutral", "DFEW"),
        ("SA", "SA/zhpQhgha_KU_12.mp4", "neutral", "CMU-MOSI"),
        ("SA", "SA/2o2ljA0QD7g_11.mp4", "positive", "CMU-MOSEI"),
        ("ER-Lab", "Ses01F_impro03_M012.mp4", "happy", "IEMOCAP"),
        ("Noise-ER", "samplenew3_00012345.mp4", "happy", "MER2024"),
        ("FG-ER", "abc_1234_56.mp4", "Peace", "BOLD"),
        ("ER-Wild", "dia_12_utt_3_ch.mp4", "happy", "MC-EIU"),
        ("IR", "dia_12_utt_3_ch.mp4", "agreeing", "MC-EIU"),
        ("ER-Wild", "12_3_45.mp4", "happy", "E3"),
        ("ML-ER", "02889.mp4", "disappointment", "MAFW"),
        ("SA", "test_dia1_utt0.mp4", "neutral", "MELD"),
        ("SA", "video_0001_0002.mp4", "positive", "CH-SIMS_v2_s"),
        ("FG-SA", "zhpQhgha_KU_12.mp4", "positive", "CMU-MOSI"),
        ("ML-ER", "zhpQhgha_KU_12.mp4", "happy", "CMU-MOSEI"),
        ("IR", "02889.mp4", "disappointment", "unknown"),
        ("SA", "my clip.mp4", "positive", "unknown"),
        ("SA", "ER_Wild/x.mp4", "positive", "ER_Wild"),
    ],
)
def test_the_source_is_told_by_folder_or_name(task: str, video_id: str, first_label: str, source: str) -> None:
    assert source_of(TASKS[task], video_id, (first_label, "other")) == source


@pytest.mark.parametrize(
    ("text", "name"), [("my clips", "my_clips"), ("__x__", "x"), ("..", "unknown"), ("視頻", "unknown")]
)
def test_a_source_can_be_a_marker(text: str, name: str) -> None:
    assert source_name(text) == name


@pytest.mark.parametrize("name", ["ER-Lab", "ER_Lab", "er-lab", " er_LAB "])
def test_a_task_is_known_however_it_is_spelt(name: str) -> None:
    assert SUITE.task_named(name) is TASKS["ER-Lab"]
    assert SUITE.task_named(name + "s") is None
