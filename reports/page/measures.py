"""What pages need of measures: their names and titles, and a column of scores each."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from benchmark.suite import suite_of
from evaluators.measures import measures_of as measures_of_suite
from evaluators.metrics.metric import Mean, Measure
from reports.kept.record import Record
from reports.kept.report import Report

Mix: TypeAlias = tuple[str, str]
"""The names of two measures whose mean is a third; the page's reader may weigh them by alpha and 1 - alpha."""

ALPHA_STEPS = 20
ALPHAS = tuple(step / ALPHA_STEPS for step in range(ALPHA_STEPS + 1))
"""The weights for which a page has intervals of a mixture."""


def measures_of(report: Report) -> Sequence[Measure]:
    """The measures of a run; tables and charts start with the first, the headline."""
    return list(measures_of_suite(suite_of(report.provenance)).by_name.values())


def mix_of(measure: Measure) -> Mix | None:
    """The measures that this one is the mean of; None if it is no mixture."""
    return measure.mix if isinstance(measure, Mean) else None


def measures_data(measures: Sequence[Measure]) -> Mapping[str, Any]:
    """The measures as the page's scripts read them, and the number of steps of alpha between 0 and 1."""
    shown = [
        {
            "name": measure.name,
            "title": measure.title,
            "short": (isinstance(measure, Mean) and measure.short) or measure.title,
            "bounded": measure.bounded,
            "mix": mix_of(measure),
        }
        for measure in measures
    ]
    return {"measures": shown, "alpha_steps": ALPHA_STEPS}


def own(measures: Sequence[Measure]) -> Sequence[Measure]:
    """The measures that are no mixture of others."""
    return [measure for measure in measures if mix_of(measure) is None]


def refusal(measures: Sequence[Measure]) -> str:
    """The words for a refusal that has a score, with the measures that are 0 for it."""
    zero = [measure.title for measure in measures if isinstance(measure, Mean) and measure.zero_if_refused]
    return f"a refusal: {', '.join(zero)} is 0" if zero else "a refusal"


def scores_of(records: Sequence[Record], measures: Sequence[Measure]) -> Mapping[str, Sequence[float | None]]:
    """A column of scores, 0 to 1 if bounded, for each measure that is no mixture; None for a record without a score."""
    return {
        measure.name: [_rounded(record.scores.get(measure.name)) for record in records] for measure in own(measures)
    }


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 6)
