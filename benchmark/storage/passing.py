"""Temporary folders; those that a killed process has left are removed by the next run."""

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "mme-emotion-"
ALIVE = ".alive"
"""The file in such a folder that its process locks; the system unlocks it when the process dies."""


@contextmanager
def passing_folder(parent: Path | None = None) -> Iterator[Path]:
    """A folder in `parent`, or in the system's temporary folder if None, as long as the context lasts.

    Raises:
        OSError: it cannot be created.
    """
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    held = None
    try:
        # locked before it has its final name, or `sweep` could mistake it for that of a dead process
        held = os.open(folder / f"{ALIVE}.new", os.O_CREAT | os.O_RDWR, 0o600)
        if _lock(held):
            (folder / f"{ALIVE}.new").rename(folder / ALIVE)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if held is not None:
            os.close(held)


def sweep(parent: Path | None = None) -> None:
    """Removes this user's temporary folders whose processes are dead."""
    with suppress(OSError):  # a failure here must not prevent a run
        for folder in (parent or Path(tempfile.gettempdir())).glob(f"{PREFIX}*"):
            with suppress(OSError):
                _remove_dead(folder)


def _remove_dead(folder: Path) -> None:
    if sys.platform == "win32":
        return
    state = folder.lstat()
    # no other user can have put a link into a folder that only this user may write to
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid() or state.st_mode & 0o022:
        return
    held = os.open(folder / ALIVE, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if _lock(held):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(held)


def _lock(file: int) -> bool:
    """Locks the file; returns whether this succeeded. Never on Windows, where nothing is swept."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # another process holds the lock, or this file system has none
        return False
    return True
