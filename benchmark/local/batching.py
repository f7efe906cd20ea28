"""Requests put together into batches: which, how many, and the next prepared while the last is generated."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import count
from queue import SimpleQueue
from typing import Any, Protocol

from benchmark.errors import KEPT, EmotionError, ModelError, RunError
from benchmark.fault import fault_of
from benchmark.local.conversation import pace_of, weight_of
from benchmark.local.sizing import Batch, Sizer
from benchmark.prompt import Prompt

Generation = tuple[tuple[str, Any], ...]
"""Names and values of how a text is generated; see `LocalSettings.generation`."""


ENDED = "The run was ended."

ENDING_SECONDS = 10
"""How long a batch may take to end once it has been told to."""


class OutOfMemory(Exception):
    """The device has not enough memory for a batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """What the network said to one prompt.

    Attributes:
        text: without control tokens.
        input_tokens: of the prompt, pictures and sound among them.
        output_tokens: of the text, its end among them.
        seconds: the request's share of the time in which the device was busy with its batch.
        together: requests in its batch.
        ended: whether it came to its end, rather than to its limit of tokens.
    """

    text: str
    input_tokens: int
    output_tokens: int
    seconds: float
    together: int = 1
    ended: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A batch as the network takes it.

    Attributes:
        batch: the network's own.
        length: tokens of each row, with padding.
    """

    batch: Any
    length: int


class DeviceLost(Exception):
    """The device computes nothing any more for this process, whatever it is asked."""


class Network(Protocol):
    """A loaded checkpoint."""

    def prepare(self, prompts: Sequence[Prompt], generation: Generation) -> Ready:
        """The prompts as one batch; computed on the CPU, while the device is busy with another."""

    def generate(self, ready: Ready) -> list[Generated]:
        """What it says to each.

        Raises:
            OutOfMemory: so many are too many.
            DeviceLost: no other batch would fare better.
        """

    def measure_room(self) -> None:
        """Looks how much memory is free, once all networks that share the devices have been loaded."""

    def stop(self) -> None:
        """Has `generate` end soon, from another thread; what it gives then is nobody's answer."""

    def room(self) -> int | None:
        """Bytes that a batch may take; None where nobody can say."""

    def peak(self) -> int | None:
        """Bytes that the last batch took at most; None where nobody can say."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Waiting:
    """A request in line.

    Attributes:
        generation: how it is to be answered.
        order: how many came before it.
        urgent: whether it goes before those that are not.
        weight: about how long it is; see `weight_of`.
        part: of a batch that has failed, which is asked again by itself; None otherwise.
    """

    prompt: Prompt
    generation: Generation
    order: int
    urgent: bool
    weight: float
    reply: Future[Generated]
    part: int | None = None

    @property
    def sort(self) -> tuple[object, ...]:
        """What requests have in common whose paces compare: what they consist of, and how they are answered."""
        return bool(self.prompt.frames), self.prompt.sound is not None, self.generation

    @property
    def kind(self) -> tuple[object, ...]:
        """What requests of one batch have in common."""
        return *self.sort, pace_of(self.prompt.frames), self.part


def first_of(line: Iterable[Waiting]) -> Waiting:
    """Who is first in line."""
    return min(line, key=lambda one: (not one.urgent, one.order))


def choose(line: Sequence[Waiting], most: int, fits: Callable[[int, float], bool]) -> list[Waiting]:
    """The next batch: who is first in line, with those of its kind that are nearest to it in length.

    `fits` says whether so many requests, the longest of that weight, have room. The first is taken in any case.
    """
    first = first_of(line)
    kind = first.kind
    alike = sorted((one for one in line if one.kind == kind), key=lambda one: (one.weight, one.order))
    low = high = alike.index(first)
    while high - low + 1 < min(most, len(alike)):
        below = first.weight - alike[low - 1].weight if low > 0 else float("inf")
        above = alike[high + 1].weight - first.weight if high + 1 < len(alike) else float("inf")
        wider = (low - 1, high) if below <= above else (low, high + 1)
        if not fits(wider[1] - wider[0] + 1, alike[wider[1]].weight):
            break
        low, high = wider
    return alike[low : high + 1]


class Batcher:
    """A network with a line before it: one thread prepares batches, another has the network generate."""

    def __init__(
        self, load: Callable[[], Network], sizer: Callable[[], Sizer], give_up: Callable[[str], None] = lambda _: None
    ) -> None:
        """Loads the network when the first request comes.

        `sizer` makes what finds the size of batches, one for each sort of requests; `give_up` is told why a device is
        lost that has served.
        """
        self._load, self._new_sizer, self._give_up = load, sizer, give_up
        self._sizers: dict[tuple[object, ...], Sizer] = {}
        self._parts = count()
        self._served = False
        self._room: int | None = None
        self._line: list[Waiting] = []
        self._open: list[Waiting] = []  # what has left the line and has no answer yet
        self._count = 0
        self._news = threading.Condition()
        self._closed = False
        self._network: Network | None = None
        self._failure: EmotionError | None = None
        self._idle_at = 0.0  # when the device is expected to be done with what it has
        self._preparing_takes = 0.0
        self._ready: SimpleQueue[tuple[list[Waiting], Ready] | None] = SimpleQueue()
        self._free = threading.Semaphore(1)  # places for a batch between the threads
        self._threads: list[threading.Thread] = []

    def submit(self, prompt: Prompt, generation: Generation = (), *, urgent: bool = False) -> "Future[Generated]":
        """A promise of what the network says.

        It may hold a `RunError` where the network cannot be loaded, and a `ModelError` where it takes no such prompt.
        """
        reply: Future[Generated] = Future()
        weight = weight_of(prompt)
        with self._news:
            if self._failure is not None or self._closed:
                reply.set_exception(self._failure or RunError(ENDED))
                return reply
            one = Waiting(
                prompt=prompt,
                generation=generation,
                order=self._count,
                urgent=urgent,
                weight=weight,
                reply=reply,
            )
            self._line.append(one)
            self._count += 1
            if not self._threads:
                self._start()
            self._news.notify_all()
        return reply

    def close(self) -> None:
        """Lets go of the network; what is in line or being generated is refused."""
        with self._news:
            self._closed = True
            line, self._line = self._line, []
            self._news.notify_all()
        _refuse(line, RunError(ENDED))
        if self._network is None:
            return  # it is being loaded, which nobody can stop; the thread ends with the process
        self._network.stop()
        for thread in self._threads:
            if thread.ident is not None:  # it has been started
                thread.join(ENDING_SECONDS)

    def _start(self) -> None:
        for work in (self._work, self._prepare_all):
            thread = threading.Thread(target=work, name=f"mme-emotion {work.__name__}", daemon=True)
            self._threads.append(thread)
        self._threads[0].start()

    def _work(self) -> None:
        """Loads, then generates what is ready until it is told to end."""
        try:
            network = self._network = self._load()
            self._room = network.room()
            self._threads[1].start()
            while (batch := self._ready.get()) is not None:
                self._free.release()
                self._generate(network, *batch)
        except DeviceLost as error:
            if self._served:  # a device that never did anything would not do better in another process
                self._give_up(str(error))
            self._fail(RunError(f"The device has failed ({error}). {KEPT}"))
        except EmotionError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001  a network's own code may raise anything
            fault = fault_of(error)
            self._fail(RunError(f"The model cannot be used: {fault.sentence}.", fault=fault))

    def _fail(self, error: EmotionError) -> None:
        """Refuses all that there are and will be."""
        with self._news:
            self._failure, self._closed = error, True
            line, self._line = self._line, []
            open_ones, self._open = self._open, []
            self._news.notify_all()
        self._free.release()
        _refuse([*line, *open_ones], error)

    def _prepare_all(self) -> None:
        assert self._network is not None, "the thread is started once it is loaded"
        try:
            self._free.acquire()  # waits until the batch before has been taken up
            while (batch := self._next()) is not None:
                begun = time.monotonic()
                prepared = self._prepare(self._network, batch)
                self._preparing_takes = time.monotonic() - begun
                if prepared is not None:
                    self._ready.put(prepared)
                    self._free.acquire()
        except Exception as error:  # noqa: BLE001  nobody else would tell those who wait
            fault = fault_of(error)
            self._fail(RunError(f"Requests cannot be put together: {fault.sentence}.", fault=fault))
        finally:
            self._ready.put(None)

    def _next(self) -> list[Waiting] | None:
        """The next batch, as late as the device's being busy allows, so that more may join it; None at the end."""
        with self._news:
            while not self._closed:
                wait = self._idle_at - 2 * self._preparing_takes - time.monotonic()
                self._line = [one for one in self._line if not one.reply.cancelled()]
                sizer = self._sizer_of(first_of(self._line)) if self._line else None
                if sizer is not None and (wait <= 0 or len(self._line) >= sizer.size):
                    batch = choose(self._line, sizer.size, sizer.fits)
                    taken = {one.order for one in batch}
                    self._line = [one for one in self._line if one.order not in taken]
                    self._open += batch
                    return batch
                self._news.wait(wait if self._line else None)
            return None

    def _prepare(self, network: Network, batch: list[Waiting]) -> tuple[list[Waiting], Ready] | None:
        """The batch ready for the network; where that fails one by one, since one may spoil it for all."""
        try:
            return batch, network.prepare([one.prompt for one in batch], batch[0].generation)
        except Exception as error:  # noqa: BLE001  as above
            self._apart(batch, error)
            return None

    def _generate(self, network: Network, batch: list[Waiting], ready: Ready) -> None:
        self._idle_at = time.monotonic() + self._sizer_of(batch[0]).seconds
        try:
            replies = [] if self._closed else network.generate(ready)
        except DeviceLost:
            raise
        except OutOfMemory as error:
            self._too_many(batch, error)
        except Exception as error:  # noqa: BLE001  as above
            self._apart(batch, error)
        else:
            self._generated(batch, ready, replies, network.peak())
        with self._news:
            self._idle_at = 0.0
            self._news.notify_all()

    def _generated(self, batch: list[Waiting], ready: Ready, replies: list[Generated], peak: int | None) -> None:
        if self._closed:  # it was stopped half way
            self._settle(batch, RunError(ENDED))
            return
        self._served = True
        counts = [reply.output_tokens for reply in replies]
        self._sizer_of(batch[0]).measured(
            Batch(
                count=len(batch),
                weight=max(one.weight for one in batch),
                length=ready.length,
                steps=max(counts),
                tokens=sum(counts),
                seconds=sum(reply.seconds for reply in replies),
                peak=peak,
            )
        )
        with self._news:
            self._leave(batch)
        for one, reply in zip(batch, replies, strict=True):
            _answer(one, reply)

    def _too_many(self, batch: list[Waiting], error: OutOfMemory) -> None:
        """Makes smaller batches from now on, and puts these requests where they were in line."""
        if len(batch) == 1:
            why = f"One request alone needs more memory than there is ({error}); see --frames and max_pixels."
            self._settle(batch, ModelError(why))
            return
        self._sizer_of(batch[0]).too_many(len(batch), max(one.weight for one in batch))
        self._again(batch)

    def _apart(self, batch: list[Waiting], error: Exception) -> None:
        """Has each half of a batch that failed tried by itself, so that in the end only who is at fault fails."""
        if len(batch) == 1:
            fault = fault_of(error)
            self._settle(batch, ModelError(f"The model takes no such request: {fault.words}.", fault=fault))
            return
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            part = next(self._parts)
            self._again([replace(one, part=part) for one in half])

    def _again(self, batch: list[Waiting]) -> None:
        with self._news:
            self._leave(batch)
            if not self._closed:
                self._line = batch + self._line
                self._news.notify_all()
                return
        _refuse(batch, self._failure or RunError(ENDED))

    def _sizer_of(self, one: Waiting) -> Sizer:
        """What finds the size of batches of its sort."""
        if one.sort not in self._sizers:
            sizer = self._sizers[one.sort] = self._new_sizer()
            sizer.room = self._room
        return self._sizers[one.sort]

    def _settle(self, batch: list[Waiting], error: EmotionError) -> None:
        with self._news:
            self._leave(batch)
        _refuse(batch, error)

    def _leave(self, batch: list[Waiting]) -> None:
        """Takes down that these requests are not on their way any more."""
        ended = {one.order for one in batch}
        self._open = [one for one in self._open if one.order not in ended]


def _answer(one: Waiting, reply: Generated) -> None:
    if not one.reply.done() and one.reply.set_running_or_notify_cancel():
        one.reply.set_result(reply)


def _refuse(line: Sequence[Waiting], error: EmotionError) -> None:
    for one in line:
        if not one.reply.done() and one.reply.set_running_or_notify_cancel():
            one.reply.set_exception(error)
