"""Handles Ctrl-C while a command writes files."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = "mme-emotion: interrupted"


@contextmanager
def uninterrupted(written: str) -> Iterator[None]:
    """Delays Ctrl-C until `written` is complete; a second Ctrl-C ends at once.

    Raises:
        KeyboardInterrupt: at the end, if Ctrl-C was pressed meanwhile.
    """
    if threading.current_thread() is not threading.main_thread():  # only the main thread gets signals
        yield
        return
    pressed = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            signal.default_int_handler(number, frame)
        pressed = True
        print(f"{INTERRUPTED}; finishing {written} first, press Ctrl-C again to stop at once", file=sys.stderr)

    usual = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
    if pressed:
        raise KeyboardInterrupt(INTERRUPTED)  # with an argument: it has been printed
