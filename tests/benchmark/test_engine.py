import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmark.clip import Clip
from benchmark.engine import Engine
from benchmark.task import TASKS, Sample


def sample(name: str) -> Sample:
    return Sample(
        id=name,
        task=TASKS["SA"],
        clip=Clip(Path(name)),
        label_set=("a", "b"),
        targets=("a",),
        source="x",
        video_id=name,
    )


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
    engines.append(engine := Engine(work, window=7))
    engine.begin(SAMPLES)
    assert [engine.result(asked) for asked in SAMPLES] == [asked.id for asked in SAMPLES]
    assert (work.most, work.calls) == (7, len(SAMPLES))


def test_a_sample_asked_for_twice_is_worked_on_once(engines: list[Engine[str]]) -> None:
    work = Counter(until=1)
    engines.append(engine := Engine(work, window=1))
    assert engine.result(SAMPLES[0]) == engine.result(SAMPLES[0])
    assert work.calls == 1


def test_closing_drops_what_is_in_flight() -> None:
    begun = threading.Event()

    async def forever(asked: Sample) -> str:
        begun.set()
        await asyncio.Event().wait()
        return asked.id

    engine: Engine[str] = Engine(forever, window=1)
    engine.begin(SAMPLES[:2])
    assert begun.wait(10)
    engine.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "mme-emotion engine"]
