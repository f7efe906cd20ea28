"""What is told of a Ray cluster that cannot be used, and which actors are started where."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmark.cluster.cluster import LOADING_SECONDS, MOST_STARTS, NICENESS, Fleet, Place, RayCluster
from benchmark.cluster.dispatch import MOST_LOSSES
from benchmark.cluster.worker import Settled
from benchmark.errors import RunError
from benchmark.local.batching import Generated
from benchmark.prompt import Prompt
from benchmark.storage.cache import Cache

Node = dict[str, Any]


class Lost(Exception):
    """The actor is no more."""


class Actor:
    """Stands for a remote `Seat`: keeps the promises that it gave, until a test says what becomes of them."""

    def __init__(self, node: str) -> None:
        self.node, self.live, self.settle, self.answer = node, Promised(), Promised(), Promised()

    def come_up(self) -> None:
        self.settle.future().set_result(Settled(packages={"torch": "1"}, shares=False))

    def end(self) -> None:
        for future in self.answer.given:
            if not future.done():
                future.set_exception(Lost())
        (self.live if self.settle.future().done() else self.settle).future().set_exception(Lost())


@dataclass
class Promised:
    """A remote method."""

    given: list["Future[Any]"] = field(default_factory=lambda: [Future()])

    def remote(self, *sent: object) -> "Promised":
        if sent:
            self.given.append(Future())
        return self

    def future(self) -> "Future[Any]":
        return self.given[-1]


class Ray:
    """Stands for the package, connected to a cluster of these nodes."""

    def __init__(self, nodes: list[Node], free: dict[str, dict[str, float]] | None = None) -> None:
        self.actors: list[Actor] = []
        self.nodes = lambda: nodes
        available = {each["NodeID"]: each["Resources"] for each in nodes} if free is None else free
        self._private = SimpleNamespace(state=SimpleNamespace(available_resources_per_node=lambda: available))
        affinity = SimpleNamespace(NodeAffinitySchedulingStrategy=lambda node, *, soft: node)
        self.util = SimpleNamespace(scheduling_strategies=affinity)
        self.exceptions = SimpleNamespace(RayActorError=Lost, OutOfMemoryError=Lost, NodeDiedError=Lost)

    def remote(self, _: type) -> Any:
        def start(node: str) -> Actor:
            self.actors.append(Actor(node))
            return self.actors[-1]

        return SimpleNamespace(
            options=lambda **how: SimpleNamespace(remote=lambda *_: start(how["scheduling_strategy"]))
        )

    def kill(self, actor: Actor) -> None:
        self.actors.remove(actor)

    def put(self, material: object) -> object:
        return material

    def init(self, **how: object) -> None:
        """Raises nothing: it can be reached."""

    def shutdown(self) -> None: ...


def node(name: str, *, alive: bool = True, **resources: float) -> Node:
    return {"NodeID": name, "NodeManagerHostname": f"host-{name}", "Alive": alive, "Resources": resources}


@pytest.fixture(autouse=True)
def _authenticated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts back what connecting exports."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv(NICENESS, "0")


def cluster(folder: Path, ray: Ray, gpus: int = 1, loading_seconds: float = LOADING_SECONDS) -> RayCluster:
    return RayCluster("", gpus, lambda: Cache(folder), package=lambda: ray, loading_seconds=loading_seconds)


@dataclass
class Running:
    """A fleet for a checkpoint on GPUs, whose cluster is a test's."""

    cluster: RayCluster
    ray: Ray
    fleet: Fleet

    def look(self) -> None:
        """Has the fleet look for places now, as it does by itself each few seconds, and waits until it has."""
        done = threading.Event()
        for work in (self.fleet.look, done.set):
            self.fleet.dispatcher.call(work)
        assert done.wait(20)

    def ask(self) -> "Future[Generated]":
        asked = self.fleet.submit(Prompt(text="?"), "key", ())
        self.look()
        return asked


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a fleet on such nodes."""
    started: list[Fleet] = []

    def begin(
        *nodes: Node, free: dict[str, dict[str, float]] | None = None, seconds: float = LOADING_SECONDS
    ) -> Running:
        ray = Ray(list(nodes), free)
        made = cluster(tmp_path, ray, loading_seconds=seconds)
        wanted = SimpleNamespace(settings=SimpleNamespace(device=None))
        started.append(fleet := Fleet(made, {"key": wanted}))  # type: ignore[dict-item]
        running = Running(made, ray, fleet)
        running.look()
        return running

    yield begin
    for fleet in started:
        fleet.close()


def test_a_place_for_each_group_of_gpus_on_each_node_that_lives(tmp_path: Path) -> None:
    nodes = [node("head", CPU=8), node("a", CPU=8, GPU=2), node("b", CPU=8, GPU=5), node("c", alive=False, GPU=8)]
    made = cluster(tmp_path, Ray(nodes))
    assert made.places(needs_gpu=True) == [
        *(Place("a", number) for number in range(2)),
        *(Place("b", number) for number in range(5)),
    ]
    assert [place.node for place in made.places(needs_gpu=False)] == ["head", "a", "b"]
    told = cluster(tmp_path, Ray(nodes), gpus=2).check(needs_gpu=True)
    assert told == "Ray cluster: 3 places for a model; nodes that join are used too"


def test_an_actor_needs_a_cpu_beside_its_gpus(tmp_path: Path) -> None:
    assert len(cluster(tmp_path, Ray([node("a", CPU=3, GPU=8)])).places(needs_gpu=True)) == 3


def test_a_cluster_without_room_is_told_with_what_it_has(tmp_path: Path) -> None:
    nodes = [node("head", CPU=8), node("a", CPU=4, GPU=2)]
    with pytest.raises(RunError, match="no room for a model: 2 nodes with 2 GPUs and 12 CPUs, none with the 4 GPUs of"):
        cluster(tmp_path, Ray(nodes), gpus=4).check(needs_gpu=True)


def test_it_is_told_where_others_have_all_places(tmp_path: Path) -> None:
    nodes = [node("a", CPU=4, GPU=2), node("b", CPU=4, GPU=2)]
    taken = Ray(nodes, {"a": {"CPU": 3.0, "GPU": 1.5}, "b": {"CPU": 4.0}})
    assert cluster(tmp_path, taken, gpus=2).check(needs_gpu=True) == (
        "Ray cluster: 2 places for a model; nodes that join are used too; NONE IS FREE NOW (1 GPUs and 7 CPUs are, and"
        " an actor needs the 2 GPUs of --gpus-per-worker and a CPU): the run waits 30 min for one"
    )
    assert "NONE" not in cluster(tmp_path, taken).check(needs_gpu=True)


def test_actors_that_do_not_come_up_end_the_run_with_what_is_free(start: Start) -> None:
    running = start(node("a", CPU=4, GPU=1), free={"a": {"CPU": 3.0}})
    asked = running.ask()
    assert not asked.done()
    running.cluster.loading_seconds = -60.0
    running.look()
    with pytest.raises(
        RunError, match=r"no actor has started in -1 min .*and a CPU, and on host-a 0 GPUs and 3 CPUs are free\)"
    ):
        asked.result(20)


def test_one_that_comes_up_late_is_used_where_others_go_on(start: Start) -> None:
    running = start(node("a", CPU=4, GPU=1), node("b", CPU=4, GPU=1), seconds=-60.0)
    first, second = running.ray.actors
    first.come_up()
    running.look()
    running.look()
    second.come_up()
    running.look()
    assert running.cluster.room == 2, "the window of requests grows with the fleet"
    assert not running.ask().done()


def test_a_place_whose_actors_answer_before_they_end_stays_open(start: Start) -> None:
    running = start(node("a", CPU=4, GPU=1))
    said = Generated(text="yes", input_tokens=1, output_tokens=1, seconds=0.0)
    for _ in range(2 * MOST_STARTS):
        actor = running.ray.actors[-1]
        actor.come_up()
        running.look()
        answered = running.ask()
        actor.answer.future().set_result(said)
        assert answered.result(20) is said
        actor.end()
        running.look()
        running.look()
    assert len(running.ray.actors) == 2 * MOST_STARTS + 1


def test_a_place_where_actors_end_without_an_answer_is_closed(start: Start) -> None:
    running = start(node("a", CPU=4, GPU=1))
    asked = [running.ask() for _ in range(MOST_LOSSES)]
    for _ in range(MOST_STARTS):
        running.ray.actors[-1].come_up()
        running.look()
        running.ray.actors[-1].end()
        running.look()
        running.look()
    for each in asked:
        with pytest.raises(RunError, match=f"{MOST_STARTS} actors have ended at each of its places"):
            each.result(20)
    assert len(running.ray.actors) == MOST_STARTS


class RayError(Exception):
    """As Ray's own, which all others are."""


@pytest.mark.parametrize(
    "error", [ConnectionError("Failed to connect\nto the cluster."), RayError("Failed to connect to the cluster")]
)
def test_a_cluster_that_cannot_be_reached_is_one_sentence(tmp_path: Path, error: Exception) -> None:
    def refuse(**_: object) -> None:
        raise error

    package = SimpleNamespace(init=refuse, exceptions=SimpleNamespace(RayError=RayError))
    made = RayCluster("head:6379", 1, lambda: Cache(tmp_path), package=lambda: package)
    said = r"at head:6379 cannot be reached \(Failed to connect to the cluster\).*RAY_AUTH_TOKEN,.*RAY_AUTH_TOKEN_PATH"
    with pytest.raises(RunError, match=said):
        made.check(needs_gpu=True)


def test_without_the_package_it_says_how_to_install_it(tmp_path: Path) -> None:
    made = RayCluster("head:6379", 1, lambda: Cache(tmp_path), package=partial(import_module, "no_such_package"))
    with pytest.raises(RunError, match=r"--engine=ray needs Ray: pip install 'mme-emotion\[ray\]'"):
        made.check(needs_gpu=True)


def test_without_an_address_it_is_this_machine_whatever_else_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}
    package = SimpleNamespace(init=asked.update, shutdown=lambda: None)
    monkeypatch.setenv("RAY_ADDRESS", "elsewhere:6379")
    monkeypatch.setenv("RAY_AUTH_MODE", "")
    monkeypatch.delenv(NICENESS)
    made = RayCluster("", 1, lambda: Cache(tmp_path), package=lambda: package)
    assert made.ray is package
    assert asked["address"] == "local"
    assert os.environ["RAY_AUTH_MODE"] == "token"
    assert os.environ[NICENESS] == "0"
    made.close()


@pytest.mark.parametrize("address", ["", "head:6379"])
def test_a_cluster_that_anybody_may_use_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(RunError, match=r"RAY_AUTH_MODE=disabled is exported.*unset it, or export RAY_AUTH_MODE=token"):
        RayCluster(address, 1, lambda: Cache(tmp_path)).check(needs_gpu=True)
