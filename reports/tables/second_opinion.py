"""How far judge and word list agree, in words."""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

from benchmark.printed import as_inline_markdown
from reports.kept.folder import DISAGREEMENTS
from reports.kept.record import Record
from reports.kept.report import Agreed
from reports.stats.agreement import Variances


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
