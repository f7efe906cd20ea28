"""What runs in an actor of a Ray cluster, and what travels to it. Nothing here knows of Ray."""

import asyncio
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

from benchmark.clip import Frames, Sound
from benchmark.clips.reader import pictures_in
from benchmark.errors import EmotionError, RunError
from benchmark.fault import Fault
from benchmark.local.batching import Batcher, Generated, Generation, Network
from benchmark.local.checkpoint import Checkpoint, fetch, find_checkpoint, warm
from benchmark.local.loaded import Wanted, load_all
from benchmark.local.memory import first_line
from benchmark.local.placement import one_at_a_time
from benchmark.local.settings import LocalSettings
from benchmark.prompt import Prompt
from benchmark.task import Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """A clip's pictures and sound, as they travel.

    Attributes:
        seconds: when each picture is shown.
        digest: what stands for the pictures.
        encoded: the pictures in Base64; none where the actor reads the file.
        sound: what is heard.
    """

    seconds: tuple[float, ...]
    digest: str
    encoded: tuple[bytes, ...]
    sound: Sound | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A request as it travels, beside its `Material`.

    Attributes:
        model: the checkpoint's key.
        file: where pictures are kept, on a disk that the node shares; None where they travel.
        key: under which they are kept there.
    """

    text: str
    turns: tuple[Turn, ...]
    model: str
    generation: Generation
    urgent: bool
    file: Path | None = None
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why there is no reply.

    Attributes:
        fatal: whether all other requests would be refused too.
        unseen: whether a file was not there, so that the same is to be sent with its pictures.
        fault: the exception behind it, where that is of a kind that nobody foresaw.
    """

    why: str
    fatal: bool = False
    unseen: bool = False
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """An actor that has loaded its network.

    Attributes:
        packages: what computes there, by version.
        shares: whether it sees the disk on which the run keeps pictures.
    """

    packages: Mapping[str, str]
    shares: bool


class Seat:
    """What runs in an actor: networks on the devices that Ray gave it, with a line before each."""

    def __init__(self, wanted: Mapping[str, Wanted], marker: Path) -> None:
        """Loads nothing yet; `marker` is a file where the run keeps pictures."""
        self._wanted, self._marker = wanted, marker
        self._batchers: dict[str, Batcher] = {}

    async def settle(self) -> Settled | Refused:
        """Loads the networks."""
        try:
            networks = await asyncio.to_thread(self._load)
        except EmotionError as error:
            return Refused(why=f"{socket.gethostname()}: {error}", fatal=True)
        except Exception as error:  # noqa: BLE001  or the driver would never learn what is wrong on this node
            return Refused(why=f"{socket.gethostname()}: {first_line(error)}.", fatal=True)
        for key, one in self._wanted.items():
            self._batchers[key] = one.line(partial(networks.__getitem__, key), partial(os._exit, 1))
        packages = {name: version(name) for name in ("mme-emotion", "torch", "transformers")}
        return Settled(packages=packages, shares=self._marker.exists())

    async def answer(self, parcel: Parcel, material: Material) -> Generated | Refused:
        """What the network says."""
        batcher = self._batchers[parcel.model]
        try:
            prompt = await asyncio.to_thread(_unpacked, parcel, material)
        except OSError as error:
            return Refused(why=str(error), unseen=True)
        try:
            return await asyncio.wrap_future(batcher.submit(prompt, parcel.generation, urgent=parcel.urgent))
        except EmotionError as error:
            return Refused(why=str(error), fatal=isinstance(error, RunError), fault=error.fault)

    async def live(self) -> None:
        """Never ends by itself, so that whoever waits for it learns of the actor's end."""
        await asyncio.Event().wait()

    def _load(self) -> Mapping[str, Network]:
        here = {key: replace(one, checkpoint=_here(one.checkpoint, one.settings)) for key, one in self._wanted.items()}
        return load_all(here)


def _here(checkpoint: Checkpoint, settings: LocalSettings) -> Checkpoint:
    """The checkpoint as this node has it, read once for all who load it here."""
    if checkpoint.commit is not None:
        settings = replace(settings, loading={**settings.loading, "revision": checkpoint.commit})
        checkpoint = find_checkpoint(checkpoint.name, settings)
    elif not checkpoint.folder.exists():
        raise RunError(f"{checkpoint.folder} is not there; put it on a disk that all nodes see, or give a hub's id.")
    with one_at_a_time(checkpoint.name):
        fetch(checkpoint, settings)
        warm(checkpoint.weights())
    return checkpoint


def _unpacked(parcel: Parcel, material: Material) -> Prompt:
    encoded = material.encoded
    if parcel.file is not None:
        encoded = pictures_in(parcel.file.read_bytes(), parcel.key)
        if len(encoded) != len(material.seconds):
            raise FileNotFoundError(f"{parcel.file} is not whole")
    frames = Frames(material.seconds, material.digest, lambda: encoded, None, encoded)
    return Prompt(text=parcel.text, turns=parcel.turns, frames=frames, sound=material.sound)
