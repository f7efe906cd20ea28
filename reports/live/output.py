"""A terminal, pipe or file that may go away, or be full, while a run writes on it."""

import os
import sys
from errno import EBADF
from typing import IO, Any

import pytest


class Spared:
    """A stream that is written to no more once that has failed, so that a run does not end for want of a reader.

    Attributes:
        error: why nothing is written any more; None while all is well.
    """

    def __init__(self, stream: IO[str]) -> None:
        """Passes everything on to the stream."""
        self.error: OSError | None = None
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes the text, or not."""
        try:
            return len(text) if self.error else self._stream.write(text)
        except OSError as error:
            self.error = error
        return len(text)

    def flush(self) -> None:
        """Hands on what is waiting, or not."""
        try:
            if not self.error:
                self._stream.flush()
        except OSError as error:
            self.error = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def spare(terminal: pytest.TerminalReporter) -> Spared:
    """Has pytest's terminal write on such a stream."""
    writer = terminal._tw  # nothing public names its file
    writer._file = spared = Spared(writer._file)
    return spared


def open_closed() -> None:
    """Gives pytest something to write on in place of standard output or error that was closed when Python started."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123  until Python exits


def let_go() -> OSError | None:
    """Writes what waits for standard output and error; tells why that of the output cannot be.

    A stream that cannot be written is put aside: Python would try again when it exits, and end with a code of its own.
    """
    errors = [_flush(name) for name in ("stdout", "stderr")]
    return errors[0]


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
        return error
    return None


def printed(text: str) -> OSError | None:
    """Prints the text; tells why it cannot be, as of a pipe that nobody reads."""
    stream = Spared(sys.stdout)
    if sys.stdout is not None:
        stream.write(f"{text}\n")
    unwritten = let_go()
    return stream.error or unwritten
