"""Folders that last as long as their process; what a killed one has left, the next run removes."""

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
"""The file in such a folder that its process holds locked: the system lets go of it where the process dies."""


@contextmanager
def passing_folder(parent: Path | None = None) -> Iterator[Path]:
    """A folder in `parent`, else in the system's temporary one, for as long as the context lasts.

    Raises:
        OSError: there is no room for it.
    """
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    held = None
    try:
        # locked before it has the name by which it is found, else it would be taken for a dead process's
        held = os.open(folder / f"{ALIVE}.new", os.O_CREAT | os.O_RDWR, 0o600)
        if _lock(held):
            (folder / f"{ALIVE}.new").rename(folder / ALIVE)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if held is not None:
            os.close(held)


def sweep(parent: Path | None = None) -> None:
    """Removes such folders of this user's whose processes are dead; all others stay as they are."""
    with suppress(OSError):  # tidying up is no reason not to start
        for folder in (parent or Path(tempfile.gettempdir())).glob(f"{PREFIX}*"):
            with suppress(OSError):
                _remove_dead(folder)


def _remove_dead(folder: Path) -> None:
    if sys.platform == "win32":
        return
    state = folder.lstat()
    # in a folder that nobody else can write no other user can have put a link
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid() or state.st_mode & 0o022:
        return
    held = os.open(folder / ALIVE, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if _lock(held):
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(held)


def _lock(file: int) -> bool:
    """Whether this process now holds the file; on Windows none ever does, and nothing is swept."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # another holds it, or this file system has no locks
        return False
    return True
