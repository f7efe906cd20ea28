"""What a finished or interrupted run has kept of its samples, for runs that use its answers or its steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from benchmark.errors import DataError, RunError
from benchmark.model import Ending
from benchmark.storage.given import read_lines, read_whole
from benchmark.text import QUOTED, one_line, parse_json

SAMPLES, REPORT = "samples.jsonl", "report.json"
"""The files of a run that other runs and commands read."""


class _Kept(BaseModel):
    """Keys that only other versions know, or that nobody asks for, are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class KeptStep(_Kept):
    """A step of the answer."""

    text: str


class KeptUse(_Kept):
    """Who took a role; None if unknown."""

    model: str | None = None


class KeptLine(_Kept):
    """A line of `samples.jsonl`: the question, the answer, None if there is none, and its steps, if it was split."""

    id: str
    task: str
    question: str
    label_set: tuple[str, ...]
    answer: str | None
    thoughts: str | None = None
    ending: Ending | None = None
    refused: bool | None = None
    error: str | None = None
    steps: tuple[KeptStep, ...] = ()
    prediction: KeptStep | None = None
    usage: Mapping[str, KeptUse] = {}

    def model_of(self, role: str) -> str | None:
        """The model that took a role; None if unknown."""
        return self.usage[role].model if role in self.usage else None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRun:
    """A run.

    Attributes:
        name: of the model that answered; of the folder if the run was stopped before it wrote its report.
        lines: its samples.
        provenance: what determines its figures; empty without a report.
    """

    name: str
    lines: Sequence[KeptLine]
    provenance: Mapping[str, Any]


def run_folder(path: Path) -> Path | None:
    """The folder of the run that a path names, by itself or by its `samples.jsonl`; None if it names none."""
    folder = path.parent if path.name == SAMPLES else path
    return folder if (folder / SAMPLES).is_file() else None


def read_kept(folder: Path) -> KeptRun:
    """The run in a folder.

    Raises:
        RunError: a file cannot be read, or is none that a run writes; says which, and where.
    """
    report = _report(folder / REPORT) if (folder / REPORT).exists() else {}
    name, provenance = report.get("model"), report.get("provenance")
    return KeptRun(
        name=name if isinstance(name, str) and name else folder.resolve().name,
        lines=_lines(folder / SAMPLES),
        provenance=provenance if isinstance(provenance, dict) else {},
    )


def _report(file: Path) -> Mapping[str, Any]:
    try:
        report = parse_json(read_whole(file, linked=False).decode("utf-8-sig"))
    except (DataError, UnicodeDecodeError) as error:
        raise RunError(f"{file} cannot be used: {error}.") from error
    return report if isinstance(report, dict) else {}


def _lines(file: Path) -> Sequence[KeptLine]:
    lines, place = [], str(file)
    try:
        for number, line in read_lines(file, linked=False):
            place = f"{file}, line {number}"
            lines.append(KeptLine.model_validate_json(line))
    except DataError as error:
        raise RunError(f"{file} {error}.") from error
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)[0]
        key = one_line(".".join(map(str, found["loc"])), QUOTED) or "it"
        raise RunError(f"{place} is not a record of a run: {key}: {one_line(found['msg'], QUOTED)}.") from error
    return lines
