"""The roles on the answering side, and how an option names one.

A `Model` sees a prompt and nothing else. A `Respondent` has an answer to a sample: a model that is asked about it, a
file of answers given elsewhere, a constant guess.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import entry_points
from inspect import isawaitable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

# Python's own, before 3.12, computes every property of an object to tell whether it is one of a protocol
from typing_extensions import Protocol, runtime_checkable

from benchmark.catalogue import BUILT_IN
from benchmark.errors import ModelError, RunError
from benchmark.limits import Limits
from benchmark.prompt import Modality, Prompt
from benchmark.task import Sample
from benchmark.text import storable
from benchmark.thoughts import split_thoughts
from benchmark.usage import Usage

if TYPE_CHECKING:
    from benchmark.local.run import LocalRun


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
class Repeatable(Protocol):
    """A respondent that may answer otherwise when asked again; others say the same every time."""

    def again(self, repeat: int) -> Respondent:
        """Itself, as asked for the n-th time again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """What options say of a model besides its name.

    Attributes:
        base_urls: endpoints of `openai:` that share the load.
        api_key_env: environment variable with their key.
        parameters: of each request, over those of the catalogue.
        modalities: what an endpoint takes that the catalogue does not know; video alone if nobody says.
        prices: of models by name, in USD per million input and output tokens, over those that are published.
        request_mb: the largest request that is sent, in MB; None for what the server is known to take.
        limits: the accounts of the run.
        urgent: whether its requests go before those that are not: what ends samples, before what begins others.
        local: where models of `hf:` are loaded; None where none can be.
        asks: whether anything will be asked; else no key is needed.
    """

    base_urls: tuple[str, ...] = ()
    api_key_env: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    modalities: tuple[str, ...] = ()
    prices: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    request_mb: float | None = None
    limits: Limits = field(default_factory=Limits)
    urgent: bool = False
    local: "LocalRun | None" = None
    asks: bool = True


Build = Callable[[str, ModelOptions, Sequence[Sample]], object]
"""Makes what a spec names: given the part behind the colon, the options and the samples that will be asked."""

_SCHEMES = MappingProxyType(
    {
        "openai": "benchmark.models.endpoint:build",
        "hf": "benchmark.models.local:build",
        "answers": "benchmark.models.answers:build",
        "signal": "benchmark.models.signal:build",
        "random": "benchmark.models.floors:build_random",
        "majority": "benchmark.models.floors:build_majority",
        "python": "benchmark.models.python:build",
    }
)
_CATALOGUED = "benchmark.models.endpoint:build_catalogued"


def find(spec: str, options: ModelOptions, samples: Sequence[Sample] = ()) -> object:
    """Whatever a spec names: `NAME` of the catalogue or of an entry point, or `SCHEME:REST`.

    Raises:
        RunError: there is no such thing, or it cannot be used; says what there is.
    """
    scheme, colon, rest = spec.partition(":")
    if colon and scheme in BUILT_IN:
        raise RunError(f"{spec} names nothing: {scheme} stands alone.")
    if scheme in _SCHEMES:
        return _load(_SCHEMES[scheme])(rest, options, samples)
    for group in ("mme_emotion.models", "mme_emotion.judges"):
        for point in entry_points(group=group, name=spec):
            return _load(_SCHEMES["python"])(f"{point.module}:{point.attr}", options, samples)
    return _load(_CATALOGUED)(spec, options, samples)


def find_respondent(spec: str, options: ModelOptions, samples: Sequence[Sample]) -> Model | Respondent:
    """The model under test.

    Raises:
        RunError: as for `find`, or what is found neither generates nor answers.
    """
    found = find(spec, options, samples)
    if isinstance(found, (Model, Respondent)):
        return found
    roles = {"Model": ("name", "identity", "modalities", "generate"), "Respondent": ("name", "answer")}
    lacks = (
        f"no {', '.join(member for member in members if not hasattr(found, member))} for a {role}"
        for role, members in roles.items()
    )
    raise RunError(f"--model={spec} is no model: it has {', and '.join(lacks)}; see benchmark/model.py.")


def _load(path: str) -> Build:
    module, _, attribute = path.partition(":")
    build: Build = getattr(import_module(module), attribute)
    return build
