"""Renders the chat templates of checkpoints, which are foreign programs, in another process that can be stopped.

The sandbox of Transformers limits neither their time nor their memory. Run as a program, this module is that process:
it answers each line of JSON, with a template, variables and messages, with one line of JSON.
"""

import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from weakref import finalize

from benchmark.local.devices import search_path

SECONDS, STARTING_SECONDS = 10.0, 60.0
"""How long a conversation may take, which usually takes milliseconds; and how long the process may take to start."""

MEMORY_BYTES, MOST_BYTES = 2**30, 2**24
"""How much memory the process may take after its start, and how long a rendered conversation may be."""

CAUGHT = "\N{OBJECT REPLACEMENT CHARACTER}"
CATCHING = CAUGHT + "{{ messages | tojson }}"
"""A template that replaces the checkpoint's, to find out which messages the processor passes to it."""

KEPT = frozenset({"PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH", "VIRTUAL_ENV"})
KEPT_GROUPS = ("LC_", "PYTHON", "COVERAGE_")
"""The environment variables that the process gets, by name and by prefix: Python needs them, and none is secret."""


class Stopped(ValueError):
    """A template did not terminate by itself."""


class Renderer:
    """Renders the conversations of one processor, whose template runs in another process."""

    def __init__(self, processor: Any, seconds: float = SECONDS) -> None:
        """Replaces the processor's template; rendering a conversation may take this many `seconds`.

        Raises:
            ValueError: there are several templates, and none is the default.
        """
        template = processor.chat_template
        if isinstance(template, Mapping):
            if "default" not in template:
                raise ValueError(f"it has several chat templates, none of them the default: {', '.join(template)}")
            template = template["default"]
        processor.chat_template = CATCHING
        self._processor, self._seconds = processor, seconds
        self._task = {"template": template, "variables": processor.tokenizer.special_tokens_map}
        _process().begin()

    def text(self, conversation: Sequence[Mapping[str, Any]]) -> str:
        """The conversation in the network's prompt format, with the beginning of the answer.

        Raises:
            Stopped: the template does not terminate, or takes too much memory.
            ValueError: it refuses the conversation, or fails.
        """
        text = str(self._processor.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True))
        if not text.startswith(CAUGHT):  # the processor did not use its template
            return text
        task = json.dumps({**self._task, "messages": text.removeprefix(CAUGHT)}, default=str)
        answer = json.loads(_process().ask(task, self._seconds))
        if "text" not in answer:
            raise ValueError(f"its chat template fails: {answer['error']}")
        return str(answer["text"])


class _Process:
    """The process in which templates run; it is started again after it has ended."""

    def __init__(self) -> None:
        self._guard = threading.RLock()
        self._running: subprocess.Popen[bytes] | None = None
        self._is_new = True

    def begin(self) -> subprocess.Popen[bytes]:
        """Starts it unless it runs, without waiting the second that this takes."""
        with self._guard:
            if self._running is None or self._running.poll() is not None:
                self._running, self._is_new = _started(), True
                finalize(self, self._running.kill)
            return self._running

    def ask(self, line: str, seconds: float) -> bytes:
        """The answer to a line.

        Raises:
            Stopped: there was no answer in that many seconds, or the process ended.
        """
        with self._guard:
            process = self.begin()
            try:
                if self._is_new:
                    _read_line(process, STARTING_SECONDS)
                    self._is_new = False
                assert process.stdin is not None
                process.stdin.write(line.encode() + b"\n")
                process.stdin.flush()
                return _read_line(process, seconds)
            except (OSError, Stopped) as error:
                process.kill()
                process.communicate()
                why = error if isinstance(error, Stopped) else "ended its process"
                raise Stopped(f"its chat template {why}") from None


@cache
def _process() -> _Process:
    """The only one."""
    return _Process()


def _started() -> subprocess.Popen[bytes]:
    kept = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith(KEPT_GROUPS)}
    return subprocess.Popen(  # noqa: S603  Python itself
        [sys.executable, "-P", "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**kept, "PYTHONPATH": search_path()},
    )


def _read_line(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """The next line of the process."""
    assert process.stdout is not None
    due, parts, length = time.monotonic() + seconds, list[bytes](), 0
    while not (parts and parts[-1].endswith(b"\n")):
        if not select.select([process.stdout], [], [], max(0.0, due - time.monotonic()))[0]:
            raise Stopped(f"did not finish within {seconds:g} s and was stopped")
        parts.append(os.read(process.stdout.fileno(), 2**16))
        length += len(parts[-1])
        if not parts[-1]:
            raise Stopped("took too much memory and was stopped")
        if length > MOST_BYTES:
            raise Stopped(f"produced more than {MOST_BYTES // 2**20} MB for one question and was stopped")
    return b"".join(parts)


def main() -> None:
    """Answers each line of the input."""
    from transformers.utils.chat_template_utils import render_jinja_template

    _limit_memory()
    _write({})  # the process is ready
    for line in sys.stdin:
        task = json.loads(line)
        messages, template = json.loads(task["messages"]), task["template"]
        try:
            (text,), _ = render_jinja_template(
                [messages], chat_template=template, add_generation_prompt=True, **task["variables"]
            )
            answer = {"text": text}
        except MemoryError:
            return  # the process is no longer reliable
        except Exception as error:  # noqa: BLE001  a template may raise anything
            answer = {"error": f"{type(error).__name__}: {error}"[:1000]}
        _write(answer)


def _write(answer: Mapping[str, str]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _limit_memory() -> None:
    with suppress(ImportError, OSError, ValueError):  # some systems have no such limits
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY_BYTES,) * 2)


if __name__ == "__main__":
    main()
