"""Asks an agent: sends a prompt to a model and parses its reply; a reply that does not parse is asked for again."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from benchmark.errors import EmotionError, boundary
from benchmark.model import Answer, Model
from benchmark.models.cached import CachedModel
from benchmark.prompt import Prompt
from benchmark.usage import Usage

T = TypeVar("T")

ATTEMPTS = 3
"""How often an agent is asked until its reply parses."""

BROKEN_OFF = {
    "cut off": "It was cut off at its limit of tokens; raise max_tokens, or max_new_tokens of hf:.",
    "filtered": "The provider's filter has cut it off.",
}


class RejectedReply(ValueError):
    """A reply that does not parse; the message is sent to the agent, so that it can correct the reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Generic[T]):
    """An agent's reply, parsed.

    Attributes:
        value: the parsed reply.
        model: the name under which the provider answered; None if unknown.
        usage: of all attempts.
        rejected: earlier replies that did not parse, oldest first.
        left_out: parameters of the request that were not sent because the server refuses them.
    """

    value: T
    model: str | None
    usage: Usage = Usage()
    rejected: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


async def ask(model: Model, prompt: Prompt, parse: Callable[[str], T], error: type[EmotionError]) -> Reply[T]:
    """The reply to the prompt, parsed. A reply that does not parse is asked for again, with the reason.

    Thoughts are removed before parsing. A reply that was cut off or filtered does not parse. Only a reply that parses
    is cached.

    Raises:
        EmotionError: of the given type if no attempt parses, or what the model raised; it has all replies and their
            usage.
    """
    usage, request, why = Usage(), prompt, ""
    rejected: tuple[str, ...] = ()
    for _ in range(ATTEMPTS):
        try:
            with boundary(EmotionError):
                answer, value = await _asked(model, prompt, request, parse)
        except EmotionError as failure:
            failure.replies, failure.usage = rejected + failure.replies, usage + failure.usage
            raise
        usage += answer.usage
        if not isinstance(value, RejectedReply):
            return Reply(value=value, model=answer.model, usage=usage, rejected=rejected, left_out=answer.left_out)
        rejected, why = (*rejected, answer.text or answer.reasoned), str(value)
        request = replace(
            prompt, text=f"{prompt.text}\n\nYour last reply could not be used: {why} Reply again in full."
        )
    raise error(f"{model.name} was asked {ATTEMPTS} times and its reply still cannot be used: {why}", rejected, usage)


async def _asked(
    model: Model, prompt: Prompt, request: Prompt, parse: Callable[[str], T]
) -> tuple[Answer, T | RejectedReply]:
    """The model's reply and the parsed value; a cached reply is used only if it parses."""

    def usable(answer: Answer) -> bool:
        return not isinstance(_parsed(answer, parse), RejectedReply)

    if isinstance(model, CachedModel):
        answer = await model.generate_usable(prompt, request, usable)
    else:
        answer = await model.generate(request)
    return answer, _parsed(answer, parse)


def _parsed(answer: Answer, parse: Callable[[str], T]) -> T | RejectedReply:
    if answer.ending in BROKEN_OFF:
        return RejectedReply(BROKEN_OFF[answer.ending])
    try:
        return parse(answer.text)
    except RejectedReply as rejection:
        return rejection
