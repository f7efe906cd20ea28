"""The networks and devices that the local models of a run share, and the checks before anything is loaded."""

import json
import os
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from benchmark.errors import RunError
from benchmark.local.batching import Generated, Generation, Network
from benchmark.local.checkpoint import Checkpoint, fetch, warm
from benchmark.local.devices import Device, devices
from benchmark.local.loaded import Load, Wanted, load_all
from benchmark.local.loading import check_architecture
from benchmark.local.memory import free_devices
from benchmark.local.network import TransformersNetwork
from benchmark.local.placement import check_devices, check_memory, check_room, claim, free_memory, visible_to
from benchmark.local.settings import LocalSettings
from benchmark.prompt import Prompt
from benchmark.storage.digests import digest_of
from benchmark.storage.files import make_folder

LOST_DEVICE = 70
"""The exit code of a worker whose device is lost; xdist starts another in its place."""

QUANTIZED: Mapping[str, int] = {"load_in_8bit": 2, "load_in_4bit": 4}
"""How many times smaller weights become (bitsandbytes, from 16 bits a number)."""


class Answering(Protocol):
    """One network on this machine, or many on a cluster, that answer prompts."""

    def submit(self, prompt: Prompt, generation: Generation = (), *, urgent: bool = False) -> "Future[Generated]":
        """A future of the reply."""

    def close(self) -> None:
        """Stops answering, and frees what this takes."""


class Cluster(Protocol):
    """Other machines, on which checkpoints can be loaded.

    Attributes:
        room: the largest number of networks of each checkpoint that were expected or loaded at a time.
    """

    room: int

    def check(self, *, needs_gpu: bool) -> str:
        """A sentence for the user on the places where checkpoints can be loaded.

        Raises:
            RunError: there is no such place.
        """

    def start(self, wanted: Mapping[str, Wanted]) -> Mapping[str, Answering]:
        """Loads all checkpoints at each place; returns what answers for them, by the keys of `wanted`."""

    def close(self) -> None:
        """Disconnects from the cluster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The position of a process in its run.

    Attributes:
        folder: a folder that all processes of the run share while it lasts.
        worker: the number of this process.
        workers: how many processes load models.
        gpus: how many devices each of them takes.
        digest: returns the SHA-256 of a file, in hexadecimal.
        replaceable: whether another process is started if this one dies.
    """

    folder: Path
    worker: int = 0
    workers: int = 1
    gpus: int = 1
    digest: Callable[[Path], str] = digest_of
    replaceable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine that networks are loaded on.

    Attributes:
        accelerators: returns its devices.
        memory: returns the bytes of main memory that are available.
        load: loads a network.
    """

    accelerators: Callable[[], Sequence[Device]] = devices
    memory: Callable[[], int] = free_memory
    load: Load = TransformersNetwork


THIS_MACHINE = Machine()


class LocalRun:
    """The checkpoints of a run; each is loaded once, even if it has several roles.

    Attributes:
        site: the position of this process in the run.
        notes: sentences for the user about the devices, after `check`.
    """

    def __init__(self, site: Site, cluster: Cluster | None = None, machine: Machine = THIS_MACHINE) -> None:
        """Loads nothing yet. Without a cluster, all is loaded on this machine."""
        self.site = site
        self._cluster, self._machine = cluster, machine
        self._known: dict[str, Wanted] = {}
        self._answering: Mapping[str, Answering] = {}
        self._guard, self._loading = threading.Lock(), threading.Lock()
        self._networks: Mapping[str, Network] = {}
        self._failure: RunError | None = None
        self._claim = ExitStack()
        self._checked = False
        self.notes: tuple[str, ...] = ()

    def add(self, checkpoint: Checkpoint, settings: LocalSettings) -> str:
        """Adds a checkpoint, and returns its key; checkpoints that are loaded in the same way share one."""
        loading = [dict(settings.loading), dict(settings.processing), settings.sound_in_video]
        key = json.dumps([checkpoint.name, *loading], sort_keys=True, default=str)
        steps = int(settings.generation["max_new_tokens"])
        one = self._known.setdefault(key, Wanted(checkpoint=checkpoint, settings=settings, steps=steps))
        self._known[key] = replace(one, steps=max(one.steps, steps))
        return key

    @property
    def is_empty(self) -> bool:
        """Whether the run has no local model."""
        return not self._known

    @property
    def places(self) -> int:
        """The number of places where each checkpoint is loaded; it may grow on a cluster."""
        return 1 if self._cluster is None else self._cluster.room

    def answering(self, key: str) -> Answering:
        """What answers for the checkpoint of that key; on this machine, the first request loads it."""
        with self._guard:
            if not self._answering:
                self._answering = self._begin()
            return self._answering[key]

    def check(self) -> None:
        """Fetches the checkpoints, and checks whether they fit on the devices; later calls do nothing.

        Raises:
            RunError: a checkpoint cannot be fetched or used, or does not fit.
        """
        with self._guard:
            if self._checked:
                return
            for one in self._known.values():
                check_architecture(one.checkpoint, one.settings)
            if self._cluster is None:
                self._check_here()
            else:
                self._check_there(self._cluster)
            self._checked = True

    def apart(self) -> "LocalRun":
        """A second run for this process only, e.g. to check the judge before the workers take the devices."""
        folder = self.site.folder / "apart"
        make_folder(folder)
        return LocalRun(replace(self.site, folder=folder, worker=0, workers=1), self._cluster, self._machine)

    def release(self) -> None:
        """Frees all networks and devices for other processes; the next request loads the networks again."""
        self._close_all()  # a separate function, at whose end the networks are no longer referenced
        if self._networks:
            self._networks = {}
            free_devices()
        self._claim.close()

    def close(self) -> None:
        """Frees all networks and devices, and disconnects from the cluster."""
        self.release()
        if self._cluster is not None:
            self._cluster.close()

    def _close_all(self) -> None:
        with self._guard:
            answering, self._answering = self._answering, {}
        for each in answering.values():
            each.close()

    def _check_there(self, cluster: Cluster) -> None:
        for one in self._known.values():
            if one.checkpoint.commit is None:
                one.checkpoint.weights()
        named = self._named()
        if named - {None, "cpu"}:
            raise RunError("With Ray, device_map must be cpu, or omitted: Ray assigns devices to each actor.")
        self.notes = (cluster.check(needs_gpu=None in named),)

    def _check_here(self) -> None:
        workers, each = self.site.workers, self.site.gpus
        weights: defaultdict[str | None, dict[str, int]] = defaultdict(dict)
        for one in self._known.values():
            fetch(one.checkpoint, one.settings)
            sizes, name = weights[one.settings.device], f"hf:{one.checkpoint.name}"
            while name in sizes:
                name += " with other options"
            sizes[name] = _loaded_bytes(one)
        if on_cpu := weights.pop("cpu", None):
            check_memory(on_cpu, self._machine.memory(), workers)
        if on_any := weights.pop(None, None):
            if weights:  # some of their devices would be hidden
                name = min(map(str, weights))
                raise RunError(f"device_map={name} is set for some models only; set it for all hf: models, or none.")
            found = self._machine.accelerators()
            check_devices(found, workers, each)
            check_room(on_any, found, workers, each)
            self.notes = (_note(found, workers * each, each),)
        elif weights:
            self._check_named({str(name): held for name, held in weights.items()})
        if workers > 1:
            warm(file for one in self._known.values() for file in one.checkpoint.weights())

    def _named(self) -> set[str | None]:
        """The devices that the user names; None is among them if a model has no named device."""
        return {one.settings.device for one in self._known.values()}

    def _check_named(self, weights: Mapping[str, Mapping[str, int]]) -> None:
        """Refuses named devices that do not exist, or on which the networks do not fit."""
        if self.site.workers > 1:
            raise RunError(f"device_map={min(weights)} is one device for all processes; omit device_map or -n.")
        found = {f"{device.kind}:{device.index}": device for device in self._machine.accelerators()}
        check_devices(tuple(found.values()), 1, 1)
        for name, held in weights.items():
            place = name if ":" in name else f"{name}:0"
            if place not in found:
                raise RunError(f"device_map={name} does not exist; use one of {', '.join(found)}, cpu.")
            check_room(held, (found[place],), 1, 1)
        self.notes = (f"hf: computes on {', '.join(weights)}",)

    def _begin(self) -> Mapping[str, Answering]:
        if self._cluster is not None:
            return self._cluster.start(self._known)
        give_up = self._leave if self.site.replaceable else lambda _: None  # else the error ends the run
        return {key: one.line(partial(self._load, key), give_up) for key, one in self._known.items()}

    def _leave(self, why: str) -> None:
        """Ends this process, in whose place another is started; `last_words` returns why."""
        _words_of(self.site.folder, self.site.worker).write_text(why, "utf-8")
        os._exit(LOST_DEVICE)

    def _load(self, key: str) -> Network:
        """The network, on this process's share of the devices; the first call loads all networks of the run."""
        with self._loading:
            if self._failure is not None:
                raise self._failure
            if not self._networks:
                try:
                    if None in self._named():
                        self._place()
                    self._networks = load_all(self._known, self._machine.load)
                except RunError as error:
                    self._failure = error
                    raise
            return self._networks[key]

    def _place(self) -> None:
        """Hides the devices of other processes; torch must not have looked for devices before."""
        site = self.site
        place = self._claim.enter_context(claim(site.workers, site.worker % site.workers, site.folder))
        variable, value = visible_to(place, site.gpus, os.environ)
        # restored at the end, so that processes that are started later choose from all devices again
        if variable in os.environ:
            self._claim.callback(os.environ.update, {variable: os.environ[variable]})
        else:
            self._claim.callback(os.environ.pop, variable, None)
        os.environ[variable] = value


def last_words(folder: Path, worker: int) -> str:
    """Why a worker ended itself because its device was lost; "" if it did not. `folder` is that of its `Site`."""
    path = _words_of(folder, worker)
    return path.read_text("utf-8") if path.exists() else ""


def _words_of(folder: Path, worker: int) -> Path:
    return folder / f"lost-{worker}"


def _note(found: Sequence[Device], taken: int, each: int) -> str:
    """A sentence on which devices are used, and how to use the others."""
    idle = len(found) - taken
    hint = f"; {idle} more are idle, -n {len(found) // each} uses them" if idle >= each else ""
    return f"hf: computes on {taken} × {found[0].name}{hint}"


def _loaded_bytes(one: Wanted) -> int:
    """The bytes that a checkpoint's weights take on a device; of other quantizations than `QUANTIZED`, at least."""
    size, option = one.checkpoint.weigh(one.settings), one.settings.loading.get("quantization_config")
    if not isinstance(option, dict):
        return size
    factors = [factor for name, factor in QUANTIZED.items() if option.get(name)]
    return size // max(factors, default=max(QUANTIZED.values()))
