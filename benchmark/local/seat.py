"""What runs in an actor of a Ray cluster, and what travels to it. Nothing here knows of Ray."""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from benchmark.clip import Frames, Sound, pictures_in
from benchmark.errors import EmotionError, RunError
from benchmark.local.batching import Batcher, Generated, Generation
from benchmark.local.checkpoint import Checkpoint, fetch, find_checkpoint, warm
from benchmark.local.network import TransformersNetwork
from benchmark.local.placement import one_at_a_time
from benchmark.local.settings import LocalSettings
from benchmark.local.sizing import Sizer
from benchmark.prompt import Prompt


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
        file: where pictures are kept, on a disk that the node shares; None where they travel.
        key: under which they are kept there.
    """

    text: str
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
    """

    why: str
    fatal: bool = False
    unseen: bool = False


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
    """What runs in an actor: a network on the devices that Ray gave it, with a line before it."""

    def __init__(self, checkpoint: Checkpoint, settings: LocalSettings, sharers: int, marker: Path) -> None:
        """Loads nothing yet.

        So many as `sharers` says share the devices; `marker` is a file where the run keeps pictures.
        """
        self._checkpoint, self._settings, self._marker = checkpoint, settings, marker
        self._sizer = Sizer(fixed=settings.batch, steps=int(settings.generation["max_new_tokens"]), sharers=sharers)
        self._batcher: Batcher | None = None

    async def settle(self) -> Settled | Refused:
        """Loads the network."""
        try:
            network = await asyncio.to_thread(self._load)
        except EmotionError as error:
            return Refused(why=f"{socket.gethostname()}: {error}", fatal=True)
        self._batcher = Batcher(lambda: network, self._sizer)
        packages = {name: version(name) for name in ("mme-emotion", "torch", "transformers")}
        return Settled(packages=packages, shares=self._marker.exists())

    async def answer(self, parcel: Parcel, material: Material) -> Generated | Refused:
        """What the network says."""
        assert self._batcher is not None, "an actor is asked once it has settled"
        try:
            prompt = await asyncio.to_thread(_unpacked, parcel, material)
        except OSError as error:
            return Refused(why=str(error), unseen=True)
        try:
            return await asyncio.wrap_future(self._batcher.submit(prompt, parcel.generation, urgent=parcel.urgent))
        except EmotionError as error:
            return Refused(why=str(error), fatal=isinstance(error, RunError))

    async def live(self) -> None:
        """Never ends by itself, so that whoever waits for it learns of the actor's end."""
        await asyncio.Event().wait()

    def _load(self) -> TransformersNetwork:
        settings, checkpoint = self._settings, self._checkpoint
        if checkpoint.commit is not None:
            settings = replace(settings, loading={**settings.loading, "revision": checkpoint.commit})
            checkpoint = find_checkpoint(checkpoint.name, settings)
        elif not checkpoint.folder.exists():
            raise RunError(
                f"{checkpoint.folder} is not there; put it on a disk that all nodes see, or give a hub's id."
            )
        with one_at_a_time(checkpoint.name):  # whoever comes second on this machine finds the files in memory
            fetch(checkpoint, settings)
            warm(checkpoint.weights())
        return TransformersNetwork(checkpoint, settings)


def _unpacked(parcel: Parcel, material: Material) -> Prompt:
    encoded = material.encoded
    if parcel.file is not None:
        encoded = pictures_in(parcel.file.read_bytes(), parcel.key)
        if len(encoded) != len(material.seconds):
            raise FileNotFoundError(f"{parcel.file} is not whole")
    frames = Frames(material.seconds, material.digest, lambda: encoded, None, encoded)
    return Prompt(text=parcel.text, frames=frames, sound=material.sound)
