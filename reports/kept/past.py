"""A run read back from its folder, and whether another compares with it."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from benchmark.clips.limits import USUAL
from benchmark.errors import RunError
from benchmark.suite import DEFAULT
from benchmark.text import SEATS
from reports.kept.answered import is_alike, substitutes_of, with_answered
from reports.kept.length import is_heard_alike, with_longest_sound
from reports.kept.reading import read_run
from reports.kept.record import Record
from reports.kept.report import Report

BEFORE = MappingProxyType(
    {"suite": DEFAULT, "thoughts": "rated", "spread": False, "sound_seconds": USUAL.sound_seconds}
)
"""Settings as versions had them that knew no other way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """A run that is over.

    Attributes:
        path: its folder.
        report: its figures.
        records: its samples, by id.
    """

    path: Path
    report: Report
    records: Mapping[str, Record]

    @property
    def name(self) -> str:
        """The folder's own name, however it was named."""
        return self.path.resolve().name


def read_past(path: Path) -> PastRun:
    """The run kept in a folder.

    Raises:
        RunError: the folder holds no run, one of another version of the suite, parts of two, or what no run writes.
    """
    report, records = read_run(path)
    told = with_answered(report.provenance, list(records.values()))  # which older versions do not tell
    told = with_longest_sound(told, records.values())
    strange = tuple(substitutes_of(told, list(records.values()), "model"))
    report = report.model_copy(update={"provenance": told, "substitutes": strange})
    return PastRun(path=path, report=report, records=records)


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, str]:
    """In what two runs' provenances differ that scores depend on, by name of the aspect, each in a few words."""
    return {
        name: _in_what(name, one, other) for name, path in COMPARED.items() if not _is_alike(name, path, one, other)
    }


def _is_alike(name: str, path: Collection[str], one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if name in ("judge", "extractor"):
        return is_alike(one, other, name)
    if name == "sound_seconds":
        return is_heard_alike(one, other, USUAL.sound_seconds)
    return bool(_at(one, path) == _at(other, path))


def _at(provenance: Mapping[str, Any], path: Collection[str]) -> Any:
    found: Any = provenance
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    if found is None:
        found = BEFORE.get(tuple(path)[-1])
    return list(found) if isinstance(found, tuple) else found


def _in_what(name: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    shown = [in_words(name, provenance) for provenance in (one, other)]
    return f"{name} ({shown[0]} there, {shown[1]} here)" if shown[0] != shown[1] else name


def in_words(name: str, provenance: Mapping[str, Any]) -> str:
    """A name where there is one: identities and fingerprints tell a reader nothing."""
    if name == "prompts":
        return ", ".join(f"{key} {digest}" for key, digest in (provenance.get("prompts") or {}).items())
    found = provenance.get(name, (provenance.get("settings") or {}).get(name))
    found = BEFORE.get(name) if found is None else found
    if not isinstance(found, Mapping):
        return str(found)
    answered = [" or ".join(seat) for seat in found.get("answered") or ()]
    return SEATS.join(answered) or str(found.get("name"))


def judged_otherwise(past: PastRun, provenance: Mapping[str, Any], allowed: Collection[str]) -> Iterator[str]:
    """That a baseline was judged by others than have judged this run, a sentence for each agent."""
    for role, verb in (("judge", "judged"), ("extractor", "cut into steps")):
        if role not in allowed and not is_alike(past.report.provenance, provenance, role):
            there, here = (in_words(role, one) for one in (past.report.provenance, provenance))
            yield (
                f"The baseline was {verb} by {there}, this run by {here}: make the baseline anew, or allow it with"
                f" --baseline-allow={role}."
            )


def refuse_unlike(past: PastRun, provenance: Mapping[str, Any], allowed: Collection[str]) -> None:
    """Says no to a comparison that would compare something else than the models.

    Raises:
        RunError: the runs differ in what is not allowed; says in what, and what to do.
    """
    found = {
        name: text for name, text in differences(past.report.provenance, provenance).items() if name not in allowed
    }
    if found:
        raise RunError(
            f"The baseline {past.path} cannot be compared with: the runs differ in {'; '.join(found.values())}. Make "
            f"the baseline anew, or allow it with --baseline-allow={','.join(found)}."
        )


COMPARED = MappingProxyType(
    {
        "suite": ("suite",),
        "data": ("data", "fingerprint"),
        "extractor": ("extractor", "identity"),
        "judge": ("judge", "identity"),
        "listener": ("listener",),
        "prompts": ("prompts",),
        "frames": ("settings", "frames"),
        "fps": ("settings", "fps"),
        "spread": ("settings", "spread"),
        "sound_seconds": ("settings", "sound_seconds"),
        "modalities": ("settings", "modalities"),
        "decoder": ("settings", "decoder"),
        "thoughts": ("settings", "thoughts"),
    }
)
"""What must be the same in two runs whose scores are compared: a name, and where the provenance has it."""
