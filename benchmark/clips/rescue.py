"""Lets the ffmpeg program read clips that the libraries cannot; its processes end with the run."""

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
"""How long the ffmpeg program may take for one clip."""

FLICK = "1:705600000"
"""The time base, in seconds: all usual frame rates are multiples of it, and every version of ffmpeg accepts it."""

PICTURES = ("-map", "0:V:0", "-c:v", "ffv1", "-enc_time_base", FLICK)
SOUND = ("-map", "0:a:0", "-c:a", "pcm_s16le")
_ROOM = Room(2)
_UNDER_WAY: set["subprocess.Popen[bytes]"] = set()


@contextmanager
def rescued(path: Path, refusal: Exception, output: Sequence[str], limits: ClipLimits) -> Iterator[Path]:
    """A file with what the ffmpeg program can read of a clip, losslessly encoded, as long as the context lasts.

    `refusal` is the library's error; `output` are the ffmpeg options `PICTURES` or `SOUND`, and what limits the length.

    Raises:
        DataError: ffmpeg is not installed, cannot read the clip either, or would write too much.
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
            if not file.exists():
                raise ValueError("ffmpeg can read nothing")
            if file.stat().st_size > RESCUED_BYTES * 0.98:  # ffmpeg stopped here: the rest is missing
                raise DataError(
                    f"The clip {path} is damaged, and what ffmpeg can read of it takes more than"
                    f" {RESCUED_BYTES // 2**30} GiB; convert it to mp4."
                )
            yield file
        except (*REFUSALS, subprocess.TimeoutExpired) as error:
            raise DataError(
                f"The clip {path} cannot be decoded, not even by the ffmpeg program ({reason(refusal)}); replace it."
            ) from error


def _source(path: Path, limits: ClipLimits) -> Sequence[str]:
    """The options of the input; `file:` and the absolute path, so that its name is neither an option nor a URL."""
    kinds = ["-protocol_whitelist", "file", "-format_whitelist", f"{FORMATS},{LATE_FORMATS}"]
    # larger pictures are refused before they take memory, even in the middle of a stream
    sizes = ["-max_streams", str(MOST_STREAMS), "-max_pixels", str(limits.pixels), "-threads", "1"]
    return ["-nostdin", "-v", "quiet", *kinds, *sizes, "-i", f"file:{path.absolute()}"]


def run_ffmpeg(command: Sequence[str]) -> None:
    """Runs the command to its end. Its exit status is ignored: ffmpeg reports errors in damaged clips.

    Raises:
        ValueError: it was killed, so what it wrote is only a part of the clip.
        subprocess.TimeoutExpired: it took too long.
    """
    # in a session of its own: Ctrl-C in the terminal would end it early, without an error
    with _ROOM.take(1), subprocess.Popen(command, start_new_session=True) as rescue:  # noqa: S603
        _UNDER_WAY.add(rescue)
        try:
            _limit_memory(rescue.pid)
            rescue.wait(RESCUE_SECONDS)
        finally:
            _UNDER_WAY.discard(rescue)
            rescue.kill()
    if rescue.returncode < 0:
        raise ValueError("the ffmpeg program was killed")


def _limit_memory(process: int) -> None:
    """Limits the memory of another process, which only Linux allows."""
    if sys.platform == "linux":
        import resource

        with suppress(ProcessLookupError):  # it has already ended
            resource.prlimit(process, resource.RLIMIT_AS, (RESCUE_MEMORY, RESCUE_MEMORY))


def end_rescues() -> None:
    """Kills the ffmpeg processes that are running, so that the end of a run need not wait for them."""
    for rescue in tuple(_UNDER_WAY):
        rescue.kill()


def reason(error: Exception) -> str:
    """Why the library refused a file: the first line of its error."""
    text = error.strerror if isinstance(error, av.FFmpegError) else str(error)
    return text.splitlines()[0] if text else type(error).__name__
