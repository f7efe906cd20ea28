"""What has been decoded and answered before, by the hash of all that determines it."""

import hashlib
import sqlite3
import threading
from pathlib import Path

from benchmark.errors import RunError


class Cache:
    """Bytes by key in one SQLite file; several processes and threads may share it."""

    def __init__(self, folder: Path) -> None:
        """Opens `folder/cache.sqlite`, made where it is absent.

        Raises:
            RunError: the folder cannot be written, or the file is no database.
        """
        self.path = folder / "cache.sqlite"
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=60, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
            )
        except (OSError, sqlite3.Error) as error:
            raise RunError(f"The cache {self.path} cannot be used ({error}); choose another --cache DIR.") from error

    def get(self, key: str) -> bytes | None:
        """What is kept under the key, or None.

        Raises:
            RunError: the file cannot be read.
        """
        try:
            with self._lock:
                row = self._connection.execute("SELECT value FROM kept WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error as error:
            raise RunError(f"The cache {self.path} cannot be read ({error}).") from error
        return bytes(row[0]) if row else None

    def put(self, key: str, value: bytes) -> None:
        """Keeps the value, at once and for good.

        Raises:
            RunError: the file cannot be written, e.g. the disk is full.
        """
        try:
            with self._lock:
                self._connection.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (key, value))
        except sqlite3.Error as error:
            raise RunError(f"The cache {self.path} cannot be written ({error}).") from error

    def close(self) -> None:
        """Lets go of the file."""
        self._connection.close()


def key_of(*parts: str | bytes) -> str:
    """A key for what the parts determine: SHA-256 over them, each with its length so that none runs into the next."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest.hexdigest()
