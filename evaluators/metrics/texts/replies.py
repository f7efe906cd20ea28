"""The metrics of a dialogue that the model under test continues, and of the emotion of the person it talks to.

A reply is compared with what a person replied, as by ReflectDiffu (arXiv 2409.10289) and others on EmpatheticDialogues:
BLEU of the whole set of replies, BERTScore, and Dist-1 and Dist-2, the share of different words and of different pairs
of words in all replies (Li et al. 2016, arXiv 1510.03055, section 5.2, divide by the number of words in both; here, as
is usual now, by that of the words and of the pairs). BLEU and Dist are no means over samples: their intervals use
pseudo-values. The emotion is read as by `labels`, and counts by accuracy.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import numpy as np

from benchmark.model import Answer
from benchmark.task import Sample
from evaluators.metrics.labels import Labels, accuracy
from evaluators.metrics.metric import Column, Marked, Mean, Measure, Roles, is_scored
from evaluators.metrics.texts.overlap import (
    ORDERS,
    bleu_counts,
    check_packages,
    corpus_bleu,
    sentence_bleu,
    words_of,
)
from evaluators.metrics.words.sums import BySet, OfSums, Vector, pseudo_values, share
from evaluators.outcome import AnswerScore, Scored

BLEU, BERTSCORE, REPLIED = "bleu", "bertscore", "replied"
"""The marks: BLEU of the reply alone, BERTScore, and whether there is a reply at all, 0 or 1."""

FLOOR = Mean(BLEU, "BLEU")


def _counts(record: Marked) -> Vector:
    return np.array(bleu_counts(record.predicted[0], record.targets[0]), dtype=float)


def _counts_filled(record: Marked, right: bool) -> Vector:  # noqa: FBT001  the order of `OfSums.filled`
    """The counts of the reference itself, or of a reply of its length that has nothing in common with it."""
    counts = np.array(bleu_counts(record.targets[0], record.targets[0]), dtype=float)
    counts[:ORDERS] *= right
    return counts


def _bleu_of(order: int, sums: Vector) -> Vector:
    return np.apply_along_axis(partial(corpus_bleu, order=order), -1, sums)


def _mark(name: str, record: Marked) -> Vector:
    mark = record.scores.get(name)
    return np.array([np.nan if mark is None else mark, 1.0])


def _mean_of(name: str) -> OfSums:
    """The mean of a mark; nan if a sample with a score lacks it."""
    return OfSums(
        mark=name,
        part=partial(_mark, name),
        filled=lambda _, right: np.array([float(right), 1.0]),
        of=lambda sums: share(sums[..., 0], sums[..., 1]),
    )


@dataclass(frozen=True, slots=True)
class Distinct:
    """The share of different n-grams among all n-grams of all replies, 0 to 1; the more replies, the smaller it is.

    A sample without a score counts with as many n-grams as the mean reply has: all new if right, none new if wrong.

    Attributes:
        order: the words of an n-gram.
        mark: a mark that only replies have.
    """

    order: int
    mark: str = BLEU

    def value(self, records: Sequence[Marked]) -> float:
        """The share; 0 without any n-gram."""
        grams = [self._grams(record) for record in records]
        total = sum(map(len, grams))
        return len(set().union(*grams)) / total if total else 0.0

    def pseudo(self, records: Sequence[Marked], *, right: bool) -> Column:
        """Pseudo-values, shape (records,): without a reply, n-grams that only it has are missing."""
        grams = [self._grams(record) if is_scored(record) else None for record in records]
        known = [Counter(reply) for reply in grams if reply is not None]
        holders = Counter(gram for reply in known for gram in reply)
        mean = sum(reply.total() for reply in known) / len(known) if known else 1.0
        parts = np.array(
            [
                (mean * right, mean) if reply is None else (sum(holders[gram] == 1 for gram in set(reply)), len(reply))
                for reply in grams
            ],
            dtype=float,
        )
        shared = sum(count > 1 for count in holders.values())
        own, total = parts[:, 0].sum() + shared, parts[:, 1].sum()
        return pseudo_values(
            own / total if total else 0.0,
            (own - parts[:, 0]) / np.maximum(total - parts[:, 1], 1.0),
        )

    def _grams(self, record: Marked) -> Sequence[tuple[str, ...]]:
        words = words_of(record.predicted[0])
        return list(zip(*(words[start:] for start in range(self.order)), strict=False))


def _marks(
    predicted: Sequence[str], targets: Sequence[str], bertscore: Fraction | None
) -> Mapping[str, Fraction | None]:
    """All marks of a reply, which is "" if the model thought but said nothing."""
    return {
        BLEU: Fraction(sentence_bleu(predicted[0], targets[0])),
        BERTSCORE: bertscore,
        REPLIED: Fraction(predicted[0] != ""),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Replies:
    """The metric of replies; it asks no agent."""

    name: str = "texts.replies"
    roles: frozenset[str] = frozenset({BERTSCORE})
    marks: tuple[str, ...] = (BLEU, BERTSCORE, REPLIED)
    measures: tuple[Measure, ...] = (
        BySet(BLEU, "BLEU", (OfSums(mark=BLEU, part=_counts, filled=_counts_filled, of=partial(_bleu_of, ORDERS)),)),
        BySet(BERTSCORE, "BERTScore", (_mean_of(BERTSCORE),)),
        BySet("dist_1", "Dist-1", (Distinct(1),)),
        BySet("dist_2", "Dist-2", (Distinct(2),)),
    )
    details: tuple[Measure, ...] = tuple(
        BySet(
            f"bleu_{order}",
            f"BLEU-{order}",
            (OfSums(mark=BLEU, part=_counts, filled=_counts_filled, of=partial(_bleu_of, order)),),
        )
        for order in range(1, ORDERS)
    )
    floor: Measure = FLOOR

    @property
    def remark(self) -> str:
        """What a case is, and how BLEU is computed."""
        return (
            "A reply is not right or wrong: a case passes if there is one. BLEU is sacrebleu's, of all replies"
            " together (nrefs:1, case:mixed, eff:no, tok:13a, smooth:exp). Dist falls with the number of replies."
        )

    def check(self) -> None:
        """Checks that sacrebleu is installed.

        Raises:
            RunError: it is not.
        """
        check_packages("BLEU of replies")

    async def score(self, sample: Sample, answer: Answer, roles: Roles, repeat: int = 0) -> Scored:  # noqa: ARG002
        """The score of the answer's text, which is kept as `predicted`; thoughts are no part of a reply.

        Raises:
            ModelError: the answer has only thoughts, and these are ignored.
            RunError: the model of BERTScore cannot be loaded.
        """
        said = roles.rated(answer).text.strip()
        alike = await roles.bertscore.score(said, sample.targets[0]) if roles.bertscore else None
        score = AnswerScore(
            answer=answer,
            predicted=(said,),
            found=_marks((said,), sample.targets, None if alike is None else Fraction(alike)),
            why=f"{answer.model} gives no reply",
        )
        return Scored(sample=sample, score=score)

    def remade(self, record: Marked, *, several: bool) -> Mapping[str, Fraction | None]:  # noqa: ARG002
        """The marks, computed again from the reply and the reference; BERTScore as the record states it.

        Raises:
            ValueError: there is no reply, or BERTScore is not from 0 to 1.
        """
        if len(record.predicted) != 1 or len(record.targets) != 1:
            raise ValueError("it must have one reply as `predicted` and one true label")
        alike = record.scores.get(BERTSCORE)
        if alike is not None and not 0 <= alike <= 1:
            raise ValueError(f"{BERTSCORE} is not from 0 to 1")
        return _marks(record.predicted, record.targets, None if alike is None else Fraction(alike))

    def is_right(self, marks: Mapping[str, Fraction | None]) -> bool:
        """Whether there is a reply at all."""
        return marks[REPLIED] == 1


METRIC = Replies()
EMOTION = Labels(
    name="emotion",
    shown=(("accuracy", "Accuracy", accuracy),),
    instead=(BySet("accuracy", "Accuracy", (_mean_of("accuracy"),)),),
)
"""The metric of the emotion; its accuracy is that of its own samples, in a suite that has replies too."""
