"""A network of Qwen2.5-Omni-7B's size with random weights, saved as a checkpoint, and requests for it."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from benchmark.clip import Frame, Sound
from benchmark.prompt import Prompt
from tests.checkpoints import make_thinker

FRAME_SIZE = (640, 360)
CLIP_SECONDS = (3.0, 6.0)
"""Between which the benchmark's clips last, on average by task."""

QUESTION = (
    "You are an expert in emotion. You are given frames of a video clip, and its sound. Which emotion does the person"
    " show most clearly? Candidate labels: anger; disgust; fear; happiness; sadness; surprise; neutral. Name one label."
    " Think step by step, then give the answer. "
)


def make_large(folder: Path) -> Path:
    """The checkpoint, some 18 GB in bfloat16, made on the first GPU."""
    import torch

    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device("cuda"):
            make_thinker(folder, large=True)
    finally:
        torch.set_default_dtype(usual)
        torch.cuda.empty_cache()
    return folder


def make_requests(count: int, *, seed: int = 0) -> Sequence[Prompt]:
    """Prompts of which no two are alike: a frame a second of a clip of noise, and its sound."""
    random = np.random.default_rng(seed)
    return [_request(random, number) for number in range(count)]


def _request(random: np.random.Generator, number: int) -> Prompt:
    seconds = float(random.uniform(*CLIP_SECONDS))
    frames = [Frame(jpeg=_jpeg(random), seconds=float(second)) for second in range(int(seconds) + 1)]
    sound = random.normal(0, 0.1, int(16_000 * seconds)).astype(np.float32)
    return Prompt(text=f"{QUESTION}{number}", frames=frames, sound=Sound(samples=sound, rate=16_000))


def _jpeg(random: np.random.Generator) -> bytes:
    """A picture that is smooth, as photographs are: noise would make files ten times their size."""
    rough = Image.fromarray(random.integers(0, 255, (9, 16, 3), np.uint8))
    buffer = BytesIO()
    rough.resize(FRAME_SIZE, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
