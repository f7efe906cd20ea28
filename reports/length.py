"""How much of long clips a run has shown."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reports.record import Record


def longer_than_shown(records: Iterable[Record], provenance: Mapping[str, Any]) -> int:
    """How many clips last longer than what the model's frames show of them; of runs that do not tell, none."""
    shown = _shown(provenance)
    return 0 if shown is None else sum(record.length is not None and record.length > shown for record in records)


def cut_sounds(records: Iterable[Record], provenance: Mapping[str, Any]) -> int:
    """Of how many clips the sound was cut before somebody heard it."""
    most = _settings(provenance).get("sound_seconds")
    return (
        0
        if most is None
        else sum(record.waveform is not None and record.waveform.seconds >= most for record in records)
    )


def lengths_in_words(longer: int, cut: int, provenance: Mapping[str, Any]) -> Iterator[str]:
    """What was not shown, and how to have it shown, a sentence each."""
    if longer:
        clips = "1 clip lasts" if longer == 1 else f"{longer:,} clips last"
        yield (
            f"{clips} longer than the {_shown(provenance):g} s that the frames show, and nobody has seen the rest:"
            " --spread takes the frames from the whole clip."
        )
    if cut:
        most = _settings(provenance)["sound_seconds"]
        yield (
            f"The sound of {'1 clip' if cut == 1 else f'{cut:,} clips'} was cut after {most:g} s:"
            " --clip-limits=sound_seconds=N takes more."
        )


def _shown(provenance: Mapping[str, Any]) -> float | None:
    """How many seconds of a clip the frames show; None where they show all of it, or there are none."""
    settings = _settings(provenance)
    if settings.get("spread") or list(settings.get("modalities") or ()) == ["audio"] or not settings.get("fps"):
        return None
    return float(settings["frames"]) / float(settings["fps"])


def _settings(provenance: Mapping[str, Any]) -> Mapping[str, Any]:
    return provenance.get("settings") or {}
