"""A circuit breaker for servers that fail (M. Nygard, 2007, "Release It!", chapter 5)."""

import time
from collections.abc import Callable
from dataclasses import dataclass

STRIKES = 3
"""Strikes at which a server is taken out: a server error counts as one, a failure to connect as all of them."""

MOST_RESTS = 30
"""The longest rest, in first rests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A request as the breaker sees it.

    Attributes:
        opened: how often the breaker had opened when the request began; older requests say nothing about it.
        trial: whether it tests a server that was taken out.
    """

    opened: int
    trial: bool = False


UNWATCHED = Attempt(opened=-1)
"""A request that is not counted: a single server is always asked."""


class Breaker:
    """Closed: the server is asked. Open: it is not. Half open: one request tests it, and the others wait for that.

    Attributes:
        opened: how often it has opened, including after failed trials.
    """

    def __init__(
        self, first_rest: float, turned: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Starts closed.

        The first rest takes `first_rest` seconds, each later one twice the one before; `turned` is called
        whenever the server is taken out or put back; `clock` gives seconds.
        """
        self.opened = 0
        self._first_rest, self._turned, self._clock = first_rest, turned, clock
        self._strikes = self._rests = 0
        self._rests_until: float | None = None
        self._trying = False

    @property
    def out(self) -> bool:
        """Whether the server is taken out."""
        return self._rests_until is not None

    @property
    def due(self) -> bool:
        """Whether its rest is over and no request tests it yet."""
        return self._rests_until is not None and not self._trying and self._clock() >= self._rests_until

    def begin(self, *, trial: bool) -> Attempt:
        """Notes that a request is about to be sent; `trial` if it tests a server that is due."""
        self._trying = self._trying or trial
        return Attempt(opened=self.opened, trial=trial)

    def succeeded(self, attempt: Attempt) -> None:
        """Notes a reply, which puts the server back."""
        if attempt.opened == self.opened:
            self._close()

    def failed(self, attempt: Attempt, strikes: int) -> None:
        """Notes a failure; `strikes` is how strongly it suggests that the server is down, 0 if it shows that it is up.

        Of requests sent to a server that is out, because all are, only a trial makes its rest longer.
        """
        if attempt.opened != self.opened:
            return
        if self.out:
            if not strikes:
                self._close()
            elif attempt.trial:
                self.open()
            return
        self._strikes += strikes
        if self._strikes >= STRIKES:
            self.open()

    def drop(self, attempt: Attempt) -> None:
        """Notes the end of a request; if it was a trial without a result, another request may be one."""
        if attempt.trial and attempt.opened == self.opened:
            self._trying = False

    def open(self) -> None:
        """Takes the server out, for longer after each failed trial."""
        was_out, self._trying = self.out, False
        self.opened += 1
        self._rests_until = self._clock() + self._first_rest * min(MOST_RESTS, 2**self._rests)
        self._rests += 1
        if not was_out:
            self._turned()

    def _close(self) -> None:
        was_out, self._rests_until = self.out, None
        self._strikes = self._rests = 0
        if was_out:
            self._turned()
