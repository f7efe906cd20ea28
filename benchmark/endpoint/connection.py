"""Connections to endpoints: certificates, proxies, redirects."""

import ssl
from collections.abc import Mapping
from functools import cache
from urllib.parse import urljoin, urlsplit

import httpx2
import openai
from openai import AsyncOpenAI

from benchmark.endpoint.transport import CODINGS, BoundedTransport
from benchmark.endpoint.urls import basic_of, shown, stripped
from benchmark.errors import RunError

OPENAI_URL = "https://api.openai.com/v1"
CONNECT_SECONDS = 20
CONNECTIONS_A_CLIENT = 8
"""A client goes through all its connections twice a request: many clients with few connections are much faster."""

Proxies = Mapping[str, str | None]
"""For each pattern of URLs the proxy, in httpx's form; None for a direct connection."""


def read_proxies() -> Proxies:
    """The proxies that the environment names; call it before cases run, during which pytest changes the environment."""
    from httpx2._utils import get_environment_proxies  # applies no_proxy

    return dict(get_environment_proxies())


def connect(url: str, key: str, timeout: float, proxies: Proxies) -> AsyncOpenAI:
    """A client of the URL that sends each request once and follows no redirect; the caller closes it.

    The client logs URLs, so it is not given the secrets in this one: user and password are sent as a header.

    Raises:
        RunError: a proxy or a certificate file that the environment names cannot be used.
    """
    patience = openai.Timeout(timeout, connect=CONNECT_SECONDS, pool=None)
    kept = httpx2.Limits(max_keepalive_connections=CONNECTIONS_A_CLIENT)
    certificates, query = _certificates(), urlsplit(url).query

    def transport(proxy: str | None = None) -> BoundedTransport:
        return BoundedTransport(httpx2.AsyncHTTPTransport(verify=certificates, limits=kept, proxy=proxy), query)

    try:
        # redirects are not followed: a clip must not be sent to another host
        http = openai.DefaultAsyncHttpx2Client(
            timeout=patience,
            transport=transport(),
            headers={"accept-encoding": ", ".join(sorted(CODINGS))},
            follow_redirects=False,
            mounts={pattern: proxy and transport(proxy) for pattern, proxy in proxies.items()},
            trust_env=False,
        )
    except (ValueError, ImportError, httpx2.InvalidURL) as error:
        raise RunError(_unusable_proxy(error, proxies)) from None
    basic = basic_of(url)
    client = AsyncOpenAI(
        base_url=shown(url),
        default_headers={"Authorization": basic} if basic else None,
        api_key=key,
        max_retries=0,
        timeout=patience,
        http_client=http,
    )
    if shown(url) != OPENAI_URL:  # the client takes these from the environment; they are OpenAI's
        client.organization = client.project = None
    return client


def proxy_for(url: str, proxies: Proxies) -> str | None:
    """The proxy through which a client asks the URL, without secrets; None for a direct connection."""
    from httpx2._utils import URLPattern  # as the client itself does

    for pattern in sorted(map(URLPattern, proxies)):
        if pattern.matches(httpx2.URL(url)):
            proxy = proxies[pattern.pattern]
            return shown(proxy) if proxy else None
    return None


def redirect_of(response: httpx2.Response, url: str) -> str | None:
    """The base URL that a response redirects to; empty if it is not a valid URL, None if it is no redirect."""
    location = response.headers.get("location")
    if not 300 <= response.status_code < 400 or not location:
        return None
    try:
        target = shown(urljoin(f"{url.rstrip('/')}/", location))
    except ValueError:
        return ""
    return target.removesuffix("/models").removesuffix("/chat/completions")


def _unusable_proxy(error: Exception, proxies: Proxies) -> str:
    named = {pattern.removesuffix("://"): proxy for pattern, proxy in proxies.items() if proxy}
    listed = ", ".join(f"{name}_proxy={stripped(proxy)}" for name, proxy in named.items())
    if isinstance(error, ImportError):
        return f"The proxy of the environment ({listed}) needs a package: pip install 'httpx2[socks]'."
    return f"The proxy of the environment ({listed}) cannot be used: give http://HOST:PORT, or unset the variable."


@cache
def _certificates() -> ssl.SSLContext:
    """The certificates that all clients trust; read once, which takes longer than to make a client.

    Raises:
        RunError: the environment names a file of certificates that cannot be used.
    """
    try:
        return httpx2.create_ssl_context()
    except OSError as error:  # includes ssl.SSLError
        raise RunError(
            f"The certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read ({error.strerror or error}):"
            " name a PEM file, or unset the variable."
        ) from None
