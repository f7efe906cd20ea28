"""Caches the replies of models as they arrive, so that nothing is paid for twice."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeGuard, get_args

from benchmark.accounts.money import input_usage
from benchmark.clip import as_frames
from benchmark.model import Answer, Ending, Model, Yielding, as_answer
from benchmark.prompt import Prompt
from benchmark.storage.cache import key_of
from benchmark.usage import TOKENS, Usage, count_of

VERSION = "reply/2"
KEPT = ("text", "model", "thoughts", "ending", "refusal", "left_out")
"""The fields of an answer that are cached, besides its tokens."""


class Replies(Protocol):
    """A cache of replies."""

    def get(self, key: str) -> bytes | None:
        """The value of the key; None if there is none."""

    async def keep(self, key: str, value: bytes) -> None:
        """Stores the value under the key."""


class CachedModel:
    """A model whose replies are cached under the hash of all that affects them; failures are not cached.

    Attributes:
        model: the model that answers if no reply is cached.
        name: its name.
        modalities: what it can be sent.
    """

    def __init__(
        self, model: Model, cache: Replies, ask: Callable[[Prompt], Awaitable[Answer]] | None = None, role: str = ""
    ) -> None:
        """Makes the model omit the parameters that its server is known to refuse.

        `ask` replaces the model's `generate`; `role` is stored with replies, for estimates.
        """
        self.model, self._cache, self._ask, self._role = model, cache, ask or model.generate, role
        self.name, self.modalities = model.name, model.modalities
        self._terms = recall_terms(model, cache)

    @property
    def identity(self) -> str:
        """The model's identity."""
        return self.model.identity

    async def generate(self, prompt: Prompt) -> Answer:
        """The cached reply, whose usage has only its tokens; otherwise the model's reply.

        Raises:
            ModelError: the model gave no answer.
        """
        return await self.generate_usable(prompt, prompt, lambda _: True)

    async def generate_usable(self, prompt: Prompt, request: Prompt, usable: Callable[[Answer], bool]) -> Answer:
        """The reply cached for the prompt, if it is usable; otherwise the model's reply to the request.

        A usable reply to the request is cached for the prompt. So an unusable reply is never returned again, and the
        reply to a request that was repeated in other words is found by the original prompt.

        Raises:
            ModelError: the model gave no answer.
        """
        if (kept := parse_kept(self._cache.get(self._key(prompt)))) is not None and usable(kept):
            return kept
        left_out = self.model.left_out if isinstance(self.model, Yielding) else ()
        answer = await as_answer(self._ask(request), self.name)
        if self._terms and isinstance(self.model, Yielding) and self.model.left_out != left_out:
            # its server has refused a parameter: later runs omit it from the start
            await self._cache.keep(self._terms, json.dumps(self.model.left_out).encode())
        if usable(answer):
            await self._cache.keep(self._key(prompt), _packed(answer, prompt, self.model.identity, self._role))
        return answer

    def _key(self, prompt: Prompt) -> str:
        return f"reply:{key_of(VERSION, self.model.identity, *_parts(prompt))}"


def recall_terms(model: Model, cache: Replies) -> str | None:
    """Makes the model omit the parameters that its server is known to refuse.

    Returns the key under which these are cached; None for a model that cannot omit parameters.
    """
    if not isinstance(model, Yielding):
        return None
    key = f"terms:{key_of(VERSION, model.identity)}"
    names = _parsed(cache.get(key))
    model.leave_out(names if _are_names(names) else ())
    return key


def _parts(prompt: Prompt) -> tuple[str | bytes, ...]:
    sound = (b"",) if prompt.sound is None else (prompt.sound.samples.tobytes(), str(prompt.sound.rate))
    repeat = (f"repeat {prompt.repeat}",) if prompt.repeat else ()
    turns = ("turns", *(part for turn in prompt.turns for part in turn)) if prompt.turns else ()
    media = (as_frames(prompt.frames).digest, "sound", *sound, "video", prompt.video or b"")
    return (prompt.text, *media, *repeat, *turns)


def _packed(answer: Answer, prompt: Prompt, asked: str, role: str) -> bytes:
    """The reply as it is cached. For estimates, it includes the model's identity, the role and the expected tokens."""
    tokens = {name: count for name in TOKENS if (count := getattr(answer.usage, name)) is not None}
    kept = {name: value for name in KEPT if (value := getattr(answer, name)) not in (None, ())}
    weighed = input_usage(prompt)[1].input_tokens
    return json.dumps(kept | tokens | {"asked": key_of(asked), "role": role, "weighed": weighed}).encode()


def parse_kept(value: bytes | None) -> Answer | None:
    """The cached reply; None if there is none, or it cannot be parsed."""
    kept = parse_object(value)
    text, thoughts, model, left_out = (kept.get(name) for name in ("text", "thoughts", "model", "left_out"))
    words = isinstance(thoughts, str | None) and isinstance(model, str | None)
    facts = kept.get("ending") in (None, *get_args(Ending)) and kept.get("refusal") in (None, True, False)
    if not (isinstance(text, str) and words and facts and _are_names(left_out or [])):
        return None
    counts: dict[str, Any] = {name: count_of(kept.get(name)) for name in TOKENS}
    answer = Answer(
        text=text,
        model=model,
        usage=Usage(cost_usd=0.0, **counts),
        thoughts=thoughts,
        ending=kept.get("ending"),
        refusal=kept.get("refusal"),
        left_out=tuple(left_out or ()),
    )
    return answer if answer.reasoned else None


def parse_object(value: bytes | None) -> dict[str, Any]:
    """The cached JSON object; empty if there is none."""
    kept = _parsed(value)
    return kept if isinstance(kept, dict) else {}


def _parsed(value: bytes | None) -> object:
    try:
        return json.loads(value or b"null")
    except (ValueError, RecursionError):
        return None


def _are_names(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)
