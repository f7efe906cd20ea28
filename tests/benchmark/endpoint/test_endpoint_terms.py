"""On what terms an endpoint is asked: what a request may cost, which key it is sent, what is told of it."""

import json

import pytest

from benchmark.accounts.catalogue import provider_at
from benchmark.accounts.limits import Limits
from benchmark.accounts.money import Budget
from benchmark.endpoint.model import EndpointModel
from benchmark.errors import ModelError, RunError
from benchmark.models.find import ModelOptions, find
from benchmark.prompt import Prompt
from benchmark.usage import Usage
from tests.benchmark.endpoint.test_endpoint import KEY, PROMPT, always, ask, completion, first, limited, model_at, run
from tests.endpoint import Endpoint, Received, Said

DEAR = {"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TEST_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(name, KEY)


def asked_until_spent(endpoint: Endpoint, most: float) -> int:
    """How many requests are sent, one after the other, at 2 and 10 USD a million tokens."""
    model = limited(Limits(budget=Budget(most)), endpoint.url, max_tokens=1000)

    async def go() -> None:
        try:
            while True:
                await model.generate(PROMPT)
        finally:
            await model.aclose()

    with pytest.raises(RunError, match="would be exceeded"):
        run(go())
    return len(endpoint.requests)


@pytest.mark.parametrize(("most", "asked"), [(0.049, 19), (0.052, 24), (0.053, 24)])
def test_from_twenty_replies_on_the_dearest_with_half_again_is_set_aside(
    endpoint: Endpoint, most: float, asked: int
) -> None:
    """Each costs 0.0021 USD; before, 0.01 is set aside, and 0.00315 from then on."""
    endpoint.reply = lambda _: completion()
    assert asked_until_spent(endpoint, most) == asked


@pytest.mark.parametrize(("most", "asked"), [(0.061, 19), (0.065, 20)])
def test_one_dear_reply_is_remembered(endpoint: Endpoint, most: float, asked: int) -> None:
    """It costs 0.012 USD, the others 0.0021 each: so much is set aside from then on, and 0.018 after the twentieth."""

    def reply(_: Received) -> Said:
        return completion(usage=DEAR) if len(endpoint.requests) == 3 else completion()

    endpoint.reply = reply
    assert asked_until_spent(endpoint, most) == asked


@pytest.mark.parametrize("said", [Said(raw='{"error": {"code": 502, "message": "down"}}'), Said("no", 400)])
def test_an_error_costs_nothing(endpoint: Endpoint, said: Said) -> None:
    budget = Budget(1.0)
    endpoint.reply = lambda _: said
    with pytest.raises(ModelError):
        ask(limited(Limits(backoff=0, budget=budget), endpoint.url))
    assert budget.spent == 0


@pytest.mark.parametrize(("given", "most"), [(None, 32), (1.0, 1)])
def test_a_request_that_is_too_large_is_not_sent(endpoint: Endpoint, given: float | None, most: int) -> None:
    endpoint.reply = lambda _: completion()
    found = find("openai:some-model", ModelOptions(base_urls=(endpoint.url,), api_key_env="TEST_KEY", request_mb=given))
    assert isinstance(found, EndpointModel)
    told = rf"takes {most * 4 / 3:.1f} MB, more than the {most} MB .*--clip-limits=request_mb={-(-most * 4 // 3)}\."
    with pytest.raises(ModelError, match=told):
        ask(found, Prompt(text="?", video=bytes(most * 1_000_000)))
    assert not endpoint.requests
    assert ask(found, Prompt(text="?", video=bytes(most * 700_000))).text


def test_providers_take_what_they_are_known_to_take() -> None:
    assert provider_at("https://generativelanguage.googleapis.com/v1beta/openai/").request_mb == 20
    assert provider_at("https://api.openai.com/v1").request_mb == 512
    assert provider_at("http://localhost:9000/v1").request_mb == 32


def test_a_stated_price_is_believed_before_the_bill(endpoint: Endpoint) -> None:
    endpoint.reply = lambda _: completion(usage={"prompt_tokens": 1000, "completion_tokens": 10, "cost": 0.125})
    assert ask(limited(Limits(budget=Budget(1.0)), endpoint.url)).usage.cost_usd == pytest.approx(0.0021)


def test_what_all_attempts_took_is_on_record(endpoint: Endpoint) -> None:
    broken_off = completion("The brows are dra", "abort")
    answer = ask(first(broken_off, endpoint))
    assert (answer.usage.requests, answer.usage.input_tokens, answer.usage.output_tokens) == (2, 2000, 20)
    assert answer.usage.seconds > 0

    endpoint.requests.clear()
    with pytest.raises(ModelError) as caught:
        ask(always(completion("  "), endpoint))
    assert caught.value.usage != Usage()
    assert caught.value.usage.requests == len(endpoint.requests) == 3


def test_a_parameter_that_is_null_is_not_sent(endpoint: Endpoint) -> None:
    endpoint.reply = lambda _: completion()
    ask(model_at(endpoint.url, temperature=None, seed=1))
    assert "temperature" not in endpoint.requests[0].body
    assert endpoint.requests[0].body["seed"] == 1


def test_a_model_is_who_is_asked_where_and_how_in_whatever_order() -> None:
    one, other = "http://one/v1", "http://two/v1"
    asked = {"urls": [one, other], "model": "some-model", "parameters": {"temperature": 0, "seed": 1}}
    assert json.loads(model_at(other, one, seed=1).identity) == asked
    assert model_at(other, one, seed=1).identity == model_at(one, other, seed=1).identity
    assert model_at(one, seed=1, top_p=1).identity == model_at(one, top_p=1, seed=1).identity
    assert model_at(one, seed=1).identity != model_at(one, seed=2).identity
    assert model_at(f"{one}?d=new").identity != model_at(f"{one}?d=old").identity


@pytest.mark.parametrize("spec", ["openai:some-model", "gemini-2.5-pro"])
def test_a_provider_s_key_goes_to_no_other_host_unless_it_is_named(endpoint: Endpoint, spec: str) -> None:
    endpoint.reply = lambda _: completion()
    for name in (None, "GEMINI_API_KEY"):
        found = find(spec, ModelOptions(base_urls=(endpoint.url,), api_key_env=name))
        assert isinstance(found, EndpointModel)
        ask(found)
    unnamed, named = endpoint.requests
    assert KEY not in str(unnamed.headers)
    assert named.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(("key", "told"), [("87654321", "said: ***"), ("7654321", "said: 7654321")])
def test_a_key_is_taken_off_from_eight_signs_on_since_shorter_ones_are_placeholders(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, key: str, told: str
) -> None:
    monkeypatch.setenv("TEST_KEY", key)
    assert ask(always(completion(f"said: {key}"), endpoint)).text == told


def test_a_key_is_taken_off_thoughts_and_names_too(endpoint: Endpoint) -> None:
    answer = ask(always(completion(model=f"m {KEY}", reasoning_content=f"It is {KEY}."), endpoint))
    assert (answer.model, answer.thoughts) == ("m ***", "It is ***.")


@pytest.mark.parametrize("key", ["sk-12345678\u202890", "sk-12345678\n90", "schlüssel-12345"])
def test_what_cannot_be_a_key_is_said(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("TEST_KEY", key)
    with pytest.raises(RunError, match="The value of TEST_KEY cannot be a key") as caught:
        model_at("http://one/v1")
    assert key not in str(caught.value)


def test_a_key_s_last_newline_is_none_of_it_and_who_asks_nothing_needs_none(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", f"{KEY}\n")
    ask(always(completion(), endpoint))
    assert endpoint.requests[0].headers["authorization"] == f"Bearer {KEY}"

    monkeypatch.delenv("TEST_KEY")
    assert isinstance(find("openai:some-model", ModelOptions(api_key_env="TEST_KEY", asks=False)), EndpointModel)
    with pytest.raises(RunError, match="set the environment variable TEST_KEY"):
        find("openai:some-model", ModelOptions(api_key_env="TEST_KEY"))


def test_flex_has_as_much_time_as_was_asked_for_where_that_is_more() -> None:
    model = limited(Limits(timeout=1200), "http://one/v1", service_tier="flex")
    assert model.connect("http://one/v1").timeout.read == 1200  # type: ignore[union-attr]


def test_a_model_that_has_ended_is_refused_at_its_provider_alone() -> None:
    with pytest.raises(RunError, match=r"ended on 2026-06-01; use gemini-3\.5-flash-lite"):
        find("gemini-2.0-flash", ModelOptions())
    elsewhere = find("gemini-2.0-flash", ModelOptions(base_urls=("http://one/v1",)))
    assert isinstance(elsewhere, EndpointModel)
    assert elsewhere.endpoint.ends is None


def test_a_provider_s_usual_number_of_requests_is_its_own() -> None:
    found = find("gpt-6-luna", ModelOptions())
    assert isinstance(found, EndpointModel)
    assert found.endpoint.concurrency == 64


def test_a_key_is_an_account_of_its_own_at_one_server(monkeypatch: pytest.MonkeyPatch) -> None:
    limits, url = Limits(), "http://one/v1"
    one, same = (limited(limits, url)._accounts for _ in range(2))
    monkeypatch.setenv("TEST_KEY", KEY[::-1])
    other = limited(limits, url)._accounts
    assert list(one) == list(same)
    assert not one.keys() & other.keys()


def test_routes_of_one_server_share_the_load_and_are_accounts_of_their_own() -> None:
    urls = [f"http://one/v1?deployment={name}" for name in ("old", "new")]
    limits = Limits(share=2)
    limited(limits, *urls)
    assert limits.traffic.endpoints == 2
    limited(limits, urls[0])
    assert limits.traffic.endpoints == 2, "whoever takes the same route shares its window"


def test_what_is_left_out_is_no_part_of_a_request_whatever_else_was_named() -> None:
    model = model_at("http://one/v1", seed=1, max_tokens=5)
    before = model.identity
    model.leave_out(["unknown"])
    assert (model.left_out, model.identity) == ((), before)
    model.leave_out(["unknown", "seed", "max_tokens"])
    sent = json.loads(model.body(PROMPT))
    assert model.left_out == ("seed", "max_tokens")
    assert "seed" not in sent
    assert "max_tokens" not in sent
    assert sent["max_completion_tokens"] == 5
    assert model.identity != before
    model.leave_out(["max_completion_tokens"])
    assert not {"max_tokens", "max_completion_tokens"} & json.loads(model.body(PROMPT)).keys()


def test_a_model_is_sent_pictures_unless_other_is_said() -> None:
    assert model_at("http://one/v1").modalities == {"video"}
