"""Which xdist worker gets which case, and how it learns of that in time to run ahead.

xdist tells a worker one case more than the one it runs. A worker that shall keep dozens of samples in flight must know
dozens, so the scheduler writes each of its decisions to a file that the worker reads.
"""

import json
from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

DEPTH = 4
"""Cases that a worker has been given, in windows: while one slow sample keeps the rest waiting, others go on behind."""

MOST_CRASHES = 2
"""When so many workers have died over the same case, it is what kills them."""


class Node(Protocol):
    """A worker as xdist's controller sees it."""

    @property
    def gateway(self) -> Any:
        """The process; `gateway.id` is its name."""

    @property
    def shutting_down(self) -> bool:
        """Whether it takes no more cases."""

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        """Gives it cases to run, by their place in its collection."""


class Dealing:
    """An xdist scheduler: deals cases out in order, and keeps each worker `depth` cases ahead.

    It has the members that xdist's `Scheduling` protocol names (pytest-xdist, xdist/scheduler/protocol.py). Each case
    is dealt, completed and, where its worker dies, dealt again in constant time.
    """

    def __init__(
        self, workers: int, depth: int, tell: Callable[[Node, Sequence[int]], None], refusal: type[Exception]
    ) -> None:
        """Waits for so many workers.

        `tell` lets a worker know, beforehand, what it is going to be given; a `refusal` is raised where the workers
        have collected different cases.
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
        """Whether all workers have said what they collected."""
        return len(self._collections) >= self._workers

    @property
    def tests_finished(self) -> bool:
        """Whether workers may be told to end; a worker starts its last case only then, or when it gets another."""
        return self._collection is not None and not self._left and all(len(has) < 2 for has in self._dealt.values())

    @property
    def has_pending(self) -> bool:
        """Whether cases are left, dealt or not."""
        return bool(self._left) or any(self._dealt.values())

    def add_node(self, node: Node) -> None:
        """Takes up a worker, or one in place of a dead one."""
        self._dealt[node] = {}

    def add_node_collection(self, node: Node, collection: Sequence[str]) -> None:
        """Takes down what the worker has collected."""
        known = self._collection or next(iter(self._collections.values()), collection)
        if list(collection) != list(known):
            raise self._refusal("The workers have found different samples; was the data changed a moment ago?")
        self._collections[node] = known  # one list for all: the others can be forgotten

    def schedule(self) -> None:
        """Deals to all workers, at the start and whenever one has been added."""
        if self._collection is None:
            self._collection = next(iter(self._collections.values()))
            self._left.extend(range(len(self._collection)))
        for node in self._dealt:
            self._deal(node)

    def mark_test_complete(self, node: Node, item_index: int, duration: float = 0) -> None:  # noqa: ARG002  xdist's
        """Takes a case off the worker's list, and fills that up again."""
        del self._dealt[node][item_index]
        self._deal(node)

    def mark_test_pending(self, item: str) -> None:
        """Deals a case once more, as plugins that repeat cases ask for.

        Raises:
            ValueError: there is no such case.
        """
        self._left.appendleft((self._collection or []).index(item))
        for node in self._dealt:
            self._deal(node)

    def remove_pending_tests_from_node(self, node: Node, indices: Sequence[int]) -> None:
        """Never happens: no case is taken back from a worker."""
        raise NotImplementedError

    def remove_node(self, node: Node) -> str | None:
        """Deals a dead worker's cases to the others; returns the case over which a second worker has died."""
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
        """Fills the worker's list up to its depth; towards the end only to its fair share of what is left."""
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
    """The file through which one worker learns what it is going to be given."""

    def __init__(self, file: Path) -> None:
        """Nothing is read or written yet."""
        self._file, self._read = file, 0

    def tell(self, indices: Sequence[int]) -> None:
        """Adds a line."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(list(indices)) + "\n")

    def hear(self) -> list[int]:
        """What has been added since it was last asked."""
        try:
            with self._file.open("rb") as file:
                file.seek(self._read)
                whole = file.read().rpartition(b"\n")[0]
        except FileNotFoundError:
            return []
        self._read += len(whole) + bool(whole)
        return [index for line in whole.splitlines() for index in json.loads(line)]
