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
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from benchmark.errors import ExtractorError, boundary
from benchmark.model import Answer
from benchmark.task import Sample
from evaluators.judge.evidence import Question
from evaluators.judge.labels import named_labels
from evaluators.judge.rules import RulesExtractor
from evaluators.metrics.judged.graded import Graded
from evaluators.metrics.means import MeanOfMeans
from evaluators.metrics.metric import Marked, Mean, Measure, Roles
from evaluators.metrics.texts.overlap import Overlap
from evaluators.outcome import Scored, failing

FER = ("SOER", "SPER", "OSA", "EIA", "SCEA")
CEU = ("FGDEA", "PEA", "FCDEA", "CEIA", "MPDER")
SCEA = ("HU", "SD", "LR")

_OBJECT = re.compile(r"\{[^{}]*\}")
_VALUE = re.compile(r""":\s*(["'])(.*?)\1\s*(?=[,}])""", re.DOTALL)


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


RECOGNITION = Closed(measures=(SCORE, MeanOfMeans("fer", "FER", (FER,))))
CONVERSATION = Closed(measures=(SCORE, MeanOfMeans("ceu", "CEU", (CEU,))))
COMPLEX = Closed(measures=(SCORE, MeanOfMeans("scea", "SCEA", (SCEA,))))
OVERLAP = Overlap()
LAUGHTER = Graded(
    name="emobench_m_laughter",
    prompt="laughter",
    dimensions=("logic", "multimodal"),
    most=5,
    enough=Fraction(3, 5),  # three of five points in each dimension, on average
    measures=COMPLEX.measures,
    details=OVERLAP.details,
    overlap=OVERLAP,
)
"""The metric of explanations of laughter: a judge compares them with the reference, by the suite's `laughter.txt`.

The authors ask Qwen2.5-72B-Instruct once for each dimension, and count a reply without points as 0; here one request
asks for both, and a reply without points leaves the sample without a score.
"""
METRIC = RECOGNITION
