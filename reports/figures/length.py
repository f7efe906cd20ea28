"""How much of long clips a run has shown."""

from collections.abc import Iterable, Mapping
from typing import Any

from reports.kept.record import Record


def longer_than_shown(records: Iterable[Record], provenance: Mapping[str, Any]) -> int:
    """How many clips last longer than what the model's frames show of them; of runs that do not tell, none."""
    shown = seconds_shown(provenance)
    return 0 if shown is None else sum(record.length is not None and record.length > shown for record in records)


def cut_sounds(records: Iterable[Record], provenance: Mapping[str, Any]) -> int:
    """Of how many clips the sound was cut before somebody heard it."""
    most = settings_in(provenance).get("sound_seconds")
    return (
        0
        if most is None
        else sum(record.waveform is not None and record.waveform.seconds >= most for record in records)
    )


def seconds_shown(provenance: Mapping[str, Any]) -> float | None:
    """How many seconds of a clip the frames show; None where they show all of it, or there are none."""
    settings = settings_in(provenance)
    if settings.get("spread") or list(settings.get("modalities") or ()) == ["audio"] or not settings.get("fps"):
        return None
    return float(settings["frames"]) / float(settings["fps"])


def settings_in(provenance: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings that a run keeps; none of runs that kept none."""
    return provenance.get("settings") or {}
