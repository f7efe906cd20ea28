"""The roles on the answering side, and how an option names one.

A `Model` sees a prompt and nothing else. A `Respondent` has an answer to a sample: a model that is asked about it, a file
of answers given elsewhere, a constant guess.
"""

from dataclasses import dataclass, field
from typing import Protocol

from benchmark.prompt import Modality, Prompt
from benchmark.task import Sample
from benchmark.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A text, who gave it and what it took.

    Attributes:
        text: the reply as it came, never empty.
        model: the name under which the provider answered, which may be more exact than the one asked for.
        usage: tokens, time and cost.
    """

    text: str
    model: str
    usage: Usage = field(default_factory=Usage)


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
