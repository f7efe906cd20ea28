"""What could not be kept or shown of a run: said last, so that all else still comes to its end."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmark.errors import EmotionError, RunError, boundary


class Failures:
    """What has failed so far.

    Attributes:
        found: one of each kind, oldest first.
    """

    def __init__(self) -> None:
        """Starts with none."""
        self.found: list[EmotionError] = []
        self._kinds: set[str] = set()

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Notes what fails inside in place of raising it."""
        try:
            with boundary(RunError):
                yield
        except EmotionError as failure:
            self.note(failure)

    def note(self, failure: EmotionError) -> None:
        """Notes it, unless that has been done: what fails for each sample is said once."""
        kind = failure.fault.kind if failure.fault else str(failure)
        if kind not in self._kinds:
            self._kinds.add(kind)
            self.found.append(failure)

    def lines(self) -> Iterator[str]:
        """A sentence each; below one that nobody foresaw its traceback, which no record holds."""
        for failure in self.found:
            if (fault := failure.fault) is None:
                yield str(failure)
            else:
                yield f"The suite has met an error that it does not know: {fault.sentence}."
                yield from (f"    {line}" for line in fault.traceback.splitlines())
