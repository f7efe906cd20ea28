from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.engine.schedule import Deal, Dealing


class Refusal(Exception):
    pass


@dataclass(eq=False)
class Worker:
    """What xdist's controller has in place of a worker."""

    name: str = "gw0"
    queue: list[int] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    shutting_down: bool = False

    @property
    def gateway(self) -> SimpleNamespace:
        return SimpleNamespace(id=self.name)

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        self.queue += indices


def start(cases: int, workers: int, depth: int) -> tuple[Dealing, list[Worker]]:
    crew = [Worker(f"gw{number}") for number in range(workers)]
    dealing = Dealing(workers, depth, lambda node, indices: node.told.extend(indices), Refusal)  # type: ignore[attr-defined]
    for worker in crew:
        join(dealing, worker, cases)
    return dealing, crew


def join(dealing: Dealing, worker: Worker, cases: int) -> None:
    dealing.add_node(worker)
    dealing.add_node_collection(worker, [f"case {number}" for number in range(cases)])
    if dealing.collection_is_completed:
        dealing.schedule()


def run_one(dealing: Dealing, worker: Worker) -> int | None:
    """As a worker does: it runs a case only when it knows what comes next, or that nothing does."""
    if len(worker.queue) < 2 and not (worker.queue and dealing.tests_finished):
        return None
    case = worker.queue.pop(0)
    dealing.mark_test_complete(worker, case)
    return case


@given(st.integers(0, 300), st.integers(1, 5), st.integers(1, 60), st.randoms(), st.integers(0, 3))
def test_every_case_runs_once_whoever_dies(cases: int, workers: int, depth: int, random, deaths: int) -> None:  # type: ignore[no-untyped-def]
    dealing, crew = start(cases, workers, depth)
    done: list[int] = []
    while dealing.has_pending:
        if deaths and random.random() < 0.05:
            deaths -= 1
            dead = crew.pop(random.randrange(len(crew)))
            fatal = dealing.remove_node(dead)
            done += [] if fatal is None else [int(fatal.removeprefix("case "))]
            crew.append(Worker(f"gw{len(done) + 100}"))
            join(dealing, crew[-1], cases)
        ran = [run_one(dealing, worker) for worker in random.sample(crew, len(crew))]
        done += [case for case in ran if case is not None]
        moved = any(case is not None for case in ran)
        assert moved or not dealing.has_pending, "nobody waits for somebody who waits"
    assert sorted(done) == list(range(cases))
    assert dealing.tests_finished


@given(st.integers(1, 400), st.integers(1, 5), st.integers(2, 60))
def test_a_worker_knows_beforehand_what_it_gets_and_gets_no_more_than_its_depth(
    cases: int, workers: int, depth: int
) -> None:
    dealing, crew = start(cases, workers, depth)
    left = cases
    while dealing.has_pending:
        for worker in crew:
            assert len(worker.queue) <= max(2, depth)
            assert worker.told[len(worker.told) - len(worker.queue) :] == worker.queue
            left -= run_one(dealing, worker) is not None
            queues = [len(each.queue) for each in crew]
            assert dealing.tests_finished == (sum(queues) == left and max(queues) < 2)


def test_workers_are_kept_ahead_until_little_is_left() -> None:
    dealing, (one, other) = start(1000, 2, 100)
    shortest = 100
    for _ in range(400):
        run_one(dealing, one)
        run_one(dealing, other)
        shortest = min(shortest, len(one.queue), len(other.queue))
    assert shortest >= 74


def test_a_case_over_which_two_workers_die_is_named() -> None:
    dealing, (worker,) = start(10, 1, 4)
    assert dealing.remove_node(worker) is None
    second = Worker()
    join(dealing, second, 10)
    assert second.queue[0] == 0, "it is tried once more, at once"
    assert dealing.remove_node(second) == "case 0"
    third = Worker()
    join(dealing, third, 10)
    assert third.queue[0] == 1


def test_a_worker_that_was_removed_already_is_xdist_s_to_handle() -> None:
    dealing, (worker,) = start(3, 1, 4)
    dealing.remove_node(worker)
    with pytest.raises(KeyError):
        dealing.remove_node(worker)


def test_workers_with_other_cases_are_refused() -> None:
    dealing, _ = start(3, 1, 4)
    dealing.add_node(other := Worker())
    with pytest.raises(Refusal, match="different samples"):
        dealing.add_node_collection(other, ["case 0"])


@given(st.lists(st.lists(st.integers(0, 10**6))))
def test_what_is_told_is_heard_once(tmp_path_factory: pytest.TempPathFactory, parts: list[list[int]]) -> None:
    file = tmp_path_factory.mktemp("deal") / "gw0.cases"
    teller, hearer = Deal(file), Deal(file)
    assert hearer.hear() == []
    for part in parts:
        teller.tell(part)
        assert hearer.hear() == part
    assert hearer.hear() == []


def test_a_line_that_is_not_whole_yet_is_heard_later(tmp_path: Path) -> None:
    file = tmp_path / "gw0.cases"
    file.write_text("[1, 2]\n[3, ")
    deal = Deal(file)
    assert deal.hear() == [1, 2]
    file.write_text("[1, 2]\n[3, 4]\n")
    assert deal.hear() == [3, 4]


def test_no_case_is_dealt_before_all_workers_have_said_what_they_collected() -> None:
    dealing = Dealing(2, 4, lambda node, indices: None, Refusal)
    first, second = Worker("gw0"), Worker("gw1")
    join(dealing, first, 40)
    assert (dealing.collection_is_completed, first.queue) == (False, [])
    join(dealing, second, 40)
    assert (first.queue, second.queue) == ([0, 1, 2, 3], [4, 5, 6, 7])


def test_towards_the_end_each_worker_gets_its_share() -> None:
    _, crew = start(9, 3, 100)
    assert [len(worker.queue) for worker in crew] == [3, 2, 2]


def test_a_worker_that_is_ending_gets_nothing_and_a_repeated_case_comes_next() -> None:
    dealing, (worker,) = start(40, 1, 4)
    worker.shutting_down = True
    run_one(dealing, worker)
    dealing.mark_test_pending("case 0")
    assert worker.queue == [1, 2, 3]
    worker.shutting_down = False
    dealing.schedule()
    assert worker.queue == [1, 2, 3, 0]
