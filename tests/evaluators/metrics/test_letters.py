"""Letters of several parts: which ones an answer gives, and what counts."""

import asyncio
import time
from itertools import product
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.model import Answer
from benchmark.suite import find_suite
from benchmark.task import Sample
from evaluators.measures import measures_of
from evaluators.metrics.letters import EMOTION_AND_CAUSE, METRIC, Letters, letters_of, named_letters
from evaluators.metrics.metric import Metric, Roles, find_metric
from reports.kept.record import Record, record_of

SUITE = find_suite("emobench-text")
BOTH, ONE = ("emotion", "cause"), ("answer",)
PAIRS = tuple(f"emotion {one}, cause {other}" for one, other in product("ABCDEF", "ABCD"))
ROLES = cast("Roles", SimpleNamespace(rated=lambda answer: answer))


def sample(target: str, label_set: tuple[str, ...] = PAIRS, task: str = "EU-en") -> Sample:
    return Sample(
        id="s",
        task=SUITE.tasks[task],
        clip=None,
        label_set=label_set,
        targets=(target,),
        source="s",
        recording="s",
        video_id="s",
    )


def scored(text: str, asked: Sample, metric: Letters = EMOTION_AND_CAUSE) -> Record:
    return record_of(asyncio.run(metric.score(asked, Answer(text=text, model="m"), ROLES)))


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("emotion B, cause C", "BC"),
        ("She is glad.\n\n**Emotion: B; Cause: C**", "BC"),
        ("Emotion: (b)\nCause: c) her brother came", "BC"),
        ("The emotion is B. The cause would be option C.", "BC"),
        ("Emotion: B Delight\nCause: D The letter came", "BD"),
        ("emotion B and cause C", "BC"),
        ('```json\n{"answer_q1": "B", "answer_q2": "C"}\n```', "BC"),
        ("Emotion A or emotion D? Cause A is wrong. So: emotion D, cause B", "DB"),
        ("I am sure.\nB, C", "BC"),
        ("情感：Emotion B，cause C。", "BC"),
        ("Cause: C\nEmotion: A", "AC"),
        ("Emotion: joy, cause: a friend came", ""),
        ("Cause: A friend came. Emotion: B", ""),
        ("The emotions, causes and so on", ""),
        ("emotion B", ""),
        ("", ""),
    ],
)
def test_the_letters_of_an_answer(text: str, letters: str) -> None:
    assert named_letters(text, BOTH) == tuple(letters)


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("answer D", "D"),
        ("The answer is: (A).", "A"),
        ('{"answer": "A"}', "A"),
        ("I think so.\n\n**C**", "C"),
        ("b", "B"),
        ("An answer a friend would give", ""),
        ("Talk to her.", ""),
    ],
)
def test_the_letter_of_a_single_answer(text: str, letter: str) -> None:
    assert named_letters(text, ONE) == tuple(letter)


@given(
    st.sampled_from("ABCDEF"), st.sampled_from("ABCD"), st.sampled_from(["\n", "; ", ", "]), st.sampled_from(["", "**"])
)
def test_letters_in_the_form_that_is_asked_for_are_found(one: str, other: str, between: str, mark: str) -> None:
    text = f"Emotion A, cause A come to mind, but no.\n{mark}emotion {one}{between}cause {other}{mark}"
    assert named_letters(text, BOTH) == (one, other)


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    assert len(named_letters(text, BOTH)) in (0, 2)


@pytest.mark.parametrize(
    "text", ["emotion " * 40_000, "emotion is " * 30_000, " " * 300_000, "emotion:" + "_" * 300_000]
)
def test_reading_takes_linear_time(text: str) -> None:
    began = time.process_time()
    assert named_letters(text, BOTH) == ()
    assert time.process_time() - began < 5


# EmoBench's rule, worked by hand: true emotion B and cause C
@pytest.mark.parametrize(
    ("text", "accuracy", "emotion", "cause"),
    [
        ("emotion B, cause C", 1, 1, 1),
        ("emotion B, cause D", 0, 1, 0),
        ("emotion A, cause C", 0, 0, 1),
        ("emotion A, cause B", 0, 0, 0),
        ("emotion B", 0, 0, 0),
        ("emotion B, cause F", 0, 0, 0),
    ],
)
def test_an_answer_counts_if_both_letters_are_right(text: str, accuracy: int, emotion: int, cause: int) -> None:
    record = scored(text, sample("emotion B, cause C"))
    assert record.scores == {"accuracy": accuracy, "emotion": emotion, "cause": cause}
    assert record.outcome == ("passed" if accuracy else "failed")
    assert EMOTION_AND_CAUSE.remade(record, several=False) == record.scores


def test_thoughts_are_read_only_without_an_answer() -> None:
    asked = sample("answer B", ("answer A", "answer B"), "EA-en")
    answer = Answer(text="answer A", thoughts="answer B", model="m")
    assert asyncio.run(METRIC.score(asked, answer, ROLES)).score.predicted == ("answer A",)
    thinking = Answer(text="", thoughts="answer B", model="m")
    assert asyncio.run(METRIC.score(asked, thinking, ROLES)).score.predicted == ("answer B",)


def test_what_fails_says_why() -> None:
    asked = sample("emotion B, cause C")
    score = asyncio.run(EMOTION_AND_CAUSE.score(asked, Answer(text="no \x1b[2J", model="m"), ROLES)).score
    assert score.explain(asked).startswith("s: right is emotion B, cause C, the answer says no such letters")
    assert "\x1b" not in score.explain(asked)


def test_parts_have_measures_where_there_are_parts() -> None:
    assert find_metric("letters") is METRIC
    assert isinstance(EMOTION_AND_CAUSE, Metric)
    measures = measures_of(SUITE)
    assert measures.names == ("accuracy", "emotion", "cause")
    assert measures.has("EU-zh", "cause")
    assert not measures.has("EA-zh", "cause")
    assert letters_of("emotion B, cause C") == {"emotion": "B", "cause": "C"}
