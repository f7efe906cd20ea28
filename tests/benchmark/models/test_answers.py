"""Answers produced elsewhere: which file and row belongs to which sample, and what is refused."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.clip import Clip
from benchmark.errors import ModelError, RunError
from benchmark.models.answers import AnswersFile, read_answers
from benchmark.task import Sample
from tests.tasks import TASKS


def sample(task: str, source: str, stem: str) -> Sample:
    return Sample(
        id=f"{task}/{source}/{stem}",
        task=TASKS[task],
        clip=Clip(Path("absent.mp4")),
        label_set=("joy", "anger"),
        targets=("joy",),
        source=source,
        recording=source,
        video_id=f"{source}/video/{stem}.mp4",
    )


LAB, WILD, SA = sample("ER-Lab", "MELD", "a"), sample("ER-Wild", "MELD", "a"), sample("SA", "CMU-MOSI", "b")
SAMPLES = (LAB, WILD, SA)


def row(name: object, text: str | float | None = "joy", **rest: object) -> dict[str, object]:
    return {"video_id": name, "model_response": text, **rest}


def written(path: Path, *rows: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(one) for one in rows]
    path.write_text("\n".join(lines) + "\n" if path.suffix == ".jsonl" else f"[{', '.join(lines)}]", "utf-8")
    return path


def read(*paths: Path) -> AnswersFile:
    return read_answers(",".join(map(str, paths)), SAMPLES)


def refusal(*paths: Path) -> str:
    with pytest.raises(RunError) as caught:
        read(*paths)
    return str(caught.value)


@pytest.mark.parametrize("file", ["mine.json", "mine.jsonl"])
@pytest.mark.parametrize("name", [SA.id, SA.video_id, "b.mp4", "b", "elsewhere/b.mp4"])
def test_a_row_is_found_by_id_video_id_file_name_or_stem(tmp_path: Path, file: str, name: str) -> None:
    answers = read(written(tmp_path / file, row(name, "It is joy.")))
    answer = asyncio.run(answers.answer(SA))

    assert (answer.text, answer.model, answers.name, answers.file) == ("It is joy.", "mine", "mine", file)
    assert answers.missing == (LAB.id, WILD.id)


def test_a_list_may_begin_after_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text("\n  " + json.dumps([row("b")], indent=1), "utf-8")

    assert set(read(path).answers) == {SA.id}


def test_id_may_stand_for_video_id_and_a_byte_order_mark_is_let_pass(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps([{"id": SA.id, "model_response": "joy", "other": [1]}]), "utf-8-sig")

    assert set(read(path).answers) == {SA.id}


@pytest.mark.parametrize(
    ("file", "told"),
    [("mine.json", {"task": "er_lab"}), ("ER_Lab_answers.json", {}), ("ER-Lab/mine.jsonl", {})],
    ids=["by row", "by file name", "by folder"],
)
def test_the_task_tells_apart_samples_of_one_video(tmp_path: Path, file: str, told: dict[str, str]) -> None:
    assert set(read(written(tmp_path / file, row(LAB.video_id, **told))).answers) == {LAB.id}


def test_a_row_knows_its_task_better_than_the_file_name(tmp_path: Path) -> None:
    assert set(read(written(tmp_path / "ER_Lab.json", row("a", task="ER-Wild"))).answers) == {WILD.id}


def test_several_files_and_a_folder(tmp_path: Path) -> None:
    lab = written(tmp_path / "given" / "ER_Lab.json", row("a", "joy"))
    wild = written(tmp_path / "given" / "deep" / "ER_Wild.jsonl", row("a", "anger"))
    (tmp_path / "given" / "notes.txt").write_text("not an answer", "utf-8")

    for answers in (read(lab, wild), read(tmp_path / "given")):
        assert {name: given.answer.text for name, given in answers.answers.items()} == {LAB.id: "joy", WILD.id: "anger"}
        assert (answers.name, answers.file) == ("given", "2 files"), "by the folder of the first"


def test_three_of_the_samples_that_a_row_may_be_are_named(tmp_path: Path) -> None:
    same = [sample(task, "MELD", "a") for task in ("SA", "IR", "ER-Wild", "ER-Lab")]
    with pytest.raises(RunError, match="a may be ER-Lab/MELD/a or ER-Wild/MELD/a or IR/MELD/a: add the task"):
        read_answers(str(written(tmp_path / "mine.json", row("a"))), same)


def test_unknown_ids_are_counted_and_missing_ones_are_errors_of_the_model(tmp_path: Path) -> None:
    answers = read(written(tmp_path / "mine.json", row("b"), row("stranger.mp4")))

    assert answers.unknown == ("stranger.mp4",)
    with pytest.raises(ModelError, match=rf"mine\.json has no answer for {LAB.id}"):
        asyncio.run(answers.answer(LAB))


@pytest.mark.parametrize("text", [None, float("nan"), "", " \n"])
def test_an_empty_answer_is_an_error_of_the_model(tmp_path: Path, text: str | float | None) -> None:
    answers = read(written(tmp_path / "mine.json", row("b", text)))

    with pytest.raises(ModelError, match=r"mine\.json, row 1 is empty"):
        asyncio.run(answers.answer(SA))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([row("b"), row(SA.video_id)], f"{SA.id} has two answers"),
        ([row("a")], f"a may be {LAB.id} or {WILD.id}: add the task to each row"),
        ([row("stranger")], "none of its 1 ids is the id of a sample, e.g. stranger"),
        ([row("b"), {"video_id": "a"}], "row 2 lacks `model_response`"),
        ([{"model_response": "joy"}], "row 1 lacks `video_id` (or `id`)"),
        ([row("b") | {"video_id": float("nan")}], "row 1 lacks `video_id` (or `id`)"),
        ([row("b") | {"video_id": True}], "`video_id` of mine.json, row 1 is neither text nor a number"),
        ([{"id": ["b"], "model_response": "joy"}], "`id` of mine.json, row 1 is neither text nor a number"),
        ([row("b") | {"model_response": ["joy"]}], "`model_response` of mine.json, row 1 is not text"),
        ([row("b") | {"model_response": 1}], "`model_response` of mine.json, row 1 is not text"),
        (["joy"], "row 1 is not an object"),
        ([], "contains no answers"),
    ],
)
def test_what_cannot_be_matched_is_refused_by_file(tmp_path: Path, rows: list[object], words: str) -> None:
    message = refusal(written(tmp_path / "mine.json", *rows))

    assert words in message
    assert "mine.json" in message


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"[{", "is not valid JSON (Expecting"),
        (b"joy", "has a line, 1, that is not valid JSON (Expecting"),
        (b'{"id": "b", "model_response": "joy"}\n\n{"id":\n"b"}', "has a line, 3, that is not valid JSON (Expecting"),
        (b"\xff\xfe", "is not UTF-8"),
        (b" \n", "is empty"),
        (b"<!doctype html>", "is a web page, not a data file: download it again"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer, not a data file: run `git lfs pull`"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path: Path, raw: bytes, said: str) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(raw)

    assert f"{path} {said}" in refusal(path)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    assert f"{tmp_path / 'absent.json'} cannot be read (No such file" in refusal(tmp_path / "absent.json")
    assert f"{tmp_path} contains no .json or .jsonl file" in refusal(tmp_path)


@pytest.mark.parametrize("field", ["id", "video_id"])
@pytest.mark.parametrize("name", [17, 17.0, "17", 0, 1.5])
def test_a_number_is_an_id(tmp_path: Path, field: str, name: object) -> None:
    digits = {17.0: "17", 0: "0", 1.5: "1.5"}.get(name, "17")  # type: ignore[call-overload]
    samples = [replace(SA, id=digits, video_id=f"{digits}.mp4"), LAB]
    path = written(tmp_path / "mine.jsonl", {field: name, "model_response": "joy"})

    assert set(read_answers(str(path), samples).answers) == {digits}


@given(st.text("ab\u2028\u2029\x85\x0b\x1c", min_size=1), st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_only_a_line_feed_ends_a_line(tmp_path_factory: pytest.TempPathFactory, text: str, end: str) -> None:
    path = tmp_path_factory.getbasetemp() / "lines.jsonl"
    rows = [row(SA.id, f"x{text}x"), row(LAB.id)]
    path.write_bytes(end.join(json.dumps(one, ensure_ascii=False) for one in rows).encode())

    assert {name: given.answer.text for name, given in read(path).answers.items()} == {
        SA.id: f"x{text}x",
        LAB.id: "joy",
    }


def test_half_characters_backslashes_and_capitals(tmp_path: Path) -> None:
    answers = read(written(tmp_path / "given" / "MINE.JSON", row("CMU-MOSI\\video\\b.mp4", "joy \ud83d")))

    assert read(tmp_path / "given") == answers
    assert answers.answers[SA.id].answer.text == "joy \ufffd"


def test_the_file_s_name_tells_the_task_before_its_folder_s(tmp_path: Path) -> None:
    assert set(read(written(tmp_path / "ER-Wild" / "ER_Lab.json", row("a"))).answers) == {LAB.id}


def test_several_files_are_named_by_their_folder(tmp_path: Path) -> None:
    files = [written(tmp_path / "mine" / f"{task}.json", row("a")) for task in ("ER_Lab", "ER_Wild")]
    assert read(*files).name == "mine"


def test_what_stands_behind_a_dot_may_be_part_of_the_name(tmp_path: Path) -> None:
    dotted = replace(SA, id="SA/CMU-MOSI/b.2", video_id="CMU-MOSI/video/b.2.mp4")
    path = written(tmp_path / "mine.json", row("x/b.2"))
    assert set(read_answers(str(path), [SA, dotted]).answers) == {dotted.id}


@pytest.mark.parametrize(("count", "end"), [(11, "two answers."), (12, "two answers, and 1 more.")])
def test_ten_rows_that_cannot_be_matched_are_shown(tmp_path: Path, count: int, end: str) -> None:
    message = refusal(written(tmp_path / "mine.json", *[row("b")] * count))
    assert message.count("has two answers") == 10
    assert message.endswith(end)


def kept(folder: Path, *lines: dict[str, object], **report: object) -> Path:
    """The folder of a run that has kept these lines."""
    usual = {"question": "Which emotion?", "label_set": ["joy", "anger"], "answer": None}
    written(folder / "samples.jsonl", *({**usual, **line} for line in lines))
    if report:
        (folder / "report.json").write_text(json.dumps(report))
    return folder


@pytest.mark.parametrize("file", ["", "samples.jsonl"])
def test_the_answers_of_a_run_are_whole(tmp_path: Path, file: str) -> None:
    said = {"answer": "It is joy.", "thoughts": "A smile.", "ending": "cut off", "refused": True}
    usage = {"model": {"model": "big-2026", "requests": 1}}
    folder = kept(
        tmp_path / "run",
        {"id": SA.id, "task": "SA", **said, "usage": usage},
        {"id": LAB.id, "task": "ER-Lab", "outcome": "error", "error": "The server failed."},
        model="big",
    )
    answers = read(folder / file)
    assert (answers.name, answers.missing) == ("big", (WILD.id,))
    answer = asyncio.run(answers.answer(SA))
    assert (answer.text, answer.thoughts, answer.ending, answer.refusal) == ("It is joy.", "A smile.", "cut off", True)
    assert (answer.model, answer.usage.requests) == ("big-2026", 0)
    with pytest.raises(ModelError, match=r"has no answer: The server failed\."):
        asyncio.run(answers.answer(LAB))


def test_a_run_that_was_stopped_is_named_by_its_folder(tmp_path: Path) -> None:
    assert read(kept(tmp_path / "mine", {"id": SA.id, "task": "SA", "answer": "joy"})).name == "mine"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": "a", "task": "SA"}', "line 1 is not a record of a run: question: Field required"),
        ("[]", "line 1 is not a record of a run: it: "),
        ("{", "line 1 is not a record of a run: it: "),
    ],
)
def test_what_no_run_has_written_is_refused_by_its_line(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "samples.jsonl").write_text(line + "\n")
    assert said in refusal(tmp_path)
