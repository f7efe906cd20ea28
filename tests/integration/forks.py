"""Programs without the second that Python takes to import everything: forks of a process that has done so.

`python -m tests.integration.forks SOCKET PACKAGES` is that process. It reads no setting of a run's and has no threads
of Python's, so that a fork of it is what a process of its own is, but for the seed of hashes, which all forks share.
pytest's plugins are not among what it imports, since pytest rewrites them.
"""

import atexit
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]
HAS_FORKS = sys.platform == "linux"
LONGEST = 1 << 20
"""Bytes of a request, most of them the environment."""

PACKAGES = (
    "PIL.JpegImagePlugin",
    "PIL.PngImagePlugin",
    "anyio._backends._asyncio",
    "benchmark.models.signal",
    "execnet",
    "jinja2",
    "pdb",
    "pytest",
    "reports.commands.commands",
    "reports.tables.power",
    "scipy.special",
    "scipy.stats",
    "uvloop",
)
"""What brings in nearly all that runs import."""

LOCAL_PACKAGES = (
    "accelerate",
    "transformers.models.qwen2_5_omni.modeling_qwen2_5_omni",
    "transformers.models.qwen2_5_omni.processing_qwen2_5_omni",
    "transformers.processing_utils",
)
"""The same of runs with a model on this machine."""

READ_BEFORE = {"PYTHONHASHSEED", "PYTHONUNBUFFERED", "OPENAI_LOG"}
"""What of the environment comes too late for a fork."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A module to be run as `python -m` does, from the project's root."""

    module: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    umask: int


class Forking:
    """The process that is forked; it ends with the one that has started it."""

    def __init__(self, packages: Sequence[str], **more: str) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.forks", str(theirs.fileno()), *packages],
                cwd=ROOT, env={**os.environ, **more}, pass_fds=[theirs.fileno()], start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            )  # fmt: skip

    def run(self, program: Program, timeout_seconds: float) -> subprocess.CompletedProcess[str]:
        """Runs it to its end, and until nobody is left who could print for it.

        Raises:
            subprocess.TimeoutExpired: it takes too long, and has been killed with all that it has started.
        """
        read, written = zip(os.pipe(), os.pipe(), strict=True)
        socket.send_fds(self._socket, [json.dumps(asdict(program)).encode()], written)
        for pipe in written:
            os.close(pipe)
        with ThreadPoolExecutor(2) as pool:
            printed = [pool.submit(_text, pipe) for pipe in read]
            try:
                self._socket.settimeout(timeout_seconds)
                code = self._socket.recv(LONGEST)
                stdout, stderr = (text.result(timeout_seconds) for text in printed)
            except TimeoutError:
                os.killpg(self._process.pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(program.module, timeout_seconds) from None
        assert code, "the process that is forked has ended"
        return subprocess.CompletedProcess([program.module, *program.arguments], int(code), stdout, stderr)

    def close(self) -> None:
        """Has it end, and waits for that."""
        self._socket.close()
        self._process.wait()


def _text(pipe: int) -> str:
    with open(pipe) as printed:
        return printed.read()


@cache
def forking(builds: str = "") -> Forking:
    """The one of this process for runs over the network; for models on this machine, if `builds` leads to theirs."""
    made = Forking([*PACKAGES, *LOCAL_PACKAGES], PYTHONPATH=builds) if builds else Forking(PACKAGES)
    atexit.register(made.close)
    return made


def serve(client: socket.socket) -> Program | None:
    """Replies to each request with the exit code of a fork; in the fork itself, returns what it is to run."""
    while True:
        request, pipes, _, _ = socket.recv_fds(client, LONGEST, 2)
        if not request:
            return None
        pid = os.fork()
        if pid == 0:
            client.close()
            for number, pipe in zip((1, 2), pipes, strict=True):
                os.dup2(pipe, number)
                os.close(pipe)
            return Program(**json.loads(request))
        for pipe in pipes:
            os.close(pipe)
        client.send(b"%d" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def become(program: Program) -> None:
    """Runs it in this process."""
    os.environ.clear()
    os.environ.update(program.environment)
    os.umask(program.umask)
    path = program.environment.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[1:1] = [place for place in path if place and place not in sys.path]
    tempfile.tempdir = None  # read from the environment once
    sys.argv = [program.module, *program.arguments]
    runpy.run_module(program.module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    for package in sys.argv[2:]:
        import_module(package)
    sys.modules["anyio"].__doc__ = "PYTEST_DONT_REWRITE"  # else pytest warns: it has a plugin, which is imported later
    gc.freeze()  # else each fork copies all of it with its first garbage collection
    asked = serve(socket.socket(fileno=int(sys.argv[1])))
    if asked is not None:
        become(asked)
