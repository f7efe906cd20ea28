"""What pages know of scores: names and titles, and a column of numbers each."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from reports.kept.record import Record
from reports.kept.report import NAMES, SHOWN


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
    """

    name: str
    title: str
    short: str
    bounded: bool = True
    mix: Mix | None = None


_SHORT = MappingProxyType({"recognition": "Recog.", "reasoning": "Reason."})
_MIXES = MappingProxyType({"cot": Mix(of=("recognition", "reasoning"))})

MEASURES = tuple(
    Measure(name=name, title=SHOWN[name], short=_SHORT.get(name, SHOWN[name]), mix=_MIXES.get(name)) for name in NAMES
)
"""The first is the headline, with which tables and charts begin. What pages know of measures, they know from here."""

REFUSAL = f"a refusal: {SHOWN['reasoning']} is 0"

ALPHA_STEPS = 20
ALPHAS = tuple(step / ALPHA_STEPS for step in range(ALPHA_STEPS + 1))
"""The weights for which a page has intervals of a mixture."""


def measures_data() -> Mapping[str, Any]:
    """A page's data of them."""
    return {"measures": [asdict(measure) for measure in MEASURES], "alpha_steps": ALPHA_STEPS}


def own_measures() -> Sequence[Measure]:
    """Those that are no mixture of others."""
    return [measure for measure in MEASURES if measure.mix is None]


def score_of(record: Record, name: str) -> float | None:
    """A record's score by a measure's name; None where it has none."""
    score: float | None = getattr(record, name)
    return score


def scores_of(records: Sequence[Record]) -> Mapping[str, Sequence[float | None]]:
    """A column for each measure that is no mixture, with as many digits as a page shows and then some."""
    return {
        measure.name: [None if (score := score_of(one, measure.name)) is None else round(score, 6) for one in records]
        for measure in own_measures()
    }
