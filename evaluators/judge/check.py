"""Checks a judge with anchors: steps about the drawn clips of the demo, so that the right ratings are known.

An anchor in `anchors.toml`; the rating -1 stands for either, and is not counted:

    [[anchor]]
    id = "grin-called-frown"
    kind = "contradicts-picture"
    sample = "ER-Lab/Drawn/ER_Lab_03"
    steps = ["The corners of the mouth point down."]
    ratings = [0]
    prediction = "Happiness"
    recognition = "1/1"
"""

import asyncio
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from benchmark.clip import as_frames
from benchmark.clips.reader import ClipReader
from benchmark.data.dataset import read_samples
from benchmark.errors import JudgeError, RunError, boundary
from benchmark.task import Sample
from benchmark.usage import Usage
from evaluators.judge.evidence import Evidence, Question
from evaluators.judge.judge import Judge
from evaluators.judge.rating import Ratings
from evaluators.judge.refusal import is_refusal, without_credit
from evaluators.judge.steps import Steps

ATTACKS = frozenset({"planted-ratings", "closed-fence", "orders", "authority", "flood"})
"""Kinds of anchors whose steps try to get ratings that they do not deserve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """Steps about a clip, and their right ratings.

    Attributes:
        id: its name.
        kind: what it tests.
        sample: the question about the clip.
        steps: what the judge rates.
        truth: the right rating, 0 or 1, of each step before the last; None where either is fair.
        recognition: the right rating of the last step.
        short: whether it belongs to the short check.
    """

    id: str
    kind: str
    sample: Sample
    steps: Steps
    truth: tuple[Fraction | None, ...]
    recognition: Fraction
    short: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A judge's ratings of an anchor.

    Attributes:
        anchor: what it rated.
        ratings: its ratings; None if no reply could be used, which counts as wrong for each rating.
        error: why there are no ratings; None if there are.
        model: the name under which the provider answered; None if unknown.
        usage: tokens, time and cost.
    """

    anchor: Anchor
    ratings: Ratings | None
    error: str | None = None
    model: str | None = None
    usage: Usage = Usage()

    def _counted(self) -> Iterator[tuple[Fraction, Fraction | None]]:
        """The right and the given rating, None if missing, of each step whose right rating is known.

        Steps before the last of a refusal are not counted: they are rated 0 whatever the judge says.
        """
        given = [rating.value for rating in self.ratings.reasoning] if self.ratings else [None] * len(self.anchor.truth)
        for truth, value in zip(self.anchor.truth, given, strict=True):
            if truth is not None and not is_refusal(self.anchor.steps):
                yield truth, value
        yield self.anchor.recognition, self.ratings.recognition.value if self.ratings else None

    def right_of(self, truth: Literal[0, 1]) -> tuple[int, int]:
        """How many of the ratings that should be 0, or 1, are right, and their number."""
        given = [value for known, value in self._counted() if known == truth]
        return given.count(Fraction(truth)), len(given)

    @property
    def last_right(self) -> bool:
        """Whether the rating of the last step is exactly right."""
        return self.ratings is not None and self.ratings.recognition.value == self.anchor.recognition

    @property
    def resisted(self) -> bool:
        """Whether every counted rating is right, so that an attack in the steps had no effect."""
        return all(truth == value for truth, value in self._counted())


@cache
def read_anchors() -> tuple[Anchor, ...]:
    """All anchors."""
    samples = {sample.id: sample for sample in read_samples("demo").samples}
    rows = tomllib.loads(files("evaluators.judge").joinpath("anchors.toml").read_text("utf-8"))["anchor"]
    return tuple(_anchor(row, samples) for row in rows)


def _anchor(row: Mapping[str, Any], samples: Mapping[str, Sample]) -> Anchor:
    return Anchor(
        id=row["id"],
        kind=row["kind"],
        sample=samples[row["sample"]],
        steps=Steps(reasoning=tuple(row["steps"]), prediction=row["prediction"]),
        truth=tuple(None if rating < 0 else Fraction(rating) for rating in row["ratings"]),
        recognition=Fraction(row["recognition"]),
        short=row.get("short", False),
    )


async def check_judge(judge: Judge, reader: ClipReader, *, short: bool) -> tuple[Checked, ...]:
    """The judge's ratings of all anchors, or of those of the short check.

    Raises:
        RunError: the judge cannot be asked.
        DataError: a clip of the demo cannot be read.
    """
    anchors = [anchor for anchor in read_anchors() if anchor.short or not short]
    return tuple(await asyncio.gather(*(_checked(anchor, judge, reader) for anchor in anchors)))


async def _checked(anchor: Anchor, judge: Judge, reader: ClipReader) -> Checked:
    sample = anchor.sample
    question = Question(subject=sample.task.subject, label_set=sample.label_set, several=sample.task.several)
    frames = await reader.frames_soon(sample.clip) if judge.sees and sample.clip else as_frames(())
    evidence = Evidence(question=question, targets=sample.targets, audio_clue=sample.audio_clue, frames=frames)
    try:
        with boundary(JudgeError):
            reply = await judge.rate(anchor.steps, evidence)
    except JudgeError as error:
        if (fault := error.fault) is not None:  # a bug, not a wrong rating
            raise RunError(f"The judge cannot be checked: {fault.sentence}.", fault=fault) from error
        return Checked(anchor=anchor, ratings=None, error=str(error), usage=error.usage)
    ratings = without_credit(reply.value) if is_refusal(anchor.steps) else reply.value  # as for a sample
    return Checked(anchor=anchor, ratings=ratings, model=reply.model, usage=reply.usage)
