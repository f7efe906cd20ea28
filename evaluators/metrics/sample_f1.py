"""The metric for several true labels: the F1 of each sample, and the mean over samples.

An agent maps a free answer to labels of the set. F1 = 2 |p & g| / (|p| + |g|) for the labels p that the answer names
and the true ones g, which is the micro F1 of one sample (scikit-learn's `f1_score`, average "micro"), and the Dice
coefficient of both sets. Emo-CFG averages it over samples (github.com/KlingTeam/VidEmo, `eval/eval_results.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from benchmark.errors import ExtractorError, boundary
from benchmark.model import Answer
from benchmark.task import Sample
from evaluators.judge.evidence import Question
from evaluators.judge.labels import named_labels
from evaluators.metrics.metric import Marked, Mean, Measure, Roles
from evaluators.outcome import AnswerScore, Scored, trace_of

SCORE = Mean("score", "F1")


def f1_of(targets: Sequence[str], predicted: Sequence[str]) -> Fraction:
    """F1 of two sets of labels, of which the true one is not empty."""
    return Fraction(2 * len({*targets} & {*predicted}), len({*targets}) + len({*predicted}))


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleF1:
    """The metric; the extractor says which labels an answer names."""

    measures: tuple[Measure, ...] = (SCORE,)
    name: str = "sample_f1"
    roles: frozenset[str] = frozenset({"extractor"})
    marks: tuple[str, ...] = ("score",)
    details: tuple[Measure, ...] = ()
    floor: Measure = SCORE

    async def score(self, sample: Sample, answer: Answer, roles: Roles, repeat: int = 0) -> Scored:  # noqa: ARG002
        """The score of the labels that the answer names.

        Raises:
            ModelError: the answer has only thoughts, and these are ignored.
            ExtractorError: the extractor gave no usable reply.
        """
        question = Question(subject=sample.task.subject, label_set=sample.label_set, several=True)
        with boundary(ExtractorError):
            steps = await roles.extractor.extract(roles.rated(answer), question)
            predicted = named_labels(steps.value.prediction, sample.label_set)
        marks = {"score": f1_of(sample.targets, predicted)}
        why = f"the labels are {', '.join(sample.targets)}; the answer names {', '.join(predicted) or 'no label'}"
        score = AnswerScore(answer=answer, predicted=predicted, found=marks, why=why)
        return Scored(sample=sample, score=score, traces={"extractor": trace_of(steps)})

    def remade(self, record: Marked, *, several: bool) -> Mapping[str, Fraction | None]:  # noqa: ARG002
        """The mark computed again from the predicted labels."""
        return {"score": f1_of(record.targets, record.predicted)}

    def is_right(self, marks: Mapping[str, Fraction | None]) -> bool:
        """Whether F1 is at least a half."""
        score = marks["score"]
        return score is not None and 2 * score >= 1


METRIC = SampleF1()
