"""Questions to be answered elsewhere: what they hold, and when answers belong to other ones."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from string import Template
from typing import Any

import pytest

from benchmark.clips.reader import ClipReader
from benchmark.data.dataset import read_samples
from benchmark.errors import DataError, RunError
from benchmark.models.answers import AnswersFile, read_answers
from benchmark.models.asking import Prompter
from benchmark.models.questions import QuestionSettings, check_questions, question_hash, question_row
from benchmark.models.templates import read_templates
from benchmark.storage.cache import Cache
from benchmark.suite import find_suite
from benchmark.task import Task, Turn
from tests.tasks import TASKS, clip_of

SAMPLES = read_samples("demo").samples
CLIP = SAMPLES[0]
TEXT = read_samples("demo", find_suite("dair-emotion")).samples[0]
SETTINGS = QuestionSettings(
    templates={"": read_templates(find_suite().home)["question"]},
    fps=1.0,
    most=10,
    spread=False,
    modalities=frozenset({"video", "audio"}),
    sound_seconds=300.0,
)
OF_CLIPS: list[dict[str, Any]] = [
    {"fps": 2.0},
    {"most": 3},
    {"spread": True},
    {"modalities": frozenset({"video"})},
    {"sound_seconds": 10.0},
]


def answers(path: Path, *rows: dict[str, object]) -> AnswersFile:
    path.write_text("\n".join(json.dumps({"model_response": "joy", **row}) for row in rows))
    return read_answers(str(path), SAMPLES)


def test_a_row_is_what_a_model_is_sent_without_the_truth(tmp_path: Path) -> None:
    reader = ClipReader(Cache(tmp_path))
    prompter = Prompter(reader=reader, templates=SETTINGS.templates)
    prompt = asyncio.run(prompter.prompt(CLIP, SETTINGS.modalities))
    row = json.loads(json.dumps(asyncio.run(question_row(CLIP, prompter, SETTINGS))))

    assert row["text"] == prompt.text
    assert row["frames"] == [frame.seconds for frame in prompt.frames]
    assert row["sound"] is True
    assert row["clip"] == str(clip_of(CLIP).path.absolute())
    assert row["labels"] == list(CLIP.label_set)
    assert (row["id"], row["task"]) == (CLIP.id, CLIP.task.name)
    untrue = replace(CLIP, targets=(CLIP.label_set[-1],), audio_clue="sobs")
    assert json.loads(json.dumps(asyncio.run(question_row(untrue, prompter, SETTINGS)))) == row
    silent = replace(SETTINGS, modalities=frozenset({"video"}))
    assert asyncio.run(question_row(CLIP, prompter, silent))["sound"] is False


def test_a_row_of_text_has_its_turns_and_no_clip(tmp_path: Path) -> None:
    prompter = Prompter(reader=ClipReader(Cache(tmp_path)), templates={"": Template("$question")})
    asked = replace(TEXT, turns=(Turn("user", "I am sad."),))
    row = asyncio.run(question_row(asked, prompter, SETTINGS))
    assert row["turns"] == [{"role": "user", "content": "I am sad."}]
    assert row["text"] == asked.question
    assert (row["clip"], row["frames"], row["sound"]) == (None, (), False)


def test_a_clip_that_is_missing_says_so(tmp_path: Path) -> None:
    prompter = Prompter(reader=ClipReader(Cache(tmp_path)), templates=SETTINGS.templates)
    asked = replace(CLIP, clip=replace(clip_of(CLIP), path=tmp_path / "none.mp4"))
    with pytest.raises(DataError):
        asyncio.run(question_row(asked, prompter, SETTINGS))


def test_the_hash_is_that_of_earlier_releases() -> None:
    """Answers are kept: a change of the hash makes all of them unusable, so it needs a new VERSION and a reason."""
    task = Task(name="T", title="t", subject="emotion", question="Which?", metric="labels")
    sample = replace(TEXT, task=task, label_set=("a", "b"), text="x", id="i", turns=(Turn("user", "t"),))
    settings = replace(SETTINGS, templates={"": Template("$question")})
    assert question_hash(sample, settings) == question_hash(replace(sample, targets=("b",)), settings)
    assert question_hash(sample, settings) == "712ce1ca7ef7f0d4"


@pytest.mark.parametrize("change", OF_CLIPS, ids=lambda change: next(iter(change)))
def test_what_is_sent_of_a_clip_counts_where_there_is_a_clip(change: dict[str, Any]) -> None:
    other = replace(SETTINGS, **change)
    assert question_hash(CLIP, other) != question_hash(CLIP, SETTINGS)
    assert question_hash(TEXT, other) == question_hash(TEXT, SETTINGS)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "other"},
        {"label_set": ("joy", "anger")},
        {"text": "Message: other"},
        {"turns": (Turn("user", "t"),)},
        {"task": TASKS["ML-ER"]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_all_that_is_asked_counts(change: dict[str, Any]) -> None:
    assert question_hash(replace(TEXT, **change), SETTINGS) != question_hash(TEXT, SETTINGS)
    assert question_hash(TEXT, replace(SETTINGS, templates={"": Template("Why?")})) != question_hash(TEXT, SETTINGS)


def test_answers_to_these_questions_or_without_a_hash_are_accepted(tmp_path: Path) -> None:
    first, second, third = SAMPLES[:3]
    given = answers(
        tmp_path / "mine.jsonl",
        {"id": first.id, "question_hash": question_hash(first, SETTINGS)},
        {"id": second.id},
        {"id": third.id, "question_hash": ""},
    )
    check_questions(given, SAMPLES, SETTINGS)


def test_answers_to_other_questions_are_refused_in_one_sentence(tmp_path: Path) -> None:
    first, second, third = SAMPLES[:3]
    given = answers(
        tmp_path / "mine.jsonl",
        {"id": first.id, "question_hash": question_hash(first, SETTINGS)},
        {"id": second.id, "question_hash": "\x1b[2J" + "x" * 300},
        {"id": third.id, "question_hash": 7},
    )
    check_questions(given, SAMPLES[:1], SETTINGS)
    with pytest.raises(RunError) as caught:
        check_questions(given, SAMPLES, SETTINGS)
    said = str(caught.value)
    assert said.startswith("answers: 2 of 3 answers were given to other questions than this run asks, e.g. mine.jsonl")
    assert "mine.jsonl, row 2" in said
    assert said.count(". ") == 1  # that of "e.g."
    assert "\x1b" not in said
    assert len(said) < 500


@pytest.mark.parametrize("change", [{"question": "Another?"}, {"label_set": ["joy"]}, {}])
def test_answers_that_a_run_has_kept_are_to_the_questions_of_its_data(
    tmp_path: Path, change: dict[str, object]
) -> None:
    line = {"id": CLIP.id, "task": CLIP.task.name, "question": CLIP.question, "label_set": CLIP.label_set}
    (tmp_path / "samples.jsonl").write_text(json.dumps({**line, "answer": "joy", **change}))
    given = read_answers(str(tmp_path), SAMPLES)
    if not change:
        check_questions(given, SAMPLES, SETTINGS)
        return
    with pytest.raises(RunError, match=r"1 of 1 answers were given to other questions .* use the data of that run"):
        check_questions(given, SAMPLES, SETTINGS)
