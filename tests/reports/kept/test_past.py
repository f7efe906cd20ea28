"""Runs read back, those of earlier versions too."""

import json
from pathlib import Path

import pytest

from benchmark.errors import RunError
from reports.cli import main
from reports.kept.past import read_past
from tests.reports.made_runs import kept, run_of


def test_a_run_that_an_earlier_version_kept_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = kept(tmp_path / "run", run_of(4, 4))
    report = json.loads((folder / "report.json").read_text())
    (folder / "report.json").write_text(
        json.dumps({name: value for name, value in report.items() if name not in ("retries", "seconds")})
    )
    lines = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    for line in lines:
        for name in ("clip", "waveform", "frames"):
            del line[name]
    (folder / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert main(["show", str(folder)]) == 0
    assert "4 right, 4 wrong" in capsys.readouterr().out
    assert main(["compare", str(folder), str(folder), f"--html={tmp_path / 'page.html'}"]) == 0


def test_a_run_that_was_not_begun_has_no_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = kept(tmp_path / "run", [])
    (folder / "samples.jsonl").unlink()
    assert read_past(folder).records == {}
    assert main(["show", str(folder)]) == 0
    assert "MME-Emotion: m" in capsys.readouterr().out


def test_a_run_that_has_lost_its_records_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = kept(tmp_path / "run", run_of(4, 4))
    (folder / "samples.jsonl").unlink()
    assert main(["show", str(folder)]) == 2
    assert "samples.jsonl cannot be read" in capsys.readouterr().err


def test_a_run_has_its_folder_s_name_however_that_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = kept(tmp_path / "july", run_of(2, 2))
    (tmp_path / "last").symlink_to(folder)
    monkeypatch.chdir(folder)
    assert [read_past(path).name for path in (folder, Path(), tmp_path / "last")] == ["july"] * 3


@pytest.mark.parametrize("file", ["report.json", "samples.jsonl"])
def test_why_a_file_cannot_be_read_is_told(tmp_path: Path, file: str) -> None:
    folder = kept(tmp_path, run_of(2, 2))
    (folder / file).write_bytes(b"\xff")
    with pytest.raises(RunError, match=rf"{file}(, line 1,)? cannot be read \(it is not UTF-8\)\."):
        read_past(folder)
    (folder / file).unlink()
    with pytest.raises(RunError, match=rf"{file} cannot be read \(No such file or directory\)\."):
        read_past(folder)
