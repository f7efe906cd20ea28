"""The audio-clue agent: describes what is heard, where nobody has."""

from dataclasses import dataclass
from string import Template

from benchmark.clip import Sound
from benchmark.model import Answer, Model
from benchmark.prompt import Prompt
from benchmark.task import Task


@dataclass(frozen=True, slots=True)
class Listener:
    """A model that hears, asked for an audio clue (MME-Emotion, arXiv 2508.09210, uses Qwen2-Audio)."""

    model: Model
    template: Template

    async def describe(self, sound: Sound, task: Task) -> Answer:
        """What is heard, in a few sentences; the model is told neither label nor candidates.

        Raises:
            ModelError: the model gave no description.
        """
        text = self.template.substitute(subject=task.subject)
        return await self.model.generate(Prompt(text=text, sound=sound))
