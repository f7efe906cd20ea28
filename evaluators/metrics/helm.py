"""The metric of HELM for short answers: equality, or an equal beginning, after the texts are normalised.

Both rules are those of stanford-crfm/helm (Apache-2.0), src/helm/benchmark/metrics/evaluate_reference_metrics.py:
`quasi_prefix_exact_match` for free answers, `quasi_exact_match` for letters of a multiple choice
(https://github.com/stanford-crfm/helm; AHELM, arXiv 2508.21376, table of scenarios and metrics).
"""

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from benchmark.model import Answer
from benchmark.task import Sample
from evaluators.metrics.metric import Marked, Mean, Measure, Roles
from evaluators.outcome import AnswerScore, Scored

ACCURACY = Mean("accuracy", "Accuracy")

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(a|an|the)\b")


def normalised(text: str) -> str:
    """The text in lower case, without ASCII punctuation and articles, with single blanks between words.

    In this order, so that `U.S.` becomes `us`, `the-end` becomes `theend`, and no article is left by punctuation.
    """
    return " ".join(_ARTICLE.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def begins_with(answer: str, truth: str) -> bool:
    """Whether the normalised answer begins with the normalised truth; not if the answer is empty.

    It need not end at the end of a word: `joyful` begins with `joy`. A truth of which nothing is left, such as `A`,
    begins every answer.
    """
    return bool(answer.strip()) and normalised(answer).startswith(normalised(truth))


def chosen(answer: str, letters: tuple[str, ...]) -> tuple[str, ...]:
    """The letter that the answer is, blanks around it aside; none if it is anything else, such as `A.` or `a`."""
    return tuple(letter for letter in letters if letter == answer.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Helm:
    """The metric; it asks no agent, and does not look at thoughts.

    Attributes:
        rule: `begins` for `begins_with`, `letter` for `chosen`.
    """

    rule: Literal["begins", "letter"]
    name: str = "helm"
    roles: frozenset[str] = frozenset()
    marks: tuple[str, ...] = ("accuracy",)
    measures: tuple[Measure, ...] = (ACCURACY,)
    details: tuple[Measure, ...] = ()
    floor: Measure = ACCURACY

    async def score(self, sample: Sample, answer: Answer, roles: Roles, repeat: int = 0) -> Scored:  # noqa: ARG002
        """The score of the answer's text.

        Raises:
            ModelError: the answer has only thoughts, and these are ignored.
        """
        text, labels = roles.rated(answer).text, sample.label_set
        if self.rule == "letter":
            predicted = chosen(text, labels)
        else:
            predicted = tuple(label for label in labels or sample.targets if begins_with(text, label))
        marks, why = _marks(sample.targets, predicted), f'the true answer is "{sample.targets[0]}"'
        return Scored(sample=sample, score=AnswerScore(answer=answer, predicted=predicted, found=marks, why=why))

    def remade(self, record: Marked, *, several: bool) -> Mapping[str, Fraction | None]:  # noqa: ARG002
        """The mark computed again from the labels that the answer counts as."""
        return _marks(record.targets, record.predicted)

    def is_right(self, marks: Mapping[str, Fraction | None]) -> bool:
        """Whether the answer counts as the truth."""
        return marks["accuracy"] == 1


def _marks(targets: Sequence[str], predicted: Sequence[str]) -> Mapping[str, Fraction | None]:
    """Accuracy: 1 if the answer counts as the truth, else 0."""
    return {"accuracy": Fraction(targets[0] in predicted)}


METRIC = Helm(rule="begins")
LETTERS = Helm(rule="letter")
