"""What requests may cost before they are sent, and the limit on their total cost."""

import asyncio
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import copy
from pathlib import Path
from typing import Any

from benchmark.clip import as_frames
from benchmark.errors import Halted, NotKept
from benchmark.prompt import Prompt
from benchmark.usage import Usage

Span = tuple[float, float]
"""The least and the most plausible value."""

CHARACTERS_A_TOKEN: Span = (2.5, 5.0)
TOKENS_A_PICTURE: Span = (85, 800)
"""From OpenAI's low detail to four of its tiles (765); Gemini counts 258, Qwen-VL about 400 at 768 pixels."""

TOKENS_A_SECOND_OF_SOUND: Span = (10, 40)
"""GPT-4o counts 10, Qwen2-Audio 25, Gemini 32."""

TOKENS_A_CLIP: Span = (500, 6000)
USUAL_OUTPUT = 4096
"""Output tokens of a request whose parameters set no limit."""

LOOK_SECONDS, STALE_SECONDS = 0.2, 30.0
"""How often payments of other processes are looked up, and for how long: a dead process settles nothing."""

NOTHING = 1e-9
"""USD: rounding error of sums."""

KNOWN_AFTER = 20
MARGIN = 1.5
"""After `KNOWN_AFTER` replies, a request is taken to cost at most `MARGIN` times the most expensive of them."""


def input_usage(prompt: Prompt) -> tuple[Usage, Usage]:
    """The least and the most tokens of a prompt, including those of its sound."""
    seconds = len(prompt.sound.samples) / prompt.sound.rate if prompt.sound else 0.0
    pictures, clips = len(as_frames(prompt.frames)), int(prompt.video is not None)
    low, high = (
        Usage(
            input_tokens=round(
                (len(prompt.text) + sum(len(turn.text) for turn in prompt.turns)) / CHARACTERS_A_TOKEN[1 - end]
                + pictures * TOKENS_A_PICTURE[end]
                + seconds * TOKENS_A_SECOND_OF_SOUND[end]
                + clips * TOKENS_A_CLIP[end]
            ),
            audio_tokens=round(seconds * TOKENS_A_SECOND_OF_SOUND[end]),
        )
        for end in (0, 1)
    )
    return low, high


def most_output(parameters: Mapping[str, Any]) -> int:
    """The most output tokens of a request with these parameters."""
    limits = [parameters.get(name) for name in ("max_completion_tokens", "max_tokens")]
    return max((int(limit) for limit in limits if isinstance(limit, int | float)), default=USUAL_OUTPUT)


class Budget:
    """A limit on the cost of all processes of a run: what a request may cost is reserved before it is sent."""

    def __init__(self, most: float, file: Path | None = None, stale_seconds: float = STALE_SECONDS) -> None:
        """Allows `most` USD; processes that name the same file share the limit.

        Amounts that others have reserved are waited for as long as one is settled within `stale_seconds`.
        """
        self.most, self._stale_seconds = most, stale_seconds
        with _recording():
            self._books = sqlite3.connect(file or ":memory:", timeout=60, isolation_level=None, check_same_thread=False)
            self._books.execute("PRAGMA synchronous=OFF")  # of no use after the run
            self._books.execute("CREATE TABLE IF NOT EXISTS books (row PRIMARY KEY, aside REAL, spent REAL)")
            self._books.execute("INSERT OR IGNORE INTO books VALUES (1, 0, 0)")
        self._pending = 0
        self._settled = asyncio.Event()

    def elsewhere(self) -> "Budget":
        """The same limit for another event loop: a waiter in one loop cannot be woken from another."""
        other = copy(self)
        other._pending, other._settled = 0, asyncio.Event()
        return other

    @property
    def spent(self) -> float:
        """Cost of the replies so far, in USD."""
        return self._state()[1]

    async def set_aside(self, amount: float) -> None:
        """Reserves what a request may cost; waits while requests in flight may turn out cheaper.

        Raises:
            Halted: it is more than is left.
        """
        seen, since = self._state(), time.monotonic()
        while not self._take(amount):
            aside, spent = self._state()
            if (aside, spent) != seen:
                seen, since = (aside, spent), time.monotonic()
            if amount + spent > self.most or aside < NOTHING or time.monotonic() - since > self._stale_seconds:
                raise Halted(
                    f"--max-cost={self.most:g} would be exceeded: {spent:.2f} USD are spent, {aside:.2f} are reserved,"
                    f" and the next request may cost {amount:.3f}. Answers so far are kept; to continue, run the same"
                    " command with a higher limit."
                )
            await self._change()
        self._pending += 1

    async def _change(self) -> None:
        """Waits for a request of this process to be settled; those of other processes are polled."""
        self._settled.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(None if self._pending else LOOK_SECONDS):
                await self._settled.wait()

    def _state(self) -> tuple[float, float]:
        """USD that all processes have reserved, and USD that replies have cost."""
        with _recording():
            aside, spent = self._books.execute("SELECT aside, spent FROM books").fetchone()
        return float(aside), float(spent)

    def settle(self, amount: float, cost: float) -> None:
        """Releases the reserved amount and records the cost."""
        with _recording():
            self._books.execute("UPDATE books SET aside = aside - ?, spent = spent + ?", (amount, cost))
        self._pending -= 1
        self._settled.set()

    def _take(self, amount: float) -> bool:
        with _recording():
            taken = self._books.execute(
                "UPDATE books SET aside = aside + ? WHERE aside + spent + ? <= ?", (amount, amount, self.most)
            )
        return taken.rowcount == 1


@contextmanager
def _recording() -> Iterator[None]:
    """Turns errors of SQLite into `NotKept`, which says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise NotKept(
            f"Cannot record the cost of the run in the temporary folder ({error}); free space there, or set TMPDIR to"
            " another folder."
        ) from error
