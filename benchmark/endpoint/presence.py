"""Checks, before requests cost money, that an endpoint can be reached and has the model, and when the model ends."""

import re
from collections.abc import Callable
from datetime import date

import httpx2
import openai
from openai import AsyncOpenAI

from benchmark.endpoint.connection import redirect_of
from benchmark.endpoint.failure import Failing
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


async def find_fault(
    client: AsyncOpenAI, url: str, failing: Failing, note_end: Callable[[date | None], None]
) -> str | None:
    """Why the endpoint at the URL cannot be reached; None if it can. Closes its client.

    `note_end` is called with the model's last day by the endpoint's list, None if unknown.

    Raises:
        RunError: the endpoint refuses the key or does not have the model, or the URL is not the API's.
    """
    async with client.with_options(max_retries=CHECK_RETRIES, timeout=CHECK_SECONDS) as client:
        try:
            response = await client.get("/models", cast_to=httpx2.Response)
        except openai.APIStatusError as error:
            if error.status_code == 401 or _leads_elsewhere(error.response, url):
                raise RunError(failing.said(error, url)) from None
            response = error.response
        except openai.APITimeoutError:
            return f"{shown(url)} did not answer within {CHECK_SECONDS} s."
        except openai.APIConnectionError as error:
            return failing.said(error, url)
        name, listing = failing.model, parse_listing(response.content, failing.redact)
        if listing.names is None:
            await _refuse_half_url(client, url)
        if listing.serves(name) is False and not await _answers(failing, client):
            raise RunError(f"{shown(url)} has no model {name}; it lists {nearest(name, listing.names or ())}.")
    note_end(listing.end_of(name))
    return None


def nearest(name: str, served: tuple[str, ...]) -> str:
    """Some of the models that a server lists, those with similar names first."""
    near = similar(name, served, SHOWN_MODELS, cutoff=0.3)
    named = [*near, *(other for other in served if other not in near)][:SHOWN_MODELS]
    return ", ".join(named) + (", …" if len(served) > len(named) else "")


def _leads_elsewhere(response: httpx2.Response, url: str) -> bool:
    """Whether the response redirects to another server."""
    target = redirect_of(response, url)
    return target is not None and target.split("/")[:3] != shown(url).split("/")[:3]


async def _refuse_half_url(client: AsyncOpenAI, url: str) -> None:
    """Refuses a URL without its `/v1`.

    Raises:
        RunError: there is a list of models below `/v1`.
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


async def _answers(failing: Failing, client: AsyncOpenAI) -> bool:
    """Whether the server has a model that it does not list, as deployments and aliases need not be."""
    body = {"model": failing.model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1, "stream": False}
    try:
        await client.post("/chat/completions", cast_to=httpx2.Response, body=body)
    except openai.APIStatusError as error:
        unknown = _UNKNOWN_MODEL.search(failing.brief(error)) is not None
        return not (error.status_code == 404 or (error.status_code < 500 and unknown))
    except openai.OpenAIError:
        pass  # if something is wrong, the first samples will show it
    return True
