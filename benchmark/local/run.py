"""What the local models of a run share: loaded networks, devices, and the checks before anything is loaded."""

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
from types import MappingProxyType
from typing import Protocol

from benchmark.errors import RunError
from benchmark.local.batching import Generated, Generation, Network
from benchmark.local.checkpoint import Checkpoint, fetch, warm
from benchmark.local.devices import Device, devices
from benchmark.local.loaded import Load, Wanted, load_all
from benchmark.local.loading import check_architecture
from benchmark.local.memory import free_devices
from benchmark.local.network import TransformersNetwork
from benchmark.local.placement import (
    check_devices,
    check_memory,
    check_room,
    claim,
    free_memory,
    visible_to,
)
from benchmark.local.settings import LocalSettings
from benchmark.prompt import Prompt
from benchmark.storage.digests import digest_of
from benchmark.storage.files import make_folder

LOST_DEVICE = 70
"""How a worker ends whose device is lost; xdist starts another in its place."""

QUANTIZED = MappingProxyType({"load_in_8bit": 2, "load_in_4bit": 4})
"""By how much smaller weights become (bitsandbytes, counted from 16 bits a number)."""


class Answering(Protocol):
    """Whoever has a network answer: one on this machine, or many elsewhere."""

    def submit(self, prompt: Prompt, generation: Generation = (), *, urgent: bool = False) -> "Future[Generated]":
        """A promise of what it says."""

    def close(self) -> None:
        """Lets go."""


class Cluster(Protocol):
    """Machines elsewhere, on which checkpoints can be loaded.

    Attributes:
        room: the most networks of each checkpoint that have been expected, or have been loaded, at a time.
    """

    room: int

    def check(self, *, needs_gpu: bool) -> str:
        """What the user should know of the places that there are.

        Raises:
            RunError: there is none.
        """

    def start(self, wanted: Mapping[str, Wanted]) -> Mapping[str, Answering]:
        """Loads checkpoints there, all of them at each place."""

    def close(self) -> None:
        """Leaves it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a process of the run stands.

    Attributes:
        folder: which all its processes see, for as long as it lasts.
        worker: which of them this is.
        workers: how many of them load models.
        gpus: devices that each takes.
        digest: SHA-256 of a file, in hexadecimal.
        replaceable: whether another process is started where this one dies.
    """

    folder: Path
    worker: int = 0
    workers: int = 1
    gpus: int = 1
    digest: Callable[[Path], str] = digest_of
    replaceable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What networks are loaded on.

    Attributes:
        accelerators: the devices that there are.
        memory: bytes of main memory that nobody uses.
        load: loads a network.
    """

    accelerators: Callable[[], Sequence[Device]] = devices
    memory: Callable[[], int] = free_memory
    load: Load = TransformersNetwork


THIS_MACHINE = Machine()


class LocalRun:
    """The checkpoints of a run; each is loaded once, whatever parts it plays.

    Attributes:
        notes: what the user should know of the devices, once they have been looked at.
    """

    def __init__(self, site: Site, cluster: Cluster | None = None, machine: Machine = THIS_MACHINE) -> None:
        """Loads nothing yet; without a cluster, all is loaded on this machine."""
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
        """Takes a checkpoint up; what is loaded alike has one key."""
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
        """Where each is loaded, as far as this process asks there; a cluster may have more by and by."""
        return 1 if self._cluster is None else self._cluster.room

    def answering(self, key: str) -> Answering:
        """Whoever answers for the checkpoint of that key; on this machine it is loaded when the first request comes."""
        with self._guard:
            if not self._answering:
                self._answering = self._begin()
            return self._answering[key]

    def check(self) -> None:
        """Fetches and reads what is to be loaded, and looks whether it fits on the devices; once.

        Raises:
            RunError: something cannot be had, or does not fit.
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
        """Another run on the same site, for what this process does before others need the devices."""
        folder = self.site.folder / "apart"
        make_folder(folder)
        return LocalRun(replace(self.site, folder=folder, worker=0, workers=1), self._cluster, self._machine)

    def release(self) -> None:
        """Lets go of all networks and of the devices, which other processes may want; what is asked next loads anew."""
        self._close_all()  # in a frame of its own, whose end lets go of them
        if self._networks:
            self._networks = {}
            free_devices()
        self._claim.close()

    def close(self) -> None:
        """Lets go of everything."""
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
            raise RunError("On Ray, device_map is cpu or left away: each actor has devices of its own.")
        self.notes = (cluster.check(needs_gpu=None in named),)

    def _check_here(self) -> None:
        workers, each = self.site.workers, self.site.gpus
        weights: defaultdict[str | None, dict[str, int]] = defaultdict(dict)
        for one in self._known.values():
            fetch(one.checkpoint, one.settings)
            there, name = weights[one.settings.device], f"hf:{one.checkpoint.name}"
            while name in there:
                name += " with other options"
            there[name] = _loaded_bytes(one)
        if on_cpu := weights.pop("cpu", None):
            check_memory(on_cpu, self._machine.memory(), workers)
        if on_any := weights.pop(None, None):
            if weights:  # of whose devices we would hide some
                raise RunError(
                    f"device_map={min(map(str, weights))} is for one of the models: name a device for each, or none."
                )
            found = self._machine.accelerators()
            check_devices(found, workers, each)
            check_room(on_any, found, workers, each)
            self.notes = (_note(found, workers * each, each),)
        elif weights:
            self._check_named({str(name): held for name, held in weights.items()})
        if workers > 1:
            warm(file for one in self._known.values() for file in one.checkpoint.weights())

    def _named(self) -> set[str | None]:
        """The devices that the user names; None where that is left to us."""
        return {one.settings.device for one in self._known.values()}

    def _check_named(self, weights: Mapping[str, Mapping[str, int]]) -> None:
        """Refuses devices that are not there, or too small for what is meant for them."""
        if self.site.workers > 1:
            raise RunError(f"device_map={min(weights)} is one device for all processes: leave it, or -n, away.")
        found = {f"{device.kind}:{device.index}": device for device in self._machine.accelerators()}
        check_devices(tuple(found.values()), 1, 1)
        for name, held in weights.items():
            place = name if ":" in name else f"{name}:0"
            if place not in found:
                raise RunError(f"device_map={name} is not there; there are {', '.join(found)}, and cpu.")
            check_room(held, (found[place],), 1, 1)
        self.notes = (f"hf: computes on {', '.join(weights)}",)

    def _begin(self) -> Mapping[str, Answering]:
        if self._cluster is not None:
            return self._cluster.start(self._known)
        give_up = self._leave if self.site.replaceable else _no_more
        return {key: one.line(partial(self._load, key), give_up) for key, one in self._known.items()}

    def _leave(self, why: str) -> None:
        """Ends this process, in whose place another is started; its last words are for whoever sees it gone."""
        _words_of(self.site.folder, self.site.worker).write_text(why, "utf-8")
        os._exit(LOST_DEVICE)

    def _load(self, key: str) -> Network:
        """The network, on this process's own share of the devices; loaded together with all others of the run."""
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
        """Hides the devices of other processes, which has to happen before torch looks for the first time."""
        site = self.site
        place = self._claim.enter_context(claim(site.workers, site.worker % site.workers, site.folder))
        variable, value = visible_to(place, site.gpus, os.environ)
        # processes that are started later choose from all again
        self._claim.callback(_restore, variable, os.environ.get(variable))
        os.environ[variable] = value


def last_words(folder: Path, worker: int) -> str:
    """Why a process of the run has left, as it has written into the folder that all see; empty where it has not."""
    path = _words_of(folder, worker)
    return path.read_text("utf-8") if path.exists() else ""


def _words_of(folder: Path, worker: int) -> Path:
    return folder / f"lost-{worker}"


def _restore(variable: str, before: str | None) -> None:
    if before is None:
        os.environ.pop(variable, None)
    else:
        os.environ[variable] = before


def _no_more(why: str) -> None:
    """Where nobody starts another process in place of this one, the run has to end."""


def _note(found: Sequence[Device], taken: int, each: int) -> str:
    """Which devices are used, and how the others could be."""
    idle = len(found) - taken
    hint = f"; {idle} more are idle, -n {len(found) // each} uses them" if idle >= each else ""
    return f"hf: computes on {taken} × {found[0].name}{hint}"


def _loaded_bytes(one: Wanted) -> int:
    """What a checkpoint's weights take on a device."""
    told = one.settings.loading.get("quantization_config")
    if not isinstance(told, dict):
        return one.checkpoint.weigh(one.settings)
    saves = [QUANTIZED[name] for name in told if name in QUANTIZED and told[name]]
    # of other methods nobody knows it beforehand: what they cannot have saved is said when it is loaded
    return one.checkpoint.weigh(one.settings) // max(saves, default=max(QUANTIZED.values()))
