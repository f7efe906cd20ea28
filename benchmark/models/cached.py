"""Replies kept as they arrive, so that nothing is paid for twice."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, get_args

from benchmark.accounts.money import input_usage
from benchmark.clip import as_frames
from benchmark.model import Answer, Ending, Model, Yielding, as_answer
from benchmark.prompt import Modality, Prompt
from benchmark.storage.cache import key_of
from benchmark.usage import TOKENS, Usage, count_of

VERSION = "reply/2"
KEPT = ("text", "model", "thoughts", "ending", "refusal", "left_out")
"""What is kept of an answer, beside its tokens."""


class Replies(Protocol):
    """Where replies are kept."""

    def get(self, key: str) -> bytes | None:
        """The reply under the key, or None."""

    async def keep(self, key: str, value: bytes) -> None:
        """Keeps it."""


class CachedModel:
    """A model whose replies are kept under the hash of all that determines them; failures are not kept.

    Attributes:
        model: who is asked where nothing is kept.
    """

    def __init__(
        self,
        model: Model,
        cache: Replies,
        ask: Callable[[Prompt], Awaitable[Answer]] | None = None,
        role: str = "",
    ) -> None:
        """Recalls which parameters the model's server has been found to refuse.

        `ask` is asked in place of the model where nothing is kept; `role` is kept with replies, for estimates.
        """
        self.model, self._cache, self._ask, self._role = model, cache, ask or model.generate, role
        self._terms = recall_terms(model, cache)

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
        return await self.generate_usable(prompt, prompt, lambda _: True)

    async def generate_usable(self, prompt: Prompt, request: Prompt, usable: Callable[[Answer], bool]) -> Answer:
        """The reply kept for the prompt, if it is usable; else the model's to the request, kept if it is usable.

        So a reply that was of no use is never given again, and one that was asked for again is found under the prompt.

        Raises:
            ModelError: what the model raises.
        """
        if (kept := parse_kept(self._cache.get(self._key(prompt)))) is not None and usable(kept):
            return kept
        left_out = self.model.left_out if isinstance(self.model, Yielding) else ()
        answer = await as_answer(self._ask(request), self.name)
        if self._terms and isinstance(self.model, Yielding) and self.model.left_out != left_out:
            await self._cache.keep(self._terms, json.dumps(self.model.left_out).encode())
        if usable(answer):
            await self._cache.keep(self._key(prompt), _packed(answer, prompt, self.model.identity, self._role))
        return answer

    def _key(self, prompt: Prompt) -> str:
        return f"reply:{key_of(VERSION, self.model.identity, *_parts(prompt))}"


def recall_terms(model: Model, cache: Replies) -> str | None:
    """Has the model leave out what its server is known to refuse; the key of that knowledge, None for other models."""
    if not isinstance(model, Yielding):
        return None
    key = f"terms:{key_of(VERSION, model.identity)}"
    model.leave_out(_names(cache.get(key)))
    return key


def _parts(prompt: Prompt) -> tuple[str | bytes, ...]:
    sound = (b"",) if prompt.sound is None else (prompt.sound.samples.tobytes(), str(prompt.sound.rate))
    repeat = (f"repeat {prompt.repeat}",) if prompt.repeat else ()
    turns = ("turns", *(part for turn in prompt.turns for part in turn)) if prompt.turns else ()
    media = (as_frames(prompt.frames).digest, "sound", *sound, "video", prompt.video or b"")
    return (prompt.text, *media, *repeat, *turns)


def _packed(answer: Answer, prompt: Prompt, asked: str, role: str) -> bytes:
    """The reply as it is kept, with what estimates go by: who was asked in which role, and the tokens expected."""
    tokens = {name: count for name in TOKENS if (count := getattr(answer.usage, name)) is not None}
    kept = {name: value for name in KEPT if (value := getattr(answer, name)) not in (None, ())}
    weighed = input_usage(prompt)[1].input_tokens
    return json.dumps(kept | tokens | {"asked": key_of(asked), "role": role, "weighed": weighed}).encode()


def parse_kept(value: bytes | None) -> Answer | None:
    """The kept reply; None where there is none, or it cannot be read."""
    kept = parse_object(value)
    text, thoughts, model, left_out = (kept.get(name) for name in ("text", "thoughts", "model", "left_out"))
    words = isinstance(thoughts, str | None) and isinstance(model, str | None)
    facts = kept.get("ending") in (None, *get_args(Ending)) and kept.get("refusal") in (None, True, False)
    if not (isinstance(text, str) and words and facts and _are_names(left_out or [])):
        return None
    answer = Answer(
        text=text,
        model=model,
        usage=_kept_usage(kept),
        thoughts=thoughts,
        ending=kept.get("ending"),
        refusal=kept.get("refusal"),
        left_out=tuple(left_out or ()),
    )
    return answer if answer.reasoned else None


def _kept_usage(kept: Mapping[str, object]) -> Usage:
    counts: dict[str, Any] = {name: count_of(kept.get(name)) for name in TOKENS}
    return Usage(cost_usd=0.0, **counts)


def parse_object(value: bytes | None) -> dict[str, Any]:
    """The JSON object that is kept; empty where there is none."""
    try:
        kept = json.loads(value or b"{}")
    except (ValueError, RecursionError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _names(value: bytes | None) -> list[str]:
    try:
        names = json.loads(value or b"[]")
    except (ValueError, RecursionError):
        return []
    return names if _are_names(names) else []


def _are_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)
