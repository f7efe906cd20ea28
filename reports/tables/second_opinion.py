"""How well the judge agrees with the word list and with itself, in sentences."""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

from benchmark.printed import as_inline_markdown
from reports.kept.folder import DISAGREEMENTS
from reports.kept.record import Record
from reports.kept.report import Agreed
from reports.stats.agreement import Variances


def disagreements_of(records: Iterable[Record]) -> Iterator[str]:
    """The lines of a list in Markdown: the samples whose last step the judge and the word list rate differently."""
    yield "# Samples whose last step the judge and the word list rate differently"
    yield ""
    yield "Either may be wrong: read the prediction and decide."
    yield ""
    for record in records:
        if (last := record.prediction) is None or record.by_rules is None:
            continue
        if Fraction(last.rating) != Fraction(record.by_rules):
            reason = f"; reason: {as_inline_markdown(last.reason)}" if last.reason else ""
            name, true, predicted = map(as_inline_markdown, (record.id, ", ".join(record.targets), last.text))
            yield f"- **{name}**: true {true}; predicted {predicted}"
            yield f"  - judge {last.rating}, word list {record.by_rules}{reason}"


def notes_on(agreed: Agreed | None, variances: Mapping[str, Variances]) -> list[str]:
    """Sentences on the agreement, of the word list and of several judges, and on the variance by score."""
    return [*(_agreement(agreed) if agreed else ()), *_variances(variances)]


def _agreement(agreed: Agreed) -> Iterator[str]:
    if agreed.differing:
        yield (
            f"Judge and word list rate {agreed.differing} of {agreed.rules_compared} last steps differently "
            f"(kappa {_figure(agreed.rules_kappa)}); {DISAGREEMENTS} lists them."
        )
    if agreed.kappas:
        pairs = ", ".join(f"{pair} {_figure(figure)}" for pair, figure in agreed.kappas.items())
        yield (
            f"Between judges: Krippendorff's alpha {_figure(agreed.alpha_steps)} on steps, "
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
