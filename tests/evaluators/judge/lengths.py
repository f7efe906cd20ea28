"""How long work takes with a text that grows."""

import time
from collections.abc import Callable

SHORTEST_SECONDS = 0.005
"""Work that takes less is counted as this much, for what a clock is worth."""


def assert_in_proportion(work: Callable[[int], object], size: int) -> None:
    """Eight times the size takes about eight times the time, and not 64 times, as what grows with its square does."""

    def seconds(much: int) -> float:
        start = time.process_time()
        work(much)
        return time.process_time() - start

    assert seconds(8 * size) < 40 * max(min(seconds(size) for _ in range(3)), SHORTEST_SECONDS)
