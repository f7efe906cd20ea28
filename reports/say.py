"""Lines for a terminal: whatever they quote from a file or a server is made fit for it, and stays on its line."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress

from benchmark.printed import printable

LONGEST = 10_000
"""Characters of a line: a name may be a book."""


def as_lines(lines: Iterable[str]) -> Iterator[str]:
    """Each as one line, so that what it quotes cannot pass for a line of the suite's own."""
    return (printable(line[:LONGEST]).replace("\n", " ") for line in lines)


def say(*lines: str) -> None:
    """Prints them."""
    for line in as_lines(lines):
        print(line)


def tell(text: str) -> None:
    """Says something on standard error, where there is one that can be written; it may take several lines."""
    if sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.write(printable(f"{text}\n"))
