"""Several judges: the majority, ties, failures, and what it costs."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.errors import JudgeError, RunError
from benchmark.usage import Usage
from evaluators.judge.agent import Reply
from evaluators.judge.evidence import Evidence, Question
from evaluators.judge.panel import Panel
from evaluators.judge.rating import Rating, Ratings
from evaluators.judge.steps import Steps

QUESTION = Question(subject="emotion", label_set=("joy", "anger", "fear"), several=True)
EVIDENCE = Evidence(question=QUESTION, targets=("joy", "anger"), audio_clue="loud")
STEPS = Steps(reasoning=("one", "two"), prediction="joy")
SPENT = Usage(requests=1, input_tokens=5, output_tokens=2, seconds=0.0, cost_usd=0.5)


@dataclass(frozen=True)
class Fixed:
    """A judge of fixed ratings, the last one for the last step; an error is raised."""

    said: Sequence[Fraction] | Exception
    name: str = "fixed"
    identity: str = "fixed/1"
    sees: bool = False

    async def rate(self, steps: Steps, evidence: Evidence) -> Reply[Ratings]:
        if isinstance(self.said, Exception):
            raise self.said
        *reasoning, last = (Rating(value=value, reason=f"{self.name} says {value}") for value in self.said)
        ratings = Ratings(reasoning=tuple(reasoning), recognition=last)
        return Reply(
            value=ratings,
            model=f"{self.name}-2026",
            usage=SPENT,
            rejected=(f"{self.name}?",),
            left_out=("seed", f"{self.name}'s"),
        )


def rated(*judges: Fixed) -> Reply[Ratings]:
    return asyncio.run(Panel(judges).rate(STEPS, EVIDENCE))


def fractions(*values: float) -> list[Fraction]:
    return [Fraction(value) for value in values]


def test_each_step_gets_what_most_say_with_their_reason_and_all_votes() -> None:
    reply = rated(Fixed(fractions(1, 0, 0.5), "a"), Fixed(fractions(0, 0, 1), "b"), Fixed(fractions(0, 1, 0.5), "c"))
    first, second = reply.value.reasoning

    assert (first.value, second.value, reply.value.recognition.value) == tuple(fractions(0, 0, 0.5))
    assert (first.reason, reply.value.recognition.reason) == ("b says 0", "a says 1/2")
    assert first.votes == tuple(zip("abc", fractions(1, 0, 0), strict=True))
    assert reply.usage == SPENT + SPENT + SPENT
    assert (reply.model, reply.rejected) == ("a-2026 + b-2026 + c-2026", ("a?", "b?", "c?"))
    assert reply.left_out == ("seed", "a's", "b's", "c's"), "each once"


def test_the_first_judge_breaks_ties() -> None:
    assert rated(Fixed(fractions(1, 0, 1), "a"), Fixed(fractions(0, 1, 0), "b")).value.reasoning[0].value == 1
    assert rated(Fixed(fractions(0, 0, 1), "b"), Fixed(fractions(1, 1, 0), "a")).value.reasoning[0].value == 0


@given(st.lists(st.sampled_from(fractions(0, 0.5, 1)), min_size=1, max_size=7))
def test_no_rating_has_more_votes_than_the_one_that_counts(votes: list[Fraction]) -> None:
    reply = rated(*(Fixed([vote] * 3, f"judge {number}") for number, vote in enumerate(votes)))
    value = reply.value.recognition.value

    assert votes.count(value) == max(votes.count(vote) for vote in votes)
    assert [vote for _, vote in reply.value.recognition.votes] == votes


def test_where_one_gives_up_the_panel_does_and_its_spending_is_known() -> None:
    with pytest.raises(JudgeError, match="no more") as caught:
        rated(Fixed(fractions(1, 1, 1)), Fixed(JudgeError("no more", ("hm",), SPENT)), Fixed(fractions(1, 1, 1)))
    assert caught.value.usage == SPENT + SPENT + SPENT
    assert caught.value.replies == ("hm",)


def test_what_ends_the_run_is_told_before_what_ends_a_sample() -> None:
    with pytest.raises(RunError, match="disk"):
        rated(Fixed(JudgeError("no more")), Fixed(RunError("disk")))


def test_a_bug_in_one_judge_is_told_as_it_is_before_all_else() -> None:
    for other in (JudgeError("no more"), RunError("disk"), fractions(1, 1, 1)):
        with pytest.raises(ZeroDivisionError, match=r"^a bug$"):
            rated(Fixed(other, "a"), Fixed(ZeroDivisionError("a bug"), "b"))


def test_no_model_fills_two_seats_under_whatever_names() -> None:
    with pytest.raises(RunError, match=r"same model: a-2026 answered for a and for a\. Name judges that are differ"):
        rated(Fixed(fractions(1, 1, 1), "a"), Fixed(fractions(1, 1, 0), "b"), Fixed(fractions(1, 1, 0), "a"))


def test_sight_is_shared_and_all_are_named() -> None:
    panel = Panel((Fixed(fractions(1, 1, 1), "a"), Fixed(fractions(1, 1, 0), "b", "other", sees=True)))

    assert [name for name, _ in asyncio.run(panel.rate(STEPS, EVIDENCE)).value.recognition.votes] == ["a", "b"]
    assert (panel.name, panel.sees) == ("a + b", True)
    assert panel.identity == "fixed/1\n\nother"
    assert not Panel((Fixed(fractions(1, 1, 1)),)).sees
