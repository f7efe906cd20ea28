"""Samples in flight ahead of the cases that wait for them."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from typing import Generic, TypeVar

from benchmark.task import Sample

T = TypeVar("T")


class Engine(Generic[T]):
    """One asyncio loop on a thread of its own, with a bounded number of samples in flight."""

    def __init__(
        self,
        work: Callable[[Sample], Awaitable[T]],
        concurrency: int,
        farewell: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Starts the thread; `work` is what is done with a sample, `farewell` what is done last."""
        self._farewell = farewell
        self._work = work
        self._slots = asyncio.Semaphore(concurrency)
        self._begun: dict[str, Future[T]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mme-emotion engine", daemon=True)
        self._thread.start()

    def begin(self, samples: Iterable[Sample]) -> None:
        """Puts samples in line, in this order; one that is in line already stays where it is."""
        for sample in samples:
            if sample.id not in self._begun:
                self._begun[sample.id] = asyncio.run_coroutine_threadsafe(self._run(sample), self._loop)

    def result(self, sample: Sample) -> T:
        """What the work made of the sample; waits for it."""
        self.begin([sample])
        return self._begun[sample.id].result()

    def close(self) -> None:
        """Drops what is in flight and ends the thread."""
        asyncio.run_coroutine_threadsafe(self._cancel(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _run(self, sample: Sample) -> T:
        async with self._slots:
            return await self._work(sample)

    async def _cancel(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._farewell is not None:
            await self._farewell()
