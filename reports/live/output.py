"""Output to a terminal, pipe or file that may be closed or full while a run writes to it."""

import os
import sys
from errno import EBADF
from typing import IO, Any

import pytest


class Spared:
    """A stream that drops all output after its first error, so that a run survives the loss of its terminal.

    Attributes:
        error: the first error; None if there was none.
    """

    def __init__(self, stream: IO[str]) -> None:
        """Writes to the stream."""
        self.error: OSError | None = None
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes the text, unless the stream has failed; returns its length."""
        try:
            return len(text) if self.error else self._stream.write(text)
        except OSError as error:
            self.error = error
        return len(text)

    def flush(self) -> None:
        """Flushes the stream, unless it has failed."""
        try:
            if not self.error:
                self._stream.flush()
        except OSError as error:
            self.error = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def spare(terminal: pytest.TerminalReporter) -> Spared:
    """Replaces the stream of pytest's terminal by one that cannot fail, and returns it."""
    writer = terminal._tw  # nothing public names its file
    writer._file = spared = Spared(writer._file)
    return spared


def open_closed() -> None:
    """Opens the null device as standard output or error if it was closed when Python started."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123  until Python exits


def let_go() -> OSError | None:
    """Flushes standard output and error; returns the error of standard output, None if there was none.

    A stream that fails is redirected to the null device: Python flushes it again when it exits, and would change the
    exit code.
    """
    unwritten = _flush("stdout")
    _flush("stderr")
    return unwritten


def _flush(name: str) -> OSError | None:
    stream = getattr(sys, name)
    if stream is None:
        open_closed()
        return OSError(EBADF, os.strerror(EBADF))
    try:
        stream.flush()
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        stream.flush()  # what has been kept goes there, since pytest's capture may yet put the old file back
        return error
    return None


def printed(text: str) -> OSError | None:
    """Prints the text; returns the error if it cannot be printed, e.g. the reader of a pipe has gone."""
    stream = Spared(sys.stdout)
    if sys.stdout is not None:
        stream.write(f"{text}\n")
    unwritten = let_go()
    return stream.error or unwritten
