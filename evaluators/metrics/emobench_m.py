"""The metrics of EmoBench-M: labels, and reasons for laughter.

Sources: arXiv 2502.04424, and the scripts of https://github.com/Emo-gml/EmoBench-M.

A closed question scores 1 if the answer's conclusion names the true label and no other, else 0; a joint label, emotion
and intent, is right as a whole (EmoBench-M-eval.py, `evaluate_joint`). An explanation of laughter scores the judge's
points for logic and for what is seen and heard, 0 to 5 each, divided by 10 (LaughterReason_LLMScoring.py).

The published averages are means of means: of the five scenarios of Foundational Emotion Recognition, of the five of
Conversational Emotion Understanding, of the three of Socially Complex Emotion Analysis, and of these three numbers.
The table of the authors' README follows this rule; see tests/evaluators/metrics/test_emobench_m.py.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import fsum

import numpy as np

from benchmark.errors import ExtractorError, JudgeError, boundary
from benchmark.model import Answer
from benchmark.task import Sample
from evaluators.judge.evidence import Question
from evaluators.judge.grading import Grader, Grading
from evaluators.judge.labels import named_labels
from evaluators.judge.rules import RulesExtractor
from evaluators.metrics.metric import Column, Marked, Mean, Measure, Roles, is_scored
from evaluators.outcome import Scored, failing, shortened, spent, trace_of

FER = ("SOER", "SPER", "OSA", "EIA", "SCEA")
CEU = ("FGDEA", "PEA", "FCDEA", "CEIA", "MPDER")
SCEA = ("HU", "SD", "LR")

DIMENSIONS = ("logic", "multimodal")
MOST = 5
"""The most points in a dimension."""
ENOUGH = Fraction(3, 5)
"""The score from which an explanation counts as right: three of five points in each dimension, on average."""

_OBJECT = re.compile(r"\{[^{}]*\}")
_VALUE = re.compile(r""":\s*(["'])(.*?)\1\s*(?=[,}])""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class MeanOfMeans:
    """The mean of groups of tasks, each the mean of its tasks, each the mean of its samples' scores.

    Tasks and groups of which nothing was asked are left out, so that a task's own value is its mean score.

    Attributes:
        name: its name in files and gates.
        title: its name in tables.
        groups: the names of the tasks, by group.
    """

    name: str
    title: str
    groups: tuple[tuple[str, ...], ...]
    bounded: bool = False

    def value(self, records: Sequence[Marked]) -> float | None:
        """The mean over the records that have a score; None if none belongs to a group."""
        scored = [record for record in records if is_scored(record)]
        return self._value([(record.task, record.scores["score"]) for record in scored])

    def column(self, records: Sequence[Marked]) -> Column:
        """Jackknife pseudo-values, shape (records,); their mean is the measure, nan marks records without a score.

        n times the measure minus n - 1 times the measure without the sample; without its only sample a task would be
        left out, so that this sample counts as one that changes nothing.
        """
        marks = [(record.task, record.scores["score"] if is_scored(record) else None) for record in records]
        return self._pseudo(marks)

    def filled(self, records: Sequence[Marked], *, right: bool) -> Column:
        """The same if all samples without a score had 1, or all 0; only these numbers if no task is in a group."""
        full = [(record.task, record.scores["score"] if is_scored(record) else float(right)) for record in records]
        column = self._pseudo(full)
        return np.where(np.isnan(column), float(right), column)

    def _value(self, marks: Sequence[tuple[str, float | None]]) -> float | None:
        weights, scores = self._weights(marks), _by_task(marks)
        return fsum(weights[task] * fsum(scores[task]) / len(scores[task]) for task in weights) if weights else None

    def _weights(self, marks: Sequence[tuple[str, float | None]]) -> Mapping[str, float]:
        """The weight of each task that has a score and is in a group; they sum to 1."""
        there = _by_task(marks).keys()
        present = [[task for task in group if task in there] for group in self.groups]
        found = [group for group in present if group]
        return {task: 1 / (len(found) * len(group)) for group in found for task in group}

    def _pseudo(self, marks: Sequence[tuple[str, float | None]]) -> Column:
        whole, weights, scores = self._value(marks), self._weights(marks), _by_task(marks)
        count = sum(map(len, scores.values()))

        def part(task: str, score: float | None) -> float:
            if score is None or whole is None:
                return np.nan
            n = len(scores[task])
            if task not in weights or n == 1:
                return whole
            return whole + (count - 1) * weights[task] * (score - fsum(scores[task]) / n) / (n - 1)

        return np.array([part(task, score) for task, score in marks], dtype=float)


def _by_task(marks: Sequence[tuple[str, float | None]]) -> Mapping[str, Sequence[float]]:
    scores = defaultdict[str, list[float]](list)
    for task, score in marks:
        if score is not None:
            scores[task].append(score)
    return scores


SCORE = MeanOfMeans("score", "Score", (FER, CEU, SCEA))
FLOOR = Mean("score", "Score")


def stated_labels(text: str) -> str:
    """The text, or the values of the last object in it, joined by hyphens: `{'emotion': 'sad', 'intent': 'wishing'}`.

    The authors' prompts ask for such an object, in the notation of Python or of JSON.
    """
    *_, last = None, *_OBJECT.finditer(text)
    values = [value for _, value in _VALUE.findall(last[0])] if last else []
    return "-".join(values) or text


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedScore:
    """The score of an answer to a closed question.

    Attributes:
        answer: the model's answer.
        predicted: the labels of the label set that it names.
    """

    answer: Answer
    predicted: tuple[str, ...]

    def marks(self, sample: Sample) -> Mapping[str, Fraction | None]:
        """1 if the true label is the only one named, else 0."""
        return {"score": Fraction(self.predicted == sample.targets)}

    def explain(self, sample: Sample) -> str:
        """Why the case fails."""
        named = ", ".join(self.predicted) or "no label"
        return failing(sample, self.answer, f'the label is "{sample.targets[0]}", the answer names {named}')


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """The metric of closed questions; it asks no agent.

    An answer that names no label, or several, is wrong. The authors' script leaves it out instead, so that their
    numbers are higher for models that often fail to answer.
    """

    measures: tuple[Measure, ...]
    name: str = "emobench_m"
    roles: frozenset[str] = frozenset()
    marks: tuple[str, ...] = ("score",)
    details: tuple[Measure, ...] = ()
    floor: Measure = FLOOR

    async def score(self, sample: Sample, answer: Answer, roles: Roles, repeat: int = 0) -> Scored:  # noqa: ARG002
        """The score of the labels that the answer's conclusion names, or the object in it.

        Raises:
            ModelError: the answer has only thoughts, and these are ignored.
            ExtractorError: the word lists failed on the answer.
        """
        question = Question(subject=sample.task.subject, label_set=sample.label_set, several=False)
        rated = roles.rated(answer)
        with boundary(ExtractorError):
            predicted = named_labels(stated_labels(rated.text), sample.label_set) if _OBJECT.search(rated.text) else ()
            if not predicted:
                steps = await RulesExtractor().extract(rated, question)
                predicted = named_labels(steps.value.prediction, sample.label_set)
        return Scored(sample=sample, score=ClosedScore(answer=answer, predicted=predicted))

    def remade(self, record: Marked, *, several: bool) -> Mapping[str, Fraction | None]:  # noqa: ARG002
        """The mark computed again from the predicted labels."""
        return {"score": Fraction(record.predicted == record.targets)}

    def is_right(self, marks: Mapping[str, Fraction | None]) -> bool:
        """Whether the label is right."""
        return marks["score"] == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LaughterScore:
    """The score of an explanation of laughter.

    Attributes:
        answer: the model's answer.
        points: the judge's points by dimension, 0 to 5.
        predicted: empty, since there are no labels.
    """

    answer: Answer
    points: Mapping[str, Fraction]
    predicted: tuple[str, ...] = ()

    def marks(self, sample: Sample) -> Mapping[str, Fraction | None]:  # noqa: ARG002
        """The points of each dimension as a share of the most, and their mean as the score."""
        return _laughter_marks({name: self.points[name] / MOST for name in DIMENSIONS})

    def explain(self, sample: Sample) -> str:
        """Why the case fails."""
        given = ", ".join(f"{name} {points}/{MOST}" for name, points in self.points.items())
        reference = f"Reference: {shortened(sample.targets[0])}"
        return failing(sample, self.answer, f"the judge gives {given}", reference)


def _laughter_marks(shares: Mapping[str, Fraction]) -> Mapping[str, Fraction | None]:
    return {"score": sum(shares.values(), Fraction(0)) / len(shares), **shares}


@dataclass(frozen=True, slots=True, kw_only=True)
class Laughter:
    """The metric of explanations of laughter: a judge compares them with the reference, by the suite's `laughter.txt`.

    The authors ask Qwen2.5-72B-Instruct once for each dimension, and count a reply without points as 0; here one
    request asks for both, and a reply without points is asked for again and then leaves the sample without a score.
    """

    measures: tuple[Measure, ...]
    name: str = "emobench_m_laughter"
    roles: frozenset[str] = frozenset({"judge"})
    marks: tuple[str, ...] = ("score", *DIMENSIONS)
    details: tuple[Measure, ...] = ()
    floor: Measure = FLOOR

    async def score(self, sample: Sample, answer: Answer, roles: Roles, repeat: int = 0) -> Scored:
        """The score of the answer's text.

        Raises:
            ModelError: the answer has only thoughts, and these are ignored.
            JudgeError: the judge gave no usable reply, or cannot grade.
        """
        rated, judge = roles.rated(answer), roles.judge
        grading = Grading(
            prompt="laughter",
            texts={"answer": rated.text or rated.reasoned, "reference": sample.targets[0]},
            dimensions=DIMENSIONS,
            most=MOST,
            repeat=repeat,
        )
        with boundary(JudgeError):
            if not isinstance(judge, Grader):
                raise JudgeError(f"The judge {judge.name} cannot grade answers; name a model, or rules.")
            grades = await judge.grade(grading)
        traces = {"judge": trace_of(grades)}
        with spent(traces):
            return Scored(sample=sample, score=LaughterScore(answer=answer, points=grades.value), traces=traces)

    def remade(self, record: Marked, *, several: bool) -> Mapping[str, Fraction | None]:  # noqa: ARG002
        """The marks computed again from the points.

        Raises:
            ValueError: a dimension has no points, or points outside 0 to 1.
        """
        shares = {name: record.scores.get(name) for name in DIMENSIONS}
        if any(share is None or not 0 <= share <= 1 for share in shares.values()):
            raise ValueError(f"{' and '.join(DIMENSIONS)} must be points from 0 to 1")
        exact = {name: Fraction(share or 0).limit_denominator(1000) for name, share in shares.items()}
        return _laughter_marks(exact)

    def is_right(self, marks: Mapping[str, Fraction | None]) -> bool:
        """Whether the score is at least `ENOUGH`."""
        score = marks["score"]
        return score is not None and score >= ENOUGH


RECOGNITION = Closed(measures=(SCORE, MeanOfMeans("fer", "FER", (FER,))))
CONVERSATION = Closed(measures=(SCORE, MeanOfMeans("ceu", "CEU", (CEU,))))
COMPLEX = Closed(measures=(SCORE, MeanOfMeans("scea", "SCEA", (SCEA,))))
LAUGHTER = Laughter(measures=COMPLEX.measures)
METRIC = RECOGNITION
