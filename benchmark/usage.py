"""What requests cost in tokens, time and money."""

from dataclasses import dataclass, fields
from typing import Any

TOKENS = ("input_tokens", "cached_tokens", "audio_tokens", "output_tokens", "thought_tokens")
"""The fields of a `Usage` that count tokens."""

MOST = 10**9
"""The largest number of tokens that is believed of a request."""

MOST_USD = 10**6
"""The highest cost that is believed of a request."""


def count_of(value: object) -> int | None:
    """The value as a count of tokens; None if it is not a whole number from 0 to `MOST`."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= MOST:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one or several requests cost. None means unknown, never zero.

    Attributes:
        requests: the number of requests sent; a reply from the cache counts as 0.
        input_tokens: tokens sent.
        cached_tokens: those of the input tokens that the provider took from its own cache and bills for less.
        audio_tokens: those of the input tokens that stand for sound.
        output_tokens: tokens received, including thoughts, even if the provider counts these separately.
        thought_tokens: those of the output tokens that are thoughts.
        seconds: wall time, summed over requests.
        cost_usd: what the provider bills.
    """

    requests: int = 0
    input_tokens: int | None = None
    cached_tokens: int | None = None
    audio_tokens: int | None = None
    output_tokens: int | None = None
    thought_tokens: int | None = None
    seconds: float = 0.0
    cost_usd: float | None = None

    def __add__(self, other: "Usage") -> "Usage":
        """The sum. A figure is None if either part does not know it, unless that part is an empty `Usage`."""
        if self == Usage():
            return other
        if other == Usage():
            return self
        sums: dict[str, Any] = {}
        for name in (field.name for field in fields(self)):
            left, right = getattr(self, name), getattr(other, name)
            sums[name] = None if left is None or right is None else left + right
        return Usage(**sums)
