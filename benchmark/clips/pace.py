"""Which frames of a clip are taken."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import takewhile


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Which frames are taken: those on display at 0, 1/fps, 2/fps, … seconds.

    Times count from the first frame. One is wanted if it lies before the clip's end, where its last frame's duration is
    over; 0 always is. For each wanted time the last frame is taken that is due by then, and no frame twice: a clip
    shorter than 1/fps gives its first frame, one that shows less than fps frames a second gives each once.

    Attributes:
        fps: wanted times a second; 1 is the protocol (MME-Emotion, arXiv 2508.09210).
        most: wanted times at most; 10 is the protocol.
        spread: whether a clip that lasts longer than `shown` is shown whole, at `most` times that part it evenly.
    """

    fps: float = 1.0
    most: int = 10
    spread: bool = False

    @property
    def last(self) -> Fraction | None:
        """The last time that can be wanted, in seconds; None where that depends on the clip."""
        return None if self.spread else (self.most - 1) * self._usual

    @property
    def shown(self) -> Fraction:
        """How much of a longer clip is shown where the frames are not spread, in seconds."""
        return self.most * self._usual

    @property
    def _usual(self) -> Fraction:
        return 1 / Fraction(str(self.fps))

    def choose(self, times: Sequence[Fraction | float], end: Fraction | float) -> list[int]:
        """Indexes into ascending `times` of frames (seconds, from 0 on) of a clip that ends at `end`, ascending."""
        step = Fraction(end) / self.most if self.spread and end > self.shown else self._usual
        wanted = takewhile(lambda time: time == 0 or time < end, (n * step for n in range(self.most)))
        return list(dict.fromkeys(bisect_right(times, time) - 1 for time in wanted))
