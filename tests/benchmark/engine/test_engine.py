import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmark.clip import Clip
from benchmark.engine.engine import BACKLOG, Engine, fast_loop
from benchmark.errors import Halted, NotKept, RunError
from benchmark.task import Sample
from tests.tasks import TASKS


def sample(name: str) -> Sample:
    return Sample(
        id=name,
        task=TASKS["SA"],
        clip=Clip(Path(name)),
        label_set=("a", "b"),
        targets=("a",),
        source="x",
        recording="x",
        video_id=name,
    )


ALIKE = 8  # as the README says
SAMPLES = [sample(str(number)) for number in range(40)]


class Counter:
    """Work that knows how much of it runs at once, and that only ends when as much runs as may."""

    def __init__(self, until: int) -> None:
        self.until, self.running, self.most, self.calls = until, 0, 0, 0
        self.full = asyncio.Event()

    async def __call__(self, asked: Sample) -> str:
        self.calls += 1
        self.running += 1
        self.most = max(self.most, self.running)
        if self.running == self.until:
            self.full.set()
        await self.full.wait()
        self.running -= 1
        return asked.id


@pytest.fixture
def engines() -> Iterator[list[Engine[str]]]:
    started: list[Engine[str]] = []
    yield started
    for engine in started:
        engine.close()


def test_it_runs_ahead_as_far_as_it_may_and_no_farther(engines: list[Engine[str]]) -> None:
    work = Counter(until=7)
    engines.append(engine := Engine(work, window=lambda: 7))
    engine.begin(SAMPLES)
    assert [engine.result(asked) for asked in SAMPLES] == [asked.id for asked in SAMPLES]
    assert (work.most, work.calls) == (7, len(SAMPLES))


def test_it_runs_farther_ahead_once_it_may(engines: list[Engine[str]]) -> None:
    counter, window = Counter(until=7), [1]

    async def work(asked: Sample) -> str:
        window[0] = 7  # as where an actor joins while one is in flight
        return asked.id if asked is SAMPLES[0] else await counter(asked)

    engines.append(engine := Engine(work, window=lambda: window[0]))
    engine.begin(SAMPLES)
    assert [engine.result(asked) for asked in SAMPLES] == [asked.id for asked in SAMPLES]
    assert counter.most == 7


def test_a_sample_asked_for_twice_is_worked_on_once(engines: list[Engine[str]]) -> None:
    work = Counter(until=1)
    engines.append(engine := Engine(work, window=lambda: 1))
    assert engine.result(SAMPLES[0]) == engine.result(SAMPLES[0])
    assert work.calls == 1


def test_who_is_done_first_is_named_first(engines: list[Engine[str]]) -> None:
    freed = asyncio.Event()

    async def first_is_slow(asked: Sample) -> str:
        if asked.id == "0":
            await freed.wait()
        elif asked.id == "9":
            freed.set()
        return asked.id

    engines.append(engine := Engine(first_is_slow, window=lambda: 3))
    engine.begin(SAMPLES[:10])
    done = [engine.next_done() for _ in range(10)]
    assert done[0] == "1"
    assert done.index("0") >= 8
    assert sorted(map(str, done)) == sorted(sample.id for sample in SAMPLES[:10])


def test_one_that_is_named_twice_is_worked_on_once(engines: list[Engine[str]]) -> None:
    work = Counter(until=1)
    engines.append(engine := Engine(work, window=lambda: 1))
    engine.begin([SAMPLES[0], SAMPLES[0]])
    engine.begin([SAMPLES[0]])
    assert engine.result(SAMPLES[0]) == "0"
    assert work.calls == 1


def test_results_that_nobody_asks_for_hold_it_back(engines: list[Engine[str]]) -> None:
    many = [sample(str(number)) for number in range(BACKLOG + 500)]
    begun: list[str] = []

    async def work(asked: Sample) -> str:
        begun.append(asked.id)
        return asked.id

    engines.append(engine := Engine(work, window=lambda: 10))
    engine.begin(many)
    first = [engine.next_done() for _ in range(BACKLOG)]
    assert len(begun) <= BACKLOG + 21
    for asked in many:
        engine.result(asked)
    assert len(begun) == len(many)
    assert first[0] == "0"


def test_first_results_that_all_fail_alike_end_it(engines: list[Engine[str]]) -> None:
    async def work(asked: Sample) -> str:
        return f"{asked.id}: wrong key"

    engines.append(engine := Engine(work, window=lambda: 2, failure=lambda result: result.partition(": ")[2]))
    engine.begin(SAMPLES)
    done = []
    while (name := engine.next_done()) is not None:
        done.append(name)
    assert len(done) == ALIKE
    assert engine.stopped == f"The first {ALIKE} samples all failed in the same way, and so would the rest: wrong key"
    assert sorted(engine.unclaimed()) == sorted(f"{name}: wrong key" for name in done)
    assert engine.finish(SAMPLES[0])
    assert not engine.finish(SAMPLES[-1])
    with pytest.raises(RunError, match="wrong key"):
        engine.result(SAMPLES[-1])


def test_one_success_among_the_first_lets_it_go_on(engines: list[Engine[str]]) -> None:
    async def work(asked: Sample) -> str:
        return asked.id

    engines.append(
        engine := Engine(work, window=lambda: 2, failure=lambda result: None if result == "3" else "no answer")
    )
    assert [engine.result(asked) for asked in SAMPLES] == [asked.id for asked in SAMPLES]
    assert engine.stopped is None


def test_an_error_of_the_run_ends_it_and_what_is_done_stays(engines: list[Engine[str]]) -> None:
    async def work(asked: Sample) -> str:
        if asked.id == "5":
            raise RunError("The disk is full.")
        return asked.id

    engines.append(engine := Engine(work, window=lambda: 1))
    engine.begin(SAMPLES)
    names = [engine.next_done() for _ in range(6)]
    assert names == ["0", "1", "2", "3", "4", None]
    assert engine.stopped == "The disk is full."
    assert engine.unclaimed() == ["0", "1", "2", "3", "4"]


def test_a_gentle_stop_lets_what_is_in_flight_end(engines: list[Engine[str]]) -> None:
    begun, freed = threading.Semaphore(0), threading.Event()

    async def work(asked: Sample) -> str:
        begun.release()
        await asyncio.to_thread(freed.wait, 10)
        return asked.id

    engines.append(engine := Engine(work, window=lambda: 2))
    engine.begin(SAMPLES)
    for _ in range(2):
        assert begun.acquire(timeout=10)
    engine.stop("Another process has ended the run.")
    freed.set()
    assert [engine.finish(asked) for asked in SAMPLES] == [True, True] + [False] * 38
    assert engine.stopped == "Another process has ended the run."


@pytest.mark.parametrize(("error", "kept"), [(RunError, []), (NotKept, []), (Halted, ["0", "1"])])
def test_only_a_halt_waits_for_what_is_paid_for(
    engines: list[Engine[str]], error: type[RunError], kept: list[str]
) -> None:
    """The third sample may send nothing more, while the first two wait for their replies."""
    waiting, replied = [asyncio.Event() for _ in range(2)], asyncio.Event()

    async def work(asked: Sample) -> str:
        if asked.id == "2":
            for one in waiting:
                await one.wait()
            asyncio.get_running_loop().call_soon(asyncio.get_running_loop().call_soon, replied.set)
            raise error("The budget is spent.")
        waiting[int(asked.id)].set()
        await replied.wait()
        return asked.id

    engines.append(engine := Engine(work, window=lambda: 3))
    engine.begin(SAMPLES)
    assert sorted(iter(engine.next_done, None)) == kept
    assert engine.unclaimed() == kept
    assert engine.stopped == "The budget is spent."


def test_a_fault_of_ours_is_raised_where_the_case_waits(engines: list[Engine[str]]) -> None:
    async def work(asked: Sample) -> str:
        raise ZeroDivisionError

    engines.append(engine := Engine(work, window=lambda: 1))
    with pytest.raises(ZeroDivisionError):
        engine.result(SAMPLES[0])


def test_closing_drops_what_is_in_flight() -> None:
    begun = threading.Event()

    async def forever(asked: Sample) -> str:
        begun.set()
        await asyncio.Event().wait()
        return asked.id

    engine: Engine[str] = Engine(forever, window=lambda: 1)
    engine.begin(SAMPLES[:2])
    assert begun.wait(10)
    engine.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "mme-emotion engine"]


@pytest.mark.parametrize("new_loop", [fast_loop, asyncio.new_event_loop])
def test_a_callback_that_fails_ends_it_and_leaves_nobody_waiting(
    engines: list[Engine[str]], new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    windows = iter([3, 3])

    async def work(asked: Sample) -> str:
        return asked.id

    engines.append(engine := Engine(work, window=lambda: next(windows), new_loop=new_loop))
    engine.begin(SAMPLES)
    with pytest.raises(RunError, match=r"The engine has failed: StopIteration \(.+, line \d+\)"):
        engine.result(SAMPLES[-1])
    assert engine.fault is not None


class Panic(BaseException):
    """As compiled packages raise it."""


@pytest.mark.parametrize("kind", [Panic, KeyboardInterrupt, SystemExit, TypeError])
def test_whatever_the_work_raises_is_rescued(engines: list[Engine[str]], kind: type[BaseException]) -> None:
    async def work(asked: Sample) -> str:
        raise kind(asked.id)

    engines.append(engine := Engine(work, window=lambda: 3, rescue=lambda asked, error: f"{asked.id} {error}"))
    engine.begin(SAMPLES)
    assert [engine.result(asked) for asked in SAMPLES] == [f"{asked.id} {asked.id}" for asked in SAMPLES]


def test_work_that_is_cancelled_from_within_ends_it(engines: list[Engine[str]]) -> None:
    async def work(asked: Sample) -> str:
        raise asyncio.CancelledError

    engines.append(engine := Engine(work, window=lambda: 3))
    engine.begin(SAMPLES)
    with pytest.raises(RunError, match="was cancelled by its own code"):
        engine.result(SAMPLES[-1])


def test_where_all_fail_at_once_nobody_is_left_waiting(engines: list[Engine[str]]) -> None:
    async def work(asked: Sample) -> str:
        return "no"

    engines.append(engine := Engine(work, window=lambda: len(SAMPLES), failure=lambda result: result))
    engine.begin(SAMPLES)
    with pytest.raises(RunError, match="all failed in the same way"):
        engine.result(SAMPLES[-1])


def test_what_is_put_in_line_while_it_stops_is_refused(engines: list[Engine[str]]) -> None:
    many = [sample(str(number)) for number in range(20_000)]
    engines.append(engine := Engine(Counter(until=1), window=lambda: 0))
    engine.begin(many[: len(many) // 2])
    engine.stop("Enough.")
    engine.begin(many[len(many) // 2 :])
    assert not any(engine.finish(one) for one in many)
