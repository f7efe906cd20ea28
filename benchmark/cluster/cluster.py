"""Local models on a Ray cluster: one actor for each GPU, or group of them; nodes may join and leave.

Actors are placed by us, node by node, rather than by Ray: so it is known which nodes have come, and what each one said.
"""

import os
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmark.clip import as_frames
from benchmark.cluster.dispatch import DEPTH, Dispatcher, Request, Worker
from benchmark.cluster.worker import Material, Parcel, Refused, Seat, Settled
from benchmark.errors import RunError
from benchmark.local.batching import Generated, Generation
from benchmark.local.loaded import Wanted
from benchmark.local.memory import first_line
from benchmark.prompt import Prompt
from benchmark.storage.cache import Cache, key_of
from benchmark.storage.files import rights

PATIENCE_SECONDS = 900.0
"""How long requests wait for a node where none is left."""

LOADING_SECONDS = 1800.0
"""How long an actor may take to be placed and to load its networks, before nobody counts on it any more."""

MOST_STARTS = 3
"""How often in a row an actor is started at one place and ends without an answer."""

SHIPPED = 512
"""Clips whose pictures and sound stay in the object store, for whoever asks about them next."""

AUTHENTICATION = "RAY_AUTH_MODE"
NICENESS = "RAY_worker_niceness"
"""How far its actors give way to other processes: by 15 unless it is told otherwise, and so to the clips' decoding."""

HERE = "local"
"""Ray's word for a new cluster of this machine alone, whatever RAY_ADDRESS says and whatever runs here already."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where there is room for an actor: the n-th on a node."""

    node: str
    number: int


def _import_ray() -> Any:
    import ray

    return ray


class RayCluster:
    """A connection to a Ray cluster, made when it is first needed.

    Attributes:
        room: the most actors that have been expected, or have joined, at a time.
        loading_seconds: how long an actor may take to come up.
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
        """Connects to nothing yet.

        `address` is empty for a cluster of this machine alone, `gpus` is of each actor; `cache` has the pictures.
        `package` imports Ray, when it is first needed; an actor has `loading_seconds` to come up.
        """
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
        """A file beside the pictures: a node that sees it sees them."""
        return self.cache().path.with_name(self._mark)

    def check(self, *, needs_gpu: bool) -> str:
        """What the user should know: how many places there are for actors, and whether any is free.

        Raises:
            RunError: there is none; says what there is.
        """
        places = self.places(needs_gpu=needs_gpu)
        if not places:
            nodes = self._alive()
            raise RunError(
                f"The Ray cluster has no room for a model: {len(nodes)} nodes with"
                f" {_told(node['Resources'] for node in nodes)}, none with {self._needed(needs_gpu=needs_gpu)}."
            )
        self.room = max(self.room, len(places))
        told = f"Ray cluster: {len(places)} places for a model; nodes that join are used too"
        free = self.free()
        if not any(self._room_in(free.get(place.node, {}), needs_gpu=needs_gpu) for place in places):
            told += (
                f"; NONE IS FREE NOW ({_told(free.values())} are, and an actor needs"
                f" {self._needed(needs_gpu=needs_gpu)}): the run waits {self.loading_seconds / 60:g} min for one"
            )
        return told

    def places(self, *, needs_gpu: bool) -> list[Place]:
        """Where actors can be, by now, as soon as nobody else is there."""
        return [
            Place(node["NodeID"], number)
            for node in self._alive()
            for number in range(self._room_in(node["Resources"], needs_gpu=needs_gpu))
        ]

    def free(self) -> Mapping[str, Mapping[str, float]]:
        """What nobody uses on each node, by its id, as of a moment ago."""
        # marked as a "DeveloperAPI": the public ray.available_resources() knows the whole cluster's sum alone
        free: Mapping[str, Mapping[str, float]] = self.ray._private.state.available_resources_per_node()
        return free

    def missing(self, node: str, *, needs_gpu: bool) -> str:
        """What an actor needs on a node, and what is free there."""
        names = {each["NodeID"]: each.get("NodeManagerHostname") for each in self._alive()}
        return (
            f"an actor needs {self._needed(needs_gpu=needs_gpu)}, and on {names.get(node) or node}"
            f" {_told([self.free().get(node, {})])} are free"
        )

    def start(self, wanted: Mapping[str, Wanted]) -> "Mapping[str, RayModel]":
        """The checkpoints on all places that there are and will be, by key."""
        fleet = Fleet(self, wanted)
        return {key: RayModel(fleet, key) for key in wanted}

    def is_loss(self, error: BaseException) -> bool:
        """Whether a reply's error means that its actor is no more."""
        kinds = self.ray.exceptions
        return isinstance(error, (kinds.RayActorError, kinds.OutOfMemoryError, kinds.NodeDiedError))

    def is_gone(self, node: str) -> bool:
        """Whether a node has left the cluster."""
        return all(each["NodeID"] != node for each in self._alive())

    def close(self) -> None:
        """Leaves the cluster, whose actors of this run end with that."""
        if self._ray is not None:
            self._ray.shutdown()
            self.marker.unlink(missing_ok=True)
            self._ray = None

    def _room_in(self, resources: Mapping[str, float], *, needs_gpu: bool) -> int:
        """How many actors there can be with these resources; on CPUs one takes all that its node has."""
        processors = int(resources.get("CPU", 0))
        return min(int(resources.get("GPU", 0)) // self.gpus, processors) if needs_gpu else min(1, processors)

    def _needed(self, *, needs_gpu: bool) -> str:
        return f"the {self.gpus} GPUs of --gpus-per-worker and a CPU" if needs_gpu else "a CPU"

    def _alive(self) -> list[Mapping[str, Any]]:
        return [node for node in self.ray.nodes() if node["Alive"]]

    def _connect(self) -> Any:
        mode = os.environ.get(AUTHENTICATION) or "token"
        if mode.lower() != "token":
            raise RunError(
                f"{AUTHENTICATION}={mode} is exported, and Ray runs whatever it is sent, on a cluster of this machine"
                f" alone too: unset it, or export {AUTHENTICATION}=token here and on all nodes."
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
            # what an error about tokens says of itself, without Ray's page of advice
            said = " ".join(str(getattr(error, "message", error)).split())[:300].rstrip(".")
            which = "of this machine" if self.address == HERE else f"at {self.address}"
            raise RunError(
                f"The Ray cluster {which} cannot be reached ({said}). It wants the same Ray and Python here"
                " and there, and its token here: in RAY_AUTH_TOKEN, or in a file that RAY_AUTH_TOKEN_PATH names."
            ) from None
        return ray


class Fleet:
    """Actors that have all checkpoints of the run; whoever is free gets the next request.

    All but `submit` and `close` happens on the dispatcher's thread: Ray's own, on which it tells of replies, must not
    be kept waiting.

    Attributes:
        dispatcher: the line before them.
    """

    def __init__(self, cluster: RayCluster, wanted: Mapping[str, Wanted]) -> None:
        """Starts an actor at each place, and goes on looking for places."""
        self._cluster, self._wanted = cluster, wanted
        self._needs_gpu = any(one.settings.device is None for one in wanted.values())
        self._starts: Counter[Place] = Counter()
        self._taken: dict[Place, Any] = {}
        self._loading: dict[Place, float] = {}  # since when
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
        """Refuses what is left, and ends the actors."""
        if not self._closed:
            self._closed = True
            self.dispatcher.close()
            for actor in self._taken.values():
                self._cluster.ray.kill(actor)

    def look(self) -> None:
        """Starts actors at places that have none; gives up where requests have waited too long for one.

        The dispatcher calls it every few seconds.
        """
        places = self._cluster.places(needs_gpu=self._needs_gpu)
        for place in places:
            if place not in self._taken and self._starts[place] < MOST_STARTS:
                self._starts[place] += 1
                actor = self._taken[place] = self._start(place)
                self._loading[place] = time.monotonic()
                self._then(actor.settle, partial(self._settled, place, actor))
        self._heed_late()
        now = time.monotonic()
        if not self.dispatcher.waits or self._loading:
            self._waits_since = now
        elif places and all(place in self._late or self._starts[place] >= MOST_STARTS for place in places):
            late = f"no actor has come up in {self._cluster.loading_seconds / 60:g} min"
            self._give_up(late if self._late else f"{MOST_STARTS} actors have ended at each of its places")
        elif now - self._waits_since > PATIENCE_SECONDS:
            self._give_up(f"it has had no node with a model for {PATIENCE_SECONDS:g} s")

    def _heed_late(self) -> None:
        """Counts no more on actors that do not come up; where others go on meanwhile, one that still does is used."""
        for place, since in tuple(self._loading.items()):
            if time.monotonic() - since > self._cluster.loading_seconds:
                del self._loading[place]
                self._late.add(place)
                self._trouble = self._cluster.missing(place.node, needs_gpu=self._needs_gpu)

    def _give_up(self, why: str) -> None:
        self.dispatcher.fail(
            RunError(
                f"The Ray cluster cannot go on: {why} (the last that was heard: {self._trouble}). What was answered is"
                " kept: the same command goes on once that is mended."
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

    def _then(self, method: Any, heed: Callable[[Any], None]) -> None:
        """Has an actor do something, and the dispatcher's thread heed what came of it."""
        method.remote().future().add_done_callback(lambda done: self.dispatcher.call(partial(heed, done)))

    def _settled(self, place: Place, actor: Any, done: "Future[Settled | Refused]") -> None:
        """An actor has loaded its networks, or could not."""
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
        """An actor is no more; where its node still is, another takes its place."""
        if worker.proven:
            self._starts[place] = 0  # one that has answered is no sign that none can be there
        if (error := done.exception()) is not None:
            self._trouble = first_line(error)
        del self._taken[place]
        self.dispatcher.remove(worker)

    def _send(self, worker: Worker, request: Request) -> "Future[Generated | Refused]":
        frames, file, key = as_frames(request.prompt.frames), None, ""
        if worker.shares and frames.source is not None and not request.whole:
            file, key = self._cluster.cache().media.find(frames.source.key), frames.source.key
        parcel = Parcel(
            text=request.prompt.text,
            turns=request.prompt.turns,
            model=request.model,
            generation=request.generation,
            urgent=request.urgent,
            file=file,
            key=key,
        )
        material = self._shipment(request.prompt, travels=file is None)
        future: Future[Generated | Refused] = worker.actor.answer.remote(parcel, material).future()
        return future

    def _shipment(self, prompt: Prompt, *, travels: bool) -> Any:
        """The clip's material in Ray's object store, from which each node takes it once."""
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
    """One of the checkpoints of a fleet."""

    def __init__(self, fleet: Fleet, key: str) -> None:
        """Asks the fleet for the checkpoint of that key."""
        self._fleet, self._key = fleet, key

    def submit(self, prompt: Prompt, generation: Generation = (), *, urgent: bool = False) -> "Future[Generated]":
        """A promise of what an actor says."""
        return self._fleet.submit(prompt, self._key, generation, urgent=urgent)

    def close(self) -> None:
        """Ends the fleet, for all of its checkpoints."""
        self._fleet.close()


def _told(resources: Iterable[Mapping[str, float]]) -> str:
    """GPUs and CPUs of all of them together."""
    counts: Counter[str] = Counter()
    for each in resources:
        counts.update({name: int(each.get(name, 0)) for name in ("CPU", "GPU")})
    return f"{counts['GPU']} GPUs and {counts['CPU']} CPUs"


def _unlike(first: Mapping[str, str], other: Mapping[str, str]) -> str:
    name = next(name for name in first if first[name] != other.get(name))
    return (
        f"The nodes of the Ray cluster compute with different packages: {name} {first[name]} and {other.get(name)};"
        " their answers would not be of one model. Install the same on all."
    )
