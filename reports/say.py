"""Lines for a terminal, in which text quoted from a file or a server can neither send commands nor break the line."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress

from benchmark.printed import printable

LONGEST = 10_000
"""Characters of a line that are printed: a quoted name can be of any length."""


def as_lines(lines: Iterable[str]) -> Iterator[str]:
    """Each text as one printable line, so that quoted text cannot look like a line of the suite."""
    return (printable(line[:LONGEST]).replace("\n", " ") for line in lines)


def say(*lines: str) -> None:
    """Prints the lines on standard output."""
    for line in as_lines(lines):
        print(line)


def tell(text: str) -> None:
    """Prints text, of one line or several, on standard error; does nothing if that is closed or cannot be written."""
    if sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.write(printable(f"{text}\n"))
