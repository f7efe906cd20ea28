import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.models.circumplex import Point, nearest, place, voice_arousal

PUBLISHED = Path(__file__).parents[4] / "shared" / "mme_emotion"
KNOWN = ("happy", "sad", "angry", "fear", "neutral", "peace", "very strong positive", "weak negative")
UNITS = st.floats(-1, 1)


def known(word: str) -> Point:
    where = place(word)
    assert where is not None
    return where


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason=f"the published questions are not at {PUBLISHED}")
def test_every_published_label_has_a_place() -> None:
    rows = [row for path in PUBLISHED.glob("*/question/*.json") for row in json.loads(path.read_text("utf-8"))]
    labels = {label for row in rows for label in row["label_set"]}

    assert len(labels) > 40
    assert {label for label in labels if place(label) is None} == set()


@pytest.mark.parametrize("word", ["happy", "excited", "affection", "peace", "positive", "strong positive", "agreeing"])
def test_pleasant_words_have_positive_valence(word: str) -> None:
    assert known(word).valence > 0


@pytest.mark.parametrize("word", ["angry", "fear", "sad", "disgust", "pain", "negative", "weak negative", "contempt"])
def test_unpleasant_words_have_negative_valence(word: str) -> None:
    assert known(word).valence < 0


@pytest.mark.parametrize(
    ("calmer", "more_aroused"),
    [("sad", "angry"), ("peace", "excited"), ("fatigue", "neutral"), ("neutral", "surprise"), ("annoyance", "anger")],
)
def test_words_are_ordered_by_arousal(calmer: str, more_aroused: str) -> None:
    assert known(calmer).arousal < known(more_aroused).arousal


def test_grades_of_sentiment_are_ordered_by_valence() -> None:
    positive = [known(f"{grade}positive").valence for grade in ("weak ", "", "strong ", "very strong ")]
    negative = [known(f"{grade}negative").valence for grade in ("very strong ", "strong ", "", "weak ")]

    assert [*negative, 0, *positive] == sorted({*negative, 0, *positive})


def test_case_and_space_around_a_word_do_not_matter() -> None:
    assert place(" Very Strong NEGATIVE\n") == known("very strong negative")
    assert place("unheard-of") is None


@pytest.mark.parametrize(("word", "sign"), [("Loud", 1), ("rapid", 1), ("whispering", -1), ("slow", -1)])
def test_words_for_a_voice_bear_on_arousal(word: str, sign: int) -> None:
    arousal = voice_arousal(word)

    assert arousal is not None
    assert arousal * sign > 0


def test_a_word_for_no_voice_has_no_arousal_of_voice() -> None:
    assert voice_arousal("table") is None


@given(UNITS, UNITS, st.permutations([*KNOWN, "unheard-of", "unknown"]))
def test_nearest_orders_by_distance_and_puts_unknown_labels_last(x: float, y: float, labels: list[str]) -> None:
    *near, one, other = nearest(Point(x, y), labels)
    distances = [math.dist((x, y), (known(label).valence, known(label).arousal)) for label in near]

    assert sorted(near) == sorted(KNOWN)
    assert distances == sorted(distances)
    assert [one, other] == [label for label in labels if label in ("unheard-of", "unknown")]


@given(st.permutations(["sad", "Sadness", "sorrow"]))
def test_ties_keep_the_order_of_the_set(labels: list[str]) -> None:
    assert nearest(Point(0.0, 0.0), labels) == tuple(labels)
