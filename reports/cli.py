"""`mme-emotion`: runs one command, with a clean end in all cases."""

import os
import sys
from collections.abc import Sequence

INTERRUPTED = 130
"""The exit code of shells for a program that Ctrl-C has ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0, 1 if a check fails, 2 if the arguments are wrong."""
    try:
        return _run(arguments)
    except (
        BrokenPipeError
    ):  # the reader has closed the pipe, as `head` does; Python must not fail on it again at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt as stop:
        if not stop.args:  # else `uninterrupted` has said so
            print("mme-emotion: interrupted", file=sys.stderr)
        return INTERRUPTED


def _run(arguments: Sequence[str] | None) -> int:
    # imported here, since it takes a while, in which Ctrl-C may be pressed
    from benchmark.errors import EmotionError
    from reports.commands.commands import parser
    from reports.say import tell

    try:
        asked = parser().parse_args(arguments)
    finally:
        sys.stdout.flush()  # --help has printed, perhaps to a closed pipe
    try:
        code: int | None = asked.run(asked)
        sys.stdout.flush()
    except EmotionError as error:
        tell(f"mme-emotion: {error}")
        return 2
    return code or 0


if __name__ == "__main__":
    sys.exit(main())
