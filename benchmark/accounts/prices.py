"""Prices of tokens, from the package `genai-prices` (https://github.com/pydantic/genai-prices) or from the user."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from typing_extensions import Protocol

from benchmark.accounts.snapshots import is_same_model
from benchmark.usage import Usage

PRICES = "genai-prices"
OWN_HOSTS = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104  compared with, not bound to
TIERS = frozenset({"flex", "priority", "batch"})
"""Service tiers that have prices of their own."""


class Price(Protocol):
    """The price of a model's tokens."""

    def usd(self, usage: Usage, answered: str | None = None, tier: str | None = None) -> float | None:
        """USD for the tokens of one request; None if the tokens or the price are unknown.

        `answered` is the model that gave the reply and `tier` its service tier, if the reply names them.
        """


@dataclass(frozen=True, slots=True)
class StatedPrice:
    """The user's price: USD for a million input and for a million output tokens, whichever model answers."""

    input_usd: float
    output_usd: float

    def usd(self, usage: Usage, answered: str | None = None, tier: str | None = None) -> float | None:  # noqa: ARG002
        """As for a `Price`."""
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        return (usage.input_tokens * self.input_usd + usage.output_tokens * self.output_usd) / 1e6


@dataclass(frozen=True, slots=True)
class PublishedPrice:
    """The price of a model at its provider, with those for long prompts, sound and cached tokens."""

    model: str
    url: str
    asked_tier: str | None = None

    def usd(self, usage: Usage, answered: str | None = None, tier: str | None = None) -> float | None:
        """As for a `Price`; a model that answers in place of another is billed at its own price."""
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        billed = answered if answered and not is_same_model(self.model, answered) else self.model
        if (found := _found(billed, self.url)) is None:
            return None
        from genai_prices import Usage as Counted

        provider, row = found
        tier = tier or self.asked_tier
        context = {"service_tier": tier} if tier in TIERS else None
        now = datetime.now(tz=UTC)
        for counts in _counts(usage):
            try:
                price = row.calc_price(Counted(**counts), provider, genai_request_timestamp=now, price_context=context)
                return float(price.total_price)
            except ValueError:  # inconsistent details: bill the sums only
                continue
        return None


def find_price(
    model: str, url: str, stated: Iterable[tuple[float, float] | None] = (), tier: str | None = None
) -> Price | None:
    """The first price that is stated, else the published one; None if unknown.

    Args:
        model: its name at the provider.
        url: its endpoint.
        stated: the user's prices for the names of the model.
        tier: the service tier of the requests.
    """
    for price in stated:
        if price is not None:
            return StatedPrice(*price)
    return PublishedPrice(model, url, tier) if _found(model, url) is not None else None


def _found(model: str, url: str) -> Any:
    """The package's provider at that URL and its row of the model; None if either is unknown."""
    if urlsplit(url).hostname in OWN_HOSTS:
        return None
    from genai_prices.data_snapshot import get_snapshot  # takes a fifth of a second

    try:
        return get_snapshot().find_provider_model(model, None, None, url)
    except LookupError:
        return None


def _counts(usage: Usage) -> Iterable[dict[str, int]]:
    """The tokens as the package names them, with their details and without."""
    sums = {"input_tokens": usage.input_tokens or 0, "output_tokens": usage.output_tokens or 0}
    details = {"cache_read_tokens": usage.cached_tokens or 0, "input_audio_tokens": usage.audio_tokens or 0}
    if any(details.values()):
        # replies do not say how much of the sound was cached
        yield {**sums, **details, "cache_audio_read_tokens": 0}
    yield sums
