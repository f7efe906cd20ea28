"""The cache of decoded clips and of replies, by the hash of everything that determines them.

Replies and other small values are in one SQLite file and are never removed; frames and sound are in files beside it,
the least recently used of which are removed above a limit. Of what a reply's key is made: `benchmark/models/cached.py`.
"""

import asyncio
import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakKeyDictionary

from benchmark.errors import NotKept, RunError
from benchmark.storage.files import make_folder, opener, put

LIMIT = 20 * 10**9
"""The default limit on frames and sound, in bytes."""

OPENING_ATTEMPTS, OPENING_PAUSE_SECONDS = 100, 0.05

KINDS = ("reply", "clip", "wave", "file")
"""How keys begin: replies of models, frames of clips without their pictures, waveforms, hashes of files."""


class Cache:
    """Values by key, in a folder that several processes and threads may share.

    Attributes:
        path: the SQLite file.
        media: the files beside it.
    """

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        """Opens the folder, and creates it if it is missing; `limit` is for `media`, in bytes.

        Raises:
            RunError: the folder cannot be written, or its file is not a database.
        """
        self.path = folder / "cache.sqlite"
        # reading never waits for writing, so each has its own connection
        self._reading, self._writing = threading.Lock(), threading.Lock()
        self._pool = ThreadPoolExecutor(1, "mme-emotion cache")
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
        self._batch = _Batch()
        try:
            make_folder(folder)
            with open(self.path, "ab", opener=opener):  # SQLite gives the files beside it the same mode
                pass
            self._writer = self._connect()
            self._use_wal()
            # not WITHOUT ROWID, as in older files: replies of more than 1 kB would take twice the space
            self._writer.execute("CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value BLOB NOT NULL)")
            self._reader = self._connect()
            self.media = Media(folder / "media", limit)
        except (OSError, sqlite3.Error) as error:
            raise RunError(f"The cache {self.path} cannot be used ({error}); choose another --cache DIR.") from error

    def get(self, key: str) -> bytes | None:
        """The value of the key; None if there is none.

        Raises:
            RunError: the file cannot be read.
        """
        with self._reading, _errors(self.path, "read"):
            row = self._reader.execute("SELECT value FROM kept WHERE key = ?", (key,)).fetchone()
        return bytes(row[0]) if row else None

    def put(self, key: str, value: bytes) -> None:
        """Stores the value, which survives even if the process is killed right after.

        Raises:
            NotKept: the file cannot be written, e.g. the disk is full.
        """
        self._write(_Batch([(key, value)]))

    async def keep(self, key: str, value: bytes) -> None:
        """As `put`, without blocking the running loop; values that arrive during a write are then written together.

        Raises:
            NotKept: as for `put`.
        """
        batch = self._batch
        batch.rows.append((key, value))
        async with self._turns.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            if batch is self._batch:  # else another caller has written it meanwhile
                self._batch = _Batch()
                # shielded: a cancelled caller must not cancel the write, which others share
                await asyncio.shield(asyncio.wrap_future(self._pool.submit(self._write, batch)))
        if batch.failure is not None:
            raise batch.failure

    def values(self, kind: str) -> Iterator[bytes]:
        """All values of a kind, one of `KINDS`, in no order.

        Raises:
            RunError: the file cannot be read.
        """
        found = "SELECT value FROM kept WHERE key >= ? || ':' AND key < ? || ';'"
        with self._reading, _errors(self.path, "read"):
            yield from (bytes(value) for (value,) in self._reader.execute(found, (kind, kind)))

    def counts(self) -> Mapping[str, int]:
        """The number of values of each kind.

        Raises:
            RunError: the file cannot be read.
        """
        counted = "SELECT count(*) FROM kept WHERE key >= ? || ':' AND key < ? || ';'"
        with self._reading, _errors(self.path, "read"):
            return {kind: self._reader.execute(counted, (kind, kind)).fetchone()[0] for kind in KINDS}

    def clear(self) -> None:
        """Removes everything.

        Raises:
            RunError: the folder cannot be written.
        """
        self.media.prune(0)
        with self._writing, _errors(self.path, "written"):
            self._writer.execute("DELETE FROM kept")
            self._writer.execute("VACUUM")

    def flush(self) -> None:
        """Writes what is still waiting, also for callers of `keep` that were cancelled.

        Raises:
            NotKept: the file cannot be written.
        """
        if not self._batch.rows:
            return
        batch, self._batch = self._batch, _Batch()
        self._pool.submit(self._write, batch).result()

    def close(self) -> None:
        """Writes what is still waiting, and closes the file.

        Raises:
            NotKept: the file cannot be written.
        """
        self.flush()
        self._pool.shutdown()
        self._reader.close()
        self._writer.close()

    def _write(self, batch: "_Batch") -> None:
        try:
            with self._writing, _errors(self.path, "written"):
                self._writer.execute("BEGIN IMMEDIATE")
                self._writer.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", batch.rows)
                self._writer.execute("COMMIT")
        except RunError as failure:
            batch.failure = failure
            with suppress(sqlite3.Error):
                self._writer.execute("ROLLBACK")
            raise

    def _use_wal(self) -> None:
        """Switches to a write-ahead log; retries while another process does too, since SQLite does not wait here."""
        for attempt in range(1, OPENING_ATTEMPTS + 1):
            try:
                self._writer.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or attempt == OPENING_ATTEMPTS:
                    raise
            time.sleep(OPENING_PAUSE_SECONDS)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=60, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection


@dataclass(slots=True, eq=False)
class _Batch:
    """What is written in one transaction, and the error if that failed."""

    rows: list[tuple[str, bytes]] = field(default_factory=list)
    failure: RunError | None = None


class Media:
    """Decoded pictures and sound: a file each, in a folder of limited size.

    Attributes:
        limit: the largest size of the folder, in bytes.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self.limit = folder, limit
        self._lock = threading.Lock()
        make_folder(folder)
        self._size = sum(size for _, size, _ in self._files())

    def read(self, key: str) -> bytes | None:
        """The content of the key, which becomes the most recently used; None if there is none.

        Raises:
            RunError: the file cannot be read.
        """
        path = self._path(key)
        with _errors(path, "read"), suppress(FileNotFoundError):  # another process may have just removed it
            content = path.read_bytes()
            os.utime(path)
            return content
        return None

    def find(self, key: str) -> Path | None:
        """The file with the content of the key, to link it; None if there is none."""
        path = self._path(key)
        return path if path.exists() else None

    def write(self, key: str, content: bytes) -> None:
        """Stores the content; above the limit, removes what was used least recently.

        Raises:
            NotKept: the folder cannot be written, e.g. the disk is full.
            RunError: a file cannot be removed.
        """
        path = self._path(key)
        with _errors(path, "written"):
            make_folder(path.parent)
            put(path, content)
        with self._lock:
            self._size += len(content)
            full = self._size > self.limit
        if full:
            self.prune(self.limit * 9 // 10)  # a tenth at once, so that not every further clip prunes

    def size(self) -> tuple[int, int]:
        """The number of files, and their size in bytes."""
        sizes = [size for _, size, _ in self._files()]
        return len(sizes), sum(sizes)

    def prune(self, limit: int) -> int:
        """Removes what was used least recently, until at most `limit` bytes are left; returns the bytes removed.

        Raises:
            RunError: a file cannot be removed.
        """
        with self._lock:
            files = sorted(self._files())
            before = self._size = sum(size for _, size, _ in files)
            for _, size, path in files:
                if self._size <= limit:
                    break
                with _errors(path, "removed"):
                    path.unlink(missing_ok=True)
                self._size -= size
            return before - self._size

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / key

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """Each file's time of last use, size and path, including incomplete files of killed processes."""
        for folder, _, names in os.walk(self._folder):
            for name in names:
                path = Path(folder, name)
                try:
                    state = path.stat()
                except FileNotFoundError:
                    continue
                yield state.st_mtime, state.st_size, path


@contextmanager
def _errors(path: Path, what: str) -> Iterator[None]:
    """Converts errors of the system and of SQLite to `RunError`; `what` is read, written or removed."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        kind = NotKept if what == "written" else RunError
        raise kind(f"The cache {path} cannot be {what} ({getattr(error, 'strerror', error)}).") from error


def key_of(*parts: str | bytes) -> str:
    """SHA-256 of the parts in hexadecimal, each preceded by its length, so that their boundaries count too."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest.hexdigest()
