"""Loads checkpoints with Transformers, and refuses those that cannot be loaded. Torch is imported where it is used."""

import inspect
import json
from collections.abc import Iterator, Mapping
from importlib.metadata import distributions
from importlib.util import find_spec
from typing import Any

from benchmark.errors import RunError
from benchmark.local.checkpoint import Checkpoint
from benchmark.local.memory import first_line
from benchmark.local.settings import LocalSettings

THINKERS: Mapping[str, str] = {
    "qwen2_5_omni": "Qwen2_5OmniThinkerForConditionalGeneration",
    "qwen2_5_omni_thinker": "Qwen2_5OmniThinkerForConditionalGeneration",
    "qwen3_omni_moe": "Qwen3OmniMoeThinkerForConditionalGeneration",
    "qwen3_omni_moe_thinker": "Qwen3OmniMoeThinkerForConditionalGeneration",
}
"""The class of the part that writes answers, of networks that also speak; the other parts are not loaded."""

AUTOMATIC = ("AutoModelForMultimodalLM", "AutoModelForImageTextToText", "AutoModelForCausalLM", "AutoModel")
"""The names under which a checkpoint may register its own class, in order of preference."""

KERNEL_KEYS = ("attn_implementation", "_attn_implementation", "experts_implementation", "_experts_implementation")
"""Fields that may name a kernel of the hub, as `OWNER/NAME@REVISION:FUNCTION` (Transformers, "Attention interface")."""

FLASH, FLASH_PACKAGE = "flash_attention", "flash_attn"
"""Attention for which Transformers fetches a kernel if this package is missing and `kernels` is installed."""

BITS_AND_BYTES = "bitsandbytes"

QUANTIZERS: Mapping[str, tuple[str, ...]] = {
    "aqlm": ("aqlm",),
    "auto-round": ("auto-round",),
    "awq": ("gptqmodel",),
    BITS_AND_BYTES: (BITS_AND_BYTES,),
    "compressed-tensors": ("compressed-tensors",),
    "eetq": ("kernels",),
    "fouroversix": ("fouroversix",),
    "gptq": ("optimum", "gptqmodel"),
    "higgs": ("flute-kernel", "fast-hadamard-transform"),
    "hqq": ("hqq",),
    "quanto": ("optimum-quanto",),
    "quark": ("amd-quark",),
    "sinq": ("sinq",),
    "torchao": ("torchao",),
    "vptq": ("vptq",),
}
"""The packages that a `quant_method` needs (Transformers, "Quantization"); methods that need none are not listed."""


def check_architecture(checkpoint: Checkpoint, settings: LocalSettings) -> None:
    """Refuses a network that Transformers cannot build, or cannot quantize as requested.

    Raises:
        RunError: Transformers does not support it or cannot be imported, its kernels are code of the hub that is not
            trusted, a package is missing, or the quantization is malformed.
    """
    _check_network(checkpoint, settings)
    _check_kernels(checkpoint, settings)
    own = checkpoint.config.get("quantization_config")
    if isinstance(own, Mapping) and (method := _quantizer_of(own)) is not None:
        _check_packages(checkpoint, method)
    _quantization(checkpoint, settings)


def _check_network(checkpoint: Checkpoint, settings: LocalSettings) -> None:
    if settings.trusts_code and "auto_map" in checkpoint.config:
        return
    try:
        import transformers
        from transformers.models.auto.modeling_auto import MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES
    except (ImportError, OSError, RuntimeError) as error:
        raise _unimportable(checkpoint, error) from error
    if checkpoint.architecture not in {*MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES, *THINKERS}:
        raise RunError(
            f"hf:{checkpoint.name} has the architecture {checkpoint.architecture!r}, which is not a multimodal one of"
            f" transformers {transformers.__version__}: update transformers, or, if you trust the Python code of the"
            " checkpoint, add --model-option=trust_remote_code=true."
        )


def _check_kernels(checkpoint: Checkpoint, settings: LocalSettings) -> None:
    """Refuses kernels that are code of the hub, unless such code is trusted; an option overrides the checkpoint."""
    if settings.trusts_code:
        return
    asked = settings.loading.get("attn_implementation")
    named = [asked] if isinstance(asked, str) else [*_kernels(checkpoint.config), *_kernels({KERNEL_KEYS[0]: asked})]
    for name in named:
        plain = name.rpartition("|")[2]
        fetched = plain.startswith(FLASH) and find_spec(FLASH_PACKAGE) is None and find_spec("kernels") is not None
        if "/" in name or fetched:
            raise RunError(
                f"hf:{checkpoint.name} uses attn_implementation={name}, which is code of the hub: add"
                " --model-option=attn_implementation=sdpa, or, if you trust that code,"
                " --model-option=trust_remote_code=true."
            )


def _kernels(config: object) -> Iterator[str]:
    """All names of kernels in a configuration, including nested ones."""
    if not isinstance(config, Mapping):
        return
    for name, value in config.items():
        if name in KERNEL_KEYS:
            values = value.values() if isinstance(value, Mapping) else [value]
            yield from (text for text in values if isinstance(text, str))
        else:
            yield from _kernels(value)


def _unimportable(checkpoint: Checkpoint, error: Exception) -> RunError:
    return RunError(f"hf:{checkpoint.name} needs transformers, which cannot be imported: {first_line(error)}.")


def device_of(checkpoint: Checkpoint, settings: LocalSettings) -> str:
    """The kind of device to compute on: `cuda` (also for ROCm), `mps`, or that of the option `device_map`.

    Raises:
        RunError: torch sees no accelerator, and the user did not choose the CPU.
    """
    import torch

    if settings.device is not None:
        return settings.device.partition(":")[0]
    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    built = "" if torch.version.cuda or torch.version.hip else ", which is built without CUDA,"
    raise RunError(
        f"hf:{checkpoint.name} needs a GPU, but torch {torch.__version__}{built} sees none. Install the build of torch"
        " for your GPU's driver, or use the CPU, which is slow: --model-option=device_map=cpu."
    )


def load_processor(checkpoint: Checkpoint, settings: LocalSettings) -> Any:
    """The checkpoint's processor, which turns prompts into tensors.

    Raises:
        RunError: it cannot be loaded, or does not support conversations.
    """
    name = checkpoint.name
    try:
        from transformers import AutoProcessor

        processor = AutoProcessor.from_pretrained(checkpoint.folder, trust_remote_code=settings.trusts_code)
    except (OSError, ValueError, ImportError) as error:
        raise RunError(f"The processor of hf:{name} cannot be loaded: {first_line(error)}.") from error
    if not hasattr(processor, "tokenizer"):
        raise RunError(f"hf:{name} has only a tokenizer and takes neither frames nor sound; use another model.")
    if getattr(processor, "chat_template", None) is None:
        raise RunError(f"hf:{name} has no chat template, so its prompt format is unknown; use another model.")
    processor.tokenizer.padding_side = "left"  # so that each row ends where its answer begins
    return processor


def arguments_of(checkpoint: Checkpoint, settings: LocalSettings, device: str) -> dict[str, Any]:
    """The arguments of `from_pretrained` for the network on a kind of device.

    Raises:
        RunError: the quantization is malformed, or a package is missing.
    """
    placed = _cuda_map() if device == "cuda" else {"": device}
    usual = {"device_map": placed, "dtype": "auto", "trust_remote_code": False}  # a missing value would prompt
    arguments: dict[str, Any] = usual | dict(settings.loading)
    arguments.pop("revision", None)  # the folder is of that revision
    if (quantization := _quantization(checkpoint, settings)) is not None:
        arguments["quantization_config"] = quantization
    return arguments


def load_model(checkpoint: Checkpoint, settings: LocalSettings, device: str) -> Any:
    """The network with its weights, on a kind of device, ready to answer.

    Raises:
        RunError: it cannot be loaded, does not fit, or lacks weights.
    """
    import torch
    from safetensors import SafetensorError

    name = checkpoint.name
    arguments = arguments_of(checkpoint, settings, device)
    try:
        model, loaded = _class_of(checkpoint, settings).from_pretrained(
            checkpoint.folder, output_loading_info=True, use_safetensors=None, **arguments
        )
    except torch.OutOfMemoryError as error:
        raise RunError(f"hf:{name} does not fit on the device: {first_line(error)}.") from None
    except (OSError, ValueError, ImportError, RuntimeError, TypeError, AttributeError, SafetensorError) as error:
        raise RunError(f"hf:{name} cannot be loaded: {first_line(error)}.") from error
    if missing := sorted(loaded["missing_keys"]):
        raise RunError(
            f"hf:{name} lacks {len(missing)} of the network's weights ({missing[0]}, …), which would be random;"
            " fetch it again."
        )
    return model.eval()


def complete(config: Any, tokenizer: Any) -> None:
    """Fills in the end and padding tokens, which some checkpoints leave to the tokenizer."""
    if config.eos_token_id is None:
        config.eos_token_id = tokenizer.eos_token_id
    if config.pad_token_id is None:
        config.pad_token_id = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    config.max_length = None  # this limit would include the prompt


def _quantization(checkpoint: Checkpoint, settings: LocalSettings) -> Any:
    """Transformers' object for the option `quantization_config`; None if it is not given."""
    given = settings.loading.get("quantization_config")
    if given is None:
        return None
    option = f"quantization_config={json.dumps(given, default=str)}"
    method = _quantizer_of(given) if isinstance(given, Mapping) else None
    if method is None:
        raise RunError(
            f'{option} must be an object with one method: "load_in_4bit": true, "load_in_8bit": true or a'
            ' "quant_method" of Transformers.'
        )
    _check_packages(checkpoint, method)
    try:
        from transformers.quantizers.auto import AUTO_QUANTIZATION_CONFIG_MAPPING, AutoQuantizationConfig
    except (ImportError, OSError, RuntimeError) as error:
        raise _unimportable(checkpoint, error) from error
    kinds = {name.removesuffix("_4bit"): kind for name, kind in AUTO_QUANTIZATION_CONFIG_MAPPING.items()}
    if (kind := kinds.get(method)) is None:
        known = ", ".join(sorted(kinds.keys() - {f"{BITS_AND_BYTES}_8bit"}))
        raise RunError(f"{option} has an unknown quant_method; Transformers knows {known}.")
    fields = inspect.signature(kind.__init__).parameters.keys() - {"self", "kwargs"}
    if fields and (strange := sorted(given.keys() - fields - {"quant_method"})):
        raise RunError(f"{option}: {method} has no field {', '.join(strange)}; it has {', '.join(sorted(fields))}.")
    try:
        return AutoQuantizationConfig.from_dict(dict(given))
    except (ValueError, TypeError, AttributeError, KeyError, AssertionError, ImportError) as error:
        raise RunError(f"{option} cannot be used: {first_line(error)}.") from error


def _quantizer_of(given: Mapping[str, Any]) -> str | None:
    """The quantization method, which `load_in_4bit` and `load_in_8bit` imply too; None for no method, or two."""
    method = given.get("quant_method")
    if given.get("load_in_4bit") or given.get("load_in_8bit"):
        return BITS_AND_BYTES if method in (None, BITS_AND_BYTES) else None
    return None if method is None or str(method).startswith(BITS_AND_BYTES) else str(method)


def _check_packages(checkpoint: Checkpoint, method: str) -> None:
    if missing := [package for package in QUANTIZERS.get(method, ()) if not any(distributions(name=package))]:
        packages = " ".join(missing)
        raise RunError(f"hf:{checkpoint.name} quantized by {method} needs {packages}: pip install {packages}.")


def _class_of(checkpoint: Checkpoint, settings: LocalSettings) -> Any:
    import transformers

    own = checkpoint.config.get("auto_map", {}) if settings.trusts_code else {}
    names = (THINKERS.get(checkpoint.architecture), *(name for name in AUTOMATIC if name in own))
    return getattr(transformers, next(filter(None, names), AUTOMATIC[0]))


def _cuda_map() -> Any:
    """The device map for GPUs: the first if this process sees one, otherwise spread over all that it sees."""
    import torch

    return "auto" if torch.cuda.device_count() > 1 else {"": 0}
