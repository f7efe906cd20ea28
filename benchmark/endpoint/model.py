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

import openai
from openai import AsyncOpenAI

from benchmark.accounts.catalogue import AudioForm, end_notice
from benchmark.accounts.limits import Account, Bill, Limits, Passing
from benchmark.accounts.money import KNOWN_AFTER, MARGIN, input_usage, most_output
from benchmark.accounts.prices import Price, StatedPrice
from benchmark.accounts.retries import send
from benchmark.clip import as_frames
from benchmark.clips.limits import REQUEST_MB
from benchmark.endpoint.access import read_key, redactor_of, refuse_unused_key
from benchmark.endpoint.chat import STREAM, body_of, post, refuse_large
from benchmark.endpoint.connection import CONNECTIONS_A_CLIENT, connect, proxy_for, read_proxies
from benchmark.endpoint.failure import Failing, ParameterRefused
from benchmark.endpoint.headers import pause_due
from benchmark.endpoint.presence import find_fault
from benchmark.endpoint.redaction import keep_out_of_logs, masked
from benchmark.endpoint.reply import ErrorInside, Reply, billed_of, name_of, parse_object, parse_reply, usage_of
from benchmark.endpoint.urls import parse_url, route_of, shown
from benchmark.errors import ModelError, RunError, boundary
from benchmark.model import Answer
from benchmark.prompt import Modality, Prompt
from benchmark.storage.cache import key_of
from benchmark.usage import Usage

OPENAI_KEY = "OPENAI_API_KEY"

FLEX_SECONDS = 900.0
"""The least time limit of a request in OpenAI's flex tier, whose replies take up to 15 minutes by its page."""

OTHER_NAMES = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
"""Limits of tokens of which a server may take only one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where and how requests to a model are sent.

    Attributes:
        urls: base URLs, which share the load.
        key_env: environment variable with the key; None if no key is sent.
        model: its name there.
        modalities: what it can be sent.
        parameters: parameters of each request.
        price: price of its tokens; None if unknown.
        concurrency: requests in flight that the provider usually allows.
        audio_form: how sound is sent.
        limits: the accounts of the run.
        urgent: whether its requests go before those that are not.
        asks: whether requests will be sent; otherwise no key is needed.
        request_mb: size of the largest request that is sent, in MB.
        ends: the first day on which the provider no longer has it; None if unknown.
        successor: the model that replaces it then; None if unknown.
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
    """A `Model` behind an endpoint with the chat-completions protocol; it keeps the key to itself.

    Attributes:
        endpoint: where and how requests are sent.
        name: its name at the endpoint.
        modalities: what it can be sent.
        left_out: parameters that are no longer sent because the server refused them.
        failing: puts failures into words, and masks secrets.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        """Reads the key from the environment.

        Raises:
            RunError: the key's variable is not set, or its value cannot be a key; a URL is malformed, or has a user in
                place of the key; there is a budget, but no price.
        """
        self.endpoint = replace(endpoint, urls=tuple(map(parse_url, endpoint.urls)))
        self.name, self.modalities = endpoint.model, endpoint.modalities
        self._key = read_key(endpoint.key_env, endpoint.model, asks=endpoint.asks)
        refuse_unused_key(self.endpoint.urls, endpoint.key_env, self._key)
        limits = endpoint.limits
        if limits.budget is not None and endpoint.price is None:
            raise RunError(
                f"--max-cost needs the price of {endpoint.model}, in USD per million tokens:"
                f" --price={endpoint.model}=INPUT/OUTPUT, or 0/0 for a server of your own."
            )
        flex = endpoint.parameters.get("service_tier") == "flex"
        self._seconds = max(limits.timeout, FLEX_SECONDS) if flex else limits.timeout
        self._proxies = read_proxies()
        urls = [*self.endpoint.urls, *filter(None, self._proxies.values())]
        self.failing = Failing(
            model=endpoint.model,
            key_env=endpoint.key_env,
            seconds=self._seconds,
            patience=limits.patience,
            redact=redactor_of(endpoint.model, self._key, urls, endpoint.parameters),
            several=len(self.endpoint.urls) > 1,
            proxies={url: proxy_for(url, self._proxies) for url in self.endpoint.urls},
        )
        names = [key_of(shown(url), self._key, *filter(None, [route_of(url)])) for url in self.endpoint.urls]
        self._accounts = {
            limits.account(name, endpoint.concurrency): url for name, url in zip(names, self.endpoint.urls, strict=True)
        }
        self._parameters = {**endpoint.parameters, STREAM: False}
        self.left_out: tuple[str, ...] = ()
        self._identity: str | None = None
        self._replies, self._dearest = 0, 0.0
        self._spare: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, list[AsyncOpenAI]]] = WeakKeyDictionary()

    @property
    def identity(self) -> str:
        """Endpoint, name and parameters that are sent, as JSON without secrets."""
        if self._identity is None:  # needed for each request
            asked = {"urls": sorted(map(shown, self.endpoint.urls)), "model": self.endpoint.model}
            sent = {name: value for name, value in self._parameters.items() if name != STREAM}
            routes = sorted([shown(url), route] for url in self.endpoint.urls if (route := route_of(url)) is not None)
            asked |= {"parameters": masked(sent)} | ({"routes": routes} if routes else {})
            self._identity = json.dumps(asked, sort_keys=True)
        return self._identity

    def leave_out(self, names: Iterable[str]) -> None:
        """Stops sending these parameters; a limit of tokens is sent by its other name, unless that is refused too."""
        for name in names:
            if name not in self._parameters:
                continue
            value, other = self._parameters.pop(name), OTHER_NAMES.get(name)
            self.left_out, self._identity = (*self.left_out, name), None
            if other and other not in self.left_out:
                self._parameters.setdefault(other, value)

    async def check(self) -> None:
        """Requests each endpoint's list of models; leaves out one that cannot be reached, if another can be.

        Raises:
            RunError: no endpoint can be reached, or one refuses the key or does not have the model.
        """
        urls = self._accounts.values()
        causes = await asyncio.gather(
            *(find_fault(self.connect(url), url, self.failing, self._note_end) for url in urls)
        )
        dead = {account: cause for account, cause in zip(self._accounts, causes, strict=True) if cause is not None}
        if len(dead) == len(self._accounts):
            raise RunError(" ".join(dead.values()))
        for account, cause in dead.items():
            self.endpoint.limits.leave_out(account, f"{cause} The other endpoints are used until it answers.")

    def _note_end(self, listed: date | None) -> None:
        """Adds a notice if the model ends soon, by the server's list or else by the catalogue."""
        limits, ends = self.endpoint.limits, listed or self.endpoint.ends
        notice = end_notice(self.name, ends, self.endpoint.successor) if ends else None
        if notice and notice not in limits.notices:
            limits.notices.append(notice)

    async def generate(self, prompt: Prompt) -> Answer:
        """The reply. A request is sent again if its failure may pass, within the limits of the account.

        A parameter that the server refuses is left out from then on.

        Raises:
            ModelError: there is no reply, or an empty one.
        """
        spent: list[Usage] = []
        try:
            with boundary(ModelError, self.failing.redact):
                reply = await self._sent(prompt, spent)
        except ModelError as error:
            error.usage = sum(spent, Usage())
            raise
        return Answer(
            text=self.failing.redact(reply.text),
            model=reply.model,
            usage=sum(spent, Usage()),
            thoughts=reply.thoughts and self.failing.redact(reply.thoughts),
            ending=reply.ending,
            refusal=reply.refusal,
            left_out=self.left_out,
        )

    async def aclose(self) -> None:
        """Closes the connections of the running loop."""
        for clients in self._spare.pop(asyncio.get_running_loop(), {}).values():
            for client in set(clients):
                await client.close()

    async def _sent(self, prompt: Prompt, spent: list[Usage]) -> Reply:
        """The reply; adds the usage of each attempt to `spent`."""
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
                raise ModelError(str(failure)) from None  # its cause may quote the headers

    def body(self, prompt: Prompt) -> bytes:
        """The request's body, as JSON."""
        return body_of(self.endpoint.model, self._parameters, prompt, self.endpoint.audio_form)

    def _may_cost(self, prompt: Prompt) -> float:
        """The most in USD that the request may plausibly cost; 0 if its price is unknown."""
        if self._replies >= KNOWN_AFTER:
            return MARGIN * self._dearest
        price, (_, most) = self.endpoint.price, input_usage(prompt)
        usage = replace(most, output_tokens=most_output(self._parameters))
        return max(price.usd(usage) or 0.0 if price else 0.0, self._dearest)

    async def _once(
        self, body: bytes, names: Sequence[str], may_cost: float, spent: list[Usage], account: Account
    ) -> Reply:
        """As `_sent`, in one attempt with the parameters `names`; if its cost is unknown, `may_cost` is booked.

        Raises:
            Passing: a failure that may pass.
            ParameterRefused: the server refuses one of the parameters.
            ModelError: a failure that will not pass.
            RunError: the budget or the account's credit is spent.
        """
        async with self.endpoint.limits.afford(may_cost) as bill:
            try:
                return await self._exchange(body, account, bill, spent)
            except (openai.OpenAIError, TimeoutError, ValueError, ErrorInside) as error:
                if isinstance(error, openai.APIStatusError):
                    bill.cost_usd = 0.0  # a refusal is free; the cost of a missing reply is unknown
                failure = self.failing.failure(error, self._accounts[account], names)
            raise failure  # outside the handler: its context would keep the whole reply in memory

    async def _exchange(self, body: bytes, account: Account, bill: Bill, spent: list[Usage]) -> Reply:
        """Sends the request, books its cost, keeps a pause that the server asks for, and reads the reply."""
        started = time.monotonic()
        with self._client(self._accounts[account]) as client:
            response = await post(client, body)
        reply = parse_object(response)
        usage = self._usage(reply, time.monotonic() - started)
        spent.append(usage)
        if self.endpoint.price is None and usage.cost_usd is None:
            bill.cost_usd = None
        elif usage.cost_usd is not None:
            bill.cost_usd = usage.cost_usd
            self._replies, self._dearest = self._replies + 1, max(self._dearest, usage.cost_usd)
        elif not reply.get("choices"):
            bill.cost_usd = 0.0  # an error
        pause = pause_due(response.headers)
        if pause is not None and (pause <= account.patience or len(self._accounts) > 1):
            account.pause(pause)
        return parse_reply(reply, self.failing.redact)

    def _usage(self, reply: Mapping[str, Any], seconds: float) -> Usage:
        """What a reply took and cost: by the user's price, by the reply itself, or by the published price."""
        usage, price = usage_of(reply), self.endpoint.price
        paid = price.usd(usage, name_of(reply.get("model")), name_of(reply.get("service_tier"))) if price else None
        billed = None if isinstance(price, StatedPrice) else billed_of(reply)
        return replace(usage, seconds=seconds, cost_usd=paid if billed is None else billed)

    @contextmanager
    def _client(self, url: str) -> Iterator[AsyncOpenAI]:
        """A client of the URL with a free connection, the last one that was used; each event loop has its own."""
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
        keep_out_of_logs(self.failing.redact)
        return client
