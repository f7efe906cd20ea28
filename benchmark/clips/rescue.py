"""What the ffmpeg program can read of a clip that the libraries refuse; it is ended where the run ends before it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import av

from benchmark.clips.container import FORMATS, LATE_FORMATS, REFUSALS, refuse_disguise
from benchmark.clips.limits import MOST_STREAMS, RESCUE_MEMORY, RESCUED_BYTES, ClipLimits, Room
from benchmark.errors import DataError
from benchmark.storage.passing import passing_folder

RESCUE_SECONDS = 120
"""How long the ffmpeg program may take over one clip."""

FLICK = "1:705600000"
"""Of a second: all usual frame rates are whole numbers of it, and every version of ffmpeg takes it as a time base."""

PICTURES = ("-map", "0:V:0", "-c:v", "ffv1", "-enc_time_base", FLICK)
_ROOM = Room(2)
_UNDER_WAY: set["subprocess.Popen[bytes]"] = set()
SOUND = ("-map", "0:a:0", "-c:a", "pcm_s16le")


@contextmanager
def rescued(path: Path, refusal: Exception, output: Sequence[str], limits: ClipLimits) -> Iterator[Path]:
    """A file with what the ffmpeg program can read of a clip, losslessly encoded, for as long as the context lasts.

    Raises:
        DataError: it can read nothing either, or it would write too much.
    """
    refuse_disguise(path)
    program = shutil.which("ffmpeg")
    if program is None:
        raise DataError(
            f"The clip {path} cannot be decoded ({reason(refusal)}); replace it, or install ffmpeg, which can read"
            " some damaged files."
        ) from refusal
    with passing_folder() as folder:
        file = folder / "rescued.nut"
        try:
            run_ffmpeg([program, *_source(path, limits), *output, "-fs", str(RESCUED_BYTES), f"file:{file}"])
            _check_size(path, file)
            yield file
        except (*REFUSALS, subprocess.TimeoutExpired) as error:
            raise DataError(
                f"The clip {path} cannot be decoded, not by the ffmpeg program either ({reason(refusal)}); replace it."
            ) from error


def _source(path: Path, limits: ClipLimits) -> Sequence[str]:
    """The file is named in full and as a file, so its name can be neither an option nor an URL."""
    kinds = [
        "-protocol_whitelist",
        "file",
        "-format_whitelist",
        f"{FORMATS},{LATE_FORMATS}",
        "-max_streams",
        str(MOST_STREAMS),
    ]
    # what is larger is refused before it takes memory, in the midst of a stream too
    sizes = ["-max_pixels", str(limits.pixels), "-threads", "1"]
    return ["-nostdin", "-v", "quiet", *kinds, *sizes, "-i", f"file:{path.absolute()}"]


def run_ffmpeg(command: Sequence[str]) -> None:
    """Runs it to its end; it may complain, as it does of damaged clips.

    Raises:
        ValueError: it was killed: what it has written by then must not be taken for the clip.
        subprocess.TimeoutExpired: it takes too long.
    """
    # in a session of its own: by Ctrl-C in the terminal it would end early, and as if all were well
    with _ROOM.take(1), subprocess.Popen(command, start_new_session=True) as rescue:  # noqa: S603
        _UNDER_WAY.add(rescue)
        try:
            _bound(rescue.pid)
            rescue.wait(RESCUE_SECONDS)
        finally:
            _UNDER_WAY.discard(rescue)
            rescue.kill()
    if rescue.returncode < 0:
        raise ValueError("the ffmpeg program was killed")


def _bound(process: int) -> None:
    """Limits the memory of another process, which Linux alone allows."""
    if sys.platform == "linux":
        import resource

        with suppress(ProcessLookupError):  # it was faster
            resource.prlimit(process, resource.RLIMIT_AS, (RESCUE_MEMORY, RESCUE_MEMORY))


def end_rescues() -> None:
    """Kills those under way: a run that is over waits for none."""
    for rescue in tuple(_UNDER_WAY):
        rescue.kill()


def _check_size(path: Path, file: Path) -> None:
    """Refuses a clip of which nothing was written, or only a part: the rest would be missing without a word.

    Raises:
        ValueError, DataError: it is one.
    """
    if not file.exists():
        raise ValueError("it can read nothing")
    if file.stat().st_size > RESCUED_BYTES * 0.98:
        raise DataError(
            f"The clip {path} is damaged, and what ffmpeg can read of it takes more than {RESCUED_BYTES // 2**30} GiB;"
            " convert it to mp4."
        )


def reason(error: Exception) -> str:
    """Why the library refused a file, in its own words."""
    text = error.strerror if isinstance(error, av.FFmpegError) else str(error)
    return text.splitlines()[0] if text else type(error).__name__
