"""Files that others have written: regular ones alone, and within limits."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from benchmark.errors import DataError

LONGEST_FILE = 2 * 10**9
"""Bytes of a file that is read whole."""
LONGEST_LINE = 64 * 10**6
"""Bytes of a line."""

_PACKED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ": "xz", b"BZh": "bzip2"}


def opened(path: Path, *, linked: bool = True) -> IO[bytes]:
    """A regular file, open for reading; nothing else is ever opened: a pipe may wait and a device never end.

    Args:
        path: the file.
        linked: whether a link may stand for it. A user may name a link; in a folder of somebody else's it may lead to
            any file of the user's.

    Raises:
        DataError: it is not there, is no regular file, is a link, or cannot be read; the text does not name the file.
    """
    with readable():
        _refuse_strange(path.stat(follow_symlinks=linked))
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
        file = open(os.open(path, flags | (0 if linked else getattr(os, "O_NOFOLLOW", 0))), "rb")  # noqa: PTH123, SIM115
        try:
            _refuse_strange(os.fstat(file.fileno()))  # another may have taken its place
        except DataError:
            file.close()
            raise
        return file


@contextmanager
def readable() -> Iterator[None]:
    """Says in the suite's words why a file cannot be read.

    Raises:
        DataError: the system refuses to; the text does not name the file.
    """
    try:
        yield
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror or type(error).__name__})") from error
    except ValueError as error:  # a zero byte in its name
        raise DataError(f"cannot be read ({error})") from error


def strange(state: os.stat_result) -> str:
    """What there is in place of a regular file; empty of a regular file, which alone may be opened."""
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
        DataError: as for `opened`; or it has more than `most` bytes, or is compressed.
    """
    with opened(path, linked=linked) as file, readable():
        content = file.read(most + 1)
    if len(content) > most:
        raise DataError(f"is too large: it has more than {most / 1e6:,.0f} MB")
    refuse_packed(content)
    return content


def refuse_packed(start: bytes) -> None:
    """Says no to what begins as compressed files do.

    Raises:
        DataError: says how it is compressed.
    """
    for magic, name in _PACKED.items():
        if start.startswith(magic):
            raise DataError(f"is compressed ({name}): unpack it first")


def read_lines(path: Path, *, linked: bool = True) -> Iterator[tuple[int, bytes]]:
    """A regular file's lines that are not blank, by number from 1 on, without a byte-order mark.

    Raises:
        DataError: as for `opened`; or a line is too long, or the file is compressed.
    """
    number = 0
    with opened(path, linked=linked) as file:
        while line := _next_line(file):
            number += 1
            if number == 1:
                refuse_packed(line)
                line = line.removeprefix(b"\xef\xbb\xbf")
            if len(line) > LONGEST_LINE:
                raise DataError(f"has a line, {number}, of more than {LONGEST_LINE / 1e6:.0f} MB")
            if line.strip():
                yield number, line


def _next_line(file: IO[bytes]) -> bytes:
    with readable():
        return file.readline(LONGEST_LINE + 1)
