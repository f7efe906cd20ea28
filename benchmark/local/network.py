"""A checkpoint, loaded: prompts in, texts out, a batch at a time. The only module that imports torch."""

import gc
import inspect
import os
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from benchmark.errors import RunError
from benchmark.local.batching import Generated, Generation, OutOfMemory, Ready
from benchmark.local.checkpoint import Checkpoint
from benchmark.local.conversation import (
    EXACT_FRAMES,
    Abilities,
    Material,
    conversation_of,
    material_of,
    without_control,
)
from benchmark.local.settings import LocalSettings
from benchmark.prompt import Prompt

THINKERS = MappingProxyType(
    {
        "qwen2_5_omni": "Qwen2_5OmniThinkerForConditionalGeneration",
        "qwen2_5_omni_thinker": "Qwen2_5OmniThinkerForConditionalGeneration",
        "qwen3_omni_moe": "Qwen3OmniMoeThinkerForConditionalGeneration",
        "qwen3_omni_moe_thinker": "Qwen3OmniMoeThinkerForConditionalGeneration",
    }
)
"""The class that answers, of networks that also speak: the rest of them is not loaded."""

WOVEN = "use_audio_in_video"
"""The argument of networks that take sound between the frames."""

AUTOMATIC = ("AutoModelForMultimodalLM", "AutoModelForImageTextToText", "AutoModelForCausalLM", "AutoModel")
"""Under which a checkpoint may bring a class of its own, the likeliest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensors:
    """A batch as the network takes it, still on the CPU.

    Attributes:
        inputs: tensors by the names of the network's arguments.
        lengths: tokens of each row, without padding.
        woven: whether sound stands between the frames.
        generation: how it is answered.
    """

    inputs: Mapping[str, Any]
    lengths: tuple[int, ...]
    woven: bool
    generation: Generation


class TransformersNetwork:
    """A `Network` of Transformers, on the devices that this process sees."""

    def __init__(self, checkpoint: Checkpoint, settings: LocalSettings) -> None:
        """Loads the processor, then the weights.

        Raises:
            RunError: it cannot be loaded; says what is missing.
        """
        import torch
        import transformers

        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        self._torch, self._checkpoint, self._settings = torch, checkpoint, settings
        self.device = device_of(checkpoint, settings)
        self._processor = self._load_processor()
        self._control = tuple(self._processor.tokenizer.get_added_vocab())
        self._model = self._load_model()
        self.abilities = _abilities(self._processor, self._model, checkpoint, settings)
        self._stopped = threading.Event()
        self._decoders = ThreadPoolExecutor(min(8, os.cpu_count() or 1), "mme-emotion pictures")

    def prepare(self, prompts: Sequence[Prompt], generation: Generation) -> Ready:
        """The prompts as one left-padded batch of tensors.

        Raises:
            ValueError: the processor does not take them.
        """
        materials = list(self._decoders.map(partial(material_of, abilities=self.abilities), prompts))
        woven = self.abilities.weaves and all(material.sound is not None for material in materials)
        woven = woven and all(material.pictures for material in materials)
        inputs = self._processor(**self._arguments(materials, woven=woven))
        lengths = tuple(inputs["attention_mask"].sum(dim=1).tolist())
        batch = Tensors(inputs=inputs, lengths=lengths, woven=woven, generation=generation)
        return Ready(batch=batch, length=inputs["input_ids"].shape[1])

    def generate(self, ready: Ready) -> list[Generated]:
        """What the network says to each prompt of the batch.

        Raises:
            OutOfMemory: the device has not enough for so many at once.
        """
        batch: Tensors = ready.batch
        begun = time.monotonic()
        full: str | None = None
        try:
            tokens = self._tokens(batch)
        except (RuntimeError, MemoryError) as error:
            full = _out_of_memory(error)
            if full is None:
                raise
        if full is not None:  # not sooner: the error's frames have held the batch's tensors
            free_devices()
            raise OutOfMemory(full)
        texts = self._processor.tokenizer.batch_decode(tokens, skip_special_tokens=True)
        seconds = (time.monotonic() - begun) / len(texts)
        counts = [self._said(row) for row in tokens.tolist()]
        return [
            Generated(text=text, input_tokens=length, output_tokens=count, seconds=seconds, together=len(texts))
            for text, length, count in zip(texts, batch.lengths, counts, strict=True)
        ]

    def stop(self) -> None:
        """Has `generate` end with its next token, from another thread."""
        self._stopped.set()

    def room(self) -> int | None:
        """Bytes that a batch may take on the device that has least; None where nobody can say."""
        if self.device != "cuda":
            return None
        free: int = min(self._unused(place) for place in range(self._torch.cuda.device_count()))
        return free

    def peak(self) -> int | None:
        """Bytes that the last batch took at most on the device that it burdened most; None where nobody can say."""
        if self.device != "cuda":
            return None
        cuda = self._torch.cuda
        places = range(cuda.device_count())
        most: int = max(cuda.max_memory_allocated(place) - cuda.memory_allocated(place) for place in places)
        return most

    def _unused(self, place: int) -> int:
        """Bytes of a device that nobody holds, or that are held for the network and lie idle."""
        cuda = self._torch.cuda
        return int(cuda.mem_get_info(place)[0] + cuda.memory_reserved(place) - cuda.memory_allocated(place))

    def _arguments(self, materials: Sequence[Material], *, woven: bool) -> dict[str, Any]:
        """What the processor is called with."""
        texts = [self._text(material, woven=woven) for material in materials]
        arguments: dict[str, Any] = {
            "text": texts,
            "padding": True,
            "return_tensors": "pt",
            **self._settings.processing,
        }
        begins = self._processor.tokenizer.bos_token
        if begins and texts[0].startswith(begins):
            arguments["add_special_tokens"] = False  # the template has put one there
        pictures = [list(material.pictures) for material in materials if material.pictures]
        if pictures and self.abilities.frames == "video":
            arguments |= _video_arguments(materials, self._processor)
        elif pictures:
            arguments["images"] = pictures
        sounds = [material.sound for material in materials if material.sound is not None]
        if sounds:
            arguments |= {"audio": sounds, "sampling_rate": self.abilities.rate}
        if woven:
            arguments |= {"load_audio_from_video": True, "audio_from_video_indices": list(range(len(sounds)))}
        return arguments

    def _text(self, material: Material, *, woven: bool) -> str:
        material_in_words = Material(
            text=without_control(material.text, self._control),
            pictures=material.pictures,
            fps=material.fps,
            sound=material.sound,
        )
        conversation = conversation_of(material_in_words, self.abilities, woven=woven)
        return str(self._processor.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True))

    def _tokens(self, batch: Tensors) -> Any:
        """The new tokens, shape (rows, steps)."""
        torch = self._torch
        if self.device == "cuda":
            for place in range(torch.cuda.device_count()):
                torch.cuda.reset_peak_memory_stats(place)
        inputs = {name: self._placed(value) for name, value in batch.inputs.items()}
        more = {WOVEN: True} if batch.woven else {}
        how = {"generation_config": self._generation_config(batch.generation), "stopping_criteria": [self._stops]}
        with torch.inference_mode():
            whole = self._model.generate(**inputs, **more, **how)
        return whole[:, inputs["input_ids"].shape[1] :].cpu()

    def _stops(self, tokens: Any, scores: Any, **_: Any) -> Any:  # noqa: ARG002  Transformers' own
        """For each row, whether it is to end."""
        return self._torch.full((len(tokens),), self._stopped.is_set(), device=tokens.device, dtype=self._torch.bool)

    def _placed(self, value: Any) -> Any:
        """A tensor on the network's device, in its precision where it is of fractions."""
        if not isinstance(value, self._torch.Tensor):
            return value
        precision = self._model.dtype if value.is_floating_point() else None
        return value.to(self._model.device, precision, non_blocking=True)

    def _said(self, row: Sequence[int]) -> int:
        """Tokens until the answer's end, that included."""
        ends = self._model.generation_config.eos_token_id
        ends = set(ends if isinstance(ends, list) else [ends])
        return next((place + 1 for place, token in enumerate(row) if token in ends), len(row))

    def _load_processor(self) -> Any:
        settings, name = self._settings, self._checkpoint.name
        try:
            from transformers import AutoProcessor

            processor = AutoProcessor.from_pretrained(self._checkpoint.folder, trust_remote_code=settings.trusts_code)
        except (OSError, ValueError, ImportError) as error:
            raise RunError(f"The processor of hf:{name} cannot be loaded: {_brief(error)}.") from error
        if not hasattr(processor, "tokenizer"):
            raise RunError(f"hf:{name} has a tokenizer alone and takes neither frames nor sound; name another model.")
        if getattr(processor, "chat_template", None) is None:
            raise RunError(f"hf:{name} has no chat template, so nobody can tell how it wants to be asked.")
        processor.tokenizer.padding_side = "left"  # rows end where their answers begin
        return processor

    def _load_model(self) -> Any:
        name, settings = self._checkpoint.name, self._settings
        placed = {"cuda": _cuda_map(self._torch)}.get(self.device, {"": self.device})
        arguments: dict[str, Any] = {"device_map": placed, "dtype": "auto"} | dict(settings.loading)
        arguments.pop("revision", None)  # the folder is of that revision
        if isinstance(arguments.get("quantization_config"), Mapping):
            from transformers import BitsAndBytesConfig

            arguments["quantization_config"] = BitsAndBytesConfig(**arguments["quantization_config"])
        from safetensors import SafetensorError

        try:
            model, told = self._class().from_pretrained(
                self._checkpoint.folder, output_loading_info=True, use_safetensors=None, **arguments
            )
        except self._torch.OutOfMemoryError as error:
            raise RunError(f"hf:{name} does not fit on the device: {_brief(error)}.") from None
        except (OSError, ValueError, ImportError, RuntimeError, TypeError, AttributeError, SafetensorError) as error:
            raise RunError(f"hf:{name} cannot be loaded: {_brief(error)}.") from error
        if missing := sorted(told["missing_keys"]):
            raise RunError(
                f"hf:{name} lacks {len(missing)} of the network's weights ({missing[0]}, …), which would be random;"
                " fetch it again."
            )
        _complete(model.generation_config, self._processor.tokenizer)
        return model.eval()

    def _class(self) -> Any:
        import transformers

        own = self._checkpoint.config.get("auto_map", {}) if self._settings.trusts_code else {}
        names = (THINKERS.get(self._checkpoint.architecture), *(name for name in AUTOMATIC if name in own))
        return getattr(transformers, next(filter(None, names), AUTOMATIC[0]))

    def _generation_config(self, generation: Generation) -> Any:
        """The checkpoint's own, but greedy unless the user wants samples."""
        config = copy(self._model.generation_config)
        for name, value in {"temperature": None, "top_p": None, "top_k": None, **dict(generation)}.items():
            setattr(config, name, value)
        return config


def _out_of_memory(error: Exception) -> str | None:
    """What the error says of the memory that is missing; None where it is about something else."""
    import torch

    said = str(error).partition("\n")[0][:200]
    kinds = (torch.OutOfMemoryError, MemoryError)
    told = "out of memory" in said.lower() or "can't allocate memory" in said
    return (said or "no more is to be had") if isinstance(error, kinds) or told else None


def free_devices() -> None:
    """Gives back what nobody uses any more."""
    import torch

    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def check_architecture(checkpoint: Checkpoint, settings: LocalSettings) -> None:
    """Refuses a network that Transformers cannot build.

    Raises:
        RunError: it does not know it, or does not import.
    """
    if settings.trusts_code and "auto_map" in checkpoint.config:
        return
    try:
        import transformers
        from transformers.models.auto.modeling_auto import MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES
    except (ImportError, OSError, RuntimeError) as error:
        raise RunError(f"hf:{checkpoint.name} needs transformers, which does not import: {_brief(error)}.") from error
    if checkpoint.architecture not in {*MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES, *THINKERS}:
        raise RunError(
            f"hf:{checkpoint.name} is of a kind, {checkpoint.architecture!r}, of which transformers"
            f" {transformers.__version__} knows no multimodal model: update transformers, or, if you trust the Python"
            " code that comes with it, --model-option=trust_remote_code=true."
        )


def device_of(checkpoint: Checkpoint, settings: LocalSettings) -> str:
    """The kind of device to compute on: `cuda` (ROCm's too), `mps`, or what the user names.

    Raises:
        RunError: torch sees no accelerator, and the user did not say that the CPU will do.
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
        f"hf:{checkpoint.name} finds no GPU: torch {torch.__version__}{built} sees none. Install the build of torch for"
        " your GPU's driver, or compute on the CPU, slowly: --model-option=device_map=cpu."
    )


def _cuda_map(torch: Any) -> Any:
    """All on one device where there is one; spread over all that this process sees where there are more."""
    return "auto" if torch.cuda.device_count() > 1 else {"": 0}


def _complete(config: Any, tokenizer: Any) -> None:
    """Fills in what some checkpoints leave to the tokenizer: how an answer ends, and what fills up shorter ones."""
    if config.eos_token_id is None:
        config.eos_token_id = tokenizer.eos_token_id
    if config.pad_token_id is None:
        config.pad_token_id = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    config.max_length = None  # counts the prompt too


def _abilities(processor: Any, model: Any, checkpoint: Checkpoint, settings: LocalSettings) -> Abilities:
    """What processor and network do, read off their parts."""
    hearing = getattr(processor, "feature_extractor", None) or getattr(processor, "audio_processor", None)
    weaves = WOVEN in inspect.signature(model.forward).parameters
    frames: Any = "images" if getattr(processor, "image_processor", None) else None
    if getattr(processor, "video_processor", None) is not None:
        frames = "video"
    return Abilities(
        frames=frames,
        hears=hearing is not None,
        weaves=settings.sound_in_video and weaves,
        exact=EXACT_FRAMES.get(checkpoint.architecture),
        rate=getattr(hearing, "sampling_rate", 16_000),
    )


def _video_arguments(materials: Sequence[Material], processor: Any) -> dict[str, Any]:
    """Frames as videos that need no sampling any more, with the times at which they are shown."""
    import numpy as np
    from transformers.processing_utils import OmniModalProcessorMixin
    from transformers.video_utils import VideoMetadata

    seen = [material for material in materials if material.pictures]
    told = [
        VideoMetadata(
            total_num_frames=len(material.pictures),
            fps=material.fps,
            frames_indices=list(range(len(material.pictures))),
        )
        for material in seen
    ]
    arguments = {
        "videos": [np.stack(material.pictures) for material in seen],
        "video_metadata": told,
        "do_sample_frames": False,
    }
    if isinstance(processor, OmniModalProcessorMixin):
        arguments["fps"] = seen[0].fps
    return arguments


def _brief(error: BaseException) -> str:
    """The first line of an error's first cause."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:300].rstrip('.')}"
