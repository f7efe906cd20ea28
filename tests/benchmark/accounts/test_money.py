import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.accounts.money import Budget, input_usage, most_output
from benchmark.clip import Frame, Sound
from benchmark.errors import RunError
from benchmark.prompt import Prompt
from benchmark.task import Turn

FRAME = Frame(jpeg=b"", seconds=0)
SECOND = Sound(samples=np.zeros(16_000, np.float32), rate=16_000)


@pytest.mark.parametrize(
    ("prompt", "low", "high"),
    [
        (Prompt(text="x" * 100), 20, 40),
        (Prompt(text="", frames=(FRAME,) * 10), 850, 8000),
        (Prompt(text="", sound=SECOND), 10, 40),
        (Prompt(text="", sound=replace(SECOND, rate=8_000)), 20, 80),
        (Prompt(text="", video=b"clip"), 500, 6000),
        (Prompt(text="x" * 100, frames=(FRAME,)), 105, 840),
        (Prompt(text="x" * 50, turns=(Turn("user", "y" * 30), Turn("assistant", "z" * 20))), 20, 40),
    ],
)
def test_tokens_of_a_prompt_lie_between(prompt: Prompt, low: int, high: int) -> None:
    least, most = input_usage(prompt)

    assert (least.input_tokens, most.input_tokens) == (low, high)
    assert (least.audio_tokens, most.audio_tokens) == ((low, high) if prompt.sound else (0, 0))


def test_a_request_takes_what_its_parameters_allow() -> None:
    assert most_output({"max_tokens": 7}) == 7
    assert most_output({"max_completion_tokens": 9, "max_tokens": 7}) == 9
    assert most_output({"max_tokens": None}) == 4096


@given(
    st.floats(0.1, 5),
    st.lists(st.tuples(st.floats(0.001, 1), st.floats(0, 1)), max_size=40),
    st.integers(1, 8),
)
def test_it_is_never_passed_however_many_ask_at_once(
    most: float, requests: list[tuple[float, float]], processes: int
) -> None:
    budgets = [Budget(most)] * processes

    async def ask(number: int, guess: float, share: float) -> float:
        budget = budgets[number % processes]
        try:
            await budget.set_aside(guess)
        except RunError:
            return 0
        await asyncio.sleep(0)
        budget.settle(guess, guess * share)
        return guess * share

    async def ask_all() -> list[float]:
        return await asyncio.gather(*(ask(number, *request) for number, request in enumerate(requests)))

    spent = sum(asyncio.run(ask_all()))
    assert spent <= most + 1e-9
    assert budgets[0].spent == pytest.approx(spent)


def test_processes_share_the_books(tmp_path: Path) -> None:
    one, other = Budget(1.0, tmp_path / "books"), Budget(1.0, tmp_path / "books", stale_seconds=0.1)
    asyncio.run(one.set_aside(0.6))
    with pytest.raises(RunError, match=r"--max-cost=1 would be exceeded: 0\.00 USD are spent"):
        asyncio.run(other.set_aside(0.6))
    one.settle(0.6, 0.3)
    asyncio.run(other.set_aside(0.6))
    assert other.spent == 0.3


def test_what_another_process_has_set_aside_is_waited_for(tmp_path: Path) -> None:
    one, other = Budget(1.0, tmp_path / "books"), Budget(1.0, tmp_path / "books")

    async def ask() -> None:
        await other.set_aside(0.05)  # and has nothing under way any more, whose end could wake it
        other.settle(0.05, 0.0)
        await one.set_aside(0.9)
        waiting = asyncio.create_task(other.set_aside(0.5))
        await asyncio.sleep(0)
        assert not waiting.done()
        one.settle(0.9, 0.1)
        await asyncio.wait_for(waiting, timeout=5)

    asyncio.run(ask())
    assert other.spent == 0.1


def test_the_whole_sum_may_be_spent_and_not_a_thousandth_more() -> None:
    budget = Budget(1.0)
    asyncio.run(budget.set_aside(1.0))
    budget.settle(1.0, 1.0)
    asyncio.run(budget.set_aside(0.0))
    with pytest.raises(
        RunError, match=r"1\.00 USD are spent, 0\.00 are reserved, and the next request may cost 0\.001"
    ):
        asyncio.run(budget.set_aside(0.001))


def test_what_can_not_fit_is_refused_at_once_whatever_is_under_way() -> None:
    budget = Budget(1.0)
    asyncio.run(budget.set_aside(0.6))
    budget.settle(0.6, 0.6)
    asyncio.run(budget.set_aside(0.3))
    with pytest.raises(RunError, match=r"0\.60 USD are spent, 0\.30 are reserved"):
        asyncio.run(asyncio.wait_for(budget.set_aside(0.5), timeout=5))


def test_what_turns_out_cheaper_makes_room() -> None:
    budget = Budget(1.0)

    async def ask() -> None:
        await budget.set_aside(0.9)
        waiting = asyncio.create_task(budget.set_aside(0.5))
        await asyncio.sleep(0)
        assert not waiting.done()
        budget.settle(0.9, 0.1)
        await waiting

    asyncio.run(ask())


def test_another_loop_shares_the_sum_and_waits_for_nobody_of_this_one() -> None:
    budget = Budget(1.0, stale_seconds=0.1)
    asyncio.run(budget.set_aside(0.6))
    with pytest.raises(RunError, match=r"--max-cost=1 would be exceeded"):
        asyncio.run(asyncio.wait_for(budget.elsewhere().set_aside(0.6), timeout=5))
    with ThreadPoolExecutor(1) as elsewhere:  # where that loop is
        elsewhere.submit(asyncio.run, budget.elsewhere().set_aside(0.4)).result()
