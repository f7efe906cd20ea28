"""A model as a user would write one."""

from benchmark.model import Answer
from benchmark.prompt import Modality, Prompt


class Echo:
    """Answers with the question."""

    name = "echo"
    identity = "echo/1"
    modalities: frozenset[Modality] = frozenset({"video"})

    async def generate(self, prompt: Prompt) -> Answer:
        return Answer(text=prompt.text, model=self.name)
