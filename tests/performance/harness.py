"""What all measurements share: clips, samples, and the suite as a process whose time and memory are known."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.integration.runs import ROOT, environment

SOURCES = ("testsrc2", "mandelbrot", "life=mold=10:ratio=0.1:death_color=#C83232:life_color=#00ff00")


@dataclass(frozen=True, slots=True)
class Measured:
    """How a process went: wall time and CPU time in seconds, peak memory in MB."""

    wall: float
    cpu: float
    memory: float
    output: str


def make_clips(folder: Path, count: int) -> list[Path]:
    """So many clips of 5 s, 360p, H.264: a few that ffmpeg draws, and copies that differ in a byte nobody plays."""
    folder.mkdir()
    drawn = [
        _draw(folder / f"{source}.mp4", source).read_bytes() for source in ("testsrc2", "mandelbrot", "life=mold=10")
    ]
    clips = [folder / f"{number}.mp4" for number in range(count)]
    for number, clip in enumerate(clips):
        # an atom of type `free`, which players pass over
        clip.write_bytes(drawn[number % len(drawn)] + (16).to_bytes(4, "big") + b"free" + number.to_bytes(8, "big"))
    return clips


def _draw(path: Path, source: str) -> Path:
    separator = ":" if "=" in source else "="
    drawn = ["-f", "lavfi", "-i", f"{source}{separator}size=640x360:rate=25", "-t", "5"]
    coded = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-threads", "1"]
    subprocess.run(["ffmpeg", "-v", "error", *drawn, *coded, str(path)], check=True)
    return path


def suite(folder: Path, *arguments: str) -> Measured:
    """The whole command, as a user's installation runs it: byte code kept, hypothesis not there."""
    usual = [
        "-q",
        "--tb=no",
        "-rN",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:hypothesispytest",
        f"--run-dir={folder / 'run'}",
    ]
    return process([sys.executable, "-m", "pytest", *usual, *arguments])


def process(command: Sequence[str]) -> Measured:
    """A process to its end."""
    started = time.monotonic()
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        assert running.stdout
        output = running.stdout.read()
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - started
    assert running.returncode in (0, 1), output
    return Measured(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, output)
