"""Decides which requests are sent again, and to which server; `Account.wait_before` in `limits.py` says when."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence, Set
from functools import partial
from typing import TypeVar

from benchmark.accounts.breaker import STRIKES, UNWATCHED, Attempt
from benchmark.accounts.limits import LONGEST_BACKOFF_SECONDS, Account, Dismissed, Passing
from benchmark.errors import KEPT, ModelError, RunError

T = TypeVar("T")


async def send(accounts: Sequence[Account], once: Callable[[Account], Awaitable[T]], *, urgent: bool = False) -> T:
    """The result of `once`, called with the account that has most room, and again while its failure may pass.

    If its server is down or asks for a pause, the request goes to another one at once, which does not count as an
    attempt. Nor does waiting while no server answers any request.

    Raises:
        Passing: the last failure, if there are no attempts left.
        RunError: no server has answered for `PATIENCE_SECONDS`.
    """
    since, tries, failures, left = time.monotonic(), 0, Counter[int](), set[Account]()
    silent_since = math.inf  # no request has been answered since then
    while True:
        account = min(accounts, key=partial(_rank, left=left))
        try:
            return await _ask(accounts, account, once, urgent=urgent)
        except Dismissed:
            continue
        except Passing as failure:
            last = failure
        # each server is left once: a request that crashes servers must not go round all of them again and again
        left.add(account)
        if _moves_on([other for other in accounts if other not in left], account, last, since):
            account.moved()
            continue
        left.clear()
        silent = time.monotonic() > silent_since > max(one.answered_at for one in accounts)
        silent_since = silent_since if silent else time.monotonic()
        outage = silent and (last.unreached or last.refused)
        tries += 1
        failures[last.attempts] += not outage
        given_up = failures[last.attempts] >= last.attempts
        wait = None if given_up else account.wait_before(tries, last, since, free=outage)
        if wait is None:
            if outage and time.monotonic() - since > account.patience - LONGEST_BACKOFF_SECONDS:
                raise RunError(f"{last} No request was answered for {account.patience / 60:.0f} minutes. {KEPT}")
            raise last
        await asyncio.sleep(wait)


def _rank(account: Account, *, left: Set[Account]) -> tuple[bool, bool, bool, bool, bool, float]:
    """Sorts accounts by who is asked first: one that is due for a trial; a live one; one with room.

    A request that has just `left` a server does not return to it, nor try another that is down.
    """
    due = not left and account.due
    return not due, account in left, account.breaker.out, account.paused, not account.has_room, account.load


def _moves_on(others: Sequence[Account], asked: Account, failure: Passing, since: float) -> bool:
    """Whether the request failed because of the server, and there are time and another server to send it to."""
    if time.monotonic() - since > asked.patience:
        return False
    live = [account for account in others if not account.breaker.out]
    if failure.strikes >= STRIKES or (failure.strikes > 0 and asked.breaker.out):
        return bool(live)
    return failure.refused and not all(account.paused for account in live)


async def _ask(
    accounts: Sequence[Account], account: Account, once: Callable[[Account], Awaitable[T]], *, urgent: bool
) -> T:
    """The result of `once`, called in the account's window; wakes requests that wait elsewhere if the server is back.

    Raises:
        Passing: from `once`.
        Dismissed: the server went down before the request was sent.
    """
    breaker = account.breaker
    was_out = breaker.out
    attempt = breaker.begin(trial=account.due) if len(accounts) > 1 else UNWATCHED
    try:
        async with account.slot(urgent=urgent) as asked_in:
            return await _heard(account, once, attempt, asked_in)
    finally:
        breaker.drop(attempt)
        others = [other for other in accounts if other is not account]
        if was_out and not breaker.out:
            for other in others:
                other.dismiss()
        if account.paused and not all(other.breaker.out or other.paused for other in others):
            account.dismiss()


async def _heard(account: Account, once: Callable[[Account], Awaitable[T]], attempt: Attempt, asked_in: int) -> T:
    """The result of `once`, which the account notes before it admits the next request."""
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
