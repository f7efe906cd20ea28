"""The exit code of a run: decided in one place, last, of all that is known of its end."""

from dataclasses import dataclass

import pytest

from reports.gate.verdict import EXIT_CODES
from reports.kept.report import Word

UNKEPT = int(pytest.ExitCode.INTERNAL_ERROR)
"""What was found could not be kept or shown, or the suite, pytest or another plugin has met an error."""
ENDED_EARLY = int(pytest.ExitCode.INTERRUPTED)

OVER = frozenset({0, 1, *EXIT_CODES.values()})
"""Codes that say nothing against a verdict: pytest's own of a run that is over, and what plugins may set it to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run has ended.

    Attributes:
        status: pytest's own exit code, after all plugins have had their say.
        lost: whether samples, report or verdict could not be kept or shown.
        whole: whether each selected sample has been asked, or its case skipped.
        gated: whether a gate was asked for.
        shard: whether the run is a part, whose gate is decided when all parts are merged.
        word: the gate's verdict, where there is one.
        settled: whether the run was ended because its verdict could not change any more.
        stray: whether something besides the samples has failed.
    """

    status: int
    lost: bool = False
    whole: bool = True
    gated: bool = False
    shard: bool = False
    word: Word | None = None
    settled: bool = False
    stray: bool = False


def exit_code(ending: Ending) -> int:
    """The code; of a gated run it is its verdict's only where that verdict is on the whole run, and has been kept."""
    if ending.lost:
        return UNKEPT
    if not ending.gated:
        return ending.status if ending.whole or ending.status != 0 else ENDED_EARLY
    if ending.status not in OVER and not (ending.settled and ending.status == ENDED_EARLY):
        return ending.status
    if ending.word is None and ending.shard:
        return UNKEPT if ending.stray else 0 if ending.whole else ENDED_EARLY
    if ending.word is None or (ending.word == "PASS" and ending.stray):
        return UNKEPT
    return EXIT_CODES[ending.word]
