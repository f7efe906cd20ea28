import json
from pathlib import Path

import pytest

from benchmark.errors import RunError
from reports.record import Record
from reports.run import RunFolder
from reports.table import as_markdown, as_text, percent

RECORD = Record(
    id="SA/x/1", task="SA", source="x", question="?", label_set=("a", "b"), targets=("a",), outcome="error",
    stage="data", error="gone",
)  # fmt: skip


def test_records_are_whole_lines_on_disk_at_once(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.append(RECORD)
    (line,) = (tmp_path / "run" / "samples.jsonl").read_text().splitlines()
    assert Record.model_validate_json(line) == RECORD
    assert json.loads(line)["recognition"] is None, "no score is not a zero"


def test_an_earlier_run_is_set_aside(tmp_path: Path) -> None:
    for _ in range(2):
        folder = RunFolder(tmp_path)
        folder.append(RECORD)
        folder.write("report.json", "{}")
        folder.close()
    (aside,) = tmp_path.glob("earlier-*")
    assert {path.name for path in aside.iterdir()} == {"samples.jsonl", "report.json"}


def test_a_run_that_kept_nothing_leaves_nothing(tmp_path: Path) -> None:
    RunFolder(tmp_path / "run").close()
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("in the way")
    with pytest.raises(RunError, match="choose another --run-dir DIR"):
        RunFolder(tmp_path / "run")


def test_tables() -> None:
    rows = [("Task", "CoT"), ("ER-Lab", percent(0.125)), ("SA", percent(None))]
    assert as_text(rows) == ["Task     CoT", "ER-Lab  12.5", "SA         –"]
    assert as_markdown(rows)[1:3] == ["|---|---:|", "| ER-Lab | 12.5 |"]
