"""What `--model-option` says of a local model: how it is loaded, how it generates, what its processor is told."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from benchmark.errors import RunError

VERSION = "local/2"
"""Of how prompts are made into tensors; replies of another version are other replies."""

MAX_NEW_TOKENS = 1024

LOADING = frozenset(
    {"dtype", "attn_implementation", "device_map", "quantization_config", "trust_remote_code", "revision", "max_memory"}
)
COUNTS = MappingProxyType({"max_new_tokens": 1, "top_k": 1, "min_new_tokens": 0, "no_repeat_ngram_size": 0})
"""The whole numbers of `GenerationConfig`, and how small each may be."""

FRACTIONS: Mapping[str, tuple[str, Callable[[float], bool]]] = MappingProxyType(
    {
        "temperature": ("0 or more", lambda value: value >= 0),
        "top_p": ("above 0 and at most 1", lambda value: 0 < value <= 1),
        "repetition_penalty": ("above 0", lambda value: value > 0),
    }
)
"""Its other numbers: what each may be, in words and as a test. Transformers takes no whole number for them."""

GENERATION = frozenset({*COUNTS, *FRACTIONS})
PROCESSING = frozenset({"min_pixels", "max_pixels", "size"})
"""What a processor is told of pictures, each time anew: some do not keep what their checkpoint says of it."""

SWITCHES = ("trust_remote_code", "sound_in_video")
"""Which are true or false: a text such as `no` or `False` must not switch anything on."""

SPREADING = frozenset({"auto", "balanced", "balanced_low_0", "sequential", "cuda"})
"""Device maps that leave it to us, or to Accelerate, which devices are taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """How a checkpoint is loaded and asked.

    Attributes:
        loading: arguments of `from_pretrained` (Transformers, "Models").
        generation: fields of `GenerationConfig` (Transformers, "Generation"); greedy where no temperature is given.
        processing: of pictures, in pixels.
        batch: requests in a batch; None to find out by measuring.
        sound_in_video: whether sound is woven into the frames by time, where the model can do that.
    """

    loading: Mapping[str, Any] = field(default_factory=dict)
    generation: Mapping[str, Any] = field(default_factory=dict)
    processing: Mapping[str, Any] = field(default_factory=dict)
    batch: int | None = None
    sound_in_video: bool = True

    @property
    def trusts_code(self) -> bool:
        """Whether Python code that comes with the checkpoint may run."""
        return bool(self.loading.get("trust_remote_code", False))

    @property
    def device(self) -> str | None:
        """The one device that the user names, such as `cpu` or `cuda:1`; None to take what there is."""
        device = self.loading.get("device_map")
        if isinstance(device, Mapping) and list(device) == [""]:
            device = device[""]
        if isinstance(device, int):
            return f"cuda:{device}"
        return device if isinstance(device, str) and device not in SPREADING else None

    @property
    def identity(self) -> str:
        """What of it determines replies, as JSON; on which device and in what company a request is computed does not.

        Nor does the revision, whose commit is part of the checkpoint's identity.

        Rounding differs by device and batch, which may turn the choice between two almost equally likely tokens.
        """
        elsewhere = {"device_map", "max_memory", "revision"}
        kept = {name: value for name, value in self.loading.items() if name not in elsewhere and value != "auto"}
        told = {"version": VERSION, "loading": kept, "generation": self.generation, "processing": self.processing}
        return json.dumps(told | {"sound_in_video": self.sound_in_video}, sort_keys=True, default=str)


def parse_settings(parameters: Mapping[str, Any]) -> LocalSettings:
    """The settings that options give; one that is null is left to the checkpoint.

    Raises:
        RunError: one is unknown, or malformed.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    own = {"batch_size", "sound_in_video"}
    if strange := sorted(given.keys() - LOADING - GENERATION - PROCESSING - own):
        known = ", ".join(sorted(LOADING | GENERATION | PROCESSING | own))
        raise RunError(f"A local model knows no option {', '.join(strange)}; it knows {known}.")
    for name in SWITCHES:
        if not isinstance(given.get(name, True), bool):
            raise RunError(f"{name}={given[name]} is neither true nor false; give one of them, in small letters.")
    batch = given.get("batch_size")
    if batch is not None and not (_is_whole(batch) and batch >= 1):
        raise RunError(f"batch_size={batch} is no number of requests; leave it away to have it measured.")
    return LocalSettings(
        loading=_loading(_of(given, LOADING)),
        generation={"max_new_tokens": MAX_NEW_TOKENS} | _generation(_of(given, GENERATION)),
        processing=_of(given, PROCESSING),
        batch=batch,
        sound_in_video=bool(given.get("sound_in_video", True)),
    )


def _of(given: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: given[name] for name in sorted(names) if name in given}


def _loading(given: Mapping[str, Any]) -> dict[str, Any]:
    """With devices by number where JSON has them as text."""
    most = given.get("max_memory")
    if isinstance(most, Mapping):
        most = {int(name) if str(name).isdigit() else name: size for name, size in most.items()}
        return {**given, "max_memory": most}
    return dict(given)


def _generation(given: Mapping[str, Any]) -> dict[str, Any]:
    """Greedy unless a temperature above 0 asks for sampling; what Transformers would refuse is refused here, once."""
    kept = {name: _count(name, value) if name in COUNTS else _fraction(name, value) for name, value in given.items()}
    samples = kept.get("temperature", 0) > 0
    if not samples and (idle := sorted(kept.keys() & {"top_p", "top_k"})):
        raise RunError(f"{idle[0]}={given[idle[0]]} has a meaning only for samples: set a temperature above 0 too.")
    if not samples:
        kept.pop("temperature", None)
    return {"do_sample": samples} | kept


def _count(name: str, value: Any) -> int:
    _check_number(name, value)
    if not (_is_whole(value) and value >= COUNTS[name]):
        raise RunError(f"{name}={value} is no whole number from {COUNTS[name]} on: give one, or leave it away.")
    return int(value)


def _fraction(name: str, value: Any) -> float:
    _check_number(name, value)
    words, fits = FRACTIONS[name]
    try:
        number = float(value)
    except OverflowError:  # Python's whole numbers have no end
        number = math.inf
    if not (math.isfinite(number) and fits(number)):
        raise RunError(f"{name}={value} cannot be: it is {words}; give such a number, or leave it away.")
    return number


def _check_number(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RunError(f"{name}={value} is no number.")


def _is_whole(value: Any) -> bool:
    """Whether it is a whole number; Python counts `true` as 1."""
    return isinstance(value, int) and not isinstance(value, bool)
