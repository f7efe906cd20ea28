"""Room in memory for long answers: agents, prompts and requests hold each of them many times over."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmark.model import Answer

SHARE_BYTES = 2**18
"""What is smaller in memory takes no room."""

SHARES = 128


class ScoringRoom:
    """Lets as many answers be scored at a time as there is memory for; usual ones never wait."""

    def __init__(self) -> None:
        """All of it is free."""
        self._free, self._line = asyncio.Semaphore(SHARES), asyncio.Lock()

    @asynccontextmanager
    async def take(self, answer: Answer) -> AsyncIterator[None]:
        """Room for an answer; who comes first is served first, so that the longest is not passed over for ever."""
        wanted = min(SHARES, sum(map(sys.getsizeof, (answer.text, answer.thoughts or ""))) // SHARE_BYTES)
        taken = 0
        try:
            if wanted:
                async with self._line:
                    while taken < wanted:
                        await self._free.acquire()
                        taken += 1
            yield
        finally:
            for _ in range(taken):
                self._free.release()
