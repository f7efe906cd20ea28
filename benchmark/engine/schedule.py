"""Which xdist worker gets which case, and how it learns this in time to work ahead.

xdist tells a worker only one case beyond the one that it runs. A worker that keeps dozens of samples in flight must
know dozens, so the scheduler writes each of its decisions to a file that the worker reads.
"""

import json
from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

DEPTH = 4
"""Cases of a worker, in windows: while the others wait for one slow sample, samples behind them are processed."""

MOST_CRASHES = 2
"""A case on which this many workers have died is not run again."""


class Node(Protocol):
    """A worker, as xdist's controller represents it."""

    @property
    def gateway(self) -> Any:
        """The connection to its process; `gateway.id` is its name."""

    @property
    def shutting_down(self) -> bool:
        """Whether it takes no more cases."""

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        """Sends it cases to run, by their indexes in its collection."""


class Dealing:
    """An xdist scheduler that deals out cases in order, and keeps each worker `depth` cases ahead.

    It implements xdist's `Scheduling` protocol (pytest-xdist, xdist/scheduler/protocol.py). Each case is dealt,
    completed and, if its worker dies, dealt again in constant time.
    """

    def __init__(
        self, workers: int, depth: int, tell: Callable[[Node, Sequence[int]], None], refusal: type[Exception]
    ) -> None:
        """Expects `workers` workers.

        `tell` announces to a worker the cases that it will get; `refusal` is raised if the workers have collected
        different cases.
        """
        self._workers, self._depth, self._tell, self._refusal = workers, max(2, depth), tell, refusal
        self._collections: dict[Node, Sequence[str]] = {}
        self._dealt: dict[Node, dict[int, None]] = {}
        self._left: deque[int] = deque()
        self._collection: Sequence[str] | None = None
        self._crashes: Counter[int] = Counter()

    @property
    def nodes(self) -> list[Node]:
        """The workers."""
        return list(self._dealt)

    @property
    def collection_is_completed(self) -> bool:
        """Whether all workers have reported their collections."""
        return len(self._collections) >= self._workers

    @property
    def tests_finished(self) -> bool:
        """Whether workers may be asked to end; a worker starts its last case only then, or when it gets another."""
        return self._collection is not None and not self._left and all(len(has) < 2 for has in self._dealt.values())

    @property
    def has_pending(self) -> bool:
        """Whether cases are left, dealt or not."""
        return bool(self._left) or any(self._dealt.values())

    def add_node(self, node: Node) -> None:
        """Adds a worker, also as a replacement for a dead one."""
        self._dealt[node] = {}

    def add_node_collection(self, node: Node, collection: Sequence[str]) -> None:
        """Records the cases that the worker has collected.

        Raises:
            Exception: a `refusal`, if another worker has collected different cases.
        """
        known = self._collection or next(iter(self._collections.values()), collection)
        if list(collection) != list(known):
            raise self._refusal(
                "The workers have found different samples; the data may have just changed, so run the command again."
            )
        self._collections[node] = known  # one list for all, which saves memory

    def schedule(self) -> None:
        """Deals cases to all workers, at the start and whenever a worker has been added."""
        if self._collection is None:
            self._collection = next(iter(self._collections.values()))
            self._left.extend(range(len(self._collection)))
        for node in self._dealt:
            self._deal(node)

    def mark_test_complete(self, node: Node, item_index: int, duration: float = 0) -> None:  # noqa: ARG002  xdist's
        """Removes a case from the worker's list, and refills the list."""
        del self._dealt[node][item_index]
        self._deal(node)

    def mark_test_pending(self, item: str) -> None:
        """Deals a case once more, for plugins that repeat cases.

        Raises:
            ValueError: there is no such case.
        """
        self._left.appendleft((self._collection or []).index(item))
        self.schedule()

    def remove_pending_tests_from_node(self, node: Node, indices: Sequence[int]) -> None:
        """Never called: no case is taken back from a worker."""
        raise NotImplementedError

    def remove_node(self, node: Node) -> str | None:
        """Deals a dead worker's cases to the others; returns the case that killed it, if it is not to be run again."""
        self._collections.pop(node, None)
        dealt = list(self._dealt.pop(node))
        fatal = None
        if dealt:
            self._crashes[dealt[0]] += 1
            if self._crashes[dealt[0]] >= MOST_CRASHES and self._collection:
                fatal = self._collection[dealt.pop(0)]
        self._left.extendleft(reversed(dealt))
        for other in self._dealt:
            self._deal(other)
        return fatal

    def _deal(self, node: Node) -> None:
        """Fills the worker's list up to its depth; towards the end, only up to its share of the remaining cases."""
        has = self._dealt[node]
        if node.shutting_down or node not in self._collections or len(has) > self._depth * 3 // 4:
            return
        share = -(-len(self._left) // len(self._dealt))
        count = min(self._depth - len(has), max(share, 2 - len(has)), len(self._left))
        dealt = [self._left.popleft() for _ in range(count)]
        if dealt:
            has.update(dict.fromkeys(dealt))
            self._tell(node, dealt)
            node.send_runtest_some(dealt)


class Deal:
    """The file from which a worker learns which cases it will get."""

    def __init__(self, file: Path) -> None:
        self._file, self._read = file, 0

    def tell(self, indices: Sequence[int]) -> None:
        """Adds cases, by their indexes.

        Raises:
            OSError: the file cannot be written.
        """
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(list(indices)) + "\n")

    def hear(self) -> list[int]:
        """The cases that were added since the last call."""
        try:
            with self._file.open("rb") as file:
                file.seek(self._read)
                whole = file.read().rpartition(b"\n")[0]
        except FileNotFoundError:
            return []
        self._read += len(whole) + bool(whole)
        return [index for line in whole.splitlines() for index in json.loads(line)]
