"""A loaded checkpoint that answers batches of prompts. Torch is imported where it is used."""

import inspect
import os
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from copy import copy
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from benchmark.errors import RunError
from benchmark.local.batching import DeviceLost, Generated, Generation, OutOfMemory, Ready
from benchmark.local.checkpoint import Checkpoint
from benchmark.local.conversation import (
    EXACT_FRAMES,
    Abilities,
    Material,
    conversation_of,
    material_of,
    without_control,
)
from benchmark.local.loading import complete, device_of, load_model, load_processor
from benchmark.local.memory import first_line, free_devices, is_device_lost, out_of_memory, taken, unused
from benchmark.local.rendering import Renderer, Stopped
from benchmark.local.settings import LocalSettings
from benchmark.prompt import Prompt

WOVEN = "use_audio_in_video"
"""The argument of networks that can interleave sound with the frames."""

PLAIN: Mapping[str, Any] = {
    "temperature": 1.0,
    "top_p": 1.0,
    "top_k": 0,
    "num_beams": 1,
    "num_return_sequences": 1,
    "use_cache": True,
    "return_dict_in_generate": False,
}
"""Generation settings that replace the checkpoint's; its penalties and end tokens are kept."""


class TransformersNetwork:
    """A `Network` of Transformers, on the devices that this process sees.

    Attributes:
        device: the kind of device, such as `cuda` or `cpu`.
        abilities: what the processor and the network do with a clip.
        room: the bytes that a batch may take on the device with the least free memory; None if unknown.
        peak: the peak memory of the last batch in bytes, on the device where it took the most; None if unknown.
    """

    def __init__(
        self, checkpoint: Checkpoint, settings: LocalSettings, turn: AbstractContextManager[Any] | None = None
    ) -> None:
        """Loads the processor, then the weights; `turn` is held while a batch is generated.

        Raises:
            RunError: it cannot be loaded; the message says why.
        """
        import torch
        import transformers

        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        self._torch = torch
        self.device = device_of(checkpoint, settings)
        self._processor = load_processor(checkpoint, settings)
        try:
            self._renderer = Renderer(self._processor)
        except ValueError as error:
            raise RunError(f"hf:{checkpoint.name} cannot be used: {error}.") from None
        self._control = tuple(self._processor.tokenizer.get_added_vocab())
        self._model = load_model(checkpoint, settings, self.device)
        complete(self._model.generation_config, self._processor.tokenizer)
        self.abilities = _abilities(self._processor, self._model, checkpoint, settings)
        self._processing = _processing(self._processor, settings.processing)
        self._try_template(checkpoint)
        # the numbers of the GPUs on which weights lie
        self._places = sorted({one.device.index for one in self._model.parameters() if one.device.type == "cuda"})
        self._turn = turn or nullcontext()
        self._stopped = threading.Event()
        self.room: int | None = None
        self.peak: int | None = None
        self._decoders = ThreadPoolExecutor(min(8, os.cpu_count() or 1), "mme-emotion pictures")

    def prepare(self, prompts: Sequence[Prompt], generation: Generation) -> Ready:
        """The prompts as one left-padded batch of tensors, on the CPU.

        Raises:
            ValueError: the processor cannot process them.
        """
        materials = list(self._decoders.map(partial(material_of, abilities=self.abilities), prompts))
        woven = self.abilities.weaves and all(one.sound is not None and one.pictures for one in materials)
        inputs = self._processor(**self._arguments(materials, woven=woven))
        lengths = tuple(inputs["attention_mask"].sum(dim=1).tolist())
        return Ready(inputs=inputs, lengths=lengths, generation=generation, woven=woven)

    def generate(self, ready: Ready) -> list[Generated]:
        """The replies to the prompts of the batch, in their order.

        Raises:
            OutOfMemory: the batch is too large for the device.
            DeviceLost: the device failed.
        """
        full: str | None = None
        try:
            tokens, busy_seconds = self._tokens(ready)
        except (RuntimeError, MemoryError) as error:
            full = out_of_memory(error)
            if full is None and is_device_lost(error):
                raise DeviceLost(first_line(error)) from None
            if full is None:
                raise
        if full is not None:  # only now: until the handler ends, the error's frames hold the batch's tensors
            free_devices()
            raise OutOfMemory(full)
        texts = self._processor.tokenizer.batch_decode(tokens, skip_special_tokens=True)
        seconds = busy_seconds / len(texts)
        ends = [self._end_of(row) for row in tokens.tolist()]
        return [
            Generated(
                text=text, input_tokens=length, output_tokens=count, seconds=seconds, together=len(texts), ended=ended
            )
            for text, length, (count, ended) in zip(texts, ready.lengths, ends, strict=True)
        ]

    def stop(self) -> None:
        """Makes `generate` in another thread end with its next token."""
        self._stopped.set()

    def measure_room(self) -> None:
        """Measures the free memory; call it once all networks that share the devices are loaded."""
        self.room = min(map(unused, self._places)) if self._places else None

    def _arguments(self, materials: Sequence[Material], *, woven: bool) -> dict[str, Any]:
        """The arguments for the processor."""
        texts = [self._text(material, woven=woven) for material in materials]
        arguments: dict[str, Any] = {"text": texts, "padding": True, "return_tensors": "pt", **self._processing}
        first_token = self._processor.tokenizer.bos_token
        if first_token and texts[0].startswith(first_token):
            arguments["add_special_tokens"] = False  # the template has already added it
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
        harmless = replace(
            material,
            text=without_control(material.text, self._control),
            turns=tuple(turn._replace(text=without_control(turn.text, self._control)) for turn in material.turns),
        )
        return self._renderer.text(conversation_of(harmless, self.abilities, woven=woven))

    def _try_template(self, checkpoint: Checkpoint) -> None:
        """Refuses a chat template that does not terminate, before the first sample."""
        shown = (np.zeros((1, 1, 3), np.uint8),) * bool(self.abilities.frames)
        sound = np.zeros(1, np.float32) if self.abilities.hears else None
        with suppress(ValueError):  # if it refuses this conversation, the first sample shows why
            try:
                self._text(Material(turns=(), text="Which?", pictures=shown, fps=1.0, sound=sound), woven=False)
            except Stopped as error:
                raise RunError(f"hf:{checkpoint.name} cannot be used: {error}. Use another checkpoint.") from None

    def _tokens(self, ready: Ready) -> tuple[Any, float]:
        """The new tokens, shape (rows, steps), and the seconds that the device was busy."""
        torch = self._torch
        where, precision = self._model.device, self._model.dtype
        inputs = {name: placed(name, value, where, precision) for name, value in ready.inputs.items()}
        more = {WOVEN: True} if ready.woven else {}
        how = {"generation_config": self._generation_config(ready.generation), "stopping_criteria": [self._stops]}
        with self._turn, torch.inference_mode():
            begun = time.monotonic()  # only now: before, another network may have had its turn
            for place in self._places:
                torch.cuda.reset_peak_memory_stats(place)
            whole = self._model.generate(**inputs, **more, **how)
            self.peak = max(map(taken, self._places)) if self._places else None
            tokens = whole[:, inputs["input_ids"].shape[1] :].cpu()  # this waits for the device
            return tokens, time.monotonic() - begun

    def _stops(self, tokens: Any, scores: Any, **_: Any) -> Any:  # noqa: ARG002  Transformers' signature
        """Whether each row must end, shape (rows,)."""
        return self._torch.full((len(tokens),), self._stopped.is_set(), device=tokens.device, dtype=self._torch.bool)

    def _end_of(self, row: Sequence[int]) -> tuple[int, bool]:
        """The number of tokens up to and including the first end token, and whether there is one."""
        ends = self._model.generation_config.eos_token_id
        ends = set(ends if isinstance(ends, list) else [ends])
        count = next((place + 1 for place, token in enumerate(row) if token in ends), None)
        return count or len(row), count is not None

    def _generation_config(self, generation: Generation) -> Any:
        """The checkpoint's settings with those of `PLAIN` and of the user.

        Transformers replaces fields that are None by the checkpoint's, so each field of `PLAIN` has a value.
        """
        config = copy(self._model.generation_config)
        for name, value in {**PLAIN, **dict(generation)}.items():
            setattr(config, name, value)
        return config


def placed(name: str, value: Any, device: Any, precision: Any) -> Any:
    """An input of the network on its device; tensors of floats are converted to its precision.

    Times are not converted: the network must find the sound where the processor put it between the frames.
    """
    import torch

    if not isinstance(value, torch.Tensor):
        return value
    is_converted = value.is_floating_point() and "second_per_grid" not in name
    return value.to(device, precision if is_converted else None)


def _processing(processor: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The user's options about pictures; `min_pixels` and `max_pixels` become the `size` that new processors expect."""
    bounds = {"shortest_edge": given.get("min_pixels"), "longest_edge": given.get("max_pixels")}
    part = getattr(processor, "video_processor", None) or getattr(processor, "image_processor", None)
    own = getattr(processor, "videos_kwargs", {}).get("size") or getattr(part, "size", None) or {}
    if not any(bounds.values()) or "longest_edge" not in own:
        return dict(given)
    rest = {name: value for name, value in given.items() if name not in {"min_pixels", "max_pixels"}}
    size = {name: bounds[name] or own[name] for name in bounds}
    return rest | {"size": {**size, "shortest_edge": min(size.values())}}


def _abilities(processor: Any, model: Any, checkpoint: Checkpoint, settings: LocalSettings) -> Abilities:
    """What the processor and the network do with a clip, by their parts."""
    extractor = getattr(processor, "feature_extractor", None) or getattr(processor, "audio_processor", None)
    usual = getattr(processor, "audio_kwargs", {})
    truncates, fixed = usual.get("truncation", True), usual.get("padding", "max_length") == "max_length"
    frames: Any = "images" if getattr(processor, "image_processor", None) else None
    if getattr(processor, "video_processor", None) is not None:
        frames = "video"
    return Abilities(
        frames=frames,
        hears=extractor is not None,
        weaves=settings.sound_in_video and WOVEN in inspect.signature(model.forward).parameters,
        exact=EXACT_FRAMES.get(checkpoint.architecture),
        rate=getattr(extractor, "sampling_rate", 16_000),
        longest=getattr(extractor, "n_samples", None) if truncates else None,
        hop=0 if fixed else getattr(extractor, "hop_length", 0),
        window=getattr(extractor, "n_fft", 0),
    )


def _video_arguments(materials: Sequence[Material], processor: Any) -> dict[str, Any]:
    """The processor's arguments for frames: as videos that are already sampled, with the times of their frames."""
    from transformers.processing_utils import OmniModalProcessorMixin
    from transformers.video_utils import VideoMetadata

    shown = [material for material in materials if material.pictures]
    metadata = [
        VideoMetadata(total_num_frames=len(one.pictures), fps=one.fps, frames_indices=list(range(len(one.pictures))))
        for one in shown
    ]
    videos = [np.stack(one.pictures) for one in shown]
    arguments = {"videos": videos, "video_metadata": metadata, "do_sample_frames": False}
    if isinstance(processor, OmniModalProcessorMixin):
        arguments["fps"] = shown[0].fps
    return arguments
