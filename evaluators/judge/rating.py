"""The judge's ratings, one for each step."""

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, count, repeat

from evaluators.judge.agent import RejectedReply
from evaluators.judge.reply_format import last_block, numbered_texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """The rating of one step.

    Attributes:
        value: 0 to 1, exact.
        reason: the judge's reason; None if it gave none.
        votes: name and rating of each judge of a panel; empty for a single judge.
    """

    value: Fraction
    reason: str | None = None
    votes: tuple[tuple[str, Fraction], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratings:
    """The ratings of all steps of an answer.

    Attributes:
        reasoning: of each step before the last.
        recognition: of the last step, the prediction.
    """

    reasoning: tuple[Rating, ...]
    recognition: Rating


_TAIL = " ,;.\uff0c\uff1b\u3002"
"""What may follow a rating: space and punctuation, full-width included."""


def parse_ratings(text: str, *, steps: int, labels: int) -> Ratings:
    """The ratings in the last complete `<score>Step 1: 1/1, …, Step N: 2/3</score>` of a judge's reply.

    Reasons come from the last complete `<reason>Step 1: …</reason>` before it; they may be missing.

    Args:
        text: the reply.
        steps: the number of steps.
        labels: the number of true labels, which the denominator of the last rating must equal.

    Raises:
        RejectedReply: there is no such block, or it has anything but one valid rating for each step.
    """
    block = last_block(text, "score")
    values = numbered_texts(block[1])
    if len(values) != steps:
        raise RejectedReply(f"The number of steps it rates is {len(values)}; the number of steps is {steps}.")
    scales = (*repeat(1, steps - 1), labels)
    numbers, reasons = count(1), chain(_reasons(text[: block.start()]), repeat(None))
    *reasoning, recognition = (
        Rating(value=_value(written, scale, number), reason=reason)
        for written, scale, number, reason in zip(values, scales, numbers, reasons, strict=False)
    )
    return Ratings(reasoning=tuple(reasoning), recognition=recognition)


def _value(written: str, scale: int, number: int) -> Fraction:
    """The rating `C/scale`, with C from 0 to scale; 0 may stand without a scale, and 1 if the scale is 1."""
    allowed = {f"{named}/{scale}": Fraction(named, scale) for named in range(scale + 1)}
    bare = {str(named): Fraction(named) for named in range(2 if scale == 1 else 1)}
    value = (allowed | bare).get(re.sub(r"\s*/\s*", "/", written.rstrip(_TAIL)))
    if value is None:
        raise RejectedReply(f"Step {number} must be rated {' or '.join(allowed)}, with nothing else.")
    return value


def _reasons(text: str) -> tuple[str, ...]:
    try:
        return numbered_texts(last_block(text, "reason")[1])
    except RejectedReply:
        return ()
