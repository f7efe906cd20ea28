"""Hashes of files, each computed once."""

import hashlib
import os
import re
from pathlib import Path

from benchmark.storage.cache import Cache, key_of

_DIGEST = re.compile(rb"[0-9a-f]{64}")


def digest_of(path: Path) -> str:
    """SHA-256 of the file, in hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Contents:
    """Hashes of files, stored in a cache; a file is read again if its state has changed."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def digest(self, path: Path) -> str:
        """As `digest_of`, but reads the file only if it has not been read in this state.

        Raises:
            OSError: it cannot be read.
        """
        key = _state_of(path)
        known = self._kept(key)
        if known is None:
            known = digest_of(path)
            self._cache.put(key, known.encode())
        return known

    def known(self, path: Path) -> str | None:
        """As `digest`, without reading the file; None if it has not been read in this state.

        Raises:
            OSError: there is no such file, or its state cannot be read.
        """
        return self._kept(_state_of(path))

    def _kept(self, key: str) -> str | None:
        known = self._cache.get(key) or b""
        return known.decode() if _DIGEST.fullmatch(known) else None


def _state_of(path: Path) -> str:
    """A cache key that changes whenever the file does, by its size, its times and its inode."""
    state = path.stat()
    marks = (state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)
    return f"file:{key_of(os.fsencode(path.absolute()), *map(str, marks))}"
