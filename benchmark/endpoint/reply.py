"""What an endpoint's reply holds (OpenAI's API reference, "Chat"; what servers make of it: docs/providers.md)."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from benchmark.endpoint.redaction import head_of
from benchmark.model import Ending
from benchmark.text import LONGEST_NAME, one_line
from benchmark.usage import MOST_USD, Usage, count_of

if TYPE_CHECKING:
    import httpx2

_WHOLE = frozenset({"stop", "end_turn", "stop_sequence", "eos", "eos_token", "complete", "completed", "refusal"})
# the server's trouble, not the answer's end: vLLM and SGLang, DeepSeek, OpenRouter, Zhipu, and words like theirs
_GIVEN_UP = re.compile(
    r"abort|cancel|error|insufficient_system|time_?out|fail|overload|interrupt|preempt|rate_?limit|unavailable|malformed"
)
_CUT_OFF = re.compile(r"length|token|context|incomplete|truncat")
_FILTERED = re.compile(r"filter|safety|recitation|prohibited|blocklist|spii|sensitive|moderat|censor|blocked")

_THOUGHTS = ("reasoning_content", "reasoning", "thinking")
"""Fields of a message that hold thoughts: DeepSeek and older vLLM, OpenRouter and vLLM, Ollama."""

_THOUGHT_PARTS = ("thinking", "reasoning", "thought")
_DEPTH = 6

MOST_PARTS = 10**6
"""Values in the JSON of a reply: each takes memory a hundred times that of its bytes."""

LONGEST_ANSWER = 2**20
"""Bytes in memory, thoughts among them: a million letters, or a quarter of that with a picture sign among them.

Hundreds of answers are in memory at a time.
"""
_EVENT = re.compile(rb"(?:data|event|id|retry)?:")

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
    try:
        reply = load(response.content)
    except ValueError:
        _refuse_other(response)
        raise
    if not isinstance(reply, dict):
        raise ValueError("no chat completion; give the URL of the API, up to its /v1")
    return reply


def load(content: bytes) -> object:
    """What JSON says.

    Raises:
        NoCompletion: it would take all memory.
        ValueError: it is none, or is nested too deep.
    """
    if len(content) > MOST_PARTS and sum(map(content.count, (b",", b"[", b"{"))) > MOST_PARTS:
        raise NoCompletion(f"JSON of more than {MOST_PARTS:,} values")
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("JSON that is nested too deep") from None
    except ValueError as error:
        raise ValueError(f"JSON that cannot be read ({error})") from None


def _refuse_other(response: "httpx2.Response") -> None:
    """Says what a reply is that is no JSON.

    Raises:
        NoCompletion: it is a stream of events, or a page for browsers.
    """
    kind, start = response.headers.get("content-type", "").lower(), response.content[:200].lstrip().lower()
    if "event-stream" in kind or _EVENT.match(start):
        raise NoCompletion("an event stream, though `stream: false` was asked for; its server or proxy must not stream")
    if "text/html" in kind or start.startswith((b"<!doctype", b"<html")):
        raise NoCompletion("a web page in place of JSON; give the URL of the API, up to its /v1")


def parse_reply(reply: Mapping[str, Any], redact: Callable[[str], str] = str) -> Reply:
    """The words of a chat completion, whatever its shape.

    `redact` takes off what must not be told of the reason that errors quote, before that is cut or cased.

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
    reason = _reason(choice, redact)
    ending = _ending(reason)
    if ending is None and _GIVEN_UP.search(reason):
        raise GivenUp(f"gave up on its reply ({reason})")
    message = _part(choice.get("message") or choice.get("delta")) or {"content": choice.get("text")}
    return _said(message, ending, reason)


def _reason(choice: Mapping[str, Any], redact: Callable[[str], str]) -> str:
    """Why a reply is over, in the server's word, else in that of whoever it asked."""
    for name in ("finish_reason", "native_finish_reason", "stop_reason"):
        told = choice.get(name)
        word = told.get("type") or told.get("reason") if isinstance(told, dict) else told
        if isinstance(word, str) and word:
            return one_line(head_of(word, redact).lower().replace("-", "_"), LONGEST_NAME)
    return ""


def _ending(reason: str) -> Ending | None:
    if reason in _WHOLE:
        return "whole"
    if _FILTERED.search(reason):
        return "filtered"
    return "cut off" if _CUT_OFF.search(reason) and not _GIVEN_UP.search(reason) else None


def _said(message: Mapping[str, Any], ending: Ending | None, reason: str) -> Reply:
    parts = list(_parts(message.get("content")))
    text = "".join(words for kind, words in parts if kind not in (*_THOUGHT_PARTS, "refusal"))
    declined = _words(message.get("refusal")) or "".join(words for kind, words in parts if kind == "refusal")
    beside = next((words for name in _THOUGHTS if (words := _words(message.get(name)))), "")
    beside = beside or _words(message.get("reasoning_details"))
    thoughts = beside or "\n\n".join(words for kind, words in parts if kind in _THOUGHT_PARTS)
    text = text if text.strip() else declined
    if sys.getsizeof(text) + sys.getsizeof(thoughts) > LONGEST_ANSWER:
        raise Withheld(f"an answer of {len(text) + len(thoughts):,} characters, which is no answer")
    if not (text.strip() or thoughts.strip()):
        if ending is not None and (why := WHY_EMPTY.get(ending)):
            raise Withheld(f"an empty answer ({why})")
        raise EmptyReply(f"an empty answer ({reason or 'no reason given'})")
    refusal = bool(declined) if declined or "refusal" in message else None
    refusal = True if reason == "refusal" else refusal  # as Anthropic's say it
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
    # no request takes nothing: who says so does not count
    sent = _first(told, "prompt_tokens", "input_tokens") or None
    said = _first(told, "completion_tokens", "output_tokens") or None
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
    return float(cost) if 0 <= cost <= MOST_USD else None
