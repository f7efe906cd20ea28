"""The files of a checkpoint: where they are, what they contain, and how large they are. Nothing here needs torch."""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

from benchmark.errors import RunError
from benchmark.local.hub import HUB, Hub, no_such_checkpoint
from benchmark.local.settings import LocalSettings
from benchmark.prompt import Modality
from benchmark.storage.cache import key_of

NEEDED = ("torch", "torchvision", "transformers", "accelerate")
"""The packages without which no checkpoint can be loaded."""

BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
"""The bytes of a number, by its type in files (safetensors, "Format")."""

DTYPE_BYTES: Mapping[str, int] = {"float32": 4, "float16": 2, "bfloat16": 2}
"""The bytes of a number, by `dtype`."""

PARTS: Mapping[Modality, frozenset[str]] = {
    "video": frozenset({"vision_config", "vision_tower", "mm_vision_tower", "vision_model"}),
    "audio": frozenset({"audio_config", "audio_processor", "audio_model"}),
}
"""The fields of a configuration that show which modalities a network takes."""

TEXT_FILES = ("*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken")
READ_AT_ONCE = 16 * 2**20

THINKER = "thinker."
"""How the names of the weights that write answers begin, in checkpoints that also speak (arXiv 2503.20215)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Weights with their configuration, in a folder.

    Attributes:
        name: as the user wrote it: a path, or an id of the Hugging Face hub.
        folder: where its files are, or will be once they are fetched.
        config: the contents of `config.json`.
        commit: the hub's commit; None for a local folder.
    """

    name: str
    folder: Path
    config: Mapping[str, Any]
    commit: str | None = None

    @property
    def short_name(self) -> str:
        """Its id of the hub, or the name of its folder."""
        return self.name if self.commit else self.folder.resolve().name

    @property
    def architecture(self) -> str:
        """Its `model_type`."""
        return str(self.config.get("model_type", ""))

    @property
    def modalities(self) -> frozenset[Modality]:
        """What it takes, by the parts in its configuration."""
        fields = frozenset(_names(self.config))
        return frozenset(modality for modality, parts in PARTS.items() if fields & parts)

    def weights(self) -> tuple[Path, ...]:
        """The files with its weights.

        Raises:
            RunError: there are none, or one that the index names is missing.
        """
        for name in ("model.safetensors", "pytorch_model.bin"):
            index = self.folder / f"{name}.index.json"
            if index.exists():
                return self._indexed(index)
            if (self.folder / name).exists():
                return (self.folder / name,)
        raise RunError(f"hf:{self.name} has no weights: {self.folder} contains no *.safetensors and no *.bin files.")

    def _indexed(self, index: Path) -> tuple[Path, ...]:
        names = sorted(set(_read_json(index)["weight_map"].values()))
        if missing := [name for name in names if not (self.folder / name).exists()]:
            raise RunError(f"hf:{self.name} is incomplete: {self.folder} lacks {', '.join(missing)}; fetch it again.")
        return tuple(self.folder / name for name in names)

    def weigh(self, settings: LocalSettings) -> int:
        """The bytes that its weights take once they are loaded, without quantization.

        Raises:
            RunError: as for `weights`.
        """
        size = DTYPE_BYTES.get(str(settings.loading.get("dtype")))
        speaks = "thinker_config" in self.config
        return sum(_weight(path, size, THINKER if speaks else "") for path in self.weights())

    def identity(self, digest: Callable[[Path], str]) -> str:
        """What identifies it in the cache: the hub's commit, or a hash of the `digest` of each of its files.

        Raises:
            RunError: as for `weights`.
        """
        if self.commit is not None:
            return f"{self.name}@{self.commit}"
        texts = (path for pattern in (*TEXT_FILES, "*.py", "adapter_model.*") for path in self.folder.glob(pattern))
        files = sorted({*texts, *self.weights()})
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            digests = zip(files, pool.map(digest, files), strict=True)
            return key_of(*(part for path, digested in digests for part in (path.name, digested)))


def find_checkpoint(name: str, settings: LocalSettings, *, offline: bool = False, hub: Hub = HUB) -> Checkpoint:
    """The checkpoint in the folder of that name, or else with that id of the hub; fetches only its configuration.

    With `offline` it is the commit that another process has fetched, even if the hub has a newer one by now.

    Raises:
        RunError: a package is missing, there is no such checkpoint, or it cannot be fetched; the message says why.
    """
    if missing := [package for package in NEEDED if find_spec(package) is None]:
        raise RunError(f"hf:{name} needs {', '.join(missing)}: pip install 'mme-emotion[local]'.")
    folder, commit = _folder(name), None
    if folder is None:
        if name.startswith(("/", ".", "~")) or name.count("/") != 1:
            raise no_such_checkpoint(name)
        folder = hub.file(name, "config.json", settings.loading.get("revision"), offline=offline).parent
        commit = folder.name
    config = folder / "config.json"
    if not config.exists():
        raise RunError(f"hf:{name} is not a checkpoint: {folder} has no config.json.")
    return Checkpoint(name=name, folder=folder, config=_read_json(config), commit=commit)


def fetch(checkpoint: Checkpoint, settings: LocalSettings, hub: Hub = HUB) -> None:
    """Fetches the files that a checkpoint of the hub still lacks.

    Raises:
        RunError: they cannot be fetched; the message says why.
    """
    if checkpoint.commit is None:
        return
    wanted = [*TEXT_FILES, "*.safetensors", *(["*.py"] if settings.trusts_code else [])]
    hub.fetch(checkpoint.name, checkpoint.commit, wanted)
    if not any(checkpoint.folder.glob("*.safetensors")):
        hub.fetch(checkpoint.name, checkpoint.commit, ["*.bin", "*.bin.index.json"])


def warm(files: Iterable[Path]) -> None:
    """Reads files into the system's file cache, so that the processes that load them need not wait for a slow disk."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(_read_ahead, files))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        held = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error}); fetch the checkpoint again.") from error
    if not isinstance(held, dict):
        raise RunError(f"{path} contains no JSON object; fetch the checkpoint again.")
    return held


def _folder(name: str) -> Path | None:
    """The folder of that name; None if there is none."""
    try:
        folder = Path(name).expanduser().absolute()
        folder.stat()  # `exists` does not say why, from Python 3.14 on
        return folder
    except (FileNotFoundError, NotADirectoryError, ValueError, RuntimeError):  # the last for an unknown ~USER
        return None
    except OSError as error:
        raise RunError(f"hf:{name} cannot be opened: {error.strerror}.") from None


def _names(config: Mapping[str, Any]) -> Iterable[str]:
    """The names of all fields that are not null, including nested ones."""
    for name, value in config.items():
        if value is not None:
            yield name
        if isinstance(value, Mapping):
            yield from _names(value)


def _weight(path: Path, size: int | None, prefix: str) -> int:
    """The bytes of those tensors in a file whose names begin with `prefix`; a number takes `size` bytes if given."""
    if path.suffix != ".safetensors":
        return path.stat().st_size
    return sum(
        prod(tensor["shape"]) * (size or BYTES.get(tensor["dtype"], 1))
        for name, tensor in _head(path).items()
        if name != "__metadata__" and name.startswith(prefix)
    )


def _head(path: Path) -> dict[str, Any]:
    """The head of a safetensors file: shape and type of each tensor, by name."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > path.stat().st_size:
                raise ValueError("its header is longer than the file")
            head: dict[str, Any] = json.loads(file.read(length))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} contains no tensors ({error}); fetch the checkpoint again.") from error
    return head


def _read_ahead(path: Path) -> None:
    """Reads a file and discards it, so that the system's cache holds it."""
    with path.open("rb", buffering=0) as file:
        buffer = bytearray(READ_AT_ONCE)
        while file.readinto(buffer):
            pass
