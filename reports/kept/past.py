"""A finished run read from its folder, and whether another run can be compared with it."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.clips.limits import USUAL
from benchmark.errors import RunError
from benchmark.suite import DEFAULT
from benchmark.text import SEATS
from reports.kept.answered import is_alike, substitutes_of, with_answered
from reports.kept.length import is_heard_alike, settings_in, with_longest_sound
from reports.kept.reading import read_run
from reports.kept.record import Record
from reports.kept.report import Report

COMPARED = (
    *("suite", "data", "extractor", "judge", "listener", "bertscore", "prompts"),
    *("frames", "fps", "spread", "sound_seconds", "modalities", "decoder", "thoughts"),
)
"""The aspects of the provenance, and of its settings, that must be the same in runs whose scores are compared."""

BEFORE: Mapping[str, Any] = {
    "suite": DEFAULT,
    "thoughts": "rated",
    "spread": False,
    "sound_seconds": USUAL.sound_seconds,
}
"""The settings of older versions, which do not record them because there was no choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """A finished run.

    Attributes:
        path: its folder.
        report: its figures.
        records: its records by the sample's id.
    """

    path: Path
    report: Report
    records: Mapping[str, Record]

    @property
    def name(self) -> str:
        """The name of the folder itself, also if `path` is a link or `.`."""
        return self.path.resolve().name


def read_past(path: Path) -> PastRun:
    """The run in a folder, with figures that older versions did not record.

    Raises:
        RunError: the folder has no run, a run of an unknown version, parts of two runs, or what no run writes.
    """
    report, records = read_run(path)
    samples = list(records.values())
    provenance = with_longest_sound(with_answered(report.provenance, samples), samples)
    substitutes = tuple(substitutes_of(provenance, samples, "model"))
    report = report.model_copy(update={"provenance": provenance, "substitutes": substitutes})
    return PastRun(path=path, report=report, records=records)


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, str]:
    """The aspects that scores depend on in which two runs' provenances differ: by name, each in a few words."""
    found = {}
    for name in COMPARED:
        if not _is_same(name, one, other):
            there, here = _in_words(name, one), _in_words(name, other)
            found[name] = f"{name} ({there} there, {here} here)" if there != here else name
    return found


def _is_same(name: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if name in ("judge", "extractor"):
        return is_alike(one, other, name)
    if name == "sound_seconds":
        return is_heard_alike(one, other, USUAL.sound_seconds)
    values = [_aspect(name, provenance) for provenance in (one, other)]
    if name == "data":
        values = [(data or {}).get("fingerprint") for data in values]
    there, here = (list(value) if isinstance(value, tuple) else value for value in values)
    return bool(there == here)


def _aspect(name: str, provenance: Mapping[str, Any]) -> Any:
    """The value of an aspect; if it is not recorded, that of the versions without a choice."""
    found = provenance.get(name, settings_in(provenance).get(name))
    return BEFORE.get(name) if found is None else found


def _in_words(name: str, provenance: Mapping[str, Any]) -> str:
    """An aspect by its name if it has one, since identities and fingerprints mean nothing to a reader."""
    if name == "prompts":
        return ", ".join(f"{key} {digest}" for key, digest in (provenance.get("prompts") or {}).items())
    found = _aspect(name, provenance)
    if not isinstance(found, Mapping):
        return str(found)
    answered = [" or ".join(seat) for seat in found.get("answered") or ()]
    return SEATS.join(answered) or str(found.get("name"))


def judged_otherwise(
    past: PastRun, provenance: Mapping[str, Any], allowed: Collection[str], role_of_past: str = "baseline"
) -> Iterator[str]:
    """A sentence for each agent, judge or extractor, that differs between the baseline, or reference, and this run."""
    for role, verb in (("judge", "judged"), ("extractor", "split into steps")):
        if role not in allowed and not is_alike(past.report.provenance, provenance, role):
            there, here = (_in_words(role, one) for one in (past.report.provenance, provenance))
            yield (
                f"The {role_of_past} was {verb} by {there}, this run by {here}; run the {role_of_past} again, or allow"
                f" this with --baseline-allow={role}."
            )


def refuse_unlike(
    past: PastRun, provenance: Mapping[str, Any], allowed: Collection[str], flag: str = "--baseline-allow"
) -> None:
    """Refuses a comparison whose result would not depend on the models only; `flag` is the option that allows it.

    Raises:
        RunError: the runs differ in an aspect that is not in `allowed`.
    """
    found = {
        name: text for name, text in differences(past.report.provenance, provenance).items() if name not in allowed
    }
    if found:
        raise RunError(
            f"The run {past.path} cannot be compared: the runs differ in {'; '.join(found.values())}. Run it again, or"
            f" allow this with {flag}={','.join(found)}."
        )
