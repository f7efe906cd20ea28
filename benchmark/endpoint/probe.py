"""Finds out what an endpoint takes, with a few small requests for each kind of material.

Servers may drop content that they do not know, and answer without it. So an accepted request is not enough: the input
tokens that the server counts are compared with those of a request that has only text.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import Literal

import httpx2
import openai

from benchmark.accounts.limits import Limits
from benchmark.clips.jpeg import LONGEST_SIDE
from benchmark.endpoint.chat import post
from benchmark.endpoint.failure import HEALING
from benchmark.endpoint.listing import Listing, parse_listing
from benchmark.endpoint.model import Endpoint, EndpointModel
from benchmark.endpoint.probe_media import make_frame, make_sound
from benchmark.endpoint.reply import ErrorInside, parse_object, parse_reply, usage_of
from benchmark.endpoint.urls import shown
from benchmark.prompt import Modality, Prompt

Kind = Literal["text", "one picture", "ten pictures", "picture size", "whole clip", "sound"]
"""What a request tests."""

Reading = Literal["read", "uncounted", "as one", "ignored", "refused", "unsettled"]
"""The result for a kind: read by the count of tokens, accepted without a count, or why it cannot be used.

Unsettled means that the request failed in a way that says nothing about the kind, or was not sent.
"""

SECONDS = 30.0
"""The time limit of a request."""

QUESTION = "What is this? Answer in one word."
PICTURES = 10
WIDTHS = (512, 1024, 2048)
"""Pixels."""
DURATIONS = (5, 30, 60)
"""Seconds of sound."""

FEW_TOKENS = 8
"""A picture or sound that counts at most this many tokens is only a placeholder; the least known real count is 12."""
AS_ONE = 1.2
"""If ten pictures count less than this many times one picture, the model does not see all ten."""

BRIEFLY = ({"max_tokens": 8}, {"max_completion_tokens": 512})
"""Parameters for a short reply; the second for models that refuse the first, and think before they answer."""

SAME_FOR_ALL = frozenset({401, 402, 403, 404})
"""Statuses of the text request that any other request would get too: no key, no money, no such model."""

LONGEST_REASON = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request.

    Attributes:
        kind: what it tests; steps of one kind go from small to large.
        label: how large it is.
        prompt: what is sent.
        parts: the number of pictures, clips and sounds in it.
    """

    kind: Kind
    label: str
    prompt: Prompt
    parts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of a step.

    Attributes:
        label: the step's.
        parts: the step's.
        accepted: whether there was a reply, even an empty one.
        status: the status of the response; None if there is none.
        reason: why it was not accepted, in the server's words; otherwise empty.
        tokens_in: input tokens that the server counts; None if it counts none.
        tokens_out: output tokens that the server counts; None if it counts none.
    """

    label: str
    parts: int
    accepted: bool
    status: int | None
    reason: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None

    @property
    def refused(self) -> bool:
        """Whether the server refuses it, rather than being busy, broken or unreachable."""
        return not self.accepted and self.status is not None and self.status < 500 and self.status not in HEALING


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What was found about one endpoint.

    Attributes:
        url: its base URL, without secrets.
        takes: what a run sends, by the catalogue or the options.
        model: the model that was asked; empty if there was none to ask.
        fault: why nothing can be asked; otherwise empty.
        seconds: how long the request for its list of models took.
        listing: that list.
        found: the results of the steps by kind, up to the first that was not accepted.
    """

    url: str
    takes: frozenset[Modality]
    model: str = ""
    fault: str = ""
    seconds: float = 0.0
    listing: Listing = field(default_factory=Listing)
    found: Mapping[Kind, tuple[Outcome, ...]] = field(default_factory=dict)

    def steps(self, kind: Kind) -> tuple[Outcome, ...]:
        """The results of a kind; empty if it was not tested."""
        return self.found.get(kind, ())

    def beyond_text(self, outcome: Outcome) -> int | None:
        """Input tokens beyond those of the text request; None if either count is unknown."""
        text = next((step.tokens_in for step in self.steps("text") if step.accepted), None)
        return None if text is None or outcome.tokens_in is None else outcome.tokens_in - text

    def largest(self, kind: Kind) -> Outcome | None:
        """The largest step that was accepted and, if tokens are counted, read; None if there is none."""
        return next((step for step in reversed(self.steps(kind)) if step.accepted and not self._ignored(step)), None)

    def reading(self, kind: Kind) -> Reading:
        """The result for a kind."""
        largest, steps = self.largest(kind), self.steps(kind)
        if largest is None and steps:
            return "ignored" if steps[0].accepted else "refused" if steps[0].refused else "unsettled"
        extra = self.beyond_text(largest) if largest else None
        if extra is None:
            return "uncounted" if largest else "unsettled"
        one = self.largest("one picture") if kind == "ten pictures" else None
        extra_one = self.beyond_text(one) if one else None
        return "as one" if extra_one is not None and extra < AS_ONE * extra_one else "read"

    def usable(self, kind: Kind) -> bool:
        """Whether a run can send this kind, as far as is known."""
        return self.reading(kind) in ("read", "uncounted")

    @property
    def fitting(self) -> tuple[Modality, ...]:
        """What a run can send, as `--modalities` takes it."""
        pictures: tuple[Kind, ...] = ("whole clip",) if "clip" in self.takes else ("one picture", "ten pictures")
        sees, hears = all(map(self.usable, pictures)), self.usable("sound")
        return (*(("video",) if sees else ()), *(("audio",) if hears else ()))

    def _ignored(self, outcome: Outcome) -> bool:
        extra = self.beyond_text(outcome)
        return outcome.parts > 0 and extra is not None and extra <= FEW_TOKENS * outcome.parts


def make_steps(clip: bytes | None) -> tuple[Step, ...]:
    """All requests, first the one that has only text; `clip` is an mp4 file, None if none could be made.

    The pictures of `one picture` and `ten pictures` are as large as those of a run.
    """
    frames = [make_frame(LONGEST_SIDE, number) for number in range(PICTURES)]
    ask = partial(Prompt, text=QUESTION)
    return (
        Step(kind="text", label="text", prompt=ask(), parts=0),
        Step(kind="one picture", label="one picture", prompt=ask(frames=frames[:1])),
        Step(kind="ten pictures", label="ten", prompt=ask(frames=frames), parts=PICTURES),
        *(Step(kind="picture size", label=f"{one} pixels", prompt=ask(frames=[make_frame(one)])) for one in WIDTHS),
        *([] if clip is None else [Step(kind="whole clip", label="clip", prompt=ask(video=clip))]),
        *(Step(kind="sound", label=f"{one} s", prompt=ask(sound=make_sound(one))) for one in DURATIONS),
    )


async def probe(endpoint: Endpoint, steps: Sequence[Step], patience: float = SECONDS) -> Probed:
    """Asks an endpoint of one URL for its models, then sends the steps one after the other, each once.

    If the endpoint names no model, the first one that it lists is asked. A failed request does not end the others; each
    takes at most `patience` seconds.

    Raises:
        RunError: the key's variable is not set, or the URL is malformed.
    """
    model = EndpointModel(replace(endpoint, limits=Limits(timeout=patience)))
    probed = await _listed(model)
    name = endpoint.model or next(iter(probed.listing.names or ()), "")
    if probed.fault or not name:
        fault = probed.fault or f"{probed.url} lists no model to ask; name one with --model=openai:NAME."
        return replace(probed, model=model.failing.redact(name), fault=fault)
    found = await _found(replace(model.endpoint, model=name), steps)
    return replace(probed, model=model.failing.redact(name), found=found)


async def _listed(model: EndpointModel) -> Probed:
    """The endpoint with its list of models, or why it cannot be asked."""
    url, started = model.endpoint.urls[0], time.monotonic()
    probed = Probed(url=shown(url), takes=model.modalities)
    async with model.connect(url) as client:
        try:
            async with asyncio.timeout(model.endpoint.limits.timeout):
                response = await client.get("/models", cast_to=httpx2.Response)
        except openai.APIStatusError as error:
            # the server is there: a key may allow only chat, and not every server has a list
            fault = model.failing.said(error, url) if error.status_code == 401 else ""
            return replace(probed, fault=fault, seconds=time.monotonic() - started)
        except (openai.OpenAIError, TimeoutError) as error:
            return replace(probed, fault=model.failing.said(error, url))
        listing = parse_listing(response.content, model.failing.redact)
        return replace(probed, seconds=time.monotonic() - started, listing=listing)


async def _found(endpoint: Endpoint, steps: Sequence[Step]) -> Mapping[Kind, tuple[Outcome, ...]]:
    """The results of the steps; those after the first, which has only text, are not sent if they would fail as it."""
    model, text = await _brief_model(endpoint, steps[0])
    found: dict[Kind, tuple[Outcome, ...]] = {"text": (text,)}
    if not text.accepted and text.status in SAME_FOR_ALL:
        return found
    for kind, same in groupby(steps[1:], lambda step: step.kind):
        outcomes: list[Outcome] = []
        for step in same:
            outcomes.append(await _ask(model, step))
            if not outcomes[-1].accepted:
                break
        found[kind] = tuple(outcomes)
    return found


async def _brief_model(endpoint: Endpoint, step: Step) -> tuple[EndpointModel, Outcome]:
    """The model with the parameters for a short reply that it takes, and the result of the step that found them."""
    usual = {name: value for name, value in endpoint.parameters.items() if not any(name in way for way in BRIEFLY)}
    for way in BRIEFLY:
        model = EndpointModel(replace(endpoint, parameters=usual | way))
        outcome = await _ask(model, step)
        if outcome.accepted or "max_tokens" not in outcome.reason:
            break
    return model, outcome


async def _ask(model: EndpointModel, step: Step) -> Outcome:
    """Sends a step once, through a new connection: some servers break the one on which they failed."""
    url, patience, failing = model.endpoint.urls[0], model.endpoint.limits.timeout, model.failing
    outcome = Outcome(label=step.label, parts=step.parts, accepted=False, status=None)
    try:
        async with asyncio.timeout(patience), model.connect(url) as client:
            response = await post(client, model.body(step.prompt))
        reply = parse_object(response)
    except openai.APIStatusError as error:
        # without the provider's words about a key, which quote parts of it
        reason = "the key is refused" if error.status_code == 401 else _short(failing.brief(error))
        return replace(outcome, status=error.status_code, reason=reason)
    except (TimeoutError, openai.APITimeoutError):
        return replace(outcome, reason=f"no answer within {patience:g} s")
    except openai.APIConnectionError as error:
        return replace(outcome, reason=_short(f"the connection broke: {failing.brief(error)}"))
    except (openai.OpenAIError, ValueError):
        return replace(outcome, reason="the reply is no chat completion")
    usage, outcome = usage_of(reply), replace(outcome, status=response.status_code)
    try:
        parse_reply(reply)
    except ErrorInside as error:
        return replace(outcome, reason=_short(failing.brief(error)))
    except ValueError:
        pass  # accepted, with an empty answer
    return replace(outcome, accepted=True, tokens_in=usage.input_tokens, tokens_out=usage.output_tokens)


def _short(reason: str) -> str:
    return reason[:LONGEST_REASON].rstrip(". ")
