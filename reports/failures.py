"""Errors while a run is recorded and shown: collected, and printed at its end, so that everything else still works."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmark.errors import EmotionError, RunError, boundary


class Failures:
    """The errors so far.

    Attributes:
        found: one error of each kind, oldest first.
    """

    def __init__(self) -> None:
        """Starts without errors."""
        self.found: list[EmotionError] = []
        self._kinds: set[str] = set()

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Notes an error that is raised inside, instead of letting it through."""
        try:
            with boundary(RunError):
                yield
        except EmotionError as failure:
            self.note(failure)

    def note(self, failure: EmotionError) -> None:
        """Notes an error, unless one of its kind was noted before: an error at each sample is printed once."""
        kind = failure.fault.kind if failure.fault else str(failure)
        if kind not in self._kinds:
            self._kinds.add(kind)
            self.found.append(failure)

    def lines(self) -> Iterator[str]:
        """A sentence for each error; an unexpected one is followed by its traceback, which is stored nowhere else."""
        for failure in self.found:
            if (fault := failure.fault) is None:
                yield str(failure)
            else:
                yield f"The suite failed with an unexpected error: {fault.sentence}."
                yield from (f"    {line}" for line in fault.traceback.splitlines())
