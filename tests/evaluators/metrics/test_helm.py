"""HELM's rules for short answers, one by one, as its evaluate_reference_metrics.py states them."""

import asyncio
import string
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.model import Answer
from benchmark.suite import find_suite
from benchmark.task import Sample
from evaluators.metrics.helm import LETTERS, METRIC, Helm, begins_with, chosen, normalised
from evaluators.metrics.metric import passes

SUITE = find_suite("ahelm-emotion")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("JOY", "joy"),  # lower case
        ('"joy."', "joy"),  # no punctuation
        ("U.S.", "us"),
        ("well-known", "wellknown"),
        ("it's", "its"),
        ("“joy”", "“joy”"),  # only ASCII punctuation is removed
        ("the joy of a child, an hour", "joy of child hour"),  # no articles
        ("theme anew Anna", "theme anew anna"),  # which are whole words
        ("the-end", "theend"),  # punctuation goes before articles do
        ("T.H.E. end", "end"),  # so that it may leave one
        ("  joy \n\t and   fear ", "joy and fear"),  # single blanks
        ("5.0", "50"),
        ("The.", ""),
        ("", ""),
    ],
)
def test_a_text_is_normalised_rule_by_rule(text: str, plain: str) -> None:
    assert normalised(text) == plain


@given(st.text(alphabet=st.sampled_from([*string.printable, "é", "İ", "“"]), max_size=60))
def test_what_is_normalised_stays_so(text: str) -> None:
    plain = normalised(text)
    assert normalised(plain) == plain
    assert not set(plain) & set(string.punctuation)
    assert not {"a", "an", "the"} & set(plain.split(" "))
    assert "  " not in plain


@pytest.mark.parametrize(
    ("answer", "truth", "right"),
    [
        ("joy", "joy", True),
        ("Joy, since the voice is bright.", "joy", True),
        ("The joy", "joy", True),
        ("joyful", "joy", True),  # it need not be a word
        ("It is joy.", "joy", False),  # nor may anything stand before it
        ("jo", "joy", False),
        ("", "joy", False),
        ("  ", "the", False),  # an empty answer is wrong, whatever is true
        ("sorrow", "the", True),  # and this is right: nothing is left of the truth
    ],
)
def test_an_answer_must_begin_with_the_truth(answer: str, truth: str, right: bool) -> None:  # noqa: FBT001
    assert begins_with(answer, truth) is right


@given(st.text("abcdé ,.", min_size=1, max_size=20), st.text("xyz ,.", max_size=20))
def test_more_may_follow_the_truth(truth: str, more: str) -> None:
    assert begins_with(f"{truth}{more}!", truth)


@pytest.mark.parametrize(("answer", "letters"), [("B", ("B",)), (" B\n", ("B",)), ("b", ()), ("B.", ()), ("D", ())])
def test_a_choice_is_the_letter_itself(answer: str, letters: tuple[str, ...]) -> None:
    assert chosen(answer, ("A", "B", "C")) == letters


def scored(metric: Helm, text: str, labels: tuple[str, ...], target: str) -> tuple[bool, tuple[str, ...]]:
    task = SUITE.tasks["PARADE" if metric is LETTERS else "MELD"]
    sample = Sample(
        id="s", task=task, clip=None, label_set=labels, targets=(target,), source="s", recording="s", video_id="s"
    )
    roles: Any = SimpleNamespace(rated=lambda answer: answer)
    result = asyncio.run(metric.score(sample, Answer(text=text, model="m"), roles))
    right = passes(sample, result.score)
    assert result.score.marks(sample) == {"accuracy": int(right)}
    record = SimpleNamespace(targets=(target,), predicted=result.score.predicted)
    assert metric.remade(record, several=False) == {"accuracy": int(right)}
    assert f'the true answer is "{target}"' in result.score.explain(sample)
    return right, result.score.predicted


def test_answers_are_scored_by_the_rule_of_their_task() -> None:
    assert scored(METRIC, "Fear!", ("anger", "fear"), "fear") == (True, ("fear",))
    assert scored(METRIC, "Anger or fear", ("anger", "fear"), "fear") == (False, ("anger",))
    assert scored(METRIC, "Unanswerable, sorry", (), "unanswerable") == (True, ("unanswerable",))
    assert scored(METRIC, "Two", (), "three") == (False, ())
    assert scored(LETTERS, "C", ("A", "B", "C"), "C") == (True, ("C",))
    assert scored(LETTERS, "C. One cannot tell", ("A", "B", "C"), "C") == (False, ())
