"""Requests dealt out to actors that come and go; nothing is lost with an actor. Nothing here knows of Ray."""

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
"""Requests that an actor has at once, at first and at most; the others wait for whoever is free first."""

BATCHES = 3
"""Of the size that it makes of them: one that is generated, one that is prepared, one to choose from."""

MOST_LOSSES = 3
"""When so many actors were lost with a request, all but the first of which had no other, it is what they die of."""

TICK_SECONDS = 3.0


@dataclass(slots=True, kw_only=True, eq=False)
class Request:
    """A request in line, or with an actor.

    Attributes:
        model: the key of the checkpoint that is asked.
        losses: how often it was sent and nothing came back.
        whole: whether its pictures must travel, since a file of them was not to be seen.
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
        """Whether an actor may have died of it; such a request is asked alone."""
        return self.losses > 0


@dataclass(slots=True, kw_only=True, eq=False)
class Worker:
    """Whoever answers: an actor that has loaded its network.

    Attributes:
        actor: what is asked.
        node: on which it runs.
        shares: whether it sees the disk on which the run keeps pictures.
        open: the requests that it has.
        depth: how many it may have.
        proven: whether it has answered any.
        apart: whether it is kept for suspects, of which it has one at a time and nothing beside it.
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
        """How much it has of what it may have."""
        return len(self.open) / self.depth


_LOAD = attrgetter("load")

Send = Callable[[Worker, Request], "Future[Generated | Refused]"]
"""Sends a request on its way."""


class Dispatcher:
    """A line of requests before many workers, each of which gets the next when it has room.

    What was lost with a worker is suspected of its end, unless its node was lost with it. Suspects are asked alone, so
    that of those that were lost together only the one that is to blame is lost again; where there is a choice, of
    workers that have answered before, so that nobody is blamed at a place where every worker dies.

    One thread does it all; whoever calls from another only leaves word.
    """

    def __init__(
        self,
        send: Send,
        is_loss: Callable[[BaseException], bool],
        is_gone: Callable[[str], bool],
        tick: Callable[[], None],
    ) -> None:
        """Has no workers yet.

        `is_loss` says whether an error of a reply means that the worker is no more, `is_gone` whether a node is; `tick`
        is called now and then, for the first time at once.
        """
        self._send, self._is_loss, self._is_gone, self._tick = send, is_loss, is_gone, tick
        self._word: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        # the urgent and the others: one line that is sorted anew costs each reply what all requests in it cost
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
        """A promise of what a worker says."""
        request = Request(prompt=prompt, model=model, generation=generation, urgent=urgent)
        self.call(partial(self._take, request))
        return request.reply

    def call(self, work: Callable[[], None]) -> None:
        """Has the dispatcher's thread do something, from which the methods below may be called."""
        self._word.put(work)

    def close(self) -> None:
        """Refuses what is left, and ends the thread."""
        self.call(partial(self.fail, RunError(ENDED)))
        self._word.put(None)
        self._thread.join()

    @property
    def waits(self) -> bool:
        """Whether there are requests and nobody to take them."""
        return (any(self._lines) or bool(self._suspects)) and not self._workers

    @property
    def workers(self) -> int:
        """How many there are."""
        return len(self._workers)

    def add(self, worker: Worker) -> None:
        """Takes a worker up."""
        self._workers.append(worker)
        self._feed()

    def remove(self, worker: Worker) -> None:
        """Gives up a worker; what it had is asked again, as suspects where its node is still there."""
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
        """Refuses all requests, now and from now on; the first reason stays."""
        self._failure = self._failure or error
        line = list(chain(*self._lines, self._suspects))
        for one in (*self._lines, self._suspects):
            one.clear()
        for worker in self._workers:
            line, worker.open = line + worker.open, []
        for request in line:
            _settle(request, self._failure)

    def _run(self) -> None:
        due = 0.0
        while True:
            try:
                work = self._word.get(timeout=max(0.0, due - time.monotonic()))
            except Empty:
                work, due = self._tick, time.monotonic() + TICK_SECONDS
            if work is None:
                return
            try:
                work()
            except Exception as error:  # noqa: BLE001  nobody else would tell those who wait
                fault = fault_of(error)
                self.fail(RunError(f"The cluster cannot be used: {fault.sentence}.", fault=fault))

    def _ask(self, worker: Worker, request: Request) -> None:
        heed = partial(self._done, worker, request)
        try:
            self._send(worker, request).add_done_callback(partial(self._leave_word, heed))
        except Exception as error:  # noqa: BLE001  of one request: pictures that are gone, an object store that is full
            worker.open.remove(request)
            fault = fault_of(error)
            _settle(request, ModelError(f"The request cannot be sent: {fault.words}.", fault=fault))

    def _leave_word(self, heed: "Callable[[Future[Generated | Refused]], None]", done: "Future[Any]") -> None:
        self.call(partial(heed, done))

    def _take(self, request: Request) -> None:
        if self._failure is not None:
            _settle(request, self._failure)
        else:
            self._line_of(request).append(request)
            self._feed()

    def _line_of(self, request: Request) -> deque[Request]:
        return self._suspects if request.is_suspect else self._lines[not request.urgent]

    def _feed(self) -> None:
        """Gives out what waits, the urgent first and else in order, each to whoever has least; suspects alone."""
        if self._suspects:
            self._set_apart()
        for worker in self._workers:
            while self._suspects and worker.apart and not worker.open:
                self._give(worker, self._suspects.popleft())
            if not self._suspects:  # none waits for it: it goes on with others, at once or after the one that it has
                worker.apart = bool(worker.open) and worker.open[0].is_suspect
        while any(self._lines):
            first = min((worker for worker in self._workers if not worker.apart), key=_LOAD, default=None)
            if first is None or len(first.open) >= first.depth:
                return
            self._give(first, next(filter(None, self._lines)).popleft())

    def _set_apart(self) -> None:
        """Lets workers run empty for suspects: one for each, but no more than half of all, so that others go on."""
        proven = [worker for worker in self._workers if worker.proven]
        if not proven and any(self._lines):
            return  # a new worker shows with others first that it can answer at all
        able = sorted((worker for worker in proven or self._workers if not worker.apart), key=_LOAD)
        most = min(len(self._suspects), max(1, len(self._workers) // 2))
        for worker in able[: max(0, most - sum(worker.apart for worker in self._workers))]:
            worker.apart = True

    def _give(self, worker: Worker, request: Request) -> None:
        worker.open.append(request)
        self._ask(worker, request)

    def _done(self, worker: Worker, request: Request, future: "Future[Generated | Refused]") -> None:
        if request not in worker.open:
            return  # the worker was given up; the request is with somebody else by now
        error = future.exception()
        if error is not None and self._is_loss(error):
            self.remove(worker)
            return
        worker.open.remove(request)
        if error is not None:
            self._again(request, f"{type(error).__name__}: {str(error).strip().rpartition(chr(10))[2]}")
        else:
            self._heed(worker, request, future.result())
        self._feed()

    def _heed(self, worker: Worker, request: Request, said: Generated | Refused) -> None:
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
            self._suspects.append(request)  # at the end, so that it is not what each new worker begins with


def _settle(request: Request, said: Generated | EmotionError) -> None:
    if not request.reply.set_running_or_notify_cancel():
        return
    if isinstance(said, Generated):
        request.reply.set_result(said)
    else:
        request.reply.set_exception(said)
