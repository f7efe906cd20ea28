"""Files and folders that the suite creates: private to the user, and always complete when others read them.

The group may read and write them only in a folder that is shared on purpose: one that its group may write to, and whose
new files belong to that group (`chmod g+ws`). A stricter umask still applies.
"""

import os
import shutil
import stat
from pathlib import Path
from uuid import uuid4

_SHARED = stat.S_ISGID | stat.S_IWGRP


def make_folder(path: Path) -> None:
    """Creates a folder and its missing parents; an existing folder keeps its mode.

    Raises:
        OSError: it cannot be created.
    """
    if path.is_dir():
        return
    if path.parent != path:
        make_folder(path.parent)
    path.mkdir(0o770 if _is_shared(path.parent) else 0o700, exist_ok=True)


def rights(path: Path) -> int:
    """The mode of a new file at that path, whose folder must exist."""
    return 0o660 if _is_shared(path.parent) else 0o600


def opener(path: str, flags: int) -> int:
    """For `open(…, opener=opener)`: a new file has the mode that `rights` returns, an existing one keeps its own."""
    return os.open(path, flags, rights(Path(path)))


def put(target: Path, content: bytes) -> None:
    """Writes a file atomically: nobody ever reads half of it.

    Raises:
        OSError: it cannot be written.
    """
    temporary = target.with_name(f".{uuid4().hex}")
    try:
        with open(temporary, "xb", opener=opener) as file:
            file.write(content)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def append(target: Path, line: str) -> None:
    """Appends a line to a file of text, in a folder that is made if it is missing.

    Raises:
        OSError: it cannot be written.
    """
    make_folder(target.parent)
    with open(target, "a", encoding="utf-8", opener=opener) as file:
        file.write(f"{line}\n")


def copy(source: Path, target: Path) -> None:
    """Copies a file's content into another.

    Raises:
        OSError: one cannot be read, or the other cannot be written.
    """
    with source.open("rb") as read, open(target, "wb", opener=opener) as written:
        shutil.copyfileobj(read, written, 2**20)


def keep(written: Path, kept: Path) -> None:
    """Copies a file that another program wrote, unless it is already there, and gives it the mode of the suite's files.

    Raises:
        OSError: it cannot be read, or the copy cannot be written.
    """
    if written.resolve() == kept.resolve():
        kept.chmod(stat.S_IMODE(kept.stat().st_mode) & rights(kept))
    else:
        copy(written, kept)


def _is_shared(folder: Path) -> bool:
    return folder.stat().st_mode & _SHARED == _SHARED
