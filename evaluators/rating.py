"""The judge's ratings, one a step."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """How good one step is.

    Attributes:
        value: 0 to 1, exact.
        reason: the judge's words, where it gave any.
    """

    value: Fraction
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratings:
    """The ratings of all steps of an answer.

    Attributes:
        reasoning: one for each step before the last.
        recognition: that of the last step, the prediction.
    """

    reasoning: tuple[Rating, ...]
    recognition: Rating
