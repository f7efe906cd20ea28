"""Folders that last as long as their process."""

import os
import subprocess
import sys
from pathlib import Path

from benchmark.storage.passing import ALIVE, PREFIX, passing_folder, sweep


def dead(folder: Path, name: str) -> Path:
    """What a process leaves that was killed."""
    made = "import os; from benchmark.storage.passing import passing_folder; made = passing_folder(); made.__enter__()"
    subprocess.run(
        [sys.executable, "-c", f"{made}; os.kill(os.getpid(), 9)"],
        env={**os.environ, "TMPDIR": str(folder)},
        check=False,
    )
    (left,) = folder.glob(f"{PREFIX}*")
    (left / "file").write_text(name)
    return left


def test_it_goes_with_its_context(tmp_path: Path) -> None:
    with passing_folder(tmp_path) as folder:
        (folder / "file").write_text("")
        assert folder.parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_has_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    left = dead(tmp_path, "left")
    theirs = tmp_path / f"{PREFIX}unlocked"
    theirs.mkdir()
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / ALIVE).write_text("")
    (tmp_path / f"{PREFIX}link").symlink_to(precious)
    (left / "link").symlink_to(precious)
    with passing_folder(tmp_path) as alive:
        sweep(tmp_path)
        assert alive.exists()
    assert not left.exists()
    assert theirs.exists()
    assert (precious / ALIVE).exists()


def test_a_folder_that_others_may_write_is_left_alone(tmp_path: Path) -> None:
    left = dead(tmp_path, "left")
    left.chmod(0o777)
    sweep(tmp_path)
    assert left.exists()
