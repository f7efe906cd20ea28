"""Models behind OpenAI-compatible endpoints."""

import asyncio
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import httpx2
import openai
from openai import AsyncOpenAI

from benchmark.accounts.catalogue import (
    AudioForm,
    end_notice,
)
from benchmark.accounts.limits import Account, Bill, Limits, Passing
from benchmark.accounts.money import KNOWN_AFTER, MARGIN, input_usage, most_output
from benchmark.accounts.prices import Price, StatedPrice
from benchmark.accounts.retries import send
from benchmark.clip import as_frames
from benchmark.clips.limits import REQUEST_MB
from benchmark.endpoint.access import read_key, redactor_of, refuse_idle
from benchmark.endpoint.chat import STREAM, body_of, refuse_large
from benchmark.endpoint.connection import CONNECTIONS_A_CLIENT, connect, proxy_for, read_proxies
from benchmark.endpoint.failure import Failing, ParameterRefused
from benchmark.endpoint.headers import pause_due
from benchmark.endpoint.presence import find_fault
from benchmark.endpoint.redaction import head_of, keep_out_of_logs, masked
from benchmark.endpoint.reply import ErrorInside, Reply, billed_of, parse_object, parse_reply, usage_of
from benchmark.endpoint.urls import parse_url, route_of, shown
from benchmark.errors import ModelError, RunError, boundary
from benchmark.model import Answer
from benchmark.prompt import Modality, Prompt
from benchmark.storage.cache import key_of
from benchmark.text import LONGEST_NAME, SEATS, one_line
from benchmark.usage import Usage

OPENAI_KEY = "OPENAI_API_KEY"

FLEX_SECONDS = 900.0
"""How long a reply of OpenAI's flex tier may take at least: its page says up to 15 minutes."""

OTHER_NAMES = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}  # some servers want one


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where and how a model is asked.

    Attributes:
        urls: base URLs; several share the load.
        key_env: environment variable with the key; None where none is sent.
        model: its name there.
        modalities: what it can be sent.
        parameters: of each request.
        price: of its tokens; None if unknown.
        concurrency: requests in flight that the provider usually takes.
        audio_form: how sound is sent.
        limits: the accounts of the run.
        urgent: whether its requests go before those that are not.
        asks: whether it will be asked anything; else it needs no key.
        request_mb: the largest request that is sent, in MB.
        ends: the day from which on the provider does not have it any more; None if unknown.
        successor: what takes its place then.
    """

    urls: tuple[str, ...]
    key_env: str | None
    model: str
    modalities: frozenset[Modality]
    parameters: Mapping[str, Any]
    price: Price | None = None
    concurrency: int = 32
    audio_form: AudioForm = "base64"
    limits: Limits = field(default_factory=Limits)
    urgent: bool = False
    asks: bool = True
    request_mb: float = REQUEST_MB
    ends: date | None = None
    successor: str | None = None


class EndpointModel:
    """A `Model` asked over HTTP by the chat-completions protocol; the key stays in here."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Takes the key from the environment.

        Raises:
            RunError: the variable is not set, or holds no key; names it. A URL is malformed, or has a user in the
                key's place. There is a budget, and no price.
        """
        self.endpoint = replace(endpoint, urls=tuple(map(parse_url, endpoint.urls)))
        self._key = read_key(endpoint.key_env, endpoint.model, asks=endpoint.asks)
        refuse_idle(self.endpoint.urls, endpoint.key_env, self._key)
        limits = endpoint.limits
        if limits.budget is not None and endpoint.price is None:
            raise RunError(
                f"--max-cost needs the price of {endpoint.model}, in USD per million tokens:"
                f" --price={endpoint.model}=INPUT/OUTPUT, or 0/0 for a server of your own."
            )
        flex = endpoint.parameters.get("service_tier") == "flex"
        self._seconds = max(limits.timeout, FLEX_SECONDS) if flex else limits.timeout
        self._proxies = read_proxies()
        told = [*self.endpoint.urls, *filter(None, self._proxies.values())]
        self._failing = Failing(
            model=endpoint.model,
            key_env=endpoint.key_env,
            seconds=self._seconds,
            patience=limits.patience,
            redact=redactor_of(endpoint.model, self._key, told, endpoint.parameters),
            several=len(self.endpoint.urls) > 1,
            proxies={url: proxy_for(url, self._proxies) for url in self.endpoint.urls},
        )
        names = [key_of(shown(url), self._key, *filter(None, [route_of(url)])) for url in self.endpoint.urls]
        self._accounts = {
            limits.account(name, endpoint.concurrency): url for name, url in zip(names, self.endpoint.urls, strict=True)
        }
        self._parameters = {**endpoint.parameters, STREAM: False}
        self._left_out: tuple[str, ...] = ()
        self._identity: str | None = None
        self._replies, self._dearest = 0, 0.0
        self._spare: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, list[AsyncOpenAI]]] = WeakKeyDictionary()

    @property
    def name(self) -> str:
        """Its name at the endpoint."""
        return self.endpoint.model

    @property
    def modalities(self) -> frozenset[Modality]:
        """What it can be sent."""
        return self.endpoint.modalities

    @property
    def identity(self) -> str:
        """Endpoint, name and parameters as JSON, without credentials; a parameter that was refused is none of them."""
        if self._identity is None:  # asked for with each request
            asked = {"urls": sorted(map(shown, self.endpoint.urls)), "model": self.endpoint.model}
            sent = {name: value for name, value in self._parameters.items() if name != STREAM}
            routes = sorted([shown(url), route] for url in self.endpoint.urls if (route := route_of(url)) is not None)
            asked |= {"parameters": masked(sent)} | ({"routes": routes} if routes else {})
            self._identity = json.dumps(asked, sort_keys=True)
        return self._identity

    @property
    def left_out(self) -> tuple[str, ...]:
        """Parameters that the server has refused."""
        return self._left_out

    def leave_out(self, names: Iterable[str]) -> None:
        """Sends these no more; a limit of tokens goes by its other name instead, if that is not refused as well."""
        for name in names:
            if name not in self._parameters:
                continue
            value, other = self._parameters.pop(name), OTHER_NAMES.get(name)
            self._left_out, self._identity = (*self._left_out, name), None
            if other and other not in self._left_out:
                self._parameters.setdefault(other, value)

    async def check(self) -> None:
        """Asks each endpoint for its list of models; one that cannot be reached is left out where another can.

        Raises:
            RunError: none can be reached, or one refuses the key or has no such model; any other reply means that it is
                there.
        """
        causes = await asyncio.gather(*(find_fault(self, url) for url in self._accounts.values()))
        dead = {account: cause for account, cause in zip(self._accounts, causes, strict=True) if cause is not None}
        if len(dead) == len(self._accounts):
            raise RunError(" ".join(dead.values()))
        for account, cause in dead.items():
            self.endpoint.limits.leave_out(account, f"{cause} The other endpoints are asked until it answers.")

    def note_end(self, listed: date | None) -> None:
        """Adds to what the user is told that the model's end is near: by the server's list, else by the catalogue."""
        limits, ends = self.endpoint.limits, listed or self.endpoint.ends
        notice = end_notice(self.name, ends, self.endpoint.successor) if ends else None
        if notice and notice not in limits.notices:
            limits.notices.append(notice)

    async def generate(self, prompt: Prompt) -> Answer:
        """The reply; a request that fails in a way that may pass is sent again, within the limits of the account.

        A parameter that the server refuses is left out from then on.

        Raises:
            ModelError: no reply, or an empty one.
        """
        spent: list[Usage] = []
        try:
            with boundary(ModelError, self.redacted):
                reply, model = await self._sent(prompt, spent)
        except ModelError as error:
            error.usage = sum(spent, Usage())
            raise
        return Answer(
            text=self.redacted(reply.text),
            model=model,
            usage=sum(spent, Usage()),
            thoughts=reply.thoughts and self.redacted(reply.thoughts),
            ending=reply.ending,
            refusal=reply.refusal,
            left_out=self._left_out,
        )

    async def aclose(self) -> None:
        """Closes the connections of the running loop."""
        for clients in self._spare.pop(asyncio.get_running_loop(), {}).values():
            for client in set(clients):
                await client.close()

    async def _sent(self, prompt: Prompt, spent: list[Usage]) -> tuple[Reply, str | None]:
        """The reply and who gave it; adds what each attempt took to `spent`."""
        frames = as_frames(prompt.frames)
        if not frames.ready:
            await asyncio.to_thread(frames.encoded)
        while True:
            refuse_large(body := self.body(prompt), self.endpoint.request_mb)
            once = partial(self._once, body, tuple(self._parameters), self._may_cost(prompt), spent)
            try:
                return await send(list(self._accounts), once, urgent=self.endpoint.urgent)
            except ParameterRefused as refused:
                self.leave_out([refused.name])
            except Passing as failure:
                raise ModelError(str(failure)) from None  # the cause may quote the headers

    def body(self, prompt: Prompt) -> bytes:
        """The request's body."""
        return body_of(self.endpoint.model, self._parameters, prompt, self.endpoint.audio_form)

    def _may_cost(self, prompt: Prompt) -> float:
        """The most in USD that the request may plausibly cost; what is not known counts nothing."""
        if self._replies >= KNOWN_AFTER:
            return MARGIN * self._dearest
        price, (_, most) = self.endpoint.price, input_usage(prompt)
        usage = replace(most, output_tokens=most_output(self._parameters))
        return max(price.usd(usage) or 0.0 if price else 0.0, self._dearest)

    async def _once(
        self, body: bytes, names: Sequence[str], may_cost: float, spent: list[Usage], account: Account
    ) -> tuple[Reply, str | None]:
        """One reply and who gave it; adds what it took to `spent`. What it does not tell is booked as what it may cost.

        Raises:
            Passing: a failure that may heal.
            ParameterRefused: the server does not take one of the parameters of these names.
            ModelError: one that will not.
            RunError: the budget is spent, or the account's.
        """
        async with self.endpoint.limits.afford(may_cost) as bill:
            try:
                return await self._told(body, account, bill, spent)
            except (openai.OpenAIError, TimeoutError, ValueError, ErrorInside) as error:
                if isinstance(error, openai.APIStatusError):
                    bill.cost_usd = 0.0  # a refusal is free; what a reply that never came has cost is not known
                failure = self._failing.failure(error, self._accounts[account], names)
            raise failure  # not sooner: it would hold on to the error, and that to the whole reply

    async def _told(self, body: bytes, account: Account, bill: Bill, spent: list[Usage]) -> tuple[Reply, str | None]:
        """What the server says and who it says it is; books what that took."""
        started = time.monotonic()
        with self._client(self._accounts[account]) as client:
            response = await client.post(
                "/chat/completions",
                cast_to=httpx2.Response,
                content=body,
                options={"headers": {"Content-Type": "application/json"}},
            )
        told = parse_object(response)
        usage = self._usage(told, time.monotonic() - started)
        spent.append(usage)
        if self.endpoint.price is None and usage.cost_usd is None:
            bill.cost_usd = None
        elif usage.cost_usd is not None:
            bill.cost_usd = usage.cost_usd
            self._replies, self._dearest = self._replies + 1, max(self._dearest, usage.cost_usd)
        elif not told.get("choices"):
            bill.cost_usd = 0.0  # an error
        pause = pause_due(response.headers)
        if pause is not None and (pause <= account.patience or len(self._accounts) > 1):
            account.pause(pause)
        name = told.get("model")
        return parse_reply(told, self.redacted), _text(head_of(name, self.redacted) if isinstance(name, str) else None)

    def _usage(self, told: Mapping[str, Any], seconds: float) -> Usage:
        usage, price = usage_of(told), self.endpoint.price
        paid = price.usd(usage, _text(told.get("model")), _text(told.get("service_tier"))) if price else None
        billed = None if isinstance(price, StatedPrice) else billed_of(told)
        return replace(usage, seconds=seconds, cost_usd=paid if billed is None else billed)

    @contextmanager
    def _client(self, url: str) -> Iterator[AsyncOpenAI]:
        """A client of the URL with a connection to spare, the last one that was used; clients belong to the loop."""
        spare = self._spare.setdefault(asyncio.get_running_loop(), {}).setdefault(url, [])
        if not spare:
            spare.extend([self.connect(url)] * CONNECTIONS_A_CLIENT)
        client = spare.pop()
        try:
            yield client
        finally:
            spare.append(client)

    def connect(self, url: str) -> AsyncOpenAI:
        """A client of the URL that sends each request once; the caller closes it."""
        client = connect(url, self._key, self._seconds, self._proxies)
        keep_out_of_logs(self._failing.redact)
        return client

    def said(self, error: Exception, url: str) -> str:
        """One sentence on what went wrong, free of the key."""
        return self._failing.said(error, url)

    def brief(self, error: Exception) -> str:
        """What the server says, else the client, on one line."""
        return self._failing.brief(error)

    def redacted(self, text: str) -> str:
        """The text without key and password."""
        return self._failing.redacted(text)


def _text(told: object) -> str | None:
    """A name in a reply; what joins the names of a panel's judges stands in none."""
    return (one_line(told, LONGEST_NAME).replace(SEATS, SEATS.strip()) or None) if isinstance(told, str) else None
