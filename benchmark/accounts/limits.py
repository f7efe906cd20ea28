"""Rate limits: requests in flight, pauses, and the wait before a request is sent again.

Each server with its key is an account. Its window of requests in flight opens by a tenth with every round of replies
without a refusal and closes by a quarter with the first refusal of a round, as TCP's congestion control does (D. Chiu
and R. Jain, 1989, "Analysis of the increase and decrease algorithms for congestion avoidance in computer networks").
"""

import asyncio
import math
import random
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass

from benchmark.accounts.breaker import Breaker
from benchmark.accounts.money import Budget
from benchmark.errors import Halted

ATTEMPTS = 8
PATIENCE_SECONDS = 900
"""How long a request is sent again, and the longest pause that is kept."""

LONGEST_BACKOFF_SECONDS = 60
OFFLINE_WINDOW = 16
"""Samples in progress if no model is asked over a network."""
CUT, GROWTH = 0.75, 1.1


class Passing(Exception):
    """A failure that may pass: the request is sent again.

    Attributes:
        refused: whether the server refused for too many requests; only time limits these retries.
        after: seconds of pause that the server asks for.
        attempts: how often a request may fail like this.
        strikes: how strongly it suggests that the server is down.
        unreached: whether there was no connection to the server.
    """

    def __init__(
        self,
        said: str,
        *,
        refused: bool = False,
        after: float | None = None,
        attempts: int = ATTEMPTS,
        strikes: int = 0,
        unreached: bool = False,
    ) -> None:
        super().__init__(said)
        self.refused, self.after, self.attempts = refused, after, sys.maxsize if refused else attempts
        self.strikes, self.unreached = strikes, unreached


class Dismissed(Exception):
    """The request has not been sent: another server may have room."""


@dataclass(slots=True, kw_only=True)
class Traffic:
    """Counts of requests between this process and the servers, for the progress display.

    Attributes:
        in_flight: requests without a reply so far.
        requests: sent so far, including retries.
        retries: sent again.
        refusals: replies of 429 and 503.
        cost_usd: cost of the replies whose price is known.
        unpriced: replies whose price is not known.
        endpoints: servers, each with its key, outside this process.
        out: those of them that are taken out because they fail.
    """

    in_flight: int = 0
    requests: int = 0
    retries: int = 0
    refusals: int = 0
    cost_usd: float = 0.0
    unpriced: int = 0
    endpoints: int = 0
    out: int = 0


class Account:
    """One server with one key, whose window all roles share. Belongs to one event loop.

    Attributes:
        breaker: whether it is asked, if there are others.
        ceiling: the most requests in flight.
        in_flight: requests in flight now.
        allowed: how many may be in flight now.
        patience: seconds for which one request is sent again, and the longest pause that is kept.
        answered_at: time of its last reply, by the monotonic clock.
    """

    def __init__(
        self, ceiling: int, gate: asyncio.Semaphore, traffic: Traffic, backoff: float, patience: float
    ) -> None:
        """Starts with the whole window open; `gate` limits all accounts together.

        A request's first wait before it is sent again is `backoff` seconds, each later one twice the one before. A
        server that is taken out rests twice as long.
        """
        self.breaker = Breaker(2 * backoff, self._turned)
        self.patience = patience
        self.ceiling, self.in_flight = ceiling, 0
        self.allowed = float(ceiling)
        self._gate, self._traffic, self._backoff = gate, traffic, backoff
        self._waiting: tuple[deque[asyncio.Future[bool]], ...] = (deque(), deque())
        self.answered_at = -math.inf
        self._resume_at = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._round = self._clean = 0
        self._spare = self._most_spare  # retries left: many at once, but over time no more than successes

    def widen(self, ceiling: int) -> None:
        """Raises the ceiling and admits requests that wait; a lower ceiling changes nothing.

        A window that refusals have narrowed grows by the same factor.
        """
        if ceiling > self.ceiling:
            self.allowed, self.ceiling = self.allowed * ceiling / self.ceiling, ceiling
            self._admit()

    @property
    def load(self) -> float:
        """How full the window is; more than 1 if requests wait."""
        return (self.in_flight + sum(map(len, self._waiting))) / self.allowed

    @property
    def paused(self) -> bool:
        """Whether the server has asked for a pause that is not over."""
        return time.monotonic() < self._resume_at

    @property
    def has_room(self) -> bool:
        """Whether a request would be sent at once."""
        return self._open() and not any(self._waiting)

    @property
    def due(self) -> bool:
        """Whether the next request should test the server."""
        return self.breaker.due and self.has_room

    @asynccontextmanager
    async def slot(self, *, urgent: bool = False) -> AsyncIterator[int]:
        """A place in the window, held as long as the context lasts; gives the number of the round.

        Urgent requests go first: those that finish samples before those that start others.

        Raises:
            Dismissed: the server was taken out meanwhile; the request must choose an account again.
        """
        opened = self.breaker.opened
        if not self.has_room:
            await self._wait(self._waiting[not urgent])
        else:
            self.in_flight += 1
        try:
            async with self._gate:
                if self.breaker.opened != opened:
                    raise Dismissed
                self._traffic.in_flight += 1
                self._traffic.requests += 1
                try:
                    yield self._round
                finally:
                    self._traffic.in_flight -= 1
        finally:
            self.in_flight -= 1
            self._admit()

    def succeeded(self) -> None:
        """Counts a reply; a round of them without a refusal widens the window."""
        self.answered_at = time.monotonic()
        self._spare = min(self._spare + 1, self._most_spare)
        self._clean += 1
        if self._clean >= self.allowed:
            self._clean = 0
            self.allowed = min(float(self.ceiling), max(self.allowed + 1, self.allowed * GROWTH))
            self._admit()

    def refused(self, asked_in: int, after: float | None) -> None:
        """Narrows the window, once for all requests of one round, and pauses as long as the server asks."""
        self._traffic.refusals += 1
        self._clean = 0
        if asked_in == self._round:
            self._round += 1
            self.allowed = max(1.0, self.allowed * CUT)
        if after is not None:
            self.pause(after)

    def moved(self) -> None:
        """Counts a retry at another server."""
        self._traffic.retries += 1

    def dismiss(self) -> None:
        """Sends requests that wait to choose an account again."""
        for line in self._waiting:
            while line:
                if not (place := line.popleft()).done():
                    place.set_result(False)

    def pause(self, seconds: float) -> None:
        """Sends nothing for that time."""
        self._resume_at = max(self._resume_at, time.monotonic() + min(seconds, self.patience))

    def wait_before(self, attempt: int, failure: Passing, since: float, *, free: bool) -> float | None:
        """Seconds to wait after this failed attempt; None if there is to be no other.

        A `free` retry does not count towards the limit on all retries.
        """
        wait = min(LONGEST_BACKOFF_SECONDS, self._backoff * 2 ** min(attempt - 1, 60)) * random.uniform(0.5, 1)  # noqa: S311
        wait = max(float(wait), failure.after or 0)
        out_of_patience = time.monotonic() + wait - since > self.patience
        if out_of_patience or (self._spare < 1 and not free):
            return None
        self._spare -= not free
        self._traffic.retries += 1
        return wait

    @property
    def _most_spare(self) -> int:
        return max(200, 10 * self.ceiling)

    def _open(self) -> bool:
        return self.in_flight < int(self.allowed) and not self.paused

    async def _wait(self, line: deque[asyncio.Future[bool]]) -> None:
        place: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        line.append(place)
        self._admit()
        try:
            admitted = await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.result():  # admitted and cancelled at the same time
                self.in_flight -= 1
                self._admit()
            raise
        if not admitted:
            raise Dismissed

    def _admit(self) -> None:
        """Admits requests that wait: urgent ones first, else in the order of their arrival."""
        for line in self._waiting:
            while line and self._open():
                place = line.popleft()
                if not place.done():
                    self.in_flight += 1
                    place.set_result(True)
        pause = self._resume_at - time.monotonic()
        if any(self._waiting) and pause > 0 and self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(pause, self._wake)

    def _wake(self) -> None:
        self._alarm = None
        self._admit()

    def _turned(self) -> None:
        self._traffic.out += 1 if self.breaker.out else -1
        if self.breaker.out:
            self.dismiss()


@dataclass(slots=True, kw_only=True)
class Bill:
    """The cost of a request in USD: an upper bound until the reply is there; None if its price is unknown."""

    cost_usd: float | None


class Limits:
    """The accounts of a run, shared by all models.

    Attributes:
        halted: why no more requests are sent; None while they are.
        notices: messages to the user before the first request, a sentence or two each.
    """

    def __init__(
        self,
        ceiling: int | None = None,
        *,
        share: int = 1,
        timeout: float = 300,
        backoff: float = 0.5,
        patience: float = PATIENCE_SECONDS,
        budget: Budget | None = None,
        out: Collection[str] = (),
    ) -> None:
        """Sets the limits of every account.

        `ceiling` is the number of requests in flight, None for the provider's default; each of `share` processes gets
        its part of it. `timeout`, `backoff` and `patience` are seconds: for one request, before it is sent again, and
        until it is sent no more. Accounts whose names are in `out` start as taken out.
        """
        self.timeout, self.patience, self.traffic, self.budget = timeout, patience, Traffic(), budget
        self.halted: str | None = None
        self.notices: list[str] = []
        self._ceiling, self._share, self._backoff = ceiling, share, backoff
        self._out = frozenset(out)
        self._accounts: dict[str, Account] = {}
        self._own: list[Account] = []
        self._gate = asyncio.Semaphore(self._part(ceiling) if ceiling else 10**9)

    def elsewhere(self) -> "Limits":
        """The same limits for another event loop, with separate accounts."""
        budget = self.budget.elsewhere() if self.budget else None
        return Limits(
            self._ceiling,
            share=self._share,
            timeout=self.timeout,
            backoff=self._backoff,
            patience=self.patience,
            budget=budget,
            out=self.out(),
        )

    def out(self) -> list[str]:
        """Names of the accounts that are taken out."""
        return [name for name, account in self._accounts.items() if account.breaker.out]

    def account(self, name: str, usual: int, *, own: bool = False) -> Account:
        """The account of that name, made if it is new; `usual` is the provider's default ceiling.

        It is the process's `own` if the model runs in this process, and is not shared with others.
        """
        if name not in self._accounts:
            ceiling = usual if own and not self._ceiling else self._part(self._ceiling or usual)
            account = self._accounts[name] = Account(ceiling, self._gate, self.traffic, self._backoff, self.patience)
            self._own += [account] if own else []
            self.traffic.endpoints += not own
            if name in self._out:
                account.breaker.open()
        return self._accounts[name]

    def leave_out(self, account: Account, why: str) -> None:
        """Takes an account out before anything is sent to it, and notes why, once for all models that use it."""
        if not account.breaker.out:
            account.breaker.open()
        if why not in self.notices:
            self.notices.append(why)

    def window(self, processes: int = 1) -> int:
        """How many requests may be in flight together, in `processes` processes that share these limits."""
        asked = sum(account.ceiling for account in self._accounts.values())
        asked += (processes - 1) * sum(account.ceiling for account in self._own)
        return self._part(self._ceiling) if self._ceiling else asked or self._part(OFFLINE_WINDOW)

    @asynccontextmanager
    async def afford(self, most: float) -> AsyncIterator[Bill]:
        """A bill for a request that may cost `most` USD; it is settled at the end, also after an error.

        Raises:
            Halted: the budget is exceeded, or the run has been halted.
        """
        if self.halted is not None:
            raise Halted(self.halted)
        bill = Bill(cost_usd=most)
        if self.budget is not None:
            await self.budget.set_aside(most)
        try:
            yield bill
        finally:
            self.traffic.cost_usd += bill.cost_usd or 0.0
            self.traffic.unpriced += bill.cost_usd is None
            if self.budget is not None:
                self.budget.settle(most, bill.cost_usd or 0.0)

    def _part(self, whole: int) -> int:
        return max(1, -(-whole // self._share))
