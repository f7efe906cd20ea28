"""Selects the samples of a run."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from benchmark.errors import RunError
from benchmark.suite import Suite, find_suite, is_within
from benchmark.task import Sample, Task

SEED = "mme-emotion"
"""Selects other samples if changed. Hashes replace a random generator because they are the same in every Python."""


def parse_shard(text: str) -> tuple[int, int]:
    """(2, 5) for `"2/5"`: the second of five equal parts.

    Raises:
        RunError: the text is not K/N with K from 1 to N.
    """
    parts = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text.strip())
    if parts is None or not 1 <= int(parts[1]) <= int(parts[2]):
        raise RunError(f"--shard must be K/N with K from 1 to N, for example 2/5, got {text}.")
    return int(parts[1]), int(parts[2])


def select(
    samples: Sequence[Sample],
    tasks: Sequence[str] = (),
    limit: int | None = None,
    shard: tuple[int, int] | None = None,
    suite: Suite | None = None,
) -> tuple[Sample, ...]:
    """The samples of the tasks, at most `limit` of them, and for shard (K, N) every N-th of these; in the data's order.

    The limit takes from each task in proportion to its size, and within a task from each label. It always takes the
    same samples, whatever their order, and a larger limit adds samples to those of a smaller one. Samples of one group
    stay together: the limit leaves out a group that it would cut, unless that is the first one, and a shard takes every
    N-th group. Of several suites, each has `limit` samples, the same ones as in a run of it alone.

    Raises:
        RunError: a task is unknown or has no sample, the limit is below 1, or no sample is left.
    """
    suite = suite or find_suite()
    chosen = _of_tasks(samples, tasks, suite)
    if limit is not None:
        if limit < 1:
            raise RunError(f"--limit must be at least 1, got {limit}.")
        members = [[sample for sample in chosen if is_within(place, sample.task.name)] for place in suite.places]
        kept = {sample.id for of_suite in members for sample in _cut(spread_out(of_suite), limit)}
        chosen = tuple(sample for sample in chosen if sample.id in kept)
    if shard is not None:
        part, parts = shard
        units = _units(chosen)
        if len(units) < part:
            raise RunError(
                f"--shard={part}/{parts} selects no sample: only {len(chosen)} are selected; use fewer shards."
            )
        kept = {sample.id for unit in units[part - 1 :: parts] for sample in unit}
        chosen = tuple(sample for sample in chosen if sample.id in kept)
    return chosen


def _units(samples: Iterable[Sample]) -> list[list[Sample]]:
    """The samples by group, in the order of each group's first; a sample without a group is one of its own."""
    found: dict[tuple[str, str], list[Sample]] = {}
    for sample in samples:
        found.setdefault(("", sample.id) if sample.group is None else ("group", sample.group), []).append(sample)
    return list(found.values())


def _cut(samples: Sequence[Sample], limit: int) -> Iterator[Sample]:
    """At most `limit` of the samples, which are in order of their groups, without a part of a group."""
    taken = 0
    for unit in _units(samples):
        if taken and taken + len(unit) > limit:
            return
        yield from unit[: limit - taken]
        taken += len(unit)
        if taken >= limit:
            return


def _of_tasks(samples: Sequence[Sample], names: Sequence[str], suite: Suite) -> tuple[Sample, ...]:
    wanted: set[Task] = set()
    for name in names:
        if (found := suite.task_named(name)) is None:
            hint = suite.hint(name)
            raise RunError(f"--tasks: unknown task {name}{hint or '.'} The tasks are {', '.join(suite.tasks)}.")
        wanted.add(found)
    for task in wanted - {sample.task for sample in samples}:
        raise RunError(f"--tasks={task.name} selects no sample: the data has no sample of that task.")
    return tuple(sample for sample in samples if not wanted or sample.task in wanted)


def spread_out(samples: Sequence[Sample], seed: str = SEED) -> list[Sample]:
    """The samples in a random order that depends only on the seed, such that its first N represent all for any N.

    They contain the tasks, and within each task the labels, in about their proportions. Samples of a group follow the
    first of them.
    """
    by_task: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_task[sample.task.name].append(sample)
    keyed = [
        (rank / len(members), sample.task.place, sample.id, sample)
        for name, members in by_task.items()
        for rank, sample in enumerate(_spread(members, seed))
    ]
    placed = sorted(keyed, key=lambda place: place[:3])
    return [sample for unit in _units(sample for *_, sample in placed) for sample in unit]


def _spread(samples: Sequence[Sample], seed: str) -> list[Sample]:
    """One task's samples in an order whose first N contain the labels in about their proportions for any N.

    Each label's samples are shuffled and placed evenly over [0, 1), with a random start for each label.
    """
    by_label: dict[tuple[str, ...], list[Sample]] = defaultdict(list)
    for sample in samples:
        by_label[sample.task.kind_of(sample.targets)].append(sample)
    placed: list[tuple[float, str, Sample]] = []
    for targets, members in by_label.items():
        start = _fraction("\n".join((members[0].task.own_name, *targets)), seed)
        members.sort(key=lambda sample: (_fraction(sample.own_id, seed), sample.id))
        placed += (((index + start) / len(members), sample.id, sample) for index, sample in enumerate(members))
    return [sample for _, _, sample in sorted(placed, key=lambda place: place[:2])]


def _fraction(text: str, seed: str) -> float:
    """A pseudo-random number in [0, 1) that depends only on the text and the seed."""
    digest = hashlib.sha256(f"{seed}\n{text}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
