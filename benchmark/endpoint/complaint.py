"""What a server says instead of an answer: in which words, how long to wait, and whether waiting helps."""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmark.endpoint.headers import span_of
from benchmark.endpoint.redaction import LOOKED_AT, head_of
from benchmark.text import one_line

LONGEST = 300
"""Characters of a server's own words that are quoted."""

_DEPTH, _MOST = 6, 200
"""How many levels of a body are read, and how many values at each."""

_WORDS = ("error", "message", "detail", "msg", "error_msg", "error_message", "errors", "title", "reason", "description")
"""Fields with the message of an error, the first that has one counts."""

_CODES = ("code", "type", "status", "reason", "quotaId", "error_code")
_SPENT_CODES = frozenset(
    {"insufficient_quota", "exceeded_current_quota_error", "billing_hard_limit_reached", "billing_not_active",
     "budget_exceeded", "insufficient_balance", "insufficient_credits", "arrearage", "credit_balance_too_low"}
)  # fmt: skip
_SPENT_WORDS = re.compile(
    r"\binsufficient[ _](?:quota|balance|credits?|funds)\b|\bcredit balance is too low\b|\bbudget has been exceeded\b"
    r"|\b(?:balance|credits?|funds) (?:is|are) (?:insufficient|exhausted|used up)\b|\bfree tier\b.*\bexhausted\b"
    r"|\b(?:daily|weekly|monthly|per[ -]day|per[ -]month)\b.*\b(?:limit|quota)\b"
    r"|\b(?:limit|quota)\b.*\b(?:per[ -]day|per[ -]month|daily|weekly|monthly|TPD|RPD)\b|余额不足|额度已",
    re.IGNORECASE,
)
_A_DAY = re.compile(r"per_?day", re.IGNORECASE)
_TOO_LARGE = re.compile(r"must be reduced in order to run|request too large", re.IGNORECASE)
_REFUSED_CODES = frozenset(
    {"unsupported_parameter", "unsupported_value", "unknown_parameter", "extra_forbidden", "unrecognized_parameter"}
)
_REFUSED_WORDS = re.compile(
    r"\bunsupported\b|\bnot (?:be )?(?:supported|allowed|permitted|available|recogni[sz]ed|accepted|compatible)\b"
    r"|\b(?:does|do)(?: not|n't) support\b|\bunknown\b|\bunrecogni[sz]ed\b|\bunexpected\b|\bdeprecated\b"
    r"|\b(?:not permitted|only the default)\b|\bcannot be (?:used|set|specified)\b|\bis fixed\b"
    r"|\binvalid (?:param|arg|field|key|value)|\bis not possible\b|\bonly [\d.]+ is allowed\b|\b(?:may|can) only be\b"
    r"|\bmust be (?:set to )?[\d.]+ (?:for|when|with|on)\b|不支持|不允许|无效",
    re.IGNORECASE,
)
_PAUSES = ("retryDelay", "retry_delay", "retry_after", "retryAfter", "retry_after_seconds")
_AGAIN_IN = re.compile(
    r"\b(?:try again|retry|retrying) (?:in|after) ((?:[0-9.]+ ?(?:ms|s|m|h|d)(?![a-z]))+)", re.IGNORECASE
)
_AGAIN_IN_WORDS = re.compile(r"\b(?:try again|retry) (?:in|after) ([0-9.]+) ?(second|minute|hour)", re.IGNORECASE)
_LONG_UNITS = {"second": 1, "minute": 60, "hour": 3600}
_TITLE = re.compile(r"<(title|h1)[^>]*>(.*?)</\1", re.IGNORECASE | re.DOTALL)
_CONTROLS = "".join(map(chr, range(33)))
_PAGE = re.compile(r"\s*(?:<!doctype html|<html|<head|<body)", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """A server's message about an error, and what follows from it.

    Attributes:
        words: the message, on one line of at most `LONGEST` characters; empty if there is none.
        param: the parameter that it names as the reason.
        refuses: whether it says that the server does not take a parameter.
        pause: seconds that it asks to wait; None if it does not.
        spent: whether a quota or a budget is used up for so long that waiting does not help.
        too_large: whether the request is larger than any that the account may send.
    """

    words: str
    param: str | None = None
    refuses: bool = False
    pause: float | None = None
    spent: bool = False
    too_large: bool = False

    def refused(self, sent: Collection[str]) -> str | None:
        """Which of the parameters in `sent` the server does not take; None if it names none of them."""
        if not self.refuses:
            return None
        last = _plain(re.split(r"[.\[/]", self.param or "")[-1])
        if by_param := next((name for name in sent if _plain(name) == last), None):
            return by_param
        words = ((match.start(), _plain(match[0])) for match in _NAME.finditer(self.words))
        named = ((place, name) for place, word in words for name in sent if word == _plain(name))
        return min(named, default=(0, None))[1]


def parse_complaint(body: object, redact: Callable[[str], str] = str) -> Complaint:
    """Reads the body of an error in any form: JSON as text or parsed, plain text, a web page.

    `redact` masks secrets, before the words are shortened.
    """
    body = _loaded(body)
    words = one_line(head_of(_words(body), redact), LONGEST).rstrip(" .")
    values = list(_values(body))
    codes = {str(value).lower() for name, value in values if name in _CODES}
    a_day = any(_A_DAY.search(value) for name, value in values if name in _CODES and isinstance(value, str))
    param = next((value for name, value in values if name == "param" and isinstance(value, str) and value), None)
    return Complaint(
        words=words,
        param=param,
        refuses=bool(codes & _REFUSED_CODES) or _REFUSED_WORDS.search(words) is not None,
        pause=_pause(values, words),
        spent=a_day or bool(codes & _SPENT_CODES) or _SPENT_WORDS.search(words) is not None,
        too_large=_TOO_LARGE.search(words) is not None,
    )


def _plain(name: str) -> str:
    """A parameter's name in one spelling: `max_tokens` and `maxTokens` become the same."""
    return name.replace("_", "").lower()


def _loaded(body: object) -> object:
    if not isinstance(body, str):
        return body
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body


def _words(part: object, depth: int = 0) -> str:
    """The message in a part of a body; empty if it has none."""
    if isinstance(part, str):
        return _page_title(part) if _PAGE.match(part) else part
    if depth > _DEPTH:
        return ""
    if isinstance(part, list):
        return "; ".join(filter(None, (_words(one, depth + 1) for one in part[:3])))
    if not isinstance(part, dict):
        return "" if part is None or isinstance(part, bool) else str(part)
    said = next((words for name in _WORDS if (words := _words(part.get(name), depth + 1))), "")
    if isinstance(place := part.get("loc"), list) and said:  # pydantic's, from FastAPI
        said = f"{'.'.join(map(str, place))}: {said}"
    if isinstance(more := part.get("metadata"), dict) and (raw := _words(_loaded(more.get("raw")), depth + 1)):
        said = f"{said}: {raw}" if said else raw  # OpenRouter's: what its provider said
    return said


def _page_title(page: str) -> str:
    """The title of a web page in words; empty if it has none."""
    title = _TITLE.search(page[:LOOKED_AT])
    name = title[2].strip(_CONTROLS) if title else ""  # put on one line later, when secrets are masked
    return f"a web page, “{name}”" if name else ""


def _values(body: object, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """The values of a body with the names of their fields, outer ones first."""
    if depth > _DEPTH:
        return
    if isinstance(body, list):
        for part in body[:_MOST]:
            yield from _values(part, depth + 1)
    elif isinstance(body, dict):
        yield from body.items()
        for part in list(body.values())[:_MOST]:
            yield from _values(_loaded(part) if isinstance(part, str) and part.startswith("{") else part, depth + 1)


def _pause(values: list[tuple[str, Any]], words: str) -> float | None:
    for name, value in values:
        if name in _PAUSES and (seconds := _seconds(value)) is not None:
            return seconds
    if match := _AGAIN_IN.search(words):
        return span_of(match[1].replace(" ", ""))
    if match := _AGAIN_IN_WORDS.search(words):
        number = span_of(match[1])
        return None if number is None else number * _LONG_UNITS[match[2].lower()]
    return None


def _seconds(value: object) -> float | None:
    """Seconds of a duration: Google's `"2s"` or `{"seconds": 2}`, or a number."""
    if isinstance(value, Mapping):
        value = value.get("seconds")
    return None if value is None or isinstance(value, bool) else span_of(str(value))
