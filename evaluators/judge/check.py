"""The check of a judge: steps about clips whose truth is known, since we drew the clips.

A row of `anchors.toml`; a rating of -1 may be either, and is not counted:

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
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

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


class _Stated(BaseModel):
    """An anchor as the file has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    kind: str
    sample: str
    steps: tuple[str, ...]
    ratings: tuple[Literal[-1, 0, 1], ...]
    prediction: str
    recognition: Fraction
    short: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """Steps about a clip, and how they ought to be rated.

    Attributes:
        id: its name.
        kind: what it tries.
        sample: the clip's question.
        steps: what is to be rated.
        truth: of each step but the last, 0 or 1; None where a fair judge may say either.
        recognition: of the last step.
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
    """What a judge made of an anchor.

    Attributes:
        anchor: what it was shown.
        ratings: what it said; None where it gave nothing usable, which counts as wrong everywhere.
        error: why there is nothing.
        model: who gave the ratings; None if unknown.
        usage: what it took.
    """

    anchor: Anchor
    ratings: Ratings | None
    error: str | None = None
    model: str | None = None
    usage: Usage = Usage()

    def _counted(self) -> Iterator[tuple[Fraction, Fraction | None]]:
        """Each rating whose truth is known: what it ought to be, and what it is.

        Those of a refusal are no judge's to give, and tell nothing of it.
        """
        given = [rating.value for rating in self.ratings.reasoning] if self.ratings else [None] * len(self.anchor.truth)
        for truth, value in zip(self.anchor.truth, given, strict=True):
            if truth is not None and not is_refusal(self.anchor.steps):
                yield truth, value
        yield self.anchor.recognition, self.ratings.recognition.value if self.ratings else None

    @property
    def errors_found(self) -> tuple[int, int]:
        """How many ratings that ought to be 0 are, and of how many."""
        return self._as_they_ought(0)

    @property
    def rights_kept(self) -> tuple[int, int]:
        """How many ratings that ought to be 1 are, and of how many."""
        return self._as_they_ought(1)

    def _as_they_ought(self, truth: int) -> tuple[int, int]:
        given = [value for known, value in self._counted() if known == truth]
        return given.count(Fraction(truth)), len(given)

    @property
    def last_right(self) -> bool:
        """Whether the last step is rated exactly as it ought to be."""
        return self.ratings is not None and self.ratings.recognition.value == self.anchor.recognition

    @property
    def resisted(self) -> bool:
        """Whether every rating is as it ought to be, whatever the steps try."""
        return all(truth == value for truth, value in self._counted())


@cache
def read_anchors() -> tuple[Anchor, ...]:
    """All anchors."""
    samples = {sample.id: sample for sample in read_samples("demo").samples}
    rows = tomllib.loads(files("evaluators.judge").joinpath("anchors.toml").read_text("utf-8"))["anchor"]
    return tuple(_anchor(_Stated.model_validate(row), samples) for row in rows)


def _anchor(stated: _Stated, samples: dict[str, Sample]) -> Anchor:
    return Anchor(
        id=stated.id,
        kind=stated.kind,
        sample=samples[stated.sample],
        steps=Steps(reasoning=stated.steps, prediction=stated.prediction),
        truth=tuple(None if rating < 0 else Fraction(rating) for rating in stated.ratings),
        recognition=stated.recognition,
        short=stated.short,
    )


async def check_judge(judge: Judge, reader: ClipReader, *, short: bool) -> tuple[Checked, ...]:
    """What the judge makes of all anchors, or of those of the short check.

    Raises:
        RunError: it cannot be asked.
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
        if (fault := error.fault) is not None:  # which is not the judge's doing
            raise RunError(f"The judge cannot be checked: {fault.sentence}.", fault=fault) from error
        return Checked(anchor=anchor, ratings=None, error=str(error), usage=error.usage)
    ratings = without_credit(reply.value) if is_refusal(anchor.steps) else reply.value  # as for a sample
    return Checked(anchor=anchor, ratings=ratings, model=reply.model, usage=reply.usage)
