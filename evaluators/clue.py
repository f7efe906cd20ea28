"""The agent that describes the sound of a clip that has no audio clue."""

from dataclasses import dataclass
from string import Template

from benchmark.clip import Sound
from benchmark.errors import JudgeError
from benchmark.model import Model
from benchmark.prompt import Prompt
from benchmark.task import Task
from evaluators.judge.agent import RejectedReply, Reply, ask


@dataclass(frozen=True, slots=True)
class Listener:
    """A model that takes sound, asked for an audio clue (MME-Emotion, arXiv 2508.09210, uses Qwen2-Audio)."""

    model: Model
    template: Template

    async def describe(self, sound: Sound, task: Task) -> Reply[str]:
        """A description of the sound in a few sentences; the request contains neither the label nor the candidates.

        Raises:
            JudgeError: the model gave no description.
        """
        text = self.template.substitute(subject=task.subject)
        return await ask(self.model, Prompt(text=text, sound=sound), _description, JudgeError)


def _description(text: str) -> str:
    if not text.strip():
        raise RejectedReply("It says nothing.")
    return text
