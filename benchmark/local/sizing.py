"""The size of batches, measured on the requests of the run, so that nothing is computed twice."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.local.settings import MAX_NEW_TOKENS

MOST = 256
"""The most requests in a batch."""

WORTH_IT = 1.1
"""A batch of twice the size is kept if it generates at least this many times as many tokens per second."""

DOUBTS = 2
"""How many batches must be too slow before the size is halved: one may be slow for another reason."""

MARGIN = 1.15
"""A batch may take this many times the memory that earlier batches took for their size."""

LESS = 0.6
"""After a batch that did not fit, this share of its load is tried."""


@dataclass(slots=True, kw_only=True)
class Sizer:
    """Doubles the size of batches while that is faster and memory allows; for requests of comparable speed.

    Attributes:
        fixed: the size that the user has set; None to measure it.
        steps: the most tokens that a reply may have.
        size: the current number of requests in a batch.
        room: bytes of memory that a batch may take; None if unknown.
        seconds: how long the last batch took.
    """

    fixed: int | None = None
    steps: int = MAX_NEW_TOKENS
    size: int = 1
    room: int | None = None
    seconds: float = 0.0
    _settled: bool = False
    _pace: float = 0.0
    _doubts: int = 0
    _tokens_a_weight: float = 1.0
    _bytes_a_token: float = 0.0
    _most_load: float = float("inf")

    def __post_init__(self) -> None:
        """Starts with the user's size, if there is one."""
        if self.fixed is not None:
            self.size, self._settled = self.fixed, True

    def fits(self, count: int, weight: float) -> bool:
        """Whether `count` requests, the longest of that weight, should fit into memory, judged by earlier batches."""
        if count * weight > self._most_load:
            return False
        if self.room is None or not self._bytes_a_token:
            return True
        tokens = count * (weight * self._tokens_a_weight + self.steps)
        return tokens * self._bytes_a_token * MARGIN <= self.room

    def measured(self, weight: float, length: int, counts: Sequence[int], seconds: float, peak: int | None) -> None:
        """Learns from a generated batch.

        Args:
            weight: of the longest request; see `weight_of`.
            length: tokens in each prompt, padding included.
            counts: tokens of each reply, without padding.
            seconds: the time that the device spent on it.
            peak: its peak memory in bytes; None if unknown.
        """
        self.seconds = seconds
        self._tokens_a_weight = max(length / weight, 0.9 * self._tokens_a_weight)
        if peak:
            taken = peak / (len(counts) * (length + max(counts)))
            self._bytes_a_token = max(taken, 0.9 * self._bytes_a_token)
        if not self._settled and len(counts) >= self.size:
            self._grow(sum(counts) / max(seconds, 1e-9))

    def too_many(self, count: int, weight: float) -> None:
        """Learns that `count` requests, the longest of that weight, did not fit into memory.

        A small batch of long requests does not show how many short ones fit, so only a larger one lowers the size.
        """
        self._most_load = min(self._most_load, LESS * count * weight)
        if count > self.size // 2:
            self.size, self._settled = max(1, count // 2), True

    def _grow(self, pace: float) -> None:
        """Doubles the size if the last doubling was faster; halves it for good after `DOUBTS` slow batches."""
        if pace < WORTH_IT * self._pace:
            self._doubts += 1
            if self._doubts == DOUBTS:
                self.size, self._settled = max(1, self.size // 2), True
        elif 2 * self.size > MOST:
            self._settled = True
        else:
            self._pace, self.size, self._doubts = pace, 2 * self.size, 0
