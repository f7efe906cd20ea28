"""The `signal` model: a small baseline without training, which measures frames and sound.

It measures the voice (loudness, pitch, tempo) and, if a large face is in the middle of the picture, its mouth, brows
and eyes. It estimates valence and arousal from them by fixed rules (K. R. Scherer, 2003, "Vocal communication of
emotion": loud, high and fast voices are aroused), and names the nearest label on the circumplex.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmark.clip import Frame, Sound
from benchmark.errors import ModelError
from benchmark.model import Answer
from benchmark.models.circumplex import Point, nearest
from benchmark.prompt import Modality, Prompt
from benchmark.task import Sample

WINDOW_SECONDS = 0.04
SILENCE_DB = -45.0
PITCH_HZ = (70.0, 400.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceMeasure:
    """Measurements of a voice.

    Attributes:
        loudness_db: the mean level of the parts that are not silent, in dB relative to full scale.
        pitch_hz: the median pitch of the voiced windows; None if none is voiced.
        tempo: bursts of loudness per second, roughly syllables.
    """

    loudness_db: float
    pitch_hz: float | None
    tempo: float


class FaceMeasure(NamedTuple):
    """Measurements of a large face.

    Attributes:
        smile: how far the corners of the mouth are above its middle, as a share of the picture's height; negative if
            they are below.
        gape: the height of the mouth, as a share of the picture's height.
        worry: the mean slope of the brows, positive if they rise towards the middle of the face.
        eyes: the share of the eye region that is white.
    """

    smile: float
    gape: float
    worry: float
    eyes: float


def measure_voice(sound: Sound) -> VoiceMeasure | None:
    """The loudness, pitch and tempo of a sound; None if it is silent."""
    size = int(WINDOW_SECONDS * sound.rate)
    windows = sound.samples[: len(sound.samples) // size * size].reshape(-1, size)
    levels = 20 * np.log10(np.sqrt((windows**2).mean(axis=1)) + 1e-9)
    heard = levels > SILENCE_DB
    if not heard.any():
        return None
    pitches = [pitch for window in windows[heard] if (pitch := _pitch(window, sound.rate)) is not None]
    threshold = np.median(levels[heard])
    bursts = np.count_nonzero((levels[1:] > threshold) & (levels[:-1] <= threshold))
    return VoiceMeasure(
        loudness_db=float(levels[heard].mean()),
        pitch_hz=float(np.median(pitches)) if pitches else None,
        tempo=bursts / (np.count_nonzero(heard) * WINDOW_SECONDS),
    )


def _pitch(window: NDArray[np.float32], rate: int) -> float | None:
    """The frequency at which a window repeats, in Hz, by autocorrelation; None if it is not periodic."""
    centred = window - window.mean()
    likeness = np.correlate(centred, centred, "full")[len(centred) - 1 :]
    shortest, longest = int(rate / PITCH_HZ[1]), int(rate / PITCH_HZ[0])
    lag = shortest + int(likeness[shortest:longest].argmax())
    return rate / lag if likeness[lag] > 0.4 * likeness[0] > 0 else None


def measure_face(jpeg: bytes) -> FaceMeasure | None:
    """The mouth, brows and eyes of a face in the middle of the picture; None if no red mouth is found."""
    with Image.open(BytesIO(jpeg)) as picture:
        pixels = np.asarray(picture.convert("RGB").resize((224, 224)), np.float64)
    mouth = _mouth(pixels[134:182, 74:150])  # narrower than a chin: hair beside it may be red too
    if mouth is None:
        return None
    eyes = pixels[85:119, 66:158]
    return FaceMeasure(smile=mouth[0], gape=mouth[1], worry=_worry(pixels), eyes=float((eyes.min(axis=2) > 225).mean()))


def _mouth(region: NDArray[np.float64]) -> tuple[float, float] | None:
    """The smile and the gape of the red part of a region; None if that is too narrow for a mouth."""
    red = region[..., 0] - region[..., 1:].mean(axis=2)
    mask = red - np.median(red) > 28
    columns = np.flatnonzero(mask.sum(axis=0) >= 2)
    if len(columns) < 12:
        return None
    rows = np.arange(len(mask))[:, None]
    centres = (mask * rows).sum(axis=0)[columns] / mask.sum(axis=0)[columns]
    bend = np.polyfit(np.linspace(-1, 1, len(columns)), centres, 2)[0]
    heights = np.array([np.ptp(np.flatnonzero(mask[:, column])) for column in columns])
    return float(-bend / 224), float(np.percentile(heights, 90) / 224)


def _worry(pixels: NDArray[np.float64]) -> float:
    """The mean slope of the darkest parts of the two regions of the brows; 0 if none are found."""
    slopes = []
    for left, side in ((64, 1), (116, -1)):
        region = pixels[66:95, left : left + 44].sum(axis=2)
        mask = region < np.median(region) - 110
        rows, columns = np.nonzero(mask)
        if len(np.unique(columns)) > 8:
            slopes.append(-side * float(np.polyfit(columns, rows, 1)[0]))
    return float(np.mean(slopes)) if slopes else 0.0


@dataclass(frozen=True, slots=True)
class SignalModel:
    """A `Watcher` that answers with its measurements and the label that they suggest."""

    name: str = "signal"
    identity: str = "signal/1"
    modalities: frozenset[Modality] = frozenset({"video", "audio"})

    async def watch(self, sample: Sample, shown: Prompt) -> Answer:
        """The measurements of frames and sound, what they suggest, and the nearest of the sample's labels.

        Raises:
            ModelError: there are neither frames nor sound, or no candidate labels.
        """
        if not shown.frames and shown.sound is None:
            raise ModelError("signal was given neither frames nor sound, and reads no text; use another model.")
        if not sample.label_set:
            raise ModelError("signal chooses among candidate labels, and the sample has none.")
        said = await asyncio.to_thread(describe, shown, sample.label_set, several=sample.task.several)
        return Answer(text=said, model=self.name, ending="whole")


def describe(shown: Prompt, label_set: Sequence[str], *, several: bool) -> str:
    """The answer: a numbered line for each step, and a label; if `several`, a label for each half of the clip."""
    voice = measure_voice(shown.sound) if shown.sound else None
    faces = [face for frame in shown.frames[1:] or shown.frames if (face := measure_face(frame.jpeg)) is not None]
    halves = [faces[: (len(faces) + 1) // 2], faces[len(faces) // 2 :]] if several else [faces]
    points = [_point(voice, half) for half in halves]
    labels = list(dict.fromkeys(nearest(point, label_set)[0] for point in points))
    lines = [*_voice_lines(voice), *_face_lines(faces), _motion_line(shown.frames), *map(_point_line, points)]
    numbered = (f"{number}. {line}" for number, line in enumerate(filter(None, lines), 1))
    return "\n".join([*numbered, f"Answer: {', '.join(labels)}"])


def _point(voice: VoiceMeasure | None, faces: Sequence[FaceMeasure]) -> Point:
    """Valence only by the face, since a loud voice may be happy or angry; arousal by voice and face."""
    valence = 0.0
    arousals: list[float] = []
    if faces:
        face = _mean(faces)
        scowl = 0.4 if face.worry < -0.15 else 0.0
        valence = float(np.clip(14 * face.smile, -1, 1)) - 0.5 * min(1.0, abs(face.worry) / 0.4)
        arousals.append(float(np.clip(6 * face.gape + 8 * (face.eyes - 0.1) + scowl, -1, 1)))
    if voice:
        arousals.append(float(np.clip((voice.loudness_db + 22) / 8, -1, 1)))
        arousals += [float(np.clip((voice.pitch_hz - 120) / 60, -1, 1))] if voice.pitch_hz else []
    return Point(float(np.clip(valence, -1, 1)), float(np.mean(arousals)) if arousals else 0.0)


def _mean(faces: Sequence[FaceMeasure]) -> FaceMeasure:
    return FaceMeasure(*(float(np.mean(values)) for values in zip(*faces, strict=True)))


def _voice_lines(voice: VoiceMeasure | None) -> list[str]:
    if voice is None:
        return ["No voice can be heard."]
    loud = "loud, which suggests arousal" if voice.loudness_db > -20 else "quiet, which suggests calm"
    lines = [f"The voice is {loud} ({voice.loudness_db:.0f} dB)."]
    if voice.pitch_hz:
        lines.append(f"Its pitch is {'high' if voice.pitch_hz > 140 else 'low'} ({voice.pitch_hz:.0f} Hz).")
    return [*lines, f"Its tempo is {'fast' if voice.tempo > 4 else 'slow'} ({voice.tempo:.1f} bursts a second)."]


def _face_lines(faces: Sequence[FaceMeasure]) -> list[str]:
    if not faces:
        return ["No large face can be made out."]
    smile, gape, worry, _ = _mean(faces)
    corners = "turned up" if smile > 0.01 else "turned down" if smile < -0.01 else "level"
    brows = "drawn up in the middle" if worry > 0.12 else "drawn down in the middle" if worry < -0.12 else "level"
    return [
        f"The corners of the mouth are {corners} ({100 * smile:+.1f} % of the picture).",
        f"The mouth is {100 * gape:.0f} % of the picture high.",
        f"The brows are {brows} (slope {worry:+.2f}).",
    ]


def _motion_line(frames: Sequence[Frame]) -> str:
    if len(frames) < 2:
        return ""
    small = [np.asarray(Image.open(BytesIO(frame.jpeg)).convert("L").resize((32, 32)), np.float64) for frame in frames]
    motion = float(np.mean([np.abs(one - other).mean() for one, other in pairwise(small)]))
    light = float(np.mean([picture.mean() for picture in small]))
    return f"Between frames the picture changes by {motion:.1f} levels; its brightness is {light:.0f} of 255."


def _point_line(point: Point) -> str:
    return f"Together this lies at valence {point.valence:+.1f} and arousal {point.arousal:+.1f}."
