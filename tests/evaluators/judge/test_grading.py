"""Points for whole answers: which replies are taken, and what a panel makes of them."""

import asyncio
from dataclasses import dataclass, replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.errors import JudgeError, RunError
from evaluators.judge.agent import RejectedReply, Reply
from evaluators.judge.grading import Grades, Grading, parse_grades
from evaluators.judge.panel import Panel
from tests.evaluators.judge.test_panel import SPENT, Fixed

GRADING = Grading(prompt="p", texts={}, dimensions=("logic", "multimodal"), most=5)


@pytest.mark.parametrize(
    ("block", "points"),
    [
        ("logic: 4/5, multimodal: 3/5", (4, 3)),
        ("Logic: 0\n**Multimodal:** 5", (0, 5)),
        ("multimodal = 1/5; logic = 2 / 5", (2, 1)),
    ],
)
def test_points_are_read(block: str, points: tuple[int, int]) -> None:
    found = parse_grades(f"<score>logic: 1/5</score> Good.\n<score>{block}</score>", GRADING)
    assert tuple(map(int, found.values())) == points


@pytest.mark.parametrize(
    "block",
    [
        "logic: 4/5",
        "logic: 6/5, multimodal: 3/5",
        "logic: 4/10, multimodal: 3/5",
        "logic: 4.5, multimodal: 3",
        "logic: four, multimodal: 3",
        "logic: 4, logic: 3, multimodal: 3",
        "logic: -1, multimodal: 3",
        "illogic: 4, multimodal: 3",
    ],
)
def test_other_replies_are_rejected(block: str) -> None:
    with pytest.raises(RejectedReply, match=r"must name (logic|multimodal) once, with a whole number from 0 to 5"):
        parse_grades(f"<score>{block}</score>", GRADING)


@given(st.text(max_size=60) | st.text("<score>/logic:multidan0159 ", max_size=60))
def test_any_text_is_points_or_rejected(text: str) -> None:
    try:
        found = parse_grades(f"<score>{text}</score>", GRADING)
    except RejectedReply:
        return
    assert all(0 <= points <= 5 for points in found.values())


@dataclass(frozen=True)
class Generous(Fixed):
    """A judge of fixed points."""

    points: tuple[int, int] = (0, 0)
    model: str | None = None

    async def grade(self, grading: Grading) -> Reply[Grades]:
        points = dict(zip(grading.dimensions, map(Fraction, self.points), strict=True))
        return Reply(value=points, model=self.model or f"{self.name}-2026", usage=SPENT)


def test_a_panels_points_are_the_mean() -> None:
    one, two = Generous(said=(), points=(4, 3), name="one"), Generous(said=(), points=(5, 1), name="two")
    reply = asyncio.run(Panel((one, two)).grade(GRADING))
    assert reply.value == {"logic": Fraction(9, 2), "multimodal": Fraction(2)}
    assert (reply.model, reply.usage) == ("one-2026 + two-2026", SPENT + SPENT)
    with pytest.raises(RunError, match="are the same model"):
        asyncio.run(Panel((one, replace(two, model="one-2026"))).grade(GRADING))
    with pytest.raises(JudgeError, match="A judge of the panel cannot grade"):
        asyncio.run(Panel((one, Fixed(said=(), name="three"))).grade(GRADING))
