"""How fast the engine is, as ratios to what runs beside it on the same machine.

python -m tests.performance                  all of it, some ten minutes
python -m tests.performance throughput two   what these names stand for
python -m tests.performance scale            what grows with samples and GPUs, an hour; only where it is named
"""

import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmark.clip import Clip
from benchmark.clips.reader import ClipReader
from benchmark.storage.cache import Cache
from tests.integration.runs import agents, lines, make_samples, start, until
from tests.performance.harness import make_clips, process, suite
from tests.performance.page import page
from tests.performance.reference import frames_of
from tests.performance.scale import scale
from tests.server import Served, served

REFERENCE = (sys.executable, "-m", "tests.performance.reference")

Row = tuple[str, str, str]
"""What was measured, what came out, what is aimed at."""


@contextmanager
def _decoded(samples: int, latency: float) -> Iterator[tuple[Path, str, Served]]:
    """A folder, the option that names its samples, a server; every clip of them has been decoded."""
    with tempfile.TemporaryDirectory() as name, served(latency) as server:
        folder = Path(name)
        clips = make_clips(folder / "clips", 100)
        reader = ClipReader(Cache(folder / "cache"))
        for clip in clips:
            reader.frames(Clip(clip))
        yield folder, make_samples(folder / "samples.jsonl", clips, samples), server


def _throughput(*more: str) -> float:
    with _decoded(2000, 2.0) as (folder, data, server):
        run = suite(folder, data, f"--cache={folder / 'cache'}", "--concurrency=256", *agents(server.url), *more)
    return 2000 * 3 * 2.0 / 256 / run.wall


def throughput() -> Iterator[Row]:
    """2,000 samples at 2 s latency."""
    yield "ideal time over wall time, 2,000 samples, 2 s latency, 256 in flight", f"{_throughput():.2f}", "≥ 0.90"


def two() -> Iterator[Row]:
    """The same in two processes."""
    yield "the same with `-n 2`", f"{_throughput('-n2'):.2f}", "≥ 0.85"


def first() -> Iterator[Row]:
    """Nothing decoded yet."""
    with tempfile.TemporaryDirectory() as name, served(0.02) as server:
        folder = Path(name)
        clips = make_clips(folder / "clips", 400)
        data = make_samples(folder / "samples.jsonl", clips, 400)
        plain = float(
            process([sys.executable, "-m", "tests.performance.reference", "decode", str(clips[0].parent)]).output
        )
        ours = suite(folder, data, f"--cache={folder / 'cache'}", "--concurrency=64", *agents(server.url))
        reader = ClipReader(Cache(folder / "cache"))
        same = all([f.jpeg for f in reader.frames(Clip(clip))] == frames_of(clip) for clip in clips[::20])
    assert same, "the frames differ"
    what = "plain PyAV decoding (all frames, two threads) of 400 clips over our first run of them; frames identical"
    yield what, f"{plain / ours.wall:.2f}", "≥ 1.2"


def cpu() -> Iterator[Row]:
    """CPU time that is ours."""
    with _decoded(1000, 0.05) as (folder, data, server):
        options = (f"--cache={folder / 'cache'}", "--concurrency=64", *agents(server.url))
        pictures = sum(path.stat().st_size for path in (folder / "cache" / "media").rglob("*") if path.is_file()) / 100
        idle = suite(folder, data, *options, "-k", "s999]")
        run = suite(folder, data, *options)
        command = [sys.executable, "-m", "tests.performance.reference", "client"]
        client = float(process([*command, server.url, "3000", str(round(pictures / 1000))]).output)
    yield (
        "our CPU time a sample, beyond decoding and the HTTP client",
        f"{run.cpu - idle.cpu - client:.1f} ms",
        "≤ 5 ms",
    )


def cached() -> Iterator[Row]:
    """6,500 samples, then the same command again."""
    with _decoded(6500, 0.2) as (folder, data, server):
        options = (data, f"--cache={folder / 'cache'}", "--concurrency=256", *agents(server.url))
        asked = suite(folder, *options)
        before = server.asked()
        again = suite(folder, *options)
        assert server.asked() == before == 19500
    yield "peak memory, 6,500 samples, 256 in flight", f"{asked.memory:.0f} MB", "≤ 600 MB"
    yield "6,500 samples, all cached, whole command", f"{again.wall:.1f} s", "≤ 20 s"


def collect() -> Iterator[Row]:
    """How long until the cases are there."""
    for count, most in ((6500, "≤ 1.5 s"), (65000, "≤ 15 s")):
        with tempfile.TemporaryDirectory() as name:
            data = make_samples(Path(name) / "samples.jsonl", make_clips(Path(name) / "clips", 100), count)
            run = suite(Path(name), data, "--collect-only", "-qq", "--judge=rules", "--extractor=rules")
        yield f"collecting {count:,} cases", f"{run.wall:.1f} s", most


def official() -> Iterator[Row]:
    """20 samples as the official scripts do them, 200 of ours."""
    with tempfile.TemporaryDirectory() as name, served(2.0) as server:
        folder = Path(name)
        clips = make_clips(folder / "clips", 200)
        data = make_samples(folder / "samples.jsonl", clips, 200)
        theirs = float(process([*REFERENCE, "official", server.url, str(clips[0].parent), "20"]).output) / 20
        ours = suite(folder, data, f"--cache={folder / 'cache'}", "--concurrency=64", *agents(server.url)).wall / 200
    yield "the official flow over ours, a sample, cold, 2 s latency, 64 in flight", f"{theirs / ours:.0f} ×", "≥ 30 ×"


def stop() -> Iterator[Row]:
    """Ctrl-C in the middle of a run, in one process and in two."""
    for processes in ((), ("-n2",)):
        with tempfile.TemporaryDirectory() as name, served(0.1) as server:
            folder = Path(name)
            data = make_samples(folder / "samples.jsonl", make_clips(folder / "clips", 100), 2000)
            run = start(folder, *agents(server.url), "-q", "--tb=no", data, "--concurrency=64", *processes)
            until(lambda folder=folder: lines(folder) > 100, run)  # type: ignore[misc]
            begun = time.monotonic()
            os.killpg(run.pid, signal.SIGINT)
            run.communicate(timeout=60)
            took = time.monotonic() - begun
            yield f"Ctrl-C{', `-n 2`' * bool(processes)}: seconds until the run has ended", f"{took:.1f} s", "≤ 2 s"


MEASUREMENTS: Mapping[str, Callable[[], Iterator[Row]]] = {
    function.__name__: function
    for function in (throughput, two, first, cpu, cached, collect, official, stop, page, scale)
}
USUAL = tuple(name for name in MEASUREMENTS if name != scale.__name__)


def main() -> None:
    """Prints the table as Markdown, row by row."""
    print(f"On {os.cpu_count()} cores, {platform.machine()}, {_processor()}, Python {platform.python_version()}:\n")
    print("| what | measured | aim |\n|---|---:|---:|")
    for name in sys.argv[1:] or USUAL:
        for row in MEASUREMENTS[name]():
            print(f"| {' | '.join(row)} |", flush=True)


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    named = [line for line in cpuinfo.read_text().splitlines() if "model name" in line] if cpuinfo.exists() else []
    return named[0].partition(":")[2].strip() if named else platform.processor()


if __name__ == "__main__":
    main()
