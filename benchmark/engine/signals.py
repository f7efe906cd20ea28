"""Ends a run on a signal, such as when its terminal closes or its CI job is cancelled."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
SUFFIX = ".pid"


def end_on_signals(folder: Path) -> Callable[[], None]:
    """Makes SIGTERM and SIGHUP end this process and those that have signed up in the folder, as Ctrl-C does.

    Returns a function that restores the default handlers. A signal that has another handler or is ignored, as by nohup,
    stays so, and so do all outside the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    handled = [number for number in SIGNALS if signal.getsignal(number) is signal.SIG_DFL]

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  the signature of handlers
        for process in signed_up(folder):
            with suppress(OSError):  # it has ended
                os.kill(process, signal.SIGINT)
        raise KeyboardInterrupt(f"the run was ended by {signal.Signals(number).name}")

    for number in handled:
        signal.signal(number, end)

    def restore() -> None:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)

    return restore


@contextmanager
def held() -> Iterator[None]:
    """Delays Ctrl-C, SIGTERM and SIGHUP until the block is done: what belongs together is done whole or not at all."""
    if threading.current_thread() is not threading.main_thread():  # only the main thread gets signals
        yield
        return
    came: list[tuple[int, FrameType | None]] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append((number, frame))

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, *SIGNALS)}
    usual = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in usual:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
    for number, frame in came[:1]:
        usual[signal.Signals(number)](number, frame)


def sign_up(folder: Path, name: str) -> None:
    """Lets the process that calls `end_on_signals` with that folder end this process too."""
    (folder / f"{name}{SUFFIX}").write_text(str(os.getpid()))


def signed_up(folder: Path) -> Iterator[int]:
    """The ids of the processes that have signed up."""
    for file in folder.glob(f"*{SUFFIX}"):
        with suppress(OSError, ValueError):
            yield int(file.read_text())
