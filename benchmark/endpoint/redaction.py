"""What is secret, taken out of texts, in whatever way servers and libraries spell it, and out of libraries' logs."""

import base64
import html
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from traceback import format_exception
from typing import Any
from urllib.parse import unquote

from benchmark.endpoint.urls import signature
from benchmark.text import storable

MASK = "***"

SHORTEST_SECRET = 8
"""What is shorter may stand within any word: it is masked as a word of its own alone."""

SHORTEST_WORD = 4
"""What is shorter still is a placeholder, which an answer may well contain."""

LIBRARIES = frozenset({"asyncio", "httpcore2", "httpx2", "openai"})
"""Whose loggers may quote a request."""

ESCAPED_TIMES = 3
"""How often one over the other a text may be escaped, as JSON within HTML is."""

LOOKED_AT, CUT = 2**14, 2**12
"""Characters of a long text that are looked at, and how many at their end may be a part of a secret."""

_ESCAPES = re.compile(r"[%&\\]")
_NUMBERS = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_WORDS = frozenset(
    {"apikey", "apikeys", "authorization", "cookie", "cookies", "credential", "credentials", "passphrase", "passwd"}
    | {"password", "passwords", "secret", "secrets", "signature"}
)
_KEY_WORDS = frozenset({"key", "keys", "token", "tokens"})
_PLAIN = frozenset(
    {"audio", "bos", "cache", "cls", "eos", "image", "mask", "max", "min", "pad", "sep", "sort", "stop", "unk", "video"}
)
"""What a key or a token may be of that opens no door: `stop_token`, `prompt_cache_key`."""


class Redactor:
    """Takes secrets out of texts; shows none of them itself."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Knows each secret as it is, in Base64 alone and within more, and in hexadecimal, escaped or not."""
        known = sorted({secret for secret in secrets if len(secret) >= SHORTEST_WORD}, key=len, reverse=True)
        whole = [secret for secret in known if len(secret) >= SHORTEST_SECRET]
        self._forms = tuple(dict.fromkeys([*whole, *(form for secret in whole for form in _forms(secret))]))
        self._words = {
            secret: re.compile(rf"(?<!\w){re.escape(secret)}(?!\w)")
            for secret in known
            if len(secret) < SHORTEST_SECRET
        }

    def __call__(self, text: str) -> str:
        """The text without the secrets; where one stands in it escaped, nothing is escaped any more."""
        text = plain = self._masked(text)
        for _ in range(ESCAPED_TIMES):
            if not _ESCAPES.search(plain):
                break
            plain = _unescaped(plain)
            if (masked := self._masked(plain)) != plain:
                text = plain = masked
        return text

    def _masked(self, text: str) -> str:
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        for word, alone in self._words.items():
            if word in text:
                text = alone.sub(MASK, text)
        return text


def head_of(text: str, redact: Callable[[str], str]) -> str:
    """The start of a text, redacted; without its own end where it was cut there, maybe in the midst of a secret."""
    head = redact(text[:LOOKED_AT])
    return head if len(text) <= LOOKED_AT else head[:-CUT]


def _forms(secret: str) -> Iterator[str]:
    """How else a secret may stand in a text: in other case, in hexadecimal, and what Base64 holds of it within more."""
    raw = secret.encode("utf-8", "surrogatepass")
    yield from (secret.lower(), secret.upper(), secret.swapcase())
    yield from (raw.hex(), raw.hex().upper(), secret.replace(" ", "+"), secret.replace("\\", ""))
    for before in range(3):
        held = base64.b64encode(bytes(before) + raw)
        own = held[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6].decode()
        yield from (own, own.replace("+", "-").replace("/", "_"))


def _unescaped(text: str) -> str:
    """The text without the escapes of JSON and Python, of URLs and of HTML."""
    text = _NUMBERS.sub(lambda found: chr(int(found[1] or found[2], 16)), text).replace("\\", "")
    return html.unescape(unquote(storable(text)))


def is_secret(name: str, value: object) -> bool:
    """Whether a parameter's name says that its value is a secret, as `apiKey` does and `stop_token` does not."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if not isinstance(value, str) or not words:
        return False
    *before, last = words
    return last in _SECRET_WORDS or (last in _KEY_WORDS and _PLAIN.isdisjoint(before[-1:]))


def secrets_in(parameters: object) -> Iterator[str]:
    """The secrets among parameters, nested ones too."""
    if isinstance(parameters, Mapping):
        for name, value in parameters.items():
            for part in _several(value):
                if is_secret(str(name), part):
                    yield from (part, *part.split(" ")[1:])  # of `Bearer KEY`, the key too
                else:
                    yield from secrets_in(part)
    elif isinstance(parameters, list | tuple):
        for part in parameters:
            yield from secrets_in(part)


def masked(parameters: Any, mask: Callable[[str], str] = lambda secret: f"{MASK} {signature(secret)}") -> Any:
    """Parameters as they may be told: in place of a secret stands what tells it from others and does not yield it."""
    if isinstance(parameters, Mapping):
        return {name: _masked_of(str(name), value, mask) for name, value in parameters.items()}
    return [masked(part, mask) for part in parameters] if isinstance(parameters, list | tuple) else parameters


def _masked_of(name: str, value: Any, mask: Callable[[str], str]) -> Any:
    parts = [mask(part) if is_secret(name, part) else masked(part, mask) for part in _several(value)]
    return parts if isinstance(value, list | tuple) else parts[0]


def _several(value: Any) -> list[Any]:
    """The values of a parameter: those of a list, of which each may be a secret, or the only one."""
    return list(value) if isinstance(value, list | tuple) else [value]


def redacted(parameters: Any) -> Any:
    """Parameters as they may be printed, secrets masked."""
    return masked(parameters, lambda _: MASK)


def keep_out_of_logs(redact: Callable[[str], str]) -> None:
    """Takes secrets out of what libraries log from now on, whatever the level and wherever it goes."""
    if redact not in _FILTER.redactors:
        _FILTER.redactors.append(redact)
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if name.partition(".")[0] in LIBRARIES and isinstance(logger, logging.Logger):
            logger.addFilter(_FILTER)


class _LogFilter(logging.Filter):
    """Takes secrets out of a record's words and of the traceback that it carries."""

    def __init__(self) -> None:
        super().__init__()
        self.redactors: list[Callable[[str], str]] = []

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._redacted(record.getMessage()), ()
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = self._redacted("".join(format_exception(*record.exc_info)).rstrip("\n"))
            record.exc_info = None
        return True

    def _redacted(self, text: str) -> str:
        for redact in self.redactors:
            text = redact(text)
        return text


_FILTER = _LogFilter()
