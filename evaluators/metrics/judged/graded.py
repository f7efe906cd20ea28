"""Points: a judge grades a whole answer in named dimensions, by a template in the suite's folder.

A mark is the judge's points as a share of the most that there are, and the headline is the mean of the dimensions. So
a published mean of 7.5 points of 10 compares with 0.75 here, on a scale from 1 to 10 too, whose least mark is 0.1. A
judgement by yes or no is a dimension with the points 0 and 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from benchmark.errors import JudgeError, boundary
from benchmark.model import Answer
from benchmark.task import Sample
from evaluators.judge.agent import Reply
from evaluators.judge.grading import Grader, Grades, Grading
from evaluators.judge.judge import Judge
from evaluators.metrics.metric import Marked, Mean, Measure, Roles
from evaluators.metrics.texts.overlap import Overlap
from evaluators.outcome import Scored, failing, shortened, spent, trace_of

_FINEST = 10**6
"""The largest denominator of a share: of 100 points by any panel."""


async def grades_of(judge: Judge, grading: Grading) -> Reply[Grades]:
    """The judge's points in each dimension.

    Raises:
        JudgeError: the judge gave no usable reply, or cannot grade.
    """
    with boundary(JudgeError):
        if not isinstance(judge, Grader):
            raise JudgeError(f"The judge {judge.name} cannot grade answers; name a model, or rules.")
        return await judge.grade(grading)


def texts_of(sample: Sample, answer: Answer) -> Mapping[str, str]:
    """The texts that a template may show.

    `answer`; `reference`, the true answers; `question`, with the text that it is about; `dialogue`, the messages
    before it, each on a line after its speaker.
    """
    return {
        "answer": answer.text or answer.reasoned,
        "reference": "\n".join(sample.targets),
        "question": sample.question,
        "dialogue": "\n".join(f"{turn.speaker}: {turn.text}" for turn in sample.turns),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedScore:
    """The score of a graded answer.

    Attributes:
        answer: the model's answer.
        points: the judge's points by dimension.
        metric: the metric that scores it.
        beside: the marks besides these points.
        predicted: empty, since there are no labels.
    """

    answer: Answer
    points: Grades
    metric: "Graded" = field(repr=False)
    beside: Mapping[str, Fraction | None] = field(default_factory=dict)
    predicted: tuple[str, ...] = ()

    def marks(self, sample: Sample) -> Mapping[str, Fraction | None]:  # noqa: ARG002
        """The points of each dimension as a share of the most, their mean as the headline, and the marks besides."""
        shares = {name: points / self.metric.most for name, points in self.points.items()}
        return {**self.metric.marks_of(shares), **self.beside}

    def explain(self, sample: Sample) -> str:
        """Why the case fails."""
        given = ", ".join(f"{name} {points}/{self.metric.most}" for name, points in self.points.items())
        reference = f"Reference: {shortened('; '.join(sample.targets))}"
        return failing(sample, self.answer, f"the judge gives {given}", reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """The metric.

    A reply of the judge without points is asked for again, and then leaves the sample without a score.

    Attributes:
        name: its name in files.
        prompt: the name of the template, `NAME.txt` in the suite's folder. It may use the texts of `texts_of`, and
            `$least`, `$most` and `$example`, which shows the form of the reply.
        dimensions: what is graded; single words, as the template names them.
        most: the most points in a dimension.
        least: the least points.
        enough: the headline from which a case passes.
        measures: the measures, the first is the headline's.
        headline: the name of the mean of the dimensions; may be that of the only dimension.
        details: measures that are shown next to the tables.
        overlap: the overlap with the reference that is measured besides the points; None for none.
    """

    name: str
    prompt: str
    dimensions: tuple[str, ...]
    most: int
    least: int = 0
    enough: Fraction
    measures: tuple[Measure, ...]
    headline: str = "score"
    details: tuple[Measure, ...] = ()
    overlap: Overlap | None = None

    @property
    def roles(self) -> frozenset[str]:
        """The judge; BERTScore for the overlap."""
        return frozenset({"judge", "bertscore"} if self.overlap else {"judge"})

    @property
    def marks(self) -> tuple[str, ...]:
        """The headline, each dimension, and the overlap."""
        beside = self.overlap.names if self.overlap else ()
        return tuple(dict.fromkeys((self.headline, *self.dimensions, *beside)))

    @property
    def remark(self) -> str:
        """What the overlap lacks; empty if nothing."""
        return self.overlap.remark if self.overlap else ""

    @property
    def floor(self) -> Measure:
        """The mean of the headline over samples."""
        return Mean(self.headline, self.headline.replace("_", " ").capitalize())

    async def score(self, sample: Sample, answer: Answer, roles: Roles, repeat: int = 0) -> Scored:
        """The score of the answer's text.

        Raises:
            ModelError: the answer has only thoughts, and these are ignored.
            JudgeError: the judge gave no usable reply, or cannot grade.
        """
        texts = texts_of(sample, roles.rated(answer))
        grading = Grading(
            prompt=self.prompt,
            texts=texts,
            dimensions=self.dimensions,
            least=self.least,
            most=self.most,
            repeat=repeat,
        )
        grades = await grades_of(roles.judge, grading)
        traces = {"judge": trace_of(grades)}
        with spent(traces):
            beside = (
                await self.overlap.marks(texts["answer"], texts["reference"], roles.bertscore) if self.overlap else {}
            )
            score = GradedScore(answer=answer, points=grades.value, metric=self, beside=beside)
            return Scored(sample=sample, score=score, traces=traces)

    def marks_of(self, shares: Mapping[str, Fraction]) -> Mapping[str, Fraction | None]:
        """The marks from the share of the most points in each dimension."""
        return {self.headline: sum(shares.values(), Fraction(0)) / len(shares), **shares}

    def remade(self, record: Marked, *, several: bool) -> Mapping[str, Fraction | None]:  # noqa: ARG002
        """The marks computed again from the points.

        Raises:
            ValueError: a dimension has no points, or points outside the scale.
        """
        kept = {name: record.scores.get(name) for name in self.dimensions}
        shares = {name: Fraction(share).limit_denominator(_FINEST) for name, share in kept.items() if share is not None}
        if len(shares) < len(kept) or not all(Fraction(self.least, self.most) <= one <= 1 for one in shares.values()):
            scale = f"from {self.least}/{self.most} to 1"
            raise ValueError(f"{' and '.join(self.dimensions)} must be points {scale}")
        return {**self.marks_of(shares), **(self.overlap.remade(record) if self.overlap else {})}

    def is_right(self, marks: Mapping[str, Fraction | None]) -> bool:
        """Whether the headline is at least `enough`."""
        mark = marks[self.headline]
        return mark is not None and mark >= self.enough
