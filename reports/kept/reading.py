"""Reads the files of a run directory from any source: within limits, and not if they contradict each other.

report.json     {"run": "5f0c…", "schema_version": 2, "model": …}
samples.jsonl   {"run": "5f0c…", "id": …}, a line for each sample; files of older versions have no `run`
"""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from benchmark.data.selection import parse_shard
from benchmark.errors import DataError, RunError
from benchmark.models.kept_run import REPORT, SAMPLES
from benchmark.storage.given import read_lines, read_whole
from benchmark.suite import DEFAULT, Suite, find_suite, suite_of
from benchmark.text import one_line, parse_json
from reports.kept.flaws import MOST, record_flaws, report_flaws, uneven
from reports.kept.record import Record
from reports.kept.report import Report

LARGEST_REPORT = 256 * 10**6
"""Most bytes of a report."""
LONGEST_ARGUMENTS = 10_000
"""Most characters of a run's arguments."""
DEEPEST = 32
"""Most levels of nested lists and objects in a report."""

_STAMP = re.compile(rb'\{"run":"([0-9a-f]{32})",')
"""The start of each line, as `reports.kept.folder.RunFolder` writes it."""


def _shard(written: str) -> str:
    try:
        parse_shard(written)
    except RunError as error:
        raise ValueError("must be a shard such as 1/4") from error
    return written


Count = Annotated[int, Field(ge=0, le=MOST)]


class _Stated(BaseModel):
    """Keys that only other versions know are ignored."""

    model_config = ConfigDict(frozen=True, extra="allow")


class _Agent(_Stated):
    name: str
    identity: str | None = None


class _Data(_Stated):
    name: str | None = None
    fingerprint: str | None = None
    folder: str | None = None
    samples: Mapping[str, Count] | None = None
    names: Mapping[str, str] | None = None


class _Settings(_Stated):
    frames: Count | None = None
    fps: Annotated[float, Field(ge=0, le=MOST)] | None = None
    modalities: tuple[str, ...] | None = None
    decoder: str | None = None
    tasks: tuple[str, ...] | None = None
    limit: Count | None = None
    unanswered: Count | None = None
    shard: Annotated[str, AfterValidator(_shard)] | None = None
    thoughts: str | None = None


class _Provenance(_Stated):
    """The parts of the provenance that the suite uses."""

    started: str | None = None
    commit: str | None = None
    versions: Mapping[str, str] | None = None
    model: Mapping[str, object] | None = None
    extractor: _Agent
    judge: _Agent
    listener: str | None = None
    bertscore: str | None = None
    data: _Data
    prompts: Mapping[str, str] | None = None
    settings: _Settings | None = None
    arguments: str | None = None
    parts: tuple[str, ...] | None = None
    suite: str | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        """Refuses an unknown suite, and tasks that the suite does not have."""
        try:
            suite = find_suite(self.suite or DEFAULT)
        except RunError as error:
            raise ValueError(str(error)) from error
        for name in (self.settings.tasks or ()) if self.settings else ():
            if suite.task_named(name) is None:
                raise ValueError(f"`{name}` must be one of {', '.join(suite.tasks)}")
        return self


class _Kept(BaseModel):
    provenance: _Provenance


def read_run(folder: Path) -> tuple[Report, Mapping[str, Record]]:
    """The report and, by the sample's id, the records of the run in a folder.

    Raises:
        RunError: the folder has no run, parts of two runs, or something that no run writes; names file and line.
    """
    report = _report(folder)
    begun = report.overall.samples > 0 or (folder / SAMPLES).exists()  # not if the judge failed its check
    records = _records(folder, report.run, suite_of(report.provenance)) if begun else {}
    for flaw in report_flaws(report, list(records.values())):
        raise RunError(f"{folder / REPORT} contradicts itself or {SAMPLES}: {flaw}. Use the run's original files.")
    return report, records


def _report(folder: Path) -> Report:
    file = folder / REPORT
    try:
        stated = parse_json(read_whole(file, LARGEST_REPORT, linked=False).decode("utf-8-sig"))
        _refuse_unbounded(stated)
        report = Report.model_validate(stated)
        _Kept.model_validate({"provenance": report.provenance})
    except (DataError, UnicodeDecodeError) as error:
        raise RunError(f"{folder} holds no finished run: {REPORT} {_why(error)}.") from error
    except ValidationError as error:
        raise RunError(f"{file} is not what this version of the suite writes: {_first(error)}.") from error
    arguments = _quoted(report.provenance.get("arguments"))
    return report.model_copy(update={"provenance": {**report.provenance, "arguments": arguments}})


def _refuse_unbounded(value: object, depth: int = 0) -> None:
    """Refuses numbers and levels of nesting that are too large to compute with.

    Raises:
        DataError: there is one.
    """
    if depth > DEEPEST:
        raise DataError(f"has lists or objects nested more than {DEEPEST} deep")
    if isinstance(value, int | float) and not -MOST <= value <= MOST:
        raise DataError(f"has a number beyond {MOST:.0e}")
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            _refuse_unbounded(part, depth + 1)


def _quoted(arguments: str | None) -> str:
    """The arguments quoted for a shell, since a page shows them as a command to copy; empty if malformed."""
    try:
        return shlex.join(shlex.split((arguments or "")[:LONGEST_ARGUMENTS]))
    except ValueError:
        return ""


def _records(folder: Path, run: str | None, suite: Suite) -> Mapping[str, Record]:
    file = folder / SAMPLES
    records: dict[str, Record] = {}
    places: dict[str, int] = {}
    try:
        for number, line in read_lines(file, linked=False):
            record = _record(line, f"{file}, line {number},", run, suite)
            if record.id in places:
                raise RunError(f"{file}, line {number}: {record.id} is already in line {places[record.id]}.")
            records[record.id], places[record.id] = record, number
    except DataError as error:
        raise RunError(f"{folder} holds no run: {SAMPLES} {_why(error)}.") from error
    if why := uneven(records.values()):
        raise RunError(f"{file} holds records of more than one run: {why}.")
    return records


def _record(line: bytes, where: str, run: str | None, suite: Suite) -> Record:
    try:
        line.decode()  # pydantic would not say that it is not UTF-8
        record, own = parse_line(line)
    except (DataError, UnicodeDecodeError) as error:
        raise RunError(f"{where} {_why(error)}.") from error
    except ValidationError as error:
        raise RunError(f"{where} is not a record: {_first(error)}.") from error
    if own != run:
        raise RunError(
            f"{where} is of another run than {REPORT} beside it; use both files of one run, and a separate directory"
            " for each run."
        )
    for flaw in record_flaws(record, suite):
        raise RunError(f"{where} is not a record of a run: {flaw}.")
    return record


def parse_line(line: bytes) -> tuple[Record, str | None]:
    """The record in a line of `samples.jsonl`, and the id of its run; None if the line has no id.

    Raises:
        ValidationError: the line is not a record.
        DataError: the line is not JSON.
    """
    if found := _STAMP.match(line):
        return Record.model_validate_json(b"{" + line[found.end() :]), found[1].decode()
    try:
        return Record.model_validate_json(line), None
    except ValidationError as error:
        if not any(flaw["loc"] == ("run",) for flaw in error.errors(include_input=False)):
            raise
    stated = parse_json(line.decode())  # another program has written it again, with the keys in another order
    own = stated.pop("run") if isinstance(stated, dict) else None
    return Record.model_validate(stated), None if own is None else str(own)


def _why(error: DataError | UnicodeDecodeError) -> str:
    return "cannot be read (it is not UTF-8)" if isinstance(error, UnicodeDecodeError) else str(error)


def _first(error: ValidationError) -> str:
    found = error.errors(include_input=False, include_url=False)[0]
    return f"{one_line('.'.join(map(str, found['loc'])), 100) or 'it'}: {one_line(found['msg'], 200)}"
