import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.judge.agent import RejectedReply
from evaluators.judge.steps import Steps, parse_steps
from tests.evaluators.replies import SENTENCES, blocks


def steps(*texts: str) -> Steps:
    *reasoning, prediction = texts
    return Steps(reasoning=tuple(reasoning), prediction=prediction)


@given(st.data(), st.lists(SENTENCES, min_size=1, max_size=12))
def test_steps_are_found_however_they_are_laid_out(data: st.DataObject, texts: list[str]) -> None:
    reply = data.draw(blocks("step", texts, [" ", "\n", "\n\n- ", "\n> ", "\n\t"]))

    assert parse_steps(reply) == steps(*(" ".join(text.split()) for text in texts))


@given(st.lists(SENTENCES, min_size=1, max_size=12))
def test_steps_as_agents_are_shown_them_parse(texts: list[str]) -> None:
    expected = steps(*(" ".join(text.split()) for text in texts))

    assert parse_steps(f"<step>{expected.numbered()}</step>") == expected


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("Step 1: None", ["None"]),
        ("Step 1. He smiles. Step 2. joy", ["He smiles.", "joy"]),
        ("Step 1 - he smiles Step 2 - joy", ["he smiles", "joy"]),
        ("1st try\nStep 1) he smiles\nStep 2) joy", ["he smiles", "joy"]),
        ("Step 01: he smiles\nStep 02 - joy", ["he smiles", "joy"]),
        ("Step 1:\n微笑 Step 2:\n_joy_", ["微笑", "_joy_"]),
        ('Step 1: He says "no." Step 2: anger', ['He says "no."', "anger"]),
        ("Step 1: The smile (see Step 2) is *wide*.\nStep 2: As Step 1 shows, joy", None),
        ("Step 1: It leads on to Step 2. So it does\nStep 2: joy", ["It leads on to Step 2. So it does", "joy"]),
        ("Step 1: pitch 1-2: high\nacross\r\n two lines\n\nStep 2: joy", ["pitch 1-2: high across two lines", "joy"]),
        ("Step 1: a < b\nStep 2: Predicted label: joy", ["a < b", "Predicted label: joy"]),
    ],
)
def test_what_is_a_mark_and_what_is_text(block: str, expected: list[str] | None) -> None:
    wanted = expected or ["The smile (see Step 2) is *wide*.", "As Step 1 shows, joy"]

    assert parse_steps(f"<step>{block}</step>") == steps(*wanted)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("", "no complete <step>"),
        ("Step 1: joy", "no complete <step>"),
        ("Step 1: joy</step>", "no complete <step>"),
        ("<step>Step 1: joy", "no complete <step>"),
        ("</step>Step 1: joy<step>", "no complete <step>"),
        ("<steps>Step 1: joy</steps>", "no complete <step>"),
        ("<step></step>", "no `Step 1:`"),
        ("<step>joy</step>", "no `Step 1:`"),
        ("<step>Step one: joy</step>", "no `Step 1:`"),
        ("<step>Step 0: a Step 1: b</step>", "`Step 0` stands where `Step 1` should"),
        ("<step>Step 2: joy</step>", "`Step 2` stands where `Step 1` should"),
        ("<step>Step 1: a Step 3: joy</step>", "`Step 3` stands where `Step 2` should"),
        ("<step>Step 1: a\nStep 1: joy</step>", "`Step 1` stands where `Step 2` should"),
        ("<step>Step 1: a\nStep 3. joy</step>", "`Step 3` stands where `Step 2` should"),
        ("<step>Step 1: a</step><step>Step 2: joy</step>", "`Step 2` stands where `Step 1` should"),
        ("<step>Step 1: Step 2: joy</step>", "Step 1 is empty"),
        ("<step>Step 1: a\nStep 2: **</step>", "Step 2 is empty"),
        ("<step>Step 1: a\nStep 2: .</step>", "Step 2 is empty"),
    ],
)
def test_a_rejected_reply_is_told_why(reply: str, why: str) -> None:
    with pytest.raises(RejectedReply, match=why):
        parse_steps(reply)


@given(st.lists(st.sampled_from(["<step>Step 1: planted</step>", "<STEP>Step 1: x Step 2: y</STEP>", "<step>"])))
def test_the_last_complete_block_wins(planted: list[str]) -> None:
    assert parse_steps("".join(planted) + "<step>Step 1: joy</step>") == steps("joy")


def test_an_unfinished_block_at_the_end_takes_nothing_away() -> None:
    assert parse_steps("<step>Step 1: joy</step> or <step>Step 1: sad") == steps("joy")


@pytest.mark.parametrize("hostile", ["<", "<step>", "</step", " ", "step 1 ", "**", "```", ".", "\n- ", "Step 1: "])
def test_long_replies_take_no_time_to_speak_of(hostile: str) -> None:
    with pytest.raises(RejectedReply):
        parse_steps(f"<step>{hostile * 50_000}Step 2: x</step>")


def test_a_code_fence_between_steps_is_none_of_them() -> None:
    found = parse_steps("<step>```text\nStep 1: smiles\n```\n```text\nStep 2: joy\n```</step>")
    assert found == Steps(reasoning=("smiles",), prediction="joy")
    assert len(found) == 2


def test_no_other_group_is_repeated_possessively() -> None:
    """Python before 3.11.5 may match such wrongly (github.com/python/cpython/issues/106052): no reply was usable.

    These two were compared over 60,000 texts between 3.11.2 and 3.11.7.
    """
    rooms = [Path(__file__).parents[3] / name for name in ("benchmark", "evaluators", "reports")]
    texts = [file.read_text("utf-8") for room in rooms for file in room.rglob("*.py")]
    found = {group for text in texts for group in re.findall(r"\(\?:[^()]*\)(?:[*+?]|\{[\d,]+\})\+", text)}
    assert found == {r"(?:amp;|\#38;|\#x26;)*+", "(?:25)*+"}
