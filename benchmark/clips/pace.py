"""Which frames of a clip are used."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import takewhile


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Which frames are used: those on display at 0, 1/fps, 2/fps, … seconds.

    Times count from the first frame. A time is used if it is before the clip's end, which is the end of its last frame;
    0 is always used. For each time, the frame is the last one that is due by then, and no frame is used twice: a clip
    shorter than 1/fps yields its first frame, and one with fewer than fps frames a second yields each frame once.

    Attributes:
        fps: times per second; 1 is the protocol (MME-Emotion, arXiv 2508.09210).
        most: the largest number of times; 10 is the protocol.
        spread: whether the times of a clip that is longer than `shown` are spread evenly over the whole clip.
    """

    fps: float = 1.0
    most: int = 10
    spread: bool = False

    @property
    def last(self) -> Fraction | None:
        """The last time that may be used, in seconds; None if it depends on the clip."""
        return None if self.spread else (self.most - 1) * self._interval

    @property
    def shown(self) -> Fraction:
        """How much of a longer clip the frames cover if they are not spread, in seconds."""
        return self.most * self._interval

    @property
    def _interval(self) -> Fraction:
        return 1 / Fraction(str(self.fps))

    def choose(self, times: Sequence[Fraction | float], end: Fraction | float) -> list[int]:
        """The indexes of the frames to use, ascending.

        `times` are those of all frames, ascending, in seconds from 0; the clip ends at `end`.
        """
        step = Fraction(end) / self.most if self.spread and end > self.shown else self._interval
        wanted = takewhile(lambda time: time == 0 or time < end, (n * step for n in range(self.most)))
        return list(dict.fromkeys(bisect_right(times, time) - 1 for time in wanted))
