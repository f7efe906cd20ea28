"""The step extractor: splits an answer into steps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Template
from typing import TypeVar

from typing_extensions import Protocol, runtime_checkable

from benchmark.errors import ExtractorError
from benchmark.model import Answer, Model
from benchmark.prompt import Prompt
from evaluators.judge.agent import Reply, ask
from evaluators.judge.evidence import Question
from evaluators.judge.fence import fenced, listed, request
from evaluators.judge.steps import Steps, parse_steps

T = TypeVar("T")

TEXTS = frozenset({"labels", "answer"})
"""The placeholders for text that is not ours."""


@runtime_checkable
class Extractor(Protocol):
    """Splits an answer into reasoning steps and a prediction."""

    @property
    def name(self) -> str:
        """Its name in reports."""

    @property
    def identity(self) -> str:
        """All that affects its steps besides the answer and the question."""

    async def extract(self, answer: Answer, question: Question) -> Reply[Steps]:
        """The steps of `answer.reasoned`: the thoughts and the answer.

        Raises:
            ExtractorError: no reply could be parsed.
        """


@dataclass(frozen=True, slots=True)
class PromptedExtractor:
    """A language model as extractor (MME-Emotion, arXiv 2508.09210, uses gpt-4.1-2025-04-14 at temperature 0)."""

    model: Model
    templates: Mapping[str, Template]
    """What it is asked, by name: `extract` for steps, others for metrics that need none."""

    @property
    def name(self) -> str:
        """The model's."""
        return self.model.name

    @property
    def identity(self) -> str:
        """The model's, and the template."""
        return f"{self.model.identity}\n{fenced(self.templates['extract'].template, TEXTS)}"

    async def extract(self, answer: Answer, question: Question) -> Reply[Steps]:
        """The answer's steps; a reply that does not parse is asked for again."""
        texts = {"labels": listed(question.label_set), "answer": answer.reasoned}
        return await self.ask("extract", texts, parse_steps, question.subject)

    async def ask(self, name: str, texts: Mapping[str, str], parse: Callable[[str], T], subject: str) -> Reply[T]:
        """The parsed reply to a template; a reply that does not parse is asked for again.

        Args:
            name: of the template, as in `evaluators/prompts/`.
            texts: the text for each placeholder, which is not ours.
            parse: turns a reply into a value, or raises a `RejectedReply`.
            subject: what the question asks for.

        Raises:
            ExtractorError: no reply could be parsed.
        """
        text = request(self.templates[name], texts, subject=subject)
        return await ask(self.model, Prompt(text=text), parse, ExtractorError)
