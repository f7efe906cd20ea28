"""Connections to endpoints: certificates, proxies, redirects."""

import ssl
from functools import cache
from urllib.parse import parse_qsl, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2
import openai
from openai import AsyncOpenAI

from benchmark.errors import RunError
from benchmark.urls import shown

OPENAI_URL = "https://api.openai.com/v1"
CONNECT_SECONDS = 20
CONNECTIONS_A_CLIENT = 8
"""The client looks at each of its connections, twice a request: few connections and many clients are far cheaper."""


def connect(url: str, key: str, timeout: float) -> AsyncOpenAI:
    """A client of the URL that sends each request once and follows no redirect; the caller closes it.

    Raises:
        RunError: a proxy or a certificate file, as the environment names them, cannot be used.
    """
    parts = urlsplit(url)
    patience = openai.Timeout(timeout, connect=CONNECT_SECONDS, pool=None)
    kept = httpx2.Limits(max_keepalive_connections=CONNECTIONS_A_CLIENT)
    certificates = _certificates()
    try:
        # who redirects to another host must not be handed the clip
        http = openai.DefaultAsyncHttpx2Client(
            timeout=patience, limits=kept, verify=certificates, follow_redirects=False
        )
    except (ValueError, ImportError, httpx2.InvalidURL) as error:
        raise RunError(_unusable_proxy(error)) from None
    client = AsyncOpenAI(
        base_url=parts._replace(query="", fragment="").geturl(),
        default_query=dict(parse_qsl(parts.query)),
        api_key=key,
        max_retries=0,
        timeout=patience,
        http_client=http,
    )
    if shown(url) != OPENAI_URL:  # whose account it is, which the client takes from the environment, is OpenAI's
        client.organization = client.project = None
    return client


def proxy_for(url: str) -> str | None:
    """The proxy through which the URL is asked, as it may be shown; None without."""
    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.hostname or ""):
        return None
    return shown(proxy if "://" in proxy else f"http://{proxy}")


def redirect_of(response: httpx2.Response, url: str) -> str | None:
    """The base URL to which a reply sends whoever asked, as it may be shown; None where it sends nobody on."""
    if not 300 <= response.status_code < 400:
        return None
    target = shown(urljoin(f"{url.rstrip('/')}/", response.headers.get("location", "")))
    return target.removesuffix("/models").removesuffix("/chat/completions")


def _unusable_proxy(error: Exception) -> str:
    named = {name: url for name, url in getproxies().items() if name in ("http", "https", "all")}
    told = ", ".join(f"{name}_proxy={_without_secrets(url)}" for name, url in named.items())
    if isinstance(error, ImportError):
        return f"The proxy of the environment ({told}) needs a package: pip install 'httpx2[socks]'."
    return f"The proxy of the environment ({told}) cannot be used: give http://HOST:PORT, or unset the variable."


def _without_secrets(url: str) -> str:
    scheme, mark, rest = url.rpartition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2].partition('?')[0]}"


@cache
def _certificates() -> ssl.SSLContext:
    """What all clients trust; it takes longer to read than a client to make.

    Raises:
        RunError: the environment names a file of certificates that cannot be used.
    """
    try:
        return httpx2.create_ssl_context()
    except OSError as error:  # of which ssl.SSLError is one
        raise RunError(
            f"The certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read ({error.strerror or error}):"
            " name a PEM file, or unset the variable."
        ) from None
