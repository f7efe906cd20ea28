"""Models behind OpenAI-compatible endpoints."""

import asyncio
import json
import os
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from weakref import WeakKeyDictionary

import httpx2
import openai
from openai import AsyncOpenAI

from benchmark.breaker import STRIKES
from benchmark.cache import key_of
from benchmark.catalogue import find_catalogued, read_catalogue
from benchmark.clip import as_frames
from benchmark.errors import ModelError, RunError, boundary
from benchmark.headers import pause_asked, pause_due
from benchmark.limits import Account, Bill, Limits, Passing
from benchmark.model import Answer, ModelOptions, storable
from benchmark.models.chat import Empty, content_of, count_of, object_of, text_of
from benchmark.money import KNOWN_AFTER, MARGIN, cost, input_tokens, most_output
from benchmark.pool import send
from benchmark.prompt import Modality, Prompt
from benchmark.task import Sample
from benchmark.urls import credentials, parse_url, shown
from benchmark.usage import Usage

OPENAI_URL, OPENAI_KEY = "https://api.openai.com/v1", "OPENAI_API_KEY"
NO_KEY = "none"
CONNECT_SECONDS = 20
CONNECTIONS_A_CLIENT = 8
"""The client looks at each of its connections, twice a request: few connections and many clients are far cheaper."""

CHECK_SECONDS, CHECK_RETRIES = 20, 1

REFUSED = frozenset({429, 503, 529})
"""Statuses that say the server is asked too much."""

HEALING = REFUSED | {408, 409, 425}
"""What below 500 may pass by itself; everything from 500 on may."""

ELSEWHERE = frozenset({401, 403, 404})
"""What an endpoint of several may say of itself: its key, or the models that it has."""

EMPTY_ATTEMPTS = 3
"""How often a model that says nothing, for no reason given, is asked."""

SHORTEST_SECRET = 8
"""What is shorter is a placeholder such as `EMPTY`, which an answer may well contain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where and how a model is asked.

    Attributes:
        urls: base URLs; several share the load.
        key_env: environment variable with the key; None where none is sent.
        model: its name there.
        modalities: what it can be sent.
        parameters: of each request.
        usd: price of a million input and of a million output tokens; None is unknown.
        concurrency: requests in flight that the provider usually takes.
        limits: the accounts of the run.
        urgent: whether its requests go before those that are not.
    """

    urls: tuple[str, ...]
    key_env: str | None
    model: str
    modalities: frozenset[Modality]
    parameters: Mapping[str, Any]
    usd: tuple[float, float] | None = None
    concurrency: int = 32
    limits: Limits = field(default_factory=Limits)
    urgent: bool = False


def build(rest: str, options: ModelOptions, samples: Sequence[Sample]) -> "EndpointModel":  # noqa: ARG001
    """`openai:NAME`: OpenAI itself, or wherever the options say.

    The key of OPENAI_API_KEY goes to OpenAI alone, and elsewhere only where the options name that variable.

    Raises:
        RunError: the name or the key is missing.
    """
    if not rest:
        raise RunError("openai: names no model; give openai:NAME.")
    key_env = options.api_key_env or (None if options.base_urls else OPENAI_KEY)
    modalities: frozenset[Any] = frozenset(options.modalities or ("video",))
    return EndpointModel(
        Endpoint(
            urls=options.base_urls or (OPENAI_URL,),
            key_env=key_env,
            model=rest,
            modalities=modalities,
            parameters=_overridden({"temperature": 0}, options.parameters),
            usd=options.prices.get(rest),
            limits=options.limits,
            urgent=options.urgent,
        )
    )


def build_catalogued(name: str, options: ModelOptions, samples: Sequence[Sample]) -> "EndpointModel":  # noqa: ARG001
    """A model of the catalogue, at its provider; a local one at the base URLs given.

    Raises:
        RunError: the name is unknown or the key is missing.
    """
    row = find_catalogued(name)
    provider = read_catalogue().providers[row.provider]
    elsewhere = bool(options.base_urls)
    return EndpointModel(
        Endpoint(
            urls=options.base_urls or (provider.url,),
            key_env=options.api_key_env or (None if elsewhere else provider.key),
            model=row.id,
            modalities=row.modalities,
            parameters=_overridden(row.parameters, options.parameters),
            usd=options.prices.get(name, options.prices.get(row.id, row.usd)),
            concurrency=provider.concurrency,
            limits=options.limits,
            urgent=options.urgent,
        )
    )


def _overridden(usual: Mapping[str, Any], asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """The user's parameters over the usual ones; one that is null is not sent at all."""
    return {name: value for name, value in {**usual, **asked}.items() if value is not None}


class EndpointModel:
    """A `Model` asked over HTTP by the chat-completions protocol; the key stays in here."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Takes the key from the environment.

        Raises:
            RunError: the variable is not set, or holds no key; names it. A URL is malformed.
        """
        self.endpoint = replace(endpoint, urls=tuple(map(parse_url, endpoint.urls)))
        # a file's last newline is not part of the key in it
        self._key = os.environ.get(endpoint.key_env, "").strip() if endpoint.key_env else NO_KEY
        if not self._key:
            raise RunError(f"{endpoint.model} needs a key: set the environment variable {endpoint.key_env}.")
        if not (self._key.isascii() and self._key.isprintable()):
            raise RunError(f"What {endpoint.key_env} holds cannot be a key: copy it again, without line breaks.")
        secrets = (self._key, *(secret for url in self.endpoint.urls for secret in credentials(url)))
        self._secrets = [secret for secret in secrets if len(secret) >= SHORTEST_SECRET]
        limits, usual = endpoint.limits, endpoint.concurrency
        if limits.budget is not None and endpoint.usd is None:
            raise RunError(
                f"--max-cost needs the price of {endpoint.model}, in USD per million tokens:"
                f" --price={endpoint.model}=INPUT/OUTPUT, or 0/0 for a server of your own."
            )
        self._accounts = {limits.account(key_of(shown(url), self._key), usual): url for url in self.endpoint.urls}
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
        """Endpoint, name and parameters as JSON, without credentials."""
        endpoint = self.endpoint
        asked = {"urls": sorted(map(shown, endpoint.urls)), "model": endpoint.model}
        return json.dumps(asked | {"parameters": dict(endpoint.parameters)}, sort_keys=True)

    async def check(self) -> None:
        """Asks each endpoint for its list of models; one that cannot be reached is left out where another can.

        Raises:
            RunError: none can be reached, or one refuses the key; any other reply means that it is there.
        """
        causes = await asyncio.gather(*map(self._cause, self._accounts.values()))
        dead = {account: cause for account, cause in zip(self._accounts, causes, strict=True) if cause is not None}
        if len(dead) == len(self._accounts):
            raise RunError(" ".join(dead.values()))
        for account, cause in dead.items():
            self.endpoint.limits.leave_out(account, f"{cause} The other endpoints are asked until it answers.")

    async def generate(self, prompt: Prompt) -> Answer:
        """The reply; a request that fails in a way that may pass is sent again, within the limits of the account.

        Raises:
            ModelError: no reply, or an empty one.
        """
        spent: list[Usage] = []
        try:
            with boundary(ModelError, self.redacted):
                text, model = await self._sent(prompt, spent)
        except ModelError as error:
            error.usage = sum(spent, Usage())
            raise
        return Answer(text=self.redacted(text), model=self.redacted(model), usage=sum(spent, Usage()))

    async def aclose(self) -> None:
        """Closes the connections of the running loop."""
        for clients in self._spare.pop(asyncio.get_running_loop(), {}).values():
            for client in set(clients):
                await client.close()

    async def _sent(self, prompt: Prompt, spent: list[Usage]) -> tuple[str, str]:
        """Text and model of the reply; adds what each attempt took to `spent`."""
        frames = as_frames(prompt.frames)
        if not frames.ready:
            await asyncio.to_thread(frames.encoded)
        once = partial(self._once, self.body(prompt), self._may_cost(prompt), spent)
        try:
            return await send(list(self._accounts), once, urgent=self.endpoint.urgent)
        except Passing as failure:
            raise ModelError(str(failure)) from None  # the cause may quote the headers

    async def _cause(self, url: str) -> str | None:
        """Why the endpoint cannot be reached; None where it can."""
        async with self.connect(url).with_options(max_retries=CHECK_RETRIES, timeout=CHECK_SECONDS) as client:
            try:
                await client.get("/models", cast_to=httpx2.Response)
            except openai.APIStatusError as error:
                if error.status_code == 401:
                    raise RunError(self.said(error, url)) from None
            except openai.APITimeoutError:
                return f"{shown(url)} did not answer within {CHECK_SECONDS} s."
            except openai.APIConnectionError as error:
                return self.said(error, url)
        return None

    def body(self, prompt: Prompt) -> bytes:
        """The request's body; pictures were encoded beforehand, and are only put in their place."""
        head = json.dumps({"model": self.endpoint.model, **self.endpoint.parameters}, allow_nan=False)[:-1]
        return b"".join([head.encode(), b', "messages": [{"role": "user", "content": [', content_of(prompt), b"]}]}"])

    def _may_cost(self, prompt: Prompt) -> float:
        """The most in USD that the request may plausibly cost; what is not known counts nothing."""
        if self._replies >= KNOWN_AFTER:
            return MARGIN * self._dearest
        price = self.endpoint.usd or (0.0, 0.0)
        return max(cost(price, input_tokens(prompt)[1], most_output(self.endpoint.parameters)), self._dearest)

    async def _once(self, body: bytes, may_cost: float, spent: list[Usage], account: Account) -> tuple[str, str]:
        """Text and model of one reply; adds what it took to `spent`.

        Raises:
            Passing: a failure that may heal.
            ModelError: one that will not.
            RunError: the budget is spent.
        """
        async with self.endpoint.limits.afford(may_cost) as bill:
            reply, usage = await self._reply(body, account, bill)
            spent.append(usage)
            bill.cost_usd = usage.cost_usd
            self._replies, self._dearest = self._replies + 1, max(self._dearest, usage.cost_usd or 0)
        where = shown(self._accounts[account])
        try:
            return text_of(reply), str(reply.get("model") or self.name)
        except Empty as error:
            raise Passing(f"{self.name} at {where} gave {error}.", attempts=EMPTY_ATTEMPTS) from None
        except ValueError as error:
            raise ModelError(f"{self.name} at {where} gave {self.brief(error)}.") from None

    async def _reply(self, body: bytes, account: Account, bill: Bill) -> tuple[Mapping[str, Any], Usage]:
        url, started = self._accounts[account], time.monotonic()
        try:
            async with asyncio.timeout(self.endpoint.limits.timeout):
                with self._client(url) as client:
                    response = await client.post(
                        "/chat/completions",
                        cast_to=httpx2.Response,
                        content=body,
                        options={"headers": {"Content-Type": "application/json"}},
                    )
            reply = object_of(response)
        except (openai.OpenAIError, TimeoutError, ValueError) as error:
            if isinstance(error, openai.APIStatusError):
                bill.cost_usd = 0.0  # a refusal is free; what a reply that never came has cost is not known
            raise self._failure(error, url) from None
        if (pause := pause_due(response.headers)) is not None:
            account.pause(pause)
        return reply, self._usage(reply, time.monotonic() - started)

    def _failure(self, error: Exception, url: str) -> Passing | ModelError:
        """The failure as one that may heal, or will not."""
        said = self.said(error, url)
        if not isinstance(error, openai.APIStatusError):
            unreached = isinstance(error.__cause__, (httpx2.ConnectError, httpx2.ConnectTimeout))
            return Passing(said, strikes=STRIKES, unreached=unreached)
        status, after = error.status_code, pause_asked(error.response.headers)
        if status in ELSEWHERE and len(self._accounts) > 1:
            return Passing(said, attempts=1, strikes=STRIKES)
        if error.code == "insufficient_quota" or not (status in HEALING or status >= 500):
            return ModelError(said)
        refused = status in REFUSED
        # a 503 that names no pause may also come from a proxy whose server is gone
        strikes = status >= 500 and not (refused and after is not None)
        return Passing(said, refused=refused, after=after, strikes=strikes)

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
        parts = urlsplit(url)
        timeout = openai.Timeout(self.endpoint.limits.timeout, connect=CONNECT_SECONDS, pool=None)
        kept = httpx2.Limits(max_keepalive_connections=CONNECTIONS_A_CLIENT)
        client = AsyncOpenAI(
            base_url=parts._replace(query="", fragment="").geturl(),
            default_query=dict(parse_qsl(parts.query)),
            api_key=self._key,
            max_retries=0,
            timeout=timeout,
            http_client=openai.DefaultAsyncHttpx2Client(timeout=timeout, limits=kept, verify=_certificates()),
        )
        if shown(url) != OPENAI_URL:  # whose account it is, which the client takes from the environment, is OpenAI's
            client.organization = client.project = None
        return client

    def _usage(self, reply: Mapping[str, Any], seconds: float) -> Usage:
        counted, usd = reply.get("usage"), self.endpoint.usd
        told = counted if isinstance(counted, dict) else {}
        sent, received = count_of(told.get("prompt_tokens")), count_of(told.get("completion_tokens"))
        paid = None if usd is None or sent is None or received is None else cost(usd, sent, received)
        return Usage(requests=1, input_tokens=sent, output_tokens=received, seconds=seconds, cost_usd=paid)

    def said(self, error: Exception, url: str) -> str:
        """One sentence on what went wrong, free of the key."""
        where = shown(url)
        match error:
            case openai.APITimeoutError() | TimeoutError():
                return f"{where} did not answer within {self.endpoint.limits.timeout:g} s."
            case openai.APIConnectionError():
                cause = error.__cause__ or error
                told = str(cause) or type(cause).__name__  # a connection that is reset has no words
                return f"{where} cannot be reached ({self.redacted(told)}); is it running?"
            case openai.AuthenticationError() | openai.PermissionDeniedError() if self.endpoint.key_env:
                # a 401 is told without the provider's words, which quote parts of the key
                told = "" if error.status_code == 401 else f": {self.brief(error)}"
                return f"{where} refuses the key in {self.endpoint.key_env} ({error.status_code}{told})."
            case openai.AuthenticationError():
                return f"{where} wants a key (401): name the environment variable that holds it, as --api-key-env does."
            case openai.NotFoundError():
                said = f"{where} knows no model {self.name}, or the URL is not an API's, up to its /v1"
                return f"{said} (404: {self.brief(error)})."
            case openai.APIStatusError():
                return f"{where} answered {error.status_code}: {self.brief(error)}."
            case _:
                return f"{where} gave no usable reply: {self.brief(error)}."

    def brief(self, error: Exception) -> str:
        """What the provider says, else the client, in one line."""
        body = getattr(error, "body", None)
        said = body.get("message") if isinstance(body, dict) else None
        return " ".join(self.redacted(str(said or error)).split())[:300].rstrip(".")

    def redacted(self, text: str) -> str:
        """The text without key and password."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return storable(text)


@cache
def _certificates() -> ssl.SSLContext:
    """What all clients trust; it takes longer to read than a client to make."""
    return httpx2.create_ssl_context()
