"""Models of the user's own: checks them at the start, and runs plain functions and batches without blocking the run."""

import asyncio
import inspect
from collections import deque
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from typing import Any, get_args

from benchmark.errors import EmotionError, ModelError, RunError, boundary
from benchmark.model import Answer, Connected, Model, Repeatable, Respondent, Watcher, as_answer
from benchmark.prompt import Modality, Prompt
from benchmark.task import Sample

USUAL_BATCH = 8
"""The most prompts that `generate_batch` is given if the model has no `batch_size`."""

METHODS = {"generate": 1, "generate_batch": 1, "answer": 1, "watch": 2}
"""The methods that answer, and how many arguments each is given."""


class _Thread:
    """Calls plain functions in one thread, one after another, since models are rarely safe to share."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "mme-emotion own model")

    async def call(self, function: Callable[..., Any], *given: object) -> Any:
        """What the function returns, awaited if it can be."""
        found = await asyncio.get_running_loop().run_in_executor(self._pool, lambda: function(*given))
        return await found if inspect.isawaitable(found) else found


class PlainModel:
    """A model whose `generate` is a plain function."""

    def __init__(self, own: Any) -> None:
        self._own, self._thread = own, _Thread()
        self.name, self.identity = str(own.name), str(own.identity)
        self.modalities: frozenset[Modality] = frozenset(own.modalities)

    async def generate(self, prompt: Prompt) -> Answer:
        """The reply to one prompt; raises as a `Model` does."""
        return await as_answer(self._thread.call(self._own.generate, prompt), self.name)


class BatchModel:
    """A model that answers several prompts in one call, `generate_batch(prompts)`, of at most its `batch_size`."""

    def __init__(self, own: Any) -> None:
        self._own, self._thread = own, _Thread()
        self.name, self.identity = str(own.name), str(own.identity)
        self.modalities: frozenset[Modality] = frozenset(own.modalities)
        self._most = getattr(own, "batch_size", USUAL_BATCH)
        self._waiting: deque[tuple[Prompt, asyncio.Future[object]]] = deque()
        self._running: asyncio.Task[None] | None = None

    async def generate(self, prompt: Prompt) -> Answer:
        """The reply to one prompt, which waits for the batch before it; raises as a `Model` does."""
        reply = asyncio.get_running_loop().create_future()
        self._waiting.append((prompt, reply))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await as_answer(reply, self.name)

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)  # others that are ready join the batch
            batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            await self._answer([one for one in batch if not one[1].done()])

    async def _answer(self, batch: Sequence[tuple[Prompt, "asyncio.Future[object]"]]) -> None:
        """Answers a batch; if it fails, each of its prompts alone, so that only those that cannot be answered fail."""
        if not batch:
            return
        try:
            with boundary(ModelError):
                replies = await self._thread.call(self._own.generate_batch, [prompt for prompt, _ in batch])
                _check_count(replies, len(batch))
        except ModelError as error:
            if len(batch) > 1:
                for one in batch:
                    await self._answer([one])
            elif not batch[0][1].done():
                batch[0][1].set_exception(error)
        except EmotionError as error:
            for _, waiting in batch:
                if not waiting.done():
                    waiting.set_exception(error)
        else:
            for (_, waiting), reply in zip(batch, replies, strict=True):
                if not waiting.done():
                    waiting.set_result(reply)


def _check_count(replies: Any, count: int) -> None:
    listed = isinstance(replies, list | tuple)
    got = f"{len(replies)} answers" if listed else f"a value of type {type(replies).__name__}"
    if not listed or len(replies) != count:
        raise ModelError(f"generate_batch was given {count} prompts and returned {got}; return a list of as many.")


class PlainRespondent:
    """A respondent whose `answer` is a plain function."""

    def __init__(self, own: Any, thread: _Thread | None = None) -> None:
        self._own, self._thread, self.name = own, thread or _Thread(), str(own.name)

    async def answer(self, sample: Sample) -> Answer:
        """The answer to the sample; raises as a `Respondent` does."""
        return await as_answer(self._thread.call(self._own.answer, sample), self.name)


class PlainRepeatable(PlainRespondent):
    """The same, of a respondent that may answer differently when asked again."""

    def again(self, repeat: int) -> Respondent:
        """The respondent that answers the `repeat`-th time after the first."""
        return PlainRepeatable(self._own.again(repeat), self._thread)


class PlainWatcher:
    """A watcher whose `watch` is a plain function."""

    def __init__(self, own: Any) -> None:
        self._own, self._thread, self.name = own, _Thread(), str(own.name)
        self.modalities: frozenset[Modality] = frozenset(own.modalities)

    async def watch(self, sample: Sample, shown: Prompt) -> Answer:
        """The answer to the sample; raises as a `Watcher` does."""
        return await as_answer(self._thread.call(self._own.watch, sample, shown), self.name)


def adapted(found: Any, subject: str) -> Any:
    """The user's object as a `Model`, a `Watcher` or a `Respondent`, if it has a method that answers; else itself.

    Raises:
        RunError: it cannot be one; names all that is wrong. The message begins with `subject`.
    """
    method = next((name for name in METHODS if hasattr(found, name)), None)
    if method is None or not _stated(found, method):
        return found  # a judge, or an object that lacks members, which whoever needs them names
    if wrong := _wrong_with(found, method):
        raise RunError(f"{subject} cannot be used: {'; '.join(wrong)}. See docs/models.md.")
    if method == "generate_batch":
        return BatchModel(found)
    if inspect.iscoroutinefunction(getattr(found, method)) or isinstance(found, Connected):
        return found
    plain: dict[str, Callable[[Any], Model | Respondent | Watcher]] = {
        "generate": PlainModel,
        "watch": PlainWatcher,
        "answer": PlainRepeatable if isinstance(found, Repeatable) else PlainRespondent,
    }
    return plain[method](found)


def _stated(found: object, method: str) -> bool:
    """Whether it has the other members of its role."""
    members = {"generate": ("name", "identity", "modalities"), "watch": ("name", "modalities"), "answer": ("name",)}
    return all(hasattr(found, name) for name in members.get(method, members["generate"]))


def _wrong_with(found: Any, method: str) -> list[str]:
    """What is wrong with its members, a clause each."""
    wrong = [
        f"its {name} must be a text that is not empty, got {getattr(found, name)!r}"
        for name in ("name", "identity")
        if hasattr(found, name) and not (isinstance(getattr(found, name), str) and getattr(found, name))
    ]
    if method != "answer":
        taken, known = found.modalities, get_args(Modality)
        if not (isinstance(taken, AbstractSet) and all(one in known for one in taken)):
            wrong.append(f"its modalities must be a set with any of {', '.join(known)}, got {taken!r}")
    if not callable(call := getattr(found, method)):
        wrong.append(f"its {method} is not a function")
    elif not _takes(call, METHODS[method]):
        wrong.append(f"its {method} must take {'one argument' if METHODS[method] == 1 else 'two arguments'}")
    size = getattr(found, "batch_size", USUAL_BATCH)
    if method == "generate_batch" and (not isinstance(size, int) or size < 1):
        wrong.append(f"its batch_size must be at least 1, got {size!r}")
    return wrong


def _takes(function: Callable[..., object], count: int) -> bool:
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # compiled code need not state its arguments
        return True
    return True
