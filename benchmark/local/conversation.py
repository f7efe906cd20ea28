"""A prompt in the shape that Transformers' processors take: placeholders in words, pictures and sound as arrays."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmark.clip import Frame, Sound, as_frames
from benchmark.prompt import Prompt
from benchmark.task import Turn

EXACT_FRAMES = MappingProxyType({"video_llava": 8})
"""Video-LLaVA's projector was trained on eight frames, whose place in the clip it does not learn (arXiv 2311.10122)."""

LEAST_FRAMES = 2
"""Networks that merge frames in pairs refuse a single one; it is shown twice."""

LATE = 0.05
"""How long a frame may have been on display at the time that it is taken for, in seconds: one of 20 a second."""

EARLY = 0.001
"""Seconds by which rounding may put a frame after the time that it is taken for."""

PARTS = 60
"""The finest fraction of a frame a second that counts as simple: one frame a minute."""

_GAP = "\N{ZERO WIDTH SPACE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a processor does with a clip.

    Attributes:
        frames: as one video, as single pictures, or not at all.
        hears: whether it takes sound.
        weaves: whether it puts sound between the frames, by time.
        exact: the only number of frames that the network takes; None where it takes any.
        rate: samples of sound a second.
        longest: samples of sound from which on the processor cuts it off; None where it does not.
        hop: samples from one spectrum of sound to the next, and `window` those that one looks at; 0 where sound is made
            as long in any company.
    """

    frames: Literal["video", "images"] | None
    hears: bool
    weaves: bool = False
    exact: int | None = None
    rate: int = 16_000
    longest: int | None = None
    hop: int = 0
    window: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What one prompt shows, decoded.

    Attributes:
        text: the request in words.
        pictures: RGB, each of shape (height, width, 3), uint8.
        fps: pictures a second.
        sound: mono, float32 in [-1, 1], shape (time,); None without.
    """

    turns: tuple[Turn, ...]
    text: str
    pictures: tuple[NDArray[np.uint8], ...]
    fps: float
    sound: NDArray[np.float32] | None


def weight_of(prompt: Prompt) -> float:
    """About how many tokens it becomes; prompts in a batch are made as long as the longest of them.

    Counted are three characters, a 28th of the bytes of a picture and a 25th of a second of sound for a token, which
    orders prompts well and says little of the number itself.
    """
    pictures = sum(map(len, as_frames(prompt.frames).encoded())) if prompt.frames else 0
    seconds = len(prompt.sound.samples) / prompt.sound.rate if prompt.sound else 0.0
    letters = len(prompt.text) + sum(len(turn.text) for turn in prompt.turns)
    return 1 + letters / 3 + pictures / 280 + 25 * seconds


def material_of(prompt: Prompt, abilities: Abilities) -> Material:
    """The prompt's pictures and sound as arrays.

    Raises:
        OSError: a picture cannot be read.
        ValueError: the processor does not take what the prompt has; nothing is left out in silence.
    """
    if prompt.frames and abilities.frames is None:
        raise ValueError("its processor takes no frames; --modalities=audio sends none")
    if prompt.sound is not None and not abilities.hears:
        raise ValueError("its processor takes no sound; --modalities=video sends none")
    sound = _resampled(prompt.sound, abilities.rate) if prompt.sound else None
    if sound is not None and abilities.longest is not None and len(sound) > abilities.longest:
        heard, told = abilities.longest / abilities.rate, len(sound) / abilities.rate
        raise ValueError(f"its processor hears {heard:g} s, and the clip has {told:.0f} s of sound; cut the clip")
    if sound is not None and abilities.hop:
        sound = _rounded_up(sound, abilities)
    frames = _suited(prompt.frames, abilities) if prompt.frames else []
    return Material(
        turns=prompt.turns,
        text=prompt.text,
        pictures=tuple(_pixels(frame.jpeg) for frame in frames),
        fps=pace_of(prompt.frames),
        sound=sound,
    )


def conversation_of(material: Material, abilities: Abilities, *, woven: bool) -> list[dict[str, Any]]:
    """The dialogue, as chat templates take it; sound woven into the video has no place of its own."""
    parts: list[dict[str, Any]] = []
    if material.pictures:
        parts += [{"type": "video"}] if abilities.frames == "video" else [{"type": "image"}] * len(material.pictures)
    if material.sound is not None and not (woven and material.pictures):
        parts.append({"type": "audio"})
    before = [{"role": turn.speaker, "content": [{"type": "text", "text": turn.text}]} for turn in material.turns]
    return [*before, {"role": "user", "content": [*parts, {"type": "text", "text": material.text}]}]


def without_control(text: str, tokens: Iterable[str]) -> str:
    """The text with control tokens in it broken up: an answer under test must not end the judge's turn."""
    for token in tokens:
        if len(token) > 1 and not token.isspace():
            text = text.replace(token, token[0] + _GAP + token[1:])
    return text


def _suited(frames: Sequence[Frame], abilities: Abilities) -> list[Frame]:
    """As many frames as the network takes: evenly chosen, or shown again."""
    wanted = abilities.exact or (max(LEAST_FRAMES, len(frames)) if abilities.frames == "video" else len(frames))
    return [frames[round(place)] for place in np.linspace(0, len(frames) - 1, wanted)]


def pace_of(frames: Sequence[Frame]) -> float:
    """Frames a second: the simplest fraction by which the last is told `LATE` seconds after its time at most.

    A frame is on display until the next one, so those of `--fps=1` are shown at 0, 0.97 and 1.97 seconds in a clip and
    at 0, 1 and 2 in another, and the two are alike all the same. Where no fraction is simple, three digits are told.
    """
    seconds = as_frames(frames).seconds
    span = seconds[-1] - seconds[0] if seconds else 0.0
    if span <= 0:
        return 1.0
    steps = len(seconds) - 1
    shown = steps / span
    for part in range(1, PARTS + 1):
        pace = round(shown * part) / part
        if pace and -EARLY <= steps / pace - span <= LATE:
            return pace
    return float(f"{shown:.3g}")


def _pixels(jpeg: bytes) -> NDArray[np.uint8]:
    with Image.open(BytesIO(jpeg)) as picture:
        return np.asarray(picture.convert("RGB"))


def _resampled(sound: Sound, rate: int) -> NDArray[np.float32]:
    if sound.rate == rate:
        return sound.samples
    from scipy.signal import resample_poly

    both = math.gcd(rate, sound.rate)
    return resample_poly(sound.samples, rate // both, sound.rate // both).astype(np.float32)


def _rounded_up(sound: NDArray[np.float32], abilities: Abilities) -> NDArray[np.float32]:
    """The sound with silence behind it, up to a whole number of spectra.

    A processor that pads sounds to the longest of a batch would otherwise hear a mirrored end alone, and silence in
    company.
    """
    whole = -(-(len(sound) + abilities.window // 2 + 1) // abilities.hop) * abilities.hop
    return np.pad(sound, (0, whole - len(sound)))
