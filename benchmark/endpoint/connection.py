"""Connections to endpoints: certificates, proxies, redirects."""

import ssl
from collections.abc import Mapping
from functools import cache
from urllib.parse import urljoin, urlsplit

import httpx2
import openai
from openai import AsyncOpenAI

from benchmark.endpoint.transport import CODINGS, BoundedTransport
from benchmark.endpoint.urls import basic_of, shown
from benchmark.errors import RunError

OPENAI_URL = "https://api.openai.com/v1"
CONNECT_SECONDS = 20
CONNECTIONS_A_CLIENT = 8
"""The client looks at each of its connections, twice a request: few connections and many clients are far cheaper."""


Proxies = Mapping[str, str | None]
"""Proxies by the pattern of URLs that go by way of them, as httpx has them; None for those that go straight."""


def read_proxies() -> Proxies:
    """The proxies that the environment names; to be read before cases run, since pytest changes it all the time."""
    from httpx2._utils import get_environment_proxies  # which knows what no_proxy means

    return dict(get_environment_proxies())


def connect(url: str, key: str, timeout: float, proxies: Proxies) -> AsyncOpenAI:
    """A client of the URL that sends each request once and follows no redirect; the caller closes it.

    What is secret in the URL stands in no URL of the client's, which logs them: user and password go as a header.

    Raises:
        RunError: a proxy or a certificate file, as the environment names them, cannot be used.
    """
    patience = openai.Timeout(timeout, connect=CONNECT_SECONDS, pool=None)
    kept = httpx2.Limits(max_keepalive_connections=CONNECTIONS_A_CLIENT)
    certificates, query = _certificates(), urlsplit(url).query

    def way(proxy: str | None = None) -> BoundedTransport:
        return BoundedTransport(httpx2.AsyncHTTPTransport(verify=certificates, limits=kept, proxy=proxy), query)

    try:
        # who redirects to another host must not be handed the clip
        http = openai.DefaultAsyncHttpx2Client(
            timeout=patience,
            transport=way(),
            headers={"accept-encoding": ", ".join(sorted(CODINGS))},
            follow_redirects=False,
            mounts={pattern: proxy and way(proxy) for pattern, proxy in proxies.items()},
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
    if shown(url) != OPENAI_URL:  # whose account it is, which the client takes from the environment, is OpenAI's
        client.organization = client.project = None
    return client


def proxy_for(url: str, proxies: Proxies) -> str | None:
    """The proxy by way of which a client asks the URL, as it may be shown; None without."""
    from httpx2._utils import URLPattern  # by which the client chooses

    for pattern in sorted(map(URLPattern, proxies)):
        if pattern.matches(httpx2.URL(url)):
            proxy = proxies[pattern.pattern]
            return shown(proxy) if proxy else None
    return None


def redirect_of(response: httpx2.Response, url: str) -> str | None:
    """The base URL to which a reply sends whoever asked; empty where that is none, None where it sends nobody on."""
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
    told = ", ".join(f"{name}_proxy={_without_secrets(proxy)}" for name, proxy in named.items())
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
