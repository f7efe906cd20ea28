"""What tokens cost."""

import pytest
from genai_prices import Usage as Counted
from genai_prices import calc_price

from benchmark.accounts.prices import StatedPrice, find_price
from benchmark.usage import Usage

OPENAI = "https://api.openai.com/v1"
GOOGLE = "https://generativelanguage.googleapis.com/v1beta/openai/"


def cost(model: str, url: str, usage: Usage, answered: str | None = None, tier: str | None = None) -> float | None:
    price = find_price(model, url)
    assert price is not None
    return price.usd(usage, answered, tier)


def published(model: str, provider: str, **tokens: int) -> float:
    return float(calc_price(Counted(**tokens), model, provider_id=provider).total_price)


def test_a_stated_price_wins_and_is_for_a_million() -> None:
    price = find_price("gpt-4o", OPENAI, [None, (2.0, 8.0), (1.0, 1.0)])

    assert price == StatedPrice(2.0, 8.0)
    assert price.usd(Usage(input_tokens=1_000_000, output_tokens=250_000), "another") == 4.0


def test_nobody_knows_the_price_of_a_server_of_one_s_own() -> None:
    assert find_price("gpt-4o", "http://127.0.0.1:8000/v1") is None
    assert find_price("gpt-4o", "https://gpus.example.com/v1") is None
    assert find_price("no-such-model", OPENAI) is None


@pytest.mark.parametrize("usage", [Usage(), Usage(input_tokens=5), Usage(output_tokens=5)])
def test_unknown_tokens_have_an_unknown_price(usage: Usage) -> None:
    assert cost("gpt-4o", OPENAI, usage) is None
    assert StatedPrice(1, 1).usd(usage) is None


def test_a_substitute_is_billed_as_what_it_is_and_a_snapshot_as_the_model() -> None:
    usage = Usage(input_tokens=1000, output_tokens=1000)
    asked = published("gemini-2.5-pro", "google", input_tokens=1000, output_tokens=1000)
    other = published("gemini-3.8-flash", "google", input_tokens=1000, output_tokens=1000)

    assert asked != other
    assert cost("gemini-2.5-pro", GOOGLE, usage) == asked
    assert cost("gemini-2.5-pro", GOOGLE, usage, "models/gemini-2.5-pro") == asked
    assert cost("gemini-2.5-pro", GOOGLE, usage, "gemini-3.8-flash") == other
    assert cost("gemini-2.5-pro", GOOGLE, usage, "who-is-that") is None


def test_sound_and_what_is_cached_have_prices_of_their_own() -> None:
    plain = cost("gemini-2.5-flash", GOOGLE, Usage(input_tokens=1000, output_tokens=0))
    heard = cost("gemini-2.5-flash", GOOGLE, Usage(input_tokens=1000, audio_tokens=600, output_tokens=0))
    cached = cost("gemini-2.5-flash", GOOGLE, Usage(input_tokens=1000, cached_tokens=600, output_tokens=0))

    assert plain is not None
    assert heard is not None
    assert cached is not None
    assert cached < plain < heard


def test_details_that_cannot_be_are_left_out_of_the_bill() -> None:
    plain = Usage(input_tokens=100, output_tokens=10)
    odd = Usage(input_tokens=100, cached_tokens=900, audio_tokens=900, output_tokens=10)

    assert cost("gpt-4o", OPENAI, odd) == cost("gpt-4o", OPENAI, plain)


def test_the_flex_tier_costs_half_by_the_request_or_by_the_reply() -> None:
    usage = Usage(input_tokens=10_000, output_tokens=1000)
    whole = cost("gpt-6-luna", OPENAI, usage)
    asked = find_price("gpt-6-luna", OPENAI, tier="flex")

    assert whole
    assert asked
    assert asked.usd(usage) == pytest.approx(whole / 2)
    assert cost("gpt-6-luna", OPENAI, usage, tier="flex") == pytest.approx(whole / 2)
    assert asked.usd(usage, tier="default") == whole, "what the provider says is what it bills"


def test_long_prompts_have_their_own_price() -> None:
    short, long = (cost("gemini-2.5-pro", GOOGLE, Usage(input_tokens=n, output_tokens=0)) for n in (100_000, 300_000))

    assert short
    assert long
    assert long > 3.5 * short
