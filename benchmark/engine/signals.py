"""Ends a run that is told to end: by a terminal that closes, by a CI job that is called off."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType

TOLD = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
SUFFIX = ".pid"


def heed(folder: Path) -> Callable[[], None]:
    """Has SIGTERM and SIGHUP end this process as Ctrl-C does, and those that have signed up in the folder.

    Returns what restores the usual. Where somebody else heeds a signal, or it is ignored as by nohup, it stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    heeded = [told for told in TOLD if signal.getsignal(told) is signal.SIG_DFL]

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  what handlers are given
        for process in signed_up(folder):
            with suppress(OSError):  # it has gone
                os.kill(process, signal.SIGINT)
        raise KeyboardInterrupt(f"the run was ended by {signal.Signals(number).name}")

    for told in heeded:
        signal.signal(told, end)

    def restore() -> None:
        for told in heeded:
            signal.signal(told, signal.SIG_DFL)

    return restore


def sign_up(folder: Path, name: str) -> None:
    """Has whoever heeds signals in that folder end this process too."""
    (folder / f"{name}{SUFFIX}").write_text(str(os.getpid()))


def signed_up(folder: Path) -> Iterator[int]:
    """The processes that have signed up."""
    for file in folder.glob(f"*{SUFFIX}"):
        with suppress(OSError, ValueError):
            yield int(file.read_text())
