"""Which of several servers is asked, and what is sent again, where and when."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from benchmark.breaker import STRIKES, UNWATCHED, Attempt
from benchmark.errors import ModelError
from benchmark.limits import PATIENCE_SECONDS, Account, Dismissed, Passing

T = TypeVar("T")


async def send(accounts: Sequence[Account], once: Callable[[Account], Awaitable[T]], *, urgent: bool = False) -> T:
    """What `once` returns, called at the account with most room, and again as long as its failure may pass.

    Where its server has died, the request goes on to another at once, and that is none of its attempts.

    Raises:
        Passing: the last failure, where there is to be no other attempt.
    """
    since, failures, moves = time.monotonic(), Counter[int](), 0
    while True:
        account = min(accounts, key=partial(_rank, tries=not moves))
        try:
            return await _ask(accounts, account, once, urgent=urgent)
        except Dismissed:
            continue
        except Passing as failure:
            last = failure
        # a request that brings down whoever is asked must not go round and round
        if moves < len(accounts) - 1 and _moves_on(accounts, account, last, since):
            moves += 1
            account.moved()
            continue
        moves = 0
        failures[last.attempts] += 1
        given_up = failures[last.attempts] >= last.attempts
        wait = None if given_up else account.wait_before(failures.total(), last, since)
        if wait is None:
            raise last
        await asyncio.sleep(wait)


def _rank(account: Account, *, tries: bool) -> tuple[bool, bool, bool, bool, float]:
    """The less, the sooner an account is asked: one that is due, if the request `tries` it; a live one; one with room.

    A request whose server has just died tries no other.
    """
    due = tries and account.due
    return not due, account.breaker.out, account.paused, not account.has_room, account.load


def _moves_on(accounts: Sequence[Account], asked: Account, failure: Passing, since: float) -> bool:
    """Whether the request failed because its server has died, and there is time and a live one to send it to."""
    died = failure.strikes >= STRIKES or (failure.strikes > 0 and asked.breaker.out)
    live = any(not account.breaker.out for account in accounts if account is not asked)
    return died and live and time.monotonic() - since <= PATIENCE_SECONDS


async def _ask(
    accounts: Sequence[Account], account: Account, once: Callable[[Account], Awaitable[T]], *, urgent: bool
) -> T:
    """What `once` returns, called in the account's window; who waits elsewhere may come where a server is back.

    Raises:
        Passing: as `once` does.
        Dismissed: the server went out before its turn came.
    """
    breaker = account.breaker
    was_out = breaker.out
    attempt = breaker.begin(trial=account.due) if len(accounts) > 1 else UNWATCHED
    try:
        async with account.slot(urgent=urgent) as asked_in:
            return await _heard(account, once, attempt, asked_in)
    finally:
        breaker.drop(attempt)
        if was_out and not breaker.out:
            for other in accounts:
                if other is not account:
                    other.dismiss()


async def _heard(account: Account, once: Callable[[Account], Awaitable[T]], attempt: Attempt, asked_in: int) -> T:
    """What `once` returns; the account hears how it went before it lets in the next."""
    try:
        reply = await once(account)
    except Passing as failure:
        account.breaker.failed(attempt, failure.strikes)
        if failure.refused:
            account.refused(asked_in, failure.after)
        raise
    except ModelError:
        account.breaker.failed(attempt, 0)
        raise
    account.breaker.succeeded(attempt)
    account.succeeded()
    return reply
