"""URLs of servers: checked, and shown without what is secret in them."""

import base64
import hashlib
from functools import cache
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import HttpUrl, TypeAdapter, ValidationError

from benchmark.errors import RunError

ROUNDS = 100_000
"""Of the hash by which secrets are told apart: guessing one takes as long each time."""

PUBLIC = frozenset({"api-version", "api_version"})
"""Names in a query whose values are no secrets: a date among them stands in names of models, too."""


class Url(str):
    """A URL that shows, where Python displays it, no more than may be printed: a traceback may show any variable."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(shown(self))


def parse_url(url: str) -> Url:
    """The URL in its normal form.

    Raises:
        RunError: it is not that of a web server.
    """
    try:
        return Url(TypeAdapter(HttpUrl).validate_python(str(url)))
    except ValidationError as error:
        if "://" not in url:  # it may be what stands behind a comma in a password, and is not shown
            raise RunError(
                "A base URL begins with http:// or https://, as in http://localhost:8000/v1; a comma within one is"
                " written %2C."
            ) from None
        told = url.rpartition("@")[2].partition("?")[0]  # no password, no key
        raise RunError(f"{told} is no URL ({error.errors()[0]['msg']}): give e.g. http://localhost:8000/v1.") from None


def passwords_of(url: str) -> tuple[str, ...]:
    """A URL's user and password as they are sent, and the password, or the user where it stands alone."""
    user, password = _user(url)
    return (f"{user}:{password}", password or user) if user or password else ()


def values_of(url: str) -> tuple[str, ...]:
    """The values of a URL's query, where people put keys."""
    return tuple(value for name, value in parse_qsl(urlsplit(url).query) if name.lower() not in PUBLIC)


def basic_of(url: str) -> str | None:
    """The header `Authorization` for the URL's user and password (RFC 7617); None without."""
    pair = ":".join(_user(url))
    return None if pair == ":" else f"Basic {base64.b64encode(pair.encode()).decode()}"


def route_of(url: str) -> str | None:
    """What tells a URL from others that are shown alike, and yields nothing secret; None where nothing is left out.

    That is user and query, which may decide who answers. The password only opens the door.
    """
    user, query = _user(url)[0], sorted(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    return signature(repr((user, query))) if user or query else None


@cache
def signature(secret: str) -> str:
    """A hash that is too slow to find the secret by guessing (PBKDF2, RFC 8018)."""
    return hashlib.pbkdf2_hmac("sha256", secret.encode("utf-8", "surrogatepass"), b"mme-emotion", ROUNDS, 16).hex()


def shown(url: str) -> str:
    """A URL as it may be printed: without user, password and query, where people put keys."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"


def _user(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return unquote(parts.username or ""), unquote(parts.password or "")
