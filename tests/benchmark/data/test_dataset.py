import json
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import pytest

from benchmark.data.dataset import Dataset, read_samples
from benchmark.errors import DataError, RunError
from benchmark.suite import find_suite
from tests.tasks import TASKS

ANNOTATIONS = Path(__file__).parents[3].parent / "shared" / "mme_emotion"
needs_annotations = pytest.mark.skipif(
    not ANNOTATIONS.is_dir(), reason=f"the real annotations are not at {ANNOTATIONS}"
)


@pytest.fixture(scope="module")
def official() -> Dataset:
    return read_samples(str(ANNOTATIONS))


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The same questions as the hub lays them out, with stand-in clips in zip files."""
    root = tmp_path_factory.mktemp("hub")
    for task in TASKS:
        spelt = task.replace("-", "_")
        (questions,) = (ANNOTATIONS / task / "question").glob("*.json")
        rows = json.loads(questions.read_text("utf-8"))
        with ZipFile(root / f"{spelt}.zip", "w") as archive:
            for row in rows:
                row["video_id"] = f"{spelt}/{PurePosixPath(row['video_id']).name}"
                archive.writestr(row["video_id"], b"a clip")
        (root / f"{spelt}.json").write_text(json.dumps(rows), "utf-8")
    return read_samples(str(root))


@needs_annotations
def test_the_published_samples_have_short_unique_ids(official: Dataset) -> None:
    ids = [sample.id for sample in official.samples]

    assert len(ids) == len(set(ids)) == 6500
    assert len({sample.video_id for sample in official.samples}) == 6017
    assert "ER-Wild/MELD/test_dia100_utt0" in ids
    assert all(
        sample.id == f"{sample.task.name}/{sample.source}/{PurePosixPath(sample.video_id).stem}"
        for sample in official.samples
    )
    assert all(sample.audio_clue for sample in official.samples)


@needs_annotations
def test_a_folder_without_clips_is_read_and_says_so(official: Dataset) -> None:
    assert len(official.missing) == 6500


@needs_annotations
def test_both_layouts_give_the_same_samples(official: Dataset, hub: Dataset) -> None:
    def told(dataset: Dataset) -> list[tuple[object, ...]]:
        return [(one.id, one.source, one.task, one.targets, one.label_set) for one in dataset.samples]

    assert sorted(told(hub), key=str) == sorted(told(official), key=str)
    assert hub.fingerprint == official.fingerprint
    assert not hub.missing


def test_the_fingerprint_follows_what_is_asked_and_nothing_else(tmp_path: Path) -> None:
    def fingerprint(folder: str, *labels: str, clip: bytes = b"a clip") -> str:
        home = tmp_path / folder
        home.mkdir()
        (home / "a.mp4").write_bytes(clip)
        rows = [
            {"video": "a.mp4", "label": label, "label_set": ["joy", "fear"], "task": task}
            for label, task in zip(labels, ("ER-Lab", "SA"), strict=True)
        ]
        (home / "own.json").write_text(json.dumps(rows))
        (home / "own.jsonl").write_text("\n".join(json.dumps(row) for row in reversed(rows)))
        lines, listed = (read_samples(str(home / name)).fingerprint for name in ("own.jsonl", "own.json"))
        assert lines == listed
        return listed

    first = fingerprint("one", "joy", "fear")

    assert fingerprint("two", "joy", "fear", clip=b"another") == first
    assert fingerprint("three", "fear", "fear") != first


@pytest.mark.parametrize("where", ["no/such/folder", "no/such/file.jsonl", __file__, ""])
def test_a_place_without_data_is_refused(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"There is no data at|has no MME-Emotion questions"):
        read_samples(where)


@pytest.mark.parametrize(
    ("reader", "problem"),
    [
        ("no_such_module:read", "cannot be used: ModuleNotFoundError: .*no_such_module"),
        ("json:read", "cannot be used: AttributeError: .*read"),
        ("json", "is malformed: 'json' is not of the form MODULE:ATTRIBUTE"),
        ("sys:path", "is not a function"),
    ],
)
def test_a_suite_whose_reader_cannot_be_used_is_refused(reader: str, problem: str, tmp_path: Path) -> None:
    suite = find_suite().model_copy(update={"reader": reader})
    with pytest.raises(RunError, match=f"The reader {reader} of the suite mme-emotion {problem}"):
        read_samples(str(tmp_path), suite)
