"""StimuVAR: its tables, all that is wrong with them, rankings of labels, and the demo through a gate."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.data.dataset import Dataset, read_samples
from benchmark.errors import DataError
from benchmark.models.floors import label_counts
from benchmark.suite import find_suite
from benchmark.suites.stimuvar.folder import VCE, spelt
from tests.integration.runs import run
from tests.tasks import clip_of

SUITE = find_suite("stimuvar")
OFFLINE = ("--judge=rules", "--extractor=rules")
ANY_JUDGE = "[judge]\nsensitivity = 0\nspecificity = 0\nlabels = 0\nresistance = 0\n"
TOP = ["Joy", "Amusement", "Awe (or Wonder)"]


def write(root: Path, name: str, content: object) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), "utf-8")
    return root


def read(root: Path) -> Dataset:
    return read_samples(str(root), SUITE)


def test_vce_has_three_labels_the_strongest_first(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "00015.mp4").write_bytes(b"a clip")
    felt = {"Fear": 0.2, "Joy": 0.9, "Awe (or Wonder)": 0.5, "Craving": 0.1}
    write(
        tmp_path,
        "vce_dataset/test_labels.json",
        {"15": {"file": "videos/00015.mp4", "topK": TOP}, "16": {"file": "16.mp4", "emotions": felt}},
    )
    dataset = read(tmp_path)
    first, second = dataset.samples
    assert (first.targets, second.targets) == (("Joy", "Amusement", "Awe"), ("Joy", "Awe", "Fear"))
    assert first.label_set == VCE
    assert clip_of(first).path == tmp_path / "videos" / "00015.mp4"
    assert list(dataset.missing) == [second.id]
    assert label_counts(dataset.samples) == {("VCE", "VCE"): {("Joy",): 2}}, "a ranking counts as its first label"


def test_the_27_emotions_are_all_different_and_known_in_any_spelling() -> None:
    assert len(set(VCE)) == 27
    assert [spelt(name) for name in ("awe (or wonder)", "Empathic_Pain", " JOY ")] == ["Awe", "Empathic Pain", "Joy"]
    assert spelt("Bliss") == "Bliss"


@pytest.mark.parametrize(
    ("name", "task", "label"),
    [("ve8_01.json", "VE-8", "Trust"), ("VideoEmotion8.json", "VE-8", "trust"), ("yf6_01.json", "YF-6", "Joy")],
)
def test_only_test_clips_of_the_other_tables_are_asked(tmp_path: Path, name: str, task: str, label: str) -> None:
    clips = {
        one: {"subset": subset, "annotations": {"label": label}}
        for one, subset in (("a", "training"), ("b", "validation"), ("c", "testing"))
    }
    (tmp_path / "b.mp4").write_bytes(b"a clip")
    samples = read(write(tmp_path, name, {"labels": [], "database": clips})).samples
    assert [(one.task.name, one.video_id, one.targets) for one in samples] == [
        (task, "b", (label.capitalize(),)),
        (task, "c", (label.capitalize(),)),
    ]
    assert clip_of(samples[0]).path == tmp_path / "b.mp4"


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        "test_labels.json",
        {
            "1": {"file": "1.mp4", "topK": ["Joy", "Joy", "Fear"]},
            "2": {"file": "2.mp4", "topK": ["Joy", "Bliss", "Fear"]},
            "3": {"file": "../3.mp4", "topK": TOP},
            "4": {"file": "4.mp4", "topK": ["Joy"]},
            "5": {"file": "5.mp4", "emotions": {"Joy": "much"}},
            "6": {"topK": TOP},
            "7": [],
        },
    )
    write(tmp_path, "ve8_01.json", {"database": {"a": {"annotations": {"label": "Love"}}, "b": {}}})
    write(tmp_path, "yf6_01.json", {"clips": {}})
    with pytest.raises(DataError) as raised:
        read(tmp_path)
    for line in (
        "test_labels.json: 1: `topK`: must be 3 different emotions",
        "test_labels.json: 2: `topK`: `Bliss` is not one of VCE's 27 emotions",
        "test_labels.json: 3: `file`: must be the path of a file in the folder",
        "test_labels.json: 4: `topK`: must be 3 different emotions",
        "test_labels.json: 5: `topK` is missing",
        "test_labels.json: 6: `file` is missing",
        "test_labels.json: 7: must be an object",
        "ve8_01.json: a: label `Love` is not one of Anger, Anticipation",
        "ve8_01.json: b: `annotations` is missing",
        "yf6_01.json: must have an object `database` with at least one clip",
    ):
        assert line in str(raised.value)


VALUES = st.recursive(
    st.none() | st.floats() | st.text(max_size=6) | st.sampled_from(VCE),
    lambda one: (
        st.lists(one, max_size=4)
        | st.dictionaries(st.sampled_from(["file", "topK", "emotions", "database", "annotations", "label"]), one)
    ),
)


@given(VALUES, st.sampled_from(["test_labels.json", "ve8_01.json"]))
def test_any_table_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, table: object, name: str) -> None:
    root = write(tmp_path_factory.mktemp("v"), name, table)
    try:
        samples = read(root).samples
    except DataError:
        return
    assert all(set(sample.targets) <= set(sample.label_set) for sample in samples)


def test_a_folder_without_tables_says_what_is_expected_and_where_it_is_had(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"expected vce_dataset/test_labels\.json .* github\.com/hendrycks/emodiversity"
    ):
        read(tmp_path)


def test_the_demo_is_run_and_gated(tmp_path: Path) -> None:
    samples = read_samples("demo", SUITE).samples
    told = [f"{sample.targets[0]}, because it is full of {sample.targets[-1]}." for sample in samples]
    told[0] = "Amusement, because it is happy."
    answers = tmp_path / "answers.json"
    answers.write_text(
        json.dumps([{"id": one.id, "model_response": text} for one, text in zip(samples, told, strict=True)])
    )
    gate = tmp_path / "gate.toml"
    gate.write_text(f"{ANY_JUDGE}[min.overall]\ntop1 = 0.5\n")
    done = run(tmp_path, "--suite=stimuvar", "--data=demo", f"--model=answers:{answers}", f"--gate={gate}", *OFFLINE)
    assert "StimuVAR: answers answers 12 of 12 samples of demo; extractor rules, judge rules" in done.output
    report = done.report
    assert report["gate"]["word"] == "PASS"
    assert report["overall"]["top1"] == pytest.approx(11 / 12)
    vce = report["tasks"]["VCE"]
    assert (vce["top1"], vce["top3"], vce["reason_only"]) == pytest.approx((5 / 6, 1, 1 / 6))
    assert (vce["doubly_right"], vce["aligned"]) == (0, 1), "the true label is hidden, the third is not"
    assert report["floors"] == pytest.approx({"VCE": 2 / 6, "VE-8": 1 / 3, "YF-6": 2 / 3, "overall": 5 / 12})
    assert "Emotional alignment" in done.output
    assert "Not comparable with published scores" in done.output
