"""Models behind OpenAI-compatible endpoints."""

import asyncio
import base64
import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from weakref import WeakKeyDictionary

import openai
from openai import AsyncOpenAI
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion
from pydantic import HttpUrl, TypeAdapter, ValidationError

from benchmark.catalogue import find_catalogued, read_catalogue
from benchmark.clip import data_url
from benchmark.errors import ModelError, RunError
from benchmark.model import Answer, ModelOptions, storable
from benchmark.prompt import Modality, Prompt
from benchmark.task import Sample
from benchmark.usage import Usage

OPENAI_URL, OPENAI_KEY = "https://api.openai.com/v1", "OPENAI_API_KEY"
NO_KEY = "none"
TIMEOUT = openai.Timeout(300, connect=20)
RETRIES = 4
CHECK_TIMEOUT, CHECK_RETRIES = openai.Timeout(20), 1

SHORTEST_SECRET = 8
"""What is shorter is a placeholder such as `EMPTY`, which an answer may well contain."""

WHY_EMPTY = {
    "length": "its tokens ran out before it said anything; raise max_tokens",
    "content_filter": "the provider's filter withheld it",
}


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
    """

    urls: tuple[str, ...]
    key_env: str | None
    model: str
    modalities: frozenset[Modality]
    parameters: Mapping[str, Any]
    usd: tuple[float, float] | None = None


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
            usd=row.usd,
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
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, list[AsyncOpenAI]] = WeakKeyDictionary()
        self._in_flight: Counter[int] = Counter()

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
        asked = {"urls": [shown(url) for url in endpoint.urls], "model": endpoint.model}
        return json.dumps(asked | {"parameters": dict(endpoint.parameters)}, sort_keys=True)

    async def check(self) -> None:
        """Asks each endpoint for its list of models.

        Raises:
            RunError: one cannot be reached, or refuses the key; any other reply means that it is there.
        """
        for url in self.endpoint.urls:
            async with self._connect(url).with_options(max_retries=CHECK_RETRIES, timeout=CHECK_TIMEOUT) as client:
                try:
                    await client.models.list()
                except openai.APIStatusError as error:
                    if error.status_code == 401:
                        raise RunError(self._said(error, url)) from None
                except openai.APIConnectionError as error:
                    raise RunError(self._said(error, url)) from None
                except (openai.OpenAIError, ValueError):  # a list that does not parse is a reply all the same
                    continue

    async def generate(self, prompt: Prompt) -> Answer:
        """The reply; the client sends a request again on 408, 409, 429 and 5xx, as the server's Retry-After says.

        Raises:
            ModelError: no reply, or an empty one.
        """
        with self._client() as (client, url):
            started = time.monotonic()
            try:
                reply = await client.chat.completions.create(
                    model=self.endpoint.model,
                    messages=[{"role": "user", "content": content_of(prompt)}],  # type: ignore[misc,list-item]
                    extra_body=dict(self.endpoint.parameters),
                )
            except (openai.OpenAIError, ValueError) as error:
                raise ModelError(self._said(error, url)) from None  # the cause may quote the request's headers
        usage = self._usage(reply, time.monotonic() - started)
        try:
            text, model = text_of(reply), reply.model or self.name
        except ValueError as error:
            raise ModelError(f"{self.name} at {shown(url)} gave {self._brief(error)}.", usage=usage) from None
        return Answer(text=self._redacted(text), model=self._redacted(model), usage=usage)

    async def aclose(self) -> None:
        """Closes the connections of the running loop."""
        for client in self._clients.pop(asyncio.get_running_loop(), []):
            await client.close()

    @contextmanager
    def _client(self) -> Iterator[tuple[AsyncOpenAI, str]]:
        """The client of the URL with the fewest requests in flight; clients belong to the running loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients[loop] = [self._connect(url) for url in self.endpoint.urls]
        index = min(range(len(self.endpoint.urls)), key=lambda index: self._in_flight[index])
        self._in_flight[index] += 1
        try:
            yield self._clients[loop][index], self.endpoint.urls[index]
        finally:
            self._in_flight[index] -= 1

    def _connect(self, url: str) -> AsyncOpenAI:
        parts = urlsplit(url)
        client = AsyncOpenAI(
            base_url=parts._replace(query="", fragment="").geturl(),
            default_query=dict(parse_qsl(parts.query)),
            api_key=self._key,
            max_retries=RETRIES,
            timeout=TIMEOUT,
        )
        if shown(url) != OPENAI_URL:  # whose account it is, which the client takes from the environment, is OpenAI's
            client.organization = client.project = None
        return client

    def _usage(self, reply: ChatCompletion, seconds: float) -> Usage:
        counted = getattr(reply, "usage", None)
        if not isinstance(counted, CompletionUsage):
            return Usage(requests=1, seconds=seconds)
        sent, received, usd = counted.prompt_tokens, counted.completion_tokens, self.endpoint.usd
        known = usd is not None and sent is not None and received is not None
        cost = (sent * usd[0] + received * usd[1]) / 1e6 if usd and known else None
        return Usage(requests=1, input_tokens=sent, output_tokens=received, seconds=seconds, cost_usd=cost)

    def _said(self, error: Exception, url: str) -> str:
        """One sentence on what went wrong, free of the key."""
        where = shown(url)
        match error:
            case openai.APITimeoutError():
                return f"{where} did not answer in time."
            case openai.APIConnectionError():
                return f"{where} cannot be reached ({self._redacted(str(error.__cause__ or error))}); is it running?"
            case openai.AuthenticationError() | openai.PermissionDeniedError() if self.endpoint.key_env:
                # a 401 is told without the provider's words, which quote parts of the key
                told = "" if error.status_code == 401 else f": {self._brief(error)}"
                return f"{where} refuses the key in {self.endpoint.key_env} ({error.status_code}{told})."
            case openai.AuthenticationError():
                return f"{where} wants a key (401): name the environment variable that holds it, as --api-key-env does."
            case openai.NotFoundError():
                said = f"{where} knows no model {self.name}, or the URL is not an API's, up to its /v1"
                return f"{said} (404: {self._brief(error)})."
            case openai.APIStatusError():
                return f"{where} answered {error.status_code}: {self._brief(error)}."
            case _:
                return f"{where} gave no usable reply: {self._brief(error)}."

    def _brief(self, error: Exception) -> str:
        """What the provider says, else the client, in one line."""
        body = getattr(error, "body", None)
        said = body.get("message") if isinstance(body, dict) else None
        return " ".join(self._redacted(str(said or error)).split())[:300].rstrip(".")

    def _redacted(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return storable(text)


def text_of(reply: ChatCompletion) -> str:
    """The text of a reply, which the client hands on unchecked, whatever its shape.

    Raises:
        ValueError: there is none; says why.
    """
    if not isinstance(reply, ChatCompletion):
        raise ValueError("no chat completion; is the URL that of the API, up to its /v1?")
    choice = next(iter(reply.choices or ()), None)
    message = choice and choice.message
    text = message and message.content
    if isinstance(text, str) and text.strip():
        return text
    said = (message and message.refusal) or (reply.model_extra or {}).get("error")
    why = choice and WHY_EMPTY.get(choice.finish_reason, choice.finish_reason)
    raise ValueError(f"an empty answer ({said or why or 'it holds no choices'})")


def parse_url(url: str) -> str:
    """The URL in its normal form.

    Raises:
        RunError: it is not that of a web server.
    """
    try:
        return str(TypeAdapter(HttpUrl).validate_python(url))
    except ValidationError as error:
        told = url.rpartition("@")[2].partition("?")[0]  # no password, no key
        raise RunError(f"{told} is no URL ({error.errors()[0]['msg']}): give e.g. http://localhost:8000/v1.") from None


def credentials(url: str) -> tuple[str, ...]:
    """What in a URL may be secret: password and values of the query."""
    parts = urlsplit(url)
    return unquote(parts.password or ""), *(value for _, value in parse_qsl(parts.query))


def shown(url: str) -> str:
    """A URL as it may be printed: without user, password and query, where people put keys."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"


def content_of(prompt: Prompt) -> list[dict[str, Any]]:
    """The prompt as content parts: pictures, sound or the clip as data, never by name, and the text last."""
    parts = [{"type": "image_url", "image_url": {"url": data_url("image/jpeg", frame.jpeg)}} for frame in prompt.frames]
    if prompt.video is not None:
        parts.append({"type": "video_url", "video_url": {"url": data_url("video/mp4", prompt.video)}})
    if prompt.sound is not None:
        sound = base64.b64encode(prompt.sound.wav()).decode()
        parts.append({"type": "input_audio", "input_audio": {"data": sound, "format": "wav"}})
    return [*parts, {"type": "text", "text": prompt.text}]
