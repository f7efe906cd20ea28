"""Checks of a zip file before it is unpacked: its claims may be false, and it may grow a million times."""

import io
import os
import stat
from collections import Counter
from collections.abc import Sequence
from posixpath import normpath
from typing import BinaryIO
from zipfile import ZipInfo

from benchmark.data.rows import leaves_folder, slashed
from benchmark.errors import DataError

DIRECTORY_BYTES = 8 * 2**20
"""The largest list of members, enough for some 80,000; the benchmark has 6,500 clips."""

MOST_GROWTH = 100
"""How many times its size a zip file may have when unpacked; clips are already compressed and hardly grow."""

_SMALL_BYTES = 100 * 2**20
"""The unpacked size that is allowed at any growth: text can grow more."""

_ENCRYPTED = 1


class Directory(io.FileIO):
    """A zip file that refuses large reads while `limited`: Python's zipfile reads the whole list of members at once."""

    limited = True

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes.

        Raises:
            DataError: the read is larger than `DIRECTORY_BYTES`.
        """
        size = -1 if size is None else size
        asked = size if size >= 0 else os.fstat(self.fileno()).st_size - self.tell()
        if self.limited and asked > DIRECTORY_BYTES:
            raise DataError(f"is refused as a whole: its list of members takes more than {DIRECTORY_BYTES:,} bytes")
        return super().read(size) or b""


def check_members(members: Sequence[ZipInfo], file: BinaryIO, free: int) -> None:
    """Refuses an archive that cannot be unpacked safely; `free` is the free space of the disk in bytes.

    Raises:
        DataError: says why; the message does not name the file.
    """
    for member in members:
        if flaw := _flaw(member):
            raise DataError(f"is refused as a whole: its member {member.filename} {flaw}")
    names = Counter(normpath(slashed(member.filename)) for member in members if not member.is_dir())
    if twice := next((name for name, count in names.items() if count > 1), None):
        raise DataError(f"is refused as a whole: it has two members with the name {twice}")
    size, needed = file.seek(0, io.SEEK_END), sum(member.file_size for member in members)
    if needed > free:
        raise DataError(f"cannot be unpacked: it takes {needed:,} bytes and the disk has {free:,} left; free space")
    if needed > max(MOST_GROWTH * size, _SMALL_BYTES):
        raise DataError(
            f"is refused as a whole: its {size:,} bytes would become {needed:,}, more than {MOST_GROWTH} times as many"
        )
    _refuse_overlaps(members, size)


def _flaw(member: ZipInfo) -> str:
    """What is wrong with a member; "" if nothing is."""
    kind = stat.S_IFMT(member.external_attr >> 16)
    if leaves_folder(member.filename) or kind == stat.S_IFLNK:
        return "could write outside its folder"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is neither a file nor a folder"
    if member.flag_bits & _ENCRYPTED:
        return "is encrypted with a password; unpack it by hand"
    return "is itself a zip file; unpack it by hand" if member.filename.lower().endswith(".zip") else ""


def _refuse_overlaps(members: Sequence[ZipInfo], size: int) -> None:
    """Refuses members that share bytes: a small file could then unpack to a very large one."""
    end, last = 0, ""
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < end:
            raise DataError(f"is refused as a whole: its members {last} and {member.filename} overlap")
        end, last = member.header_offset + member.compress_size + 30, member.filename
    if end > size:
        raise DataError(f"is refused as a whole: its member {last} ends beyond the file")
