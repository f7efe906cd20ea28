"""Combines requests into batches; the next batch is prepared while the device generates the last one."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import count
from queue import SimpleQueue
from typing import Any, Protocol

from benchmark.errors import KEPT, EmotionError, ModelError, RunError
from benchmark.fault import fault_of
from benchmark.local.conversation import pace_of, weight_of
from benchmark.local.sizing import Sizer
from benchmark.prompt import Prompt

Generation = tuple[tuple[str, Any], ...]
"""Names and values of generation settings; see `LocalSettings.generation`."""

ENDED = "The run was ended."

ENDING_SECONDS = 10
"""How long `close` waits for the batch that is being generated."""


class OutOfMemory(Exception):
    """The device has too little memory for a batch."""


class DeviceLost(Exception):
    """The device no longer computes anything for this process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """The network's reply to one prompt.

    Attributes:
        text: the reply without control tokens.
        input_tokens: tokens of the prompt, including those of pictures and sound.
        output_tokens: tokens of the text, including its end token.
        seconds: the request's share of the time that the device spent on its batch.
        together: the number of requests in its batch.
        ended: whether the text ended by itself rather than at the token limit.
    """

    text: str
    input_tokens: int
    output_tokens: int
    seconds: float
    together: int = 1
    ended: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A prepared batch.

    Attributes:
        inputs: the network's arguments by name.
        lengths: the tokens of each prompt; prompts are padded to the longest.
        generation: the generation settings.
        woven: whether sound is interleaved with the frames.
    """

    inputs: Mapping[str, Any]
    lengths: tuple[int, ...]
    generation: Generation = ()
    woven: bool = False


class Network(Protocol):
    """A loaded checkpoint."""

    @property
    def room(self) -> int | None:
        """The bytes of memory that a batch may take; None if unknown."""

    @property
    def peak(self) -> int | None:
        """The peak memory of the last batch, in bytes; None if unknown."""

    def prepare(self, prompts: Sequence[Prompt], generation: Generation) -> Ready:
        """The prompts as one batch; computed on the CPU, while the device is busy with another batch."""

    def generate(self, ready: Ready) -> list[Generated]:
        """The replies, in the order of the prompts.

        Raises:
            OutOfMemory: the batch is too large for the device.
            DeviceLost: the device failed, and no other batch would succeed.
        """

    def measure_room(self) -> None:
        """Measures the free memory; called once all networks that share the devices are loaded."""

    def stop(self) -> None:
        """Makes `generate` in another thread return soon, with unfinished replies."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Waiting:
    """A request in the queue.

    Attributes:
        prompt: what is asked.
        generation: the generation settings of its reply.
        order: how many requests came before it.
        urgent: whether it goes before those that are not urgent.
        weight: its approximate length in tokens; see `weight_of`.
        reply: will hold the reply or an error.
        part: the number of the part of a failed batch that is retried separately; None for a first attempt.
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
        """Equal for requests whose speeds are comparable: the same kinds of content and the same settings."""
        return bool(self.prompt.frames), self.prompt.sound is not None, self.generation

    @property
    def kind(self) -> tuple[object, ...]:
        """Equal for requests that may share a batch."""
        return *self.sort, pace_of(self.prompt.frames), self.part


def first_of(queue: Iterable[Waiting]) -> Waiting:
    """The oldest of the urgent requests, or of all if none is urgent."""
    return min(queue, key=lambda one: (not one.urgent, one.order))


def choose(queue: Sequence[Waiting], most: int, fits: Callable[[int, float], bool]) -> list[Waiting]:
    """The next batch: the first request, and those of its kind whose lengths are nearest to its own, at most `most`.

    `fits(count, weight)` says whether that many requests fit into memory if the longest has that weight. The first is
    taken in any case.
    """
    first = first_of(queue)
    kind = first.kind
    alike = sorted((one for one in queue if one.kind == kind), key=lambda one: (one.weight, one.order))
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
    """A network and its queue of requests: one thread prepares batches, another has the network generate."""

    def __init__(
        self, load: Callable[[], Network], sizer: Callable[[], Sizer], give_up: Callable[[str], None] = lambda _: None
    ) -> None:
        """A batcher that calls `load` when the first request comes.

        `sizer` makes a `Sizer` for each sort of requests. `give_up` is called with the reason if the device fails after
        it has generated a batch.
        """
        self._load, self._new_sizer, self._give_up = load, sizer, give_up
        self._sizers: dict[tuple[object, ...], Sizer] = {}
        self._parts = count()
        self._served = False
        self._room: int | None = None
        self._queue: list[Waiting] = []
        self._open: dict[int, Waiting] = {}  # requests that have left the queue and have no reply yet, by their order
        self._count = 0
        self._news = threading.Condition()
        self._end: EmotionError | None = None  # why no more requests are taken
        self._network: Network | None = None
        self._idle_at = 0.0  # when the device is expected to finish its batch
        self._preparing_seconds = 0.0
        self._ready: SimpleQueue[tuple[list[Waiting], Ready] | None] = SimpleQueue()
        self._free = threading.Semaphore(1)  # permits to put a batch into `_ready`
        self._threads = [
            threading.Thread(target=work, name=f"mme-emotion {work.__name__}", daemon=True)
            for work in (self._work, self._prepare_all)
        ]

    def submit(self, prompt: Prompt, generation: Generation = (), *, urgent: bool = False) -> "Future[Generated]":
        """A future of the network's reply.

        It fails with a `RunError` if the network cannot be loaded or the run ends, and with a `ModelError` if the
        network cannot process the prompt.
        """
        reply: Future[Generated] = Future()
        weight = weight_of(prompt)
        with self._news:
            if self._end is not None:
                reply.set_exception(self._end)
                return reply
            order, self._count = self._count, self._count + 1
            self._queue.append(
                Waiting(prompt=prompt, generation=generation, order=order, urgent=urgent, weight=weight, reply=reply)
            )
            if self._threads[0].ident is None:
                self._threads[0].start()
            self._news.notify_all()
        return reply

    def close(self) -> None:
        """Stops the network and refuses all requests without a reply; later ones are refused too."""
        self._fail(RunError(ENDED))
        if self._network is None:
            return  # loading cannot be interrupted; the thread ends with the process
        self._network.stop()
        for thread in self._threads:
            if thread.ident is not None:  # it has been started
                thread.join(ENDING_SECONDS)

    def _work(self) -> None:
        """Loads the network, then generates the batches that are ready, until the end."""
        try:
            network = self._network = self._load()
            self._room = network.room
            self._threads[1].start()
            while (batch := self._ready.get()) is not None:
                self._free.release()
                self._generate(network, *batch)
        except DeviceLost as error:
            if self._served:  # otherwise another process would fail in the same way
                self._give_up(str(error))
            self._fail(RunError(f"The device has failed ({error}). {KEPT}"))
        except EmotionError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001  the network's code may raise anything
            fault = fault_of(error)
            self._fail(RunError(f"The model cannot be used: {fault.sentence}.", fault=fault))

    def _fail(self, error: EmotionError) -> None:
        """Refuses all requests, present and future; the first reason is kept for future ones."""
        with self._news:
            self._end = self._end or error
            requests, self._queue, self._open = [*self._queue, *self._open.values()], [], {}
            self._news.notify_all()
        self._free.release()
        _refuse(requests, error)

    def _prepare_all(self) -> None:
        """Prepares batches, at most one ahead of the one that is generated, until the end."""
        assert self._network is not None, "the thread starts after loading"
        try:
            self._free.acquire()
            while (batch := self._next()) is not None:
                begun = time.monotonic()
                try:
                    ready = self._network.prepare([one.prompt for one in batch], batch[0].generation)
                except Exception as error:  # noqa: BLE001  as above
                    self._retry_halves(batch, error)
                    continue
                self._preparing_seconds = time.monotonic() - begun
                self._ready.put((batch, ready))
                self._free.acquire()
        except Exception as error:  # noqa: BLE001  otherwise requests would wait for ever
            fault = fault_of(error)
            self._fail(RunError(f"Batches cannot be formed: {fault.sentence}.", fault=fault))
        finally:
            self._ready.put(None)

    def _next(self) -> list[Waiting] | None:
        """The next batch, as late as possible without idling the device, so that it is large; None at the end."""
        with self._news:
            while self._end is None:
                wait = self._idle_at - 2 * self._preparing_seconds - time.monotonic()
                self._queue = [one for one in self._queue if not one.reply.cancelled()]
                sizer = self._sizer_of(first_of(self._queue)) if self._queue else None
                if sizer is not None and (wait <= 0 or len(self._queue) >= sizer.size):
                    batch = choose(self._queue, sizer.size, sizer.fits)
                    self._open |= {one.order: one for one in batch}
                    self._queue = [one for one in self._queue if one.order not in self._open]
                    return batch
                self._news.wait(wait if self._queue else None)
            return None

    def _generate(self, network: Network, batch: list[Waiting], ready: Ready) -> None:
        if self._end is not None:  # its requests have been refused
            return
        self._idle_at = time.monotonic() + self._sizer_of(batch[0]).seconds
        try:
            replies = network.generate(ready)
        except DeviceLost:
            raise
        except OutOfMemory as error:
            self._shrink(batch, error)
        except Exception as error:  # noqa: BLE001  as above
            self._retry_halves(batch, error)
        else:
            if self._end is None:  # otherwise the replies may be unfinished
                self._generated(batch, ready, replies, network.peak)
        with self._news:
            self._idle_at = 0.0
            self._news.notify_all()

    def _generated(self, batch: list[Waiting], ready: Ready, replies: list[Generated], peak: int | None) -> None:
        self._served = True
        counts, seconds = [reply.output_tokens for reply in replies], sum(reply.seconds for reply in replies)
        weight = max(one.weight for one in batch)
        self._sizer_of(batch[0]).measured(weight, max(ready.lengths), counts, seconds, peak)
        said = {one.order: reply for one, reply in zip(batch, replies, strict=True)}
        for one in self._taken(batch):
            if one.reply.set_running_or_notify_cancel():
                one.reply.set_result(said[one.order])

    def _shrink(self, batch: list[Waiting], error: OutOfMemory) -> None:
        """Makes batches smaller from now on, and puts the requests back into the queue."""
        if len(batch) == 1:
            why = f"One request needs more memory than the device has ({error}); reduce --frames or max_pixels."
            _refuse(self._taken(batch), ModelError(why))
            return
        self._sizer_of(batch[0]).too_many(len(batch), max(one.weight for one in batch))
        self._requeue(batch)

    def _retry_halves(self, batch: list[Waiting], error: Exception) -> None:
        """Retries each half of a failed batch separately, so that in the end only the request at fault fails.

        The halves get different `part` numbers, and requests of different parts are never batched together.
        """
        if len(batch) == 1:
            fault = fault_of(error)
            error = ModelError(f"The model cannot process this request: {fault.words}.", fault=fault)
            _refuse(self._taken(batch), error)
            return
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            part = next(self._parts)
            self._requeue([replace(one, part=part) for one in half])

    def _requeue(self, batch: list[Waiting]) -> None:
        with self._news:
            self._queue = self._taken(batch) + self._queue
            self._news.notify_all()

    def _sizer_of(self, one: Waiting) -> Sizer:
        """The sizer for requests of its sort."""
        if one.sort not in self._sizers:
            sizer = self._sizers[one.sort] = self._new_sizer()
            sizer.room = self._room
        return self._sizers[one.sort]

    def _taken(self, batch: list[Waiting]) -> list[Waiting]:
        """The requests of the batch that another thread has not refused; they no longer count as open."""
        with self._news:
            return [one for one in batch if self._open.pop(one.order, None)]


def _refuse(requests: Sequence[Waiting], error: EmotionError) -> None:
    for one in requests:
        if one.reply.set_running_or_notify_cancel():
            one.reply.set_exception(error)
