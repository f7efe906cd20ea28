"""EmpatheticDialogues: what is asked of a dialogue, and what is wrong with bad files."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.data.dataset import Dataset, read_samples
from benchmark.errors import DataError
from benchmark.models.floors import majority_of
from benchmark.suite import find_suite
from benchmark.suites.empathetic_dialogues.folder import EMOTIONS
from benchmark.task import Turn
from evaluators.judge.labels import named_labels

SUITE = find_suite("empathetic-dialogues")
HEAD = "conv_id,utterance_idx,context,prompt,speaker_idx,utterance,selfeval,tags"
LINES = (
    "hit:0_conv:1,1,sad,p,1,My cat died_comma_ sadly.,5|5|5_2|2|5,",
    'hit:0_conv:1,2,sad,p,2,"Oh, no" is cut at the comma,5|5|5_2|2|5,',
    "hit:0_conv:1,3,sad,p,1,It was old.,5|5|5_2|2|5,",
    "hit:0_conv:1,4,sad,p,2,I am so sorry.,5|5|5_2|2|5,,one|two",
    "hit:1_conv:3,1,joyful,p,3,I won!,5|5|5_2|2|5,",
)


def write(root: Path, *lines: str, name: str = "test.csv") -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("\n".join(lines), "utf-8")
    return root


def read(root: Path) -> Dataset:
    return read_samples(str(root), SUITE)


def test_each_message_of_a_listener_is_asked_for_and_the_emotion_with_it(tmp_path: Path) -> None:
    write(tmp_path, "not,read", name="train.csv")
    dataset = read(write(tmp_path / "empatheticdialogues", HEAD, *LINES, "").parent)
    assert [(sample.task.name, sample.targets) for sample in dataset.samples] == [
        ("reply", ('"Oh',)),
        ("emotion", ("sad",)),
        ("reply", ("I am so sorry.",)),
        ("emotion", ("sad",)),
    ]
    first, last = dataset.samples[0], dataset.samples[2]
    assert (first.turns, first.text) == ((), "Message: My cat died, sadly.")
    assert last.turns == (Turn("user", "My cat died, sadly."), Turn("assistant", '"Oh'))
    assert last.question.endswith("Write only the reply.\n\nMessage: It was old.")
    assert (last.id, last.label_set) == ("reply/empathetic-dialogues/hit_0_conv_1-4", ())
    emotion = dataset.samples[3]
    assert emotion.turns == last.turns
    assert emotion.text.startswith("Message: It was old.\n\nEmotions: afraid; angry; ")
    assert {sample.recording for sample in dataset.samples} == {"empathetic-dialogues/hit_0_conv_1"}


def test_all_that_is_wrong_with_lines_is_said_at_once(tmp_path: Path) -> None:
    bad = ("a,1,sad,p,1", "a,0,sad,p,1,x", "a,1,happy,p,1,x", "a,1,sad,p,1,", "a,1\u00b2,sad,p,1,x", ",9,\x1b[2J,p,1,x")
    with pytest.raises(DataError) as raised:
        read(write(tmp_path, HEAD, *bad))
    said = str(raised.value)
    assert "has 6 problems" in said
    for line in (
        "test.csv line 2: has 5 columns, needs at least 6",
        "test.csv line 3: `utterance_idx` must be a number from 1, got 0",
        "test.csv line 4: `context` must be one of afraid, angry, ",
        "test.csv line 5: `utterance` missing",
        "test.csv line 6: `utterance_idx` must be a number from 1, got 1\u00b2",
        "test.csv line 7: `conv_id` missing",
    ):
        assert line in said
    assert "\x1b" not in said


def test_all_that_is_wrong_with_dialogues_is_said_at_once(tmp_path: Path) -> None:
    lines = ("a,1,sad,p,1,x", "a,3,sad,p,1,x", "b,1,sad,p,1,x", "b,2,proud,p,2,x", "a,1,sad,p,1,x")
    with pytest.raises(DataError) as raised:
        read(write(tmp_path, HEAD, *lines))
    said = str(raised.value)
    assert "has 3 problems" in said
    assert "test.csv line 3: message 3 of the dialogue a stands where message 2 must be" in said
    assert "test.csv line 5: the dialogue b is about proud here and about sad before" in said
    assert "test.csv line 6: the dialogue a has begun already in test.csv line 2" in said


def test_two_files_of_the_test_split_and_other_columns_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "conv_id,context", name="test.csv")
    write(tmp_path / "x", HEAD, *LINES)
    with pytest.raises(DataError) as raised:
        read(tmp_path)
    said = str(raised.value)
    assert "test.csv: x/test.csv is a test split too; keep one of the two" in said
    assert "test.csv: its first line must name utterance_idx as column 2, context as column 3, utterance as col" in said


def test_a_folder_without_the_test_split_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no EmpatheticDialogues questions: expected test\.csv"):
        read(write(tmp_path, HEAD, *LINES, name="valid.csv"))


@given(st.lists(st.tuples(st.text("ab ,;\"'é\u2028", min_size=1).filter(str.strip), st.booleans()), min_size=1))
def test_any_text_is_kept_and_any_line_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[str, bool]]
) -> None:
    root = tmp_path_factory.getbasetemp() / "dialogues"
    texts = [text.replace(",", "_comma_") if escaped else text.replace(",", ";") for text, escaped in said]
    write(root, HEAD, "a,1,sad,p,1,x", *(f"a,{number},sad,p,1,{text},s," for number, text in enumerate(texts, 2)))
    replies = [sample.targets[0] for sample in read(root).samples if sample.task.name == "reply"]
    assert replies == [text.replace("_comma_", ",").strip() for text in texts[::2]]


@given(st.text("a,1sad\n_comma ", max_size=60))
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    root = write(tmp_path_factory.getbasetemp() / "any", HEAD, text)
    with pytest.raises(DataError):
        read(root)


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_each_emotion_is_named_by_its_own_word_alone(emotion: str) -> None:
    assert named_labels(f"They feel {emotion}.", EMOTIONS) == (emotion,)


def test_the_demo_has_dialogues_of_several_turns_and_a_floor() -> None:
    samples = read_samples("demo", SUITE).samples
    assert {len(sample.turns) for sample in samples} == {0, 2}
    assert majority_of(samples).commonest["emotion", "empathetic-dialogues"] == ("guilty",)
    assert len(EMOTIONS) == len(set(EMOTIONS)) == 32
