import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.accounts.limits import Account, Dismissed, Limits, Passing
from benchmark.accounts.money import Budget
from benchmark.accounts.retries import send
from benchmark.errors import RunError

# as the documents say: sent again up to eight times, for a quarter of an hour in all; a refusal closes a quarter
ATTEMPTS, PATIENCE_SECONDS, CUT = 8, 15 * 60, 0.75


class Server:
    """Something to ask, which knows how much is asked of it at once, and refuses what is more than it likes."""

    def __init__(self, likes: int = 10**9) -> None:
        self.likes, self.running, self.most, self.asked, self.refused = likes, 0, 0, 0, 0

    async def __call__(self, account: Account) -> str:
        self.asked += 1
        self.running += 1
        self.most = max(self.most, self.running)
        too_much = self.running > self.likes
        for _ in range(3):  # let others in, as a reply that takes time does
            await asyncio.sleep(0)
        self.running -= 1
        if too_much:
            self.refused += 1
            raise Passing("busy", refused=True)
        return "reply"


def account_of(limits: Limits, usual: int = 8) -> Account:
    return limits.account("somewhere", usual)


async def many(account: Account, once: Callable[[Account], Awaitable[str]], count: int) -> list[str]:
    return await asyncio.gather(*(send([account], once) for _ in range(count)))


@given(st.integers(1, 40), st.integers(1, 120))
def test_no_more_are_in_flight_than_the_window_holds(ceiling: int, count: int) -> None:
    limits, server = Limits(ceiling), Server()
    assert asyncio.run(many(account_of(limits), server, count)) == ["reply"] * count
    assert server.most == min(ceiling, count)
    assert (limits.traffic.requests, limits.traffic.in_flight) == (count, 0)


def test_the_window_finds_what_the_server_likes() -> None:
    limits, server = Limits(64, backoff=0), Server(likes=12)
    account = account_of(limits)
    asyncio.run(many(account, server, 2000))
    assert 1 <= account.allowed < 32, "it has closed"
    assert server.refused < 2000 / 4
    assert limits.traffic.refusals == limits.traffic.retries == server.refused


def test_one_round_of_refusals_closes_the_window_once() -> None:
    account = account_of(Limits(64))
    for _ in range(64):
        account.refused(0, None)
    assert account.allowed == 64 * CUT


def test_clean_rounds_open_it_again_up_to_the_ceiling() -> None:
    account = account_of(Limits(64))
    account.refused(0, None)
    for _ in range(1000):
        account.succeeded()
    assert account.allowed == 64


@pytest.mark.parametrize(("ceiling", "narrowed", "wider"), [(64, 48, 48 * 1.1), (4, 3, 4), (12, 9, 10)])
def test_a_round_without_a_refusal_opens_it_by_a_tenth_and_by_one_at_least(
    ceiling: int, narrowed: int, wider: float
) -> None:
    account = account_of(Limits(ceiling))
    account.refused(0, None)
    for _ in range(narrowed - 1):
        account.succeeded()
    assert account.allowed == narrowed
    account.refused(0, None)  # of the round before: it narrows no more, and the round begins anew
    for _ in range(narrowed - 1):
        account.succeeded()
    assert account.allowed == narrowed
    account.succeeded()
    assert account.allowed == pytest.approx(wider)
    for _ in range(math.ceil(wider) - 1):  # the next round is as long as the window is wide
        account.succeeded()
    assert account.allowed == pytest.approx(wider)
    account.succeeded()
    assert account.allowed == pytest.approx(min(ceiling, max(wider + 1, wider * 1.1)))


def test_a_window_never_closes_and_never_opens_beyond_its_ceiling() -> None:
    account = account_of(Limits(3))
    for number in range(20):
        account.refused(number, None)
    assert account.allowed == 1
    for _ in range(20):
        account.succeeded()
    assert account.allowed == 3


@pytest.mark.parametrize("attempt", range(1, 12))
def test_pauses_double_up_to_a_minute_and_are_cut_by_half_at_most(attempt: int) -> None:
    longest = min(60, 0.5 * 2 ** (attempt - 1))
    waits = [wait_of(account_of(Limits()), attempt) for _ in range(200)]

    assert all(longest / 2 <= wait <= longest for wait in waits)
    assert max(waits) - min(waits) > longest / 4, "many who failed together do not come back together"


def wait_of(account: Account, attempt: int = 1, after: float | None = None, since: float = 0) -> float:
    """Seconds before the next attempt, where the first was `since` seconds ago; inf where there is none."""
    wait = account.wait_before(attempt, Passing("no", after=after), time.monotonic() - since, free=True)
    return float("inf") if wait is None else wait


@pytest.mark.parametrize("since", [0, 100, PATIENCE_SECONDS - 2])
def test_a_server_s_pause_is_kept_while_there_is_patience(since: float) -> None:
    account, left = account_of(Limits()), PATIENCE_SECONDS - since
    assert wait_of(account, 1, left - 1, since) == left - 1
    assert wait_of(account, 1, left + 1, since) == float("inf")


def test_requests_that_are_sent_again_are_counted_and_rationed() -> None:
    limits = Limits()
    few, many = limits.account("few", 20), limits.account("many", 30)
    for account, most in ((few, 200), (many, 300)):
        waits = [account.wait_before(1, Passing("no"), time.monotonic(), free=False) for _ in range(most + 1)]
        assert [wait is None for wait in waits] == [False] * most + [True]
        account.succeeded()  # earns one
        assert account.wait_before(1, Passing("no"), time.monotonic(), free=False) is not None
        assert account.wait_before(1, Passing("no"), time.monotonic(), free=False) is None
        assert account.wait_before(1, Passing("no"), time.monotonic(), free=True) is not None, "an outage costs nothing"
    assert limits.traffic.retries == 200 + 300 + 2 * 2


def test_a_pause_holds_all_requests_back() -> None:
    async def paused() -> float:
        account = account_of(Limits(4))
        account.pause(0.2)
        started = time.monotonic()
        await many(account, Server(), 8)
        return time.monotonic() - started

    assert asyncio.run(paused()) >= 0.2


def test_a_wider_window_lets_in_those_who_wait() -> None:
    async def ask() -> tuple[int, int]:
        account, never = account_of(Limits(), usual=2), asyncio.Event()

        async def forever(_: Account) -> str:
            await never.wait()
            return ""

        tasks = [asyncio.create_task(send([account], forever)) for _ in range(6)]
        await asyncio.sleep(0)
        before = account.in_flight
        account.widen(5)
        account.widen(3)  # a smaller one changes nothing
        never.set()
        after = account.in_flight
        await asyncio.gather(*tasks)
        return before, after

    assert asyncio.run(ask()) == (2, 5)


def test_what_refusals_have_narrowed_opens_in_proportion() -> None:
    account = account_of(Limits(64))
    account.refused(0, None)
    account.widen(128)
    assert (account.allowed, account.ceiling) == (128 * CUT, 128)


def test_what_is_under_way_goes_before_what_is_new() -> None:
    order: list[str] = []

    async def ask() -> None:
        account, opened = account_of(Limits(1)), asyncio.Event()

        async def once(name: str, _: Account) -> str:
            await opened.wait()
            order.append(name)
            return name

        asked = [send([account], partial(once, name), urgent=name.isupper()) for name in "abCD"]
        tasks = [asyncio.ensure_future(one) for one in asked]
        await asyncio.sleep(0)
        opened.set()
        await asyncio.gather(*tasks)

    asyncio.run(ask())
    assert order == ["a", "C", "D", "b"]


def test_who_waits_for_a_server_that_goes_out_is_sent_away_at_once() -> None:
    async def ask() -> None:
        account = account_of(Limits(1))

        async def take() -> None:
            async with account.slot():
                raise AssertionError("it was let in")

        async with account.slot():
            waiting = asyncio.create_task(take())
            await asyncio.sleep(0)
            account.breaker.open()
            with pytest.raises(Dismissed):
                await asyncio.wait_for(waiting, timeout=5)
            assert account.in_flight == 1, "the first is still under way"

    asyncio.run(ask())


def test_who_is_called_off_leaves_no_hole() -> None:
    async def ask() -> int:
        account, never = account_of(Limits(2)), asyncio.Event()

        async def forever(_: Account) -> str:
            await never.wait()
            return ""

        tasks = [asyncio.create_task(send([account], forever)) for _ in range(6)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert len(await many(account, Server(), 5)) == 5
        return account.in_flight

    assert asyncio.run(ask()) == 0


@pytest.mark.parametrize("attempts", [1, 3, ATTEMPTS])
def test_a_failure_is_given_up_after_its_attempts(attempts: int) -> None:
    calls = []

    async def failing(account: Account) -> str:
        calls.append(account)
        raise Passing("no", attempts=attempts)

    with pytest.raises(Passing, match="no"):
        asyncio.run(send([account_of(Limits(backoff=0))], failing))
    assert len(calls) == attempts


def test_retries_have_a_budget() -> None:
    limits, calls = Limits(4, backoff=0), []

    async def failing(account: Account) -> str:
        calls.append(account)
        raise Passing("no")

    async def all_fail() -> None:
        await asyncio.gather(*(send([account_of(limits)], failing) for _ in range(1000)), return_exceptions=True)

    asyncio.run(all_fail())
    assert limits.traffic.retries == 200, "a server that is gone is not asked eight times by everybody"


def test_the_least_busy_account_is_asked() -> None:
    limits = Limits(4)
    one, other = limits.account("one", 1), limits.account("other", 1)
    asked: list[Account] = []

    async def once(account: Account) -> str:
        asked.append(account)
        await asyncio.sleep(0)
        return ""

    async def ask() -> None:
        await asyncio.gather(*(send([one, other], once) for _ in range(8)))

    asyncio.run(ask())
    assert (asked.count(one), asked.count(other)) == (4, 4)


def test_processes_share_the_ceiling() -> None:
    assert [Limits(10, share=share).window() for share in (1, 3, 20)] == [10, 4, 1]
    shared = Limits(share=2)
    shared.account("one", 64), shared.account("other", 33)
    assert shared.window() == 32 + 17
    assert (Limits().window(), Limits(share=3).window()) == (16, 6), "where nobody is asked over a network"


def test_each_process_has_a_window_of_its_own_where_who_is_asked_is_in_it() -> None:
    limits = Limits(share=2)
    limits.account("here", 8, own=True), limits.account("far", 20)
    assert (limits.window(), limits.window(4)) == (8 + 10, 4 * 8 + 10)
    assert limits.traffic.endpoints == 1
    assert Limits(6, share=2).account("here", 8, own=True).ceiling == 3


def test_what_requests_cost_is_summed_and_what_is_unknown_is_counted() -> None:
    async def pay(limits: Limits, cost: float | None) -> None:
        async with limits.afford(2.0) as bill:
            bill.cost_usd = cost

    limits = Limits()
    for cost in (0.5, None, 0.25, None):
        asyncio.run(pay(limits, cost))
    assert (limits.traffic.cost_usd, limits.traffic.unpriced) == (0.75, 2)
    limits.halted = "No more."
    with pytest.raises(RunError, match=r"No more\."):
        asyncio.run(pay(limits, 1.0))


def test_a_server_that_is_left_out_is_out_elsewhere_too_and_said_once() -> None:
    limits = Limits()
    account = limits.account("gone", 4)
    for _ in range(2):
        limits.leave_out(account, "gone cannot be reached.")
    assert (limits.notices, limits.out(), limits.traffic.out) == (["gone cannot be reached."], ["gone"], 1)
    assert limits.elsewhere().account("gone", 4).breaker.out
    assert not limits.elsewhere().account("there", 4).breaker.out


def test_limits_for_another_loop_are_the_same_with_one_sum_to_spend() -> None:
    limits = Limits(6, share=2, timeout=7, backoff=3, patience=11, budget=Budget(1.0))

    async def pay(limits: Limits, most: float) -> None:
        async with limits.afford(most) as bill:
            bill.cost_usd = most

    elsewhere = limits.elsewhere()
    asyncio.run(pay(limits, 0.6))
    with pytest.raises(RunError, match=r"--max-cost=1 would be exceeded: 0\.60 USD are spent"):
        asyncio.run(pay(elsewhere, 0.5))
    asyncio.run(pay(elsewhere, 0.4))
    assert limits.budget is not None
    assert limits.budget.spent == 1
    assert (elsewhere.timeout, elsewhere.patience, elsewhere.window()) == (7, 11, 3)
    account = elsewhere.account("one", 64)
    assert (account.ceiling, account.patience) == (3, 11)
    assert 1.5 <= wait_of(account) <= 3
    assert limits.elsewhere().account("one", 64) is not account
