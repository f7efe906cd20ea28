"""Several judges who rate as one."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, combinations

from benchmark.accounts.snapshots import is_same_model
from benchmark.errors import KEPT, EmotionError, RunError
from benchmark.text import SEATS
from benchmark.usage import Usage
from evaluators.judge.agent import Reply
from evaluators.judge.evidence import Evidence
from evaluators.judge.judge import Judge
from evaluators.judge.rating import Rating, Ratings
from evaluators.judge.steps import Steps


@dataclass(frozen=True, slots=True)
class Panel:
    """Judges asked side by side; each step gets the rating that most of them give, and the first one breaks ties."""

    judges: tuple[Judge, ...]

    @property
    def name(self) -> str:
        """All their names."""
        return SEATS.join(judge.name for judge in self.judges)

    @property
    def identity(self) -> str:
        """All that determines their ratings, their order included."""
        return "\n\n".join(judge.identity for judge in self.judges)

    @property
    def sees(self) -> bool:
        """Whether any of them looks at frames."""
        return any(judge.sees for judge in self.judges)

    async def rate(self, steps: Steps, evidence: Evidence) -> Reply[Ratings]:
        """The majority's ratings, each with the votes behind it.

        Raises:
            JudgeError: one of them gave up; a majority of those left would be another panel's.
            RunError: two of them turn out to be one model.
        """
        asked = (judge.rate(steps, evidence) for judge in self.judges)
        replies = _all(await asyncio.gather(*asked, return_exceptions=True))
        _refuse_twins(self.judges, [reply.model for reply in replies])
        return Reply(
            value=_majority([judge.name for judge in self.judges], [reply.value for reply in replies]),
            model=SEATS.join(reply.model or judge.name for reply, judge in zip(replies, self.judges, strict=True)),
            usage=sum((reply.usage for reply in replies), Usage()),
            rejected=tuple(chain.from_iterable(reply.rejected for reply in replies)),
            left_out=tuple(dict.fromkeys(chain.from_iterable(reply.left_out for reply in replies))),
        )


def _refuse_twins(judges: Sequence[Judge], answered: Sequence[str | None]) -> None:
    """Says no to a panel in which one model has two votes.

    Raises:
        RunError: names the seats.
    """
    seats = [(judge, model) for judge, model in zip(judges, answered, strict=True) if model is not None]
    for (judge, model), (other, twin) in combinations(seats, 2):
        if is_same_model(model, twin) or is_same_model(twin, model):
            raise RunError(
                f"Two seats of the panel are filled by one model: {twin} has answered for {judge.name} and for"
                f" {other.name}. Name judges that are different models. {KEPT}"
            )


def _all(outcomes: Sequence[Reply[Ratings] | BaseException]) -> list[Reply[Ratings]]:
    """The replies; else the gravest failure, with what the whole panel has spent."""
    replies = [outcome for outcome in outcomes if isinstance(outcome, Reply)]
    failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    if failures:
        worst = min(
            failures, key=lambda failure: (isinstance(failure, EmotionError), not isinstance(failure, RunError))
        )
        if isinstance(worst, EmotionError):
            others = [
                failure.usage for failure in failures if isinstance(failure, EmotionError) and failure is not worst
            ]
            worst.usage = sum([*(reply.usage for reply in replies), *others], worst.usage)
        raise worst
    return replies


def _majority(names: Sequence[str], given: Sequence[Ratings]) -> Ratings:
    return Ratings(
        reasoning=tuple(_agreed(names, each) for each in zip(*(ratings.reasoning for ratings in given), strict=True)),
        recognition=_agreed(names, [ratings.recognition for ratings in given]),
    )


def _agreed(names: Sequence[str], given: Sequence[Rating]) -> Rating:
    votes = Counter(rating.value for rating in given)
    # of equally frequent values `max` takes the first that it meets, which is the first judge's or an earlier one's
    value = max((rating.value for rating in given), key=votes.__getitem__)
    spoken = next(rating for rating in given if rating.value == value)
    return Rating(
        value=value,
        reason=spoken.reason,
        votes=tuple((name, rating.value) for name, rating in zip(names, given, strict=True)),
    )
