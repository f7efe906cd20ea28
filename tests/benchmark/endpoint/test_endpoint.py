import asyncio
import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.accounts.limits import Limits
from benchmark.accounts.money import Budget
from benchmark.accounts.prices import StatedPrice
from benchmark.clip import Frame, Sound
from benchmark.endpoint.model import EndpointModel
from benchmark.endpoint.urls import shown
from benchmark.errors import ModelError, RunError
from benchmark.fault import Fault
from benchmark.model import Answer, Model
from benchmark.models.find import ModelOptions, find
from benchmark.prompt import Prompt
from benchmark.usage import Usage
from tests.benchmark.endpoint.test_reply import JSON
from tests.endpoint import Endpoint, Received, Said

KEY = "sk-very-secret-0123456789"
PROMPT = Prompt(text="Which?")
ATTEMPTS = 8  # as the README says


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)


def model_at(*urls: str, **parameters: object) -> EndpointModel:
    return limited(Limits(backoff=0), *urls, **parameters)


def limited(limits: Limits, *urls: str, **parameters: object) -> EndpointModel:
    prices = {"some-model": (2.0, 10.0)} if limits.budget else {}
    options = ModelOptions(base_urls=urls, api_key_env="TEST_KEY", parameters=parameters, limits=limits, prices=prices)
    found = find("openai:some-model", options)
    assert isinstance(found, EndpointModel)
    assert isinstance(found, Model)
    return found


def ask(model: EndpointModel, prompt: Prompt = PROMPT) -> Answer:
    async def once() -> Answer:
        try:
            return await model.generate(prompt)
        finally:
            await model.aclose()

    return asyncio.run(once())


def cut_off(reason: str) -> str:
    """A reply that says nothing, and why."""
    return json.dumps({"choices": [{"finish_reason": reason, "message": {"content": None}}]})


def always(said: Said, endpoint: Endpoint) -> EndpointModel:
    endpoint.reply = lambda _: said
    return model_at(endpoint.url)


def test_pictures_sound_and_clip_go_as_data_and_the_text_last(endpoint: Endpoint) -> None:
    endpoint.reply = lambda _: Said("joy")
    frames = (Frame(jpeg=b"first", seconds=0.0), Frame(jpeg=b"second", seconds=1.0))
    sound = Sound(samples=np.zeros(16, np.float32), rate=16_000)
    answer = ask(model_at(endpoint.url, max_tokens=7), Prompt(text="Q", frames=frames, sound=sound, video=b"mp4"))
    (received,) = endpoint.requests
    assert [part["url"] for part in received.parts("image_url")] == [
        "data:image/jpeg;base64,Zmlyc3Q=",
        "data:image/jpeg;base64,c2Vjb25k",
    ]
    assert received.parts("video_url")[0]["url"].startswith("data:video/mp4;base64,")
    assert received.parts("input_audio")[0]["format"] == "wav"
    assert received.body["messages"][0]["content"][-1] == {"type": "text", "text": "Q"}
    assert (received.body["max_tokens"], received.body["temperature"]) == (7, 0)
    assert (answer.text, answer.usage.requests, answer.usage.output_tokens) == ("joy", 1, 10)
    assert answer.usage.cost_usd is None, "a price that nobody knows is no zero"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (Said("bad key sk-very-secret-0123456789", 401), r"refuses the key in TEST_KEY \(401\)"),
        (Said("no such model", 404), "has no model some-model"),
        (Said("too long sk-very-secret-0123456789", 400), "answered 400: .*too long"),
        (Said(raw=cut_off("length")), "raise max_tokens"),
        (Said(raw=cut_off("content_filter")), "filter withheld it"),
    ],
)
def test_what_goes_wrong_is_said_in_one_line_without_the_key(endpoint: Endpoint, said: Said, told: str) -> None:
    with pytest.raises(ModelError, match=told) as caught:
        ask(always(said, endpoint))
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None, "a chained cause could quote the request's headers"
    assert "\n" not in str(caught.value)
    assert len(endpoint.requests) == 1, "nothing that cannot heal is asked again"


@pytest.mark.parametrize(
    ("said", "times", "told"),
    [
        (Said(raw="{truncated"), ATTEMPTS, "no usable reply"),
        (Said(raw="[]"), ATTEMPTS, "no usable reply"),
        (Said("broken sk-very-secret-0123456789", 500), ATTEMPTS, r"answered 500: broken \*\*\*"),
        (Said(raw=cut_off(f"abort {KEY}")), ATTEMPTS, r"gave an unfinished reply \(abort \*\*\*\)"),
        (Said("  "), 3, "empty answer"),
        (Said("later", 429, {"Retry-After": "3600"}), 1, "answered 429"),
    ],
)
def test_what_may_heal_is_asked_again_but_not_for_ever(endpoint: Endpoint, said: Said, times: int, told: str) -> None:
    with pytest.raises(ModelError, match=told) as caught:
        ask(always(said, endpoint))
    assert KEY not in str(caught.value)
    assert len(endpoint.requests) == times


def test_a_server_that_never_answers_is_left(endpoint: Endpoint) -> None:
    released = threading.Event()

    def hang_once(_: Received) -> Said:
        if len(endpoint.requests) == 1:
            released.wait(10)
        return Said("joy")

    endpoint.reply = hang_once
    assert ask(limited(Limits(timeout=0.3, backoff=0), endpoint.url)).text == "joy"
    released.set()
    assert len(endpoint.requests) == 2


def test_a_budget_is_never_passed(endpoint: Endpoint) -> None:
    endpoint.reply = lambda _: Said("joy")  # 1,000 tokens in, 10 out
    each = (1000 * 2 + 10 * 10) / 1e6
    budget = Budget(0.05)
    model = limited(Limits(4, budget=budget), endpoint.url, max_tokens=10)

    async def until_it_is_spent() -> None:
        try:
            while True:
                await model.generate(PROMPT)
        finally:
            await model.aclose()

    with pytest.raises(RunError, match=r"--max-cost=0\.05 would be exceeded"):
        asyncio.run(until_it_is_spent())
    answered = len(endpoint.requests)
    assert budget.spent == pytest.approx(answered * each)
    assert 0.05 - 2 * each < budget.spent <= 0.05


def test_a_budget_needs_prices(endpoint: Endpoint) -> None:
    limits = Limits(budget=Budget(1.0))
    with pytest.raises(RunError, match=r"--max-cost needs the price of other.*--price=other=INPUT/OUTPUT"):
        find("openai:other", ModelOptions(base_urls=(endpoint.url,), limits=limits))


@pytest.mark.parametrize("name", ["qwen2.5-vl-7b", "Qwen/Qwen2.5-VL-7B-Instruct"])
def test_a_price_is_named_as_the_model_is_or_as_its_server_knows_it(endpoint: Endpoint, name: str) -> None:
    options = ModelOptions(base_urls=(endpoint.url,), prices={name: (0, 0)}, limits=Limits(budget=Budget(1.0)))
    found = find("qwen2.5-vl-7b", options)
    assert isinstance(found, EndpointModel)
    assert found.endpoint.price == StatedPrice(0, 0)


def test_a_busy_server_is_asked_again(endpoint: Endpoint) -> None:
    def busy_once(_: Received) -> Said:
        return Said("joy") if len(endpoint.requests) > 1 else Said("busy", 429, {"Retry-After": "0"})

    endpoint.reply = busy_once
    assert ask(model_at(endpoint.url)).text == "joy"
    assert len(endpoint.requests) == 2


def test_an_answer_that_quotes_the_key_is_redacted(endpoint: Endpoint) -> None:
    assert ask(always(Said(f"your key is {KEY}"), endpoint)).text == "your key is ***"


@pytest.mark.parametrize("before", range(165, 200, 7))
def test_a_model_s_name_that_is_cut_holds_no_part_of_the_key(endpoint: Endpoint, before: int) -> None:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "joy"}}
    raw = json.dumps({"model": "x" * before + KEY, "choices": [choice]})
    told = ask(always(Said(raw=raw), endpoint)).model
    assert told == f"{'x' * before}***"[:200]


def test_an_error_that_is_cut_holds_no_part_of_the_key(endpoint: Endpoint) -> None:
    """The text is cut in the midst of the key, and what stands before it takes little room once it is unescaped."""
    start = f"%{ord(KEY[0]):x}{KEY[1:]}"
    blanks, rest = divmod(2**14 - len(start) - len(KEY) + 2, 3)
    text = start + "%20" * blanks + " " * rest + KEY + "%20" * 9
    for body in (text, f"<html><title>{start}{'%20' * ((5998 - len(start) - len(KEY)) // 3)}{KEY}</title>"):
        with pytest.raises(ModelError) as caught:
            ask(always(Said(raw=body, status=400), endpoint))
        assert "***" in str(caught.value)
        assert KEY[:8] not in str(caught.value)


def test_the_key_is_in_the_header_and_nowhere_else(endpoint: Endpoint) -> None:
    model = always(Said("joy"), endpoint)
    ask(model)
    (received,) = endpoint.requests
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in received.raw.decode() + model.identity + repr(model)


def test_openai_s_key_goes_to_no_other_host(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    endpoint.reply = lambda _: Said("joy")
    found = find("openai:some-model", ModelOptions(base_urls=(endpoint.url,)))
    assert isinstance(found, EndpointModel)
    ask(found)
    assert KEY not in str(endpoint.requests[0].headers)


def test_several_endpoints_share_the_load(endpoint: Endpoint) -> None:
    other = Endpoint()
    other.reply = endpoint.reply = lambda _: Said("joy")
    model = model_at(endpoint.url, other.url)

    async def many() -> None:
        await asyncio.gather(*(model.generate(PROMPT) for _ in range(8)))
        await model.aclose()

    asyncio.run(many())
    other.close()
    assert (len(endpoint.requests), len(other.requests)) == (4, 4)


def free_url() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"


def test_an_endpoint_that_is_not_there_is_named() -> None:
    url = free_url()
    with pytest.raises(RunError, match=f"{url} cannot be reached"):
        asyncio.run(model_at(url).check())


def test_an_endpoint_that_is_there_passes_the_check(endpoint: Endpoint) -> None:
    asyncio.run(model_at(endpoint.url).check())


@pytest.fixture
def other() -> Iterator[Endpoint]:
    server = Endpoint()
    yield server
    server.close()


def run(work: Awaitable[object]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await work

    asyncio.run(bounded())


async def ask_many(model: EndpointModel, count: int) -> None:
    answers = await asyncio.gather(*(model.generate(PROMPT) for _ in range(count)))
    assert [answer.text for answer in answers] == ["joy"] * count


def test_a_server_that_is_killed_and_started_again_costs_no_answer(endpoint: Endpoint, other: Endpoint) -> None:
    asked, killed = threading.Semaphore(0), threading.Event()

    def until_it_is_killed(_: Received) -> Said:
        asked.release()
        killed.wait(20)
        return Said("too late")

    endpoint.reply = lambda _: Said("joy")
    other.reply = until_it_is_killed
    limits = Limits(backoff=0.02)
    model = limited(limits, other.url, endpoint.url)

    async def kill() -> None:
        for _ in range(4):
            assert await asyncio.to_thread(asked.acquire, timeout=20)
        await asyncio.to_thread(other.close)
        killed.set()

    async def until_it_is_back(again: Endpoint) -> None:
        while limits.traffic.out:
            await ask_many(model, 1)
        assert len(again.requests) == 1, "one request has tried it"
        await ask_many(model, 8)
        assert len(again.requests) == 1 + 4

    async def go() -> None:
        await asyncio.gather(ask_many(model, 8), kill())
        assert (limits.traffic.out, len(other.requests), len(endpoint.requests)) == (1, 4, 8)
        again = Endpoint(other.port)
        again.reply = lambda _: Said("joy")
        try:
            await until_it_is_back(again)
        finally:
            await model.aclose()
            again.close()

    run(go())


@pytest.mark.parametrize(
    "said", [Said(raw="{truncated"), Said(raw="[]"), None], ids=["truncated", "no object", "hangs"]
)
def test_a_server_that_gives_no_reply_is_taken_out_at_once(
    endpoint: Endpoint, other: Endpoint, said: Said | None
) -> None:
    released = threading.Event()

    def bad(_: Received) -> Said:
        if said is None:
            released.wait(20)
        return said or Said("too late")

    endpoint.reply, other.reply = lambda _: Said("joy"), bad
    limits = Limits(timeout=1 if said is None else 300, backoff=1000)
    model = limited(limits, other.url, endpoint.url)
    run(ask_many(model, 1))
    released.set()
    assert (limits.traffic.out, len(other.requests), len(endpoint.requests)) == (1, 1, 1)


def test_a_server_that_only_fails_is_hardly_asked(endpoint: Endpoint, other: Endpoint) -> None:
    endpoint.reply, other.reply = lambda _: Said("joy"), lambda _: Said("broken", 500)
    limits = Limits(4, backoff=0.2)
    model = limited(limits, other.url, endpoint.url)
    run(ask_many(model, 60))
    assert len(endpoint.requests) == 60
    assert 3 <= len(other.requests) <= 16, "what was in flight at first, and then trials, which become rare"
    assert limits.traffic.out == 1


def test_a_server_that_is_asked_too_much_is_not_taken_out(endpoint: Endpoint, other: Endpoint) -> None:
    out: list[str] = []

    def busy_at_first(_: Received) -> Said:
        out.extend(limits.out())
        return Said("joy") if len(other.requests) > 10 else Said("busy", 429)

    endpoint.reply, other.reply = lambda _: Said("joy"), busy_at_first
    limits = Limits(backoff=0)
    model = limited(limits, other.url, endpoint.url)
    run(ask_many(model, 30))
    assert limits.traffic.refusals > 3
    assert out == limits.out() == []


def test_where_all_are_dead_the_last_cause_ends_the_run() -> None:
    limits = Limits(backoff=0.001, patience=0.5)
    urls = free_url(), free_url()
    with pytest.raises(RunError, match=r"cannot be reached .* No request was answered .* run the same command again"):
        ask(limited(limits, *urls))
    assert limits.traffic.requests > 2
    assert limits.traffic.out == 2


@pytest.mark.parametrize("status", [401, 403, 404, 503])
def test_one_that_serves_something_else_costs_no_answer(endpoint: Endpoint, other: Endpoint, status: int) -> None:
    endpoint.reply, other.reply = (lambda _: Said("joy")), (lambda _: Said("not here", status))
    limits = Limits(backoff=1000)
    model = limited(limits, other.url, endpoint.url)
    run(ask_many(model, 100))
    assert limits.traffic.out == 1
    assert len(other.requests) <= 32, "those that were in flight when it went out"


def test_where_all_serve_something_else_that_is_told(endpoint: Endpoint, other: Endpoint) -> None:
    endpoint.reply = other.reply = lambda _: Said("not here", 404)
    with pytest.raises(ModelError, match="has no model some-model"):
        ask(model_at(other.url, endpoint.url))
    assert (len(endpoint.requests), len(other.requests)) == (1, 1)


def test_one_that_is_dead_at_the_start_is_told_and_left_out(endpoint: Endpoint) -> None:
    endpoint.reply = lambda _: Said("joy")
    dead, limits = free_url(), Limits(backoff=1000)
    with_secrets = dead.replace("http://", "http://user:very-secret@") + "?key=even-more-secret"
    model = limited(limits, with_secrets, endpoint.url)

    async def go() -> None:
        await model.check()
        await ask_many(model, 40)

    run(go())
    (notice,) = limits.notices
    assert notice.startswith(f"{dead} cannot be reached")
    assert "secret" not in notice
    assert (limits.traffic.out, limits.traffic.retries) == (1, 0)


def test_where_none_can_be_reached_each_is_told() -> None:
    one, another, limits = free_url(), free_url(), Limits()
    with pytest.raises(RunError, match=rf"{one} cannot be reached .*\? {another} cannot be reached"):
        run(limited(limits, one, another).check())
    assert limits.notices == []


def test_a_refused_key_stops_the_run_wherever_it_is_refused(endpoint: Endpoint, other: Endpoint) -> None:
    other.listing = lambda _: Said("no", 401)
    with pytest.raises(RunError, match=f"{other.url} refuses the key in TEST_KEY"):
        run(model_at(endpoint.url, other.url, free_url()).check())


def test_a_url_is_shown_without_credentials() -> None:
    assert shown("https://user:secret@host:8443/v1/?key=secret") == "https://host:8443/v1"


def test_a_missing_key_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    with pytest.raises(RunError, match="set the environment variable GEMINI_API_KEY"):
        find("gemini-2.5-pro", ModelOptions())


def completion(content: object = "joy", reason: str = "stop", model: object = "some-model", **more: object) -> Said:
    """A reply with whatever is beside or in its message."""
    usage = more.pop("usage", {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010})
    choice = {"index": 0, "finish_reason": reason, "message": {"role": "assistant", "content": content, **more}}
    return Said(raw=json.dumps({"model": model, "choices": [choice], "usage": usage}))


def first(said: Said, endpoint: Endpoint) -> EndpointModel:
    """A model whose first reply is that; all others are good."""
    endpoint.reply = lambda _: said if len(endpoint.requests) == 1 else completion()
    return model_at(endpoint.url)


def test_what_a_reply_was_is_kept(endpoint: Endpoint) -> None:
    usage = {
        "prompt_tokens": 900,
        "completion_tokens": 20,
        "total_tokens": 3000,
        "prompt_tokens_details": {"cached_tokens": 100, "audio_tokens": 0},
    }
    said = completion("ang", "length", "gemini-3.8-flash", reasoning_content="The brows", refusal=None, usage=usage)
    answer = ask(always(said, endpoint))

    assert (answer.text, answer.thoughts, answer.ending) == ("ang", "The brows", "cut off")
    assert (answer.model, answer.refusal) == ("gemini-3.8-flash", False)
    assert (answer.usage.input_tokens, answer.usage.cached_tokens, answer.usage.audio_tokens) == (900, 100, 0)
    assert (answer.usage.output_tokens, answer.usage.thought_tokens) == (2100, 2080)


@pytest.mark.parametrize("model", [None, "", 3])
def test_who_answered_may_be_unknown(endpoint: Endpoint, model: object) -> None:
    assert ask(always(completion(model=model), endpoint)).model is None


def test_no_stream_is_asked_for(endpoint: Endpoint) -> None:
    ask(always(Said("joy"), endpoint))
    assert endpoint.requests[0].body["stream"] is False


@pytest.mark.parametrize(
    "said",
    [
        completion("The brows are dra", "abort"),
        completion("The brows are dra", "insufficient_system_resource"),
        Said(raw='{"error": {"code": 502, "message": "Provider returned error"}}'),
        Said(raw='{"id": null, "choices": null}'),
        Said(raw='{"choices": [{"error": {"code": 429, "message": "later"}}]}'),
    ],
)
def test_what_the_server_did_not_finish_is_asked_again(endpoint: Endpoint, said: Said) -> None:
    assert ask(first(said, endpoint)).text == "joy"
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (Said(raw='{"error": {"code": 400, "message": "too long"}}'), "answered 400 inside a reply: too long"),
        (Said(raw="data: {}\n\ndata: [DONE]\n\n", headers={"Content-Type": "text/event-stream"}), "an event stream"),
        (Said(raw="<html><title>Hi</title></html>", headers={"Content-Type": "text/html"}), "a web page"),
        (Said(raw='{"error": "only 4096 tokens"}', status=400), "answered 400: only 4096 tokens"),
        (Said(raw="<html><title>413 Too Large</title></html>", status=413), r"413.*fewer frames.*the proxy"),
        (Said("Request too large. It must be reduced in order to run.", 429), "must be reduced"),
    ],
)
def test_what_would_be_the_same_again_is_told_after_one_reply(endpoint: Endpoint, said: Said, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        ask(always(said, endpoint))
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    "said",
    [
        Said(raw='{"error": {"code": "insufficient_quota", "message": "You exceeded your quota"}}', status=429),
        Said(raw='{"error": {"type": "budget_exceeded", "message": "Budget has been exceeded!"}}', status=422),
        Said("Payment required", 402),
        Said(raw='{"error": {"code": 429, "message": "x", "details": [{"quotaId": "RequestsPerDay"}]}}'),
    ],
)  # fmt: skip
def test_what_is_spent_ends_the_run_at_once(endpoint: Endpoint, said: Said) -> None:
    with pytest.raises(RunError, match=r"answered .* run the same command again to continue"):
        ask(always(said, endpoint))
    assert len(endpoint.requests) == 1


def test_one_whose_quota_is_spent_leaves_the_work_to_the_others(endpoint: Endpoint, other: Endpoint) -> None:
    spent = Said(raw='{"error": {"type": "insufficient_quota", "message": "spent"}}', status=429)
    endpoint.reply, other.reply = lambda _: Said("joy"), lambda _: spent
    model = limited(Limits(backoff=1000), other.url, endpoint.url)
    run(ask_many(model, 20))
    assert len(other.requests) <= 20
    assert len(endpoint.requests) == 20


def test_a_pause_in_the_body_is_kept(endpoint: Endpoint) -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.4s"}]
    busy = Said(raw=json.dumps({"error": {"code": 429, "message": "quota", "details": details}}), status=429)
    times: list[float] = []

    def reply(_: Received) -> Said:
        times.append(time.monotonic())
        return busy if len(times) == 1 else completion()

    endpoint.reply = reply
    ask(model_at(endpoint.url))
    assert times[1] - times[0] >= 0.4


def refusing(*names: str) -> Callable[[Received], Said]:
    """A server that refuses these parameters, one a reply."""

    def reply(received: Received) -> Said:
        for name in names:
            if name in received.body:
                error = {"message": f"Unsupported value: '{name}'", "param": name, "code": "unsupported_value"}
                return Said(raw=json.dumps({"error": error}), status=400)
        return completion()

    return reply


def test_a_refused_parameter_is_left_out_once_and_told(endpoint: Endpoint) -> None:
    endpoint.reply = refusing("temperature", "seed")
    model = model_at(endpoint.url, seed=1, top_p=0.5)
    asked_with = model.identity

    async def twice() -> list[Answer]:
        try:
            return [await model.generate(PROMPT), await model.generate(PROMPT)]
        finally:
            await model.aclose()

    answers = asyncio.run(twice())
    assert len(endpoint.requests) == 2 + 2, "each is refused once, and never sent again"
    assert [answer.left_out for answer in answers] == [("temperature", "seed")] * 2
    assert endpoint.requests[-1].body["top_p"] == 0.5
    assert model.identity != asked_with, "what was said to another request is no reply to this one"
    assert "temperature" not in model.identity


def test_a_limit_of_tokens_goes_by_the_name_that_is_taken(endpoint: Endpoint) -> None:
    endpoint.reply = refusing("max_tokens")
    model = model_at(endpoint.url, max_tokens=7)
    ask(model)
    assert endpoint.requests[-1].body["max_completion_tokens"] == 7
    assert model.left_out == ("max_tokens",)


def test_where_both_names_are_refused_there_is_no_limit(endpoint: Endpoint) -> None:
    endpoint.reply = refusing("max_tokens", "max_completion_tokens")
    ask(model_at(endpoint.url, max_tokens=7))
    assert not {"max_tokens", "max_completion_tokens"} & set(endpoint.requests[-1].body)


def test_a_server_that_refuses_what_was_not_sent_is_not_asked_for_ever(endpoint: Endpoint) -> None:
    error = {"message": "Unsupported: temperature", "param": "temperature", "code": "unsupported_value"}
    with pytest.raises(ModelError, match="Unsupported"):
        ask(always(Said(raw=json.dumps({"error": error}), status=400), endpoint))
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": 9}, {"completion_tokens": 9}, "many"])
def test_a_budget_holds_where_replies_do_not_tell_what_they_took(endpoint: Endpoint, usage: object) -> None:
    budget = Budget(0.05)
    endpoint.reply = lambda _: completion(usage=usage)
    model = limited(Limits(4, budget=budget), endpoint.url, max_tokens=1000)
    aside = model.endpoint.price.usd(Usage(input_tokens=0, output_tokens=1000)) if model.endpoint.price else None
    with pytest.raises(RunError, match=r"--max-cost=0\.05 would be exceeded"):
        run(ask_many(model, 200))
    assert aside
    assert 1 <= len(endpoint.requests) <= 0.05 / aside
    assert budget.spent <= 0.05


def test_the_bill_of_a_reply_is_what_is_paid(endpoint: Endpoint) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 10, "cost": 0.125}
    assert ask(always(completion(usage=usage), endpoint)).usage.cost_usd == 0.125


def test_flex_has_more_time(endpoint: Endpoint) -> None:
    assert model_at(endpoint.url, service_tier="flex").connect(endpoint.url).timeout.read == 900  # type: ignore[union-attr]
    assert model_at(endpoint.url).connect(endpoint.url).timeout.read == 300  # type: ignore[union-attr]


@pytest.mark.parametrize("padding", range(255, 300, 5))
def test_no_part_of_a_key_is_told_wherever_words_are_cut(endpoint: Endpoint, padding: int) -> None:
    with pytest.raises(ModelError, match="answered 400") as caught:
        ask(always(Said(f"{'x' * padding} Incorrect key: {KEY}", 400), endpoint))
    assert KEY[:8] not in str(caught.value)


def test_no_key_is_told_where_a_server_sends_one_on(endpoint: Endpoint) -> None:
    moved = Said("moved", 307, {"Location": f"http://127.0.0.1:1/v1/{KEY}"})
    with pytest.raises(ModelError, match=r"redirects to http://127\.0\.0\.1:1/v1/\*\*\*") as caught:
        ask(always(moved, endpoint))
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("location", ["http://[bad", "//["])
def test_a_redirect_to_nowhere_is_one_sentence(endpoint: Endpoint, location: str) -> None:
    with pytest.raises(ModelError, match="redirects to") as caught:
        ask(always(Said("moved", 302, {"Location": location}), endpoint))
    assert caught.value.fault is None


@pytest.mark.parametrize(
    ("said", "model"),
    [("ev\x1b[31mil\nfoo", "ev [31mil foo"), ("judge + other", "judge+other"), ("m" * 9999, "m" * 200), ("\x00", None)],
)
def test_who_answered_is_told_on_one_line_and_as_one(endpoint: Endpoint, said: str, model: str | None) -> None:
    assert ask(always(completion(model=said), endpoint)).model == model


def test_a_pause_beyond_all_patience_keeps_nobody_waiting(endpoint: Endpoint) -> None:
    endpoint.reply = lambda _: (
        completion() if len(endpoint.requests) > 1 else Said("later", 429, {"Retry-After": "901"})
    )
    limits = Limits(backoff=0)
    model = limited(limits, endpoint.url)
    with pytest.raises(ModelError, match="answered 429"):
        run(model.generate(PROMPT))
    run(model.generate(PROMPT))
    assert len(endpoint.requests) == 2


HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "retry-after-ms", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"]),
    st.sampled_from(["0", "0.001", "-1", "nan", "1ms", "soon", "Wed, 21 Oct 2015 07:28:00 GMT"]),
)
MESSAGES = JSON | st.fixed_dictionaries({"content": JSON | st.text(), "refusal": JSON, "reasoning": JSON})
REASONS = st.sampled_from(["stop", "length", "abort", "content_filter", None, 7, "what"])
COMPLETIONS = st.builds(
    lambda message, reason, usage, model: {
        "choices": [{"message": message, "finish_reason": reason}], "usage": usage, "model": model
    },
    MESSAGES, REASONS, JSON, JSON,
)  # fmt: skip
ERRORS = st.builds(
    lambda error: {"error": error},
    JSON
    | st.fixed_dictionaries(
        {"message": st.text(max_size=40), "code": JSON, "param": JSON, "type": st.text(max_size=9)}
    ),
)
BODIES = st.one_of(
    COMPLETIONS.map(json.dumps), ERRORS.map(json.dumps), JSON.map(json.dumps), st.text(max_size=30),
    st.sampled_from(["<html><title>x</title></html>", "data: {}\n\n"]),
)  # fmt: skip


@pytest.fixture(scope="module")
def lasting() -> Iterator[Endpoint]:
    server = Endpoint()
    yield server
    server.close()


def outcome_of(model: EndpointModel) -> tuple[str, Fault | None]:
    """The answer; else the sentence in its place, and the fault behind it."""
    try:
        return ask(model).reasoned, None
    except (ModelError, RunError) as error:
        sentence = str(error)
        return sentence if sentence.isprintable() and sentence.endswith(".") else "", error.fault


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES, status=st.sampled_from([200, 200, 200, 400, 401, 402, 403, 404, 413, 422, 429, 500, 503, 307]),
       headers=HEADERS)  # fmt: skip
def test_whatever_comes_is_an_answer_or_one_sentence(
    lasting: Endpoint, body: str, status: int, headers: dict[str, str]
) -> None:
    """One that is busy is asked for a quarter of an hour, so in the end it gets better."""
    lasting.requests.clear()
    hostile = Said(raw=body, status=status, headers=headers)
    lasting.reply = lambda _: completion() if len(lasting.requests) > ATTEMPTS else hostile
    said, fault = outcome_of(model_at(lasting.url, top_p=0.5))
    assert fault is None, fault
    assert said.strip()
    assert KEY not in said
    assert 1 <= len(lasting.requests) <= ATTEMPTS + 3
