"""What pages know of scores: names and titles, and a column of numbers each."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmark.suite import suite_of
from evaluators.metrics.measures import measures_of as suite_measures
from evaluators.metrics.metric import Mean
from evaluators.metrics.metric import Measure as SuiteMeasure
from reports.kept.record import Record
from reports.kept.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """What a measure is made of: alpha of the first and 1 - alpha of the second; the page's reader chooses alpha."""

    of: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A column of scores.

    Attributes:
        name: that of the records' and the report's scores.
        title: what people read.
        short: the same where room is scarce.
        bounded: whether all its numbers lie between 0 and 1; if not, axes go by the numbers.
        mix: where it is a mixture of two others.
        zero_if_refused: whether a refusal has 0.
    """

    name: str
    title: str
    short: str
    bounded: bool = True
    mix: Mix | None = None
    zero_if_refused: bool = False


ALPHA_STEPS = 20
ALPHAS = tuple(step / ALPHA_STEPS for step in range(ALPHA_STEPS + 1))
"""The weights for which a page has intervals of a mixture."""


def measures_of(report: Report) -> Sequence[Measure]:
    """The measures of a run; the first is the headline, with which tables and charts begin."""
    return [_shown(measure) for measure in suite_measures(suite_of(report.provenance)).by_name.values()]


def _shown(measure: SuiteMeasure) -> Measure:
    name, title, bounded = measure.name, measure.title, measure.bounded
    if not isinstance(measure, Mean):
        return Measure(name=name, title=title, short=title, bounded=bounded)
    mix = Mix(of=measure.mix) if measure.mix else None
    zero = measure.zero_if_refused
    return Measure(name=name, title=title, short=measure.short or title, bounded=bounded, mix=mix, zero_if_refused=zero)


def measures_data(measures: Sequence[Measure]) -> Mapping[str, Any]:
    """A page's data of them."""
    return {"measures": [asdict(measure) for measure in measures], "alpha_steps": ALPHA_STEPS}


def own(measures: Sequence[Measure]) -> Sequence[Measure]:
    """Those that are no mixture of others."""
    return [measure for measure in measures if measure.mix is None]


def refusal(measures: Sequence[Measure]) -> str:
    """What a refusal that has a score comes to."""
    zero = [measure.title for measure in measures if measure.zero_if_refused]
    return f"a refusal: {', '.join(zero)} is 0" if zero else "a refusal"


def score_of(record: Record, name: str) -> float | None:
    """A record's score by a measure's name; None where it has none."""
    return record.scores.get(name)


def scores_of(records: Sequence[Record], measures: Sequence[Measure]) -> Mapping[str, Sequence[float | None]]:
    """A column for each measure that is no mixture, with as many digits as a page shows and then some."""
    return {measure.name: [_short(score_of(record, measure.name)) for record in records] for measure in own(measures)}


def _short(score: float | None) -> float | None:
    return None if score is None else round(score, 6)
