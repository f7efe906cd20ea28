"""What grows with the number of GPUs behind one driver: the line of requests before them, and the clips that wait.

python -m tests.performance.cluster 8 64    for so many GPUs
"""

import pickle
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np

from benchmark.clip import Clip, Frames, Sound
from benchmark.clips.reader import ClipReader
from benchmark.cluster.dispatch import Dispatcher, Request, Worker
from benchmark.cluster.worker import Material, Refused
from benchmark.local.batching import Generated
from benchmark.models.local import HEADROOM, WAITING
from benchmark.prompt import Prompt
from benchmark.storage.cache import Cache
from tests.performance.harness import make_clips

GPUS = (8, 64, 512)
BATCH = 8
STEADY = 3000
"""Replies over which the cost of one is measured, once the window is full."""

CLIPS = 100
SOUND = Sound(samples=np.zeros(5 * 16_000, dtype=np.float32), rate=16_000)
"""Five seconds, as models take it; the clips drawn here have none."""

Row = tuple[str, str, str]


def in_flight(gpus: int) -> int:
    """Requests that a driver has at once for so many GPUs."""
    return HEADROOM * WAITING * gpus


class _Cluster:
    """Actors that answer when they are told to, the longest-waiting request first."""

    def __init__(self, gpus: int) -> None:
        self.sent: deque[Future[Generated | Refused]] = deque()
        self.replies: deque[Future[Generated]] = deque()
        self.dispatcher = Dispatcher(self._send, lambda _: False, lambda _: False, lambda: None)
        self.dispatcher.start()
        for _ in range(gpus):
            self.dispatcher.call(lambda: self.dispatcher.add(Worker(actor=None, depth=3 * BATCH)))

    def _send(self, worker: Worker, request: Request) -> "Future[Generated | Refused]":
        future: Future[Generated | Refused] = Future()
        self.sent.append(future)
        return future

    def ask(self, count: int) -> None:
        """Puts requests in line, and waits until they stand there."""
        self.replies.extend(self.dispatcher.submit(Prompt(text="Which?"), "model") for _ in range(count))
        there: Future[None] = Future()
        self.dispatcher.call(lambda: there.set_result(None))
        there.result()

    def answer(self) -> None:
        """Answers one request, in whose place another comes."""
        said = Generated(text="joy", input_tokens=2900, output_tokens=400, seconds=2.0, together=BATCH)
        self.sent.popleft().set_result(said)
        self.replies.append(self.dispatcher.submit(Prompt(text="Which?"), "model"))


def dispatch(gpus: int) -> tuple[float, float]:
    """Seconds of CPU until a driver's whole window stands in line, and microseconds for each reply from then on."""
    cluster, started = _Cluster(gpus), time.process_time()
    cluster.ask(in_flight(gpus))
    filling, started = time.process_time() - started, time.process_time()
    for _ in range(STEADY):
        cluster.answer()
        cluster.ask(0)
    steady = (time.process_time() - started) / STEADY * 1e6
    cluster.dispatcher.close()
    return filling, steady


def clips_of_runs() -> tuple[float, float, float]:
    """Seconds of CPU to decode a clip's frames, their bytes in the cache, and those of a sample that travels."""
    with tempfile.TemporaryDirectory() as name:
        clips = [Clip(path) for path in make_clips(Path(name) / "clips", CLIPS)]
        cache = Cache(Path(name) / "cache")
        reader = ClipReader(cache)
        started = time.process_time()
        for clip in clips:
            reader.frames(clip)
        decoding = (time.process_time() - started) / CLIPS
        parcels = [_material(reader.frames(clip)) for clip in clips]
        kept = cache.media.size()[1]
        cache.close()
    return decoding, kept / CLIPS, sum(map(len, map(pickle.dumps, parcels))) / CLIPS


def _material(frames: Frames) -> Material:
    return Material(seconds=frames.seconds, digest=frames.digest, encoded=frames.encoded(), sound=SOUND)


def cluster(sizes: Sequence[int] = GPUS) -> Iterator[Row]:
    """A row for each figure."""
    decoding, kept, parcel = clips_of_runs()
    yield "driver: ms of CPU to decode a clip", f"{decoding * 1000:.0f}", ""
    yield "cache: bytes of a sample's frames", f"{kept:,.0f}", ""
    yield "driver: bytes of a sample's frames and sound while it waits, and as it travels", f"{parcel:,.0f}", ""
    for gpus in sizes:
        filling, steady = dispatch(gpus)
        window = in_flight(gpus)
        yield f"driver, {gpus} GPUs: samples in flight", f"{window:,}", ""
        yield f"driver, {gpus} GPUs: MB of frames and sound that wait", f"{window * parcel / 1e6:,.0f}", ""
        yield f"driver, {gpus} GPUs: s of CPU to fill the line", f"{filling:.3g}", ""
        yield f"driver, {gpus} GPUs: us of CPU a reply", f"{steady:.4g}", ""


def main() -> None:
    """Prints the rows as they come."""
    for row in cluster(tuple(map(int, sys.argv[1:])) or GPUS):
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
