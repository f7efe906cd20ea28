"""How far the run's ratings would be another's: the word list's, the other judges', the same judge's asked again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations

from pydantic import BaseModel, ConfigDict

from benchmark.printed import as_inline_markdown
from reports.agreement import Repeats, Variances, alpha, kappa, split_variance
from reports.record import RatedStep, Record
from reports.run import DISAGREEMENTS
from reports.stats import NAMES


class Agreed(BaseModel):
    """How far raters of the same steps agree; 1 is wholly, 0 no more than by chance, None undefined.

    Attributes:
        rules_kappa: Cohen's kappa of judge and word list: is the last step wholly right.
        rules_compared: on how many samples.
        differing: of these, where they rate the last step otherwise; `disagreements.md` shows them.
        alpha_steps: several judges' Krippendorff's alpha, nominal, over the steps before the last.
        alpha_recognition: the same over last steps, by size (interval).
        kappas: Cohen's kappa of each two judges over all steps, as `A | B`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules_kappa: float | None
    rules_compared: int
    differing: int
    alpha_steps: float | None = None
    alpha_recognition: float | None = None
    kappas: Mapping[str, float | None] = {}


def agreed_of(records: Iterable[Record]) -> Agreed:
    """The agreement over scored samples."""
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


def variance_of(records: Iterable[Record]) -> Mapping[str, Variances]:
    """What each score's variance is made up of; empty without `--repeats`."""
    repeated = [record.repeats for record in records if record.repeats is not None and record.repeats.error is None]
    split = {
        name: split_variance(
            [
                Repeats(
                    answers=tuple(getattr(marks, name) for marks in one.answers),
                    judgements=tuple(getattr(marks, name) for marks in one.judgements),
                )
                for one in repeated
            ]
        )
        for name in NAMES
    }
    return {name: variances for name, variances in split.items() if variances is not None}


def disagreements_of(records: Iterable[Record]) -> Iterator[str]:
    """The lines of a list to read: samples whose last step judge and word list rate otherwise, in Markdown."""
    yield "# Where the judge and the word list rate the last step otherwise"
    yield ""
    yield "Neither is right by itself: read the prediction, and decide who is."
    yield ""
    for record in records:
        if (last := record.prediction) is None or record.by_rules is None:
            continue
        if Fraction(last.rating) != Fraction(record.by_rules):
            said = f"; it says: {as_inline_markdown(last.reason)}" if last.reason else ""
            named, true, told = map(as_inline_markdown, (record.id, ", ".join(record.targets), last.text))
            yield f"- **{named}**: true {true}; said {told}"
            yield f"  - judge {last.rating}, word list {record.by_rules}{said}"


def notes_on(agreed: Agreed | None, variances: Mapping[str, Variances]) -> list[str]:
    """What a reader must know of it, in sentences."""
    return [*(_agreement(agreed) if agreed else ()), *_variances(variances)]


def _agreement(agreed: Agreed) -> Iterator[str]:
    if agreed.differing:
        yield (
            f"Judge and word list rate {agreed.differing} of {agreed.rules_compared} last steps otherwise "
            f"(kappa {_figure(agreed.rules_kappa)}); {DISAGREEMENTS} lists them."
        )
    if agreed.kappas:
        pairs = ", ".join(f"{pair} {_figure(figure)}" for pair, figure in agreed.kappas.items())
        yield (
            f"Judges among themselves: Krippendorff's alpha {_figure(agreed.alpha_steps)} on steps, "
            f"{_figure(agreed.alpha_recognition)} on last steps; Cohen's kappa {pairs}."
        )


def _variances(variances: Mapping[str, Variances]) -> Iterator[str]:
    for name, split in variances.items():
        total = split.model + split.judge + split.sample
        if total:
            shares = ", ".join(f"{part} {getattr(split, part) / total:.0%}" for part in ("sample", "model", "judge"))
            yield f"Variance of {name} over {split.repeats} repeats: {shares}."


def _figure(figure: float | None) -> str:
    return "undefined" if figure is None else f"{figure:.2f}"
