"""What grows with the number of samples, measured at sizes ten times apart, and whether it grows in proportion.

python -m tests.performance scale                     all parts, at all sizes: an hour, 16 GB of memory, 20 GB of disk
python -m tests.performance.scale 65000 deal merge    up to so many samples, of these parts

The model of each figure is a straight line, of a fixed part and a part for each sample, through two sizes; what is
already a share of a sample is to stay as it is. What the model says of the next size stands beside what was measured
there. `docs/scaling.md` is what came of it.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.performance.cluster import cluster
from tests.performance.harness import process

SIZES = (650, 6500, 65_000, 650_000)
"""The first is for the line alone."""

TIMES = {650: 3, 6500: 3, 65_000: 2}
"""How often a part is measured; the least counts. What takes minutes is measured once."""

PARTS: Mapping[str, int] = {
    "collect": 650_000,
    "deal": 650_000,
    "replies": 650_000,
    "media": 650_000,
    "words": 65_000,
    "shards": 650_000,
    "merge": 650_000,
    "records": 650_000,
    "gate": 650_000,
    "page": 650_000,
    "view": 650_000,
    "run": 65_000,
    "asked": 6500,
}
"""Up to how many samples each is measured, in this order: some read what others have left."""

NEEDED = {
    "merge": {"shards"},
    "records": {"shards", "merge"},
    "gate": {"shards", "merge"},
    "page": {"shards", "merge"},
    "view": {"shards", "merge"},
}
"""What must have been there before: a part reads what these leave."""

EACH = ("us", "bytes", "times", "share")
"""Units of figures that are of one sample."""

Row = tuple[str, str, str]
Taken = Mapping[str, float]


def scale() -> Iterator[Row]:
    """All parts, and what grows with GPUs."""
    yield from measured(SIZES[-1], tuple(PARTS))
    yield from cluster()


def measured(most: int, parts: Sequence[str]) -> Iterator[Row]:
    """A row for each figure of these parts and each size: what, what came out, what the line through two sizes said."""
    wanted = set(parts).union(*(NEEDED.get(part, set()) for part in parts))
    found: dict[str, dict[int, Taken]] = {part: {} for part in PARTS if part in wanted}
    with tempfile.TemporaryDirectory(prefix="mme-scale-") as name:
        for samples in (size for size in SIZES if size <= most):
            folder = Path(name) / str(samples)
            folder.mkdir()
            for part in (part for part in found if samples <= PARTS[part]):
                found[part][samples] = _least(part, samples, folder)
                yield from _rows(part, found[part], samples)
            shutil.rmtree(folder)


def _least(part: str, samples: int, folder: Path) -> Taken:
    """The least of each figure: what else goes on in the machine only adds."""
    command = [sys.executable, "-m", "tests.performance.parts", part, str(samples), str(folder)]
    times = 1 if part == "shards" else TIMES.get(samples, 1)
    runs = [json.loads(process(command).output.splitlines()[-1]) for _ in range(times)]
    return {what: min(run[what] for run in runs) for what in runs[0]}


def _rows(part: str, found: Mapping[int, Taken], samples: int) -> Iterator[Row]:
    for what, value in found[samples].items():
        points = [(size, taken[what]) for size, taken in found.items()]
        said = predicted(points[:-1], samples, each=what.startswith(EACH))
        told = "" if said is None or said <= 0 else f"{said:,.4g} (× {value / said:.2f})"
        yield f"{part}, {samples:,}: {what}", f"{value:,.4g}", told


def predicted(points: Sequence[tuple[int, float]], size: int, *, each: bool) -> float | None:
    """What the model through the last two of these points says of another size; None where they are too few."""
    if len(points) < 2:
        return None
    (one, low), (two, high) = points[-2:]
    return high if each else low + (high - low) * (size - one) / (two - one)


def main() -> None:
    """Prints the rows as they come."""
    most, *parts = sys.argv[1:]
    for row in measured(int(most), parts or tuple(PARTS)):
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
