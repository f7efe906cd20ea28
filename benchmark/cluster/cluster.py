"""Local models on a Ray cluster: one actor for each GPU or group of GPUs; nodes may join and leave.

This module places actors on nodes, not Ray, to know which nodes have joined and what each of them reported.
"""

import os
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmark.clip import as_frames
from benchmark.cluster.dispatch import DEPTH, Dispatcher, Request, Worker
from benchmark.cluster.worker import Material, Parcel, Refused, Seat, Settled
from benchmark.errors import KEPT, RunError
from benchmark.local.batching import Generated, Generation
from benchmark.local.loaded import Wanted
from benchmark.local.memory import first_line
from benchmark.prompt import Prompt
from benchmark.storage.cache import Cache, key_of
from benchmark.storage.files import rights

PATIENCE_SECONDS = 900.0
"""How long requests wait for a node if there is none."""

LOADING_SECONDS = 1800.0
"""How long an actor may take to be placed and to load its networks before it counts as late."""

MOST_STARTS = 3
"""How often in a row an actor is started at a place where actors end without a reply."""

SHIPPED = 512
"""The most clips whose pictures and sound stay in the object store for further requests."""

AUTHENTICATION = "RAY_AUTH_MODE"
NICENESS = "RAY_worker_niceness"
"""The niceness of Ray's actors, 15 by default, which would slow them down while clips are decoded."""

HERE = "local"
"""The address of a new cluster on this machine only, regardless of RAY_ADDRESS and of clusters that run here."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place for an actor: the n-th on a node."""

    node: str
    number: int


def _import_ray() -> Any:
    import ray

    return ray


class RayCluster:
    """A connection to a Ray cluster, opened on first use.

    Attributes:
        address: where it is; `local` for a new one on this machine.
        gpus: the GPUs of each actor.
        cache: returns the cache with the pictures.
        room: the most actors that were expected or have joined at a time.
        loading_seconds: how long an actor may take to start.
    """

    def __init__(
        self,
        address: str,
        gpus: int,
        cache: Callable[[], Cache],
        *,
        package: Callable[[], Any] = _import_ray,
        loading_seconds: float = LOADING_SECONDS,
    ) -> None:
        """Does not connect yet; an empty `address` is a cluster on this machine only. `package` imports Ray."""
        self.address, self.gpus, self.cache, self.room = address or HERE, gpus, cache, 1
        self.loading_seconds = loading_seconds
        self._package = package
        self._mark = f"cluster-{os.urandom(16).hex()}"
        self._ray: Any = None

    @property
    def ray(self) -> Any:
        """The package, connected.

        Raises:
            RunError: it is not installed, or the cluster cannot be reached.
        """
        if self._ray is None:
            self._ray = self._connect()
            self.marker.touch(rights(self.marker))
        return self._ray

    @property
    def marker(self) -> Path:
        """A file beside the pictures: a node that can read it can read them."""
        return self.cache().path.with_name(self._mark)

    def check(self, *, needs_gpu: bool) -> str:
        """A note for the user: the number of places for actors, and whether any of them is free.

        Raises:
            RunError: there is no place, or the cluster cannot be used.
        """
        places = self.places(needs_gpu=needs_gpu)
        if not places:
            nodes = self._alive()
            raise RunError(
                f"The Ray cluster has no room for a model: {len(nodes)} nodes with"
                f" {_total(node['Resources'] for node in nodes)}, none with {self._needed(needs_gpu=needs_gpu)}."
            )
        self.room = max(self.room, len(places))
        note = f"Ray cluster: {len(places)} places for a model; nodes that join are used too"
        free = self.free()
        if not any(self._room_in(free.get(place.node, {}), needs_gpu=needs_gpu) for place in places):
            note += (
                f"; NONE IS FREE NOW ({_total(free.values())} are, and an actor needs"
                f" {self._needed(needs_gpu=needs_gpu)}): the run waits {self.loading_seconds / 60:g} min for one"
            )
        return note

    def places(self, *, needs_gpu: bool) -> list[Place]:
        """The places for actors on the present nodes, including those that others use now."""
        return [
            Place(node["NodeID"], number)
            for node in self._alive()
            for number in range(self._room_in(node["Resources"], needs_gpu=needs_gpu))
        ]

    def free(self) -> Mapping[str, Mapping[str, float]]:
        """The free resources of each node, by its id."""
        # a "DeveloperAPI": the public ray.available_resources() returns only the sum over the cluster
        free: Mapping[str, Mapping[str, float]] = self.ray._private.state.available_resources_per_node()
        return free

    def missing(self, node: str, *, needs_gpu: bool) -> str:
        """What an actor needs on a node and what is free there, as a clause for messages."""
        names = {each["NodeID"]: each.get("NodeManagerHostname") for each in self._alive()}
        return (
            f"an actor needs {self._needed(needs_gpu=needs_gpu)}, and on {names.get(node) or node}"
            f" {_total([self.free().get(node, {})])} are free"
        )

    def start(self, wanted: Mapping[str, Wanted]) -> "Mapping[str, RayModel]":
        """Starts actors with the checkpoints at all places, also at later ones; returns the models by key."""
        fleet = Fleet(self, wanted)
        return {key: RayModel(fleet, key) for key in wanted}

    def is_loss(self, error: BaseException) -> bool:
        """Whether an error in place of a reply means that the actor has ended."""
        kinds = self.ray.exceptions
        return isinstance(error, (kinds.RayActorError, kinds.OutOfMemoryError, kinds.NodeDiedError))

    def is_gone(self, node: str) -> bool:
        """Whether a node has left the cluster."""
        return all(each["NodeID"] != node for each in self._alive())

    def close(self) -> None:
        """Leaves the cluster, which ends the actors of this run."""
        if self._ray is not None:
            self._ray.shutdown()
            self.marker.unlink(missing_ok=True)
            self._ray = None

    def _room_in(self, resources: Mapping[str, float], *, needs_gpu: bool) -> int:
        """The number of actors that fit these resources; without GPUs, an actor takes the whole node."""
        processors = int(resources.get("CPU", 0))
        return min(int(resources.get("GPU", 0)) // self.gpus, processors) if needs_gpu else min(1, processors)

    def _needed(self, *, needs_gpu: bool) -> str:
        return f"the {self.gpus} GPUs of --gpus-per-worker and a CPU" if needs_gpu else "a CPU"

    def _alive(self) -> list[Mapping[str, Any]]:
        return [node for node in self.ray.nodes() if node["Alive"]]

    def _connect(self) -> Any:
        """Ray, connected with the cluster's token; only clusters that require one are used."""
        mode = os.environ.get(AUTHENTICATION) or "token"
        if mode.lower() != "token":
            raise RunError(
                f"{AUTHENTICATION}={mode} is exported, so anyone who reaches the cluster could run code on it, even on"
                f" one of this machine only: unset it, or export {AUTHENTICATION}=token here and on all nodes."
            )
        os.environ[AUTHENTICATION] = mode  # read when the package is imported
        try:
            ray = self._package()
        except ImportError as error:
            raise RunError("--engine=ray needs Ray: pip install 'mme-emotion[ray]'.") from error
        if self.address == HERE:
            os.environ.setdefault(NICENESS, "0")
        where = {"address": self.address} | ({"include_dashboard": False} if self.address == HERE else {})
        try:
            ray.init(**where, log_to_driver=False, logging_level="ERROR", namespace="mme-emotion")
        except (ConnectionError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
            # the message of an error about tokens, without Ray's page of advice
            said = " ".join(str(getattr(error, "message", error)).split())[:300].rstrip(".")
            which = "of this machine" if self.address == HERE else f"at {self.address}"
            raise RunError(
                f"The Ray cluster {which} cannot be reached ({said}). It needs the same versions of Ray and Python here"
                " and there, and its token here in RAY_AUTH_TOKEN, or in a file that RAY_AUTH_TOKEN_PATH names."
            ) from None
        return ray


class Fleet:
    """Actors that each have all checkpoints of the run; a free one gets the next request.

    All but `submit` and `close` runs on the dispatcher's thread, so that Ray's thread, which reports replies, never
    waits.

    Attributes:
        dispatcher: the queue before the actors.
        submit: queues a request, as `Dispatcher.submit`.
    """

    def __init__(self, cluster: RayCluster, wanted: Mapping[str, Wanted]) -> None:
        """Starts an actor at each place, and keeps looking for further places."""
        self._cluster, self._wanted = cluster, wanted
        self._needs_gpu = any(one.settings.device is None for one in wanted.values())
        self._starts: Counter[Place] = Counter()
        self._taken: dict[Place, Any] = {}
        self._loading: dict[Place, float] = {}  # the time of the start
        self._late: set[Place] = set()
        self._shipped: OrderedDict[str, Any] = OrderedDict()
        self._packages: Mapping[str, str] | None = None
        self._waits_since = time.monotonic()
        self._trouble = "no node has joined"
        self._closed = False
        self.dispatcher = Dispatcher(self._send, cluster.is_loss, cluster.is_gone, self.look)
        self.submit = self.dispatcher.submit
        self.dispatcher.start()

    def close(self) -> None:
        """Refuses the remaining requests, and ends the actors."""
        if not self._closed:
            self._closed = True
            self.dispatcher.close()
            for actor in self._taken.values():
                self._cluster.ray.kill(actor)

    def look(self) -> None:
        """Starts actors at places that have none; refuses all requests if they have waited too long for an actor.

        The dispatcher calls it every few seconds.
        """
        places = self._cluster.places(needs_gpu=self._needs_gpu)
        for place in places:
            if place not in self._taken and self._starts[place] < MOST_STARTS:
                self._starts[place] += 1
                actor = self._taken[place] = self._start(place)
                self._loading[place] = time.monotonic()
                self._then(actor.settle, partial(self._settled, place, actor))
        self._note_late()
        now = time.monotonic()
        if not self.dispatcher.waits or self._loading:
            self._waits_since = now
        elif places and all(place in self._late or self._starts[place] >= MOST_STARTS for place in places):
            late = f"no actor has started in {self._cluster.loading_seconds / 60:g} min"
            self._give_up(late if self._late else f"{MOST_STARTS} actors have ended at each of its places")
        elif now - self._waits_since > PATIENCE_SECONDS:
            self._give_up(f"it has had no node with a model for {PATIENCE_SECONDS:g} s")

    def _note_late(self) -> None:
        """Stops waiting for actors that take too long; one that starts later, while others work, is used."""
        for place, since in tuple(self._loading.items()):
            if time.monotonic() - since > self._cluster.loading_seconds:
                del self._loading[place]
                self._late.add(place)
                self._trouble = self._cluster.missing(place.node, needs_gpu=self._needs_gpu)

    def _give_up(self, why: str) -> None:
        self.dispatcher.fail(
            RunError(
                f"The Ray cluster cannot continue: {why} (the last known problem: {self._trouble}). Fix this first."
                f" {KEPT}"
            )
        )

    def _start(self, place: Place) -> Any:
        where = self._cluster.ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(place.node, soft=False)
        remote = self._cluster.ray.remote(Seat).options(
            num_gpus=self._cluster.gpus if self._needs_gpu else 0,
            num_cpus=1,
            scheduling_strategy=where,
            max_concurrency=2 * DEPTH,
            max_restarts=0,
        )
        return remote.remote(dict(self._wanted), self._cluster.marker)

    def _then(self, method: Any, receive: Callable[[Any], None]) -> None:
        """Calls an actor's method, and then `receive` with its future on the dispatcher's thread."""
        method.remote().future().add_done_callback(lambda done: self.dispatcher.call(partial(receive, done)))

    def _settled(self, place: Place, actor: Any, done: "Future[Settled | Refused]") -> None:
        """Adds an actor that has loaded its networks; refuses all requests if it cannot be used."""
        self._loading.pop(place, None)
        self._late.discard(place)
        error = done.exception()
        if error is not None:
            self._trouble = first_line(error)
            del self._taken[place]
            return
        said = done.result()
        if isinstance(said, Refused):
            self.dispatcher.fail(RunError(said.why))
            return
        if self._packages not in (None, said.packages):
            self.dispatcher.fail(RunError(_unlike(self._packages or {}, said.packages)))
            return
        self._packages = said.packages
        worker = Worker(actor=actor, node=place.node, shares=said.shares)
        self.dispatcher.add(worker)
        self._cluster.room = max(self._cluster.room, self.dispatcher.workers)
        self._then(actor.live, partial(self._ended, place, worker))

    def _ended(self, place: Place, worker: Worker, done: "Future[None]") -> None:
        """Removes an actor that has ended; `look` starts another if its node is still there."""
        if worker.proven:
            self._starts[place] = 0  # it has answered, so actors can work at this place
        if (error := done.exception()) is not None:
            self._trouble = first_line(error)
        del self._taken[place]
        self.dispatcher.remove(worker)

    def _send(self, worker: Worker, request: Request) -> "Future[Generated | Refused]":
        frames, file, key = as_frames(request.prompt.frames), None, ""
        if worker.shares and frames.source is not None and not request.whole:
            file, key = self._cluster.cache().media.find(frames.source.key), frames.source.key
        words = replace(request.prompt, frames=(), sound=None)
        parcel = Parcel(
            words=words, model=request.model, generation=request.generation, urgent=request.urgent, file=file, key=key
        )
        material = self._shipment(request.prompt, travels=file is None)
        future: Future[Generated | Refused] = worker.actor.answer.remote(parcel, material).future()
        return future

    def _shipment(self, prompt: Prompt, *, travels: bool) -> Any:
        """The clip's `Material` in Ray's object store, from which each node copies it once."""
        frames, sound = as_frames(prompt.frames), prompt.sound
        name = key_of(frames.digest, str(travels), b"" if sound is None else sound.samples.tobytes())
        if name not in self._shipped:
            encoded = frames.encoded() if travels else ()
            material = Material(seconds=frames.seconds, digest=frames.digest, encoded=encoded, sound=sound)
            self._shipped[name] = self._cluster.ray.put(material)
            if len(self._shipped) > SHIPPED:
                self._shipped.popitem(last=False)
        self._shipped.move_to_end(name)
        return self._shipped[name]


class RayModel:
    """The checkpoint of one key in a fleet."""

    def __init__(self, fleet: Fleet, key: str) -> None:
        self._fleet, self._key = fleet, key

    def submit(self, prompt: Prompt, generation: Generation = (), *, urgent: bool = False) -> "Future[Generated]":
        """Queues a request; returns the future reply."""
        return self._fleet.submit(prompt, self._key, generation, urgent=urgent)

    def close(self) -> None:
        """Ends the fleet, for all of its checkpoints."""
        self._fleet.close()


def _total(resources: Iterable[Mapping[str, float]]) -> str:
    """The sum of their GPUs and CPUs, in words."""
    counts: Counter[str] = Counter()
    for each in resources:
        counts.update({name: int(each.get(name, 0)) for name in ("CPU", "GPU")})
    return f"{counts['GPU']} GPUs and {counts['CPU']} CPUs"


def _unlike(first: Mapping[str, str], other: Mapping[str, str]) -> str:
    name = next(name for name in first if first[name] != other.get(name))
    return (
        f"The nodes of the Ray cluster have different versions of {name}, {first[name]} and {other.get(name)}, whose"
        " answers are not comparable; install the same version on all."
    )
