"""Several judges whose majority decides."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, combinations
from typing import TypeVar

from benchmark.accounts.snapshots import is_same_model
from benchmark.errors import KEPT, EmotionError, JudgeError, RunError
from benchmark.text import SEATS
from benchmark.usage import Usage
from evaluators.judge.agent import Reply
from evaluators.judge.evidence import Evidence
from evaluators.judge.grading import Grader, Grades, Grading
from evaluators.judge.judge import Judge
from evaluators.judge.rating import Rating, Ratings
from evaluators.judge.steps import Steps

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Panel:
    """Judges asked at the same time; each step gets the most frequent rating, and in a tie the earliest judge's."""

    judges: tuple[Judge, ...]

    @property
    def name(self) -> str:
        """The names of all judges."""
        return SEATS.join(judge.name for judge in self.judges)

    @property
    def identity(self) -> str:
        """The identities of all judges, in order."""
        return "\n\n".join(judge.identity for judge in self.judges)

    @property
    def sees(self) -> bool:
        """Whether any judge is shown frames."""
        return any(judge.sees for judge in self.judges)

    async def rate(self, steps: Steps, evidence: Evidence) -> Reply[Ratings]:
        """The majority's ratings, each with the votes of all judges.

        Raises:
            JudgeError: no reply of one of the judges could be parsed; the others would be a different panel.
            RunError: two of the judges turn out to be the same model.
        """
        replies = await self._all(judge.rate(steps, evidence) for judge in self.judges)
        names = [judge.name for judge in self.judges]
        return self._one(replies, _majority(names, [reply.value for reply in replies]))

    async def grade(self, grading: Grading) -> Reply[Grades]:
        """The mean of all judges' points.

        Raises:
            JudgeError: as for `rate`, or one of the judges cannot grade.
            RunError: as for `rate`.
        """
        graders = [judge for judge in self.judges if isinstance(judge, Grader)]
        if len(graders) < len(self.judges):
            raise JudgeError("A judge of the panel cannot grade answers; name models, or rules.")
        replies = await self._all(grader.grade(grading) for grader in graders)
        sums = {name: sum((reply.value[name] for reply in replies), Fraction(0)) for name in grading.dimensions}
        return self._one(replies, {name: points / len(replies) for name, points in sums.items()})

    async def _all(self, asked: Iterable[Awaitable[Reply[T]]]) -> Sequence[Reply[T]]:
        """The replies of all judges, asked at the same time."""
        replies = _replies(await asyncio.gather(*asked, return_exceptions=True))
        _refuse_twins(self.judges, [reply.model for reply in replies])
        return replies

    def _one(self, replies: Sequence[Reply[T]], value: T) -> Reply[T]:
        """The panel's reply: the value, and what all judges' replies took."""
        return Reply(
            value=value,
            model=SEATS.join(reply.model or judge.name for reply, judge in zip(replies, self.judges, strict=True)),
            usage=sum((reply.usage for reply in replies), Usage()),
            rejected=tuple(chain.from_iterable(reply.rejected for reply in replies)),
            left_out=tuple(dict.fromkeys(chain.from_iterable(reply.left_out for reply in replies))),
        )


def _refuse_twins(judges: Sequence[Judge], answered: Sequence[str | None]) -> None:
    """Raises a RunError if the same model has answered for two of the judges."""
    seats = [(judge, model) for judge, model in zip(judges, answered, strict=True) if model is not None]
    for (judge, model), (other, twin) in combinations(seats, 2):
        if is_same_model(model, twin) or is_same_model(twin, model):
            raise RunError(
                f"Two judges of the panel are the same model: {twin} answered for {judge.name} and for {other.name}."
                f" Name judges that are different models. {KEPT}"
            )


def _replies(outcomes: Sequence[Reply[T] | BaseException]) -> list[Reply[T]]:
    """The replies; if a judge failed, raises the gravest error, with the usage of the whole panel."""
    failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    if failures:
        worst = min(failures, key=lambda error: (isinstance(error, EmotionError), not isinstance(error, RunError)))
        if isinstance(worst, EmotionError):
            others = (one for one in outcomes if isinstance(one, Reply | EmotionError) and one is not worst)
            worst.usage = sum((other.usage for other in others), worst.usage)
        raise worst
    return [outcome for outcome in outcomes if isinstance(outcome, Reply)]


def _majority(names: Sequence[str], given: Sequence[Ratings]) -> Ratings:
    return Ratings(
        reasoning=tuple(_agreed(names, each) for each in zip(*(ratings.reasoning for ratings in given), strict=True)),
        recognition=_agreed(names, [ratings.recognition for ratings in given]),
    )


def _agreed(names: Sequence[str], given: Sequence[Rating]) -> Rating:
    votes = Counter(rating.value for rating in given)
    chosen = max(given, key=lambda rating: votes[rating.value])  # in a tie `max` returns the first
    return replace(chosen, votes=tuple((name, rating.value) for name, rating in zip(names, given, strict=True)))
