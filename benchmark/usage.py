"""What requests cost in tokens, time and money."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one or several requests took; None is unknown, never zero.

    Attributes:
        requests: how many were sent; a reply from the cache counts none.
        input_tokens: tokens sent.
        output_tokens: tokens received, hidden reasoning included where the provider counts it.
        seconds: wall time, summed over requests.
        cost_usd: by the catalogue's prices.
    """

    requests: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
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
            output_tokens=_sum(self.output_tokens, other.output_tokens),
            seconds=self.seconds + other.seconds,
            cost_usd=None if self.cost_usd is None or other.cost_usd is None else self.cost_usd + other.cost_usd,
        )


def _sum(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left + right
