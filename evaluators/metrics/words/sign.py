"""The sign of a valence: whether the words for emotions in a free answer are positive together, as the true valence is.

Samples with a valence of 0 do not count. What is not positive (negative, neutral, mixed, no words) counts as negative.
Weighted F1 is the mean F1 of both signs, weighted by how often each is true (MER-UniBench, arXiv 2501.16566,
and `calculate_dimension_zeroshot` of its code).
"""

from dataclasses import dataclass
from fractions import Fraction

from benchmark.model import Answer
from benchmark.task import Sample
from evaluators.metrics.metric import Marked, Mean, Measure, Roles, is_scored
from evaluators.metrics.words.marks import Marks, score_of, together, words_in
from evaluators.metrics.words.primary import NEUTRAL, POSITIVE, PRIMARIES, SIGN, SIGNS, accuracy, sign_kind
from evaluators.metrics.words.sums import BySet
from evaluators.outcome import Scored, spent, trace_of
from evaluators.words import extract_sign


def sign_mark(true: str, predicted: tuple[str, ...]) -> Marks:
    """1 if the sign is right, else 0; None if the true valence is 0."""
    if true == NEUTRAL:
        return {SIGN: None}
    return {SIGN: Fraction((true == POSITIVE) == (predicted == (POSITIVE,)))}


def _exact(record: Marked) -> float | None:
    return float(record.targets == record.predicted) if is_scored(record) else None


EXACT = Mean("sign", "Sign, neutral among them", mark=_exact)
F1 = BySet("weighted_f1", "Weighted F1", (SIGNS,))
ACCURACY = BySet("sign_accuracy", "Accuracy of the sign", (sign_kind(accuracy),))


@dataclass(frozen=True, slots=True, kw_only=True)
class WordSign:
    """The metric: an extractor lists the answer's words for emotions, then says whether they are positive."""

    name: str = "words.sign"
    roles: frozenset[str] = frozenset({"extractor"})
    marks: tuple[str, ...] = (SIGN,)
    measures: tuple[Measure, ...] = (*PRIMARIES, F1)
    details: tuple[Measure, ...] = (ACCURACY,)
    floor: Measure = EXACT

    async def score(self, sample: Sample, answer: Answer, roles: Roles, repeat: int = 0) -> Scored:  # noqa: ARG002
        """Whether the sign is right.

        Raises:
            ModelError: the answer has only thoughts, and these are ignored.
            ExtractorError: the extractor gave no usable reply.
        """
        words, traces = await words_in(sample, answer, roles)
        with spent(traces):
            sign = await extract_sign(roles.extractor, words)
            predicted = (sign.value,) if sign.value else ()
            score = score_of(sample, answer, predicted, sign_mark(sample.targets[0], predicted))
            trace = together(traces["extractor"], trace_of(sign))
            return Scored(sample=sample, score=score, traces={"extractor": trace})

    def remade(self, record: Marked, *, several: bool) -> Marks:  # noqa: ARG002
        """The mark computed again from the sign."""
        return sign_mark(record.targets[0], record.predicted)

    def is_right(self, marks: Marks) -> bool:
        """Whether the sign is right, or does not count."""
        return marks[SIGN] in (None, 1)


METRIC = WordSign()
