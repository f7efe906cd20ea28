"""Processes samples ahead of the cases that wait for them."""

import asyncio
import re
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from benchmark.errors import Halted, NotKept, RunError
from benchmark.fault import Fault, fault_of
from benchmark.task import Sample

T = TypeVar("T")

# ids and numbers in a message, except for the HTTP status after "answered"
_ID = re.compile(r"\b(?:\w+[ _-]?)?id\b\W{0,3}[\w-]+|(?<!answered )\b[\w-]*\d[\w-]*", re.IGNORECASE)

ALIKE = 8
"""If this many first samples all fail for the same reason, the rest would fail too."""

BACKLOG = 1000
"""The most results that may wait for their cases, besides a window of them; above it, no new sample is begun."""


def fast_loop() -> asyncio.AbstractEventLoop:
    """A new event loop: uvloop's, which takes a fifth less time, or Python's if uvloop is missing, as on Windows."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


class Engine(Generic[T]):
    """An asyncio loop in its own thread, with a limited number of samples in flight.

    Attributes:
        stopped: why the engine has stopped; None while it works.
        fault: the exception behind that, if it was an unexpected one.
        unkept: whether a result could not be written to disk.
    """

    def __init__(
        self,
        work: Callable[[Sample], Awaitable[T]],
        window: Callable[[], int],
        *,
        failure: Callable[[T], str | None] = lambda _: None,
        rescue: Callable[[Sample, BaseException], T] | None = None,
        farewell: Callable[[], Awaitable[None]] | None = None,
        new_loop: Callable[[], asyncio.AbstractEventLoop] = fast_loop,
    ) -> None:
        """Starts the thread.

        `work` processes a sample; `window` returns how many may be in flight now; `failure` returns why a result is a
        failure, or None; `rescue` makes a result of an exception of the work; `farewell` runs last; `new_loop` creates
        the event loop. A `RunError` of the work stops the engine, and so do first results that all fail in the same
        way; both cancel the samples in flight, except for `Halted`.
        """
        self.stopped: str | None = None
        self.fault: Fault | None = None
        self.unkept = False
        self._work, self._window, self._failure, self._rescue, self._farewell = work, window, failure, rescue, farewell
        self._line: deque[Sample] = deque()
        self._results: dict[str, Future[T]] = {}
        self._done: SimpleQueue[str | None] = SimpleQueue()
        self._open: set[asyncio.Task[None]] = set()
        self._unclaimed: dict[str, T] = {}
        self._failures: list[str | None] = []
        self._loop = new_loop()
        self._loop.set_exception_handler(self._unforeseen)
        self._thread = threading.Thread(target=self._loop.run_forever, name="mme-emotion engine", daemon=True)
        self._thread.start()

    def begin(self, samples: Iterable[Sample]) -> None:
        """Queues samples in this order; samples that are already queued keep their places."""
        for sample in samples:
            if sample.id not in self._results:
                self._results[sample.id] = Future()
                self._line.append(sample)
        self._loop.call_soon_threadsafe(self._fill)

    def next_done(self) -> str | None:
        """Waits for the next sample that is done; returns its id, each once, in the order in which they are done.

        None once the engine has stopped, nothing is in flight and all ids have been returned.
        """
        return self._done.get()

    def finish(self, sample: Sample) -> bool:
        """Waits for the sample; returns whether it is done, False if the engine stopped before."""
        self.begin([sample])
        return not isinstance(self._results[sample.id].exception(), RunError)

    def result(self, sample: Sample) -> T:
        """Waits for the sample; returns the result of the work.

        Raises:
            RunError: the engine stopped before.
            Exception: what the work raised, if there is no `rescue`.
        """
        self.begin([sample])
        result = self._results[sample.id].result()
        if self._unclaimed.pop(sample.id, None) is not None:
            self._loop.call_soon_threadsafe(self._fill)
        return result

    def stop(self, why: str) -> None:
        """Begins no further sample; those in flight are finished, so that their replies are not lost."""
        self._loop.call_soon_threadsafe(partial(self._stop, why, drop=False))

    def drain(self) -> None:
        """Waits until nothing is in flight."""
        asyncio.run_coroutine_threadsafe(self._drain(), self._loop).result()

    def unclaimed(self) -> list[T]:
        """The results that `result` has not returned."""
        return list(self._unclaimed.values())

    def close(self) -> None:
        """Cancels what is in flight and ends the thread."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(self._cancel(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _fill(self) -> None:
        """Begins as many queued samples as the window allows; refuses them all if the engine has stopped."""
        if self.stopped:
            while self._line:  # one by one, since another thread may add to it
                self._refuse(self._line.popleft())
            if not self._open:
                self._done.put(None)
            return
        window = self._window()
        while self._line and len(self._open) < window:
            if len(self._unclaimed) > BACKLOG + window:
                return
            sample = self._line.popleft()
            task = self._loop.create_task(self._run(sample))
            self._open.add(task)
            task.add_done_callback(partial(self._ended, sample))

    def _ended(self, sample: Sample, task: "asyncio.Task[None]") -> None:
        self._open.discard(task)
        if task.cancelled() and not self._results[sample.id].done():  # before it began
            self._refuse(sample)
        self._fill()

    async def _run(self, sample: Sample) -> None:
        """Processes a sample and sets its result; stops the engine on a `RunError`, or if first samples fail alike."""
        future = self._results[sample.id]
        try:
            result = await self._worked(sample)
        except RunError as error:
            self.fault = self.fault or error.fault
            self.unkept = self.unkept or isinstance(error, NotKept)
            self._stop(str(error), drop=not isinstance(error, Halted))
            future.set_exception(error)
        except asyncio.CancelledError:
            if self.stopped is None:  # the engine cancels only when it stops
                self._stop(f"The work on {sample.id} was cancelled by its own code.", drop=True)
            self._refuse(sample)
            raise
        except Exception as error:  # noqa: BLE001  `result` raises it again
            future.set_exception(error)
            self._done.put(sample.id)
        else:
            self._unclaimed[sample.id] = result
            future.set_result(result)
            self._done.put(sample.id)
            self._note_failure(self._failure(result))

    async def _worked(self, sample: Sample) -> T:
        """The result of the work, or of `rescue` for what the work raises."""
        try:
            return await self._work(sample)
        except (RunError, asyncio.CancelledError):
            raise
        except BaseException as error:
            if self._rescue is None:
                raise
            return self._rescue(sample, error)

    def _unforeseen(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Stops the engine if a callback of the loop has failed, such as `_fill`, since cases would wait forever."""
        error = context.get("exception")
        if "handle" in context and isinstance(error, Exception):
            self.fault = fault_of(error)
            self._stop(f"The engine has failed: {self.fault.words}.", drop=True)
        else:
            loop.default_exception_handler(context)

    def _note_failure(self, failure: str | None) -> None:
        """Stops the engine if the first samples all failed alike, apart from ids and numbers in the messages."""
        if len(self._failures) < ALIKE:
            self._failures.append(failure)
            kinds = {one and _ID.sub("#", one) for one in self._failures}
            if len(self._failures) == ALIKE and failure is not None and len(kinds) == 1:
                why = f"The first {ALIKE} samples all failed in the same way, and so would the rest: {failure}"
                self._stop(why, drop=True)

    def _stop(self, why: str, *, drop: bool) -> None:
        if self.stopped is None:
            self.stopped = why
            for task in self._open - {asyncio.current_task(self._loop)} if drop else ():
                task.cancel()
            self._fill()

    def _refuse(self, sample: Sample) -> None:
        self._results[sample.id].set_exception(RunError(self.stopped or "The run was ended."))

    async def _drain(self) -> None:
        while self._open:
            await asyncio.wait(self._open)

    async def _cancel(self) -> None:
        self.stopped = self.stopped or "The run was ended."
        self._fill()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        if self._farewell is not None:
            await self._farewell()
        await self._loop.shutdown_default_executor()
