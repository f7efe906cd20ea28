"""A checkpoint's files: where they are, what they say of themselves, what they weigh. Nothing here needs torch."""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benchmark.errors import RunError
from benchmark.local.hub import HUB, Hub, no_such_checkpoint
from benchmark.local.settings import LocalSettings
from benchmark.prompt import Modality
from benchmark.storage.cache import key_of

NEEDED = ("torch", "torchvision", "transformers", "accelerate")
BYTES = MappingProxyType(
    {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
)
DTYPE_BYTES = MappingProxyType({"float32": 4, "float16": 2, "bfloat16": 2})
"""Bytes a number takes, in files (the safetensors format, "Format") and by names of `dtype`."""

TEXT_FILES = ("*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken")
READ_AT_ONCE = 16 * 2**20

THINKER = "thinker."
"""Weights that answer, in checkpoints that also speak (Qwen2.5-Omni, arXiv 2503.20215, section 2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Weights with their configuration, in a folder.

    Attributes:
        name: as the user wrote it: a path, or an id of the Hugging Face hub.
        folder: where its files are, or will be once they are fetched.
        config: what is in its `config.json`.
        commit: the hub's commit; None for a folder of the user's own.
    """

    name: str
    folder: Path
    config: Mapping[str, Any]
    commit: str | None = None

    @property
    def short_name(self) -> str:
        """Its name, without the folders that it lies in."""
        return self.name if self.commit else self.folder.resolve().name

    @property
    def architecture(self) -> str:
        """Its `model_type`."""
        return str(self.config.get("model_type", ""))

    @property
    def modalities(self) -> frozenset[Modality]:
        """What it can be sent, by the parts that it is made of."""
        parts = set(_names(self.config))
        taken: tuple[tuple[Modality, bool], ...] = (
            ("video", bool(parts & {"vision_config", "vision_tower", "mm_vision_tower", "vision_model"})),
            ("audio", bool(parts & {"audio_config", "audio_processor", "audio_model"})),
        )
        return frozenset(modality for modality, takes in taken if takes)

    def weights(self) -> tuple[Path, ...]:
        """The files with its weights.

        Raises:
            RunError: there are none, or one that the index names is missing.
        """
        for suffix in ("safetensors", "bin"):
            stem = "model" if suffix == "safetensors" else "pytorch_model"
            index, whole = self.folder / f"{stem}.{suffix}.index.json", self.folder / f"{stem}.{suffix}"
            if index.exists():
                return self._indexed(index)
            if whole.exists():
                return (whole,)
        raise RunError(f"hf:{self.name} has no weights: {self.folder} holds neither *.safetensors nor *.bin files.")

    def _indexed(self, index: Path) -> tuple[Path, ...]:
        names = sorted(set(read_json(index)["weight_map"].values()))
        if missing := [name for name in names if not (self.folder / name).exists()]:
            raise RunError(f"hf:{self.name} is not whole: {self.folder} lacks {', '.join(missing)}; fetch it again.")
        return tuple(self.folder / name for name in names)

    def weigh(self, settings: LocalSettings) -> int:
        """Bytes that its weights take once they are loaded, without what quantization saves.

        Raises:
            RunError: as for `weights`.
        """
        size = DTYPE_BYTES.get(str(settings.loading.get("dtype")))
        speaks = "thinker_config" in self.config
        return sum(_weight(path, size, THINKER if speaks else "") for path in self.weights())

    def identity(self, digest: Callable[[Path], str]) -> str:
        """All of it that determines its replies: the hub's commit, or what its files hold.

        Raises:
            RunError: as for `weights`.
        """
        if self.commit is not None:
            return f"{self.name}@{self.commit}"
        texts = (path for pattern in (*TEXT_FILES, "*.py", "adapter_model.*") for path in self.folder.glob(pattern))
        files = sorted({*texts, *self.weights()})
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            told = zip(files, pool.map(digest, files), strict=True)
            return key_of(*(part for path, held in told for part in (path.name, held)))


def find_checkpoint(name: str, settings: LocalSettings, *, offline: bool = False, hub: Hub = HUB) -> Checkpoint:
    """The checkpoint of that name: a folder, else an id of the hub, of which the configuration alone is fetched.

    With `offline` it is the commit that another process has just fetched, whatever is newest by now.

    Raises:
        RunError: a package is missing, or there is no such checkpoint, or it cannot be had; says why.
    """
    if missing := [package for package in NEEDED if find_spec(package) is None]:
        raise RunError(f"hf:{name} needs {', '.join(missing)}: pip install 'mme-emotion[local]'.")
    folder, commit = _folder(name), None
    if folder is None:
        folder, commit = _fetched(name, settings, hub, offline=offline)
    config = folder / "config.json"
    if not config.exists():
        raise RunError(f"hf:{name} is no checkpoint: {folder} has no config.json.")
    return Checkpoint(name=name, folder=folder, config=read_json(config), commit=commit)


def fetch(checkpoint: Checkpoint, settings: LocalSettings, hub: Hub = HUB) -> None:
    """Fetches what a checkpoint of the hub still lacks; one process does it for all.

    Raises:
        RunError: it cannot be had; says why.
    """
    if checkpoint.commit is None:
        return
    wanted = [*TEXT_FILES, "*.safetensors", *(["*.py"] if settings.trusts_code else [])]
    hub.fetch(checkpoint.name, checkpoint.commit, wanted)
    if not any(checkpoint.folder.glob("*.safetensors")):
        hub.fetch(checkpoint.name, checkpoint.commit, ["*.bin", "*.bin.index.json"])


def warm(files: Iterable[Path]) -> None:
    """Reads files once, so that processes which load them find them in memory and not on a network's disk."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(_read, files):
            pass


def read_json(path: Path) -> dict[str, Any]:
    """A file's JSON object.

    Raises:
        RunError: it holds none.
    """
    try:
        held = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be used ({error}); fetch the checkpoint again.") from error
    if not isinstance(held, dict):
        raise RunError(f"{path} holds no JSON object; fetch the checkpoint again.")
    return held


def _folder(name: str) -> Path | None:
    """The folder of that name; None where there is none."""
    try:
        folder = Path(name).expanduser().absolute()
        folder.stat()  # `exists` says no more why, from Python 3.14 on
        return folder
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except RuntimeError:  # of ~SOMEBODY, who has no home here
        return None
    except OSError as error:
        raise RunError(f"hf:{name} cannot be looked at: {error.strerror}.") from None


def _fetched(name: str, settings: LocalSettings, hub: Hub, *, offline: bool) -> tuple[Path, str]:
    """The folder and commit of a checkpoint of the hub."""
    if name.startswith(("/", ".", "~")) or name.count("/") != 1:
        raise no_such_checkpoint(name)
    config = hub.file(name, "config.json", settings.loading.get("revision"), offline=offline)
    return config.parent, config.parent.name


def _names(config: Mapping[str, Any]) -> Iterable[str]:
    """The names of all fields that hold something, nested ones too."""
    for name, value in config.items():
        if value is not None:
            yield name
        if isinstance(value, Mapping):
            yield from _names(value)


def _weight(path: Path, size: int | None, prefix: str) -> int:
    """Bytes of the tensors in a file whose names start so, each number taking `size` bytes if that is given."""
    if path.suffix != ".safetensors":
        return path.stat().st_size
    head = _head(path)
    return sum(
        prod(tensor["shape"]) * (size or BYTES.get(tensor["dtype"], 1))
        for name, tensor in head.items()
        if name != "__metadata__" and name.startswith(prefix)
    )


def _head(path: Path) -> dict[str, Any]:
    """What a file of tensors holds: shape and precision of each, by name."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > path.stat().st_size:
                raise ValueError("its head is longer than the file")
            head: dict[str, Any] = json.loads(file.read(length))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} holds no tensors ({error}); fetch the checkpoint again.") from error
    return head


def _read(path: Path) -> None:
    with path.open("rb", buffering=0) as file:
        room = bytearray(READ_AT_ONCE)
        while file.readinto(room):
            pass
