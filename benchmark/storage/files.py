"""Files and folders that the suite makes: the user's alone, and whole whenever others read them.

Only in a folder that is there and shared on purpose, one into which its group may write and whose group is handed on
(`chmod g+ws`), the group may read and write what is made. A stricter umask always holds.
"""

import os
import shutil
import stat
from pathlib import Path
from uuid import uuid4

_SHARED = stat.S_ISGID | stat.S_IWGRP


def make_folder(path: Path) -> None:
    """Makes a folder, and those above it that are absent; one that is there keeps its mode.

    Raises:
        OSError: it cannot be made.
    """
    if path.is_dir():
        return
    if path.parent != path:
        make_folder(path.parent)
    path.mkdir(0o770 if _is_shared(path.parent) else 0o700, exist_ok=True)


def rights(path: Path) -> int:
    """The mode of a file that is made at that path; its folder must be there."""
    return 0o660 if _is_shared(path.parent) else 0o600


def opener(path: str, flags: int) -> int:
    """For `open(…, opener=opener)`: a file that is made has these rights, and one that is there keeps its own."""
    return os.open(path, flags, rights(Path(path)))


def put(target: Path, content: bytes) -> None:
    """Puts a file in place in one go: nobody ever reads half of it.

    Raises:
        OSError: it cannot be written.
    """
    passing = target.with_name(f".{uuid4().hex}")
    try:
        with open(passing, "xb", opener=opener) as file:
            file.write(content)
        passing.replace(target)
    finally:
        passing.unlink(missing_ok=True)


def copy(source: Path, target: Path) -> None:
    """Puts what a file holds into another.

    Raises:
        OSError: one cannot be read, or the other written.
    """
    with source.open("rb") as held, open(target, "wb", opener=opener) as file:
        shutil.copyfileobj(held, file, 2**20)


def keep(written: Path, kept: Path) -> None:
    """Keeps what another program has written, there already or elsewhere, with the rights that our files have.

    Raises:
        OSError: it cannot be read, or not be kept.
    """
    if written.resolve() == kept.resolve():
        kept.chmod(stat.S_IMODE(kept.stat().st_mode) & rights(kept))
    else:
        copy(written, kept)


def _is_shared(folder: Path) -> bool:
    return folder.stat().st_mode & _SHARED == _SHARED
