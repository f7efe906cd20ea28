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


def with_longest_sound(provenance: Mapping[str, Any], records: Iterable[Record]) -> Mapping[str, Any]:
    """The provenance with `longest_sound` among its settings: the seconds of it that were heard; None if unknown."""
    settings = settings_in(provenance)
    if settings.get("sound_seconds") is None:
        return provenance
    known = [_sound_of(record) for record in records if record.outcome != "error"]
    longest = None if None in known else max(filter(None, known), default=0.0)
    return {**provenance, "settings": {**settings, "longest_sound": longest}}


def _sound_of(record: Record) -> float | None:
    """How many seconds were heard of a clip; where that was not measured, it is no more than the whole clip has."""
    return record.waveform.seconds if record.waveform is not None else record.length


def is_heard_alike(one: Mapping[str, Any], other: Mapping[str, Any], usual: float) -> bool:
    """Whether two runs over the same clips cut their sounds at the same place, or none; `usual` is of old versions.

    Of a run that is still to come it is known whether it will cut what the other has heard.
    """
    runs = (one, other)
    limits = [settings_in(run).get("sound_seconds") or usual for run in runs]
    if limits[0] == limits[1]:
        return True
    found = [settings_in(run).get("longest_sound") for run in runs]
    heard = [own if own is not None else there for own, there in zip(found, reversed(found), strict=True)]
    return all(longest is not None and longest < most for longest, most in zip(heard, limits, strict=True))


def seconds_shown(provenance: Mapping[str, Any]) -> float | None:
    """How many seconds of a clip the frames show; None where they show all of it, or there are none."""
    settings = settings_in(provenance)
    if settings.get("spread") or list(settings.get("modalities") or ()) == ["audio"] or not settings.get("fps"):
        return None
    return float(settings["frames"]) / float(settings["fps"])


def settings_in(provenance: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings that a run keeps; none of runs that kept none."""
    return provenance.get("settings") or {}
