"""URLs of servers: checked, and shown without what is secret in them."""

from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import HttpUrl, TypeAdapter, ValidationError

from benchmark.errors import RunError


def parse_url(url: str) -> str:
    """The URL in its normal form.

    Raises:
        RunError: it is not that of a web server.
    """
    try:
        return str(TypeAdapter(HttpUrl).validate_python(url))
    except ValidationError as error:
        if "://" not in url:  # it may be what stands behind a comma in a password, and is not shown
            raise RunError(
                "A base URL begins with http:// or https://, as in http://localhost:8000/v1; a comma within one is"
                " written %2C."
            ) from None
        told = url.rpartition("@")[2].partition("?")[0]  # no password, no key
        raise RunError(f"{told} is no URL ({error.errors()[0]['msg']}): give e.g. http://localhost:8000/v1.") from None


def credentials(url: str) -> tuple[str, ...]:
    """What in a URL may be secret: password and values of the query."""
    parts = urlsplit(url)
    return unquote(parts.password or ""), *(value for _, value in parse_qsl(parts.query))


def shown(url: str) -> str:
    """A URL as it may be printed: without user, password and query, where people put keys."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
