"""EmoBench: its two files, and what is wrong with bad ones."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.data.dataset import Dataset, read_samples
from benchmark.errors import DataError
from benchmark.suite import find_suite

SUITE = find_suite("emobench-text")
EU = {
    "qid": "1",
    "language": "en",
    "coarse_category": "emotional_cues",
    "scenario": "It rains.",
    "subject": "Ada",
    "emotion_choices": ["Joy", "Anger", "Fear"],
    "emotion_label": "Anger",
    "cause_choices": ["She is wet", "She is dry"],
    "cause_label": "She is dry",
}
EA = {
    "qid": "1",
    "language": "en",
    "category": "Personal-Self",
    "question type": "Action",
    "scenario": "It rains.",
    "subject": "Ada",
    "choices": ["Go in", "Stay out"],
    "label": "Go in",
}


def read(root: Path, **files: list[Any]) -> Dataset:
    for name, rows in files.items():
        (root / f"{name}.jsonl").write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
    return read_samples(str(root), SUITE)


def test_both_files_are_read_into_four_tasks(tmp_path: Path) -> None:
    zh = {**EU, "language": "zh", "scenario": "下雨了。"}
    dataset = read(tmp_path, EU=[EU, {**EU, "qid": 2, "subject": "Bo"}, zh], EA=[EA])

    application, first, second, chinese = dataset.samples
    assert [sample.task.name for sample in dataset.samples] == ["EA-en", "EU-en", "EU-en", "EU-zh"]
    assert first.id == "EU-en/emotional_cues/EU-en-1"
    assert first.targets == ("emotion B, cause B",)
    assert len(first.label_set) == 6
    assert first.text == (
        "Scenario: It rains.\n\nPerson: Ada\n\nEmotion:\nA. Joy\nB. Anger\nC. Fear\n\n"
        "Cause:\nA. She is wet\nB. She is dry"
    )
    assert application.targets == ("answer A",)
    assert "Asked for: what to do" in application.text
    assert {first.recording, second.recording, chinese.recording} == {"EmoBench/EU-1"}
    assert application.recording == "EmoBench/EA-1"


def test_either_file_is_enough(tmp_path: Path) -> None:
    assert len(read(tmp_path, EA=[EA]).samples) == 1


def test_all_that_is_wrong_is_said_at_once_by_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(
            tmp_path,
            EU=[
                {**EU, "emotion_label": "Envy", "cause_label": "?"},
                {**EU, "cause_choices": ["She is dry", "She is dry"]},
                {**EU, "language": "fr"},
                EU,
                EU,
            ],
            EA=[{**EA, "question type": "Song"}, {**EA, "choices": []}, {}, 7, EA],
        )
    said = str(caught.value)
    assert "EU.jsonl line 1: emotion, cause: the label must be exactly one of the choices" in said
    assert "EU.jsonl line 2: cause: the label must be exactly one of the choices" in said
    assert "EU.jsonl line 3: `language`" in said
    assert "EU.jsonl line 5: EU-en-1: duplicate id" in said
    assert "EA.jsonl line 1: `question type`" in said
    assert "EA.jsonl line 2: `choices`" in said
    assert "EA.jsonl line 3: `qid` is missing" in said
    assert "EA.jsonl line 4: must be an object" in said


def test_two_files_of_one_name_and_broken_lines_are_refused(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "EU.jsonl").write_text(json.dumps(EU))
    (tmp_path / "EU.jsonl").write_text(f"{json.dumps(EU)}\n{{\n")
    with pytest.raises(DataError) as caught:
        read_samples(str(tmp_path), SUITE)
    assert "old/EU.jsonl: EU.jsonl has the same questions; keep one of the two" in str(caught.value)
    assert "EU.jsonl line 2: is not valid JSON" in str(caught.value)


def test_without_its_files_it_says_where_they_are_had(tmp_path: Path) -> None:
    (tmp_path / "EV.jsonl").write_text("{}")
    with pytest.raises(DataError, match=r"expected EU.jsonl and EA.jsonl.*The data of EmoBench .*github.com/Sahandfer"):
        read_samples(str(tmp_path), SUITE)


@given(
    st.lists(st.text("ab \n.,é", min_size=1).map(str.strip).filter(bool), min_size=2, max_size=12, unique=True),
    st.data(),
)
def test_the_true_letter_is_that_of_the_choice(
    tmp_path_factory: pytest.TempPathFactory, choices: list[str], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(choices) - 1))
    root = tmp_path_factory.getbasetemp() / "letters"
    root.mkdir(exist_ok=True)
    (sample,) = read(root, EA=[{**EA, "choices": choices, "label": f" {choices[place]}"}]).samples
    assert sample.targets == (f"answer {'ABCDEFGHIJKL'[place]}",)
    assert f"{'ABCDEFGHIJKL'[place]}. {choices[place]}" in sample.text


def test_the_demo_has_every_task() -> None:
    assert {sample.task.name for sample in read_samples("demo", SUITE).samples} == set(SUITE.tasks)
