"""Distributes requests to actors that come and go; no request is lost with an actor. Nothing here depends on Ray."""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from operator import attrgetter
from queue import Empty, SimpleQueue
from typing import Any

from benchmark.cluster.worker import Refused
from benchmark.errors import EmotionError, ModelError, RunError
from benchmark.fault import fault_of
from benchmark.local.batching import ENDED, Generated, Generation
from benchmark.prompt import Prompt

FIRST_DEPTH, DEPTH = 8, 192
"""Requests that an actor has at once, at first and at most; the others wait for the first free actor."""

BATCHES = 3
"""How many batches of requests an actor has: one is generated, one is prepared, one is left to choose from."""

MOST_LOSSES = 3
"""A request with which this many actors were lost is not sent again; all but the first actor had no other request."""

TICK_SECONDS = 3.0


@dataclass(slots=True, kw_only=True, eq=False)
class Request:
    """A request that waits or is with an actor.

    Attributes:
        model: the key of the checkpoint.
        reply: the future reply.
        losses: how often it was sent without a reply.
        whole: whether its pictures must be sent, since the actor could not read their file.
    """

    prompt: Prompt
    model: str
    generation: Generation
    urgent: bool
    reply: Future[Generated] = field(default_factory=Future)
    losses: int = 0
    whole: bool = False

    @property
    def is_suspect(self) -> bool:
        """Whether it may have killed an actor; such a request is sent to an actor that has no other."""
        return self.losses > 0


@dataclass(slots=True, kw_only=True, eq=False)
class Worker:
    """An actor that has loaded its networks.

    Attributes:
        actor: the handle of the actor.
        node: the id of its node.
        shares: whether it can read the disk on which the run stores pictures.
        open: the requests that it has.
        depth: how many requests it may have.
        proven: whether it has answered any.
        apart: whether it is reserved for suspects, of which it has one at a time and no other request.
    """

    actor: Any
    node: str = ""
    shares: bool = False
    open: list[Request] = field(default_factory=list)
    depth: int = FIRST_DEPTH
    proven: bool = False
    apart: bool = False

    @property
    def load(self) -> float:
        """The number of its requests, as a fraction of `depth`."""
        return len(self.open) / self.depth


_LOAD = attrgetter("load")


class Dispatcher:
    """A queue of requests for many workers, each of which gets the next request when it has room.

    Requests that were lost with a worker are suspects, unless the worker's node was lost too. A worker gets one suspect
    at a time, so that only the request that kills workers is lost again. Workers that have answered before get them
    first, so that no request is blamed at a place where every worker dies.

    One thread does all the work; `submit`, `call` and `close` may be called from any other.
    """

    def __init__(
        self,
        send: Callable[[Worker, Request], "Future[Generated | Refused]"],
        is_loss: Callable[[BaseException], bool],
        is_gone: Callable[[str], bool],
        tick: Callable[[], None],
    ) -> None:
        """Has no workers yet.

        `send` sends a request to a worker; `is_loss` tells whether an error in place of a reply means that the worker
        has ended, `is_gone` whether the node of that id has left; `tick` is called every `TICK_SECONDS`, first at once.
        """
        self._send, self._is_loss, self._is_gone, self._tick = send, is_loss, is_gone, tick
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        # urgent requests, and others: sorting a single queue would take time for all its requests at each reply
        self._lines: tuple[deque[Request], deque[Request]] = (deque(), deque())
        self._suspects: deque[Request] = deque()
        self._workers: list[Worker] = []
        self._failure: EmotionError | None = None
        self._thread = threading.Thread(target=self._run, name="mme-emotion dispatcher", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def submit(
        self, prompt: Prompt, model: str, generation: Generation = (), *, urgent: bool = False
    ) -> "Future[Generated]":
        """Queues a request to a checkpoint; returns the future reply, or its `EmotionError`."""
        request = Request(prompt=prompt, model=model, generation=generation, urgent=urgent)
        self.call(partial(self._take, request))
        return request.reply

    def call(self, work: Callable[[], None]) -> None:
        """Runs `work` on the dispatcher's thread, the only one on which `add`, `remove` and `fail` may be called."""
        self._calls.put(work)

    def close(self) -> None:
        """Refuses the remaining requests, and ends the thread."""
        self.call(partial(self.fail, RunError(ENDED)))
        self._calls.put(None)
        self._thread.join()

    @property
    def waits(self) -> bool:
        """Whether there are requests but no workers."""
        return (any(self._lines) or bool(self._suspects)) and not self._workers

    @property
    def workers(self) -> int:
        """The number of workers."""
        return len(self._workers)

    def add(self, worker: Worker) -> None:
        """Adds a worker."""
        self._workers.append(worker)
        self._feed()

    def remove(self, worker: Worker) -> None:
        """Removes a worker; its requests are sent again, as suspects if its node is still there."""
        if worker in self._workers:
            self._workers.remove(worker)
            lost, worker.open = worker.open, []
            if self._is_gone(worker.node):
                for request in reversed(lost):
                    self._line_of(request).appendleft(request)
            else:
                for request in sorted(lost, key=lambda request: not request.urgent):
                    self._again(request, "the actors that had it were lost")
            self._feed()

    def fail(self, error: EmotionError) -> None:
        """Refuses all present and future requests with this error, or with the first one if this is not the first."""
        self._failure = self._failure or error
        queues = (*self._lines, self._suspects, *(worker.open for worker in self._workers))
        requests = list(chain(*queues))
        for queue in queues:
            queue.clear()
        for request in requests:
            _settle(request, self._failure)

    def _run(self) -> None:
        due = 0.0
        while True:
            try:
                work = self._calls.get(timeout=max(0.0, due - time.monotonic()))
            except Empty:
                work, due = self._tick, time.monotonic() + TICK_SECONDS
            if work is None:
                return
            try:
                work()
            except Exception as error:  # noqa: BLE001  or the requests would wait forever
                fault = fault_of(error)
                self.fail(RunError(f"The cluster cannot be used: {fault.sentence}.", fault=fault))

    def _take(self, request: Request) -> None:
        if self._failure is not None:
            _settle(request, self._failure)
        else:
            self._line_of(request).append(request)
            self._feed()

    def _line_of(self, request: Request) -> deque[Request]:
        return self._suspects if request.is_suspect else self._lines[not request.urgent]

    def _feed(self) -> None:
        """Sends what waits, urgent requests first, each to the worker with the lowest load; suspects one at a time."""
        if self._suspects:
            self._set_apart()
        for worker in self._workers:
            while self._suspects and worker.apart and not worker.open:
                self._give(worker, self._suspects.popleft())
            if not self._suspects:  # the worker gets other requests, at once or after its suspect
                worker.apart = bool(worker.open) and worker.open[0].is_suspect
        while any(self._lines):
            first = min((worker for worker in self._workers if not worker.apart), key=_LOAD, default=None)
            if first is None or len(first.open) >= first.depth:
                return
            self._give(first, next(filter(None, self._lines)).popleft())

    def _set_apart(self) -> None:
        """Reserves workers for suspects, one for each, but at most half of all, so that other requests continue."""
        proven = [worker for worker in self._workers if worker.proven]
        if not proven and any(self._lines):
            return  # a new worker must first answer other requests
        able = sorted((worker for worker in proven or self._workers if not worker.apart), key=_LOAD)
        most = min(len(self._suspects), max(1, len(self._workers) // 2))
        for worker in able[: max(0, most - sum(worker.apart for worker in self._workers))]:
            worker.apart = True

    def _give(self, worker: Worker, request: Request) -> None:
        worker.open.append(request)
        done = partial(self._done, worker, request)
        try:
            self._send(worker, request).add_done_callback(lambda future: self.call(partial(done, future)))
        except Exception as error:  # noqa: BLE001  one request's: its pictures are gone, the object store is full
            worker.open.remove(request)
            fault = fault_of(error)
            _settle(request, ModelError(f"The request cannot be sent: {fault.words}.", fault=fault))

    def _done(self, worker: Worker, request: Request, future: "Future[Generated | Refused]") -> None:
        if request not in worker.open:
            return  # the worker was removed, and another has the request by now
        error = future.exception()
        if error is not None and self._is_loss(error):
            self.remove(worker)
            return
        worker.open.remove(request)
        if error is not None:
            self._again(request, f"{type(error).__name__}: {str(error).strip().rpartition(chr(10))[2]}")
        else:
            self._receive(worker, request, future.result())
        self._feed()

    def _receive(self, worker: Worker, request: Request, said: Generated | Refused) -> None:
        """Settles a request by an actor's reply, or sends it again with its pictures."""
        if isinstance(said, Generated):
            worker.proven = True
            worker.depth = min(DEPTH, max(worker.depth, BATCHES * said.together))
            _settle(request, said)
        elif said.unseen and not request.whole:
            request.whole = True
            self._line_of(request).appendleft(request)
        elif said.fatal:
            self.fail(RunError(said.why, fault=said.fault))
            _settle(request, RunError(said.why, fault=said.fault))
        else:
            _settle(request, ModelError(said.why, fault=said.fault))

    def _again(self, request: Request, why: str) -> None:
        request.losses += 1
        if request.losses >= MOST_LOSSES:
            _settle(request, ModelError(f"The cluster was asked {request.losses} times and gave no answer: {why}."))
        else:
            self._suspects.append(request)  # at the end, so that not every new worker begins with it


def _settle(request: Request, said: Generated | EmotionError) -> None:
    if not request.reply.set_running_or_notify_cancel():
        return
    if isinstance(said, Generated):
        request.reply.set_result(said)
    else:
        request.reply.set_exception(said)
