"""Chat templates of checkpoints, which are programs of others, rendered in a process of their own that can be ended.

The sandbox in which Transformers renders them keeps them from files and attributes, and neither from time nor from
memory. As a program this module is that process: it answers a line of JSON, of template, variables and messages, with
a line.
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

SECONDS, STARTING_SECONDS = 10.0, 60.0
"""How long a conversation may take, which is a matter of milliseconds; and the process until it is there."""

MEMORY_BYTES, MOST_BYTES = 2**30, 2**24
"""What the process may take beyond what it begins with, and how long a rendered conversation may be."""

CAUGHT = "\N{OBJECT REPLACEMENT CHARACTER}"
CATCHING = CAUGHT + "{{ messages | tojson }}"
"""A template in the stead of the checkpoint's, by which a processor tells what it would give to that."""

KEPT = frozenset({"PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH", "VIRTUAL_ENV"})
KEPT_GROUPS = ("LC_", "PYTHON", "COVERAGE_")
_ROOT = Path(__file__).parents[2]


class Stopped(ValueError):
    """A template did not come to its end by itself."""


class Renderer:
    """Renders the conversations of one processor, whose own template runs in another process."""

    def __init__(self, processor: Any, seconds: float = SECONDS) -> None:
        """Takes the template out of the processor; a conversation may take so many `seconds`.

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
        self._told = {"template": template, "variables": processor.tokenizer.special_tokens_map}
        _process().begin()

    def text(self, conversation: Sequence[Mapping[str, Any]]) -> str:
        """The conversation in the network's own form, with the beginning of the answer.

        Raises:
            Stopped: the template comes to no end, or takes too much memory.
            ValueError: it refuses the conversation, or fails.
        """
        text = str(self._processor.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True))
        if not text.startswith(CAUGHT):  # the processor has a template of its own for this
            return text
        told = json.dumps({**self._told, "messages": text.removeprefix(CAUGHT)}, default=str)
        answer = json.loads(_process().ask(told, self._seconds))
        if "text" not in answer:
            raise ValueError(f"its chat template fails: {answer['error']}")
        return str(answer["text"])


class _Process:
    """Where templates run: one process, which another follows when it is ended."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._running: subprocess.Popen[bytes] | None = None
        self._is_new = True

    def begin(self) -> None:
        """Has it start, which takes a second, where it does not run."""
        with self._guard:
            self._begun()

    def ask(self, line: str, seconds: float) -> bytes:
        """What it answers to a line.

        Raises:
            Stopped: nothing in so many seconds, or it ended.
        """
        with self._guard:
            process = self._begun()
            try:
                if self._is_new:
                    _heard(process, STARTING_SECONDS)
                    self._is_new = False
                assert process.stdin is not None
                process.stdin.write(line.encode() + b"\n")
                process.stdin.flush()
                return _heard(process, seconds)
            except (OSError, Stopped) as error:
                process.kill()
                process.communicate()
                why = error if isinstance(error, Stopped) else "ended its process"
                raise Stopped(f"its chat template {why}") from None

    def _begun(self) -> subprocess.Popen[bytes]:
        if self._running is None or self._running.poll() is not None:
            self._running, self._is_new = _started(), True
            finalize(self, self._running.kill)
        return self._running


@cache
def _process() -> _Process:
    """The one of this process."""
    return _Process()


def _started() -> subprocess.Popen[bytes]:
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(  # noqa: S603  Python itself
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**_surroundings(), "PYTHONPATH": os.pathsep.join(paths)},
    )


def _surroundings() -> dict[str, str]:
    """What Python needs of the environment, and nothing that a template could give away."""
    return {name: value for name, value in os.environ.items() if name in KEPT or name.startswith(KEPT_GROUPS)}


def _heard(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """The next line of the process."""
    assert process.stdout is not None
    due, parts, length = time.monotonic() + seconds, list[bytes](), 0
    while not (parts and parts[-1].endswith(b"\n")):
        if not select.select([process.stdout], [], [], max(0.0, due - time.monotonic()))[0]:
            raise Stopped(f"came to no end within {seconds:g} s and was stopped")
        parts.append(os.read(process.stdout.fileno(), 2**16))
        length += len(parts[-1])
        if not parts[-1]:
            raise Stopped("took too much memory and was stopped")
        if length > MOST_BYTES:
            raise Stopped(f"made more than {MOST_BYTES // 2**20} MB of one question and was stopped")
    return b"".join(parts)


def main() -> None:
    """Answers lines until there are no more."""
    from transformers.utils.chat_template_utils import render_jinja_template

    _limit_memory()
    _say({})  # what takes long is over
    for line in sys.stdin:
        told = json.loads(line)
        messages, template = json.loads(told["messages"]), told["template"]
        try:
            (text,), _ = render_jinja_template(
                [messages], chat_template=template, add_generation_prompt=True, **told["variables"]
            )
            answer = {"text": text}
        except MemoryError:
            return  # what is left of it cannot be relied on
        except Exception as error:  # noqa: BLE001  a template may raise anything
            answer = {"error": f"{type(error).__name__}: {error}"[:1000]}
        _say(answer)


def _say(answer: Mapping[str, str]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _limit_memory() -> None:
    with suppress(ImportError, OSError, ValueError):  # not every system has such limits
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY_BYTES,) * 2)


if __name__ == "__main__":
    main()
