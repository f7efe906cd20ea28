"""A run's folder: nothing written is lost, nothing half written is seen."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from benchmark.errors import RunError
from benchmark.models.kept_run import REPORT, SAMPLES
from reports.kept.folder import JUNIT, LOCK, SUMMARY, RunFolder
from reports.kept.reading import parse_line
from reports.kept.record import record_of
from tests.reports.outcomes import sample, scored, unscored

ROOT = Path(__file__).parents[3]
RECORDS = [record_of(scored(sample(), Fraction(1))), record_of(unscored(sample(name="b")))]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_each_record_is_on_disk_as_soon_as_it_is_appended(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "new" / "run")
    for count, record in enumerate(RECORDS, 1):
        folder.append(record.model_dump_json())
        lines = (folder.path / SAMPLES).read_bytes().splitlines()
        assert [parse_line(line) for line in lines] == [(one, folder.run) for one in RECORDS[:count]]
    folder.close()

    assert names(folder.path) == {SAMPLES}


def test_a_file_is_put_in_place_whole(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.append(RECORDS[0].model_dump_json())
    folder.write(REPORT, "old")
    folder.write(REPORT, "né")
    folder.close()

    assert (tmp_path / REPORT).read_text("utf-8") == "né"
    assert names(tmp_path) == {SAMPLES, REPORT}


def test_an_earlier_run_is_set_aside_and_other_files_stay(tmp_path: Path) -> None:
    for name in (SAMPLES, REPORT, SUMMARY, JUNIT, "notes.txt"):
        (tmp_path / name).write_text(f"earlier {name}", "utf-8")
    folder = RunFolder(tmp_path)
    folder.append(RECORDS[0].model_dump_json())
    folder.close()

    (aside,) = tmp_path.glob("earlier-*")
    kept = {path.name: path.read_text("utf-8") for path in aside.iterdir()}
    assert kept == {name: f"earlier {name}" for name in (SAMPLES, REPORT, SUMMARY, JUNIT)}
    assert names(tmp_path) == {SAMPLES, "notes.txt", aside.name}
    assert parse_line((tmp_path / SAMPLES).read_bytes()) == (RECORDS[0], folder.run)


def test_a_run_that_recorded_nothing_leaves_nothing(tmp_path: Path) -> None:
    RunFolder(tmp_path / "run").close()
    assert names(tmp_path) == set()

    folder = RunFolder(tmp_path / "run")
    folder.write(JUNIT, "<testsuites/>")
    folder.close()
    assert names(tmp_path / "run") == {JUNIT}


def test_a_folder_that_cannot_be_written_is_an_error_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(RunError, match=r"run directory .*file.* cannot be written .*choose another --run-dir DIR"):
            RunFolder(path)


def test_a_file_that_cannot_be_written_is_an_error_of_the_run(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    (tmp_path / REPORT).mkdir()
    with pytest.raises(RunError, match=rf"{REPORT} cannot be written \("):
        folder.write(REPORT, "new")
    folder.close()


def test_a_folder_in_which_a_run_writes_is_no_other_run_s(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.append(RECORDS[0].model_dump_json())
    with pytest.raises(RunError, match=r"is in use by another run: choose another --run-dir DIR"):
        RunFolder(tmp_path)
    assert names(tmp_path) == {SAMPLES, LOCK}, "what is there is left alone"
    folder.close()

    RunFolder(tmp_path).close()


def test_a_run_that_is_killed_leaves_no_lock(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from reports.kept.folder import RunFolder;"
        "RunFolder(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, check=False)
    assert (tmp_path / LOCK).exists()

    RunFolder(tmp_path).close()
