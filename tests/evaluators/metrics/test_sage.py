"""SAGE: its points from the authors' log, the replies of a judge that plays the user, and a user by rules."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.clips.reader import ClipReader
from benchmark.data.dataset import read_samples
from benchmark.model import Message
from benchmark.models.asking import Asking, Prompter
from benchmark.models.templates import read_templates
from benchmark.storage.cache import Cache
from benchmark.suite import find_suite
from benchmark.task import Sample
from evaluators.agents import PROMPTS
from evaluators.judge.agent import RejectedReply
from evaluators.judge.judge import Judge, PromptedJudge
from evaluators.judge.rules import RulesExtractor, RulesJudge
from evaluators.measures import measures_of
from evaluators.metrics.metric import Roles
from evaluators.metrics.sage import METRIC, PARTS, changed, parse_message, parse_plan, replayed, state_of
from evaluators.metrics.sage_rules import rules_message
from evaluators.outcome import Scored
from evaluators.scorer import answer_and_score
from reports.kept.record import Record, Spent, record_of
from tests.evaluators.test_agents import Scripted

SHARED = Path(__file__).parents[4] / "shared" / "reference" / "sage"
LOG = SHARED / "gpt-4o-0806_judged_by_deepseek-v3-1227.jsonl"
needs_log = pytest.mark.skipif(not LOG.exists(), reason="the authors' profiles and log are not here")

SUITE = find_suite("sage")
TEMPLATES = {**read_templates(PROMPTS), **read_templates(SUITE.home)}
DEMO = read_samples("demo", SUITE).samples
QUIET = dict.fromkeys(PARTS[:-1], "n")


def plan(change: int | str, **parts: str) -> str:
    """A judge's reply to the first request."""
    told = {**QUIET, **parts, "Change": str(change)}
    return "\n".join(f"{name}:\n[{told[name]}]" for name in PARTS)


def said(text: str, thoughts: str = "hm") -> str:
    """A judge's reply to the second."""
    return f"Thinking:\n[{thoughts}]\nResponse:\n[{text}]"


def roles(judge: Judge, folder: Path) -> Roles:
    return Roles(extractor=RulesExtractor(), judge=judge, reader=ClipReader(Cache(folder / "cache")))


def talk_of(*points: int, changes: Sequence[int]) -> tuple[Message, ...]:
    """A dialogue of a user who has these points, by these changes."""
    users = [Message(speaker="user", text="hm", points=points[0])]
    for number, change in zip(points[1:], changes, strict=True):
        users.append(Message(speaker="user", text="hm", points=number, notes={"Change": f"{change:+d}"}))
    return tuple(one for user in users for one in (user, Message(speaker="assistant", text="ah")))[:-1]


def logged() -> list[Mapping[str, Any]]:
    return [json.loads(line) for line in LOG.read_text("utf-8").splitlines()]


def said_by(row: Mapping[str, Any]) -> str:
    """The text of a message of the log; one of them has white space and a quotation mark in front."""
    text: str = row["content"]
    return text.strip(" \n“") if row["role"] == "user" else text.strip()


def message_of(row: Mapping[str, Any]) -> Message:
    """A message of the log."""
    notes = {"Change": f"{row['planning']['change']:+d}"} if "planning" in row else {}
    return Message(speaker=row["role"], text=row["content"], points=row.get("emotion-point"), notes=notes)


def record(number: int, talk: tuple[Message, ...]) -> Record:
    marks = METRIC.remade(Record.model_construct(talk=talk), several=False)
    return Record(
        id=f"s/{number}",
        task="support",
        source="s",
        recording=f"s/{number}",
        question="?",
        label_set=(),
        targets=("x",),
        outcome="passed" if METRIC.is_right(marks) else "failed",
        scores={name: None if mark is None else float(mark) for name, mark in marks.items()},
        talk=talk,
        has_clip=False,
        usage={"model": Spent(model="m", requests=1, input_tokens=1, output_tokens=1, seconds=1.0, cost_usd=0.0)},
    )


@needs_log
def test_the_log_gives_the_published_scores_and_every_point_in_it() -> None:
    """`replayed` compares each point of a user with the one that its changes give."""
    records = [record(number, tuple(map(message_of, row["history"]))) for number, row in enumerate(logged())]
    assert [replayed(one.talk) for one in records] == [row["emo_point"] for row in logged()]
    assert [f"Emotion-{state_of(replayed(one.talk))}" for one in records] == [row["emo_state"] for row in logged()]
    measures = measures_of(SUITE)
    found = {**measures.by_name, **measures.details}
    assert {name: one.value(records) for name, one in found.items()} == {
        "score": pytest.approx(0.3175),
        "success": pytest.approx(0.07),
        "failure": pytest.approx(0.51),
    }
    printed = SUITE.read_published()["models"]["GPT-4o-0806"]["overall"]
    assert Decimal("31.75").quantize(Decimal("0.1"), ROUND_HALF_UP) == Decimal(str(100 * printed["score"]))
    assert (printed["success"], printed["failure"]) == (0.07, 0.51)


@needs_log
def test_a_judge_that_says_what_the_log_says_makes_the_same_dialogues(tmp_path: Path) -> None:
    """All 100, message by message: as many requests as the authors sent, and each dialogue ends where theirs does."""
    template = TEMPLATES["question"]
    prompter = Prompter(reader=ClipReader(Cache(tmp_path / "frames")), templates={"": template})
    samples = {sample.video_id: sample for sample in read_samples(str(SHARED), SUITE).samples}
    counts = [0, 0]
    for row in logged():
        users = [one for one in row["history"] if one["role"] == "user"][1:]
        replies = [
            reply
            for user in users
            for reply in (
                plan(user["planning"]["change"], Content=user["planning"]["content"]),
                said(user["content"], user["thinking"]),
            )
        ]
        model = Scripted([one["content"] for one in row["history"] if one["role"] == "assistant"])
        judge = Scripted(replies)
        asked = roles(PromptedJudge(judge, TEMPLATES), tmp_path)
        outcome = asyncio.run(answer_and_score(samples[row["id"]], Asking(model, prompter), asked))
        assert isinstance(outcome, Scored)
        talk = outcome.score.answer.talk
        assert [(one.speaker, one.text, one.points) for one in talk] == [
            (one["role"], said_by(one), one.get("emotion-point")) for one in row["history"]
        ]
        counts = [counts[0] + len(model.asked), counts[1] + len(judge.asked)]
        last = model.asked[-1]
        assert [turn.speaker for turn in last.turns] == ["system", *["user", "assistant"] * (len(last.turns) // 2)]
        assert not any(samples[row["id"]].part[:40] in text for text in (last.text, *(t.text for t in last.turns)))
    assert counts == [796, 1508]


@pytest.mark.parametrize(
    ("points", "change", "after", "state"),
    [
        (40, 10, 50, "B"),
        (40, 99, 50, "B"),
        (40, -11, 30, "C"),
        (65, 5, 70, "A"),
        (95, 8, 100, "S"),
        (10, -10, 0, "F"),
        (12, -3, 9, "F"),
        (12, -2, 10, "C"),
    ],
)
def test_points_move_by_ten_at_most_and_not_above_a_hundred(points: int, change: int, after: int, state: str) -> None:
    assert changed(points, change) == after
    assert state_of(after) == state


def test_a_plan_is_read_as_the_authors_read_it() -> None:
    text = (
        "**Content：**\n[wants **Activity:** calm]\n**TargetCompletion：**\n[partly]\n*Activity:*\n[hurt]\n"
        "Analyse:\n[“Change: me”]\nChange：\n[-5 to +3]\n"
    )
    assert parse_plan(text) == {
        "Content": "wants Activity: calm",
        "TargetCompletion": "partly",
        "Activity": "hurt",
        "Analyse": "“Change: me”",
        "Change": "-5",
    }
    assert parse_plan(plan("−7"))["Change"] == "-7", "a typographic minus is no plus"
    assert parse_plan(plan(10**8))["Change"] == "+100000000"


PART = st.text(st.characters(exclude_characters="*：:[] \n", exclude_categories=["Cs"]), min_size=1)


@given(st.tuples(PART, PART, PART, PART), st.integers(-99, 99))
def test_any_plan_of_the_form_is_read_whole(parts: tuple[str, str, str, str], change: int) -> None:
    told = dict(zip(PARTS, parts, strict=False))
    assert parse_plan(plan(change, **told)) == {**told, "Change": f"{change:+d}"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (plan("none"), "no whole number after `Change:`"),
        (plan(5).replace("Activity:", "Feeling:"), "must have `TargetCompletion:` and then `Activity:`"),
        ("Change: 5", "must have `Content:` and then `TargetCompletion:`"),
        ("", "must have `Content:`"),
    ],
)
def test_a_plan_without_a_part_is_rejected(text: str, why: str) -> None:
    with pytest.raises(RejectedReply, match=why):
        parse_plan(text)


def test_the_user_says_what_stands_after_the_last_response() -> None:
    assert parse_message(said("“再见。”", "in short")) == ("in short", "再见。")
    assert parse_message("Response：one\nResponse:\n two ") == ("Response：one", "two")
    for empty in ("just a text", "Thinking:\n[x]\nResponse:\n[]"):
        with pytest.raises(RejectedReply, match="no text after `Response:`"):
            parse_message(empty)


@given(st.text())
def test_no_reply_breaks_the_parsers(text: str) -> None:
    for parse in (parse_plan, parse_message):
        try:
            parse(text)
        except RejectedReply:
            continue


@pytest.mark.parametrize(
    ("points", "changes", "why"),
    [
        ((41,), [], "must begin with a user of 40 points"),
        ((40, 46), [5], "has other points than its changes give, 45"),
        ((40, 60), [20], "has other points than its changes give, 50"),
    ],
)
def test_points_that_no_dialogue_gives_are_found(points: tuple[int, ...], changes: list[int], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        replayed(talk_of(*points, changes=changes))
    with pytest.raises(ValueError, match="must begin with a user"):
        replayed(())


def test_measures_are_shares_of_users() -> None:
    ends = [((40, 50, 60, 70, 80, 90, 100), [10] * 6), ((40, 30, 20, 10, 0), [-10] * 4), ((40, 45), [5])]
    records = [record(number, talk_of(*points, changes=changes)) for number, (points, changes) in enumerate(ends)]
    lost = records[0].model_copy(update={"outcome": "error", "scores": {}})
    measures = measures_of(SUITE)
    found = {**measures.by_name, **measures.details}
    assert {name: one.value(records) for name, one in found.items()} == pytest.approx(
        {"score": 1.45 / 3, "success": 1 / 3, "failure": 1 / 3}
    )
    filled = found["score"].filled([*records, lost], right=False)
    np.testing.assert_allclose(filled, [1, 0, 0.45, 0])
    assert measures.headline.name == "score"


def test_a_user_by_rules_asks_no_model_and_is_the_same_every_time(tmp_path: Path) -> None:
    heard = "It sounds hard: nine nights! I understand."
    lines = [f"{heard} {number}" for number in range(3)] + ["Try a form.", "Try a form."]
    outcomes = []
    for _ in range(2):
        asking = Asking(
            Scripted(lines), Prompter(reader=ClipReader(Cache(tmp_path)), templates={"": TEMPLATES["question"]})
        )
        outcomes.append(asyncio.run(answer_and_score(DEMO[0], asking, roles(RulesJudge(), tmp_path))))
    first, second = outcomes
    assert isinstance(first, Scored)
    assert isinstance(second, Scored)
    users = [message for message in first.score.answer.talk if message.speaker == "user"]
    # words of the user are taken up only where it speaks of nights, then feelings alone, then neither, then the same
    assert [user.points for user in users] == [40, 50, 55, 60, 55, 45, 35, 25, 15, 5]
    assert users[1].text == "I swapped three shifts so that my colleague could see her son."
    assert record_of(first).talk == record_of(second).talk
    assert "the user ends with 5 of 100 points (40, 50, 55," in first.score.explain(DEMO[0])


@pytest.mark.parametrize("sample", DEMO, ids=lambda sample: sample.id)
def test_a_user_by_rules_tells_its_story_in_its_own_language(sample: Sample) -> None:
    talk = (METRIC.opening(sample), Message(speaker="assistant", text="x"))
    told = rules_message(sample, talk).text
    assert told in sample.part
    assert told != sample.turns[0].text
