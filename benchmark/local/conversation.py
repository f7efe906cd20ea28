"""Converts prompts for Transformers' processors: a conversation with placeholders, pictures and sound as arrays."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmark.clip import Frame, Sound, as_frames
from benchmark.prompt import Prompt
from benchmark.task import Turn

EXACT_FRAMES: Mapping[str, int] = {"video_llava": 8}
"""The number of frames that a network needs, by architecture: Video-LLaVA was trained on eight (arXiv 2311.10122)."""

LEAST_FRAMES = 2
"""The fewest frames of a video: networks that merge frames in pairs refuse a single one, so it is repeated."""

LATE = 0.05
"""How many seconds before its nominal time a frame may begin: the duration of a frame at 20 per second."""

EARLY = 0.001
"""How many seconds after its nominal time a frame may begin, because times are rounded."""

PARTS = 60
"""The largest denominator of a simple number of frames per second: 60 stands for one frame a minute."""

_GAP = "\N{ZERO WIDTH SPACE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a processor and its network do with a clip.

    Attributes:
        frames: how frames are passed: as one video or as single pictures; None if not at all.
        hears: whether sound is taken.
        weaves: whether sound is interleaved with the frames by time.
        exact: the only number of frames that the network takes; None if it takes any number.
        rate: the sampling rate of the sound, in samples per second.
        longest: how many samples of sound the processor keeps; None if it keeps all.
        hop: the samples between two spectra of the sound; 0 if the processor pads all sounds to one fixed length.
        window: the samples that one spectrum covers.
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
    """A prompt with decoded pictures and sound.

    Attributes:
        turns: the messages before the request.
        text: the request in words.
        pictures: RGB, each of shape (height, width, 3), uint8.
        fps: pictures per second.
        sound: mono, float32 in [-1, 1], shape (time,); None if there is none.
    """

    turns: tuple[Turn, ...]
    text: str
    pictures: tuple[NDArray[np.uint8], ...]
    fps: float
    sound: NDArray[np.float32] | None


def weight_of(prompt: Prompt) -> float:
    """A rough number of tokens, by which prompts of similar length are batched: a batch is as long as its longest.

    Counts a token for 3 characters, for 280 characters of a picture in Base64 and for 1/25 s of sound. This orders
    prompts well; the number itself is inaccurate.
    """
    pictures = sum(map(len, as_frames(prompt.frames).encoded())) if prompt.frames else 0
    seconds = len(prompt.sound.samples) / prompt.sound.rate if prompt.sound else 0.0
    letters = len(prompt.text) + sum(len(turn.text) for turn in prompt.turns)
    return 1 + letters / 3 + pictures / 280 + 25 * seconds


def material_of(prompt: Prompt, abilities: Abilities) -> Material:
    """The prompt with its pictures and sound as arrays.

    Raises:
        OSError: a picture cannot be read.
        ValueError: the processor does not take all that the prompt has.
    """
    if prompt.frames and abilities.frames is None:
        raise ValueError("its processor takes no frames; --modalities=audio sends none")
    if prompt.sound is not None and not abilities.hears:
        raise ValueError("its processor takes no sound; --modalities=video sends none")
    sound = _resampled(prompt.sound, abilities.rate) if prompt.sound else None
    if sound is not None and abilities.longest is not None and len(sound) > abilities.longest:
        most, given = abilities.longest / abilities.rate, len(sound) / abilities.rate
        raise ValueError(f"its processor takes {most:g} s of sound, and the clip has {given:.0f} s; shorten the clip")
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
    """The messages, as chat templates take them; if sound is `woven` into the video, it has no placeholder."""
    parts: list[dict[str, Any]] = []
    if material.pictures:
        parts += [{"type": "video"}] if abilities.frames == "video" else [{"type": "image"}] * len(material.pictures)
    if material.sound is not None and not (woven and material.pictures):
        parts.append({"type": "audio"})
    before = [{"role": turn.speaker, "content": [{"type": "text", "text": turn.text}]} for turn in material.turns]
    return [*before, {"role": "user", "content": [*parts, {"type": "text", "text": material.text}]}]


def without_control(text: str, tokens: Iterable[str]) -> str:
    """The text with control tokens made harmless: an answer under test must not end the judge's turn."""
    for token in tokens:
        if len(token) > 1 and not token.isspace():
            text = text.replace(token, token[0] + _GAP + token[1:])
    return text


def _suited(frames: Sequence[Frame], abilities: Abilities) -> list[Frame]:
    """As many frames as the network takes: chosen evenly, or repeated."""
    wanted = abilities.exact or (max(LEAST_FRAMES, len(frames)) if abilities.frames == "video" else len(frames))
    return [frames[round(place)] for place in np.linspace(0, len(frames) - 1, wanted)]


def pace_of(frames: Sequence[Frame]) -> float:
    """Frames per second: the simplest fraction that puts the last frame within `LATE` and `EARLY` of its time.

    A frame is shown until the next one, so the frames of `--fps=1` may begin at 0, 0.97 and 1.97 s in one clip and at
    0, 1 and 2 s in another; both have 1.0. If no simple fraction fits, the number is rounded to three digits.
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
    """The sound, followed by silence up to a whole number of spectra.

    Otherwise a processor that pads sounds to the longest of a batch would mirror the end of a single sound, but add
    silence to one in a batch.
    """
    whole = -(-(len(sound) + abilities.window // 2 + 1) // abilities.hop) * abilities.hop
    return np.pad(sound, (0, whole - len(sound)))
