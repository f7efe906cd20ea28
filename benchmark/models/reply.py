"""What an endpoint's reply holds (OpenAI's API reference, "Chat"; what servers make of it: docs/providers.md)."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from benchmark.model import Ending
from benchmark.usage import Usage, count_of

if TYPE_CHECKING:
    import httpx2

_ENDINGS: Mapping[str, Ending] = MappingProxyType(
    {
        **dict.fromkeys(("stop", "end_turn", "stop_sequence", "eos", "eos_token", "complete", "completed"), "whole"),
        **dict.fromkeys(("length", "max_tokens", "max_output_tokens", "model_length", "incomplete"), "cut off"),
        **dict.fromkeys(
            ("content_filter", "content_filtered", "safety", "recitation", "prohibited_content", "blocklist", "spii",
             "sensitive", "image_safety"), "filtered",
        ),
    }
)  # fmt: skip
_GIVEN_UP = frozenset(
    {"abort", "aborted", "cancelled", "canceled", "error", "insufficient_system_resource", "network_error", "timeout",
     "malformed_response", "engine_error", "unavailable"}
)  # fmt: skip
"""Reasons to finish that speak of the server, not of the answer: vLLM and SGLang, DeepSeek, OpenRouter, Zhipu."""

_THOUGHTS = ("reasoning_content", "reasoning", "thinking")
"""Fields of a message that hold thoughts: DeepSeek and older vLLM, OpenRouter and vLLM, Ollama."""

_THOUGHT_PARTS = ("thinking", "reasoning", "thought")
_DEPTH = 6

WHY_EMPTY: Mapping[Ending, str] = MappingProxyType(
    {
        "cut off": "its tokens ran out before it said anything; raise max_tokens",
        "filtered": "the provider's filter withheld it",
    }
)


class EmptyReply(ValueError):
    """A reply that says nothing and does not say why."""


class Withheld(ValueError):
    """A reply that says nothing, for a reason that will hold next time too."""


class GivenUp(ValueError):
    """A reply that the server did not finish."""


class NoCompletion(ValueError):
    """Something else than the protocol's JSON: it would be the same next time."""


class ErrorInside(Exception):
    """An error in a reply whose status says that all is well.

    Attributes:
        status: the one that the error names; None where it names none.
        told: the error as it came.
    """

    def __init__(self, status: int | None, told: object) -> None:
        super().__init__("an error inside a reply")
        self.status, self.told = status, told


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A chat completion's words.

    Attributes:
        text: without the thoughts that are told apart; may be empty where there are such.
        thoughts: those.
        ending: how it ended; None where that is not told, or in a word that nobody knows.
        refusal: whether it is marked as a refusal; None where that is not told.
    """

    text: str
    thoughts: str | None
    ending: Ending | None
    refusal: bool | None


def parse_object(response: "httpx2.Response") -> dict[str, Any]:
    """The JSON object that the reply is.

    Raises:
        NoCompletion: it is a stream of events, a page for browsers, or other JSON.
        ValueError: it broke off.
    """
    kind, start = response.headers.get("content-type", "").lower(), response.content[:200].lstrip().lower()
    if "event-stream" in kind or start.startswith((b"data:", b"event:")):
        raise NoCompletion("an event stream, though `stream: false` was asked for; its server or proxy must not stream")
    if "text/html" in kind or start.startswith((b"<!doctype", b"<html")):
        raise NoCompletion("a web page in place of JSON; give the URL of the API, up to its /v1")
    try:
        reply = json.loads(response.content)
    except RecursionError:
        raise ValueError("JSON that is nested too deep") from None
    if not isinstance(reply, dict):
        raise ValueError("no chat completion; give the URL of the API, up to its /v1")
    return reply


def parse_reply(reply: Mapping[str, Any]) -> Reply:
    """The words of a chat completion, whatever its shape.

    Raises:
        ErrorInside: it is an error.
        GivenUp: the server did not finish it.
        EmptyReply: it says nothing, for no reason given.
        Withheld: it says nothing; says why.
    """
    choices = reply.get("choices")
    choice = _part(choices[0] if isinstance(choices, list) and choices else None)
    if told := reply.get("error") or choice.get("error"):
        raise ErrorInside(status_named(told), told)
    if not choice:
        raise ErrorInside(status_named(reply), _without_usage(reply))
    reason = str(choice.get("finish_reason") or "").lower()
    if reason in _GIVEN_UP:
        raise GivenUp(f"gave up on its reply ({reason})")
    return _said(_part(choice.get("message")), _ENDINGS.get(reason), reason)


def _said(message: Mapping[str, Any], ending: Ending | None, reason: str) -> Reply:
    parts = list(_parts(message.get("content")))
    text = "".join(words for kind, words in parts if kind not in (*_THOUGHT_PARTS, "refusal"))
    declined = _words(message.get("refusal")) or "".join(words for kind, words in parts if kind == "refusal")
    beside = next((words for name in _THOUGHTS if (words := _words(message.get(name)))), "")
    beside = beside or _words(message.get("reasoning_details"))
    thoughts = beside or "\n\n".join(words for kind, words in parts if kind in _THOUGHT_PARTS)
    text = text if text.strip() else declined
    if not (text.strip() or thoughts.strip()):
        if ending is not None and (why := WHY_EMPTY.get(ending)):
            raise Withheld(f"an empty answer ({why})")
        raise EmptyReply(f"an empty answer ({reason or 'no reason given'})")
    refusal = bool(declined) if declined or "refusal" in message else None
    return Reply(text=text, thoughts=thoughts or None, ending=ending, refusal=refusal)


def _parts(content: object) -> Iterator[tuple[str, str]]:
    """The kind of each part of a message's content, and its words."""
    for part in content if isinstance(content, list) else [content]:
        kind = part.get("type") if isinstance(part, dict) else None
        yield str(kind or "text").lower(), _words(part)


def _words(told: object, depth: int = 0) -> str:
    """The words in a text, a part, or a list of them."""
    if isinstance(told, str):
        return told
    if depth > _DEPTH:
        return ""
    if isinstance(told, list):
        return "".join(_words(part, depth + 1) for part in told)
    if not isinstance(told, dict):
        return ""
    names = ("text", "thinking", "reasoning", "refusal", "content", "summary")
    return next((words for name in names if (words := _words(told.get(name), depth + 1))), "")


def _part(told: object) -> Mapping[str, Any]:
    return told if isinstance(told, dict) else {}


def _without_usage(reply: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reply without choices tells besides its frame; that it has none where it tells nothing."""
    frame = {"id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier", "error"}
    return {name: value for name, value in reply.items() if name not in frame} or {"message": "it holds no choices"}


def status_named(told: object, depth: int = 0) -> int | None:
    """The HTTP status that an error names in any of its fields; None where it names none."""
    found = _part(told)
    for name in ("code", "status", "status_code", "http_code"):
        named = str(found.get(name, ""))
        if len(named) == 3 and named.isascii() and named.isdecimal() and 400 <= int(named) < 600:
            return int(named)
    return status_named(found.get("error"), depth + 1) if "error" in found and depth < _DEPTH else None


def usage_of(reply: Mapping[str, Any]) -> Usage:
    """The tokens that a reply counts; what it does not tell is unknown.

    Thoughts are output wherever they are counted: among the completion's tokens (OpenAI), beside them (then they are
    more than these), or in the total alone (Google's OpenAI-compatible endpoint).
    """
    told = _part(reply.get("usage"))
    sent, said = _first(told, "prompt_tokens", "input_tokens"), _first(told, "completion_tokens", "output_tokens")
    sent_as = _part(told.get("prompt_tokens_details") or told.get("input_tokens_details"))
    said_as = _part(told.get("completion_tokens_details") or told.get("output_tokens_details"))
    total, thought = count_of(told.get("total_tokens")), _first(said_as, "reasoning_tokens")
    thought = _first(told, "reasoning_tokens") if thought is None else thought
    received = said
    if said is not None and thought is not None and thought > said:
        received = said + thought
    if sent is not None and said is not None and total is not None and total - sent > (received or 0):
        received = total - sent
        thought = received - said if thought is None else thought
    return Usage(
        requests=1,
        input_tokens=sent,
        cached_tokens=_first({**told, **sent_as}, "cached_tokens", "prompt_cache_hit_tokens"),
        audio_tokens=_first(sent_as, "audio_tokens"),
        output_tokens=received,
        thought_tokens=thought,
    )


def _first(told: Mapping[str, Any], *names: str) -> int | None:
    return next((count for name in names if (count := count_of(told.get(name))) is not None), None)


def billed_of(reply: Mapping[str, Any]) -> float | None:
    """USD that a reply says it is billed at, as OpenRouter's do (docs, "Usage accounting": `usage.cost`)."""
    cost = _part(reply.get("usage")).get("cost")
    if not isinstance(cost, int | float) or isinstance(cost, bool):
        return None
    return float(cost) if 0 <= cost < float("inf") else None
