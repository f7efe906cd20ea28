"""The hit rate: whether a free answer names the one true emotion, by groups of words in five emotion wheels.

Both the true word and the words of the answer are mapped to the inner words of a wheel; the answer hits if the true
one is among its own. The rate is the mean over samples, then over wheels. A sample whose true word has no place in a
wheel does not count there: neutral is in none, so that neutral samples are never scored (MER-UniBench, arXiv
2501.16566, and `calculate_discrete_zeroshot` of its code).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from benchmark.model import Answer
from benchmark.suites.mer_unibench.wheels import MAPS, WHEELS, WordMap
from benchmark.task import Sample
from evaluators.metrics.metric import Marked, Mean, Measure, Roles, is_scored
from evaluators.metrics.words.marks import Marks, checked, maps_of, score_of, words_in
from evaluators.metrics.words.primary import HIT_NAMES, HITS, PRIMARIES
from evaluators.metrics.words.sums import BySet
from evaluators.outcome import Scored, spent


def hits(targets: tuple[str, ...], predicted: tuple[str, ...], words: WordMap) -> dict[str, Fraction | None]:
    """For each map and wheel 1 if the true word's place is among those of the answer, else 0; None if it has none."""
    marks: dict[str, Fraction | None] = {}
    for forms, names in zip(MAPS, HIT_NAMES, strict=True):
        for wheel in range(WHEELS):
            mark = None
            if forms in words.forms and (true := words.group(targets, forms=forms, wheel=wheel, level=1)):
                said = words.group(predicted, forms=forms, wheel=wheel, level=1)
                mark = Fraction(not true.isdisjoint(said))
            marks[names[wheel]] = mark
    return marks


def _hit(record: Marked) -> float | None:
    if not is_scored(record):
        return None
    return float(is_hit(record.scores) or not set(record.targets).isdisjoint(record.predicted))


NAMED = Mean("hit", "Hit, or the true word itself", mark=_hit)


def is_hit(marks: Mapping[str, Fraction | float | None]) -> bool:
    """Whether the answer hits in most of the wheels that know the true word, by the map of 2025."""
    known = [mark for name in HIT_NAMES[0] if (mark := marks[name]) is not None]
    return 2 * sum(known) > len(known)


@dataclass(frozen=True, slots=True, kw_only=True)
class WordHit:
    """The metric: an extractor lists the answer's words for emotions."""

    name: str = "words.hit"
    roles: frozenset[str] = frozenset({"extractor"})
    marks: tuple[str, ...] = (*HIT_NAMES[0], *HIT_NAMES[1])
    measures: tuple[Measure, ...] = (
        *PRIMARIES,
        BySet("hit_rate", "Hit rate, map 2025", (HITS[0],)),
    )
    details: tuple[Measure, ...] = (BySet("hit_rate_2026", "Hit rate, map 2026", (HITS[1],)),)
    floor: Measure = NAMED

    async def score(self, sample: Sample, answer: Answer, roles: Roles, repeat: int = 0) -> Scored:  # noqa: ARG002
        """The hits in each wheel.

        Raises:
            DataError: the word maps cannot be read.
            RunError: the data has no word maps.
            ModelError: the answer has only thoughts, and these are ignored.
            ExtractorError: the extractor gave no usable reply.
        """
        maps = maps_of(sample)
        words, traces = await words_in(sample, answer, roles)
        with spent(traces):
            score = score_of(sample, answer, words, hits(sample.targets, words, maps))
            return Scored(sample=sample, score=score, traces=traces)

    def remade(self, record: Marked, *, several: bool) -> Marks:  # noqa: ARG002
        """The marks as stated, since the word maps are not kept.

        Raises:
            ValueError: one is neither 0 nor 1.
        """
        marks = checked(record, self.marks)
        if strange := next((name for name, mark in marks.items() if mark not in (None, 0, 1)), None):
            raise ValueError(f"{strange} is neither 0 nor 1")
        return marks

    def is_right(self, marks: Marks) -> bool:
        """Whether it hits in most wheels that know the true word; a word that none knows, neutral, cannot be missed."""
        return is_hit(marks) or all(marks[name] is None for name in HIT_NAMES[0])


METRIC = WordHit()
