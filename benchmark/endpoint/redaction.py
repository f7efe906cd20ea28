"""Masks secrets in texts and in libraries' logs, in any form in which servers and libraries write them."""

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
"""Characters: a shorter one may be part of any word, so it is masked only where it is a whole word."""

SHORTEST_WORD = 4
"""Characters: what is even shorter is a placeholder, which an answer may contain, and is not masked."""

LIBRARIES = frozenset({"asyncio", "httpcore2", "httpx2", "openai"})
"""Libraries whose loggers may quote a request."""

ESCAPED_TIMES = 3
"""How many layers of escapes are undone, such as JSON within HTML."""

LOOKED_AT, CUT = 2**14, 2**12
"""Characters of a long text that are read, and how many of them, at the end, may be a part of a secret."""

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
"""Words before `key` or `token` in names of values that are not secret: `stop_token`, `prompt_cache_key`."""


class Redactor:
    """Masks secrets in texts; its `repr` does not show them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Masks each secret as it is, in Base64, also as a part of it, and in hexadecimal, escaped or not."""
        known = sorted({secret for secret in secrets if len(secret) >= SHORTEST_WORD}, key=len, reverse=True)
        whole = [secret for secret in known if len(secret) >= SHORTEST_SECRET]
        self._forms = tuple(dict.fromkeys([*whole, *(form for secret in whole for form in _forms(secret))]))
        short = [secret for secret in known if len(secret) < SHORTEST_SECRET]
        self._words = {secret: re.compile(rf"(?<!\w){re.escape(secret)}(?!\w)") for secret in short}

    def __call__(self, text: str) -> str:
        """The text with secrets masked and lone surrogates replaced; if a secret is escaped, all escapes are undone."""
        text = plain = self._masked(text)
        for _ in range(ESCAPED_TIMES):
            if not _ESCAPES.search(plain):
                break
            plain = _unescaped(plain)
            if (masked := self._masked(plain)) != plain:
                text = plain = masked
        return storable(text)

    def _masked(self, text: str) -> str:
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        for word, whole_word in self._words.items():
            if word in text:
                text = whole_word.sub(MASK, text)
        return text


def head_of(text: str, redact: Callable[[str], str]) -> str:
    """The start of a text, redacted; if it is cut, without its end, where a part of a secret may be left."""
    head = redact(text[:LOOKED_AT])
    return head if len(text) <= LOOKED_AT else head[:-CUT]


def _forms(secret: str) -> Iterator[str]:
    """Other forms of a secret in a text: in another case, in hexadecimal, and as a part of a longer Base64 text."""
    raw = secret.encode("utf-8", "surrogatepass")
    yield from (secret.lower(), secret.upper(), secret.swapcase())
    yield from (raw.hex(), raw.hex().upper(), secret.replace(" ", "+"), secret.replace("\\", ""))
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw)
        part = encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6].decode()
        yield from (part, part.replace("+", "-").replace("/", "_"))


def _unescaped(text: str) -> str:
    """The text without the escapes of JSON and Python, of URLs and of HTML."""
    text = _NUMBERS.sub(lambda found: chr(int(found[1] or found[2], 16)), text).replace("\\", "")
    return html.unescape(unquote(storable(text)))


def is_secret(name: str, value: object) -> bool:
    """Whether a parameter is a secret by its name: `apiKey` is, `stop_token` is not."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if not isinstance(value, str) or not words:
        return False
    *before, last = words
    return last in _SECRET_WORDS or (last in _KEY_WORDS and _PLAIN.isdisjoint(before[-1:]))


def secrets_in(parameters: object) -> list[str]:
    """The secrets among parameters, also nested ones; of `Bearer KEY`, the key too."""
    found: list[str] = []
    masked(parameters, found.append)
    return [part for secret in found for part in (secret, *secret.split(" ")[1:])]


def masked(
    parameters: Any, mask: Callable[[str], object] = lambda secret: f"{MASK} {signature(secret)}", name: str = ""
) -> Any:
    """Parameters with `mask` in place of each secret, by default a hash: other secrets give other parameters.

    `name` is that of the parameter whose value is given, empty for all parameters.
    """
    if isinstance(parameters, Mapping):
        return {key: masked(value, mask, str(key)) for key, value in parameters.items()}
    if isinstance(parameters, list | tuple):
        return [masked(part, mask, name) for part in parameters]
    return mask(parameters) if is_secret(name, parameters) else parameters


def redacted(parameters: Any) -> Any:
    """Parameters as they may be printed: with `MASK` in place of each secret."""
    return masked(parameters, lambda _: MASK)


def keep_out_of_logs(redact: Callable[[str], str]) -> None:
    """Masks secrets in what libraries log from now on, at all levels and for all handlers."""
    if redact not in _FILTER.redactors:
        _FILTER.redactors.append(redact)
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if name.partition(".")[0] in LIBRARIES and isinstance(logger, logging.Logger):
            logger.addFilter(_FILTER)


class _LogFilter(logging.Filter):
    """Masks secrets in a record's message and traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.redactors: list[Callable[[str], str]] = []

    def filter(self, record: logging.LogRecord) -> bool:
        """Masks the record in place and lets it pass; handlers would format its arguments and exception unmasked."""
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
