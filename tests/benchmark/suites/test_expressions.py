"""DFEW, MAFW and RAVDESS: the layouts of their folders, and what is wrong with one."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.data.dataset import read_samples
from benchmark.data.labelled import Labelled
from benchmark.errors import DataError
from benchmark.suite import Suite, find_suite
from benchmark.suites.dfew import folder as dfew
from benchmark.suites.mafw import folder as mafw
from benchmark.suites.ravdess import folder as ravdess
from evaluators.measures import measures_of
from reports.kept.provenance import incomparable
from tests.tasks import clip_of

DFEW, MAFW, RAVDESS = map(find_suite, ("dfew", "mafw", "ravdess"))
SUITES = [DFEW, MAFW, RAVDESS, find_suite("mer2023")]
DFEW_TABLE = "EmoLabel_DataSplit/test(single-labeled)/set_1.csv"
MAFW_TABLE = "Train & Test Set/single/no_caption/set_1/test.txt"
CLIP = "a clip"


def write(root: Path, files: Mapping[str, str]) -> str:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, "utf-8")
    return str(root)


def problems(root: Path, suite: Suite, files: Mapping[str, str]) -> list[str]:
    """The lines after the first of what is said about a folder."""
    with pytest.raises(DataError) as raised:
        read_samples(write(root, files), suite)
    return [line.strip() for line in str(raised.value).split("\n")[1:]]


@pytest.mark.parametrize(
    ("table", "clip"),
    [
        (DFEW_TABLE, "Clip/original/part_1/2.mp4"),
        ("label/single_testset_1.csv", "00002.avi"),
        ("test(single-labeled)/set_1.csv", "Clip/00002.MP4"),
    ],
)
def test_dfew_numbers_its_clips_and_labels(tmp_path: Path, table: str, clip: str) -> None:
    files = {
        table: "video_name,label\n2,7\n15,1\n",
        clip: CLIP,
        "label/single_trainset_1.csv": "video_name,label\n3,1\n",
    }
    dataset = read_samples(write(tmp_path, files), DFEW)
    fear, happy = dataset.samples
    assert (fear.id, fear.targets, fear.source, fear.recording) == ("set-1/DFEW/2", ("fear",), "DFEW", "DFEW/2")
    assert clip_of(fear).path == tmp_path / clip
    assert (happy.targets, happy.label_set) == (("happy",), dfew.LABELS)
    assert dict(dataset.missing) == {"set-1/DFEW/15": "15 is not there"}


def test_each_fold_is_a_task_and_the_folder_of_tables_may_be_the_data(tmp_path: Path) -> None:
    rows = "label,video_name\n1,7\n"
    write(tmp_path, {f"test(single-labeled)/set_{fold}.csv": rows for fold in (2, 5)} | {"set_1.csv": "no table"})
    for where in (tmp_path, tmp_path / "test(single-labeled)"):
        assert [sample.task.name for sample in read_samples(str(where), DFEW).samples] == ["set-2", "set-5"]


def test_all_that_is_wrong_with_dfew_is_said_at_once(tmp_path: Path) -> None:
    files = {
        DFEW_TABLE: "video_name,label\n1,8\n../2,1\n3,\n4,1\n4,2\n,1\n",
        DFEW_TABLE.replace("set_1", "set_2"): "name,label\n1,1\n",
        DFEW_TABLE.replace("set_1", "set_3"): 'video_name,label\n1,"1\n',
        "a/4.mp4": CLIP,
        "b/4.mp4": CLIP,
    }
    one, two, three = (f"EmoLabel_DataSplit/test(single-labeled)/set_{fold}.csv" for fold in (1, 2, 3))
    assert problems(tmp_path, DFEW, files) == [
        f"{one} line 2: label must be a number from 1 to 7, got `8`",
        f"{one} line 3: video_name must be a number, got `../2`",
        f"{one} line 4: label must be a number from 1 to 7, got ``",
        f"{one} line 7: video_name must be a number, got ``",
        f"{two}: must have the columns video_name and label",
        f"{three}: is not valid CSV (line 2: unexpected end of data)",
        f"{one} line 6: 4: duplicate id, also in {one} line 5",
        f"{one} line 5: 4 is not there; it could be any of a/4.mp4, b/4.mp4",
        f"{one} line 6: 4 is not there; it could be any of a/4.mp4, b/4.mp4",
    ]


def test_mafw_names_its_clips(tmp_path: Path) -> None:
    files = {MAFW_TABLE: "00025.mp4 anger\r\n\r\n00026.mp4 Helplessness\n", "data/clips/00025.mp4": CLIP}
    files |= {"Train & Test Set/single/no_caption/set_1/train.txt": "1.mp4 fear\n"}
    files |= {"Train & Test Set/compound/no_caption/set_1/test.txt": "2.mp4 anger_fear\n"}
    dataset = read_samples(write(tmp_path, files), MAFW)
    assert [sample.id for sample in dataset.samples] == ["set-1/MAFW/00025", "set-1/MAFW/00026"]
    assert [sample.targets for sample in dataset.samples] == [("anger",), ("helplessness",)]
    assert clip_of(dataset.samples[0]).path == tmp_path / "data/clips/00025.mp4"
    assert dict(dataset.missing) == {"set-1/MAFW/00026": "00026 is not there"}
    assert len(dataset.samples[0].label_set) == 11


def test_all_that_is_wrong_with_mafw_is_said_at_once(tmp_path: Path) -> None:
    files = {MAFW_TABLE: "1.mp4 rage\n../../etc/passwd anger\n2.mp4\n3.mp4 sad ness\n", "00001.mp4": CLIP}
    labels = ", ".join(mafw.LABELS)
    assert problems(tmp_path, MAFW, files) == [
        f"{MAFW_TABLE} line 1: label must be one of {labels}, got `rage`",
        f"{MAFW_TABLE} line 2: must be the name of a clip and its label, got `../../etc/passwd anger`",
        f"{MAFW_TABLE} line 3: must be the name of a clip and its label, got `2.mp4`",
        f"{MAFW_TABLE} line 4: must be the name of a clip and its label, got `3.mp4 sad ness`",
    ]


def test_ravdess_says_in_the_name_of_a_clip_what_is_acted(tmp_path: Path) -> None:
    names = ["01-01-06-01-02-01-12", "01-02-02-02-01-02-24", "02-01-06-01-02-01-12"]
    files = {f"Video_Actor_12/{name}.mp4": CLIP for name in names} | {"03-01-06-01-02-01-12.wav": CLIP}
    speech, song = read_samples(write(tmp_path, files), RAVDESS).samples
    assert (speech.id, speech.targets, speech.recording) == (
        f"speech/RAVDESS/{names[0]}",
        ("fear",),
        "RAVDESS/Actor_12",
    )
    assert (song.task.name, song.targets, song.recording) == ("song", ("calm",), "RAVDESS/Actor_24")
    assert (len(speech.label_set), len(song.label_set)) == (8, 6)
    assert clip_of(speech).path == tmp_path / f"Video_Actor_12/{names[0]}.mp4"


def test_all_that_is_wrong_with_ravdess_is_said_at_once(tmp_path: Path) -> None:
    files = {
        "a/01-01-09-01-02-03-12.mp4": CLIP,
        "b/01-02-08-01-02-01-25.mp4": CLIP,
        "c/01-01-01-01-01-01-01.mp4": CLIP,
        "d/01-01-01-01-01-01-01.mp4": CLIP,
        "d/holiday.mov": CLIP,
    }
    assert problems(tmp_path, RAVDESS, files) == [
        "a/01-01-09-01-02-03-12.mp4: emotion must be 01 to 08, got 09; repetition must be 01 to 02, got 03",
        "b/01-02-08-01-02-01-25.mp4: actor must be 01 to 24, got 25; emotion of a song must be 01 to 06, got 08",
        "d/holiday.mov: its name must be seven numbers, such as 01-01-06-01-02-01-12; remove other clips",
        "d/01-01-01-01-01-01-01.mp4: 01-01-01-01-01-01-01: duplicate id, also in c/01-01-01-01-01-01-01.mp4",
    ]


def test_clips_without_sound_are_no_data(tmp_path: Path) -> None:
    assert problems(tmp_path, RAVDESS, {"02-01-01-01-01-01-01.mp4": CLIP}) == [
        "no clip has picture and sound, whose names begin with 01"
    ]


@pytest.mark.parametrize("suite", [DFEW, MAFW, RAVDESS], ids=lambda suite: suite.name)
def test_a_folder_without_questions_says_what_is_expected(tmp_path: Path, suite: Suite) -> None:
    files = {"set_1.csv": "video_name,label\n1,1\n", "set_1/test.txt": "1.mp4 anger", "clip.mp4": CLIP}
    with pytest.raises(DataError, match=f"has no {suite.title} questions: expected "):
        read_samples(write(tmp_path, files), suite)


def test_a_clip_outside_the_folder_is_not_found(tmp_path: Path) -> None:
    write(tmp_path, {"1.mp4": CLIP, f"data/{DFEW_TABLE}": "video_name,label\n1,1\n"})
    assert dict(read_samples(str(tmp_path / "data"), DFEW).missing) == {"set-1/DFEW/1": "1 is not there"}


@given(st.text() | st.text("0123456789,\n\"'\r\0video_name label"))
def test_any_text_is_read_as_a_table_or_refused(text: str) -> None:
    for parse, suite, labels in ((dfew.parse_table, DFEW, dfew.LABELS), (mafw.parse_table, MAFW, mafw.LABELS)):
        found: list[str] = []
        try:
            rows: list[Labelled] = list(parse(f"video_name,label\n{text}", "f", suite.task[0], found))
        except DataError:
            continue
        assert {row.label for row in rows} <= set(labels)
        assert not any("/" in row.name or ".." in row.name for row in rows)
        assert all(line.startswith("f line ") and "\n" not in line for line in found)


@given(st.lists(st.integers(0, 30), min_size=7, max_size=7), st.text(max_size=3))
def test_a_name_is_valid_if_each_number_is_in_its_range(numbers: list[int], more: str) -> None:
    name = "-".join(f"{number:02}" for number in numbers)
    most = [3, 2, 6 if numbers[1] == 2 else 8, 2, 2, 2, 24]
    if all(1 <= number <= limit for number, limit in zip(numbers, most, strict=True)):
        found = ravdess.parse_name(name)
        assert found == ravdess.Recorded(numbers[1] == 2, ravdess.LABELS[numbers[2] - 1], numbers[6], numbers[0] == 1)
    else:
        with pytest.raises(ValueError, match=r"must be 01 to \d\d, got \d\d"):
            ravdess.parse_name(name)
    assert ravdess.parse_name(f"{name}-{more}") is None


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_the_demo_has_clips_for_tasks_of_the_suite(suite: Suite) -> None:
    dataset = read_samples("demo", suite)
    assert dataset.name == "demo"
    assert not dataset.missing
    assert 12 <= len(dataset.samples) <= 15
    assert len({clip_of(sample).path.resolve() for sample in dataset.samples}) == len(dataset.samples)
    assert max(Counter(sample.task.name for sample in dataset.samples).values()) <= 8


def test_a_suite_without_a_demo_says_so_whatever_lies_in_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {f"demo/{MAFW_TABLE}": "1.mp4 anger\n"})
    suite = MAFW.model_copy(update={"demo": None})
    with pytest.raises(DataError) as raised:
        read_samples("demo", suite)
    expected = f"MAFW has no demo; set --data to its data: expected {MAFW.layout}; the tasks are set-1, set-2, set-3, "
    assert str(raised.value).startswith(expected)
    assert len(read_samples("./demo", suite).samples) == 1


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_what_makes_scores_incomparable_is_said_except_of_the_demo(suite: Suite) -> None:
    counts = Counter(suite.read_published()["samples"])
    assert tuple(incomparable(suite, "data", counts, "rules", ["rules"])) == suite.caveats != ()
    (drawn,) = incomparable(suite, "demo", counts, "rules", ["rules"])
    assert drawn.startswith("the clips are drawn")


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_published_rows_are_fractions_of_the_suites_measures(suite: Suite) -> None:
    published = json.loads((suite.home / "published.json").read_text("utf-8"))
    names = {"weighted_f1", "accuracy"} if suite.name == "mer2023" else {"war", "uar"}
    for row in published["models"].values():
        assert set(row["overall"]) == names
        assert all(0 < value < 1 for value in row["overall"].values())


@pytest.mark.parametrize(
    ("suite", "model", "war", "uar"),
    [
        (DFEW, "R1-Omni", 0.6583, 0.5627),
        (DFEW, "HumanOmni", 0.8246, 0.7486),  # whose table has UAR first
        (MAFW, "R1-Omni", 0.5768, 0.4004),
        (RAVDESS, "R1-Omni", 0.43, 0.4469),
    ],
)
def test_published_rows_are_those_that_are_printed(suite: Suite, model: str, war: float, uar: float) -> None:
    assert suite.read_published()["models"][model]["overall"] == {"war": war, "uar": uar}


def test_every_task_states_its_policy_in_a_note() -> None:
    for suite in SUITES:
        (remark,) = measures_of(suite).remarks
        assert remark == "An answer that names none of the labels, or several, counts as wrong."
        assert [task.outside for task in suite.task] == ["wrong"] * len(suite.task)
