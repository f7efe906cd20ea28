"""How many long answers are scored at a time."""

import asyncio

import pytest

from benchmark.model import Answer
from evaluators.room import SHARE_BYTES, SHARES, ScoringRoom


def most_at_once(letters: int, count: int) -> int:
    """Of answers that are begun at once, the last of which is given up."""
    room, now, most = ScoringRoom(), 0, 0
    answer = Answer(model="m", text="a" * (letters // 2), thoughts="a" * (letters // 2))

    async def score() -> None:
        nonlocal now, most
        async with room.take(answer):
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1

    async def score_all() -> None:
        tasks = [asyncio.create_task(score()) for _ in range(count)]
        await asyncio.sleep(0)
        tasks[-1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with room.take(Answer(model="m", text="a" * SHARES * SHARE_BYTES)):
            """All room is free again."""

    asyncio.run(score_all())
    return most


@pytest.mark.parametrize(
    ("letters", "count", "most"),
    [(1000, 300, 300), (SHARE_BYTES, 300, SHARES), (2 * SHARES * SHARE_BYTES, 3, 1)],
    ids=["usual", "long", "longer than all room"],
)
def test_long_answers_wait_for_room(letters: int, count: int, most: int) -> None:
    assert most_at_once(letters, count) == most
