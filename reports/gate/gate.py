"""The release gate: what a run must show, kept in a TOML file.

baseline = "runs/last-release"      # or --baseline RUN
above = "majority"                  # each task better than its constant guess
max_cost_usd = 30

[min.overall]
recognition = 0.40

[max_drop.each]                     # each task, against the baseline
recognition = 0.05
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, ValidationInfo

from benchmark.errors import DataError, RunError
from benchmark.options import split
from benchmark.storage.given import read_whole
from benchmark.suite import OVERALL, Suite, find_suite
from benchmark.text import did_you_mean
from evaluators.metrics.measures import Measures, measures_of
from evaluators.metrics.metric import Measure
from reports.kept.past import COMPARED
from reports.kept.report import POINT, JudgeHealth, Kind, Share, Stated

LARGEST_FILE = 10**6
"""Bytes of a gate file."""
EACH = "each"

SAMPLES = "samples"
"""What else must be nearly the same: the samples that both runs ask."""


def _place(name: str, info: ValidationInfo) -> str:
    suite = cast("Suite", info.context or find_suite())
    if name not in (OVERALL, EACH, *suite.tasks):
        raise ValueError(f"`{name}` is neither overall nor each nor a task ({', '.join(suite.tasks)})")
    return name


def _measure(name: str, info: ValidationInfo) -> str:
    names = measures_of(cast("Suite", info.context or find_suite())).names
    if name not in names:
        raise ValueError(f"`{name}` is none of {', '.join(names)}")
    return name


def _aspect(name: str) -> str:
    if name not in (*COMPARED, SAMPLES):
        known = (*COMPARED, SAMPLES)
        raise ValueError(f"must be some of {', '.join(known)}, got {name}{did_you_mean(name, known)}")
    return name


Aspects = Annotated[tuple[Annotated[str, AfterValidator(_aspect)], ...], BeforeValidator(split)]
"""Names of what may differ between two runs, comma-separated on the command line."""


Place = Annotated[str, AfterValidator(_place)]
MeasureName = Annotated[str, AfterValidator(_measure)]
Within = Annotated[float, Field(gt=0, lt=1)]
Limits = Mapping[Place, Annotated[Mapping[MeasureName, Within], Field(min_length=1)]]


class Gate(Stated):
    """A gate file; scores are fractions 0 to 1.

    Attributes:
        baseline: run directory of the release that this one is compared with.
        min: least true scores, `overall`, for `each` task or for a task.
        max_drop: by how much true scores may lie below the baseline's.
        min_gain: by how much true scores must lie above the baseline's at least.
        above: each task's score must lie above this floor.
        coverage: share of the selected samples that must have a score.
        max_cost_usd: most that the run may have cost.
        error_rate: how often, at most, a run is passed that ought not to be, and how often failed; each way.
        allow: in what the runs may differ and yet be compared.
        judge: how good the judge must be.
        seed: of the order in which `--until-decided` asks.
        allow_substitute: whether another model may have answered in place of the one under test.
    """

    baseline: Path | None = None
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One thing that the true scores must satisfy.

    Attributes:
        kind: at least a score, above a floor, not below the baseline by more, or above the baseline by at least.
        place: `overall` or a task.
        measure: which score.
        limit: the true score, or its difference from the baseline's, must be greater; -0.01 for a drop of a point.
    """

    kind: Kind
    place: str
    measure: Measure
    limit: float

    @property
    def compares(self) -> bool:
        """Whether it needs a baseline."""
        return self.kind in ("drop", "gain")

    def __str__(self) -> str:
        """As the reports name it, in percent."""
        what, limit = f"{self.place} {self.measure.title}", 100 * self.limit
        if self.kind == "min":
            return f"{what} at least {limit:.1f}"
        if self.kind == "floor":
            return f"{self.place} above the constant guess, {limit:.1f}"
        if self.kind == "drop":
            return f"{what} not below the baseline by more than {-limit:.1f}"
        return f"{what} above the baseline" + (f" by {limit:.1f}" if limit else "")


def read_gate(
    path: Path | None,
    baseline: Path | None,
    allow: Sequence[str] = (),
    *,
    allow_substitute: bool = False,
    suite: Suite | None = None,
) -> Gate | None:
    """The gate of a file, against the baseline named with it; a baseline alone must not be undercut by over a point.

    `allow` adds to what the runs may differ in. None where there is neither file nor baseline.

    A baseline that the file names is looked for beside the file.

    Raises:
        RunError: the file cannot be read, is no TOML, has unknown keys or impossible values, or asks for nothing.
    """
    if path is None and baseline is None:
        return None
    suite = suite or find_suite()
    gate = _read(path, suite) if path else Gate()
    substitute = gate.allow_substitute or allow_substitute
    gate = gate.model_copy(update={"allow": (*gate.allow, *allow), "allow_substitute": substitute})
    if gate.baseline is not None and path is not None:
        gate = gate.model_copy(update={"baseline": path.parent / gate.baseline})
    if baseline is not None:
        gate = gate.model_copy(update={"baseline": baseline})
    if gate.baseline is not None and not (gate.max_drop or gate.min_gain):
        gate = gate.model_copy(update={"max_drop": {OVERALL: dict.fromkeys(measures_of(suite).names, POINT)}})
    if gate.baseline is None and (gate.max_drop or gate.min_gain):
        raise RunError(
            f"--gate: {path} limits drops or gains, and there is no run to compare with: add --baseline=RUN."
        )
    if not (gate.min or gate.max_drop or gate.min_gain or gate.above):
        raise RunError(f"--gate: {path} sets no score a limit: give min, max_drop, min_gain or above.")
    return gate


def read_limits(path: Path) -> JudgeHealth:
    """What a gate file demands of the judge; it need not set scores a limit.

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
            raise RunError(f"--gate: {path} sets `{where}`, which is no key of a gate; see docs/gate.md.") from error
        said = found["msg"].removeprefix("Value error, ")
        wrong = said if said.startswith("must ") else f"is malformed: {said}"
        raise RunError(f"--gate: `{where}` in {path} {wrong}") from error


def criteria_of(
    gate: Gate, tasks: Sequence[str], floors: Mapping[str, float], measures: Measures
) -> tuple[Criterion, ...]:
    """What the gate demands of a run with these tasks.

    Raises:
        RunError: it limits a task of which nothing is asked, or by a floor that is unknown.
    """
    limits: tuple[tuple[Kind, Limits, int], ...] = (
        ("min", gate.min, 1),
        ("drop", gate.max_drop, -1),
        ("gain", gate.min_gain, 1),
    )
    found = [criterion for kind, table, sign in limits for criterion in _spelt_out(kind, table, sign, tasks, measures)]
    if gate.above:
        if unknown := [task for task in tasks if task not in floors]:
            raise RunError(
                f"The gate's `above` needs what a constant guess scores in {unknown[0]}, which only all samples of a"
                " task show: merge runs that have asked all of them, or set a limit in its place."
            )
        found += (
            Criterion(kind="floor", place=task, measure=measures.metrics[task].floor, limit=floors[task])
            for task in tasks
        )
    return tuple(found)


def _spelt_out(kind: Kind, table: Limits, sign: int, tasks: Sequence[str], measures: Measures) -> Iterator[Criterion]:
    own = {(place, score) for place in table for score in table[place] if place != EACH}
    for place, scores in table.items():
        if place not in (OVERALL, EACH, *tasks):
            raise RunError(f"The gate limits {place}, and no sample of that task is asked: mend --tasks or the gate.")
        for score, limit in scores.items():
            for name in tasks if place == EACH else (place,):
                if place == EACH and ((name, score) in own or not measures.has(name, score)):
                    continue  # what is said of a task itself wins over each
                if not measures.has(name, score):
                    raise RunError(f"The gate limits {score} of {name}, a task that has no such score.")
                yield Criterion(kind=kind, place=name, measure=measures.by_name[score], limit=sign * limit)
