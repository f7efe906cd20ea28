"""Limits how many long answers are scored at a time: agents, prompts and requests hold many copies of each."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from benchmark.model import Answer

SHARE_BYTES = 2**18
"""The memory of one share; smaller answers take none."""

SHARES = 128
"""How many shares there are."""


class ScoringRoom:
    """Lets answers be scored at a time as long as there are shares of memory; usual answers never wait."""

    def __init__(self) -> None:
        """All shares are free."""
        self._free, self._line = asyncio.Semaphore(SHARES), asyncio.Lock()

    @asynccontextmanager
    async def take(self, answer: Answer) -> AsyncIterator[None]:
        """Takes shares for an answer, and returns them at exit; first come, first served, so that all get a turn."""
        wanted = min(SHARES, sum(map(sys.getsizeof, (answer.text, answer.thoughts or ""))) // SHARE_BYTES)
        async with AsyncExitStack() as taken:
            if wanted:
                async with self._line:
                    for _ in range(wanted):
                        await taken.enter_async_context(self._free)
            yield
