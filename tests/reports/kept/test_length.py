"""What a report says of clips that are longer than what is shown of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reports.figures.report import report_of
from reports.gate.merge import merge
from reports.kept.past import differences, read_past
from reports.kept.report import Report
from reports.tables.scores import notes_of
from tests.reports.made_runs import PROVENANCE, background, kept, record


def reported(seconds: float | None, heard: float = 3.0, **settings: object) -> Report:
    told = {**PROVENANCE, "settings": {**PROVENANCE["settings"], **settings}}
    waveform = {"peaks": "ff", "seconds": heard}
    records = [record(0, 1.0, length=seconds, waveform=waveform), record(1, 0.0, length=2.0)]
    return report_of(records, background(told))


@pytest.mark.parametrize(
    ("seconds", "settings", "longer"),
    [
        (10.0, {}, 0),
        (10.1, {}, 1),
        (None, {}, 0),
        (3600.0, {"spread": True}, 0),
        (5.0, {"fps": 4.0}, 1),
        (3600.0, {"modalities": ["audio"]}, 0),
    ],
)
def test_clips_that_are_longer_than_their_frames_are_counted(
    seconds: float | None, settings: Mapping[str, Any], longer: int
) -> None:
    report = reported(seconds, **settings)
    assert report.longer == longer
    assert any("1 clip lasts longer than the" in note and "--spread" in note for note in notes_of(report)) == longer


@pytest.mark.parametrize(("heard", "most", "cut"), [(300.0, 300.0, 1), (299.0, 300.0, 0), (300.0, None, 0)])
def test_sound_that_was_cut_is_counted(heard: float, most: float | None, cut: int) -> None:
    report = reported(400.0, heard, sound_seconds=most)
    assert report.sound_cut == cut
    said = "The sound of 1 clip was cut after 300 s; to send more, use --clip-limits=sound_seconds=N."
    assert (said in notes_of(report)) == cut


def test_runs_of_versions_without_these_settings_compare_with_those_that_leave_them_alone() -> None:
    def told(**settings: object) -> Mapping[str, Any]:
        return {**PROVENANCE, "settings": {**PROVENANCE["settings"], **settings}}

    assert not differences(PROVENANCE, told(spread=False, sound_seconds=300.0))
    assert not differences(PROVENANCE, told(spread=False, sound_seconds=None))
    assert differences(PROVENANCE, told(spread=True)) == {"spread": "spread (False there, True here)"}
    assert list(differences(PROVENANCE, told(sound_seconds=60.0))) == ["sound_seconds"]


@pytest.mark.parametrize(
    ("heard", "limits", "compares"),
    [
        ((20.0, 20.0), (300.0, 60.0), True),
        ((20.0, None), (300.0, 60.0), True),
        ((None, 20.0), (60.0, 300.0), True),
        ((60.0, None), (300.0, 60.0), False),
        ((100.0, 60.001), (300.0, 60.0), False),
        ((60.001, 60.001), (60.0, 60.0), True),
        ((60.001, None), (60.0, 300.0), False),
        ((20.0, 100.0), (60.0, 300.0), True),
        ((20.0, None), (300.0, None), True),
    ],
)
def test_where_sound_is_cut_tells_runs_apart_only_where_it_cuts_something(
    tmp_path: Path,
    heard: tuple[float | None, ...],
    limits: tuple[float | None, ...],
    compares: bool,  # noqa: FBT001
) -> None:
    provenances = []
    for number, (seconds, limit) in enumerate(zip(heard, limits, strict=True)):
        told = {"settings": {**PROVENANCE["settings"], "sound_seconds": limit}}
        if seconds is not None:
            silent = record(1, 0.0, length=3.0)
            unheard = record(2, None)
            records = [record(0, 1.0, waveform={"peaks": "ff", "seconds": seconds}), silent, unheard]
            provenances.append(read_past(kept(tmp_path / str(number), records, **told)).report.provenance)
        else:
            provenances.append({**PROVENANCE, **told})  # of a run that is still to come
    assert ("sound_seconds" not in differences(*provenances)) == compares


def test_a_clip_of_unknown_sound_may_have_been_cut(tmp_path: Path) -> None:
    told = {"settings": {**PROVENANCE["settings"], "sound_seconds": 60.0}}
    past = read_past(kept(tmp_path, [record(0, 1.0)], **told)).report.provenance
    assert list(differences(past, PROVENANCE)) == ["sound_seconds"]


def test_parts_that_cut_nothing_are_one_run_of_the_larger_limit(tmp_path: Path) -> None:
    parts = []
    for number, limit in enumerate((60.0, 300.0)):
        told = {"settings": {**PROVENANCE["settings"], "sound_seconds": limit}}
        wave = {"peaks": "ff", "seconds": (20.0, 100.0)[number]}
        parts.append(read_past(kept(tmp_path / str(number), [record(number, 1.0, waveform=wave)], **told)))
    whole, _ = merge(parts)
    assert (whole.provenance["settings"]["sound_seconds"], whole.sound_cut) == (300.0, 0)
    assert "longest_sound" not in whole.provenance["settings"]
