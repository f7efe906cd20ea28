"""The errors, by the boundary at which they arise.

    EmotionError
    ├── DataError         a clip, a question or a data folder
    ├── ModelError        the model under test
    ├── ExtractorError    the agent that splits an answer into steps
    ├── JudgeError        the agent that rates the steps, or describes the sound for it
    └── RunError          an option, a key, an endpoint, a run folder
        ├── NotKept       a full disk, a deleted folder
        └── Halted        no more requests may be sent

A message is one or two sentences for the person at the terminal: what is wrong, where, what to do.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmark.fault import Fault, fault_of
from benchmark.printed import printable
from benchmark.usage import Usage

KEPT = "The answers so far are kept: run the same command again to continue."
"""The last sentence of errors that end a run after it has begun."""

LONGEST_HEAD, LONGEST_TAIL = 15_000, 5_000
"""Characters of a message that are kept: it may quote a very long text, and often ends with what to do."""


class EmotionError(Exception):
    """The base class of all expected errors.

    Attributes:
        stage: the boundary in one word, as in records.
        replies: the replies of the agent that could not be used, oldest first.
        usage: what these replies cost.
        fault: the exception behind this error, if it was an unexpected one.
    """

    stage = "run"

    def __init__(
        self, message: str, replies: tuple[str, ...] = (), usage: Usage = Usage(), fault: Fault | None = None
    ) -> None:
        if len(message) > LONGEST_HEAD + LONGEST_TAIL:
            message = f"{message[:LONGEST_HEAD]} … {message[-LONGEST_TAIL:]}"
        super().__init__(printable(message))  # it may quote a server, a file or a model
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
    """No reply of the step extractor could be parsed."""

    stage = "extractor"


class JudgeError(EmotionError):
    """No reply of the judge could be parsed."""

    stage = "judge"


class RunError(EmotionError):
    """The run cannot start or cannot continue; most causes, such as a refused key, can show at either time."""


class NotKept(RunError):
    """A result cannot be written to disk."""


class Halted(RunError):
    """No more requests may be sent. Replies to those in flight, which will be billed, are still kept."""


@contextmanager
def boundary(error: type[EmotionError], redact: Callable[[str], str] = str) -> Iterator[None]:
    """Attributes every exception raised inside to one boundary, and keeps its cause.

    A `DataError` or `RunError` passes unchanged: a clip that cannot be decoded is not the fault of the model. Any
    exception that is no `EmotionError` becomes a `Fault`, with its secrets removed by `redact`.

    Raises:
        EmotionError: of the given type, or the `DataError` or `RunError` itself.
    """
    try:
        yield
    except (error, DataError, RunError, asyncio.CancelledError, GeneratorExit, KeyboardInterrupt):
        raise
    except EmotionError as cause:
        raise error(str(cause), cause.replies, cause.usage, cause.fault) from cause
    except BaseException as cause:  # a model's own code may call sys.exit, and compiled packages panic
        fault = fault_of(cause, redact)
        raise error(fault.words, fault=fault) from cause
