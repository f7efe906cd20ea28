"""Draws the 48 demo clips and four pictures: `python -m tests.demo_clips.make_clips [OUT]`. Needs the espeak-ng program.

The clips test the path from clip to score and measure nothing: cartoon faces, synthetic voices, known truth.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
from av.codec.context import Flags
from numpy.typing import NDArray
from PIL import Image

from benchmark.clips.jpeg import reformatted
from benchmark.suite import find_suite
from tests.demo_clips.face import SIZE, Expression, Person, draw_face
from tests.demo_clips.script import CLIPS, FEELINGS, LABEL_SETS, PERSONS, PICTURES, Feeling, Planned
from tests.tasks import DEMO

FPS = 15
RATE = 22_050
"""Samples a second, as espeak-ng speaks."""
SHORTEST = 2.6
"""Seconds that a clip lasts at least."""

CODECS = {".mp4": ("libx264", "aac"), ".mkv": ("libx264", "aac"), ".avi": ("mpeg4", "mp3")}


def speak(words: str, feeling: Feeling) -> NDArray[np.float32]:
    """The words in the voice of a feeling: samples in [-1, 1] at RATE."""
    command = ["espeak-ng", "-v", "en-us", "-p", str(feeling.pitch), "-s", str(feeling.tempo), "--stdout", words]
    spoken = subprocess.run(command, capture_output=True, check=True).stdout
    samples = np.frombuffer(spoken[44:], "<i2") / 32_768  # a WAV header of 44 bytes, its length not filled in
    voiced = samples[np.abs(samples) > 0.01]
    wanted = 10 ** (feeling.loudness_db / 20)
    scaled: NDArray[np.float32] = np.clip(samples * wanted / np.sqrt(np.mean(voiced**2)), -0.98, 0.98).astype(
        np.float32
    )
    return scaled


def make_clip(plan: Planned, index: int, path: Path) -> None:
    """Draws, speaks and encodes one clip."""
    feelings = [FEELINGS[name] for name in plan.feelings]
    voices = [speak(words, feeling) for words, feeling in zip(plan.words, feelings, strict=True)]
    rest = np.zeros(RATE // 4, np.float32)
    sound = np.concatenate([part for voice in voices for part in (rest, voice)] + [rest])
    sound = np.pad(sound, (0, max(0, int(SHORTEST * RATE) - len(sound))))
    turn = (len(rest) + len(voices[0])) / len(sound)
    random = np.random.default_rng(index)
    pictures = _pictures(PERSONS[index % len(PERSONS)], feelings, sound, turn)
    if plan.noisy:
        sound = (sound + random.normal(0, 0.04, len(sound))).clip(-1, 1).astype(np.float32)
        grain = random.normal(0, 14, (28, 28, 1)).repeat(8, 0).repeat(8, 1)
        pictures = ((0.6 * picture + grain).clip(0, 255).astype(np.uint8) for picture in pictures)
    _encode(path, pictures, sound)


def _pictures(
    person: Person, feelings: Sequence[Feeling], sound: NDArray[np.float32], turn: float
) -> Iterator[NDArray[np.uint8]]:
    """The frames: the face moves into its expression, changes at the turn, blinks, and speaks with the sound."""
    count = len(sound) * FPS // RATE
    loudness = [float(np.sqrt(np.mean(part**2))) for part in np.array_split(sound, count)]
    shown = Expression()
    for number, level in enumerate(loudness):
        wanted = feelings[-1 if number / count >= turn else 0].expression
        shown = shown.towards(wanted, 0.22)
        sway = wanted.shake * float(np.sin(1.1 * number))
        moved = replace(shown, tilt=shown.tilt + sway, nod=shown.nod + sway / 2)
        yield draw_face(person, moved, speaking=min(1.0, 5 * level), blink=float(number % 38 in (20, 21)))


def _encode(path: Path, pictures: Iterator[NDArray[np.uint8]], sound: NDArray[np.float32]) -> None:
    """Writes picture and sound with settings that leave no trace of time, place or tool."""
    picture_codec, sound_codec = CODECS[path.suffix]
    options = (
        {"crf": "29", "preset": "slow", "x264-params": "threads=1:lookahead-threads=1"}
        if picture_codec == "libx264"
        else {"qscale": "9"}
    )
    with av.open(path, "w", options={"fflags": "+bitexact"}) as file:
        video = file.add_stream(picture_codec, rate=FPS, options=options)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt, video.thread_count = SIZE, SIZE, "yuv420p", 1
        video.gop_size = 4 * FPS
        audio = file.add_stream(sound_codec, rate=RATE, layout="mono")
        assert isinstance(audio, av.AudioStream)
        audio.bit_rate = 32_000
        for stream in (video, audio):
            stream.codec_context.flags |= Flags.bitexact
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            file.mux(video.encode(reformatted(frame, "yuv420p")))
        file.mux(video.encode(None))
        levels = av.AudioFrame.from_ndarray(sound[None, :], format="fltp", layout="mono")
        levels.sample_rate = RATE
        for part in (levels, None):
            file.mux(audio.encode(part))


def write_task(name: str, plans: Sequence[Planned], out: Path) -> None:
    """One task's clips, questions and audio clues, laid out as the benchmark's own folder."""
    spelt = name.replace("-", "_")
    questions, clues = [], []
    for index, plan in enumerate(plans, 1):
        video_id = f"Drawn/video/{spelt}_{index:02d}{plan.suffix}"
        path = out / name / video_id
        path.parent.mkdir(parents=True, exist_ok=True)
        make_clip(plan, 8 * index + len(name), path)
        label = (find_suite().tasks[name].separator or ",").join(plan.labels)
        questions.append({"video_id": video_id, "label": label, "label_set": LABEL_SETS[name]})
        clues.append({"video_id": video_id, "ground_truth": label, "audio_clue": clue_of(plan)})
    for folder, file, rows in (("question", spelt, questions), ("audio_clue", f"{spelt}_audio_clues", clues)):
        path = out / name / folder / f"{file}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", "utf-8")


def clue_of(plan: Planned) -> str:
    """What was synthesised, as a listener would put it."""
    parts = [
        f'The speaker says "{words}" in a {FEELINGS[name].sounds} voice.'
        for words, name in zip(plan.words, plan.feelings, strict=True)
    ]
    noise = ["Steady noise lies over the whole recording."] if plan.noisy else []
    return " Then, in another mood: ".join(parts) + "".join(f" {part}" for part in noise)


def write_pictures(out: Path) -> None:
    """Still faces, each of another person, in the three formats of pictures."""
    out.mkdir(parents=True, exist_ok=True)
    for number, (feeling, suffix) in enumerate(PICTURES, 1):
        face = draw_face(PERSONS[number % len(PERSONS)], FEELINGS[feeling].expression, speaking=0.0, blink=0.0)
        Image.fromarray(face).save(out / f"picture_{number}{suffix}")


def main(out: Path = DEMO) -> None:
    """Writes all clips and pictures, over what is there."""
    write_pictures(out.parent / "pictures")
    for name, plans in CLIPS.items():
        shutil.rmtree(out / name, ignore_errors=True)
        write_task(name, plans, out)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
