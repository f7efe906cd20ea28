"""AHELM's sets: the four layouts, all that is wrong with them, the demo, and a gated run."""

import json
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.data.dataset import Dataset, read_samples
from benchmark.errors import DataError
from benchmark.suite import find_suite
from benchmark.suites.ahelm_emotion.folder import READERS
from benchmark.task import Sample
from tests.integration.runs import run
from tests.tasks import clip_of

SUITE = find_suite("ahelm-emotion")
MELD = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID\n"
REMARK = {"utterance": "Great.", "speaker": "A", "context": ["One", "Two"], "context_speakers": ["B"], "sarcasm": True}
CHOICE = {"path": "onyx/1.mp3", "question": "Who?", "options": ["He", "She", "Nobody knows"], "label": "Nobody knows"}


def write(root: Path, files: Mapping[str, object]) -> Path:
    """Files by path: bytes and text as they are, all else as JSON."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, bytes | str) else json.dumps(content)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return root


def read(root: Path) -> Dataset:
    return read_samples(str(root), SUITE)


def only(root: Path) -> Sample:
    (sample,) = read(root).samples
    return sample


def test_meld_is_a_table_beside_sound(tmp_path: Path) -> None:
    write(
        tmp_path, {"csv/test_sent_emo.csv": MELD + "1,Hi,Ross,joy,positive,12,3\n", "flac_test/dia12_utt3.flac": b"x"}
    )
    sample = only(tmp_path)
    assert (sample.id, sample.targets, sample.recording) == ("MELD/MELD/dia12_utt3", ("joy",), "MELD/dia12")
    assert clip_of(sample).path == tmp_path / "flac_test" / "dia12_utt3.flac"
    (tmp_path / "flac_test" / "dia12_utt3.flac").rename(tmp_path / "dia12_utt3.wav")
    assert clip_of(only(tmp_path)).path == tmp_path / "dia12_utt3.wav"


def test_a_remark_of_mustard_follows_its_context(tmp_path: Path) -> None:
    write(tmp_path, {"sarcasm_data.json": {"1_60": REMARK}})
    with ZipFile(tmp_path / "mmsd_raw_data.zip", "w") as archive:
        archive.writestr("utterances_final/1_60.mp4", b"a clip")
        archive.writestr("context_final/1_60_c.mp4", b"a clip")
    sample = only(tmp_path)
    assert (sample.label_set, sample.targets) == (("A", "B"), ("A",))
    assert [turn.text for turn in sample.turns] == ["B: One\nTwo"]
    assert clip_of(sample).path == tmp_path / "mmsd_raw_data" / "utterances_final" / "1_60.mp4"


def test_a_question_of_parade_is_asked_in_two_voices(tmp_path: Path) -> None:
    both = {
        "onyx": {"status": {"x": {"0": CHOICE}}},
        "nova": {"status": {"x": {"0": CHOICE | {"path": "nova/1.mp3"}}}},
    }
    write(tmp_path, {"audio_result_path_mapping_v2.json": both, "onyx/1.mp3": b"x", "nova/1.mp3": b"x"})
    dataset = read(tmp_path)
    assert [sample.source for sample in dataset.samples] == ["status-male", "status-female"]
    assert {sample.recording for sample in dataset.samples} == {"PARADE/status/x/0"}
    assert [clip_of(sample).path.parent.name for sample in dataset.samples] == ["onyx", "nova"]
    assert dataset.samples[0].targets == ("C",)
    assert dataset.samples[0].turns[0].text == "Who?\nA: He\nB: She\nC: Nobody knows"
    assert not dataset.missing


def test_a_question_of_corebench_has_a_free_answer(tmp_path: Path) -> None:
    rows = [{"audio_path": "a.mp3", "question": question, "answer": "Two"} for question in ("How many?", "Who?")]
    write(tmp_path, {"instances.jsonl": "\n".join(map(json.dumps, rows)), "audio/a.mp3": b"x"})
    first, second = read(tmp_path).samples
    assert (first.label_set, first.targets, first.turns[0].text) == ((), ("two",), "How many?")
    assert first.recording == second.recording
    assert clip_of(first).path == tmp_path / "audio" / "a.mp3"


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "test_sent_emo.csv": MELD + "1,Hi,Ross,bliss,positive,0,0\n2,Hi,Ross,joy,positive,../x,0\n3,Hi\n",
            "sarcasm_data.json": {"../1": REMARK, "2": {"context": "no list", "sarcasm": 3}},
            "annotation.json": {
                "onyx": {"status": {"x": {"0": CHOICE | {"label": "They"}, "1": CHOICE | {"path": "/etc/passwd"}}}},
                "echo": {},
            },
            "instances.jsonl": '{"audio_path": "../a.mp3", "question": "?", "answer": "x"}\n[\n{"question": "?"}\n',
        },
    )
    with pytest.raises(DataError) as raised:
        read(tmp_path)
    said = str(raised.value)
    for line in (
        "test_sent_emo.csv: dia0_utt0: label `bliss` is not in its label set",
        "test_sent_emo.csv: line 3: `Dialogue_ID`: ",
        "test_sent_emo.csv: line 4: `Dialogue_ID` is missing; `Utterance_ID` is missing; `Emotion` is missing",
        "sarcasm_data.json: ../1: its id must be the name of a clip",
        "sarcasm_data.json: 2: `context`: ",
        "annotation.json: onyx/status/x/0: label `They` must be one of its options: He, She, Nobody knows",
        "annotation.json: onyx/status/x/1: `path`: leaves the folder",
        "annotation.json: `echo` is no voice; they are onyx, nova",
        "instances.jsonl: line 1: `audio_path`: leaves the folder",
        "instances.jsonl: line 2: is not valid JSON",
        "instances.jsonl: line 3: `audio_path` is missing; `answer` is missing",
    ):
        assert line in said


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\0", b"[]", b"[[]]", b"<html>", b"{}", b'{"onyx": []}', b"a,b\n1,2,3"]
)
@pytest.mark.parametrize("name", READERS)
def test_hostile_files_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=name):
        read(tmp_path)


@given(st.sampled_from(sorted(READERS)), st.text(max_size=60))
def test_any_text_is_read_or_refused(name: str, text: str) -> None:
    try:
        list(READERS[name](text))
    except DataError:
        return


def test_a_folder_without_its_files_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no AHELM emotion questions: expected test_sent_emo"):
        read(tmp_path)


def test_the_demo_is_run_and_gated(tmp_path: Path) -> None:
    gate = tmp_path / "gate.toml"
    gate.write_text("[min.overall]\naccuracy = 0.2\n")
    done = run(tmp_path, "--suite=ahelm-emotion", "--data=demo", "--model=majority", f"--gate={gate}")
    assert done.code == 0, done.output
    assert "AHELM emotion: majority answers 16 of 16 samples of demo" in done.output
    assert done.report["gate"]["word"] == "PASS"
    for place, right in {"MELD": 1 / 6, "MUStARD": 2 / 3, "PARADE": 1, "CoRe-Bench": 2 / 3}.items():
        assert done.report["tasks"][place]["accuracy"] == pytest.approx(right)
        assert done.report["floors"][place] == pytest.approx(right)
