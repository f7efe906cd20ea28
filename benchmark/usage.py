"""What requests cost in tokens, time and money."""

from dataclasses import dataclass

TOKENS = ("input_tokens", "cached_tokens", "audio_tokens", "output_tokens", "thought_tokens")
"""The fields of a `Usage` that count tokens."""


MOST = 10**9
"""Tokens: no request has more, whatever a server says."""

MOST_USD = 10**6
"""No request costs more, whatever a server says."""


def count_of(told: object) -> int | None:
    """A count as others tell it; None for what is none, or cannot be one."""
    if isinstance(told, float) and told.is_integer() and abs(told) <= MOST:
        told = int(told)
    return told if isinstance(told, int) and not isinstance(told, bool) and 0 <= told <= MOST else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one or several requests took; None is unknown, never zero.

    Attributes:
        requests: how many were sent; a reply from the cache counts none.
        input_tokens: tokens sent.
        cached_tokens: those of them that the provider had in a cache of its own, and bills for less.
        audio_tokens: those of them that stand for sound.
        output_tokens: tokens received, thoughts included, whether the provider counts them among these or beside them.
        thought_tokens: those of them that are thoughts.
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
        """The sum; a figure is unknown where a part that sent requests does not know it."""
        if self == Usage():
            return other
        if other == Usage():
            return self
        return Usage(
            requests=self.requests + other.requests,
            input_tokens=_sum(self.input_tokens, other.input_tokens),
            cached_tokens=_sum(self.cached_tokens, other.cached_tokens),
            audio_tokens=_sum(self.audio_tokens, other.audio_tokens),
            output_tokens=_sum(self.output_tokens, other.output_tokens),
            thought_tokens=_sum(self.thought_tokens, other.thought_tokens),
            seconds=self.seconds + other.seconds,
            cost_usd=None if self.cost_usd is None or other.cost_usd is None else self.cost_usd + other.cost_usd,
        )


def _sum(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left + right
