"""The exit code of a run, decided in one place at its very end."""

from dataclasses import dataclass

import pytest

from reports.gate.verdict import EXIT_CODES
from reports.kept.report import Word

UNKEPT = int(pytest.ExitCode.INTERNAL_ERROR)
"""Results could not be written or printed, or the suite, pytest or another plugin failed."""
ENDED_EARLY = int(pytest.ExitCode.INTERRUPTED)

OVER = frozenset({0, 1, *EXIT_CODES.values()})
"""Codes that do not overrule a verdict: pytest's own for a finished run, and those that plugins may replace it with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run has ended.

    Attributes:
        status: pytest's exit code, after all plugins could change it.
        lost: whether samples, report or verdict could not be written or printed.
        whole: whether each selected sample was evaluated or its case skipped.
        gated: whether the run has a gate.
        shard: whether the run is one shard, whose gate is decided when all shards are merged.
        word: the gate's verdict; None without one.
        settled: whether the run was stopped because its verdict could no longer change.
        stray: whether anything besides the samples failed.
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
    """The exit code; a gated run has that of its verdict only if the verdict is on the whole run and was written."""
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
