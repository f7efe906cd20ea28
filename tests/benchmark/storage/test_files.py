"""Who may read what the suite writes."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmark.storage.cache import Cache
from benchmark.storage.files import copy, keep, make_folder, opener, put

ROOT = Path(__file__).parents[3]


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield int(request.param)
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
def test_what_is_made_is_the_user_s_alone_and_what_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_folder(tmp_path / "a" / "b" / "c")
    make_folder(tmp_path)
    put(tmp_path / "put", b"1")
    with open(tmp_path / "opened", "a", opener=opener) as file:
        file.write("1")
    copy(tmp_path / "put", tmp_path / "copied")
    theirs = tmp_path / "theirs"
    theirs.write_bytes(b"1")
    keep(theirs, theirs)
    assert [mode(tmp_path / name) for name in ("a", "a/b", "a/b/c")] == [0o700] * 3
    assert [mode(tmp_path / name) for name in ("put", "opened", "copied", "theirs")] == [0o600] * 4
    assert mode(tmp_path) == 0o755


def test_a_cache_is_the_user_s_alone_with_what_sqlite_puts_beside_it(tmp_path: Path, umask: int) -> None:
    cache = Cache(tmp_path / "cache")
    cache.put("reply:a", b"1")
    cache.media.write("abc", b"1")
    made = list((tmp_path / "cache").rglob("*"))
    assert {path.name for path in made} >= {"cache.sqlite", "cache.sqlite-wal", "cache.sqlite-shm", "abc"}
    assert {mode(path) for path in made if path.is_file()} == {0o600}, umask
    assert {mode(path) for path in [tmp_path / "cache", *made] if path.is_dir()} == {0o700}
    cache.close()


def test_a_folder_that_a_team_shares_stays_shared(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o2770)
    before = os.umask(0o002)
    try:
        cache = Cache(shared)
        cache.put("reply:a", b"1")
        cache.media.write("abc", b"1")
        cache.close()
    finally:
        os.umask(before)
    made = list(shared.rglob("*"))
    assert {mode(path) for path in made if path.is_file()} == {0o660}
    assert {mode(path) for path in made if path.is_dir()} == {0o2770}


@pytest.mark.skipif(os.getuid() != 0, reason="another user is needed")
def test_another_user_s_cache_is_one_sentence(tmp_path: Path) -> None:
    Cache(tmp_path / "cache").close()
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    program = "import os, sys\nfrom benchmark.storage.cache import Cache\nfrom pathlib import Path\nos.setuid(65534)\n"
    program += "try:\n    Cache(Path(sys.argv[1]))\nexcept Exception as error:\n    print(type(error).__name__, error)"
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "cache")],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.startswith(f"RunError The cache {tmp_path / 'cache' / 'cache.sqlite'} cannot be used"), done
    assert "choose another --cache DIR" in done.stdout
