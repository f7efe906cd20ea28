"""A second suite, of another kind: read, run and gated like the first."""

from pathlib import Path

import pytest

from benchmark.data.dataset import read_samples
from benchmark.errors import DataError
from benchmark.suite import find_suite
from tests.tasks import clip_of

SUITE = find_suite("mer2023")


def written(root: Path, table: str = "name,discrete,valence\nsample_1,worried,-1\nsample_2,happy,2\n") -> Path:
    (root / "video").mkdir(parents=True)
    (root / "test3-label.csv").write_text(table)
    (root / "video" / "sample_1.avi").write_bytes(b"a clip")
    return root


def test_tables_name_clips_wherever_they_lie(tmp_path: Path) -> None:
    dataset = read_samples(str(written(tmp_path)), SUITE)

    assert [sample.id for sample in dataset.samples] == ["MER-SEMI/MER2023/sample_1", "MER-SEMI/MER2023/sample_2"]
    assert clip_of(dataset.samples[0]).path == tmp_path / "video" / "sample_1.avi"
    assert dict(dataset.missing) == {"MER-SEMI/MER2023/sample_2": "sample_2 is not there"}
    assert dataset.samples[0].targets == ("worried",)


def test_a_label_outside_the_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="label `contempt` is not in its label set"):
        read_samples(str(written(tmp_path, "name,discrete\nsample_1,contempt\n")), SUITE)


def test_a_table_without_labels_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must have the column name and one of discrete"):
        read_samples(str(written(tmp_path, "clip;emotion\nsample_1;happy\n")), SUITE)


def test_archives_of_objects_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "test1-label.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match="run code when they are read"):
        read_samples(str(tmp_path), SUITE)
