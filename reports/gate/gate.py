"""The release gate: the limits that a run must meet, in a TOML file.

baseline = "runs/last-release"      # or --baseline RUN
above = "majority"                  # each task better than a constant guess
max_cost_usd = 30

[min.overall]
recognition = 0.40

[max_drop.each]                     # each task, compared with the baseline
recognition = 0.05
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, ValidationInfo

from benchmark.errors import DataError, RunError
from benchmark.options import split
from benchmark.storage.given import read_whole
from benchmark.suite import OVERALL, Suite, find_suite, is_within
from benchmark.text import did_you_mean
from evaluators.measures import measures_of
from evaluators.metrics.metric import Measure
from reports.kept.past import COMPARED
from reports.kept.record import Strict
from reports.kept.report import COMPARING, JudgeHealth, Kind, Share

LARGEST_FILE = 10**6
"""Most bytes of a gate file."""
EACH = "each"
OTHERS: Mapping[Kind, str] = MappingProxyType({"drop": "baseline", "gain": "baseline", "drift": "reference"})
"""What each kind of criterion compares with: the last release, or a fixed one."""
DROP = 0.02
"""How far below the baseline a true score may be if no gate says it: `docs/statistics.md` shows why two points."""

SAMPLES = "samples"
"""The aspect, besides `COMPARED`, that must be almost the same: the samples that the runs ask."""


def _place(name: str, info: ValidationInfo) -> str:
    suite = _suite(info)
    names = [member.name for member in suite.places.values()]
    if name not in (OVERALL, EACH, *names, *suite.tasks):
        hint = did_you_mean(name, (*names, OVERALL, EACH)) or suite.hint(name)
        of_run = f" nor a suite of the run ({', '.join(names)})" if suite.members else ""
        tasks = ", ".join(suite.tasks)
        raise ValueError(f"`{name}` is neither overall nor each{of_run} nor a task ({tasks}){hint}")
    return name


def _measure(name: str, info: ValidationInfo) -> str:
    names = measures_of(_suite(info)).names
    if name not in names:
        raise ValueError(f"`{name}` is not a score ({', '.join(names)}){did_you_mean(name, names)}")
    return name


def _suite(info: ValidationInfo) -> Suite:
    return cast("Suite", info.context or find_suite())


def _aspect(name: str) -> str:
    known = (*COMPARED, SAMPLES)
    if name not in known:
        raise ValueError(f"must be some of {', '.join(known)}, got {name}{did_you_mean(name, known)}")
    return name


Aspects = Annotated[tuple[Annotated[str, AfterValidator(_aspect)], ...], BeforeValidator(split)]
"""Aspects in which two runs may differ; comma-separated on the command line."""

Place = Annotated[str, AfterValidator(_place)]
MeasureName = Annotated[str, AfterValidator(_measure)]
Within = Annotated[float, Field(gt=0, lt=1)]
Limits = Mapping[Place, Annotated[Mapping[MeasureName, Within], Field(min_length=1)]]


class Gate(Strict):
    """A gate file; scores are fractions from 0 to 1.

    Attributes:
        baseline: the run directory of the release to compare with.
        reference: the run directory of a fixed release, below which no score may be by more than `max_drop` either.
        min: the lowest true scores allowed, by place: `overall`, one of several suites, `each` task or one task.
        max_drop: how far true scores may be below the baseline's.
        min_gain: how far true scores must be above the baseline's.
        above: the floor that each task's score must exceed.
        coverage: the share of the selected samples that must have a score.
        max_cost_usd: the highest cost of the run allowed, in USD.
        error_rate: the greatest probability of wrongly passing a run, and of wrongly failing one.
        allow: the aspects in which the runs may differ.
        judge: how good the judge must be.
        seed: the seed of the order in which `--until-decided` asks.
        allow_substitute: whether another model may answer in place of the model under test.
        futility: the probability of a decision below which `--until-decided` stops undecided; None to go on to the end.
    """

    baseline: Path | None = None
    reference: Path | None = None
    min: Limits = Field(default_factory=dict)
    max_drop: Limits = Field(default_factory=dict)
    min_gain: Mapping[
        Place, Annotated[Mapping[MeasureName, Annotated[float, Field(ge=0, lt=1)]], Field(min_length=1)]
    ] = Field(default_factory=dict)
    above: Literal["majority"] | None = None
    coverage: Share = 0.99
    max_cost_usd: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    error_rate: Annotated[float, Field(gt=0, le=0.25)] = 0.05
    allow: Aspects = ()
    judge: JudgeHealth = JudgeHealth()
    seed: str = ""
    allow_substitute: bool = False
    futility: Annotated[float, Field(gt=0, le=0.2)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One condition on the true scores.

    Attributes:
        kind: a least score, a floor, the largest drop below the baseline, the smallest gain above it, or the largest
            drift, which is a drop below the reference.
        place: `overall`, one of several suites, or a task.
        measure: the score.
        limit: the true score, or its difference from the baseline's, must exceed it; -0.01 for a drop of a point.
            For a floor, the score of the constant guess on all the data.
    """

    kind: Kind
    place: str
    measure: Measure
    limit: float

    @property
    def compares(self) -> bool:
        """Whether it needs a baseline or a reference."""
        return self.kind in COMPARING

    @property
    def least(self) -> float | None:
        """The limit on the differences, sample by sample, from the baseline or from the guess; None for a score."""
        return {"min": None, "floor": 0.0}.get(self.kind, self.limit)

    def __str__(self) -> str:
        """The criterion as reports show it, with its limit in percent."""
        what, limit = f"{self.place} {self.measure.title}", 100 * self.limit
        if self.kind == "min":
            return f"{what} at least {limit:.1f}"
        if self.kind == "floor":
            return f"{self.place} above the constant guess, {limit:.1f}"
        if self.kind in ("drop", "drift"):
            return f"{what} not below the {OTHERS[self.kind]} by more than {-limit:.1f}"
        return f"{what} above the baseline" + (f" by {limit:.1f}" if limit else "")


def read_gate(
    path: Path | None,
    baseline: Path | None,
    allow: Sequence[str] = (),
    *,
    allow_substitute: bool = False,
    reference: Path | None = None,
    suite: Suite | None = None,
) -> Gate | None:
    """The gate in a file; None if there is neither a file nor a baseline.

    `baseline`, `reference` and `allow_substitute` override the file, `allow` adds to it. The file names runs relative
    to its own folder. With a baseline and no limit on drops or gains, no overall score may drop by more than `DROP`.

    Raises:
        RunError: the file cannot be read, is not TOML, has unknown keys or invalid values, or sets no limit on a score.
    """
    if path is None and baseline is None:
        if reference is not None:
            raise RunError("--reference stands beside a baseline, the last release; add --baseline=RUN.")
        return None
    suite = suite or find_suite()
    gate = _read(path, suite) if path else Gate()
    changes: dict[str, object] = {
        "baseline": baseline or (path.parent / gate.baseline if path and gate.baseline else None),
        "reference": reference or (path.parent / gate.reference if path and gate.reference else None),
        "allow": (*gate.allow, *allow),
        "allow_substitute": gate.allow_substitute or allow_substitute,
    }
    if changes["baseline"] and not (gate.max_drop or gate.min_gain):
        changes["max_drop"] = {
            place: dict.fromkeys(measures_of(member).names, DROP) for place, member in suite.places.items()
        }
    gate = gate.model_copy(update=changes)
    if gate.baseline is None and (gate.max_drop or gate.min_gain or gate.reference):
        raise RunError(f"--gate: {path} limits drops or gains, but there is no baseline; add --baseline=RUN.")
    if gate.reference is not None and not gate.max_drop:
        raise RunError(f"--gate: {path} has a reference, but no max_drop to hold it to; add max_drop, or omit it.")
    if not (gate.min or gate.max_drop or gate.min_gain or gate.above):
        raise RunError(f"--gate: {path} sets no limit on a score; add min, max_drop, min_gain or above.")
    return gate


def read_limits(path: Path) -> JudgeHealth:
    """The limits on the judge in a gate file, which need not limit any score.

    Raises:
        RunError: as for `read_gate`.
    """
    return _read(path, find_suite()).judge


def _read(path: Path, suite: Suite) -> Gate:
    try:
        return Gate.model_validate(tomllib.loads(read_whole(path, LARGEST_FILE).decode()), context=suite)
    except (DataError, UnicodeDecodeError, RecursionError, tomllib.TOMLDecodeError) as error:
        raise RunError(f"--gate: {path} cannot be used ({error}).") from error
    except ValidationError as error:
        found = error.errors()[0]
        where = ".".join(str(part) for part in found["loc"] if part != "[key]")
        if found["type"] == "extra_forbidden":
            raise RunError(f"--gate: {path} sets `{where}`, which is not a key of a gate; see docs/gate.md.") from error
        said = found["msg"].removeprefix("Value error, ")
        wrong = said if said.startswith("must ") else f"is malformed: {said}"
        raise RunError(f"--gate: `{where}` in {path} {wrong}") from error


def criteria_of(gate: Gate, tasks: Sequence[str], floors: Mapping[str, float], suite: Suite) -> tuple[Criterion, ...]:
    """The gate's criteria for a run with these tasks; `floors` are the scores of a constant guess by task.

    Raises:
        RunError: the gate limits a task that is not asked, a score that a task does not have, or uses an unknown floor.
    """
    limits: tuple[tuple[Kind, Limits, int], ...] = (
        ("min", gate.min, 1),
        ("drop", gate.max_drop, -1),
        ("gain", gate.min_gain, 1),
        ("drift", gate.max_drop if gate.reference else {}, -1),
    )
    measures = measures_of(suite)
    found = [
        Criterion(kind=kind, place=place, measure=measures.at(place).by_name[score], limit=sign * limit)
        for kind, table, sign in limits
        for place, score, limit in _spelt_out(table, tasks, suite)
    ]
    if gate.above:
        if unknown := [task for task in tasks if task not in floors]:
            raise RunError(
                f"The gate's `above` needs the score of a constant guess in {unknown[0]}, which is known only from all"
                " samples of a task, and of which texts and dialogues have none; merge runs that asked all samples, or"
                " set `min` instead."
            )
        found += (
            Criterion(kind="floor", place=task, measure=measures.metrics[task].floor, limit=floors[task])
            for task in tasks
        )
    return tuple(found)


def _spelt_out(table: Limits, tasks: Sequence[str], suite: Suite) -> Iterator[tuple[str, str, float]]:
    """The limits of one table of the gate file by place and score.

    `each` stands for the tasks, and `overall` for the suites, in which no limit of their own takes precedence.
    """
    measures, places = measures_of(suite), [place for place in suite.places if any(is_within(place, t) for t in tasks)]
    several = {EACH: tasks, OVERALL: places, **({} if suite.members else {suite.name: places})}
    own = {(place, score) for place in table for score in table[place] if place not in several}
    for place, scores in table.items():
        if place not in (*several, *places, *tasks):
            raise RunError(f"The gate limits {place}, but no sample of it is asked; change --tasks or the gate.")
        for score, limit in scores.items():
            names = [name for name in several.get(place, (place,)) if measures.has(name, score)]
            if not names and place != EACH:
                known = measures.at(place).names
                hint = did_you_mean(score, known) or f"; it has {', '.join(known)}."
                raise RunError(f"The gate limits {score} of {place}, which has no such score{hint}")
            for name in names:
                if place not in several or (name, score) not in own:
                    yield name, score, limit
