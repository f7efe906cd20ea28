"""The folders of EmotionHallucer, MVEI, EmoPrefer and EmoBench: their rows, and all that is wrong with them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmark.clips.still import is_still
from benchmark.data.dataset import read_samples
from benchmark.errors import DataError
from benchmark.suite import find_suite
from benchmark.task import Sample

DEMOS = {"emotionhallucer": 14, "mvei": 10, "emoprefer": 12, "emobench": 13}


def picture(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), "teal").save(folder / name)


def written(path: Path, rows: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(rows if isinstance(rows, str) else json.dumps(rows), "utf-8")


def read(folder: Path, suite: str) -> Sequence[Sample]:
    return read_samples(str(folder), find_suite(suite)).samples


def refused(folder: Path, suite: str) -> str:
    with pytest.raises(DataError) as caught:
        read(folder, suite)
    return str(caught.value)


@pytest.mark.parametrize(("name", "count"), DEMOS.items())
def test_the_demo_asks_every_task(name: str, count: int) -> None:
    suite = find_suite(name)
    samples = read_samples("demo", suite).samples
    assert len(samples) == count
    assert {sample.task.name for sample in samples} == set(suite.tasks)
    assert all(sample.clip is None or sample.clip.path.is_file() for sample in samples)


@pytest.mark.parametrize("name", DEMOS)
def test_another_folder_is_none_of_theirs_and_the_message_says_what_is_looked_for(name: str, tmp_path: Path) -> None:
    written(tmp_path / "others.json", [])
    assert find_suite(name).layout in refused(tmp_path, name)


# ---- EmotionHallucer


def pair(**more: object) -> dict[str, Any]:
    return {
        "basic": {"question": "Is it there?", "answer": "Yes"},
        "hallucination": {"question": "Is that there?", "answer": "no"},
        **more,
    }


def test_a_pair_is_two_questions_of_one_group(tmp_path: Path) -> None:
    picture(tmp_path, "pictures/a.png")
    written(tmp_path / "part" / "image.json", [pair(image="a.png", category="scene")])
    written(tmp_path / "text.json", [pair(text="We waited."), pair()])
    *texts, basic, hallucinated = sorted(read(tmp_path, "emotionhallucer"), key=lambda one: one.task.name == "image")
    assert (basic.targets, hallucinated.targets) == (("yes",), ("no",))
    assert basic.group == hallucinated.group
    assert basic.recording == hallucinated.recording
    assert basic.clip == hallucinated.clip
    assert basic.clip is not None
    assert is_still(basic.clip.path)
    assert (basic.source, basic.text) == ("scene", "Question: Is it there?")
    assert texts[0].text == "Text: We waited.\n\nQuestion: Is it there?"
    assert [one.clip for one in texts] == [None] * 4
    assert len({one.group for one in texts}) == 2


def test_all_that_is_wrong_with_pairs_is_told_at_once(tmp_path: Path) -> None:
    picture(tmp_path, "a.png")
    wrong = {"question": "Is it there?", "answer": "no"}
    written(
        tmp_path / "image.json",
        [pair(image="a.png"), pair(), pair(image="../a.png"), pair(image="b.png"), pair(image="a.png", basic=wrong)],
    )
    written(tmp_path / "audio.json", "[")
    said = refused(tmp_path, "emotionhallucer")
    for part in (
        "image.json row 2: image, audio or video is missing",
        "image.json row 3: `image`: leaves the folder",
        "image.json row 5: `basic`: Input should be 'yes'",
        "b.png is not there",
        "audio.json: is not valid JSON",
    ):
        assert part in said


# ---- MVEI


def statement(kind: str, label: str = "Correct") -> dict[str, str]:
    return {"statement": f"About {kind}.", "label": label, "class": kind, "subclass": "x"}


def test_a_statement_is_a_question_about_its_image(tmp_path: Path) -> None:
    picture(tmp_path, "images/awe_1.jpg")
    kinds = ("sentiment polarity", "emotion interpretation", "scene context", "Perception Subjectivity")
    row = {"image_id": "awe_1.jpg", "ov_emotion": ["awe"], "statement_list": list(map(statement, kinds))}
    written(tmp_path / "MVEI_metadata.json", [row])
    samples = read(tmp_path, "mvei")
    assert [one.task.name for one in samples] == ["SP", "EI", "SC", "PS"]
    assert {one.recording for one in samples} == {"MVEI/awe_1.jpg"}
    assert samples[0].text == "Statement: About sentiment polarity."
    assert {one.targets for one in samples} == {("correct",)}
    assert all(one.group is None for one in samples)


def test_all_that_is_wrong_with_statements_is_told_at_once(tmp_path: Path) -> None:
    good = statement("scene context")
    written(
        tmp_path / "MVEI_metadata.json",
        [
            {"image_id": "gone.jpg", "statement_list": [good]},
            {"image_id": "/a.jpg", "statement_list": [good]},
            {"image_id": "a.jpg", "statement_list": [statement("scene context", "maybe"), statement("weather")]},
            {"image_id": "a.jpg", "statement_list": []},
            "no row",
        ],
    )
    said = refused(tmp_path, "mvei")
    for part in (
        "images/gone.jpg is not there",
        "row 2: `image_id`: leaves the folder",
        "row 3 statement 1: `label`: Input should be 'correct' or 'incorrect'",
        "row 3 statement 2: `class`: Input should be",
        "row 4: `statement_list`",
        "row 5: must be an object",
    ):
        assert part in said


# ---- EmoPrefer


def test_a_row_is_asked_in_both_orders(tmp_path: Path) -> None:
    (tmp_path / "video").mkdir()
    for name in ("one", "two"):
        (tmp_path / "video" / f"{name}.mp4").write_bytes(bytes(9_000))
    written(
        tmp_path / "dataset" / "preference_emoprefer.csv",
        'name,a1,a2,preference\none,"Glad, very.",Sad.,a1\ntwo,Glad.,Happy.,same\none,Calm.,Angry.,A2\n',
    )
    written(tmp_path / "dataset" / "preference_emoprefer_reverse.csv", "name,a1,a2,preference\n")
    samples = read(tmp_path, "emoprefer")
    given_order, swapped = samples[0], samples[1]
    assert (given_order.task.name, given_order.targets, swapped.task.name, swapped.targets) == (
        "given", ("a1",), "swapped", ("a2",),
    )  # fmt: skip
    assert given_order.text == "Description a1: Glad, very.\n\nDescription a2: Sad."
    assert swapped.text == "Description a1: Sad.\n\nDescription a2: Glad, very."
    assert [one.group for one in samples] == ["one-2", "one-2", "two", "two", "one-4", "one-4"]
    assert samples[0].recording == samples[4].recording
    assert [one.targets for one in samples[2:]] == [("same",), ("same",), ("a2",), ("a1",)]


def test_all_that_is_wrong_with_preferences_is_told_at_once(tmp_path: Path) -> None:
    written(
        tmp_path / "preference_emoprefer.csv",
        "name,a1,a2,preference\nnone,Glad.,Sad.,a1\n../up,Glad.,Sad.,a1\none,Glad.,,a1\none,Glad.,Sad.,both\n",
    )
    written(tmp_path / "other" / "preference_emoprefer.csv", "name,a1\none,Glad.\n")
    said = refused(tmp_path, "emoprefer")
    for part in (
        "none is not there",
        "line 3: `name`: leaves the folder",
        "line 4: `a2` is missing",
        "line 5: `preference`: Input should be 'a1', 'a2' or 'same'",
        "other/preference_emoprefer.csv: lacks the columns a2, preference",
    ):
        assert part in said


# ---- EmoBench


def test_questions_of_emobench_have_options_only_where_there_are_some(tmp_path: Path) -> None:
    picture(tmp_path, "a.jpg")
    written(tmp_path / "Emo_C.json", [{"media": "a.jpg", "options": ["Joy", "Anger"], "answer": "Joy"}])
    written(tmp_path / "emo-o.json", [{"media": "a.jpg", "answer": "Awe", "source": "EmoSet"}])
    written(tmp_path / "sarcasm.json", [{"media": "a.jpg", "answer": "Yes", "text": "Great."}])
    found = {one.task.name: one for one in read(tmp_path, "emobench")}
    assert (found["Emo-C"].label_set, found["Emo-C"].targets) == (("Joy", "Anger"), ("Joy",))
    assert (found["Emo-O"].label_set, found["Emo-O"].targets, found["Emo-O"].source) == ((), ("awe",), "EmoSet")
    assert (found["sarcasm"].label_set, found["sarcasm"].targets, found["sarcasm"].text) == (
        ("yes", "no"), ("yes",), "Great.",
    )  # fmt: skip


def test_all_that_is_wrong_with_emobench_is_told_at_once(tmp_path: Path) -> None:
    picture(tmp_path, "a.jpg")
    written(tmp_path / "emo_c.json", [{"media": "a.jpg", "answer": "joy"}])
    written(tmp_path / "emo_o.json", [{"media": "a.jpg", "options": ["a", "b"], "answer": "a"}, {"answer": "joy"}])
    written(tmp_path / "hate.json", [{"media": "a.jpg", "answer": "maybe"}, {"media": "b.jpg", "answer": "no"}])
    said = refused(tmp_path, "emobench")
    for part in (
        "emo_c.json row 1: `options` is missing",
        "emo_o.json row 1: `options` must not be there",
        "emo_o.json row 2: `media` is missing",
        "hate.json row 1: a.jpg-1: label `maybe` is not in its label set: yes, no",
        "b.jpg is not there",
    ):
        assert part in said
