from collections import Counter
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.clip import Clip
from benchmark.data.selection import parse_shard, select, spread_out
from benchmark.errors import RunError
from benchmark.task import Sample
from tests.tasks import TASKS

LABELS = ("joy", "anger", "fear")


def sample(number: int, task: str, label: str) -> Sample:
    return Sample(
        id=f"{task}/{number}",
        task=TASKS[task],
        clip=Clip(Path("absent.mp4")),
        label_set=LABELS,
        targets=(label,),
        source="own",
        recording="own",
        video_id=f"{number}.mp4",
    )


def made(tasks: list[tuple[str, str]]) -> tuple[Sample, ...]:
    return tuple(sample(number, task, label) for number, (task, label) in enumerate(tasks))


datasets = st.lists(
    st.tuples(st.sampled_from(["ER-Lab", "SA", "IR"]), st.sampled_from(LABELS)), min_size=1, max_size=60
)


@given(datasets, st.integers(1, 70), st.integers(0, 20), st.randoms(use_true_random=False))
def test_limit_is_nested_stable_and_in_the_datas_order(
    tasks: list[tuple[str, str]], limit: int, more: int, random: Random
) -> None:
    samples = made(tasks)
    chosen = select(samples, limit=limit)
    shuffled = list(samples)
    random.shuffle(shuffled)

    assert len(chosen) == min(limit, len(samples))
    assert list(chosen) == [one for one in samples if one in chosen]
    assert set(chosen) <= set(select(samples, limit=limit + more))
    assert set(chosen) == set(select(shuffled, limit=limit))


@given(datasets, st.integers(3, 70))
def test_limit_takes_of_each_task_its_proportion(tasks: list[tuple[str, str]], limit: int) -> None:
    samples = made(tasks)
    chosen = Counter(one.task.name for one in select(samples, limit=limit))
    sizes = Counter(one.task.name for one in samples)

    for task, size in sizes.items():
        assert chosen[task] >= 1
        assert abs(chosen[task] - min(limit, len(samples)) * size / len(samples)) <= len(sizes)


def test_limit_takes_of_each_label_its_proportion() -> None:
    samples = made([("ER-Lab", "joy")] * 60 + [("ER-Lab", "anger")] * 30 + [("ER-Lab", "fear")] * 10)

    for limit in (10, 20, 50):
        chosen = Counter(one.targets[0] for one in select(samples, limit=limit))
        assert chosen == {
            "joy": pytest.approx(limit * 0.6, abs=1),
            "anger": pytest.approx(limit * 0.3, abs=1),
            "fear": pytest.approx(limit * 0.1, abs=1),
        }


def test_the_choice_is_the_same_on_every_machine() -> None:
    samples = made([(task, label) for task in TASKS for label in LABELS for _ in range(4)])

    assert " ".join(one.id for one in select(samples, limit=8)) == (
        "ER-Lab/9 ER-Wild/18 Noise-ER/33 FG-ER/38 ML-ER/53 SA/69 FG-SA/79 IR/92"
    )
    uneven = made([("SA", label) for label, count in zip(LABELS, (9, 5, 2), strict=True) for _ in range(count)])
    assert " ".join(one.id.removeprefix("SA/") for one in spread_out(uneven, "seed")) == (
        "7 13 0 15 6 9 3 5 10 8 14 11 4 1 12 2"
    )


@given(datasets, st.integers(1, 9))
def test_shards_are_disjoint_and_cover_all(tasks: list[tuple[str, str]], parts: int) -> None:
    samples = made(tasks)
    shards = [select(samples, shard=(part, parts)) for part in range(1, min(parts, len(samples)) + 1)]

    assert sorted(one.id for shard in shards for one in shard) == sorted(one.id for one in samples)
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


@given(st.lists(st.integers(0, 12), min_size=1, max_size=40), st.integers(1, 40), st.integers(1, 5))
def test_groups_stay_whole(groups: list[int], limit: int, parts: int) -> None:
    """Number 0 stands for no group."""
    samples = tuple(
        replace(sample(number, "SA", LABELS[number % 3]), group=f"g{group}" if group else None)
        for number, group in enumerate(groups)
    )

    def whole(chosen: tuple[Sample, ...]) -> bool:
        sizes, found = (Counter(one.group for one in some if one.group) for some in (samples, chosen))
        return all(sizes[name] == count for name, count in found.items())

    limited = select(samples, limit=limit)
    assert 0 < len(limited) <= limit
    assert whole(limited) or len({one.group for one in limited}) == 1  # the first group alone may be too large
    assert set(limited) <= set(select(samples, limit=limit + 1))
    units = len(set(groups) - {0}) + groups.count(0)
    shards = [select(samples, shard=(part, parts)) for part in range(1, min(parts, units) + 1)]
    assert all(map(whole, shards))
    assert sorted(one.id for shard in shards for one in shard) == sorted(one.id for one in samples)
    order = [one.group for one in spread_out(samples) if one.group]
    assert len([name for name, _ in groupby(order)]) == len(set(order))


def test_tasks_are_named_however_they_are_spelt() -> None:
    samples = made([("ER-Lab", "joy"), ("SA", "fear"), ("IR", "joy")])

    assert [one.task.name for one in select(samples, tasks=("er_lab", "IR"))] == ["ER-Lab", "IR"]


def test_limit_and_shard_work_on_the_tasks_asked_for() -> None:
    samples = made([("ER-Lab", "joy")] * 10 + [("SA", "fear")] * 10)
    shards = [select(samples, tasks=("SA",), limit=4, shard=(part, 2)) for part in (1, 2)]

    assert [len(shard) for shard in shards] == [2, 2]
    assert {one.task.name for shard in shards for one in shard} == {"SA"}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"tasks": ("ER-Moon",)}, "--tasks: unknown task ER-Moon. The tasks are ER-Lab, ER-Wild,"),
        ({"tasks": ("ER-Lab", "IR")}, "--tasks=IR selects no sample"),
        ({"limit": 0}, "--limit must be at least 1, got 0"),
        ({"shard": (3, 3)}, "--shard=3/3 selects no sample: only 2 are selected"),
    ],
)
def test_an_empty_selection_says_why(asked: dict[str, object], said: str) -> None:
    with pytest.raises(RunError, match=said):
        select(made([("ER-Lab", "joy"), ("SA", "fear")]), **asked)  # type: ignore[arg-type]


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_a_shard_is_read_back(part: int, parts: int) -> None:
    if part <= parts:
        assert parse_shard(f" {part}/{parts} ") == parse_shard(f"{part}/{parts}") == (part, parts)
    else:
        with pytest.raises(RunError, match="K from 1 to N"):
            parse_shard(f"{part}/{parts}")


@pytest.mark.parametrize("text", ["", "2", "0/5", "1/1234567890", "6/5", "1/0", "a/b", "1/2/3", "-1/2", "1.5/2", "²/5"])
def test_a_malformed_shard_is_refused(text: str) -> None:
    with pytest.raises(RunError, match="--shard must be K/N"):
        parse_shard(text)


def test_another_seed_makes_another_order_of_the_same_samples() -> None:
    samples = made([("SA", "joy")] * 30)
    one, same, other = (spread_out(samples, seed) for seed in ("october", "october", "november"))
    assert one == same != other
    assert set(one) == set(other) == set(samples)
