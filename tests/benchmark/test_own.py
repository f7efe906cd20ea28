import csv
import json
from pathlib import Path

import pytest

from benchmark.dataset import read_samples
from benchmark.errors import DataError
from benchmark.own import Origin, gather

LABELS = ["anger", "joy", "neutral"]
ROW = {"video": "clips/door.mp4", "label": "anger", "label_set": LABELS, "task": "ER-Wild"}


def test_jsonl_json_and_csv_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "door.mp4").write_bytes(b"a clip")
    rows = [
        ROW,
        ROW | {"label": "joy,anger", "task": "ml_er", "audio_clue": 'a "shout", loud', "source": "My films"},
        ROW | {"video": "gone.mp4", "id": "odd one"},
    ]
    (tmp_path / "own.jsonl").write_text("\n\n".join(map(json.dumps, rows)), "utf-8-sig")
    (tmp_path / "own.json").write_text(json.dumps(rows))
    with (tmp_path / "own.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["id", "video", "task", "label", "label_set", "audio_clue", "source"])
        writer.writeheader()
        writer.writerows(
            row | {"label_set": separator.join(LABELS)} for row, separator in zip(rows, ";|;", strict=True)
        )
    datasets = [read_samples(str(tmp_path / name)) for name in ("own.jsonl", "own.json", "own.csv")]
    first, second, third = datasets[0].samples

    assert {dataset.samples for dataset in datasets} == {datasets[0].samples}
    assert {dataset.fingerprint for dataset in datasets} == {datasets[0].fingerprint}
    assert [dataset.name for dataset in datasets] == ["own.jsonl", "own.json", "own.csv"]
    assert (first.id, first.source, first.video_id) == ("ER-Wild/clips/door", "clips", "clips/door.mp4")
    assert first.clip.path.read_bytes() == b"a clip"
    assert (first.label_set, first.targets, first.audio_clue) == (tuple(LABELS), ("anger",), None)
    assert (second.id, second.targets) == ("ML-ER/My_films/door", ("joy", "anger"))
    assert second.audio_clue == 'a "shout", loud'
    assert (third.id, third.source, third.video_id) == ("odd_one", "own", "odd one")
    assert datasets[0].missing == {"odd_one": "gone.mp4 is not there"}


def test_a_users_own_paths_may_lead_anywhere(tmp_path: Path) -> None:
    clip = tmp_path / "films" / "a.mp4"
    clip.parent.mkdir()
    clip.write_bytes(b"a clip")
    (tmp_path / "lists").mkdir()
    lines = [json.dumps(ROW | {"video": video}) for video in (str(clip), "../films/a.mp4")]
    (tmp_path / "lists" / "own.jsonl").write_text("\n".join(lines))

    assert not read_samples(str(tmp_path / "lists" / "own.jsonl")).missing


def test_a_strangers_table_may_not(tmp_path: Path) -> None:
    rows = [("row 1", ROW | {"video": str(tmp_path)}), ("row 2", ROW | {"video": "../a.mp4", "id": "a"})]
    gathered = gather(rows, Origin(folder=tmp_path, confined=True))

    assert gathered.problems == (
        f"row 1: {tmp_path}: its path leaves the folder",
        "row 2: ../a.mp4: its path leaves the folder",
    )


def test_everything_wrong_is_listed_at_once_by_line(tmp_path: Path) -> None:
    lines = [
        json.dumps(ROW),
        "{",
        json.dumps(ROW | {"label": "bliss"}),
        json.dumps({"video": "bare.mp4"}),
        json.dumps(ROW | {"task": "ER-Moon"}),
        json.dumps(ROW | {"label": None}),
        json.dumps(ROW | {"id": "x"}),
        json.dumps(ROW | {"id": "x", "video": "other.mp4"}),
        json.dumps(ROW),
        "[]",
    ]
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(DataError) as caught:
        read_samples(str(path))

    assert [line.strip() for line in str(caught.value).splitlines()] == [
        "The data in own.jsonl has 14 problems:",
        "own.jsonl line 2: is no JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1))",
        "own.jsonl line 4: bare.mp4: `label` is missing; `label_set` is missing; `task` is missing",
        "own.jsonl line 5: clips/door.mp4: `task`: `ER-Moon` is none of"
        " ER-Lab, ER-Wild, Noise-ER, FG-ER, ML-ER, SA, FG-SA, IR",
        "own.jsonl line 6: clips/door.mp4: `label`: Input should be a list",
        "own.jsonl line 10: is no object",
        "own.jsonl line 3: clips/door.mp4: label `bliss` is not in its label set: anger, joy, neutral",
        "own.jsonl line 3: clips/door.mp4: duplicate id, also in own.jsonl line 1",
        "own.jsonl line 8: x: duplicate id, also in own.jsonl line 7",
        "own.jsonl line 9: clips/door.mp4: duplicate id, also in own.jsonl line 1",
        "own.jsonl line 1: clips/door.mp4 is not there",
        "own.jsonl line 3: clips/door.mp4 is not there",
        "own.jsonl line 7: clips/door.mp4 is not there",
        "own.jsonl line 8: other.mp4 is not there",
        "own.jsonl line 9: clips/door.mp4 is not there",
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", b" \n", "a.jsonl: is empty"),
        ("a.json", b"{}", "a.json: holds no list of rows"),
        ("a.csv", b"video,label,label_set,task\n", "a.csv: holds no row"),
        ("a.csv", b"film,label\na.mp4,joy\n", "a.csv line 2: `video` is missing; `label_set` is missing"),
        ("a.csv", b"video,label,label_set,task\na.mp4,joy\n", "a.csv line 2: a.mp4: `label_set`"),
        (
            "a.csv",
            b"video,label,label_set,task\na.mp4,joy,joy,SA,surplus\n",
            "a.csv line 2: has more cells than there are columns",
        ),
        ("a.csv", b'video,label,label_set,task\na.mp4,joy,"joy"x,SA\n', "a.csv line 2: is no CSV"),
        ("a.csv", "video,label,label_set,task\na.mp4,fête,fête,SA\n".encode("latin-1"), "a.csv: is not UTF-8"),
    ],
)
def test_a_file_that_is_no_list_of_clips_says_why(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_samples(str(tmp_path / name))

    assert said in str(caught.value)
