"""dair-ai/emotion: the layouts of its test split, and what is wrong with bad ones."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.data.dataset import Dataset, read_samples
from benchmark.errors import DataError
from benchmark.suite import find_suite
from benchmark.suites.dair_emotion.folder import LABELS

SUITE = find_suite("dair-emotion")
ROWS = [("i feel low; very low", "sadness"), ("i am glad", "joy"), ("i care for you", "love")]


def read(root: Path, name: str, text: str | bytes) -> Dataset:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_samples(str(root), SUITE)


def refusal(root: Path, name: str, text: str | bytes) -> str:
    with pytest.raises(DataError) as caught:
        read(root, name, text)
    return str(caught.value)


def check(dataset: Dataset) -> None:
    assert [(sample.text, sample.targets) for sample in dataset.samples] == [
        (f"Message: {text}", (label,)) for text, label in ROWS
    ]
    assert dataset.samples[0].id == "six-emotions/dair-emotion/test-0001"
    assert dataset.samples[0].label_set == LABELS
    assert dataset.samples[0].clip is None
    assert len({sample.recording for sample in dataset.samples}) == 3


def test_every_layout_is_read_and_other_splits_are_not(tmp_path: Path) -> None:
    numbered = [{"text": text, "label": LABELS.index(label)} for text, label in ROWS]
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "train.jsonl").write_text("not JSON")
    check(read(tmp_path / "a", "data/test.jsonl", "\n".join(map(json.dumps, numbered))))
    check(read(tmp_path / "b", "test.json", json.dumps(numbered)))
    check(read(tmp_path / "c", "test.csv", "text,label\n" + "".join(f"{text},{label}\n" for text, label in ROWS)))
    check(read(tmp_path / "d", "test.txt", "".join(f"{text};{label}\n" for text, label in ROWS)))


def test_the_hub_s_parquet_is_read(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    table = {"text": [text for text, _ in ROWS], "label": [LABELS.index(label) for _, label in ROWS]}
    (tmp_path / "split").mkdir()
    pq.write_table(pa.table(table), tmp_path / "split" / "test-00000-of-00001.parquet")
    check(read_samples(str(tmp_path), SUITE))
    pq.write_table(pa.table({"text": ["x"], "y": [1]}), tmp_path / "split" / "test-00000-of-00001.parquet")
    with pytest.raises(DataError, match="must have the columns text and label, lacks label"):
        read_samples(str(tmp_path), SUITE)


def test_all_that_is_wrong_is_said_at_once_by_file_and_line(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": 6}, {"text": "b"}, {"text": 3, "label": 1}, [1], {"text": "", "label": "joy"}]
    said = refusal(
        tmp_path, "test.jsonl", "\n".join([*map(json.dumps, rows), "{", '{"text": "c", "label": "\x1b[2J"}'])
    )
    assert "has 7 problems" in said
    assert (
        "test.jsonl line 1: `label` must be one of 0 sadness, 1 joy, 2 love, 3 anger, 4 fear, 5 surprise, got 6" in said
    )
    assert "test.jsonl line 2: `label` missing" in said
    assert "test.jsonl line 3: `text` must be text" in said
    assert "test.jsonl line 4: must be an object" in said
    assert "test.jsonl line 5: `text` missing" in said
    assert "test.jsonl line 6: is not valid JSON" in said
    assert "\x1b" not in said


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("test.csv", "text\nx\n", "test.csv: must have the columns text and label"),
        ("test.csv", 'text,label\n"x,joy', "test.csv line 2: is not valid CSV|test.csv line 3: is not valid CSV"),
        ("test.csv", 'text,"label"x\n', "test.csv line 1: is not valid CSV"),
        ("test.txt", "no label\n", "test.txt line 1: must be text;label"),
        ("test.jsonl", "version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        ("test-1.parquet", "version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        ("test-1.parquet", b"PAR1" + b"\xff" * 99, "is not valid parquet"),
        ("test-1.parquet", "text", "is not a parquet file"),
        ("other.jsonl", "{}", r"has no dair-ai/emotion questions: expected test.jsonl.* The data of dair-ai/emotion: "),
    ],
)
def test_what_is_no_test_split(tmp_path: Path, name: str, text: str | bytes, said: str) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    file = tmp_path / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(DataError, match=said):
        read_samples(str(tmp_path), SUITE)


def test_two_test_splits_and_what_is_no_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "test.txt").write_text("i am glad;joy\n")
    os.mkfifo(tmp_path / "test.jsonl")
    with pytest.raises(DataError) as caught:
        read_samples(str(tmp_path), SUITE)
    assert "test.jsonl: test.txt is a test split too; keep one of the two" in str(caught.value)
    assert "test.jsonl: is not a regular file" in str(caught.value)


@given(st.lists(st.tuples(st.text("ab ;é\u2028", min_size=1).filter(str.strip), st.sampled_from(LABELS)), min_size=1))
def test_any_text_is_kept(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    lines = "\n".join(json.dumps({"text": text, "label": label}, ensure_ascii=False) for text, label in rows)
    dataset = read(tmp_path_factory.getbasetemp() / "kept", "test.jsonl", lines)
    assert [(sample.text, sample.targets[0]) for sample in dataset.samples] == [
        (f"Message: {text.strip()}", label) for text, label in rows
    ]


def test_the_demo_has_all_six() -> None:
    assert {sample.targets[0] for sample in read_samples("demo", SUITE).samples} == set(LABELS)
