"""The `--model-option` of a local model: how it is loaded, how it generates, how its processor works."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmark.errors import RunError
from benchmark.text import did_you_mean

VERSION = "local/2"
"""Version of the code that makes tensors of prompts; cached replies of another version are not reused."""

MAX_NEW_TOKENS = 1024

LOADING = frozenset(
    {"dtype", "attn_implementation", "device_map", "quantization_config", "trust_remote_code", "revision", "max_memory"}
)
COUNTS: Mapping[str, int] = {"max_new_tokens": 1, "top_k": 1, "min_new_tokens": 0, "no_repeat_ngram_size": 0}
"""The whole numbers of `GenerationConfig`, with the least value of each."""

FRACTIONS: Mapping[str, tuple[str, Callable[[float], bool]]] = {
    "temperature": ("at least 0", lambda value: value >= 0),
    "top_p": ("greater than 0 and at most 1", lambda value: 0 < value <= 1),
    "repetition_penalty": ("greater than 0", lambda value: value > 0),
}
"""Its other numbers: what each must be, in words and as a test. Transformers refuses whole numbers for them."""

GENERATION = frozenset({*COUNTS, *FRACTIONS})
PROCESSING = frozenset({"min_pixels", "max_pixels", "size"})
"""Arguments of a processor about pictures, passed with each call: some ignore what their checkpoint says."""

SWITCHES = ("trust_remote_code", "sound_in_video")
"""Options that are true or false: a text such as `no` or `False` must not switch anything on."""

SPREADING = frozenset({"auto", "balanced", "balanced_low_0", "sequential", "cuda"})
"""Device maps that leave the choice of devices to the suite or to Accelerate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """How a checkpoint is loaded, and how it generates.

    Attributes:
        loading: arguments of `from_pretrained` (Transformers, "Models").
        generation: fields of `GenerationConfig` (Transformers, "Generation"); greedy if no temperature is given.
        processing: sizes of pictures, in pixels.
        batch: requests in a batch; None to measure how many fit.
        sound_in_video: whether sound is interleaved with the frames by time, if the model can do that.
    """

    loading: Mapping[str, Any] = field(default_factory=dict)
    generation: Mapping[str, Any] = field(default_factory=dict)
    processing: Mapping[str, Any] = field(default_factory=dict)
    batch: int | None = None
    sound_in_video: bool = True

    @property
    def trusts_code(self) -> bool:
        """Whether Python code of the checkpoint may run."""
        return bool(self.loading.get("trust_remote_code", False))

    @property
    def device(self) -> str | None:
        """The one device that the user names, such as `cpu` or `cuda:1`; None for all that there are."""
        device = self.loading.get("device_map")
        if isinstance(device, Mapping) and list(device) == [""]:
            device = device[""]
        if isinstance(device, int):
            return f"cuda:{device}"
        return device if isinstance(device, str) and device not in SPREADING else None

    @property
    def identity(self) -> str:
        """The settings that affect replies, as JSON; devices and batches are not among them.

        Nor is the revision, whose commit is part of the checkpoint's identity.

        Rounding differs by device and batch, which may change the choice between two almost equally likely tokens.
        """
        elsewhere = {"device_map", "max_memory", "revision"}
        kept = {name: value for name, value in self.loading.items() if name not in elsewhere and value != "auto"}
        shown = {"version": VERSION, "loading": kept, "generation": self.generation, "processing": self.processing}
        return json.dumps(shown | {"sound_in_video": self.sound_in_video}, sort_keys=True, default=str)


def parse_settings(parameters: Mapping[str, Any]) -> LocalSettings:
    """The settings made of options; one that is null is left to the checkpoint.

    Raises:
        RunError: an option is unknown or malformed.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    own = {"batch_size", "sound_in_video"}
    if strange := sorted(given.keys() - LOADING - GENERATION - PROCESSING - own):
        known = sorted(LOADING | GENERATION | PROCESSING | own)
        hint = did_you_mean(strange[0], known) or f"; the options are {', '.join(known)}."
        raise RunError(f"unknown option {strange[0]} of a local model{hint}")
    for name in SWITCHES:
        if not isinstance(given.get(name, True), bool):
            raise RunError(f"{name} must be true or false, got {given[name]}.")
    batch = given.get("batch_size")
    if batch is not None and not (_is_whole(batch) and batch >= 1):
        raise RunError(f"batch_size must be at least 1, got {batch}; omit it to choose the size automatically.")
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
    """The same, with the keys of `max_memory` as numbers, which JSON has as text."""
    most = given.get("max_memory")
    if isinstance(most, Mapping):
        most = {int(name) if str(name).isdigit() else name: size for name, size in most.items()}
        return {**given, "max_memory": most}
    return dict(given)


def _generation(given: Mapping[str, Any]) -> dict[str, Any]:
    """Greedy unless a temperature above 0 asks for sampling; values that Transformers would refuse are refused here."""
    kept = {name: _number(name, value) for name, value in given.items()}
    samples = kept.get("temperature", 0) > 0
    if not samples and (idle := sorted(kept.keys() & {"top_p", "top_k"})):
        raise RunError(f"{idle[0]} has no effect without sampling; set temperature greater than 0, or omit {idle[0]}.")
    if not samples:
        kept.pop("temperature", None)
    return {"do_sample": samples} | kept


def _number(name: str, value: Any) -> float:
    """The value of a generation setting, as a number of the type that Transformers takes."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RunError(f"{name} must be a number, got {value}.")
    if (least := COUNTS.get(name)) is not None:
        words, fits = f"a whole number of at least {least}", _is_whole(value) and value >= least
    else:
        words, test = FRACTIONS[name]
        fits = test(value) and value <= sys.float_info.max
    if not fits:
        raise RunError(f"{name} must be {words}, got {value}; omit it for the default.")
    return float(value) if least is None else int(value)


def _is_whole(value: Any) -> bool:
    """Whether it is a whole number; Python counts `true` as 1."""
    return isinstance(value, int) and not isinstance(value, bool)
