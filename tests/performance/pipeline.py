"""A whole run as a queueing network, simulated event by event beside the formula of docs/scaling.md.

python -m tests.performance.pipeline 65000 32       so many samples, with so many GPUs
python -m tests.performance pipeline                the sizes of docs/scaling.md

The formula says that a run takes as long as its slowest stage is busy. The simulation knows what that leaves out: how
stages fill and empty, batches that wait until they are full, services that take unlike long, and the window of samples
that are begun.
"""

import heapq
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from benchmark.models.local import HEADROOM, WAITING

GPU_PACE, BATCH = 2.0, 8
"""Samples a second of one GPU, and requests in its batches; assumed."""

WINDOW, LATENCY_SECONDS = 256, 2.0
"""Requests in flight to extractor and judge, and how long a reply takes."""

DRIVER_SECONDS, DECODE_SECONDS, CORES = 0.0095, 0.108, 16
"""Of Python for a sample with three requests, and of a processor to decode its clip (docs/scaling.md)."""

REQUESTS = 3
SIZES = ((6500, 8), (65_000, 8), (65_000, 32), (65_000, 64), (650_000, 32))
"""Samples and GPUs."""

Row = tuple[str, str, str]


@dataclass(slots=True, kw_only=True)
class Stage:
    """A line before servers of one kind; what is furthest on its way goes first.

    Attributes:
        servers: how many work side by side.
        seconds: how long one takes for a batch of that size.
        batch: how many samples it takes at once at most.
    """

    servers: int
    seconds: Callable[[int], float]
    batch: int = 1
    line: list[tuple[int, int]] = field(default_factory=list)
    busy: int = 0


def simulate(samples: int, route: Sequence[Stage], window: int) -> float:
    """Seconds until so many samples have passed all stages of the route, `window` of them on their way at once."""
    events: list[tuple[float, int, Stage, list[tuple[int, int]]]] = []
    order, now, done, begun = count(), 0.0, 0, min(samples, window)

    def serve(stage: Stage) -> None:
        while stage.line and stage.busy < stage.servers:
            taken = [heapq.heappop(stage.line) for _ in range(min(stage.batch, len(stage.line)))]
            stage.busy += 1
            heapq.heappush(events, (now + stage.seconds(len(taken)), next(order), stage, taken))

    def enter(sample: int, place: int) -> None:
        heapq.heappush(route[place].line, (-place, sample))

    for sample in range(begun):
        enter(sample, 0)
    serve(route[0])
    while events:
        now, _, stage, taken = heapq.heappop(events)
        stage.busy -= 1
        touched = [stage]
        for minus_place, sample in taken:
            place = 1 - minus_place
            if place == len(route):
                done += 1
                if begun == samples:
                    continue
                sample, place, begun = begun, 0, begun + 1
            enter(sample, place)
            touched.append(route[place])
        for one in touched:
            serve(one)
    assert done == samples
    return now


def route_of(gpus: int, cores: int = CORES, seed: int = 0) -> list[Stage]:
    """What a sample passes: decoding, the driver before each request, a GPU, and twice the agents' API.

    Replies of the API vary by 30 %, batches by 15 %: they end with their longest answer.
    """
    chance = random.Random(seed)
    driver = Stage(servers=1, seconds=lambda _: DRIVER_SECONDS / REQUESTS)
    decoders = Stage(servers=cores, seconds=lambda _: DECODE_SECONDS * chance.uniform(0.7, 1.3))
    # a batch that is not full takes as long: each step reads all weights
    network = Stage(servers=gpus, seconds=lambda _: BATCH / GPU_PACE * chance.lognormvariate(-0.011, 0.15), batch=BATCH)
    agents = Stage(servers=WINDOW, seconds=lambda _: LATENCY_SECONDS * chance.lognormvariate(-0.043, 0.3))
    return [decoders, driver, network, driver, agents, driver, agents]


def formula(samples: int, gpus: int, cores: int = CORES) -> tuple[float, str]:
    """Seconds by the slowest stage, and which that is."""
    paces = {
        "GPUs": gpus * GPU_PACE,
        "extractor and judge": WINDOW / ((REQUESTS - 1) * LATENCY_SECONDS),
        "driver": 1 / DRIVER_SECONDS,
        "decoding": cores / DECODE_SECONDS,
    }
    slowest = min(paces, key=lambda name: paces[name])
    return samples / paces[slowest], slowest


def pipeline(sizes: Sequence[tuple[int, int]] = SIZES) -> Iterator[Row]:
    """A row for each size."""
    for samples, gpus in sizes:
        expected, slowest = formula(samples, gpus)
        took = simulate(samples, route_of(gpus), HEADROOM * WAITING * gpus + WINDOW)
        what = f"{samples:,} samples, {gpus} GPUs, slowest are {slowest}: minutes simulated; by the formula; ratio"
        yield what, f"{took / 60:.1f}; {expected / 60:.1f}; {took / expected:.2f}", ""


def main() -> None:
    """Prints the rows as they come."""
    given = tuple(map(int, sys.argv[1:]))
    for row in pipeline(((given[0], given[1]),) if given else SIZES):
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
