"""The roles on the answering side.

A `Model` sees only a prompt. A `Respondent` answers a sample: a model behind a prompter, a file of answers given
elsewhere, a constant guess. A `Watcher` is given the sample with the clip's frames and sound, so that it need not read
the wording of a question.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Literal

# before Python 3.12, isinstance with a Protocol of `typing` computes every property of the object
from typing_extensions import Protocol, runtime_checkable

from benchmark.errors import ModelError
from benchmark.prompt import Modality, Prompt
from benchmark.task import Sample, Speaker, Turn
from benchmark.text import storable
from benchmark.thoughts import split_thoughts
from benchmark.usage import Usage

Ending = Literal["whole", "cut off", "filtered"]
"""How a reply ended: by itself, at its token limit, or at the provider's content filter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message of a dialogue as it is kept.

    Attributes:
        speaker: who said it.
        text: what the other side was shown.
        thoughts: what its author thought before, which the other side was not shown; None if unknown.
        points: of the user after this message, on the metric's scale; None for other speakers.
        notes: what the agent that plays the user noted about the dialogue before this message, by name.
    """

    speaker: Speaker
    text: str
    thoughts: str | None = None
    points: int | None = None
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def turn(self) -> Turn:
        """The message as models are sent it."""
        return Turn(self.speaker, self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A model's reply. Fields are None if unknown.

    Attributes:
        text: the reply without its thoughts; empty if the reply ended before the answer began. Lone surrogates are
            replaced.
        model: the name under which the provider answered, which may differ from the requested one.
        usage: tokens, time and cost.
        thoughts: the model's reasoning before the answer, if it shows it: in a separate field, or marked in the text.
        ending: how the reply ended.
        refusal: whether the provider marks the reply as a refusal.
        left_out: parameters of the request that were not sent because the server refuses them.
        talk: the dialogue, if the answer is one; then the text is the model's last message, the usage that of all.
    """

    text: str
    model: str | None
    usage: Usage = field(default_factory=Usage)
    thoughts: str | None = None
    ending: Ending | None = None
    refusal: bool | None = None
    left_out: tuple[str, ...] = ()
    talk: tuple[Message, ...] = ()

    def __post_init__(self) -> None:
        """Moves thoughts out of the text, and replaces lone surrogates in both."""
        marked, text = split_thoughts(storable(self.text))
        parts = dict.fromkeys(part for part in (storable(self.thoughts or "").strip(), marked) if part)
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "thoughts", "\n\n".join(parts) or None)

    @property
    def reasoned(self) -> str:
        """The thoughts followed by the text: what is split into steps."""
        return "\n\n".join(part for part in (self.thoughts, self.text.strip()) if part)


async def as_answer(given: object, name: str) -> Answer:
    """Awaits what the method of a model of that name returned, and checks it: a user's own code may return anything.

    Raises:
        ModelError: it is not awaitable, neither a text nor an `Answer`, or empty.
    """
    if not isawaitable(given):
        raise ModelError(f"The method of {name} that answers is not asynchronous: declare it with `async def`.")
    answer = await given
    if isinstance(answer, str):
        answer = Answer(text=answer, model=name)
    if not isinstance(answer, Answer):
        raise ModelError(f"{name} returned {type(answer).__name__}; return a text or an Answer of benchmark.model.")
    if not answer.reasoned:
        raise ModelError(f"{name} gave an empty answer.", usage=answer.usage)
    return answer


@runtime_checkable
class Model(Protocol):
    """A multimodal language model: takes a prompt, answers with text."""

    @property
    def name(self) -> str:
        """Its name in reports."""

    @property
    def modalities(self) -> frozenset[Modality]:
        """What it can be sent."""

    @property
    def identity(self) -> str:
        """All that affects its replies besides the prompt (endpoint, checkpoint, parameters), without secrets."""

    async def generate(self, prompt: Prompt) -> Answer:
        """The reply to one prompt.

        Raises:
            ModelError: there is no reply, or an empty one.
        """


@runtime_checkable
class Connected(Protocol):
    """A model with connections, which can be checked before the run and are closed at its end."""

    @property
    def identity(self) -> str:
        """As a `Model`'s. Models of the same identity are checked once."""

    async def check(self) -> None:
        """Checks whether the model can be reached.

        Raises:
            RunError: it cannot; says why.
        """

    async def aclose(self) -> None:
        """Closes the connections of the running event loop."""


@runtime_checkable
class Yielding(Protocol):
    """A model that omits the request parameters that its server refuses."""

    @property
    def left_out(self) -> tuple[str, ...]:
        """The names of the parameters that it no longer sends."""

    def leave_out(self, names: Iterable[str]) -> None:
        """Stops sending these parameters."""


@runtime_checkable
class Respondent(Protocol):
    """A model, program or file under test that answers samples."""

    @property
    def name(self) -> str:
        """Its name in reports."""

    async def answer(self, sample: Sample) -> Answer:
        """The answer to the sample's question.

        Raises:
            DataError: the clip cannot be read.
            ModelError: there is no answer.
        """


@runtime_checkable
class Watcher(Protocol):
    """A program under test that needs no question in words: it is given the sample, and the clip's frames and sound."""

    @property
    def name(self) -> str:
        """Its name in reports."""

    @property
    def modalities(self) -> frozenset[Modality]:
        """What it can be shown."""

    async def watch(self, sample: Sample, shown: Prompt) -> Answer:
        """The answer to the sample's question; `shown` is what a `Model` would be sent, without the text.

        Raises:
            ModelError: there is no answer.
        """


@runtime_checkable
class Repeatable(Protocol):
    """A respondent that may answer differently when asked again; others give the same answer every time."""

    def again(self, repeat: int) -> Respondent:
        """The respondent that answers when a sample is asked for the `repeat`-th time after the first."""
