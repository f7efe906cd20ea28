"""The metrics of EmoBench (EmoLLM, arXiv 2406.16442): accuracy in six tasks, and the mean of the six.

Closed questions and those answered by yes or no are scored as by `labels`, with the verdict of a yes-no question where
`verdicts.stated` looks for it. An open answer names an emotion: it is right if its last line names a single word for an
emotion, or ends with one that the list of such words lacks, and this is the true one, a form of it or a synonym
(`synonyms.toml`). The authors' way to read open answers is not published.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from benchmark.errors import ExtractorError, boundary
from benchmark.model import Answer
from benchmark.task import Sample
from evaluators.judge.labels import named_labels
from evaluators.metrics.labels import Labels, Shown, accuracy
from evaluators.metrics.means import MeanOfMeans
from evaluators.metrics.metric import Marked, Mean, Measure, Roles
from evaluators.metrics.verdicts.stated import stated
from evaluators.outcome import AnswerScore, Scored
from evaluators.words import found_words

TASKS = ("Emo-C", "Emo-O", "intent", "hate", "humour", "sarcasm")
SCORE = MeanOfMeans("score", "Score", TASKS, mark="accuracy")
ACCURACY = Mean("accuracy", "Accuracy")

_WORD = re.compile(r"[^\W\d_]+")

_SHOWN: tuple[Shown, ...] = (SCORE, ("accuracy", "Accuracy", accuracy))
CLOSED = Labels(name="emobench_closed", shown=_SHOWN)
YES_NO = Labels(name="emobench_yes_no", shown=_SHOWN, reads=stated)


def _marks(targets: Sequence[str], predicted: Sequence[str]) -> Mapping[str, Fraction | None]:
    right = len(predicted) == 1 and bool(named_labels(predicted[0], targets))
    return {"accuracy": Fraction(right)}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLabel:
    """The metric of emotions that are named freely, in one word; it asks no agent."""

    name: str = "emobench"
    roles: frozenset[str] = frozenset()
    marks: tuple[str, ...] = ("accuracy",)
    measures: tuple[Measure, ...] = (SCORE, ACCURACY)
    details: tuple[Measure, ...] = ()
    floor: Measure = ACCURACY

    async def score(self, sample: Sample, answer: Answer, roles: Roles, repeat: int = 0) -> Scored:  # noqa: ARG002
        """The score of the word in the answer's last line.

        Raises:
            ModelError: the answer has only thoughts, and these are ignored.
            ExtractorError: the word lists failed on the answer.
        """
        rated = roles.rated(answer)
        with boundary(ExtractorError):
            text = rated.text if rated.text.strip() else rated.reasoned
            last = text.strip().rpartition("\n")[2]
            # the list of words lacks rare ones
            predicted = found_words(last) or tuple(word.casefold() for word in _WORD.findall(last)[-1:])
        why = f'the emotion is "{sample.targets[0]}", the answer names {", ".join(predicted) or "none"}'
        found = _marks(sample.targets, predicted)
        return Scored(sample=sample, score=AnswerScore(answer=answer, predicted=predicted, found=found, why=why))

    def remade(self, record: Marked, *, several: bool) -> Mapping[str, Fraction | None]:  # noqa: ARG002
        """The mark computed again from the words."""
        return _marks(record.targets, record.predicted)

    def is_right(self, marks: Mapping[str, Fraction | None]) -> bool:
        """Whether the word means the true emotion."""
        return marks["accuracy"] == 1


METRIC = OpenLabel()
