"""What a report says of clips that are longer than what is shown of them."""

from collections.abc import Mapping
from typing import Any

import pytest

from reports.figures.report import report_of
from reports.kept.past import differences
from reports.kept.report import Report
from reports.tables.report import notes_of
from tests.reports.made_runs import PROVENANCE, background, record


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
    said = "The sound of 1 clip was cut after 300 s: --clip-limits=sound_seconds=N takes more."
    assert (said in notes_of(report)) == cut


def test_runs_of_versions_without_these_settings_compare_with_those_that_leave_them_alone() -> None:
    def told(**settings: object) -> Mapping[str, Any]:
        return {**PROVENANCE, "settings": {**PROVENANCE["settings"], **settings}}

    assert not differences(PROVENANCE, told(spread=False, sound_seconds=300.0))
    assert not differences(PROVENANCE, told(spread=False, sound_seconds=None))
    assert differences(PROVENANCE, told(spread=True)) == {"spread": "spread (False there, True here)"}
    assert list(differences(PROVENANCE, told(sound_seconds=60.0))) == ["sound_seconds"]
