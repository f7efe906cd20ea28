"""Whether an endpoint is there, has the model, and for how long, found out before anything is paid for."""

import re
from datetime import date
from typing import Protocol

import httpx2
import openai
from openai import AsyncOpenAI

from benchmark.endpoint.connection import redirect_of
from benchmark.endpoint.listing import parse_listing
from benchmark.endpoint.urls import shown
from benchmark.errors import RunError
from benchmark.text import similar

CHECK_SECONDS, CHECK_RETRIES = 20, 1
SHOWN_MODELS = 6
_UNKNOWN_MODEL = re.compile(
    r"\b(?:model|deployment)\b.*\b(?:not (?:be )?(?:found|available|supported)|(?:does|do)(?: not|n't) exist|unknown)"
    r"|\b(?:no such|unknown|invalid|no|not a valid) (?:model|deployment)\b|\binvalid model\b",
    re.IGNORECASE,
)


class Asked(Protocol):
    """What is needed of a model to look whether its endpoints are there."""

    @property
    def name(self) -> str:
        """Its name there."""

    def connect(self, url: str) -> AsyncOpenAI:
        """A client of one of its endpoints."""

    def said(self, error: Exception, url: str) -> str:
        """The error in a sentence, without secrets."""

    def brief(self, error: Exception) -> str:
        """What the server said alone, without secrets."""

    def redacted(self, text: str) -> str:
        """The text without secrets."""

    def note_end(self, listed: date | None) -> None:
        """Tells the user that its end is near, by the server's own list where that names a day."""


async def find_fault(model: Asked, url: str) -> str | None:
    """Why the endpoint cannot be reached; None where it can. Notes where the model's end is near.

    Raises:
        RunError: it refuses the key, knows no such model, or the URL is not the API's.
    """
    async with model.connect(url).with_options(max_retries=CHECK_RETRIES, timeout=CHECK_SECONDS) as client:
        try:
            response = await client.get("/models", cast_to=httpx2.Response)
        except openai.APIStatusError as error:
            if error.status_code == 401 or _leads_elsewhere(error.response, url):
                raise RunError(model.said(error, url)) from None
            response = error.response
        except openai.APITimeoutError:
            return f"{shown(url)} did not answer within {CHECK_SECONDS} s."
        except openai.APIConnectionError as error:
            return model.said(error, url)
        listing = parse_listing(response.content, model.redacted)
        if listing.names is None:
            await _refuse_half_url(client, url)
        if listing.serves(model.name) is False and not await _answers(model, client):
            raise RunError(
                f"{shown(url)} knows no model {model.name}; it lists {nearest(model.name, listing.names or ())}."
            )
    model.note_end(listing.end_of(model.name))
    return None


def nearest(name: str, served: tuple[str, ...]) -> str:
    """Some of the models that a server lists, those of similar names first."""
    near = similar(name, served, SHOWN_MODELS, cutoff=0.3)
    named = [*near, *(other for other in served if other not in near)][:SHOWN_MODELS]
    return ", ".join(named) + (", …" if len(served) > len(named) else "")


def _leads_elsewhere(response: httpx2.Response, url: str) -> bool:
    target = redirect_of(response, url)
    return target is not None and target.split("/")[:3] != shown(url).split("/")[:3]


async def _refuse_half_url(client: AsyncOpenAI, url: str) -> None:
    """Says no to a URL that lacks its `/v1`.

    Raises:
        RunError: the list of models is there.
    """
    whole = f"{shown(url)}/v1"
    if shown(url).endswith("/v1"):
        return
    try:
        response = await client.get(f"{whole}/models", cast_to=httpx2.Response)
    except openai.OpenAIError:
        return
    if parse_listing(response.content).names is not None:
        raise RunError(f"{shown(url)} is not the API's URL: give {whole}.")


async def _answers(model: Asked, client: AsyncOpenAI) -> bool:
    """Whether a model that is not listed is there all the same: deployments and aliases need not be."""
    body = {"model": model.name, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1, "stream": False}
    try:
        await client.post("/chat/completions", cast_to=httpx2.Response, body=body)
    except openai.APIStatusError as error:
        unknown = _UNKNOWN_MODEL.search(model.brief(error)) is not None
        return not (error.status_code == 404 or (error.status_code < 500 and unknown))
    except openai.OpenAIError:
        return True  # what it is, the samples will tell
    return True
