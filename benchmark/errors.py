"""The errors, by the boundary at which they arise.

    EmotionError
    ├── DataError         a clip, a question or a data folder
    ├── ModelError        the model under test
    ├── ExtractorError    the agent that cuts an answer into steps
    ├── JudgeError        the agent that rates the steps, or describes the sound for it
    └── RunError          an option, a key, an endpoint, a run directory
        ├── NotKept       a disk that is full, a folder that has gone
        └── Halted        no more requests may be sent

A text is one or two sentences for the person at the terminal: what is wrong, where, what to do.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmark.fault import Fault, fault_of
from benchmark.printed import printable
from benchmark.usage import Usage

KEPT = "What was answered is kept: the same command goes on."
"""What errors end with that end a run on its way."""


LONGEST_HEAD, LONGEST_TAIL = 15_000, 5_000
"""Characters of a text: what it quotes may be a book, and what to do often stands at its end."""


class EmotionError(Exception):
    """Root of the tree.

    Attributes:
        stage: the boundary in one word, as records carry it.
        replies: texts that an agent gave before it was given up, oldest first.
        usage: what was spent until then.
        fault: the exception behind it, where that is of a kind that nobody foresaw.
    """

    stage = "run"

    def __init__(
        self, message: str, replies: tuple[str, ...] = (), usage: Usage = Usage(), fault: Fault | None = None
    ) -> None:
        super().__init__(printable(_shortened(message)))  # it may quote a server, a file or a model
        self.replies = replies
        self.usage = usage
        self.fault = fault


class DataError(EmotionError):
    """A clip, a question or a data folder cannot be used."""

    stage = "data"


class ModelError(EmotionError):
    """The model under test gave no answer."""

    stage = "model"


class ExtractorError(EmotionError):
    """The step extractor gave nothing that parses."""

    stage = "extractor"


class JudgeError(EmotionError):
    """The judge gave nothing that parses."""

    stage = "judge"


class RunError(EmotionError):
    """The run cannot start, or cannot go on: most causes, such as a refused key, may show at either time."""


class NotKept(RunError):
    """What was found cannot be kept."""


class Halted(RunError):
    """No more requests may be sent; the replies to those in flight, which will be paid for, are still kept."""


def _shortened(message: str) -> str:
    if len(message) <= LONGEST_HEAD + LONGEST_TAIL:
        return message
    return f"{message[:LONGEST_HEAD]} … {message[-LONGEST_TAIL:]}"


@contextmanager
def boundary(error: type[EmotionError], redact: Callable[[str], str] = str) -> Iterator[None]:
    """Attributes whatever goes wrong inside to one boundary, with the cause kept.

    A `DataError` or `RunError` passes as it is: a clip that cannot be decoded is not the fault of the model. What is no
    `EmotionError` is a fault, and `redact` takes off what must not be told of it.

    Raises:
        EmotionError: of the given type, or the `DataError` or `RunError` itself.
    """
    try:
        yield
    except (error, DataError, RunError):
        raise
    except EmotionError as cause:
        raise error(str(cause), cause.replies, cause.usage, cause.fault) from cause
    except (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt):
        raise
    except BaseException as cause:  # a model's own code may even exit, and compiled packages panic
        fault = fault_of(cause, redact)
        raise error(fault.words, fault=fault) from cause
