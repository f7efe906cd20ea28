"""How far the run's ratings agree with those of the word list, of the other judges, and of the same judge again."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import combinations

from reports.kept.record import RatedStep, Record
from reports.kept.report import Agreed
from reports.stats.agreement import Variances, alpha, kappa, split_variance


def agreed_of(records: Iterable[Record]) -> Agreed:
    """The agreement of the judge with the word list, and of several judges with each other, over scored samples."""
    scored = [record for record in records if record.prediction is not None and record.by_rules is not None]
    lasts = [record.prediction for record in scored if record.prediction is not None]
    ours = [Fraction(last.rating) for last in lasts]
    rules = [Fraction(record.by_rules or 0) for record in scored]
    steps = [step for record in scored for step in record.steps]
    names = tuple(lasts[0].votes) if lasts else ()
    return Agreed(
        rules_kappa=kappa([rating == 1 for rating in ours], [rating == 1 for rating in rules]),
        rules_compared=len(scored),
        differing=sum(one != other for one, other in zip(ours, rules, strict=True)),
        alpha_steps=alpha(_votes(names, steps), level="nominal") if names else None,
        alpha_recognition=alpha(_votes(names, lasts), level="interval") if names else None,
        kappas={
            f"{one} | {other}": kappa(*([step.votes[name] for step in (*steps, *lasts)] for name in (one, other)))
            for one, other in combinations(names, 2)
        },
    )


def _votes(names: Sequence[str], steps: Sequence[RatedStep]) -> list[list[float | None]]:
    return [[float(Fraction(step.votes[name])) for step in steps] for name in names]


def variance_of(records: Iterable[Record], names: Iterable[str]) -> Mapping[str, Variances]:
    """The components of each score's variance, by the score's name; empty without `--repeats`."""
    repeated = [record.repeats for record in records if record.repeats is not None and record.repeats.error is None]
    found = {}
    for name in names:
        if all(name in marks for one in repeated for marks in one.answers):
            rows = [[[marks[name] for marks in part] for part in (one.answers, one.judgements)] for one in repeated]
            found[name] = split_variance([(answers, judgements) for answers, judgements in rows])
    return {name: variances for name, variances in found.items() if variances is not None}
