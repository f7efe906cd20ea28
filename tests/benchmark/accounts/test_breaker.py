from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from benchmark.accounts.breaker import UNWATCHED, Attempt, Breaker

FIRST_REST = 1.0
# as the README says: out after three 5xx in a row; tried again after 1, 2, 4, … 30 s
STRIKES, MOST_RESTS = 3, 30


class Watched:
    """A breaker with a clock that a test moves, and all that it has said."""

    def __init__(self) -> None:
        self.now, self.turns = 0.0, 0
        self.breaker = Breaker(FIRST_REST, self._turned, lambda: self.now)

    def _turned(self) -> None:
        self.turns += 1

    def ask(self) -> Attempt:
        return self.breaker.begin(trial=self.breaker.due)

    def rest(self) -> float:
        """Goes to the end of the rest; the seconds that it took."""
        left, step = self.now, FIRST_REST / 4
        while not self.breaker.due:
            assert self.now - left <= MOST_RESTS * FIRST_REST, "it never ends"
            self.now += step
        return self.now - left


def taken_out() -> Watched:
    watched = Watched()
    watched.breaker.failed(watched.ask(), STRIKES)
    return watched


@given(st.lists(st.sampled_from([None, 0, 1]), max_size=30))
def test_only_failures_in_a_row_take_a_server_out(outcomes: list[int | None]) -> None:
    watched, in_a_row = Watched(), 0
    for strikes in outcomes:
        if strikes is None:
            watched.breaker.succeeded(watched.ask())
        else:
            watched.breaker.failed(watched.ask(), strikes)
        in_a_row = 0 if strikes is None else in_a_row + strikes
        assert watched.breaker.out == (in_a_row == STRIKES)
        if watched.breaker.out:
            break
    assert watched.turns == watched.breaker.out


def test_a_server_that_cannot_be_reached_goes_out_at_once() -> None:
    watched = taken_out()
    assert watched.breaker.out
    assert not watched.breaker.due


@given(st.integers(1, 12))
def test_each_trial_that_fails_doubles_the_rest_up_to_the_longest(trials: int) -> None:
    watched, rests = taken_out(), []
    for _ in range(trials):
        rests.append(watched.rest())
        watched.breaker.failed(watched.ask(), 1)
        assert watched.breaker.out
    assert rests[0] == FIRST_REST
    for one, next_one in pairwise(rests):
        assert next_one == min(2 * one, MOST_RESTS * FIRST_REST)
    assert watched.turns == 1, "it has been out all the time"
    assert watched.breaker.opened == 1 + trials


@given(st.integers(1, 50))
def test_one_request_alone_tries_it(asking: int) -> None:
    watched = taken_out()
    watched.rest()
    assert [watched.ask().trial for _ in range(asking)] == [True] + [False] * (asking - 1)


@given(st.integers(0, 6))
def test_a_trial_that_succeeds_forgets_all_that_was(failed: int) -> None:
    watched = taken_out()
    for _ in range(failed):
        watched.rest()
        watched.breaker.failed(watched.ask(), STRIKES)
    watched.rest()
    watched.breaker.succeeded(watched.ask())
    assert (watched.breaker.out, watched.turns) == (False, 2)
    watched.breaker.failed(watched.ask(), STRIKES - 1)
    assert not watched.breaker.out
    watched.breaker.failed(watched.ask(), STRIKES)
    assert watched.rest() == FIRST_REST


def test_a_server_that_answers_anything_is_there() -> None:
    watched = taken_out()
    watched.rest()
    watched.breaker.failed(watched.ask(), 0)
    assert not watched.breaker.out


def test_a_trial_that_ends_without_a_word_makes_room_for_another() -> None:
    watched = taken_out()
    watched.rest()
    other, attempt = watched.breaker.begin(trial=False), watched.ask()
    watched.breaker.drop(other)
    assert not watched.breaker.due, "it was not the trial that ended"
    watched.breaker.drop(attempt)
    assert watched.breaker.due


@given(st.lists(st.sampled_from(["succeeds", "fails", "is answered", "drops"]), max_size=20))
def test_what_was_sent_before_tells_nothing_of_what_is_now(ends: list[str]) -> None:
    watched = Watched()
    before = [watched.ask() for _ in ends]
    watched.breaker.failed(watched.ask(), STRIKES)
    watched.rest()
    trial = watched.ask()
    for attempt, end in zip(before, ends, strict=True):
        settle(watched.breaker, attempt, end)
        settle(watched.breaker, UNWATCHED, end)
        assert watched.breaker.out
        assert not watched.breaker.due, "the trial goes on"
    watched.breaker.failed(trial, 1)
    assert watched.rest() == 2 * FIRST_REST


def settle(breaker: Breaker, attempt: Attempt, end: str) -> None:
    if end == "succeeds":
        breaker.succeeded(attempt)
    elif end == "drops":
        breaker.drop(attempt)
    else:
        breaker.failed(attempt, STRIKES if end == "fails" else 0)


def test_where_all_are_out_a_success_counts_and_only_the_trial_makes_a_rest_longer() -> None:
    watched = taken_out()
    for _ in range(5):
        watched.breaker.failed(watched.ask(), STRIKES)
    assert watched.rest() == FIRST_REST
    watched.breaker.succeeded(watched.breaker.begin(trial=False))
    assert not watched.breaker.out
