"""A whole run as a queueing network, simulated event by event beside the formula of docs/scaling.md.

python -m tests.performance.pipeline

The formula says that a run takes as long as its slowest stage is busy. The simulation knows what that leaves out: how
stages fill and empty, batches that are not full, replies that take unlike long, and the window of samples on their way.
"""

import heapq
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from benchmark.models.local import HEADROOM, WAITING

GPU_PACE, BATCH = 2.0, 8
"""Samples a second of one GPU, and requests in its batches; assumed."""

WINDOW, LATENCY_SECONDS = 256, 2.0
"""Requests in flight to an API, and how long a reply takes."""

DRIVER_SECONDS, REQUESTS = 0.0095, 3
"""Of Python for a sample with so many requests (docs/scaling.md)."""

DECODE_SECONDS, CORES = 0.108, 16
"""Of a processor to decode a clip (docs/scaling.md)."""

SIZES = ((6500, 8), (65_000, 8), (65_000, 32), (65_000, 64), (650_000, 32), (650_000, 64))
"""Samples and GPUs."""


@dataclass(slots=True, kw_only=True, eq=False)
class Stage:
    """A line before servers of one kind; what is furthest on its way goes first.

    Attributes:
        servers: how many work side by side.
        seconds: how long one takes on average; for a batch that is not full as long as for a full one.
        spread: standard deviation of the time's logarithm.
        batch: how many samples it takes at once at most.
    """

    name: str
    servers: int
    seconds: float
    spread: float = 0.0
    batch: int = 1
    line: list[tuple[int, int]] = field(default_factory=list)
    busy: int = 0


def simulate(samples: int, route: Sequence[Stage], window: int, seed: int = 0) -> float:
    """Seconds until so many samples have passed all stages of the route, `window` of them on their way at once."""
    chance, order, now, done, begun = random.Random(seed), count(), 0.0, 0, min(samples, window)
    events: list[tuple[float, int, Stage, list[tuple[int, int]]]] = []

    def serve(stage: Stage) -> None:
        while stage.line and stage.busy < stage.servers:
            taken = [heapq.heappop(stage.line) for _ in range(min(stage.batch, len(stage.line)))]
            took = stage.seconds * chance.lognormvariate(-(stage.spread**2) / 2, stage.spread)
            stage.busy += 1
            heapq.heappush(events, (now + took, next(order), stage, taken))

    for sample in range(begun):
        heapq.heappush(route[0].line, (0, sample))
    serve(route[0])
    while events:
        now, _, stage, taken = heapq.heappop(events)
        stage.busy -= 1
        touched = [stage]
        for minus_place, sample in taken:
            passing, place = sample, 1 - minus_place
            if place == len(route):
                done += 1
                if begun == samples:
                    continue
                passing, place, begun = begun, 0, begun + 1
            heapq.heappush(route[place].line, (-place, passing))
            touched.append(route[place])
        for one in touched:
            serve(one)
    assert done == samples
    return now


def formula(samples: int, route: Sequence[Stage]) -> tuple[float, str]:
    """Seconds for which the slowest stage is busy, and which that is."""
    visits = Counter(stage.name for stage in route)
    busy = {stage.name: visits[stage.name] * stage.seconds / (stage.servers * stage.batch) for stage in route}
    slowest = max(busy, key=lambda name: busy[name])
    return samples * busy[slowest], slowest


def on_gpus(gpus: int) -> list[Stage]:
    """What a sample passes where the model is on so many GPUs, and extractor and judge are behind an API."""
    driver, api = _driver(), _api()
    network = Stage(name="GPUs", servers=gpus, seconds=BATCH / GPU_PACE, spread=0.15, batch=BATCH)
    decoders = Stage(name="decoding", servers=CORES, seconds=DECODE_SECONDS, spread=0.15)
    return [decoders, driver, network, driver, api, driver, api]


def behind_an_api(spread: float) -> list[Stage]:
    """What a sample passes where the model is behind an API too, and its frames are kept."""
    driver, api = _driver(), _api(spread)
    return [driver, api] * REQUESTS


def _driver() -> Stage:
    return Stage(name="driver", servers=1, seconds=DRIVER_SECONDS / REQUESTS)


def _api(spread: float = 0.3) -> Stage:
    return Stage(name="API", servers=WINDOW, seconds=LATENCY_SECONDS, spread=spread)


def rows() -> Iterator[tuple[str, float, float, str]]:
    """For each size: what it is, seconds simulated, seconds by the formula, the slowest stage."""
    for spread in (0.0, 0.3):
        route = behind_an_api(spread)
        yield f"2,000 samples behind an API, spread {spread}", simulate(2000, route, WINDOW), *formula(2000, route)
    for samples, gpus in SIZES:
        route = on_gpus(gpus)
        took = simulate(samples, route, HEADROOM * WAITING * gpus + WINDOW)
        yield f"{samples:,} samples, {gpus} GPUs", took, *formula(samples, route)


def main() -> None:
    """Prints the table as Markdown, row by row."""
    print("| run | slowest | formula | simulated | ratio |\n|---|---|---:|---:|---:|")
    for what, took, expected, slowest in rows():
        print(f"| {what} | {slowest} | {expected:,.0f} s | {took:,.0f} s | {took / expected:.2f} |", flush=True)


if __name__ == "__main__":
    main()
