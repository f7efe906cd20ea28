"""What an endpoint takes, found out by one small request for each kind of material.

Acceptance is not seeing: servers drop what they do not know and answer all the same. So the input tokens that a server
counts are compared with those of the text alone.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Literal

import httpx2
import openai

from benchmark.accounts.limits import Limits
from benchmark.clips.jpeg import LONGEST_SIDE
from benchmark.endpoint.complaint import parse_complaint
from benchmark.endpoint.failure import HEALING
from benchmark.endpoint.listing import Listing, parse_listing
from benchmark.endpoint.model import Endpoint, EndpointModel
from benchmark.endpoint.probe_media import make_frame, make_sound
from benchmark.endpoint.reply import ErrorInside, parse_object, parse_reply, usage_of
from benchmark.endpoint.urls import shown
from benchmark.prompt import Modality, Prompt

Kind = Literal["text", "one picture", "ten pictures", "picture size", "whole clip", "sound"]
"""What a request looks into."""

Reading = Literal["read", "uncounted", "as one", "ignored", "refused", "unsettled"]
"""What became of it: read by the count of tokens, accepted without one, or why it is of no use."""

SECONDS = 30.0
"""How long a request may take."""

QUESTION = "What is this? Answer in one word."
PICTURES = 10
WIDTHS = (512, 1024, 2048)
"""Pixels."""
DURATIONS = (5, 30, 60)
"""Seconds of sound."""

FEW_TOKENS = 8
"""So many a picture or sound stand for its mere place; the smallest real count that is known is a dozen."""
AS_ONE = 1.2
"""Ten pictures that count less than so many times one are not ten to the model."""

BRIEFLY = ({"max_tokens": 8}, {"max_completion_tokens": 512})
"""How a model is told to be brief; the second for those that refuse the first, and think before they speak."""

SAME_FOR_ALL = frozenset({401, 402, 403, 404})
"""Statuses to the text alone that tell what any other request would be told: no key, no money, no such model."""

LONGEST_REASON = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request.

    Attributes:
        kind: what it looks into; steps of one kind go from small to large.
        label: how large it is.
        prompt: what is sent.
        parts: pictures, clips and sounds in it.
    """

    kind: Kind
    label: str
    prompt: Prompt
    parts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a step.

    Attributes:
        label: the step's.
        parts: the step's.
        accepted: whether a reply came, and be it an empty one.
        status: of the reply; None where none came.
        reason: in the server's own words why it was not accepted, else empty.
        tokens_in: input tokens that the server counts; None where it does not.
        tokens_out: output tokens, likewise.
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
        """Whether the server does not want it, rather than is busy, broken or away."""
        return not self.accepted and self.status is not None and self.status < 500 and self.status not in HEALING


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """How far the steps of one kind went: up to the first that was not accepted."""

    kind: Kind
    steps: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """How an endpoint answered when it was asked for its list of models.

    Attributes:
        fault: why the endpoint cannot be asked anything; empty where it can.
        seconds: until the list came.
        listing: the list.
    """

    fault: str = ""
    seconds: float = 0.0
    listing: Listing = field(default_factory=Listing)

    @property
    def served(self) -> tuple[str, ...] | None:
        """The names; None where it tells none."""
        return self.listing.names

    def serves(self, name: str) -> bool | None:
        """Whether the name is among them; None if unknown."""
        return self.listing.serves(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """One endpoint, as found.

    Attributes:
        url: its base URL as it may be shown.
        model: which one was asked; empty where none could be.
        takes: what a run sends, as the catalogue or the options say.
        listed: its list of models.
        found: what became of the requests, in their order.
    """

    url: str
    model: str
    takes: frozenset[Modality]
    listed: Listed
    found: tuple[Taken, ...] = ()

    def steps(self, kind: Kind) -> tuple[Outcome, ...]:
        """What became of the requests of a kind; none where it was not looked into."""
        return next((taken.steps for taken in self.found if taken.kind == kind), ())

    def beyond_text(self, outcome: Outcome) -> int | None:
        """Input tokens beyond those of the text alone; None where one of the two is not known."""
        alone = next((step.tokens_in for step in self.steps("text") if step.accepted), None)
        return None if alone is None or outcome.tokens_in is None else outcome.tokens_in - alone

    def largest(self, kind: Kind) -> Outcome | None:
        """The largest step that was accepted and, as far as tokens are counted, read."""
        return next((step for step in reversed(self.steps(kind)) if step.accepted and not self._ignored(step)), None)

    def reading(self, kind: Kind) -> Reading:
        """What became of a kind that was looked into."""
        largest, steps = self.largest(kind), self.steps(kind)
        if largest is None and steps:
            return "ignored" if steps[0].accepted else "refused" if steps[0].refused else "unsettled"
        extra = self.beyond_text(largest) if largest else None
        if extra is None:
            return "uncounted" if largest else "unsettled"
        one = self.largest("one picture") if kind == "ten pictures" else None
        alone = self.beyond_text(one) if one else None
        return "as one" if alone is not None and extra < AS_ONE * alone else "read"

    def usable(self, kind: Kind) -> bool:
        """Whether nothing speaks against sending it."""
        return self.reading(kind) in ("read", "uncounted")

    @property
    def fitting(self) -> tuple[Modality, ...]:
        """What a run may send, as `--modalities` takes it."""
        pictures: tuple[Kind, ...] = ("whole clip",) if "clip" in self.takes else ("one picture", "ten pictures")
        sees, hears = all(map(self.usable, pictures)), self.usable("sound")
        return (*(("video",) if sees else ()), *(("audio",) if hears else ()))

    def _ignored(self, outcome: Outcome) -> bool:
        extra = self.beyond_text(outcome)
        return outcome.parts > 0 and extra is not None and extra <= FEW_TOKENS * outcome.parts


def make_steps(clip: bytes | None) -> tuple[Step, ...]:
    """All requests, the text alone first; `clip` is an mp4 file, where one could be made.

    One picture and ten are as large as a run sends them.
    """
    frames = [make_frame(LONGEST_SIDE, number) for number in range(PICTURES)]
    steps = [
        Step(kind="text", label="text", prompt=Prompt(text=QUESTION), parts=0),
        Step(kind="one picture", label="one picture", prompt=Prompt(text=QUESTION, frames=frames[:1])),
        Step(kind="ten pictures", label="ten", prompt=Prompt(text=QUESTION, frames=frames), parts=PICTURES),
    ]
    for width in WIDTHS:
        prompt = Prompt(text=QUESTION, frames=[make_frame(width)])
        steps.append(Step(kind="picture size", label=f"{width} pixels", prompt=prompt))
    if clip is not None:
        steps.append(Step(kind="whole clip", label="clip", prompt=Prompt(text=QUESTION, video=clip)))
    for seconds in DURATIONS:
        prompt = Prompt(text=QUESTION, sound=make_sound(seconds))
        steps.append(Step(kind="sound", label=f"{seconds} s", prompt=prompt))
    return tuple(steps)


async def probe(endpoint: Endpoint, steps: Sequence[Step], patience: float = SECONDS) -> Probed:
    """Asks an endpoint of one URL for its models, then sends the steps one after the other, each once.

    Where the endpoint names no model, the first one that is listed is asked. No request's failure ends the others, and
    none takes longer than `patience` seconds.

    Raises:
        RunError: the key's variable is not set, or the URL is malformed.
    """
    asked = replace(endpoint, limits=Limits(timeout=patience))
    model = EndpointModel(asked)
    listed = await _listed(model)
    name = asked.model or next(iter(listed.served or ()), "")
    if not (listed.fault or name):
        fault = f"{shown(model.endpoint.urls[0])} lists no model to ask; name one with --model=openai:NAME."
        listed = replace(listed, fault=fault)
    found = () if listed.fault else await _found(replace(asked, model=name), steps)
    url = shown(model.endpoint.urls[0])
    return Probed(url=url, model=model.redacted(name), takes=asked.modalities, listed=listed, found=found)


async def _listed(model: EndpointModel) -> Listed:
    url = model.endpoint.urls[0]
    async with model.connect(url) as client:
        started = time.monotonic()
        try:
            async with asyncio.timeout(model.endpoint.limits.timeout):
                response = await client.get("/models", cast_to=httpx2.Response)
        except openai.APIStatusError as error:
            # whatever else it says, it is there: keys may be good for chat alone, and not every server has a list
            fault = model.said(error, url) if error.status_code == 401 else ""
            return Listed(fault=fault, seconds=time.monotonic() - started)
        except (openai.OpenAIError, TimeoutError) as error:
            return Listed(fault=model.said(error, url))
        listing = parse_listing(response.content, model.redacted)
        return Listed(seconds=time.monotonic() - started, listing=listing)


async def _found(endpoint: Endpoint, steps: Sequence[Step]) -> tuple[Taken, ...]:
    model, text = await _introduced(endpoint, steps[0])
    found = [Taken(kind="text", steps=(text,))]
    if not text.accepted and text.status in SAME_FOR_ALL:
        return tuple(found)
    for kind, same in groupby(steps[1:], lambda step: step.kind):
        outcomes: list[Outcome] = []
        for step in same:
            outcomes.append(await _ask(model, step))
            if not outcomes[-1].accepted:
                break
        found.append(Taken(kind=kind, steps=tuple(outcomes)))
    return tuple(found)


async def _introduced(endpoint: Endpoint, step: Step) -> tuple[EndpointModel, Outcome]:
    """The model, told to be brief in the way that it understands, and what it made of the text alone."""
    usual = {name: value for name, value in endpoint.parameters.items() if not any(name in way for way in BRIEFLY)}
    for way in BRIEFLY:
        model = EndpointModel(replace(endpoint, parameters=usual | way))
        outcome = await _ask(model, step)
        if outcome.accepted or "max_tokens" not in outcome.reason:
            break
    return model, outcome


async def _ask(model: EndpointModel, step: Step) -> Outcome:
    """Sends a step once, by a connection of its own: some servers leave a broken one behind where they failed."""
    url, patience = model.endpoint.urls[0], model.endpoint.limits.timeout
    outcome = Outcome(label=step.label, parts=step.parts, accepted=False, status=None)
    try:
        async with asyncio.timeout(patience), model.connect(url) as client:
            response = await client.post(
                "/chat/completions",
                cast_to=httpx2.Response,
                content=model.body(step.prompt),
                options={"headers": {"Content-Type": "application/json"}},
            )
        reply = parse_object(response)
    except openai.APIStatusError as error:
        return replace(outcome, status=error.status_code, reason=_reason(model, error))
    except (TimeoutError, openai.APITimeoutError):
        return replace(outcome, reason=f"no answer within {patience:g} s")
    except openai.APIConnectionError as error:
        return replace(outcome, reason=f"the connection broke: {model.brief(error)}"[:LONGEST_REASON])
    except (openai.OpenAIError, ValueError):
        return replace(outcome, reason="the reply is no chat completion")
    return _judged(model, replace(outcome, status=response.status_code), reply)


def _judged(model: EndpointModel, outcome: Outcome, reply: dict[str, Any]) -> Outcome:
    try:
        parse_reply(reply)
    except ErrorInside as error:
        return replace(outcome, reason=_short(model, parse_complaint(error.told, model.redacted).words))
    except ValueError:
        pass  # it was taken, and came to nothing
    usage = usage_of(reply)
    return replace(outcome, accepted=True, tokens_in=usage.input_tokens, tokens_out=usage.output_tokens)


def _reason(model: EndpointModel, error: openai.APIStatusError) -> str:
    if error.status_code == 401:  # these words quote parts of the key
        return "the key is refused"
    return _short(model, model.brief(error))


def _short(model: EndpointModel, text: str) -> str:
    return " ".join(model.redacted(text).split())[:LONGEST_REASON].rstrip(". ")
