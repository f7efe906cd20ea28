"""The ffmpeg program, which reads clips that libraries refuse: ended where the run ends before it."""

import subprocess
from collections.abc import Sequence

SECONDS = 120
"""How long it may take over one clip."""

_UNDER_WAY: set["subprocess.Popen[bytes]"] = set()


def run_ffmpeg(command: Sequence[str]) -> None:
    """Runs it to its end; it may complain, as it does of damaged clips.

    Raises:
        ValueError: it was killed: what it has written by then must not be taken for the clip.
        subprocess.TimeoutExpired: it takes too long.
    """
    # in a session of its own: by Ctrl-C in the terminal it would end early, and as if all were well
    with subprocess.Popen(command, start_new_session=True) as rescue:  # noqa: S603
        _UNDER_WAY.add(rescue)
        try:
            rescue.wait(SECONDS)
        finally:
            _UNDER_WAY.discard(rescue)
            rescue.kill()
    if rescue.returncode < 0:
        raise ValueError("the ffmpeg program was killed")


def end_rescues() -> None:
    """Kills those under way: a run that is over waits for none."""
    for rescue in tuple(_UNDER_WAY):
        rescue.kill()
