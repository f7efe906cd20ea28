import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.data.dataset import Dataset, read_samples
from benchmark.data.own import Origin, gather
from benchmark.errors import DataError
from tests.tasks import SUITE, clip_of

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
    assert clip_of(first).path.read_bytes() == b"a clip"
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
    gathered = gather(rows, Origin(suite=SUITE, folder=tmp_path, confined=True))

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
        "own.jsonl line 2: is not valid JSON"
        " (Expecting property name enclosed in double quotes: line 1 column 2 (char 1))",
        "own.jsonl line 4: bare.mp4: `label` is missing; `label_set` is missing; `task` is missing",
        "own.jsonl line 5: clips/door.mp4: `task`: must be one of"
        " ER-Lab, ER-Wild, Noise-ER, FG-ER, ML-ER, SA, FG-SA, IR, got `ER-Moon`",
        "own.jsonl line 6: clips/door.mp4: `label` is missing",
        "own.jsonl line 10: must be an object",
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
        ("a.json", b"{}", "a.json: must be a list of rows"),
        ("a.csv", b"video,label,label_set,task\n", "a.csv: has no rows"),
        ("a.csv", b"film,label\na.mp4,joy\n", "a.csv line 2: `video` is missing; `label_set` is missing"),
        ("a.csv", b"video,label,label_set,task\na.mp4,joy\n", "a.csv line 2: a.mp4: `label_set`"),
        (
            "a.csv",
            b"video,label,label_set,task\na.mp4,joy,joy,SA,surplus\n",
            "a.csv line 2: has more cells than there are columns",
        ),
        ("a.csv", b'video,label,label_set,task\na.mp4,joy,"joy"x,SA\n', "a.csv line 2: is not valid CSV"),
        ("a.csv", "video,label,label_set,task\na.mp4,fête,fête,SA\n".encode("latin-1"), "a.csv: is not UTF-8"),
    ],
)
def test_a_file_that_is_no_list_of_clips_says_why(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_samples(str(tmp_path / name))

    assert said in str(caught.value)


def written(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_samples(str(path))
    return str(caught.value)


def test_nan_is_absent(tmp_path: Path) -> None:
    absent = dict.fromkeys(("audio_clue", "id", "source", "recording"), float("nan"))
    (sample,) = read_samples(str(written(tmp_path / "own.jsonl", ROW | absent))).samples

    assert (sample,) == read_samples(str(written(tmp_path / "bare.jsonl", ROW))).samples
    assert (sample.audio_clue, sample.source) == (None, "clips")


@pytest.mark.parametrize("name", ["video", "label", "label_set", "task"])
@pytest.mark.parametrize("nothing", [float("nan"), None])
def test_what_must_be_there_and_is_nan_is_missing(tmp_path: Path, name: str, nothing: object) -> None:
    assert f"`{name}` is missing" in refusal(written(tmp_path / "own.jsonl", ROW | {name: nothing}))


@pytest.mark.parametrize("nothing", ["nan", "NaN", ""])
def test_a_cell_that_pandas_left_is_empty(tmp_path: Path, nothing: str) -> None:
    head = "video,task,label_set,label,audio_clue,id,source,recording"
    (tmp_path / "own.csv").write_text(f"{head}\nclips/door.mp4,SA,joy;fear,joy{f',{nothing}' * 4}\n")
    (sample,) = read_samples(str(tmp_path / "own.csv")).samples

    assert (sample.id, sample.source, sample.audio_clue) == ("SA/clips/door", "clips", None)
    (tmp_path / "own.csv").write_text(f"{head}\n{nothing},SA,joy;fear,joy,,,,\n")
    assert "line 2: `video` is missing" in refusal(tmp_path / "own.csv")


def test_whole_numbers_are_ids_even_where_pandas_made_fractions_of_them(tmp_path: Path) -> None:
    rows = [ROW | {"id": 17}, ROW | {"id": 18.0, "recording": 3.0}, ROW | {"id": 1.5}]

    assert [one.id for one in read_samples(str(written(tmp_path / "own.jsonl", *rows))).samples] == ["17", "18", "1.5"]


def test_half_characters_are_replaced_in_every_field(tmp_path: Path) -> None:
    half = {"video": "\ud83d.mp4", "audio_clue": "loud \ude00", "id": "a\ud83d", "source": "b", "recording": "\ud83d"}
    (sample,) = read_samples(str(written(tmp_path / "own.jsonl", ROW | half))).samples

    assert (sample.audio_clue, clip_of(sample).path.name) == ("loud \ufffd", "\ufffd.mp4")
    assert "`bl\ufffd` is not in its label set" in refusal(written(tmp_path / "own.jsonl", ROW | {"label": "bl\ud83d"}))


@given(st.text("a\u2028\u2029\x85\x0b\x1c ", min_size=1, max_size=5))
def test_only_a_line_feed_ends_a_line(tmp_path_factory: pytest.TempPathFactory, clue: str) -> None:
    path = tmp_path_factory.getbasetemp() / "lines.jsonl"
    rows = [ROW | {"id": number, "audio_clue": clue} for number in ("a", "b")]
    path.write_bytes("\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode())

    assert [sample.audio_clue for sample in read_samples(str(path)).samples] == [clue, clue]


@pytest.mark.parametrize("label_set", ["anger;joy;neutral", "anger | joy|neutral"])
def test_a_label_set_may_be_one_string(tmp_path: Path, label_set: str) -> None:
    (sample,) = read_samples(str(written(tmp_path / "own.jsonl", ROW | {"label_set": label_set}))).samples

    assert sample.label_set == tuple(LABELS)


def test_a_label_set_of_one_string_without_separators_is_refused(tmp_path: Path) -> None:
    said = "clips/door.mp4: `label_set`: must be several labels, with `;` or `|` between them\n"

    assert said in refusal(written(tmp_path / "own.jsonl", ROW | {"label_set": "anger, joy"})) + "\n"


CELLS = st.text("a;,|\t\"'é \n", min_size=1, max_size=6).map(lambda cell: f"x{cell}x")


@given(st.sampled_from(",;\t"), st.sampled_from(["csv", "tsv", "CSV"]), st.permutations(sorted(ROW)), CELLS, CELLS)
def test_the_first_line_says_what_parts_columns(
    tmp_path_factory: pytest.TempPathFactory, delimiter: str, suffix: str, names: list[str], clue: str, source: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"table.{suffix}"
    row = ROW | {"label_set": ";".join(LABELS), "audio_clue": clue, "source": "S", "recording": source}
    columns, text = [*names, "audio_clue", "source", "recording"], io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([columns, [row[name] for name in columns]])
    path.write_bytes(text.getvalue().encode("utf-8-sig"))
    (sample,) = read_samples(str(path)).samples

    assert (sample.label_set, sample.targets, sample.task.name) == (tuple(LABELS), ("anger",), "ER-Wild")
    assert (sample.audio_clue, sample.video_id) == (clue, "clips/door.mp4")


def test_a_column_that_is_lacking_is_named_whatever_parts_the_others(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("video;label;label_set\na.mp4;joy;joy|fear\n")

    assert "own.csv line 2: a.mp4: `task` is missing" in refusal(tmp_path / "own.csv")


def one_clip(path: Path, video: str, **more: object) -> Dataset:
    return read_samples(str(written(path / "own.jsonl", ROW | {"video": video, **more})))


def test_backslashes_are_slashes_unless_a_file_is_called_that(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").write_bytes(b"a clip")
    sample = one_clip(tmp_path, "clips\\a.mp4").samples[0]

    assert sample == one_clip(tmp_path, "clips/a.mp4").samples[0]
    assert clip_of(sample).path == tmp_path / "clips" / "a.mp4"
    (tmp_path / "clips\\a.mp4").write_bytes(b"another")
    assert clip_of(one_clip(tmp_path, "clips\\a.mp4").samples[0]).path == tmp_path / "clips\\a.mp4"
    assert one_clip(tmp_path, "a\\" * 5000).missing


@pytest.mark.parametrize("video", ["..\\a.mp4", "clips\\..\\..\\a.mp4", "\\a.mp4", "C:\\a.mp4"])
def test_a_strangers_backslashes_lead_nowhere_either(tmp_path: Path, video: str) -> None:
    gathered = gather([("row 1", ROW | {"video": video})], Origin(suite=SUITE, folder=tmp_path, confined=True))

    assert gathered.problems == (f"row 1: {video}: its path leaves the folder",)


def test_what_lies_there_in_place_of_a_clip_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    (tmp_path / "b.mp4").write_text("<!doctype html>")

    for name, said in (("a", "a Git LFS pointer, not a clip: run `git lfs pull`"),
                       ("b", "a web page, not a clip: download it again")):  # fmt: skip
        assert list(one_clip(tmp_path, f"{name}.mp4").missing.values()) == [f"{name}.mp4 is {said}"]


@pytest.mark.parametrize("name", ["own.JSONL", "own.JSON", "own.CSV", "own.tsv"])
def test_a_list_that_is_a_pointer_is_called_that(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")

    assert f"{name}: is a Git LFS pointer, not a data file: run `git lfs pull`" in refusal(tmp_path / name)


def test_clips_are_recordings_of_their_own_unless_stated(tmp_path: Path) -> None:
    def recording(video: str, **stated: str) -> str:
        return one_clip(tmp_path, video, source="own", **stated).samples[0].recording

    assert recording("a/1.mp4", recording="film one") == "own/film_one"
    assert recording("a/1.mp4") != recording("b/1.mp4")
    assert "home" not in recording("/home/me/1.mp4")
