"""The judge's ratings, one a step."""

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, count, repeat

from evaluators.judge.agent import RejectedReply
from evaluators.judge.reply_format import last_block, numbered_texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """How good one step is.

    Attributes:
        value: 0 to 1, exact.
        reason: the judge's words, where it gave any.
        votes: where several judged, each one's name and rating.
    """

    value: Fraction
    reason: str | None = None
    votes: tuple[tuple[str, Fraction], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratings:
    """The ratings of all steps of an answer.

    Attributes:
        reasoning: one for each step before the last.
        recognition: that of the last step, the prediction.
    """

    reasoning: tuple[Rating, ...]
    recognition: Rating


_TAIL = " ,;.\uff0c\uff1b\u3002"
"""What may follow a rating: the punctuation of a list or a sentence, full-width included."""


def parse_ratings(text: str, *, steps: int, labels: int) -> Ratings:
    """The ratings in the last complete `<score>Step 1: 1/1, …, Step N: 2/3</score>` of a judge's reply.

    Reasons come from the last complete `<reason>Step 1: …</reason>` before it; ratings stand without them.

    Args:
        text: the reply.
        steps: how many steps were to be rated.
        labels: how many true labels there are: the only denominator that the last rating may have.

    Raises:
        RejectedReply: there is no such block, or it holds anything but one rating of the right kind for each step.
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
    """What is written as a rating: `C/scale`, C from 0 to scale; a bare 0 is clear, a bare 1 only on a scale of 1."""
    allowed = {f"{named}/{scale}": Fraction(named, scale) for named in range(scale + 1)}
    bare = {"0": Fraction(0)} if scale > 1 else {"0": Fraction(0), "1": Fraction(1)}
    value = (allowed | bare).get(re.sub(r"\s*/\s*", "/", written.rstrip(_TAIL)))
    if value is None:
        raise RejectedReply(f"Step {number} must be rated {' or '.join(allowed)}, with nothing else.")
    return value


def _reasons(text: str) -> tuple[str, ...]:
    try:
        return numbered_texts(last_block(text, "reason")[1])
    except RejectedReply:
        return ()
