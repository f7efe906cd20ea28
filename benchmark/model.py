"""The roles on the answering side, and how an option names one.

A `Model` sees a prompt and nothing else. A `Respondent` has an answer to a sample: a model that is asked about it, a
file of answers given elsewhere, a constant guess. A `Watcher` is given the sample and what the clip shows, so that it
need not read the wording of a question.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Literal

# Python's own, before 3.12, computes every property of an object to tell whether it is one of a protocol
from typing_extensions import Protocol, runtime_checkable

from benchmark.errors import ModelError
from benchmark.prompt import Modality, Prompt
from benchmark.task import Sample
from benchmark.text import storable
from benchmark.thoughts import split_thoughts
from benchmark.usage import Usage

Ending = Literal["whole", "cut off", "filtered"]
"""How a reply ended: by itself, at its limit of tokens, or at the provider's filter of contents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a model said, who it was, how that ended and what it took; None is unknown.

    Attributes:
        text: the reply without its thoughts; empty only where it got no further than these. Half a character is
            replaced.
        model: the name under which the provider answered, which need not be the one that was asked for.
        usage: tokens, time and cost.
        thoughts: what it thought before it answered, as far as it shows: told beside the text, or marked in it.
        ending: how it ended.
        refusal: whether the provider marks it as a refusal.
        left_out: parameters of the request that the server has refused, and that were not sent.
    """

    text: str
    model: str | None
    usage: Usage = field(default_factory=Usage)
    thoughts: str | None = None
    ending: Ending | None = None
    refusal: bool | None = None
    left_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Takes thoughts out of the text, and makes both what files can hold, wherever they come from."""
        marked, text = split_thoughts(storable(self.text))
        parts = dict.fromkeys(part for part in (storable(self.thoughts or "").strip(), marked) if part)
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "thoughts", "\n\n".join(parts) or None)

    @property
    def reasoned(self) -> str:
        """The thoughts, and the text after them: what is cut into steps."""
        return "\n\n".join(part for part in (self.thoughts, self.text.strip()) if part)


async def as_answer(given: object, name: str) -> Answer:
    """The answer that a model of that name has promised: code of the user's own may give anything.

    Raises:
        ModelError: it is none, or an empty one.
    """
    if not isawaitable(given):
        raise ModelError(f"{name} has no asynchronous method to answer with: declare it with `async def`.")
    answer = await given
    if not isinstance(answer, Answer):
        raise ModelError(f"{name} gave {type(answer).__name__} in place of an Answer of benchmark.model.")
    if not answer.reasoned:
        raise ModelError(f"{name} gave an empty answer.", usage=answer.usage)
    return answer


@runtime_checkable
class Model(Protocol):
    """A multimodal language model: asked with a prompt, answers with text."""

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def modalities(self) -> frozenset[Modality]:
        """What it can be sent."""

    @property
    def identity(self) -> str:
        """All that determines its replies besides the prompt (endpoint, checkpoint, parameters), free of secrets."""

    async def generate(self, prompt: Prompt) -> Answer:
        """The reply to one prompt.

        Raises:
            ModelError: no reply, or an empty one.
        """


@runtime_checkable
class Connected(Protocol):
    """A model with connections: can say beforehand whether it is there, and lets go at the end."""

    @property
    def identity(self) -> str:
        """As a `Model`'s: what has one identity is asked once."""

    async def check(self) -> None:
        """Looks whether it can be asked at all.

        Raises:
            RunError: it cannot; says why.
        """

    async def aclose(self) -> None:
        """Closes the connections of the running loop."""


@runtime_checkable
class Yielding(Protocol):
    """A model that leaves out of its requests what its server refuses."""

    @property
    def left_out(self) -> tuple[str, ...]:
        """Names of the parameters that are not sent any more."""

    def leave_out(self, names: Iterable[str]) -> None:
        """Sends these no more."""


@runtime_checkable
class Respondent(Protocol):
    """Whoever is under test: has an answer to a sample."""

    @property
    def name(self) -> str:
        """What reports call it."""

    async def answer(self, sample: Sample) -> Answer:
        """The answer to the sample's question.

        Raises:
            DataError: the clip cannot be read.
            ModelError: there is no answer.
        """


@runtime_checkable
class Watcher(Protocol):
    """A program under test that reads no words: it is given the sample, and the clip's frames and sound."""

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def modalities(self) -> frozenset[Modality]:
        """What it can be shown."""

    async def watch(self, sample: Sample, shown: Prompt) -> Answer:
        """The answer to the sample's question; `shown` is what a `Model` would be sent, without the words.

        Raises:
            ModelError: there is no answer.
        """


@runtime_checkable
class Repeatable(Protocol):
    """A respondent that may answer otherwise when asked again; others say the same every time."""

    def again(self, repeat: int) -> Respondent:
        """Itself, as asked for the n-th time again."""
