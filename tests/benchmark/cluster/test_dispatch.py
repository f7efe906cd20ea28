"""Requests dealt out to actors that come and go."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.cluster.dispatch import BATCHES, FIRST_DEPTH, Dispatcher, Request, Worker
from benchmark.cluster.worker import Refused
from benchmark.errors import ModelError, RunError
from benchmark.local.batching import Generated
from benchmark.prompt import Prompt

MOST_LOSSES = 3  # times that a request is sent to an actor that is lost


class Lost(Exception):
    """The actor is no more."""


@dataclass(slots=True)
class Cluster:
    """Stands for Ray: keeps what was sent, until a test says what becomes of it."""

    sent: list[tuple[Worker, Request, "Future[Generated | Refused]"]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    dispatcher: Dispatcher = field(init=False)

    def __post_init__(self) -> None:
        is_loss, is_gone = (lambda error: isinstance(error, Lost)), self.gone.__contains__
        self.dispatcher = Dispatcher(self.send, is_loss, is_gone, lambda: None)
        self.dispatcher.start()

    def send(self, worker: Worker, request: Request) -> "Future[Generated | Refused]":
        if request.prompt.text == "unsendable":
            raise OSError("the disk is gone")
        future: Future[Generated | Refused] = Future()
        self.sent.append((worker, request, future))
        return future

    def join(self, name: str) -> Worker:
        worker = Worker(actor=name, node=f"node of {name}")
        self.dispatcher.call(lambda: self.dispatcher.add(worker))
        self.settle()
        return worker

    def ask(self, *texts: str, urgent: bool = False) -> list["Future[Generated]"]:
        replies = [self.dispatcher.submit(Prompt(text=text), "key", urgent=urgent) for text in texts]
        self.settle()
        return replies

    def answer(self, place: int) -> None:
        _, request, future = self.sent[place]
        future.set_result(reply(request.prompt.text))
        self.settle()

    def lose(self, place: int) -> None:
        self.sent[place][2].set_exception(Lost())
        self.settle()

    def settle(self) -> None:
        """Waits until the dispatcher has done all that it was told."""
        done = threading.Event()
        self.dispatcher.call(done.set)
        assert done.wait(20)

    def at(self, worker: Worker) -> list[str]:
        return [request.prompt.text for request in worker.open]


def reply(text: str) -> Generated:
    return Generated(text=text.upper(), input_tokens=1, output_tokens=1, seconds=0.0)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A cluster without workers."""
    made = Cluster()
    yield made
    made.dispatcher.close()


def test_requests_wait_for_the_first_worker(cluster: Cluster) -> None:
    (asked,) = cluster.ask("a")
    assert cluster.dispatcher.waits
    cluster.join("one")
    assert not cluster.dispatcher.waits
    cluster.answer(0)
    assert asked.result(20).text == "A"


def test_the_load_is_shared_and_nobody_has_more_than_the_depth(cluster: Cluster) -> None:
    one, other = cluster.join("one"), cluster.join("other")
    cluster.ask(*map(str, range(3 * FIRST_DEPTH)))
    assert len(one.open) == len(other.open) == FIRST_DEPTH
    third = cluster.join("third")  # takes what was waiting
    assert len(third.open) == FIRST_DEPTH


def test_who_makes_larger_batches_gets_more(cluster: Cluster) -> None:
    one = cluster.join("one")
    cluster.ask(*map(str, range(200)))
    assert len(one.open) == FIRST_DEPTH
    cluster.sent[0][2].set_result(replace(reply("0"), together=20))
    cluster.settle()
    assert len(one.open) == BATCHES * 20


def test_what_was_lost_with_its_node_is_no_suspect(cluster: Cluster) -> None:
    replies = cluster.ask("a", "b", "c")
    for number in range(2 * MOST_LOSSES):
        worker = cluster.join(f"worker {number}")
        assert cluster.at(worker) == ["a", "b", "c"], "together, and in their order"
        cluster.gone.add(worker.node)
        cluster.lose(-1)
    cluster.join("last")
    for place in (-3, -2, -1):
        cluster.answer(place)
    assert [one.result(20).text for one in replies] == ["A", "B", "C"]


def test_the_urgent_are_given_out_first(cluster: Cluster) -> None:
    cluster.ask("a", "b")
    cluster.ask("now", urgent=True)
    assert cluster.at(cluster.join("one")) == ["now", "a", "b"]


def test_what_a_lost_actor_had_goes_to_another(cluster: Cluster) -> None:
    one = cluster.join("one")
    replies = cluster.ask("a", "b", "c")
    other = cluster.join("other")
    cluster.sent[1][2].set_exception(Lost())
    cluster.settle()
    assert one.open == []
    cluster.sent[0][2].set_result(reply("late"))  # from the lost one: nobody listens any more
    for place in range(3, 6):
        assert len(other.open) == 1, "each may be what the other died of"
        cluster.answer(place)
    assert [asked.result(20).text for asked in replies] == ["A", "B", "C"]


def test_what_was_lost_waits_until_a_worker_has_shown_that_it_can_answer(cluster: Cluster) -> None:
    cluster.join("one")
    cluster.ask("lost")
    cluster.ask("lost at once", urgent=True)
    cluster.ask(*map(str, range(FIRST_DEPTH - 2)))
    cluster.ask("later", "last")
    cluster.lose(0)
    other = cluster.join("other")
    assert cluster.at(other) == ["later", "last"]
    cluster.answer(FIRST_DEPTH)
    cluster.ask("new")
    assert cluster.at(other) == ["last"], "it runs empty"
    cluster.answer(FIRST_DEPTH + 1)
    assert cluster.at(other) == ["lost at once"]
    for place in range(FIRST_DEPTH):
        cluster.answer(FIRST_DEPTH + 2 + place)
    assert cluster.at(other) == ["new"], "nothing was given to it before the last suspect was answered"


def test_suspects_take_half_of_the_workers_and_the_others_go_on(cluster: Cluster) -> None:
    cluster.join("one")
    cluster.ask(*map(str, range(FIRST_DEPTH)))
    others = [cluster.join(f"worker {number}") for number in range(4)]
    for _ in others:
        cluster.ask("a")
    for place in range(4):
        cluster.answer(FIRST_DEPTH + place)
    cluster.lose(0)
    cluster.ask(*map(str, range(100)))
    assert sorted(len(worker.open) for worker in others) == [1, 1, FIRST_DEPTH, FIRST_DEPTH]


def test_a_request_that_every_actor_dies_of_is_given_up(cluster: Cluster) -> None:
    (asked,) = cluster.ask("poison")
    for number in range(MOST_LOSSES):
        cluster.join(f"worker {number}")
        cluster.sent[number][2].set_exception(Lost())
        cluster.settle()
    with pytest.raises(ModelError, match=rf"was asked {MOST_LOSSES} times and gave no answer: the actors .* were lost"):
        asked.result(20)
    assert not cluster.dispatcher.waits


def test_what_was_in_company_of_one_that_actors_die_of_is_answered(cluster: Cluster) -> None:
    replies, poison = cluster.ask(*map(str, range(200))), cluster.ask("poison")[0]
    replies += cluster.ask(*map(str, range(200, 400)))
    cluster.join("worker 0")
    ended, losses, at = 0, 0, 0
    while at < len(cluster.sent):
        worker, request, future = cluster.sent[at]
        if request not in worker.open or future.done():
            at += 1
        elif any(one.prompt.text == "poison" for one in worker.open):
            losses += 1
            cluster.lose(at)
            cluster.join(f"worker {losses}")
        else:
            future.set_result(replace(reply(request.prompt.text), together=64))
            cluster.settle()
            ended += 1
    assert (losses, ended) == (MOST_LOSSES, 400)
    assert isinstance(poison.exception(20), ModelError)
    assert [asked.result(20).text for asked in replies] == [str(number) for number in range(400)]


def test_nobody_is_blamed_at_a_place_where_every_actor_ends(cluster: Cluster) -> None:
    good = cluster.join("good")
    cluster.ask("a")
    cluster.answer(0)
    replies = cluster.ask(*map(str, range(FIRST_DEPTH)))
    for number in range(2 * MOST_LOSSES):  # each as soon as the last has ended, and idle while the good one has much
        worker = cluster.join(f"bad {number}")
        replies += cluster.ask(*map(str, range(FIRST_DEPTH)))
        if worker.open:
            cluster.lose(next(at for at, (other, *_) in enumerate(cluster.sent) if other is worker))
        else:
            cluster.dispatcher.call(partial(cluster.dispatcher.remove, worker))
            cluster.settle()
    while todo := [at for at, (worker, request, _) in enumerate(cluster.sent) if request in worker.open]:
        assert cluster.sent[todo[0]][0] is good
        cluster.answer(todo[0])
    assert all(asked.exception(20) is None for asked in replies)


def test_an_error_that_is_no_loss_costs_the_worker_nothing(cluster: Cluster) -> None:
    one = cluster.join("one")
    (asked,) = cluster.ask("a")
    cluster.sent[0][2].set_exception(ValueError("cannot be pickled"))
    cluster.settle()
    assert cluster.at(one) == ["a"]
    cluster.answer(1)
    assert asked.result(20).text == "A"


def test_one_that_cannot_be_sent_fails_alone_and_a_broken_dispatcher_refuses_all(cluster: Cluster) -> None:
    cluster.join("one")
    bad, good = cluster.ask("unsendable", "a")
    with pytest.raises(ModelError, match="cannot be sent: OSError: the disk is gone"):
        bad.result(20)
    cluster.dispatcher.call(lambda: [][0])
    with pytest.raises(RunError, match="The cluster cannot be used: IndexError"):
        good.result(20)


def test_pictures_that_a_node_does_not_see_are_sent(cluster: Cluster) -> None:
    cluster.join("one")
    (asked,) = cluster.ask("a")
    cluster.sent[0][2].set_result(Refused(why="no such file", unseen=True))
    cluster.settle()
    assert cluster.sent[1][1].whole
    cluster.answer(1)
    assert asked.result(20).text == "A"


def test_one_refusal_is_one_sample_s_and_a_fatal_one_is_everybody_s(cluster: Cluster) -> None:
    cluster.join("one")
    first, second, third = cluster.ask("a", "b", "c")
    cluster.sent[0][2].set_result(Refused(why="too long"))
    with pytest.raises(ModelError, match="too long"):
        first.result(20)
    cluster.sent[1][2].set_result(Refused(why="node-7: the disk is gone", fatal=True))
    for asked in (second, third, *cluster.ask("d")):
        with pytest.raises(RunError, match="node-7: the disk is gone"):
            asked.result(20)


@given(st.lists(st.sampled_from(["ask", "urgent", "join", "answer", "lose"]), max_size=60))
def test_whatever_happens_every_request_ends_once(events: list[str]) -> None:
    cluster, replies, workers = Cluster(), [], []  # type: ignore[var-annotated]
    for event in events:
        waiting = [future for worker, request, future in cluster.sent if not future.done() and request in worker.open]
        if event in ("ask", "urgent"):
            replies += cluster.ask(f"request {len(replies)}", urgent=event == "urgent")
        elif event == "join":
            workers.append(cluster.join(f"worker {len(workers)}"))
        elif waiting:
            place = next(place for place, (_, _, future) in enumerate(cluster.sent) if future is waiting[0])
            if event == "answer":
                cluster.answer(place)
            else:
                waiting[0].set_exception(Lost())
                cluster.settle()
    workers.append(cluster.join("the last"))
    while todo := [place for place, (worker, request, future) in enumerate(cluster.sent) if request in worker.open]:
        cluster.answer(todo[0])
    for number, asked in enumerate(replies):
        error = asked.exception(20)
        assert error is None or "were lost" in str(error)
        assert error is not None or asked.result().text == f"REQUEST {number}"
    cluster.dispatcher.close()
