"""How many requests go into a batch: measured on the run's own requests, so that nothing is computed twice."""

from dataclasses import dataclass

from benchmark.local.settings import MAX_NEW_TOKENS

MOST = 256
WORTH_IT = 1.1
"""A batch of twice the size must generate so much faster to be taken."""

DOUBTS = 2
"""How many batches must say that it did not pay: one may have been slow for other reasons."""

MARGIN = 1.15
"""By how much a batch's memory may turn out larger than what earlier ones took for their size."""

LESS = 0.6
"""Of what was too much, what is tried next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What a batch was, and what it took.

    Attributes:
        count: requests in it.
        weight: of the longest of them; see `weight_of`.
        length: tokens of each row, with padding.
        steps: tokens generated in each row, with padding.
        tokens: tokens of all answers, without padding.
        seconds: for which the device was busy with it.
        peak: bytes that it took at most; None where nobody can say.
    """

    count: int
    weight: float
    length: int
    steps: int
    tokens: int
    seconds: float
    peak: int | None


@dataclass(slots=True, kw_only=True)
class Sizer:
    """Doubles the batch as long as that pays and memory allows; for requests of one kind, whose paces compare.

    Attributes:
        fixed: the size that the user has set; None to measure.
        steps: tokens that an answer may take at most.
        size: requests in a batch now.
        room: bytes that a batch may take; None where nobody can say.
        seconds: what the last batch took.
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
        """Takes the user's size, where there is one."""
        if self.fixed is not None:
            self.size, self._settled = self.fixed, True

    def fits(self, count: int, weight: float) -> bool:
        """Whether so many requests, the longest of that weight, have room by what earlier ones have taken."""
        if count * weight > self._most_load:
            return False
        if self.room is None or not self._bytes_a_token:
            return True
        tokens = count * (weight * self._tokens_a_weight + self.steps)
        return tokens * self._bytes_a_token * MARGIN <= self.room

    def measured(self, batch: Batch) -> None:
        """Takes down what a batch took."""
        self.seconds = batch.seconds
        self._tokens_a_weight = max(batch.length / batch.weight, 0.9 * self._tokens_a_weight)
        if batch.peak:
            taken = batch.peak / (batch.count * (batch.length + batch.steps))
            self._bytes_a_token = max(taken, 0.9 * self._bytes_a_token)
        if not self._settled and batch.count >= self.size:
            self._grow(batch.tokens / max(batch.seconds, 1e-9))

    def too_many(self, count: int, weight: float) -> None:
        """The device had not enough memory for so many, the longest of that weight.

        A small batch of long ones says nothing of how many short ones have room.
        """
        self._most_load = min(self._most_load, LESS * count * weight)
        if count > self.size // 2:
            self.size, self._settled = max(1, count // 2), True

    def _grow(self, pace: float) -> None:
        """Doubles the size where the last doubling paid; takes it back, for good, where it twice did not."""
        if pace < WORTH_IT * self._pace:
            self._doubts += 1
            if self._doubts == DOUBTS:
                self.size, self._settled = max(1, self.size // 2), True
        elif 2 * self.size > MOST:
            self._settled = True
        else:
            self._pace, self.size, self._doubts = pace, 2 * self.size, 0
