"""URLs of servers: validation, and display without the secrets in them."""

import base64
import hashlib
from functools import cache
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import HttpUrl, TypeAdapter, ValidationError

from benchmark.errors import RunError

ROUNDS = 100_000
"""Rounds of the hash that stands for a secret: they make each guess slow."""

PUBLIC = frozenset({"api-version", "api_version"})
"""Names in a query whose values are not secret: names of models, too, contain dates."""


class Url(str):
    """A URL whose `repr`, which tracebacks may print, shows no secrets."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(shown(self))


def parse_url(url: str) -> Url:
    """The URL in its normal form.

    Raises:
        RunError: it is not a valid http or https URL.
    """
    try:
        return Url(TypeAdapter(HttpUrl).validate_python(str(url)))
    except ValidationError as error:
        if "://" not in url:  # not shown: it may be the rest of a password with a comma in it
            raise RunError(
                "A base URL begins with http:// or https://, as in http://localhost:8000/v1; a comma within one is"
                " written %2C."
            ) from None
        reason = error.errors()[0]["msg"]
        raise RunError(f"{stripped(url)} is not a URL ({reason}): give e.g. http://localhost:8000/v1.") from None


def passwords_of(url: str) -> tuple[str, ...]:
    """What of a URL's user and password is secret: both as they are sent, and the password, or else the user."""
    user, password = _user(url)
    return (f"{user}:{password}", password or user) if user or password else ()


def values_of(url: str) -> tuple[str, ...]:
    """The values of a URL's query that may be keys."""
    return tuple(value for name, value in parse_qsl(urlsplit(url).query) if name.lower() not in PUBLIC)


def basic_of(url: str) -> str | None:
    """The header `Authorization` for the URL's user and password (RFC 7617); None if it has neither."""
    pair = ":".join(_user(url))
    return None if pair == ":" else f"Basic {base64.b64encode(pair.encode()).decode()}"


def route_of(url: str) -> str | None:
    """A hash of user and query, which `shown` omits but which may decide what answers; None if the URL has neither.

    The password is not part of it: it only gives access.
    """
    user, query = _user(url)[0], sorted(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    return signature(repr((user, query))) if user or query else None


@cache
def signature(secret: str) -> str:
    """A hash that is too slow to find the secret by guessing (PBKDF2, RFC 8018)."""
    return hashlib.pbkdf2_hmac("sha256", secret.encode("utf-8", "surrogatepass"), b"mme-emotion", ROUNDS, 16).hex()


def shown(url: str) -> str:
    """A URL as it may be printed: without user, password and query, which may be secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"


def stripped(url: str) -> str:
    """An invalid URL as it may be printed; `shown` takes only valid ones."""
    start = url.find("://") + 3 if "://" in url else 0
    head, _, tail = url[start:].partition("?")
    # behind a question mark, what stands before an @ may be a password, and what stands after it the end of a key
    return url[:start] + ("…" if "@" in tail else head.rpartition("@")[2])


def _user(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return unquote(parts.username or ""), unquote(parts.password or "")
