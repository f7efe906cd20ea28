"""A run's folder: records as they come, the report at the end."""

import os
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from benchmark.errors import NotKept, RunError
from benchmark.storage.files import make_folder, opener, put, rights

SAMPLES = "samples.jsonl"
REPORT = "report.json"
SUMMARY = "summary.md"
JUNIT = "junit.xml"
DISAGREEMENTS = "disagreements.md"
"""A list of where judge and word list differ."""
PAGE = "report.html"
PAGE_FOLDER = "report"
"""What the page loads: records, frames, clips."""

LOCK = ".lock"
"""Held as long as a run writes; the system lets go of it where the process dies."""


class RunFolder:
    """Where one run is kept, and no other meanwhile; nothing that is there already is ever lost."""

    def __init__(self, path: Path) -> None:
        """Makes the folder; files of an earlier run in it move to a folder `earlier-<time>` beside them.

        `run` tells the run from all others: its report and each line of its samples bear it, so that no reader takes
        what two runs have left in one folder for one.

        Raises:
            RunError: the folder cannot be written, or another run is writing there.
        """
        self.path, self.run = path, uuid4().hex
        try:
            make_folder(path)
            self._lock = _locked(path)
            _set_aside(path)
            # unbuffered: what has not been written must not be tried again, unseen, when the file is closed
            self._samples = open(path / SAMPLES, "ab", buffering=0, opener=opener)  # noqa: SIM115  held
            self._size = 0
        except OSError as error:
            raise RunError(
                f"The run directory {path} cannot be written ({error.strerror}); choose another --run-dir DIR."
            ) from error

    def append(self, line: str) -> None:
        """Writes a record's line, a JSON object, at once, whole or not at all, with the run's id put in front.

        Raises:
            NotKept: it cannot be written, e.g. the disk is full.
        """
        left = whole = memoryview(f'{{"run":"{self.run}",{line[1:]}\n'.encode())
        try:
            while left:
                left = left[self._samples.write(left) :]
            self._size += len(whole)
        except OSError as error:
            with suppress(OSError):
                self._samples.truncate(self._size)
            raise NotKept(
                f"{self.path / SAMPLES} cannot be written ({error.strerror}); earlier lines are kept."
            ) from error

    def write(self, name: str, text: str) -> None:
        """Puts a file in place in one go: readers see the old one or the new one, whole.

        Raises:
            NotKept: it cannot be written.
        """
        write_whole(self.path / name, text)

    def close(self) -> None:
        """Lets go of the folder, and removes it where the run left nothing in it.

        Raises:
            NotKept: the samples that were written are no longer there.
        """
        file = self.path / SAMPLES
        try:
            there = os.path.samestat(os.fstat(self._samples.fileno()), file.stat())
            self._samples.close()  # on a network disk only this may tell that it is full
        except OSError as error:
            raise NotKept(f"{file} has not been kept ({error.strerror}).") from error
        finally:
            self._leave()
        if not there:
            raise NotKept(f"{file} is no longer the one that this run has written.")

    def _leave(self) -> None:
        """Tidies up; what cannot be removed does no harm."""
        with suppress(OSError):
            (self.path / LOCK).unlink(missing_ok=True)
        self._lock.release()
        with suppress(OSError):
            if not self._size:
                (self.path / SAMPLES).unlink()
                self.path.rmdir()  # which it does only where the folder is empty


def _locked(path: Path) -> FileLock:
    lock = FileLock(path / LOCK, timeout=0, mode=rights(path / LOCK))
    try:
        with suppress(NotImplementedError):  # some network disks have no locks
            lock.acquire()
    except Timeout:
        raise RunError(
            f"The run directory {path} is in use by another run: choose another --run-dir DIR, or wait for its end."
        ) from None
    return lock


def usual_place(model: str) -> Path:
    """Where a run of the model is kept unless somebody says otherwise, from the project's root."""
    name = "".join(sign if sign.isalnum() or sign in "-._" else "-" for sign in model)
    return Path("reports", "runs", f"{name[:60]}-{time.strftime('%Y%m%d-%H%M%S')}")


def write_whole(target: Path, content: str | bytes) -> None:
    """Puts a file in place in one go, and its folder where that is absent.

    Raises:
        NotKept: it cannot be written.
    """
    try:
        make_folder(target.parent)
        put(target, content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise NotKept(f"{target} cannot be written ({error.strerror}).") from error


def _set_aside(path: Path) -> None:
    earlier = [
        path / name
        for name in (SAMPLES, REPORT, SUMMARY, JUNIT, DISAGREEMENTS, PAGE, PAGE_FOLDER)
        if (path / name).exists()
    ]
    if not earlier:
        return
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(earlier[0].stat().st_mtime))
    aside = path / f"earlier-{stamp}-{os.getpid()}"
    make_folder(aside)
    for file in earlier:
        file.rename(aside / file.name)
