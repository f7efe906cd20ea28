"""The step extractor: cuts an answer into steps."""

from dataclasses import dataclass
from string import Template

from typing_extensions import Protocol, runtime_checkable

from benchmark.errors import ExtractorError
from benchmark.model import Answer, Model
from benchmark.prompt import Prompt
from evaluators.judge.agent import Reply, ask
from evaluators.judge.evidence import Question
from evaluators.judge.fence import fenced, listed, request
from evaluators.judge.steps import Steps, parse_steps

TEXTS = frozenset({"labels", "answer"})
"""The placeholders for what others have written."""


@runtime_checkable
class Extractor(Protocol):
    """Cuts an answer into reasoning steps and a prediction."""

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def identity(self) -> str:
        """All that determines its steps besides answer and question."""

    async def extract(self, answer: Answer, question: Question) -> Reply[Steps]:
        """The steps of the answer and of the thoughts before it, which is `answer.reasoned`.

        Raises:
            ExtractorError: nothing that it said parses.
        """


@dataclass(frozen=True, slots=True)
class PromptedExtractor:
    """A language model as extractor (MME-Emotion, arXiv 2508.09210, uses gpt-4.1-2025-04-14 at temperature 0)."""

    model: Model
    template: Template

    @property
    def name(self) -> str:
        """The model's."""
        return self.model.name

    @property
    def identity(self) -> str:
        """The model's, with the wording of the request."""
        return f"{self.model.identity}\n{fenced(self.template.template, TEXTS)}"

    async def extract(self, answer: Answer, question: Question) -> Reply[Steps]:
        """The answer's steps, asked for again where the reply does not parse."""
        texts = {"labels": listed(question.label_set), "answer": answer.reasoned}
        text = request(self.template, texts, subject=question.subject)
        return await ask(self.model, Prompt(text=text), parse_steps, ExtractorError)
