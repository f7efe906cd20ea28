"""An agent: a prompt, a model and a parser that can say no."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from benchmark.errors import EmotionError
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
            answer = await model.generate(request)
        except EmotionError as failure:
            failure.replies, failure.usage = rejected + failure.replies, usage + failure.usage
            raise
        usage += answer.usage
        try:
            return Reply(value=parse(answer.text), model=answer.model, usage=usage, rejected=rejected)
        except RejectedReply as rejection:
            rejected, why = (*rejected, answer.text), str(rejection)
            request = replace(
                prompt, text=f"{prompt.text}\n\nYour last reply could not be used: {why} Reply again in full."
            )
    raise error(f"{model.name} was asked {ATTEMPTS} times and its reply still cannot be used: {why}", rejected, usage)
