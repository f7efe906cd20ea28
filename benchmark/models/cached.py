"""Replies kept as they arrive, so that nothing is paid for twice."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from benchmark.cache import key_of
from benchmark.clip import as_frames
from benchmark.model import Answer, Model, as_answer
from benchmark.prompt import Modality, Prompt
from benchmark.usage import Usage

VERSION = "reply/2"


class Replies(Protocol):
    """Where replies are kept."""

    def get(self, key: str) -> bytes | None:
        """The reply under the key, or None."""

    async def keep(self, key: str, value: bytes) -> None:
        """Keeps it."""


@dataclass(frozen=True, slots=True)
class CachedModel:
    """A model whose replies are kept under the hash of all that determines them; failures are not kept.

    Attributes:
        ask: who is asked where nothing is kept, if not the model itself.
    """

    model: Model
    cache: Replies
    ask: Callable[[Prompt], Awaitable[Answer]] | None = None

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
        key = f"reply:{key_of(VERSION, self.model.identity, *_parts(prompt))}"
        kept = self.cache.get(key)
        if kept is not None:
            reply = json.loads(kept)
            usage = Usage(input_tokens=reply["input_tokens"], output_tokens=reply["output_tokens"], cost_usd=0.0)
            return Answer(text=reply["text"], model=reply["model"], usage=usage)
        answer = await as_answer((self.ask or self.model.generate)(prompt), self.name)
        await self.cache.keep(key, _packed(answer))
        return answer


def _parts(prompt: Prompt) -> tuple[str | bytes, ...]:
    sound = (b"",) if prompt.sound is None else (prompt.sound.samples.tobytes(), str(prompt.sound.rate))
    repeat = (f"repeat {prompt.repeat}",) if prompt.repeat else ()
    return (prompt.text, as_frames(prompt.frames).digest, "sound", *sound, "video", prompt.video or b"", *repeat)


def _packed(answer: Answer) -> bytes:
    usage = answer.usage
    kept = {"text": answer.text, "model": answer.model}
    return json.dumps(kept | {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}).encode()
