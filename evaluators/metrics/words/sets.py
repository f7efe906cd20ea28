"""Sets of words: how well the words of a free answer cover the true ones, by groups of words in five emotion wheels.

True words and those of the answer are mapped to the inner words of a wheel (level 1) or to those around these (level
2). A sample's precision is the share of its mapped words that are true, its recall the share of true ones that it
names; both are 0 if it names none. A sample of whose true words none has a place in a wheel does not count there. The
score is F = 2 P R / (P + R) of mean precision and mean recall, then the mean over wheels (MER-UniBench, arXiv
2501.16566), and with two levels over levels (MER2025, track MER-FG, arXiv 2504.19423). It is F of
means, not a mean of F.
"""

from dataclasses import dataclass
from fractions import Fraction

from benchmark.model import Answer
from benchmark.suites.mer_unibench.wheels import LEVELS, MAPS, WHEELS, WordMap
from benchmark.task import Sample
from evaluators.metrics.metric import Marked, Mean, Measure, Roles, is_scored
from evaluators.metrics.words.marks import Marks, checked, maps_of, score_of, words_in
from evaluators.metrics.words.primary import PRIMARIES, SETS, mean_precision, mean_recall, set_kind, set_names
from evaluators.metrics.words.sums import BySet
from evaluators.outcome import Scored, spent

HALF = Fraction(1, 2)


def overlaps(
    targets: tuple[str, ...], predicted: tuple[str, ...], words: WordMap, levels: tuple[int, ...] = (1,)
) -> dict[str, Fraction | None]:
    """Precision and recall for each map, level and wheel; None if no true word has a place there."""
    marks: dict[str, Fraction | None] = {}
    for forms in MAPS:
        names = zip(*set_names(forms, levels), strict=True)
        where = [(level, wheel) for level in levels for wheel in range(WHEELS)]
        for (precision, recall), (level, wheel) in zip(names, where, strict=True):
            marks[precision] = marks[recall] = None
            if forms in words.forms and (true := words.group(targets, forms=forms, wheel=wheel, level=level)):
                said = words.group(predicted, forms=forms, wheel=wheel, level=level)
                both = len(true & said)
                marks[precision] = Fraction(both, len(said)) if said else Fraction(0)
                marks[recall] = Fraction(both, len(true))
    return marks


def _exact(record: Marked) -> float | None:
    return float(set(record.targets) == set(record.predicted)) if is_scored(record) else None


EXACT = Mean("exact", "Exactly the true words", mark=_exact)


@dataclass(frozen=True, slots=True, kw_only=True)
class WordSets:
    """The metric: an extractor lists the answer's words for emotions; `levels` are those of the wheels."""

    name: str
    levels: tuple[int, ...]
    measures: tuple[Measure, ...]
    details: tuple[Measure, ...]
    roles: frozenset[str] = frozenset({"extractor"})
    floor: Measure = EXACT

    @property
    def marks(self) -> tuple[str, ...]:
        """Precision and recall in each wheel, by map and level."""
        return tuple(name for forms in MAPS for names in set_names(forms, self.levels) for name in names)

    async def score(self, sample: Sample, answer: Answer, roles: Roles, repeat: int = 0) -> Scored:  # noqa: ARG002
        """Precision and recall in each wheel.

        Raises:
            DataError: the word maps cannot be read.
            RunError: the data has no word maps.
            ModelError: the answer has only thoughts, and these are ignored.
            ExtractorError: the extractor gave no usable reply.
        """
        maps = maps_of(sample)
        words, traces = await words_in(sample, answer, roles)
        with spent(traces):
            found = overlaps(sample.targets, words, maps, self.levels)
            return Scored(sample=sample, score=score_of(sample, answer, words, found), traces=traces)

    def remade(self, record: Marked, *, several: bool) -> Marks:  # noqa: ARG002
        """The marks as stated, since the word maps are not kept.

        Raises:
            ValueError: one is not from 0 to 1.
        """
        return checked(record, self.marks)

    def is_right(self, marks: Marks) -> bool:
        """Whether the answer names at least half of what is true: mean recall over wheels, by the map of 2025."""
        known = [mark for name in set_names(MAPS[0], self.levels)[1] if (mark := marks[name]) is not None]
        return sum(known, Fraction(0)) >= HALF * len(known)


METRIC = WordSets(
    name="words.sets",
    levels=(1,),
    measures=(*PRIMARIES, BySet("set_f1", "F, map 2025", (SETS[0],))),
    details=(
        BySet("set_precision", "Precision, map 2025", (set_kind(MAPS[0], (1,), mean_precision),)),
        BySet("set_recall", "Recall, map 2025", (set_kind(MAPS[0], (1,), mean_recall),)),
        BySet("set_f1_2026", "F, map 2026", (SETS[1],)),
    ),
)
ONE_LEVEL = WordSets(
    name="words.sets",
    levels=(1,),
    measures=(
        BySet("set_f1", "F, map 2025", (SETS[0],)),
        BySet("set_f1_2026", "F, map 2026", (SETS[1],)),
        BySet("set_precision", "Precision, map 2025", (set_kind(MAPS[0], (1,), mean_precision),)),
        BySet("set_recall", "Recall, map 2025", (set_kind(MAPS[0], (1,), mean_recall),)),
    ),
    details=(),
)
"""The same for a suite that has only such sets."""
TWO_LEVELS = WordSets(
    name="words.sets",
    levels=LEVELS,
    measures=(
        BySet("mean_f1", "F, two levels, map 2025", (set_kind(MAPS[0], LEVELS),)),
        BySet("mean_f1_2026", "F, two levels, map 2026", (set_kind(MAPS[1], LEVELS),)),
        BySet("set_f1", "F, map 2025", (SETS[0],)),
        BySet("level2_f1", "F, level 2, map 2025", (set_kind(MAPS[0], (2,)),)),
    ),
    details=(),
)
"""The same at two levels, as in MER2025."""
