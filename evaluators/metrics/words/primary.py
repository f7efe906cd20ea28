"""How sets of MER-UniBench's three kinds are scored, and their common headline: the mean of each set's own score.

Formulas: arXiv 2501.16566, table 2. Sets of one true word have the hit rate; sets of several the F of
mean precision and mean recall; sets of a valence the weighted F1 of its sign.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from benchmark.suites.mer_unibench.wheels import MAPS
from evaluators.metrics.metric import Marked, Measure
from evaluators.metrics.words.marks import level_names, stated
from evaluators.metrics.words.sums import BySet, OfSums, Vector, mean_over_wheels, share

HIT_NAMES = tuple(level_names("hit", forms, 1) for forms in MAPS)
"""The marks of a hit in each wheel, by map."""
SIGN = "sign"
"""The mark of a right sign; None if the true valence is 0."""
POSITIVE, NEGATIVE, NEUTRAL = "positive", "negative", "neutral"


def _counted(values: Vector) -> Vector:
    """The values and whether each is there, shape (2 d,)."""
    known = ~np.isnan(values)
    return np.concatenate([np.where(known, values, 0.0), known.astype(float)])


def _all(size: int, copies: int, _: Marked, right: bool) -> Vector:  # noqa: FBT001  the order of `OfSums.filled`
    """The part of a sample that is right, or wrong, in all respects, and counts in all."""
    return np.concatenate([np.full(copies * size, float(right)), np.ones(size)])


def hit_rate(sums: Vector) -> Vector:
    """The mean over wheels of hits by samples that count; sums of hits and of samples, shape (…, 10)."""
    hit, count = np.split(sums, 2, axis=-1)
    return mean_over_wheels(share(hit, count))


def hit_kind(names: Sequence[str]) -> OfSums:
    """The hit rate by the marks of these names."""
    return OfSums(
        mark=names[0],
        part=lambda record: _counted(stated(record, names)),
        filled=partial(_all, len(names), 1),
        of=hit_rate,
    )


def f_of_means(sums: Vector) -> Vector:
    """The mean over wheels and levels of F = 2 P R / (P + R), P and R means over samples; 0 if both are 0.

    Args:
        sums: of precision, of recall and of samples that count, shape (…, 3 d).
    """
    precision, recall = means_of(sums)
    both = precision + recall
    some = both > 0
    f = np.where(np.isnan(both), np.nan, 0.0)
    return mean_over_wheels(np.where(some, 2 * precision * recall / np.where(some, both, 1.0), f))


def means_of(sums: Vector) -> tuple[Vector, Vector]:
    """The mean precision and the mean recall in each wheel."""
    precision, recall, count = np.split(sums, 3, axis=-1)
    return np.maximum(share(precision, count), 0.0), np.maximum(share(recall, count), 0.0)


def mean_precision(sums: Vector) -> Vector:
    """The mean over wheels of mean precision."""
    return mean_over_wheels(means_of(sums)[0])


def mean_recall(sums: Vector) -> Vector:
    """The mean over wheels of mean recall."""
    return mean_over_wheels(means_of(sums)[1])


def set_names(forms: str, levels: Sequence[int]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The marks of precision and of recall in each wheel at these levels."""
    precision, recall = ([name for level in levels for name in level_names(kind, forms, level)] for kind in "pr")
    return tuple(precision), tuple(recall)


def _set_part(names: tuple[Sequence[str], Sequence[str]], record: Marked) -> Vector:
    precision, recall = (stated(record, part) for part in names)
    return np.concatenate([np.nan_to_num(precision), _counted(recall)])


def set_kind(forms: str, levels: Sequence[int], of: Callable[[Vector], Vector] = f_of_means) -> OfSums:
    """A score of sets of words, by the marks of one map at these levels."""
    names = set_names(forms, levels)
    size = len(names[0])
    return OfSums(mark=names[0][0], part=partial(_set_part, names), filled=partial(_all, size, 2), of=of)


def _sign_counts(true: str, said: Sequence[str]) -> Vector:
    """Which cell of the confusion matrix a sample is in: true and said positive, only true, only said, neither.

    A valence of 0 is in none. Whatever is not positive counts as negative.
    """
    cells = np.zeros(4)
    if true != NEUTRAL:
        cells[2 * (true != POSITIVE) + (tuple(said) != (POSITIVE,))] = 1.0
    return cells


def _sign_filled(record: Marked, right: bool) -> Vector:  # noqa: FBT001  the order of `OfSums.filled`
    true = record.targets[0]
    return _sign_counts(true, (POSITIVE if (true == POSITIVE) == right else NEGATIVE,))


def weighted_f1(cells: Vector) -> Vector:
    """The F1 of positive and of negative, weighted by how often each is true; nan without samples, shape (…, 4)."""
    tp, fn, fp, tn = np.moveaxis(cells, -1, 0)
    f1 = [2 * right / np.maximum(2 * right + fn + fp, 1.0) for right in (tp, tn)]
    return share(f1[0] * (tp + fn) + f1[1] * (fp + tn), cells.sum(axis=-1))


def accuracy(cells: Vector) -> Vector:
    """The share of right signs; nan without samples."""
    return share(cells[..., 0] + cells[..., 3], cells.sum(axis=-1))


def sign_kind(of: Callable[[Vector], Vector]) -> OfSums:
    """A score of the sign of a valence."""
    return OfSums(
        mark=SIGN,
        part=lambda record: _sign_counts(record.targets[0], record.predicted),
        filled=_sign_filled,
        of=of,
    )


HITS = tuple(map(hit_kind, HIT_NAMES))
SETS = tuple(set_kind(forms, (1,)) for forms in MAPS)
SIGNS = sign_kind(weighted_f1)
PRIMARIES: tuple[Measure, ...] = (
    BySet("score", "Score, map 2025", (HITS[0], SETS[0], SIGNS)),
    BySet("score_2026", "Score, map 2026", (HITS[1], SETS[1], SIGNS)),
)
"""The mean over sets of each set's own score, by map."""
