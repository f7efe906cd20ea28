"""Signals that come while something is being kept."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmark.engine.signals import SIGNALS, end_on_signals, held


@pytest.fixture
def ending(tmp_path: Path) -> Iterator[None]:
    """The handlers of a run; before, another test may have brought in Ray, which has handlers of its own."""
    usual = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    restore = end_on_signals(tmp_path)
    yield
    restore()
    for number, handler in usual.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("ending")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_waits_until_the_block_is_done(number: signal.Signals) -> None:
    kept: list[str] = []

    def keep() -> None:
        with held():
            os.kill(os.getpid(), number)
            kept.append("line")
            os.kill(os.getpid(), number)
            kept.append("count")

    with pytest.raises(KeyboardInterrupt):
        keep()
    assert kept == ["line", "count"]
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), number)


def test_an_error_of_the_block_comes_through_and_handlers_are_as_before() -> None:
    usual = signal.getsignal(signal.SIGINT)
    with pytest.raises(OSError, match="full"), held():
        raise OSError("full")
    assert signal.getsignal(signal.SIGINT) is usual
