"""Replies kept as they arrive, so that nothing is paid for twice."""

import json
from dataclasses import dataclass

from benchmark.cache import Cache, key_of
from benchmark.model import Answer, Model
from benchmark.prompt import Modality, Prompt
from benchmark.usage import Usage

VERSION = "reply/1"


@dataclass(frozen=True, slots=True)
class CachedModel:
    """A model whose replies are kept under the hash of all that determines them; failures are not kept."""

    model: Model
    cache: Cache

    @property
    def name(self) -> str:
        """The model's."""
        return self.model.name

    @property
    def identity(self) -> str:
        """The model's."""
        return self.model.identity

    @property
    def modalities(self) -> frozenset[Modality]:
        """The model's."""
        return self.model.modalities

    async def generate(self, prompt: Prompt) -> Answer:
        """The kept reply, which took no request, no time and no money but has its tokens; else the model's own.

        Raises:
            ModelError: what the model raises.
        """
        key = key_of(VERSION, self.model.identity, *_parts(prompt))
        kept = self.cache.get(key)
        if kept is not None:
            reply = json.loads(kept)
            usage = Usage(input_tokens=reply["input_tokens"], output_tokens=reply["output_tokens"], cost_usd=0.0)
            return Answer(text=reply["text"], model=reply["model"], usage=usage)
        answer = await self.model.generate(prompt)
        self.cache.put(key, _packed(answer))
        return answer


def _parts(prompt: Prompt) -> tuple[str | bytes, ...]:
    sound = (b"",) if prompt.sound is None else (prompt.sound.samples.tobytes(), str(prompt.sound.rate))
    return (prompt.text, *(frame.jpeg for frame in prompt.frames), "sound", *sound, "video", prompt.video or b"")


def _packed(answer: Answer) -> bytes:
    usage = answer.usage
    kept = {"text": answer.text, "model": answer.model}
    return json.dumps(kept | {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}).encode()
