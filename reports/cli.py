"""`mme-emotion`: runs one command, and ends cleanly however it ends."""

import os
import sys
from collections.abc import Sequence

INTERRUPTED = 130
"""As shells tell of a program that Ctrl-C has ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0, 1 where a judge is found bad, 2 where what was given is wrong."""
    try:
        return _run(arguments)
    except BrokenPipeError:  # whoever read it, as `head` does, has enough; Python must not find out again at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("mme-emotion: interrupted", file=sys.stderr)
        return INTERRUPTED


def _run(arguments: Sequence[str] | None) -> int:
    # imported here, since that takes a while, in which Ctrl-C may come too
    from benchmark.errors import EmotionError
    from reports.commands.commands import parser
    from reports.say import tell

    try:
        asked = parser().parse_args(arguments)
    finally:
        sys.stdout.flush()  # --help has printed, and whoever read it may have gone
    try:
        code: int | None = asked.run(asked)
        sys.stdout.flush()
    except EmotionError as error:
        tell(f"mme-emotion: {error}")
        return 2
    return code or 0


if __name__ == "__main__":
    sys.exit(main())
