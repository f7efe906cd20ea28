"""Thoughts and answer in one text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.model import Answer
from benchmark.thoughts import split_thoughts

MARKS = ("<think>", "</think>", "<THINK>", "</ think >", "[THINK]", "[/THINK]", "<seed:think>", "◁think▷", "◁/think▷")


@pytest.mark.parametrize(
    ("text", "thoughts", "answer"),
    [
        ("anger", None, "anger"),
        ("  anger\n", None, "  anger\n"),
        ("<think>The brows are drawn.</think>anger", "The brows are drawn.", "anger"),
        (
            "<THINK><PLANNING>a</PLANNING></THINK><RESPONSE>b</RESPONSE>",
            "<PLANNING>a</PLANNING>",
            "<RESPONSE>b</RESPONSE>",
        ),
        ("The brows are drawn.</think>\n\nanger", "The brows are drawn.", "anger"),
        ("<think>First guess: ang", "First guess: ang", ""),
        ("<think>a</think>joy<think>b</think>no, anger", "a\n\nb", "joy\n\nno, anger"),
        ("<think>\n\n</think>\n\nanger", "", "anger"),
        ("[THINK]loud[/THINK]anger", "loud", "anger"),
        ("◁think▷loud◁/think▷anger", "loud", "anger"),
        ("<seed:think>loud</seed:think>anger", "loud", "anger"),
        ("<think>a<reasoning>b</reasoning>c</think>joy", "a<reasoning>b</reasoning>c", "joy"),
        ("<reasoning>loud</reasoning>anger", "loud", "anger"),
        ("<|begin_of_thought|>loud<|end_of_thought|>anger", "loud", "anger"),
        (
            "<|channel|>analysis<|message|>loud<|end|><|start|>assistant<|channel|>final<|message|>anger",
            "loud",
            "anger",
        ),
        ("<|channel|>analysis<|message|>lou", "lou", ""),
        ("I think > 2 people <thinker> speak", None, "I think > 2 people <thinker> speak"),
    ],
)
def test_thoughts_are_told_from_the_answer(text: str, thoughts: str | None, answer: str) -> None:
    assert split_thoughts(text) == (thoughts, answer)


@given(st.lists(st.sampled_from(["a b", "\n", "<", *MARKS]), max_size=12).map("".join))
def test_no_mark_and_no_word_is_left_where_it_does_not_belong(text: str) -> None:
    thoughts, answer = split_thoughts(text)

    assert split_thoughts(answer)[1] == answer
    assert ((thoughts or "") + answer).count("a b") == text.count("a b")


@pytest.mark.parametrize("beside", ["The brows are drawn.", "  The brows are drawn.\n"])
@pytest.mark.parametrize("marked", ["", "<think>The brows are drawn.</think>"])
def test_an_answer_is_the_same_wherever_its_thoughts_stand(beside: str, marked: str) -> None:
    answer = Answer(text=f"{marked}anger", model="m", thoughts=beside)

    assert (answer.thoughts, answer.text) == ("The brows are drawn.", "anger")
    assert answer.reasoned == "The brows are drawn.\n\nanger"


def test_an_answer_without_thoughts_has_none() -> None:
    answer = Answer(text="<think> </think> anger", model="m")

    assert (answer.thoughts, answer.reasoned) == (None, "anger")
