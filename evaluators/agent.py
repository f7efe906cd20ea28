"""An agent: a prompt, a model and a parser that can say no."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from benchmark.errors import EmotionError, boundary
from benchmark.model import Model
from benchmark.prompt import Prompt
from benchmark.usage import Usage

T = TypeVar("T")

ATTEMPTS = 3
"""How often an agent is asked until its reply parses: once, and twice more with the reason."""


class RejectedReply(ValueError):
    """A reply that does not parse; the text tells the agent what to mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Generic[T]):
    """What an agent said, parsed.

    Attributes:
        value: what the parser made of it.
        model: who said it.
        usage: all attempts together.
        rejected: earlier replies that did not parse, oldest first.
    """

    value: T
    model: str
    usage: Usage = Usage()
    rejected: tuple[str, ...] = ()


async def ask(model: Model, prompt: Prompt, parse: Callable[[str], T], error: type[EmotionError]) -> Reply[T]:
    """Asks until the reply parses, each time telling what was wrong with the last.

    Raises:
        EmotionError: of the given type, with every reply, after the last attempt; what the model raised, with the same.
    """
    usage, rejected, request, why = Usage(), (), prompt, ""  # type: tuple[Usage, tuple[str, ...], Prompt, str]
    for _ in range(ATTEMPTS):
        try:
            with boundary(EmotionError):
                answer = await model.generate(request)
                usage += answer.usage
                rejected = (*rejected, answer.text)
                value = _parsed(answer.text, parse)
        except EmotionError as failure:
            failure.replies, failure.usage = rejected + failure.replies, usage + failure.usage
            raise
        if not isinstance(value, RejectedReply):
            return Reply(value=value, model=answer.model, usage=usage, rejected=rejected[:-1])
        why = str(value)
        request = replace(
            prompt, text=f"{prompt.text}\n\nYour last reply could not be used: {why} Reply again in full."
        )
    raise error(f"{model.name} was asked {ATTEMPTS} times and its reply still cannot be used: {why}", rejected, usage)


def _parsed(text: str, parse: Callable[[str], T]) -> T | RejectedReply:
    try:
        return parse(text)
    except RejectedReply as rejection:
        return rejection
