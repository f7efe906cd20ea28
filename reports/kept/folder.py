"""The folder of a run: records are appended as they arrive, the report is written at the end."""

import os
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from benchmark.errors import NotKept, RunError
from benchmark.models.kept_run import REPORT, SAMPLES
from benchmark.storage.files import make_folder, opener, put, rights

SUMMARY = "summary.md"
JUNIT = "junit.xml"
DISAGREEMENTS = "disagreements.md"
"""Last steps that the judge and the word list rate differently."""
PAGE = "report.html"
PAGE_FOLDER = "report"
"""Files that the page loads: records, frames, clips."""

LOCK = ".lock"
"""Locked while a run writes; the system releases it if the process dies."""


class RunFolder:
    """A folder that one run at a time writes; files that are already there are never lost.

    Attributes:
        path: the folder.
        run: the run's unique id, in its report and in each line of its samples, so that no reader mixes two runs.
    """

    def __init__(self, path: Path) -> None:
        """Makes the folder; files of an earlier run in it are moved to its subfolder `earlier-TIME-PID`.

        Raises:
            RunError: the folder cannot be written, or another run is writing in it.
        """
        self.path, self.run = path, uuid4().hex
        try:
            make_folder(path)
            self._lock = _locked(path)
            _set_aside(path)
            # unbuffered, so that closing the file does not silently try again to write what failed
            self._samples = open(path / SAMPLES, "ab", buffering=0, opener=opener)  # noqa: SIM115  held
            self._size = 0
        except OSError as error:
            raise RunError(
                f"The run directory {path} cannot be written ({error.strerror}); choose another --run-dir DIR."
            ) from error

    def append(self, line: str) -> None:
        """Writes a record's line, a JSON object, immediately and completely or not at all; adds the run's id first.

        Raises:
            NotKept: the line cannot be written, e.g. because the disk is full.
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
        """Writes a file in one step: readers see either the old file or the complete new one.

        Raises:
            NotKept: the file cannot be written.
        """
        write_whole(self.path / name, text)

    def close(self) -> None:
        """Releases the folder, and removes it if the run left nothing in it.

        Raises:
            NotKept: the samples cannot be written, or their file was replaced or deleted.
        """
        file = self.path / SAMPLES
        try:
            there = os.path.samestat(os.fstat(self._samples.fileno()), file.stat())
            self._samples.close()  # a full network disk may report it only now
        except OSError as error:
            raise NotKept(f"{file} has not been kept ({error.strerror}).") from error
        finally:
            self._release()
        if not there:
            raise NotKept(f"{file} was replaced by another file while this run was writing it.")

    def _release(self) -> None:
        """Unlocks and tidies up; a file that cannot be removed does no harm."""
        with suppress(OSError):
            (self.path / LOCK).unlink(missing_ok=True)
        self._lock.release()
        with suppress(OSError):
            if not self._size:
                (self.path / SAMPLES).unlink()
                self.path.rmdir()  # fails unless the folder is empty


def _locked(path: Path) -> FileLock:
    lock = FileLock(path / LOCK, timeout=0, mode=rights(path / LOCK))
    try:
        with suppress(NotImplementedError):  # some network disks have no file locks
            lock.acquire()
    except Timeout:
        raise RunError(
            f"The run directory {path} is in use by another run: choose another --run-dir DIR, or wait until it ends."
        ) from None
    return lock


def usual_place(model: str) -> Path:
    """The default folder for a run of the model, from the project's root."""
    name = "".join(sign if sign.isalnum() or sign in "-._" else "-" for sign in model)
    return Path("reports", "runs", f"{name[:60]}-{time.strftime('%Y%m%d-%H%M%S')}")


def write_whole(target: Path, content: str | bytes) -> None:
    """Writes a file in one step, as `RunFolder.write` does; makes its folder if necessary.

    Raises:
        NotKept: the file cannot be written.
    """
    try:
        make_folder(target.parent)
        put(target, content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise NotKept(f"{target} cannot be written ({error.strerror}).") from error


def _set_aside(path: Path) -> None:
    """Moves the files of an earlier run to a subfolder."""
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
