from contextlib import closing
from pathlib import Path

import pytest

from benchmark.storage.cache import Cache
from reports.cli import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with closing(Cache(tmp_path)) as cache:
        cache.put("reply:1", b"joy")
        cache.put("reply:2", b"anger")
        cache.put("clip:1", b"{}")
        for number in range(4):
            cache.media.write(f"{number:064x}", bytes(1_000_000))
    return tmp_path


def test_stats_count_what_is_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "stats", "--cache", str(folder)]) == 0
    told = capsys.readouterr().out
    assert str(folder) in told
    assert "2 replies and notes on 1 decoded clips" in told
    assert "frames and sound: 4 files, 4.0 MB" in told


def test_pruning_keeps_replies(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "prune", "--cache", str(folder), "--cache-limit=0.0025"]) == 0
    assert "2.0 MB of frames and sound deleted; replies are kept" in capsys.readouterr().out
    with closing(Cache(folder)) as cache:
        assert (cache.counts()["reply"], cache.media.size()) == (2, (2, 2_000_000))


def test_clearing_forgets_everything(folder: Path) -> None:
    assert main(["cache", "clear", "--cache", str(folder)]) == 0
    with closing(Cache(folder)) as cache:
        assert (cache.counts()["reply"], cache.media.size()) == (0, (0, 0))


def test_looking_at_a_cache_makes_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "stats", "--cache", str(tmp_path / "none")]) == 2
    assert "No cache in" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
