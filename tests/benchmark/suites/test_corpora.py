"""Which samples share a recording, by the names of the published annotations."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.data.dataset import read_samples
from benchmark.suites.mme_emotion.corpora import recording_of
from tests.reports.figures.test_scores import ANNOTATIONS

RECORDINGS = {
    "IEMOCAP": 30,
    "BOLD": 15,
    "CMU-MOSI": 31,
    "CMU-MOSEI": 352,
    "MELD": 237,
    "MC-EIU": 503,
    "E3": 280,
    "CH-SIMS_v2_s": 128,
}


@pytest.mark.parametrize(
    ("source", "video_id", "recording"),
    [
        ("IEMOCAP", "IEMOCAP/video/Ses05M_script03_1_F034.mp4", "IEMOCAP/Ses05M_script03_1"),
        ("IEMOCAP", "ER_Lab/Ses05F_impro02_M018.mp4", "IEMOCAP/Ses05F_impro02"),
        ("BOLD", "BOLD/video/_-x_Y_0044_0.mp4", "BOLD/_-x_Y"),
        ("CMU-MOSI", "c7UH_rxdZv4_13.mp4", "CMU-MOSI/c7UH_rxdZv4"),
        ("MELD", "MELD/video/test_dia279_utt2.mp4", "MELD/test_dia279"),
        ("MC-EIU", "MC-EIU/video/dia_441_utt_9_ch.mkv", "MC-EIU/dia_441"),
        ("E3", "E3/video/7570_0_0.mp4", "E3/7570"),
        ("CH-SIMS_v2_s", "x/video/aqgy4_0009_00034.mp4", "CH-SIMS_v2_s/aqgy4_0009"),
        ("CAER", "CAER/video/test_Happy_0073.avi", "CAER/test_Happy_0073"),
        ("MELD", "MELD/video/renamed.mp4", "MELD/renamed"),
    ],
)
def test_the_name_of_a_clip_tells_its_recording(source: str, video_id: str, recording: str) -> None:
    assert recording_of(source, video_id) == recording


@pytest.mark.skipif(not ANNOTATIONS.is_dir(), reason="the published annotations are not here")
def test_the_published_recordings_are_as_many_as_documented() -> None:
    found = defaultdict(set)
    for sample in read_samples(str(ANNOTATIONS)).samples:
        found[sample.source].add(sample.recording)
        assert sample.recording.startswith(f"{sample.source}/")

    assert {source: len(found[source]) for source in RECORDINGS} == RECORDINGS
    assert sum(map(len, found.values())) == 3235


@given(st.sampled_from([*RECORDINGS, "CAER", "unknown"]), st.text(max_size=30))
def test_every_name_has_a_recording(source: str, name: str) -> None:
    assert recording_of(source, name).startswith(f"{source}/")
