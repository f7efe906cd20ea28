"""How well a GPU is used: `python -m tests.performance.gpu` on a machine with one.

Compared side by side, on the same requests and with the same number of new tokens: one request after the other; ours;
and the ceiling, which is bare `generate` on batches that have been prepared before the clock starts.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from benchmark.local.batching import Batcher, Generation, OutOfMemory, Ready
from benchmark.local.checkpoint import find_checkpoint
from benchmark.local.network import TransformersNetwork
from benchmark.local.settings import parse_settings
from benchmark.local.sizing import Sizer
from benchmark.prompt import Prompt
from evaluators.plugin import TURN_SECONDS
from tests.checkpoints import make
from tests.performance.gpu.model import make_large, make_requests

T = TypeVar("T")

CEILING_SHARE, BATCH_1_RATIO = 0.9, 4.0
"""What ours aims at: of the ceiling, and beside one request after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one way of asking reached.

    Attributes:
        pace: samples a second.
        busy: the share of time in which the GPU computed something, as its driver counts; None without one.
        peak: bytes of its memory at most.
    """

    pace: float
    busy: float | None
    peak: int


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m tests.performance.gpu", description=__doc__)
    parser.add_argument("--samples", type=int, default=256, help="requests in all (default: 256)")
    parser.add_argument("--tokens", type=int, default=64, help="new tokens of each answer (default: 64)")
    parser.add_argument("--batch", type=int, help="requests in a batch (default: found by measuring)")
    parser.add_argument("--checkpoint", type=Path, help="where the checkpoint is, or is to be made")
    parser.add_argument(
        "--tiny", action="store_true", help="a tiny network on the CPU: whether this script runs at all"
    )
    asked = parser.parse_args()
    sys.setswitchinterval(TURN_SECONDS)  # as a run does
    with tempfile.TemporaryDirectory(prefix="mme-emotion-") as passing:
        folder = asked.checkpoint or Path(passing) / "checkpoint"
        if not (folder / "config.json").exists():
            _timed("made", lambda: make("qwen2.5-omni", folder) if asked.tiny else make_large(folder))
        _measure(folder, asked.samples, Sizer(fixed=asked.batch, steps=asked.tokens), tiny=asked.tiny)


def _measure(folder: Path, samples: int, sizer: Sizer, *, tiny: bool) -> None:
    # no answer ends early, so that all ways generate the same number of tokens
    told = {"max_new_tokens": sizer.steps, "min_new_tokens": sizer.steps} | ({"device_map": "cpu"} if tiny else {})
    settings = parse_settings(told)
    generation = tuple(settings.generation.items())
    network = _timed("loaded", lambda: TransformersNetwork(find_checkpoint(str(folder), settings), settings))
    requests = make_requests(samples)
    _one_by_one(network, requests[:2], generation)  # what is compiled, is compiled now
    alone = _watched(network, partial(_one_by_one, network, requests[: max(4, samples // 32)], generation))
    _tell("one after the other", alone)
    together: list[int] = []
    ours = _watched(network, partial(_ours, network, requests, generation, sizer, together))
    size = max(together)
    _tell(f"ours, batches of {size} at most", ours)
    size, most = _ceiling(network, requests, generation, size)
    _tell(f"bare generate on ready batches of {size}", most)
    print(f"ours / ceiling        {ours.pace / most.pace:.2f}   aim {CEILING_SHARE}")
    print(f"ours / batch 1        {ours.pace / alone.pace:.1f}   aim {BATCH_1_RATIO}")


def _one_by_one(network: TransformersNetwork, requests: Sequence[Prompt], generation: Generation) -> int:
    return sum(len(network.generate(network.prepare([one], generation))) for one in requests)


def _ours(
    network: TransformersNetwork, requests: Sequence[Prompt], generation: Generation, sizer: Sizer, together: list[int]
) -> int:
    batcher = Batcher(lambda: network, lambda: sizer)
    replies = [reply.result() for reply in [batcher.submit(one, generation) for one in requests]]
    batcher.close()
    together += [reply.together for reply in replies]
    return len(replies)


def _ceiling(
    network: TransformersNetwork, requests: Sequence[Prompt], generation: Generation, size: int
) -> tuple[int, Measured]:
    """Bare `generate` on batches of that size, or of half of it where these, not sorted by length, have no room."""
    while True:
        ready = _timed("all batches prepared", partial(_in_batches, network, requests, generation, size))
        with suppress(OutOfMemory):
            return size, _watched(network, partial(_bare, network, ready))
        size //= 2


def _in_batches(
    network: TransformersNetwork, requests: Sequence[Prompt], generation: Generation, size: int
) -> list[Ready]:
    batches = (requests[place : place + size] for place in range(0, len(requests), size))
    return [network.prepare(batch, generation) for batch in batches]


def _bare(network: TransformersNetwork, ready: Sequence[Ready]) -> int:
    return sum(len(network.generate(one)) for one in ready)


def _watched(network: TransformersNetwork, work: Callable[[], int]) -> Measured:
    with _driver(network) as readings:
        begun = time.monotonic()
        done = work()
        seconds = time.monotonic() - begun
    peak = 0
    if network.device == "cuda":
        import torch

        peak = torch.cuda.max_memory_reserved()
    busy = sum(readings) / len(readings) / 100 if readings else None
    return Measured(pace=done / seconds, busy=busy, peak=peak)


@contextmanager
def _driver(network: TransformersNetwork) -> Iterator[list[float]]:
    """What the driver says five times a second of how busy the first GPU is, in percent."""
    readings: list[float] = []
    if network.device != "cuda":
        yield readings
        return
    asked = ["nvidia-smi", "--id=0", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "200"]
    with subprocess.Popen(asked, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield readings
        finally:
            process.terminate()
            readings += [float(line) for line in process.communicate()[0].split() if line.strip().isdigit()]


def _timed(what: str, work: Callable[[], T]) -> T:
    begun = time.monotonic()
    result = work()
    print(f"{what} in {time.monotonic() - begun:.1f} s", flush=True)
    return result


def _tell(what: str, measured: Measured) -> None:
    busy = "" if measured.busy is None else f", GPU busy {100 * measured.busy:.0f} %"
    peak = f", {measured.peak / 1e9:.1f} GB at most" if measured.peak else ""
    print(f"{what}: {measured.pace:.2f} samples/s{busy}{peak}", flush=True)  # of what is cut short, so much is known


if __name__ == "__main__":
    main()
