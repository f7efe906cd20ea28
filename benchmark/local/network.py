"""A checkpoint, loaded: prompts in, texts out, a batch at a time. Torch is imported where it is used."""

import inspect
import os
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
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
"""The argument of networks that take sound between the frames."""

PLAIN = MappingProxyType(
    {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "num_beams": 1, "num_return_sequences": 1, "use_cache": True}
    | {"return_dict_in_generate": False}
)
"""What a checkpoint's own generation settings are not asked about; its penalties and its end tokens hold."""


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

    def __init__(
        self, checkpoint: Checkpoint, settings: LocalSettings, turn: AbstractContextManager[Any] | None = None
    ) -> None:
        """Loads the processor, then the weights; networks that share devices take `turn`s in generating.

        Raises:
            RunError: it cannot be loaded; says what is missing.
        """
        import torch
        import transformers

        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        self._torch = torch
        self.device = device_of(checkpoint, settings)
        self._processor = load_processor(checkpoint, settings)
        self._renderer = _renderer_of(self._processor, checkpoint)
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
        self._room: int | None = None
        self._peak: int | None = None
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
            DeviceLost: it computes nothing any more.
        """
        batch: Tensors = ready.batch
        full: str | None = None
        try:
            tokens, took = self._tokens(batch)
        except (RuntimeError, MemoryError) as error:
            full = out_of_memory(error)
            if full is None and is_device_lost(error):
                raise DeviceLost(first_line(error)) from None
            if full is None:
                raise
        if full is not None:  # not sooner: the error's frames have held the batch's tensors
            free_devices()
            raise OutOfMemory(full)
        texts = self._processor.tokenizer.batch_decode(tokens, skip_special_tokens=True)
        seconds = took / len(texts)
        said = [self._said(row) for row in tokens.tolist()]
        return [
            Generated(
                text=text,
                input_tokens=length,
                output_tokens=count,
                seconds=seconds,
                together=len(texts),
                ended=ended,
            )
            for text, length, (count, ended) in zip(texts, batch.lengths, said, strict=True)
        ]

    def stop(self) -> None:
        """Has `generate` end with its next token, from another thread."""
        self._stopped.set()

    def measure_room(self) -> None:
        """Looks how much memory is free; to be called when all networks that share the devices have been loaded."""
        self._room = min(map(unused, self._places)) if self._places else None

    def room(self) -> int | None:
        """Bytes that a batch may take on the device that has least; None where nobody can say."""
        return self._room

    def peak(self) -> int | None:
        """Bytes that the last batch took at most on the device that it burdened most; None where nobody can say."""
        return self._peak

    def _arguments(self, materials: Sequence[Material], *, woven: bool) -> dict[str, Any]:
        """What the processor is called with."""
        texts = [self._text(material, woven=woven) for material in materials]
        arguments: dict[str, Any] = {
            "text": texts,
            "padding": True,
            "return_tensors": "pt",
            **self._processing,
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
        harmless = replace(
            material,
            text=without_control(material.text, self._control),
            turns=tuple(turn._replace(text=without_control(turn.text, self._control)) for turn in material.turns),
        )
        conversation = conversation_of(harmless, self.abilities, woven=woven)
        return self._renderer.text(conversation)

    def _try_template(self, checkpoint: Checkpoint) -> None:
        """Refuses a template that comes to no end, before any sample is asked for."""
        shown = (np.zeros((1, 1, 3), np.uint8),) * bool(self.abilities.frames)
        sound = np.zeros(1, np.float32) if self.abilities.hears else None
        with suppress(ValueError):  # what it refuses, the first sample will tell
            try:
                self._text(Material(turns=(), text="Which?", pictures=shown, fps=1.0, sound=sound), woven=False)
            except Stopped as error:
                raise RunError(f"hf:{checkpoint.name} cannot be asked: {error}. Use another checkpoint.") from None

    def _tokens(self, batch: Tensors) -> tuple[Any, float]:
        """The new tokens, shape (rows, steps), and the seconds for which the device was busy with them."""
        torch = self._torch
        where, precision = self._model.device, self._model.dtype
        inputs = {name: placed(name, value, where, precision) for name, value in batch.inputs.items()}
        more = {WOVEN: True} if batch.woven else {}
        how = {"generation_config": self._generation_config(batch.generation), "stopping_criteria": [self._stops]}
        with self._turn, torch.inference_mode():
            begun = time.monotonic()  # not sooner: another network may have had its turn
            for place in self._places:
                torch.cuda.reset_peak_memory_stats(place)
            whole = self._model.generate(**inputs, **more, **how)
            self._peak = max(map(taken, self._places)) if self._places else None
            tokens = whole[:, inputs["input_ids"].shape[1] :].cpu()  # which waits for the device
            return tokens, time.monotonic() - begun

    def _stops(self, tokens: Any, scores: Any, **_: Any) -> Any:  # noqa: ARG002  Transformers' own
        """For each row, whether it is to end."""
        return self._torch.full((len(tokens),), self._stopped.is_set(), device=tokens.device, dtype=self._torch.bool)

    def _said(self, row: Sequence[int]) -> tuple[int, bool]:
        """Tokens until the answer's end, that included, and whether it has come to one."""
        ends = self._model.generation_config.eos_token_id
        ends = set(ends if isinstance(ends, list) else [ends])
        count = next((place + 1 for place, token in enumerate(row) if token in ends), None)
        return count or len(row), count is not None

    def _generation_config(self, generation: Generation) -> Any:
        """The checkpoint's own, but greedy unless the user wants samples, and then of all tokens.

        Fields that are None are filled in from the checkpoint again, so that each of them gets a value.
        """
        config = copy(self._model.generation_config)
        for name, value in {**PLAIN, **dict(generation)}.items():
            setattr(config, name, value)
        return config


def placed(name: str, value: Any, device: Any, precision: Any) -> Any:
    """An input of that name on the network's device, in its precision where it is a tensor of fractions.

    Times stay exact: by them the processor has woven sound into the video, and the network has to find it again.
    """
    import torch

    if not isinstance(value, torch.Tensor):
        return value
    rounds = value.is_floating_point() and "second_per_grid" not in name
    return value.to(device, precision if rounds else None)


def _renderer_of(processor: Any, checkpoint: Checkpoint) -> Renderer:
    try:
        return Renderer(processor)
    except ValueError as error:
        raise RunError(f"hf:{checkpoint.name} cannot be asked: {error}.") from None


def _processing(processor: Any, told: Mapping[str, Any]) -> dict[str, Any]:
    """What the user says of pictures, in the words of today's processors: bounds on their pixels are a size."""
    bounds = {"shortest_edge": told.get("min_pixels"), "longest_edge": told.get("max_pixels")}
    looking = getattr(processor, "video_processor", None) or getattr(processor, "image_processor", None)
    own = getattr(processor, "videos_kwargs", {}).get("size") or getattr(looking, "size", None) or {}
    if not any(bounds.values()) or "longest_edge" not in own:
        return dict(told)
    rest = {name: value for name, value in told.items() if name not in {"min_pixels", "max_pixels"}}
    size = {name: bounds[name] or own[name] for name in bounds}
    return rest | {"size": {**size, "shortest_edge": min(size.values())}}


def _abilities(processor: Any, model: Any, checkpoint: Checkpoint, settings: LocalSettings) -> Abilities:
    """What processor and network do, read off their parts."""
    hearing = getattr(processor, "feature_extractor", None) or getattr(processor, "audio_processor", None)
    usual = getattr(processor, "audio_kwargs", {})
    truncates, fixed = usual.get("truncation", True), usual.get("padding", "max_length") == "max_length"
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
        longest=getattr(hearing, "n_samples", None) if truncates else None,
        hop=0 if fixed else getattr(hearing, "hop_length", 0),
        window=getattr(hearing, "n_fft", 0),
    )


def _video_arguments(materials: Sequence[Material], processor: Any) -> dict[str, Any]:
    """Frames as videos that need no sampling any more, with the times at which they are shown."""
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
