"""Replies of the chat-completions protocol (OpenAI's API reference, "Chat"; how servers differ: docs/providers.md)."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from benchmark.endpoint.redaction import head_of
from benchmark.model import Ending
from benchmark.text import LONGEST_NAME, SEATS, one_line
from benchmark.usage import MOST_USD, Usage, count_of

_WHOLE = frozenset({"stop", "end_turn", "stop_sequence", "eos", "eos_token", "complete", "completed", "refusal"})
# failures of the server, in the words of vLLM and SGLang, DeepSeek, OpenRouter, Zhipu, and similar ones
_GIVEN_UP = re.compile(
    r"abort|cancel|error|insufficient_system|time_?out|fail|overload|interrupt|preempt|rate_?limit|unavailable|malformed"
)
_CUT_OFF = re.compile(r"length|token|context|incomplete|truncat")
_FILTERED = re.compile(r"filter|safety|recitation|prohibited|blocklist|spii|sensitive|moderat|censor|blocked")

_THOUGHTS = ("reasoning_content", "reasoning", "thinking")
"""Fields of a message that hold thoughts: DeepSeek and older vLLM, OpenRouter and vLLM, Ollama."""

_THOUGHT_PARTS = ("thinking", "reasoning", "thought")
_DEPTH = 6
"""How many levels of a message or an error are read."""

MOST_PARTS = 10**6
"""Values in the JSON of a reply: in memory each takes a hundred times its bytes in JSON."""

LONGEST_ANSWER = 2**20
"""Bytes of an answer in memory, with its thoughts, since hundreds of answers are in memory at a time.

That is a million letters, or a quarter of that if one of them is an emoji.
"""
_EVENT = re.compile(rb"(?:data|event|id|retry)?:")

WHY_EMPTY: Mapping[Ending, str] = {
    "cut off": "its tokens ran out before the answer began; raise max_tokens",
    "filtered": "the provider's filter withheld it",
}


class EmptyReply(ValueError):
    """A reply is empty and gives no reason."""


class Withheld(ValueError):
    """A reply has no usable answer, for a reason that will be the same next time."""


class GivenUp(ValueError):
    """The server did not finish its reply."""


class NoCompletion(ValueError):
    """A reply is not the protocol's JSON, and would not be next time."""


class ErrorInside(Exception):
    """A reply of status 200 contains an error.

    Attributes:
        status: the status that the error names; None if it names none.
        body: the error as it came.
    """

    def __init__(self, status: int | None, body: object) -> None:
        super().__init__("an error inside a reply")
        self.status, self.body = status, body


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a chat completion says. Fields are None if unknown.

    Attributes:
        text: the answer without thoughts that stand in separate fields; may be empty if there are any.
        thoughts: the thoughts in separate fields.
        ending: how the reply ended.
        refusal: whether it is marked as a refusal.
        model: the name of the model that answered.
    """

    text: str
    thoughts: str | None
    ending: Ending | None
    refusal: bool | None
    model: str | None


def parse_object(response: httpx2.Response) -> dict[str, Any]:
    """The JSON object in a response.

    Raises:
        NoCompletion: the response is an event stream, a web page, or very large JSON.
        ValueError: it is not a JSON object, or an incomplete one.
    """
    try:
        reply = load(response.content)
    except ValueError:
        kind, start = response.headers.get("content-type", "").lower(), response.content[:200].lstrip().lower()
        if "event-stream" in kind or _EVENT.match(start):
            raise NoCompletion(
                "an event stream, although the request has `stream: false`; its server or proxy must not stream"
            ) from None
        if "text/html" in kind or start.startswith((b"<!doctype", b"<html")):
            raise NoCompletion("a web page instead of JSON; give the URL of the API, up to its /v1") from None
        raise
    if not isinstance(reply, dict):
        raise ValueError("no chat completion; give the URL of the API, up to its /v1")
    return reply


def load(content: bytes) -> object:
    """The value of a JSON text.

    Raises:
        NoCompletion: it has more than `MOST_PARTS` values, which would take too much memory.
        ValueError: it is not valid JSON, or nested too deep.
    """
    if len(content) > MOST_PARTS and sum(map(content.count, (b",", b"[", b"{"))) > MOST_PARTS:
        raise NoCompletion(f"JSON of more than {MOST_PARTS:,} values")
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("JSON that is nested too deep") from None
    except ValueError as error:
        raise ValueError(f"JSON that cannot be read ({error})") from None


def parse_reply(reply: Mapping[str, Any], redact: Callable[[str], str] = str) -> Reply:
    """What a chat completion says, in any form that servers use.

    `redact` masks secrets in the model's name, and in the reason for which a reply ended, which error messages quote.

    Raises:
        ErrorInside: it is an error.
        GivenUp: the server did not finish it.
        EmptyReply: it is empty and gives no reason.
        Withheld: it is empty for a known reason, or too long.
    """
    choices = reply.get("choices")
    choice = _part(choices[0] if isinstance(choices, list) and choices else None)
    if error := reply.get("error") or choice.get("error"):
        raise ErrorInside(status_named(error), error)
    if not choice:
        raise ErrorInside(status_named(reply), _unusual(reply))
    reason = _reason(choice, redact)
    ending = _ending(reason)
    if ending is None and _GIVEN_UP.search(reason):
        raise GivenUp(f"an unfinished reply ({reason})")
    message = _part(choice.get("message") or choice.get("delta")) or {"content": choice.get("text")}
    return _said(message, ending, reason, name_of(reply.get("model"), redact))


def _reason(choice: Mapping[str, Any], redact: Callable[[str], str]) -> str:
    """Why a reply ended, in the server's word, or else in its provider's; empty if not given."""
    for name in ("finish_reason", "native_finish_reason", "stop_reason"):
        value = choice.get(name)
        word = value.get("type") or value.get("reason") if isinstance(value, dict) else value
        if isinstance(word, str) and word:
            return one_line(head_of(word, redact).lower().replace("-", "_"), LONGEST_NAME)
    return ""


def _ending(reason: str) -> Ending | None:
    if reason in _WHOLE:
        return "whole"
    if _FILTERED.search(reason):
        return "filtered"
    return "cut off" if _CUT_OFF.search(reason) and not _GIVEN_UP.search(reason) else None


def _said(message: Mapping[str, Any], ending: Ending | None, reason: str, model: str | None) -> Reply:
    """The text, the thoughts and the refusal in a message; raises as `parse_reply` does."""
    parts = list(_parts(message.get("content")))
    text = "".join(words for kind, words in parts if kind not in (*_THOUGHT_PARTS, "refusal"))
    declined = _words(message.get("refusal")) or "".join(words for kind, words in parts if kind == "refusal")
    separate = next((words for name in _THOUGHTS if (words := _words(message.get(name)))), "")
    separate = separate or _words(message.get("reasoning_details"))
    thoughts = separate or "\n\n".join(words for kind, words in parts if kind in _THOUGHT_PARTS)
    text = text if text.strip() else declined
    if sys.getsizeof(text) + sys.getsizeof(thoughts) > LONGEST_ANSWER:
        raise Withheld(f"an answer of {len(text) + len(thoughts):,} characters, which is too long")
    if not (text.strip() or thoughts.strip()):
        if ending is not None and (why := WHY_EMPTY.get(ending)):
            raise Withheld(f"an empty answer ({why})")
        raise EmptyReply(f"an empty answer ({reason or 'no reason given'})")
    refusal = bool(declined) if declined or "refusal" in message else None
    refusal = True if reason == "refusal" else refusal  # as Anthropic's say it
    return Reply(text=text, thoughts=thoughts or None, ending=ending, refusal=refusal, model=model)


def _parts(content: object) -> Iterator[tuple[str, str]]:
    """The kind of each part of a message's content, and its text."""
    for part in content if isinstance(content, list) else [content]:
        kind = part.get("type") if isinstance(part, dict) else None
        yield str(kind or "text").lower(), _words(part)


def _words(part: object, depth: int = 0) -> str:
    """The text in a string, in a part, or in a list of them; empty if there is none."""
    if isinstance(part, str):
        return part
    if depth > _DEPTH:
        return ""
    if isinstance(part, list):
        return "".join(_words(one, depth + 1) for one in part)
    if not isinstance(part, dict):
        return ""
    names = ("text", "thinking", "reasoning", "refusal", "content", "summary")
    return next((words for name in names if (words := _words(part.get(name), depth + 1))), "")


def _part(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _unusual(reply: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reply without choices has besides the usual fields; if nothing, a message that says so."""
    usual = {"id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier", "error"}
    return {name: value for name, value in reply.items() if name not in usual} or {"message": "it has no choices"}


def status_named(error: object, depth: int = 0) -> int | None:
    """The HTTP status that an error names in one of its fields; None if it names none."""
    found = _part(error)
    for name in ("code", "status", "status_code", "http_code"):
        named = str(found.get(name, ""))
        if len(named) == 3 and named.isascii() and named.isdecimal() and 400 <= int(named) < 600:
            return int(named)
    return status_named(found.get("error"), depth + 1) if "error" in found and depth < _DEPTH else None


def name_of(value: object, redact: Callable[[str], str] = str) -> str | None:
    """A name in a reply, on one line and without the separator of a panel's names; None if there is none."""
    if not isinstance(value, str):
        return None
    return one_line(head_of(value, redact), LONGEST_NAME).replace(SEATS, SEATS.strip()) or None


def usage_of(reply: Mapping[str, Any]) -> Usage:
    """The tokens that a reply counts; None for those that it does not count.

    Thoughts are output wherever they are counted: as a part of the completion's tokens (OpenAI), in addition to them
    (then they are more than these), or only in the total (Google's OpenAI-compatible endpoint).
    """
    counts = _part(reply.get("usage"))
    # every request takes tokens: a server that reports 0 does not count them
    sent = _first(counts, "prompt_tokens", "input_tokens") or None
    said = _first(counts, "completion_tokens", "output_tokens") or None
    sent_as = _part(counts.get("prompt_tokens_details") or counts.get("input_tokens_details"))
    said_as = _part(counts.get("completion_tokens_details") or counts.get("output_tokens_details"))
    total, thought = count_of(counts.get("total_tokens")), _first(said_as, "reasoning_tokens")
    thought = _first(counts, "reasoning_tokens") if thought is None else thought
    received = said
    if said is not None and thought is not None and thought > said:
        received = said + thought
    if sent is not None and said is not None and total is not None and total - sent > (received or 0):
        received = total - sent
        thought = received - said if thought is None else thought
    return Usage(
        requests=1,
        input_tokens=sent,
        cached_tokens=_first({**counts, **sent_as}, "cached_tokens", "prompt_cache_hit_tokens"),
        audio_tokens=_first(sent_as, "audio_tokens"),
        output_tokens=received,
        thought_tokens=thought,
    )


def _first(counts: Mapping[str, Any], *names: str) -> int | None:
    return next((count for name in names if (count := count_of(counts.get(name))) is not None), None)


def billed_of(reply: Mapping[str, Any]) -> float | None:
    """The cost in USD that a reply states, as OpenRouter's do (docs, "Usage accounting": `usage.cost`); else None."""
    cost = _part(reply.get("usage")).get("cost")
    if not isinstance(cost, int | float) or isinstance(cost, bool):
        return None
    return float(cost) if 0 <= cost <= MOST_USD else None
