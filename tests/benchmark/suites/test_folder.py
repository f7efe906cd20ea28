import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

import pytest

from benchmark.data.clip_finder import list_files
from benchmark.data.dataset import read_samples
from benchmark.errors import DataError
from tests.tasks import clip_of

LABELS = ["anger", "joy", "neutral"]
CLIP = b"a clip"

Rows = list[dict[str, object]]


def question(video_id: str, label: str = "joy", **more: object) -> dict[str, object]:
    return {"video_id": video_id, "label": label, "label_set": LABELS, **more}


def clue(video_id: str, truth: str = "joy", text: str | float = "a bright voice") -> dict[str, object]:
    return {"video_id": video_id, "ground_truth": truth, "audio_clue": text}


def write(root: Path, files: Mapping[str, object]) -> Path:
    """Files by path: bytes and text as they are, all else as JSON."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return root


def test_the_official_layout(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "ML-ER/question/ML_ER.json": [question("MAFW/video/03419.mp4", "joy,anger"), question("MAFW/video/1.mp4")],
            "ML-ER/audio_clue/ML_ER_clues.json": [clue("MAFW/video/03419.mp4", "joy,anger"), clue("MAFW/video/1.mp4")],
            "ML-ER/MAFW/video/03419.mp4": CLIP,
            "ML-ER/MAFW/video/1.mp4": CLIP,
        },
    )
    dataset = read_samples(str(tmp_path))
    sample = dataset.samples[0]

    assert dataset.name == tmp_path.name
    assert not dataset.missing
    assert [sample.id for sample in dataset.samples] == ["ML-ER/MAFW/03419", "ML-ER/MAFW/1"]
    assert (sample.task.name, sample.source, sample.video_id) == ("ML-ER", "MAFW", "MAFW/video/03419.mp4")
    assert (sample.targets, sample.label_set) == (("joy", "anger"), tuple(LABELS))
    assert sample.audio_clue == "a bright voice"
    assert clip_of(sample).path.read_bytes() == CLIP


@pytest.mark.parametrize(
    "clues",
    [
        {},
        {"ER_Lab_audio_clue.json": [clue("ER_Lab/Ses05M_impro07_F008.mp4")]},
        {"audio_clues/er-lab.json": [clue("IEMOCAP/video/Ses05M_impro07_F008.mp4")]},
    ],
)
def test_the_hubs_layout(tmp_path: Path, clues: Mapping[str, Rows]) -> None:
    write(
        tmp_path, {"ER_Lab.json": [question("ER_Lab/Ses05M_impro07_F008.mp4")], "notes.json": {"not": "rows"}, **clues}
    )
    with ZipFile(tmp_path / "ER_Lab.zip", "w") as archive:
        archive.writestr("ER_Lab/Ses05M_impro07_F008.mp4", CLIP)
    dataset = read_samples(str(tmp_path))
    (sample,) = dataset.samples

    assert not dataset.missing
    assert (sample.id, sample.source) == ("ER-Lab/IEMOCAP/Ses05M_impro07_F008", "IEMOCAP")
    assert clip_of(sample).path.read_bytes() == CLIP
    assert sample.audio_clue == ("a bright voice" if clues else None)


def test_a_clue_may_stand_in_the_question(tmp_path: Path) -> None:
    write(tmp_path, {"SA.json": [question("SA/x_1.mp4", audio_clue="a sigh")]})

    assert read_samples(str(tmp_path)).samples[0].audio_clue == "a sigh"


@pytest.mark.parametrize(
    "place",
    [
        "ER-Wild/MELD/video/a.mp4",
        "er_wild/MELD/video/a.mp4",
        "ER-Wild/a.mp4",
        "clips/ER_Wild/deeper/a.mp4",
        "MELD/video/a.mp4",
        "SA/MELD/video/a.mp4",
        "anywhere/a.mp4",
    ],
)
def test_clips_are_found_wherever_they_are_nested(tmp_path: Path, place: str) -> None:
    write(tmp_path, {"ER-Wild/question/ER_Wild.json": [question("MELD/video/a.mp4")], place: CLIP})
    dataset = read_samples(str(tmp_path))

    assert not dataset.missing
    assert clip_of(dataset.samples[0]).path == tmp_path / place


def test_the_nearest_of_several_clips_is_taken(tmp_path: Path) -> None:
    places = ["anywhere/a.mp4", "SA/MELD/video/a.mp4", "ER-Wild/a.mp4", "ER-Wild/x/MELD/video/a.mp4"]
    write(tmp_path, {"ER-Wild/question/q.json": [question("MELD/video/a.mp4")]})
    for place in places:  # each nearer than those before
        write(tmp_path, {place: CLIP})

        assert clip_of(read_samples(str(tmp_path)).samples[0]).path == tmp_path / place


def test_missing_clips_stop_nothing_and_are_reported(tmp_path: Path) -> None:
    names = ["there", "gone", "empty", "doubtful", "foreign"]
    write(
        tmp_path,
        {
            "ER-Wild/question/ER_Wild.json": [question(f"MELD/video/{name}.mp4") for name in names],
            "ER-Wild/MELD/video/there.mp4": CLIP,
            "ER-Wild/MELD/video/empty.mp4": b"",
            "ER-Wild/one/doubtful.mp4": CLIP,
            "ER-Wild/two/doubtful.mp4": CLIP,
            "SA/foreign.mp4": CLIP,
        },
    )
    (tmp_path / "ER-Wild/MELD/video/gone.mp4").symlink_to("nowhere.mp4")
    dataset = read_samples(str(tmp_path))

    assert len(dataset.samples) == 5
    assert dataset.missing == {
        "ER-Wild/MELD/gone": "ER-Wild/MELD/video/gone.mp4 is not there",
        "ER-Wild/MELD/empty": "ER-Wild/MELD/video/empty.mp4 is empty",
        "ER-Wild/MELD/doubtful": "ER-Wild/MELD/video/doubtful.mp4 is not there;"
        " it could be any of ER-Wild/one/doubtful.mp4, ER-Wild/two/doubtful.mp4",
        "ER-Wild/MELD/foreign": "ER-Wild/MELD/video/foreign.mp4 is not there",
    }


ASKED, HEARD = "ER-Lab/question/ER_Lab.json", "ER-Lab/audio_clue/clues.json"
WRONG = {
    ASKED: [
        question("S/video/gone.mp4"),
        question("S/video/outside.mp4", "bliss"),
        question("S/video/twice.mp4"),
        question("S/video/twice.mp4"),
        {"video_id": "S/video/bare.mp4", "label": "joy"},
        question("S/video/none.mp4") | {"label_set": []},
        question("S/video/repeats.mp4") | {"label_set": ["joy", "joy"]},
        question("S/video/two.mp4") | {"label": ["joy", "anger"]},
        question("../escape.mp4"),
        question("/etc/passwd"),
        "no row",
    ],
    HEARD: [
        clue("S/video/stray.mp4"),
        clue("S/video/outside.mp4", "joy"),
        clue("S/video/twice.mp4"),
        clue("S/video/twice.mp4"),
    ],
    "ML-ER/question/ML_ER.json": [question("M/video/m.mp4", "joy;anger"), question("M/video/n.mp4", "joy,joy")],
    "SA/question/SA.json": "",
    "IR/question/IR.json": "[{]",
    "FG-SA/question/FG_SA.json": [],
    "FG-ER/question/FG_ER.json": {"rows": []},
    "Noise-ER/question/Noise_ER.json": b'["\xff"]',
    "ER-Moon/question/other.json": [question("a.mp4")],
    "ER-Wild.json": [question("ER_Wild/200.mp4")],
    "ER-Wild.zip": b"PK no more",
}
SAID = (
    f"{ASKED}: S/video/outside.mp4: label `bliss` is not in its label set: anger, joy, neutral",
    f"{ASKED}: S/video/twice.mp4: duplicate id",
    f"{ASKED}: S/video/bare.mp4: `label_set` is missing",
    f"{ASKED}: S/video/none.mp4: `label_set`: ",
    f"{ASKED}: S/video/repeats.mp4: its label set names a label twice",
    f"{ASKED}: S/video/two.mp4: has 2 labels, ER-Lab takes one",
    f"{ASKED}: ../escape.mp4: `video_id`: leaves the folder",
    f"{ASKED}: /etc/passwd: `video_id`: leaves the folder",
    f"{ASKED}: row 11: must be an object",
    f"{HEARD}: S/video/stray.mp4: audio clue without a question",
    f"{HEARD}: S/video/outside.mp4: ground_truth `joy` is not the label, `bliss`",
    f"{HEARD}: S/video/twice.mp4: duplicate id",
    "ML-ER/question/ML_ER.json: M/video/m.mp4: label `joy;anger` is not in its label set: anger, joy, neutral"
    " (ML-ER separates labels by `,`)",
    "ML-ER/question/ML_ER.json: M/video/n.mp4: names a label twice",
    "SA/question/SA.json: is empty",
    "IR/question/IR.json: is not valid JSON",
    "FG-SA/question/FG_SA.json: has no rows",
    "FG-ER/question/FG_ER.json: must be a list of rows",
    "Noise-ER/question/Noise_ER.json: is not UTF-8",
    "ER-Moon/question/other.json: its folder is not named after a task; the tasks are ER-Lab",
    "ER-Wild.zip: cannot be unpacked (File is not a zip file); unpack it by hand",
)
GONE = ("gone", "outside", "twice", "twice", "repeats", "two")


def test_everything_wrong_is_listed_at_once_by_file_and_id(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_samples(str(write(tmp_path, WRONG)))
    head, *lines = (line.strip() for line in str(caught.value).splitlines())
    missing = [line for line in lines if line.endswith("is not there")]

    for text in SAID:
        assert sum(line.startswith(text) for line in lines) == 1, text
    assert missing[: len(GONE)] == [f"{ASKED}: ER-Lab/S/video/{name}.mp4 is not there" for name in GONE]
    assert lines[-len(missing) :] == missing
    assert len(lines) == len(SAID) + len(missing)
    assert head == f"The data in {tmp_path.name} has {len(lines)} problems:"


def test_a_long_list_is_cut(tmp_path: Path) -> None:
    write(tmp_path, {"SA.json": [question(f"SA/{number}_1.mp4", "bliss") for number in range(80)]})
    with pytest.raises(DataError) as caught:
        read_samples(str(tmp_path))
    head, *lines = str(caught.value).splitlines()

    assert head.endswith("has 160 problems:")
    assert len(lines) == 51
    assert lines[-1] == "  and 110 more"


@pytest.mark.parametrize(("kept", "runs"), [(1, True), (4, True), (5, False), (9, False)])
def test_clues_may_be_left_over_where_the_questions_are_an_extract(tmp_path: Path, kept: int, runs: bool) -> None:  # noqa: FBT001
    ids = [f"S/video/{number}.mp4" for number in range(10)]
    write(
        tmp_path,
        {
            "SA/question/SA.json": [question(video_id) for video_id in ids[:kept]],
            "SA/audio_clue/SA.json": [clue(video_id) for video_id in ids],
        },
    )
    if runs:
        assert all(sample.audio_clue for sample in read_samples(str(tmp_path)).samples)
    else:
        with pytest.raises(DataError, match=f"has {10 - kept + kept} problems"):
            read_samples(str(tmp_path))


def test_both_layouts_in_one_folder_are_refused(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "ER-Lab/question/ER_Lab.json": [question("IEMOCAP/video/Ses05M_impro07_F008.mp4")],
            "ER_Lab.json": [question("ER_Lab/Ses05M_impro07_F008.mp4")],
        },
    )
    with pytest.raises(DataError, match=r"ER_Lab.json: asks about the same clips as .*; keep one of the two"):
        read_samples(str(tmp_path))


def test_a_task_folder_alone_will_do(tmp_path: Path) -> None:
    write(tmp_path / "ER_Lab", {"question/x.json": [question("S/video/a.mp4")], "S/video/a.mp4": CLIP})
    dataset = read_samples(str(tmp_path / "ER_Lab"))

    assert not dataset.missing
    assert dataset.samples[0].id == "ER-Lab/S/a"


def test_zip_files_are_unpacked_only_where_clips_are_lacking(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "ER-Lab/question/ER_Lab.json": [question("S/video/a.mp4")],
            "SA/question/SA.json": [question("T/video/b.mp4"), question("U/video/c.mp4")],
            "ER-Lab/S/video/a.mp4": CLIP,
        },
    )
    for archive, member in (("ER-Lab.zip", "a.mp4"), ("SA.zip", "T/video/b.mp4"), ("SA/U.zip", "video/c.mp4")):
        with ZipFile(tmp_path / archive, "w") as opened:
            opened.writestr(member, CLIP)
    dataset = read_samples(str(tmp_path))

    assert not dataset.missing
    assert [str(clip_of(sample).path.relative_to(tmp_path)) for sample in dataset.samples] == [
        "ER-Lab/S/video/a.mp4",
        "SA/clips/T/video/b.mp4",
        "SA/U/video/c.mp4",
    ]
    assert read_samples(str(tmp_path)) == dataset


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    write(tmp_path, {"elsewhere/a.mp4": CLIP, "here/.hidden/b.mp4": CLIP, "here/.c.mp4": CLIP})
    (tmp_path / "here" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "here" / "circle").symlink_to(tmp_path / "here")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "here")

    assert dict(list_files(tmp_path / "here")) == {"linked/a.mp4": len(CLIP)}


def test_a_folder_without_questions_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no MME-Emotion questions: expected TASK/question/\*.json"):
        read_samples(str(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(DataError, match=r"Cannot read the folder .*closed \(Permission denied\)"):
        read_samples(str(tmp_path))


def test_nan_and_half_characters_are_neither_clues_nor_labels(tmp_path: Path) -> None:
    nan = float("nan")
    names = ["a", "b", "c"]
    write(
        tmp_path,
        {
            "SA.json": [question(f"SA/{name}_1.mp4", audio_clue=nan) for name in names],
            "SA_clues.json": [
                clue("SA/a_1.mp4", text=nan),
                clue("SA/b_1.mp4", text="a \ud83d"),
                {"video_id": "SA/c_1.mp4", "ground_truth": nan, "audio_clue": "a sigh"},
            ],
        },
    )
    dataset = read_samples(str(tmp_path))

    assert [sample.audio_clue for sample in dataset.samples] == [None, "a \ufffd", "a sigh"]
    write(tmp_path, {"SA.json": [question("SA/a_1.mp4") | {"label": nan}, question("SA/b\ud83d.mp4", "bl\ud83d")]})
    with pytest.raises(DataError) as caught:
        read_samples(str(tmp_path))
    assert "SA.json: SA/a_1.mp4: `label` is missing" in str(caught.value)
    assert "SA.json: SA/b\ufffd.mp4: label `bl\ufffd` is not in its label set" in str(caught.value)


def test_a_label_set_may_be_one_string_of_several_labels(tmp_path: Path) -> None:
    write(tmp_path, {"SA.json": [question("SA/a_1.mp4") | {"label_set": "anger;joy"}]})

    assert read_samples(str(tmp_path)).samples[0].label_set == ("anger", "joy")
    write(tmp_path, {"SA.json": [question("SA/a_1.mp4") | {"label_set": "joy"}]})
    said = "SA.json: SA/a_1.mp4: `label_set`: must be several labels, with `;` or `|` between them"
    with pytest.raises(DataError, match=re.escape(said)):
        read_samples(str(tmp_path))


def test_names_in_capitals_are_found(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "ER_Lab.JSON": [question("ER_Lab/a.mp4"), question("ER_Lab/b.MKV"), question("ER_Lab/c.avi")],
            "ER_Lab_CLUES.JSON": [clue(f"ER_Lab/{name}") for name in ("a.mp4", "b.MKV", "c.avi")],
            "ER_Lab/a.MP4": CLIP,
            "ER_Lab/b.mkv": CLIP,
        },
    )
    with ZipFile(tmp_path / "ER_Lab" / "more.ZIP", "w") as archive:
        archive.writestr("c.AVI", CLIP)
    dataset = read_samples(str(tmp_path))

    assert not dataset.missing
    assert [clip_of(sample).path.name for sample in dataset.samples] == ["a.MP4", "b.mkv", "c.AVI"]
    assert all(sample.audio_clue for sample in dataset.samples)


def test_of_two_names_that_differ_in_capitals_the_very_one_is_taken(tmp_path: Path) -> None:
    write(tmp_path, {"SA.json": [question("SA/x_1.mp4")], "SA/deep/x_1.MP4": CLIP, "SA/else/x_1.mp4": CLIP})

    assert clip_of(read_samples(str(tmp_path)).samples[0]).path == tmp_path / "SA/else/x_1.mp4"


def test_backslashes_are_slashes_in_ids_and_in_names_of_files(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "ER-Wild/question/q.json": [question("MELD\\video\\a.mp4"), question("MELD/video/b.mp4")],
            "ER-Wild/audio_clue/q.json": [clue("MELD/video/a.mp4"), clue("MELD\\video\\b.mp4")],
            "ER-Wild/MELD/video/a.mp4": CLIP,
            "ER-Wild/MELD\\video\\b.mp4": CLIP,
        },
    )
    dataset = read_samples(str(tmp_path))

    assert not dataset.missing
    assert [(sample.id, sample.source) for sample in dataset.samples] == [
        ("ER-Wild/MELD/a", "MELD"),
        ("ER-Wild/MELD/b", "MELD"),
    ]
    assert all(sample.audio_clue for sample in dataset.samples)
    write(tmp_path, {"ER-Wild/question/q.json": [question("MELD\\..\\..\\a.mp4")]})
    with pytest.raises(DataError, match="`video_id`: leaves the folder"):
        read_samples(str(tmp_path))


def test_what_lies_there_in_place_of_clips_and_questions_is_said(tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    write(
        tmp_path,
        {
            "SA.json": [question("SA/a_1.mp4"), question("SA/b_1.mp4")],
            "SA/a_1.mp4": pointer,
            "SA/b_1.mp4": "<!DOCTYPE html>",
        },
    )

    assert list(read_samples(str(tmp_path)).missing.values()) == [
        "SA/a_1.mp4 is a Git LFS pointer, not a clip: run `git lfs pull`",
        "SA/b_1.mp4 is a web page, not a clip: download it again",
    ]
    write(tmp_path, {"IR.json": pointer})
    with pytest.raises(DataError, match=r"IR\.json: is a Git LFS pointer, not a data file: run `git lfs pull`"):
        read_samples(str(tmp_path))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are text")
def test_a_folder_whose_name_is_no_text_has_one_for_reports(tmp_path: Path) -> None:
    root = tmp_path / os.fsdecode(b"clips-\xe9")
    write(root, {"SA.json": [question("SA/x_1.mp4")]})

    assert read_samples(str(root)).name == "clips-\ufffd"
