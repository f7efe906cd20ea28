"""EmoBench-M: its files, all that is wrong with them, the demo, and a gated run."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.data.dataset import Dataset, read_samples
from benchmark.errors import DataError
from benchmark.suite import find_suite
from benchmark.suites.emobench_m.folder import FILES
from reports.wording import percent
from tests.integration.runs import run
from tests.tasks import clip_of

SUITE = find_suite("emobench-m")
ANY_JUDGE = "[judge]\nsensitivity = 0\nspecificity = 0\nlabels = 0\nresistance = 0\n"


def row(video: object, gold: str, **more: object) -> dict[str, object]:
    said = [{"from": "human", "value": "<video>\nSomebody says: hm."}, {"from": "gpt", "value": gold}]
    return {"id": 7, "video": video, "conversations": said, **more}


def write(root: Path, name: str, rows: object) -> Path:
    (root / "benchmark_json").mkdir(exist_ok=True)
    (root / "benchmark_json" / name).write_text(json.dumps(rows), "utf-8")
    return root


def read(root: Path) -> Dataset:
    return read_samples(str(root), SUITE)


@pytest.mark.parametrize(
    ("file", "gold", "task", "target"),
    [
        ("MELD.json", "joy", "MPDER", "joy"),
        ("MELD.json", "{'emotion': 'Joy'}", "MPDER", "joy"),
        ("MC-EIU.json", "{'emotion label': 'sad', 'intent label': 'neutral'}", "CEIA", "sad-neutral"),
        ("MC-EIU.json", "happy, Wishing", "CEIA", "happy-wishing"),
        ("funny.json", "True", "HU", "true"),
        ("FGMSA.json", "weak negative.", "SCEA", "weak negative"),
        ("RAVDSS-song.json", "calm", "SOER", "calm"),
        ("smile.json", "They laughed; it was silly.", "LR", "They laughed; it was silly."),
    ],
)
def test_labels_are_read_in_each_form(tmp_path: Path, file: str, gold: str, task: str, target: str) -> None:
    (sample,) = read(write(tmp_path, file, [row("x/a.mp4", gold)])).samples
    assert (sample.task.name, sample.targets) == (task, (target,))
    assert [turn.text for turn in sample.turns] == ["Somebody says: hm."]


@pytest.mark.parametrize(
    ("video", "recording"),
    [
        ("MELD/dia3_utt1.mp4", "dia3"),
        ("abcdefghi-__12.mp4", "abcdefghi-_"),
        ("03-02-05-01-01-01-24.mp4", "24"),
        ("video_12.mp4", "video_12"),
    ],
)
def test_clips_of_one_recording_are_known_by_their_names(tmp_path: Path, video: str, recording: str) -> None:
    (sample,) = read(write(tmp_path, "MELD.json", [row(video, "joy")])).samples
    assert sample.recording == f"MELD/{recording}"


@pytest.mark.parametrize("stated", ["MELD/a.mp4", "/home/somebody/MELD/a.mp4", "C:\\clips\\a.mp4"])
def test_clips_are_found_by_their_names_inside_the_folder(tmp_path: Path, stated: str) -> None:
    (tmp_path / "MELD").mkdir()
    (tmp_path / "MELD" / "a.mp4").write_bytes(b"a clip")
    dataset = read(write(tmp_path, "MELD.json", [row(stated, "joy")]))
    assert clip_of(dataset.samples[0]).path == tmp_path / "MELD" / "a.mp4"
    assert not dataset.missing


def test_two_questions_about_one_clip_differ_by_id_and_laughter_needs_no_clip(tmp_path: Path) -> None:
    write(tmp_path, "MELD.json", [row("a.mp4", "joy"), row("a.mp4", "anger", id=8)])
    write(tmp_path, "smile.json", [row(None, "They laughed.")])
    samples = read(tmp_path).samples
    assert [sample.video_id for sample in samples] == ["a.mp4-7", "a.mp4-8", "7"]
    assert samples[2].clip is None


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    write(
        tmp_path,
        "MELD.json",
        [
            row("a.mp4", "bliss"),
            row("../a.mp4", "joy"),
            row(None, "joy"),
            {"video": "b.mp4"},
            row("c.mp4", "joy", conversations=[{"from": "gpt", "value": "joy"}, {"from": "human", "value": "?"}]),
            "no row",
        ],
    )
    write(tmp_path, "MC-EIU.json", [row("a.mp4", "happy")])
    write(tmp_path, "SIMS.json", {})
    with pytest.raises(DataError) as raised:
        read(tmp_path)
    for line in (
        "MELD.json: a.mp4: label `bliss` is not in its label set: neutral, surprise",
        "MELD.json: row 2: `video`: must be the path of a file in the folder",
        "MELD.json: row 3: `video` is missing",
        "MELD.json: row 4: `conversations` is missing",
        "MELD.json: row 5: `conversations` must end with a message from human and one from gpt",
        "MELD.json: row 6: must be an object",
        "MC-EIU.json: a.mp4: label `happy` is not in its label set: happy-questioning",
        "SIMS.json: must be a list of rows",
    ):
        assert f"benchmark_json/{line}" in str(raised.value)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=8),
        lambda one: (
            st.lists(one, max_size=3)
            | st.dictionaries(st.sampled_from(["id", "video", "conversations", "from", "value"]), one)
        ),
    )
)
def test_any_rows_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, rows: object) -> None:
    root = write(tmp_path_factory.mktemp("m"), "MOSI.json", rows)
    with pytest.raises(DataError, match=r"benchmark_json/MOSI\.json"):
        read(root)


def test_a_folder_without_its_files_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no EmoBench-M questions: expected benchmark_json/\*\.json"):
        read(tmp_path)


def test_the_demo_is_run_and_gated(tmp_path: Path) -> None:
    gate = tmp_path / "gate.toml"
    gate.write_text(f"{ANY_JUDGE}[min.overall]\nscore = 0.05\n")
    done = run(tmp_path, "--suite=emobench-m", "--data=demo", "--model=majority", f"--gate={gate}")
    assert done.code == 0, done.output
    assert "EmoBench-M: majority answers 26 of 26 samples of demo; extractor rules, judge rules" in done.output
    report = done.report
    assert set(report["tasks"]) == {task for task, _ in FILES.values()}
    fer, ceu, scea = (report["overall"][name] for name in ("fer", "ceu", "scea"))
    laughter = report["tasks"]["LR"]["score"]
    assert (fer, ceu) == (0.5, 0.5)
    assert scea == pytest.approx((0.5 + 0.5 + laughter) / 3)
    assert report["overall"]["score"] == pytest.approx((fer + ceu + scea) / 3)
    assert "Not comparable with published scores: the judge is rules" in done.output
    assert report["labels"]["LR"] == {}, "reasons are no labels"
    if find_spec("sacrebleu") and find_spec("nltk"):
        bleu, rouge = (report["tasks"]["LR"][name] for name in ("bleu_4", "rouge_l"))
        assert f"BLEU-4 / ROUGE-L / BERTScore: LR {percent(bleu)} / {percent(rouge)} / –." in done.output
