"""Whether a server that fails is asked at all: a circuit breaker (M. Nygard, 2007, "Release It!", chapter 5)."""

import time
from collections.abc import Callable
from dataclasses import dataclass

STRIKES = 3
"""How much speaks against a server that is out: so many server errors in a row, or one failure to reach it."""

MOST_RESTS = 30
"""The longest rest, in first rests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A request as the breaker sees it.

    Attributes:
        opened: how often the breaker had opened when the request began; what began before it last did tells nothing.
        trial: whether it is the one by which a resting server is tried again.
    """

    opened: int
    trial: bool = False


UNWATCHED = Attempt(opened=-1)
"""A request that tells nothing: where there is one server alone, it is asked whatever its state."""


class Breaker:
    """Closed, a server is asked. Open, it rests. Half open, one request tries it, and the others wait for its outcome.

    Attributes:
        opened: how often it has opened, whether for the first time or after a trial that failed.
    """

    def __init__(
        self, first_rest: float, turned: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Starts closed.

        The first rest takes `first_rest` seconds, each later one twice the one before; `turned` is called
        whenever the server has gone out or come back; `clock` gives seconds.
        """
        self.opened = 0
        self._first_rest, self._turned, self._clock = first_rest, turned, clock
        self._strikes = self._rests = 0
        self._rests_until: float | None = None
        self._trying = False

    @property
    def out(self) -> bool:
        """Whether the server is taken out: it rests, or is being tried."""
        return self._rests_until is not None

    @property
    def due(self) -> bool:
        """Whether its rest is over and nobody tries it yet."""
        return self._rests_until is not None and not self._trying and self._clock() >= self._rests_until

    def begin(self, *, trial: bool) -> Attempt:
        """A request is about to be sent; `trial` where it is to try a server that is due."""
        self._trying = self._trying or trial
        return Attempt(opened=self.opened, trial=trial)

    def succeeded(self, attempt: Attempt) -> None:
        """The request was answered, which puts the server back in."""
        if attempt.opened == self.opened:
            self._close()

    def failed(self, attempt: Attempt, strikes: int) -> None:
        """The request failed; `strikes` is how much that speaks against the server, 0 where it shows that it is there.

        Of requests that were sent to a server that is out, because all are, only the trial makes its rest longer.
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
        """The request has ended, it may be without a word on the server: then another may try it."""
        if attempt.trial and attempt.opened == self.opened:
            self._trying = False

    def open(self) -> None:
        """Takes the server out, for longer each time that it does not come back."""
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
