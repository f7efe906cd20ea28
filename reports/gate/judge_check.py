"""Checks the judge of a gated run before any sample is asked: the ratings of a judge that fails do not count."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.text import SEATS
from evaluators.judge.check import Checked
from reports.figures.health import health_of, shortfalls
from reports.gate.gate import Gate
from reports.gate.trial import Trial
from reports.kept.checks import PastChecks, keep_check, read_checks
from reports.kept.past import judged_otherwise
from reports.kept.report import Health


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedJudge:
    """The result of a judge's check.

    Attributes:
        health: how often the judge rates correctly.
        past: its earlier checks.
        doubts: why the gate cannot trust the judge, a sentence each: limits that it does not reach, another baseline.
        why: the same in a few words; empty if it can.
    """

    health: Health
    past: PastChecks
    doubts: tuple[str, ...]
    why: str


def check_judge_of_run(
    name: str,
    gate: Gate,
    trial: Trial | None,
    provenance: Mapping[str, Any],
    folder: Path,
    ask: Callable[[], Sequence[Checked]],
) -> CheckedJudge:
    """Checks the judge of that name, and adds the result to the earlier checks in the cache folder.

    `ask` has the judge rate the anchors. `trial` is None for a shard, which is not compared with the baseline.

    Raises:
        RunError: the earlier checks cannot be read, the judge cannot be asked, or the folder cannot be written.
    """
    past = read_checks(folder, name)
    health = health_of(name, ask(), gate.judge, short=True)
    keep_check(folder, health)
    failed, other = shortfalls(health), _judged_otherwise(trial, provenance, health)
    why = "the judge has failed its check" if failed else "another judge has judged the baseline" if other else ""
    return CheckedJudge(health=health, past=past, doubts=(*failed, *other), why=why)


def _judged_otherwise(trial: Trial | None, provenance: Mapping[str, Any], health: Health) -> tuple[str, ...]:
    """A sentence if the judge that was checked is not the one that judged the baseline or the reference."""
    if trial is None or not (model := health.usage.model):
        return ()
    judge = {**provenance["judge"], "answered": [[name] for name in model.split(SEATS)]}
    allowed = (*trial.gate.allow, "extractor")
    return tuple(
        sentence
        for role, past in trial.pasts.items()
        for sentence in judged_otherwise(past, {**provenance, "judge": judge}, allowed, role)
    )
