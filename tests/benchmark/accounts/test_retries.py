import asyncio
import itertools
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.accounts.limits import Account, Limits, Passing
from benchmark.accounts.retries import send
from benchmark.errors import ModelError, RunError

# as the README says: sent again up to eight times; out after three 5xx in a row
ATTEMPTS, STRIKES = 8, 3

NEVER = 1e6
"""A backoff so long that no rest ends, and a request that pauses is never sent again, while a test lasts."""

Asking = Callable[[Account], Awaitable[str]]


class Servers:
    """Servers which know how often each has been asked; `dead` ones cannot be reached, others may fail otherwise."""

    def __init__(self, count: int, ceiling: int = 4, backoff: float = NEVER, patience: float = 900) -> None:
        self.limits = Limits(backoff=backoff, patience=patience)
        self.accounts = [self.limits.account(f"server {number}", ceiling) for number in range(count)]
        self.dead: set[Account] = set()
        self.failing: dict[Account, Exception] = {}
        self.asked: Counter[Account] = Counter()

    async def __call__(self, account: Account) -> str:
        self.asked[account] += 1
        await asyncio.sleep(0)
        if account in self.dead:
            raise Passing("dead", strikes=STRIKES)
        if account in self.failing:
            raise self.failing[account]
        return "reply"

    def times(self) -> list[int]:
        """How often each has been asked."""
        return [self.asked[account] for account in self.accounts]


def done(work: Awaitable[object]) -> None:
    """Runs it to its end, which it must come to."""

    async def bounded() -> None:
        async with asyncio.timeout(5):
            await work

    asyncio.run(bounded())


async def settled() -> None:
    """Lets all others go as far as they can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def many(servers: Servers, count: int, once: Asking | None = None) -> None:
    replies = await asyncio.gather(*(send(servers.accounts, once or servers) for _ in range(count)))
    assert replies == ["reply"] * count


@given(st.integers(2, 4), st.data())
def test_dead_servers_cost_no_request_and_draw_none(count: int, data: st.DataObject) -> None:
    servers = Servers(count)
    dead = data.draw(st.sets(st.integers(0, count - 1), max_size=count - 1))
    servers.dead = {servers.accounts[number] for number in dead}
    done(many(servers, 100))
    for number, times in enumerate(servers.times()):
        assert times <= 4 if number in dead else times > 0, "what was in flight when it died, and no more"
    assert servers.limits.traffic.out == len(dead)
    assert servers.limits.traffic.endpoints == count
    assert servers.limits.traffic.requests == servers.asked.total() == 100 + servers.limits.traffic.retries


def test_server_errors_take_a_server_out_after_three() -> None:
    servers = Servers(2, backoff=0.0001)
    servers.failing[servers.accounts[0]] = Passing("broken", strikes=1, attempts=STRIKES)
    done(many(servers, 1))
    assert servers.times() == [STRIKES, 1], "the last, which took it out, was none of the request's attempts"
    assert servers.accounts[0].breaker.out


@pytest.mark.parametrize(
    ("failure", "times"),
    [
        (Passing("empty", attempts=5), 5),
        (ModelError("too long"), 1),
    ],
    ids=["empty", "too long"],
)
def test_who_answers_is_not_taken_out(failure: Exception, times: int) -> None:
    servers = Servers(2, backoff=0)
    servers.failing = dict.fromkeys(servers.accounts, failure)
    with pytest.raises(type(failure)):
        done(send(servers.accounts, servers))
    assert servers.times() == [times, 0], "it goes to the first that has room, and no attempt is free"
    assert servers.limits.traffic.out == 0


@pytest.mark.parametrize("after", [None, 1000.0])
def test_a_server_that_is_asked_too_much_holds_nobody_back(after: float | None) -> None:
    servers = Servers(3)
    servers.failing = dict.fromkeys(servers.accounts[:2], Passing("busy", refused=True, after=after))
    done(many(servers, 100))
    assert servers.asked[servers.accounts[2]] == 100
    assert servers.limits.traffic.out == 0


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("failure", [Passing("gone", strikes=STRIKES, unreached=True), Passing("busy", refused=True)])
def test_an_outage_of_all_servers_is_sat_out(failure: Passing, count: int) -> None:
    servers, number = Servers(count, backoff=0), itertools.count()

    async def once(account: Account) -> str:
        await asyncio.sleep(0)
        if (place := next(number)) < 1000:  # more than may be sent again where others are answered
            if place < 3:  # replies that were on their way when the outage began
                account.answered_at = time.monotonic()
            raise failure
        return "reply"

    done(many(servers, 10, once))
    assert next(number) == 1010


@pytest.mark.parametrize("failure", [Passing("gone", strikes=STRIKES, unreached=True), Passing("busy", refused=True)])
def test_an_outage_without_end_stops_the_run(failure: Passing) -> None:
    servers = Servers(1, backoff=0.001, patience=0.01)
    servers.failing = dict.fromkeys(servers.accounts, failure)
    with pytest.raises(RunError, match=f"{failure} No request was answered for"):
        done(send(servers.accounts, servers))


def test_who_alone_is_refused_has_an_end() -> None:
    servers = Servers(1, backoff=0)
    servers.failing = dict.fromkeys(servers.accounts, Passing("busy", refused=True))
    servers.accounts[0].answered_at = math.inf  # all others are answered
    with pytest.raises(Passing, match="busy"):
        done(send(servers.accounts, servers))
    assert servers.times() == [201], "as often as its account may send again at all"


def test_a_request_whose_server_dies_keeps_its_attempts() -> None:
    servers = Servers(3)
    servers.dead = set(servers.accounts[:2])

    async def once(account: Account) -> str:
        try:
            return await servers(account)
        except Passing:
            raise Passing("dead", strikes=STRIKES, attempts=1) from None

    done(many(servers, 1, once))
    assert servers.times() == [1, 1, 1]


@pytest.mark.parametrize("pause", [0, 1000])
def test_who_waits_at_a_server_that_goes_out_moves_on(pause: float) -> None:
    servers = Servers(2, ceiling=1)
    dies, other = servers.accounts

    async def ask() -> None:
        death = asyncio.Event()

        async def once(account: Account) -> str:
            servers.asked[account] += 1
            if account is dies:
                await death.wait()
                raise Passing("dead", strikes=STRIKES)
            await death.wait()
            return "reply"

        asking = asyncio.ensure_future(many(servers, 9, once))
        await settled()
        assert dies.load > 3, "they wait"
        dies.pause(pause)
        death.set()
        await asking

    done(ask())
    assert servers.times() == [1, 9]
    assert (dies.in_flight, other.in_flight) == (0, 0)


def test_who_waits_for_all_servers_together_moves_on_too() -> None:
    servers = Servers(2)
    limits = Limits(2, backoff=NEVER)
    servers.accounts = dies, other = [limits.account(name, 2) for name in ("dies", "other")]
    busy = limits.account("busy", 2)
    servers.dead = {dies}

    async def ask() -> None:
        async with busy.slot(), busy.slot():  # as many requests as there may be of all together
            asking = asyncio.ensure_future(many(servers, 4))
            await settled()
            assert (dies.in_flight, other.in_flight) == (2, 2), "each has its place and waits for the gate"
            dies.breaker.open()
        await asking

    done(ask())
    assert servers.times() == [0, 4]


def test_who_is_called_off_while_sent_away_leaves_no_hole() -> None:
    servers = Servers(2, ceiling=1)

    async def ask() -> None:
        never = asyncio.Event()

        async def forever(account: Account) -> str:
            await never.wait()
            return ""

        asking = [asyncio.ensure_future(send(servers.accounts, forever)) for _ in range(6)]
        await asyncio.sleep(0)
        servers.accounts[0].dismiss()
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        assert [account.in_flight for account in servers.accounts] == [0, 0]
        await many(servers, 4)

    done(ask())


def test_a_server_is_tried_by_one_request_and_comes_back() -> None:
    servers = Servers(2, backoff=0)
    dies = servers.accounts[0]
    servers.dead = {dies}

    async def ask() -> None:
        await many(servers, 1)
        assert (dies.breaker.out, servers.times()) == (True, [1, 1])
        tried, back = asyncio.Event(), asyncio.Event()

        async def once(account: Account) -> str:
            servers.asked[account] += 1
            if account is dies and dies.breaker.out:
                tried.set()
                await back.wait()
            return "reply"

        asking = [asyncio.ensure_future(send(servers.accounts, once)) for _ in range(20)]
        await tried.wait()
        await asyncio.gather(*asking[1:])
        assert servers.times() == [2, 20], "one tries it, all others go elsewhere"
        back.set()
        await asking[0]
        assert (dies.breaker.out, servers.limits.traffic.out) == (False, 0)
        servers.dead.clear()
        await many(servers, 8)
        assert servers.times() == [6, 24], "half each, as before"

    done(ask())


def test_a_trial_that_is_called_off_is_not_the_last() -> None:
    servers = Servers(2, backoff=0)
    servers.accounts[0].breaker.open()

    async def ask() -> None:
        never = asyncio.Event()

        async def forever(account: Account) -> str:
            await never.wait()
            return ""

        trial = asyncio.ensure_future(send(servers.accounts, forever))
        await asyncio.sleep(0)
        assert not servers.accounts[0].breaker.due
        trial.cancel()
        await asyncio.gather(trial, return_exceptions=True)
        await many(servers, 1)

    done(ask())
    assert servers.times() == [1, 0]
    assert not servers.accounts[0].breaker.out


def test_a_trial_that_is_answered_with_an_error_has_found_the_server() -> None:
    servers = Servers(2, backoff=0)
    servers.accounts[0].breaker.open()
    servers.failing[servers.accounts[0]] = ModelError("too long")
    with pytest.raises(ModelError):
        done(send(servers.accounts, servers))
    assert servers.times() == [1, 0]
    assert not servers.accounts[0].breaker.out


def test_nobody_waits_to_try_a_server() -> None:
    servers = Servers(2, ceiling=1, backoff=0)

    async def ask() -> None:
        async with servers.accounts[0].slot():  # a request that hangs there since before it went out
            servers.accounts[0].breaker.open()
            await many(servers, 3)

    done(ask())
    assert servers.times() == [0, 3]


def test_who_waits_elsewhere_comes_where_a_server_is_back() -> None:
    servers = Servers(2, ceiling=1, backoff=0)
    back, hangs = servers.accounts
    back.breaker.open()

    async def ask() -> None:
        trial, never = asyncio.Event(), asyncio.Event()

        async def once(account: Account) -> str:
            await (never if account is hangs else trial).wait()
            return "reply"

        tries, stuck, waits = (asyncio.ensure_future(send(servers.accounts, once)) for _ in range(3))
        await settled()
        assert (back.load, hangs.load) == (1, 2)
        trial.set()
        assert list(await asyncio.gather(tries, waits)) == ["reply", "reply"]
        stuck.cancel()

    done(ask())


def test_where_all_are_dead_the_attempts_come_to_their_end() -> None:
    servers = Servers(3, backoff=0.0001)
    servers.dead = set(servers.accounts)
    with pytest.raises(Passing, match="dead"):
        done(send(servers.accounts, servers))
    assert servers.asked.total() == ATTEMPTS + 2, "each once, and then with pauses"
    assert servers.limits.traffic.out == 3


def test_pauses_grow_from_attempt_to_attempt() -> None:
    """By twice, each cut by half at most: 127 first pauses in all, and no more."""
    servers = Servers(1, backoff=0.002)
    servers.dead = set(servers.accounts)
    started = time.monotonic()
    with pytest.raises(Passing, match="dead"):
        done(send(servers.accounts, servers))
    assert 0.5 * 127 * 0.002 <= time.monotonic() - started < 127 * 0.002 + 5


def test_a_request_that_brings_everybody_down_does_not_go_round_and_round() -> None:
    servers = Servers(3, backoff=0)

    async def poisonous(account: Account) -> str:
        servers.asked[account] += 1
        await asyncio.sleep(0)
        for other in servers.accounts:  # somebody else's request has found it well
            if other.breaker.out:
                other.breaker.succeeded(other.breaker.begin(trial=True))
        raise Passing("dead", strikes=STRIKES)

    with pytest.raises(Passing, match="dead"):
        done(send(servers.accounts, poisonous))
    assert servers.asked.total() == 3 * ATTEMPTS


def test_nothing_moves_on_when_patience_is_over() -> None:
    servers = Servers(2, patience=-1)
    servers.dead = {servers.accounts[0]}
    with pytest.raises(Passing, match="dead"):
        done(send(servers.accounts, servers))
    assert servers.times() == [1, 0]


def test_one_server_alone_is_never_taken_out() -> None:
    servers = Servers(1, backoff=0)
    servers.dead = set(servers.accounts)
    with pytest.raises(Passing, match="dead"):
        done(send(servers.accounts, servers))
    assert servers.times() == [ATTEMPTS]
    assert (servers.accounts[0].breaker.opened, servers.limits.traffic.out) == (0, 0)


def test_a_server_that_wants_to_be_left_alone_is_passed_by() -> None:
    servers = Servers(2)
    servers.accounts[0].pause(1000)
    done(many(servers, 8))
    assert servers.times() == [0, 8]


def test_limits_for_another_loop_know_who_is_out() -> None:
    limits = Limits()
    dead = limits.account("dead", 4)
    for _ in range(2):  # two models that are asked there
        limits.leave_out(dead, "It is dead.")
    limits.account("well", 4)
    elsewhere = limits.elsewhere()
    assert limits.out() == ["dead"]
    assert limits.notices == ["It is dead."]
    assert elsewhere.account("dead", 4).breaker.out
    assert not elsewhere.account("well", 4).breaker.out
    assert elsewhere.traffic.out == limits.traffic.out == 1


def test_who_fails_where_a_server_was_out_and_is_back_moves_on_too() -> None:
    """The failure says nothing about the server that is back, but there is another one."""
    servers = Servers(2)
    back = servers.accounts[0]

    async def once(account: Account) -> str:
        servers.asked[account] += 1
        if account is back:
            back.breaker.open()
            back.breaker.succeeded(back.breaker.begin(trial=True))
            raise Passing("dead", strikes=STRIKES, attempts=1)
        return "reply"

    done(many(servers, 1, once))
    assert servers.times() == [1, 1]
    assert not back.breaker.out


def test_a_reply_that_cannot_be_used_is_an_attempt_even_of_a_server_that_is_out_by_now() -> None:
    servers = Servers(2)

    async def once(account: Account) -> str:
        servers.asked[account] += 1
        account.breaker.open()
        raise Passing("empty", attempts=1)

    with pytest.raises(Passing, match="empty"):
        done(send(servers.accounts, once))
    assert servers.times() == [1, 0]


def test_the_first_pause_is_as_long_as_the_limits_say_and_no_longer() -> None:
    """Patience is just enough for it: were it twice as long, hardly any of the requests would be sent again."""
    servers, failed = Servers(1, ceiling=16, backoff=0.2, patience=0.29), set[int]()

    async def once(number: int, account: Account) -> str:
        if number not in failed:
            failed.add(number)
            raise Passing("once")
        return "reply"

    async def ask() -> None:
        await asyncio.gather(*(send(servers.accounts, partial(once, number)) for number in range(16)))

    done(ask())
    assert servers.limits.traffic.retries == 16
