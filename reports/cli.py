"""The entry point of `mme-emotion`: runs one command."""

import os
import sys
from collections.abc import Sequence

INTERRUPTED = 130
"""The exit code that shells use for a program ended by Ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code: 0, 1 if a check fails, 2 on a user's error, or that of a verdict."""
    try:
        return _run(arguments)
    except BrokenPipeError:
        # the reader has closed the pipe, as `head` does; Python would fail on it again when it exits
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt as stop:
        if not stop.args:  # else `uninterrupted` has printed it
            print("mme-emotion: interrupted", file=sys.stderr)
        return INTERRUPTED


def _run(arguments: Sequence[str] | None) -> int:
    # imported here, within reach of `except KeyboardInterrupt`, since it takes a while
    from benchmark.errors import EmotionError
    from reports.commands.commands import parser
    from reports.say import tell

    try:
        asked = parser().parse_args(arguments)
    finally:
        sys.stdout.flush()  # --help prints, perhaps to a closed pipe
    try:
        code: int | None = asked.run(asked)
        sys.stdout.flush()
    except EmotionError as error:
        tell(f"mme-emotion: {error}")
        return 2
    return code or 0


if __name__ == "__main__":
    sys.exit(main())
