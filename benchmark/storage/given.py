"""Reads files that others have written: only regular files, and within limits."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from benchmark.errors import DataError

LONGEST_FILE = 2 * 10**9
"""The most bytes of a file that is read whole."""
LONGEST_LINE = 64 * 10**6
"""The most bytes of a line."""

_PACKED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ": "xz", b"BZh": "bzip2"}


def opened(path: Path, *, linked: bool = True) -> IO[bytes]:
    """A regular file, open for reading; nothing else is opened, since a pipe may block and a device may never end.

    Args:
        path: the file.
        linked: whether it may be a link. A user may name a link, but in a folder from somebody else, a link may lead to
            any of the user's files.

    Raises:
        DataError: it is missing, not a regular file, a link, or unreadable; the message does not name the file.
    """
    with readable():
        _refuse_strange(path.stat(follow_symlinks=linked))
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
        file = open(os.open(path, flags | (0 if linked else getattr(os, "O_NOFOLLOW", 0))), "rb")  # noqa: PTH123, SIM115
        try:
            _refuse_strange(os.fstat(file.fileno()))  # it may have been replaced
        except DataError:
            file.close()
            raise
        return file


@contextmanager
def readable() -> Iterator[None]:
    """Converts system errors about a file to `DataError`.

    Raises:
        DataError: the file cannot be read; the message does not name it.
    """
    try:
        yield
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror or type(error).__name__})") from error
    except ValueError as error:  # a zero byte in its name
        raise DataError(f"cannot be read ({error})") from error


def strange(state: os.stat_result) -> str:
    """What there is in place of a regular file; "" for a regular file, the only kind that may be opened."""
    kinds = {
        stat.S_IFREG: "",
        stat.S_IFLNK: "a link: put the file itself there",
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a pipe",
    }
    return kinds.get(stat.S_IFMT(state.st_mode), "a device or a socket")


def _refuse_strange(state: os.stat_result) -> None:
    if what := strange(state):
        raise DataError(f"cannot be read (it is {what})")


def read_whole(path: Path, most: int = LONGEST_FILE, *, linked: bool = True) -> bytes:
    """A regular file's content.

    Raises:
        DataError: as for `opened`; also if it has more than `most` bytes or is compressed.
    """
    with opened(path, linked=linked) as file, readable():
        content = file.read(most + 1)
    if len(content) > most:
        raise DataError(f"is too large: it has more than {most / 1e6:,.0f} MB")
    refuse_packed(content)
    return content


def refuse_packed(start: bytes) -> None:
    """Refuses a file that starts like a compressed one.

    Raises:
        DataError: it is compressed.
    """
    for magic, name in _PACKED.items():
        if start.startswith(magic):
            raise DataError(f"is compressed ({name}): unpack it first")


def read_lines(path: Path, *, linked: bool = True) -> Iterator[tuple[int, bytes]]:
    """The lines of a regular file that are not blank, with their numbers from 1, without a byte-order mark.

    Raises:
        DataError: as for `opened`; also if a line is too long or the file is compressed.
    """
    with opened(path, linked=linked) as file, readable():
        for number, line in enumerate(iter(partial(file.readline, LONGEST_LINE + 1), b""), 1):
            if number == 1:
                refuse_packed(line)
                line = line.removeprefix(b"\xef\xbb\xbf")
            if len(line) > LONGEST_LINE:
                raise DataError(f"has a line, {number}, of more than {LONGEST_LINE / 1e6:.0f} MB")
            if line.strip():
                yield number, line
