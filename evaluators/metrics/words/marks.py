"""What the metrics of words in emotion wheels share: the mapped words of an answer, and its marks.

Formulas: MER-UniBench (Lian et al. 2025, arXiv 2501.16566); for two levels MER2025, track MER-FG (arXiv
2504.19423). Code: `my_affectgpt/evaluation/wheel.py` of zeroQiaoba/AffectGPT.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

import numpy as np

from benchmark.errors import DataError, RunError
from benchmark.model import Answer
from benchmark.suites.mer_unibench.wheels import WHEELS, WordMap, read_wheels
from benchmark.task import Sample
from evaluators.metrics.metric import Marked, Roles
from evaluators.metrics.words.sums import Vector
from evaluators.outcome import AnswerScore, Trace, shortened, trace_of
from evaluators.words import extract_words

Marks = Mapping[str, Fraction | None]


def score_of(sample: Sample, answer: Answer, predicted: tuple[str, ...], marks: Marks) -> AnswerScore:
    """The score of an answer that names these words, or their sentiment."""
    said, true = (shortened(", ".join(words) or "none") for words in (predicted, sample.targets))
    why = f"true is {true}; the answer names {said}"
    return AnswerScore(answer=answer, predicted=predicted, found=marks, why=why)


async def words_in(sample: Sample, answer: Answer, roles: Roles) -> tuple[tuple[str, ...], dict[str, Trace]]:
    """The words for emotions that an answer names, and how the extractor was asked for them.

    Raises:
        ModelError: the answer has only thoughts, and these are ignored.
        ExtractorError: the extractor gave no usable reply.
    """
    reply = await extract_words(roles.extractor, roles.rated(answer), sample.task.subject)
    return reply.value, {"extractor": trace_of(reply)}


def together(first: Trace, second: Trace) -> Trace:
    """The trace of an agent that was asked twice."""
    return Trace(
        model=first.model if second.model is None else second.model,
        usage=first.usage + second.usage,
        rejected=first.rejected + second.rejected,
        left_out=tuple(dict.fromkeys(first.left_out + second.left_out)),
    )


def maps_of(sample: Sample) -> WordMap:
    """The word maps of a sample's data.

    Raises:
        RunError: its data has none.
        DataError: they cannot be read.
    """
    if sample.resources is None:
        raise RunError(f"{sample.task.name} needs the authors' word maps: use a folder that has them as --data.")
    try:
        return read_wheels(sample.resources)
    except DataError as error:
        raise DataError(f"The word maps cannot be read: {error}") from error


def level_names(kind: str, forms: str, level: int) -> tuple[str, ...]:
    """The names of a mark in each wheel, e.g. `hit_2025_1_w1`: of the map of 2025, at level 1."""
    return tuple(f"{kind}_{forms}_{level}_w{wheel}" for wheel in range(1, WHEELS + 1))


def stated(record: Marked, names: Iterable[str]) -> Vector:
    """The marks of a record, shape (names,); nan for those that it does not have."""
    return np.array([record.scores.get(name) for name in names], dtype=float)


def checked(record: Marked, names: Sequence[str]) -> Marks:
    """The marks that a record states, if they can be true.

    The maps are not kept with a record, so that its marks cannot be computed again.

    Raises:
        ValueError: one is not from 0 to 1.
    """
    marks: dict[str, Fraction | None] = {}
    for name in names:
        score = record.scores.get(name)
        if score is not None and not 0 <= score <= 1:
            raise ValueError(f"{name} is not from 0 to 1")
        marks[name] = None if score is None else Fraction(score)
    return marks
