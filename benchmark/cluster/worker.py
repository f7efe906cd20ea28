"""What runs in an actor of a Ray cluster, and what is sent to it. Nothing here depends on Ray."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """A clip's pictures and sound, as they are sent.

    Attributes:
        seconds: the time of each picture.
        digest: the hash of the pictures.
        encoded: the pictures in Base64; empty if the actor reads them from a file.
        sound: the sound, or None.
    """

    seconds: tuple[float, ...]
    digest: str
    encoded: tuple[bytes, ...]
    sound: Sound | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A request as it is sent, without its `Material`.

    Attributes:
        words: the prompt without frames and sound.
        model: the key of the checkpoint.
        file: the file of the pictures, on a disk that the node shares; None if the pictures are sent.
        key: the key of the pictures in the reader's cache.
    """

    words: Prompt
    model: str
    generation: Generation
    urgent: bool
    file: Path | None = None
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why there is no reply.

    Attributes:
        why: the error message.
        fatal: whether all other requests would fail too.
        unseen: whether the file of the pictures could not be read, so that the pictures must be sent.
        fault: the exception behind it, if it was an unexpected one.
    """

    why: str
    fatal: bool = False
    unseen: bool = False
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """An actor has loaded its networks.

    Attributes:
        packages: the versions of the packages that compute there.
        shares: whether it can read the disk on which the run stores pictures.
    """

    packages: Mapping[str, str]
    shares: bool


class Seat:
    """What runs in an actor: networks on the devices that Ray assigned to it, each with a queue."""

    def __init__(self, wanted: Mapping[str, Wanted], marker: Path) -> None:
        """Loads nothing yet; `marker` is a file on the disk on which the run stores pictures."""
        self._wanted, self._marker = wanted, marker
        self._batchers: dict[str, Batcher] = {}

    async def settle(self) -> Settled | Refused:
        """Loads the networks."""
        try:
            networks = await asyncio.to_thread(self._load)
        except Exception as error:  # noqa: BLE001  or the driver would never learn what is wrong on this node
            why = str(error) if isinstance(error, EmotionError) else f"{first_line(error)}."
            return Refused(why=f"{socket.gethostname()}: {why}", fatal=True)
        for key, one in self._wanted.items():
            self._batchers[key] = one.line(partial(networks.__getitem__, key), partial(os._exit, 1))
        packages = {name: version(name) for name in ("mme-emotion", "torch", "transformers")}
        return Settled(packages=packages, shares=self._marker.exists())

    async def answer(self, parcel: Parcel, material: Material) -> Generated | Refused:
        """The network's reply."""
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
        """Never returns: a caller that waits for it learns when the actor ends."""
        await asyncio.Event().wait()

    def _load(self) -> Mapping[str, Network]:
        here = {key: replace(one, checkpoint=_here(one.checkpoint, one.settings)) for key, one in self._wanted.items()}
        return load_all(here)


def _here(checkpoint: Checkpoint, settings: LocalSettings) -> Checkpoint:
    """The checkpoint on this node, downloaded and read into memory once for all actors here."""
    if checkpoint.commit is not None:
        settings = replace(settings, loading={**settings.loading, "revision": checkpoint.commit})
        checkpoint = find_checkpoint(checkpoint.name, settings)
    elif not checkpoint.folder.exists():
        raise RunError(
            f"{checkpoint.folder} does not exist on this node; put it on a disk that all nodes share, or name a hub id."
        )
    with one_at_a_time(checkpoint.name):
        fetch(checkpoint, settings)
        warm(checkpoint.weights())
    return checkpoint


def _unpacked(parcel: Parcel, material: Material) -> Prompt:
    encoded = material.encoded
    if parcel.file is not None:
        encoded = pictures_in(parcel.file.read_bytes(), parcel.key)
        if len(encoded) != len(material.seconds):
            raise FileNotFoundError(f"{parcel.file} is incomplete")
    frames = Frames(material.seconds, material.digest, lambda: encoded, None, encoded)
    return replace(parcel.words, frames=frames, sound=material.sound)
