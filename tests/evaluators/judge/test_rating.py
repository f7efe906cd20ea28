from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.judge.agent import RejectedReply
from evaluators.judge.rating import Rating, Ratings, parse_ratings
from tests.evaluators.replies import SENTENCES, blocks

BETWEEN = [", ", " ", ";\n", "\n", ",\n- ", ".\n\n", "; ", "\uff0c"]
WRITTEN = {0: ["0", "0/1", "0 / 1"], 1: ["1", "1/1", "1 /1"]}


def ratings(*values: Fraction | int) -> Ratings:
    *reasoning, recognition = (Rating(value=Fraction(value)) for value in values)
    return Ratings(reasoning=tuple(reasoning), recognition=recognition)


@given(st.data(), st.lists(st.sampled_from([0, 1]), max_size=11), st.integers(1, 5))
def test_ratings_are_found_however_they_are_laid_out(data: st.DataObject, values: list[int], labels: int) -> None:
    named = data.draw(st.integers(0, labels))
    texts = [data.draw(st.sampled_from(WRITTEN[value])) for value in values] + [f"{named}/{labels}"]
    reply = data.draw(blocks("score", texts, BETWEEN))

    assert parse_ratings(reply, steps=len(texts), labels=labels) == ratings(*values, Fraction(named, labels))


@pytest.mark.parametrize(
    ("written", "labels", "value"),
    [("0", 1, 0), ("1", 1, 1), ("1/1", 1, 1), ("0", 3, 0), ("0/3", 3, 0), ("3/3", 3, 1), ("2/4.", 4, Fraction(1, 2))],
)
def test_the_last_rating(written: str, labels: int, value: Fraction | int) -> None:
    assert parse_ratings(f"<score>Step 1: {written}</score>", steps=1, labels=labels) == ratings(value)


NOT_RATINGS = [
    "-1/1",
    "0.5",
    "1.0",
    ".5",
    "5/1",
    "1/0",
    "0/0",
    "1/2",
    "2",
    "nan",
    "1/1/1",
    "1/1 1/1",
    "01/1",
    "1/",
    "/1",
]
WORDS = ["yes", "1/1 (clear)", "1/1 Total: 2/2", "one", "1/1 <b>", "100%"]


@pytest.mark.parametrize("written", [*NOT_RATINGS, *WORDS])
def test_a_step_is_rated_0_or_1_and_nothing_else(written: str) -> None:
    with pytest.raises(RejectedReply, match="Step 2 must be rated 0/1 or 1/1, with nothing else"):
        parse_ratings(f"<score>Step 1: 1/1, Step 2: {written}, Step 3: 1/1</score>", steps=3, labels=1)
    with pytest.raises(RejectedReply, match="Step 2 must be rated 0/1 or 1/1"):
        parse_ratings(f"<score>Step 1: 1/1, Step 2: {written}</score>", steps=2, labels=1)


@pytest.mark.parametrize("written", ["1", "3", "1/1", "1/2", "4/3", "3/2", "2/6", "-1/3", "1.5/3", "1/0", "2/3 or 3/3"])
def test_the_last_rating_counts_the_labels_or_is_rejected(written: str) -> None:
    with pytest.raises(RejectedReply, match="Step 2 must be rated 0/3 or 1/3 or 2/3 or 3/3"):
        parse_ratings(f"<score>Step 1: 1/1, Step 2: {written}</score>", steps=2, labels=3)


@pytest.mark.parametrize("labels", [2, 3, 5])
def test_a_bare_1_says_not_of_how_many_labels(labels: int) -> None:
    with pytest.raises(RejectedReply, match=f"Step 1 must be rated 0/{labels} or 1/{labels} or"):
        parse_ratings("<score>Step 1: 1</score>", steps=1, labels=labels)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("", "no complete <score>"),
        ("Step 1: 1/1, Step 2: 1/1", "no complete <score>"),
        ("<score>Step 1: 1/1, Step 2: 1/1", "no complete <score>"),
        ("<step>Step 1: 1/1, Step 2: 1/1</step>", "no complete <score>"),
        ("<score>1/1, 1/1</score>", "no `Step 1:`"),
        ("<score>Step 1: 1/1</score>", "rates is 1; the number of steps is 2"),
        ("<score>Step 1: 1/1, Step 2: 1/1, Step 3: 1/1</score>", "rates is 3; the number of steps is 2"),
        ("<score>Step 2: 1/1, Step 3: 1/1</score>", "`Step 2` stands where `Step 1` should"),
        ("<score>Step 1: 1/1, Step 1: 1/1</score>", "`Step 1` stands where `Step 2` should"),
        ("<score>Step 2: 1/1, Step 1: 1/1</score>", "`Step 2` stands where `Step 1` should"),
        ("<score>Step 1: , Step 2: 1/1</score>", "Step 1 is empty"),
        ("<score>Step 1: 1/1, Step 2: 1/1</score><score>Step 1: 1/1</score>", "rates is 1"),
    ],
)
def test_a_rejected_reply_is_told_why(reply: str, why: str) -> None:
    with pytest.raises(RejectedReply, match=why):
        parse_ratings(reply, steps=2, labels=1)


@given(st.lists(st.sampled_from([0, 1]), min_size=1), st.integers(1, 9))
def test_any_other_number_of_steps_is_rejected(values: list[int], steps: int) -> None:
    reply = "<score>" + ", ".join(f"Step {number}: {value}/1" for number, value in enumerate(values, 1)) + "</score>"

    if steps == len(values):
        assert parse_ratings(reply, steps=steps, labels=1) == ratings(*values)
    else:
        with pytest.raises(RejectedReply):
            parse_ratings(reply, steps=steps, labels=1)


@given(
    st.lists(st.sampled_from(["<score>Step 1: 1/1</score>", "<Score>Step 1: 1", "<score>", "</score>", " so ", "<"]))
)
def test_an_earlier_block_never_wins(planted: list[str]) -> None:
    reply = "".join(planted) + "<score>Step 1: 0/1</score>"

    assert parse_ratings(reply, steps=1, labels=1) == ratings(0)


@given(st.data(), st.lists(SENTENCES, min_size=2, max_size=4))
def test_reasons_stand_by_their_ratings(data: st.DataObject, reasons: list[str]) -> None:
    reply = data.draw(blocks("reason", reasons, ["\n", " ", "\n- "]))
    found = parse_ratings(f"{reply}<score>Step 1: 1/1 Step 2: 0/1 Step 3: 1/2</score>", steps=3, labels=2)

    expected = [" ".join(reason.split()) for reason in reasons] + [None] * 3
    assert [rating.reason for rating in (*found.reasoning, found.recognition)] == expected[:3]


@pytest.mark.parametrize(
    "reason",
    [
        "<reason></reason>",
        "<reason>Step 2: wrong number</reason>",
        "<reason>Step 1: ok Step 2:</reason>",
        "<reason>Step 1: never closed",
        "Step 1: without a block",
    ],
)
def test_ratings_stand_without_sound_reasons(reason: str) -> None:
    reply = "<score>Step 1: 1/1, Step 2: 0/1</score>"

    assert parse_ratings(reason + reply, steps=2, labels=1) == ratings(1, 0)
    assert parse_ratings(reply + reason, steps=2, labels=1) == ratings(1, 0)
