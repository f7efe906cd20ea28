"""Grades: a judge's points for an answer as a whole, in dimensions that a metric names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from typing_extensions import Protocol, runtime_checkable

from evaluators.judge.agent import RejectedReply, Reply
from evaluators.judge.reply_format import last_block

Grades = Mapping[str, Fraction]
"""The points by dimension; those of a panel are the mean of its judges', so they may be fractions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grading:
    """What a judge is to grade.

    Attributes:
        prompt: the name of its template, a file `NAME.txt` in the suite's folder.
        texts: the texts of others by placeholder; the template shows those that it names.
        dimensions: what is graded; single words, in the order in which the reply names them.
        most: the most points in a dimension.
        least: the least points.
        repeat: how often the judge has graded the same answer before.
    """

    prompt: str
    texts: Mapping[str, str]
    dimensions: tuple[str, ...]
    most: int
    least: int = 0
    repeat: int = 0


@runtime_checkable
class Grader(Protocol):
    """A judge that can also grade."""

    async def grade(self, grading: Grading) -> Reply[Grades]:
        """The points in each dimension, from `grading.least` to `grading.most`.

        Raises:
            JudgeError: no reply could be parsed.
        """


def parse_grades(text: str, grading: Grading) -> Grades:
    """The points in the last complete `<score>logic: 4/5, multimodal: 3/5</score>` of a judge's reply.

    The `/5` may be missing.

    Raises:
        RejectedReply: there is no such block, or not one whole number from `least` to `most` for each dimension.
    """
    block = last_block(text, "score")[1]
    return {name: Fraction(_points(block, name, grading)) for name in grading.dimensions}


def _points(block: str, name: str, grading: Grading) -> int:
    least, most = grading.least, grading.most
    points = rf"\b{re.escape(name)}\b[\s*_]*[:=][\s*_]*(\d{{1,4}})(?!\d|\.\d)([ \t]*/[ \t]*\d{{1,4}})?"
    written = re.findall(points, block, re.IGNORECASE)
    scales = {"", f"/{most}"}
    if len(written) != 1 or not least <= int(written[0][0]) <= most or re.sub(r"\s", "", written[0][1]) not in scales:
        raise RejectedReply(
            f"Its block must name {name} once, with a whole number from {least} to {most}: {name}: N/{most}."
        )
    return int(written[0][0])
