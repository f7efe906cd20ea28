"""How much of long clips a run showed to the model."""

from collections.abc import Iterable, Mapping
from typing import Any

from reports.kept.record import Record


def longer_than_shown(records: Iterable[Record], provenance: Mapping[str, Any]) -> int:
    """The number of clips that are longer than the part that the model's frames show; 0 if unknown."""
    shown = seconds_shown(provenance)
    return 0 if shown is None else sum(record.length is not None and record.length > shown for record in records)


def cut_sounds(records: Iterable[Record], provenance: Mapping[str, Any]) -> int:
    """The number of clips whose sound was cut before an agent or the model heard it; 0 if unknown."""
    most = settings_in(provenance).get("sound_seconds")
    if most is None:
        return 0
    return sum(record.waveform is not None and record.waveform.seconds >= most for record in records)


def with_longest_sound(provenance: Mapping[str, Any], records: Iterable[Record]) -> Mapping[str, Any]:
    """The provenance with the setting `longest_sound`: the seconds heard of the longest sound; None if unknown."""
    settings = settings_in(provenance)
    if settings.get("sound_seconds") is None:
        return provenance
    heard = [
        record.waveform.seconds if record.waveform else record.length  # without a waveform, the most there can be
        for record in records
        if record.outcome != "error"
    ]
    longest = None if None in heard else max(filter(None, heard), default=0.0)
    return {**provenance, "settings": {**settings, "longest_sound": longest}}


def is_heard_alike(one: Mapping[str, Any], other: Mapping[str, Any], usual: float) -> bool:
    """Whether two runs on the same clips cut sounds after the same time, or cut none.

    `usual` is the limit in seconds of old versions, which do not record theirs. If one run has not been done yet, the
    longest sound of the other shows whether it will cut any.
    """
    runs = (one, other)
    limits = [settings_in(run).get("sound_seconds") or usual for run in runs]
    if limits[0] == limits[1]:
        return True
    found = [settings_in(run).get("longest_sound") for run in runs]
    heard = [own if own is not None else there for own, there in zip(found, reversed(found), strict=True)]
    return all(longest is not None and longest < most for longest, most in zip(heard, limits, strict=True))


def seconds_shown(provenance: Mapping[str, Any]) -> float | None:
    """How many seconds of a clip the frames show; None if they show all of it, or if there are no frames."""
    settings = settings_in(provenance)
    if settings.get("spread") or list(settings.get("modalities") or ()) == ["audio"] or not settings.get("fps"):
        return None
    return float(settings["frames"]) / float(settings["fps"])


def settings_in(provenance: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings in a run's provenance; empty if it has none."""
    return provenance.get("settings") or {}
