"""What `--model-option` says of a local model: how it is loaded, how it generates, what its processor is told."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmark.errors import RunError

VERSION = "local/1"
"""Of how prompts are made into tensors; replies of another version are other replies."""

MAX_NEW_TOKENS = 1024

LOADING = frozenset(
    {"dtype", "attn_implementation", "device_map", "quantization_config", "trust_remote_code", "revision", "max_memory"}
)
GENERATION = frozenset(
    {"max_new_tokens", "min_new_tokens", "temperature", "top_p", "top_k", "repetition_penalty", "no_repeat_ngram_size"}
)
PROCESSING = frozenset({"min_pixels", "max_pixels", "size"})
"""What a processor is told of pictures, each time anew: some do not keep what their checkpoint says of it."""

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
    batch = given.get("batch_size")
    if batch is not None and not (isinstance(batch, int) and batch >= 1):
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
    """Greedy unless a temperature above 0 asks for sampling."""
    if strange := [name for name, value in given.items() if not isinstance(value, int | float)]:
        raise RunError(f"{strange[0]}={given[strange[0]]} is no number.")
    kept = {name: float(value) if name in {"temperature", "top_p"} else value for name, value in given.items()}
    samples = kept.get("temperature", 0) > 0
    if not samples and (idle := sorted(kept.keys() & {"top_p", "top_k"})):
        raise RunError(f"{idle[0]}={given[idle[0]]} has a meaning only for samples: set a temperature above 0 too.")
    if not samples:
        kept.pop("temperature", None)
    return {"do_sample": samples} | kept
