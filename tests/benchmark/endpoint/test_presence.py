"""Whether an endpoint is there and has the model, before anything is paid for."""

import asyncio
import datetime
import json
from collections.abc import Iterator, Mapping

import pytest

from benchmark.accounts.catalogue import end_notice
from benchmark.accounts.limits import Limits
from benchmark.endpoint.connection import proxy_for, read_proxies
from benchmark.endpoint.listing import parse_listing
from benchmark.endpoint.model import EndpointModel
from benchmark.endpoint.presence import nearest
from benchmark.errors import RunError
from benchmark.models.find import ModelOptions, find
from benchmark.prompt import Prompt
from tests.endpoint import Endpoint, Said

PAGE = Said(raw="<!doctype html><title>Welcome</title>", headers={"Content-Type": "text/html"})


def rows(*found: Mapping[str, object]) -> Said:
    return Said(raw=json.dumps({"object": "list", "data": list(found)}))


def named(*names: str) -> Said:
    return rows(*({"id": name} for name in names))


def model_at(url: str, name: str = "some-model") -> EndpointModel:
    found = find(f"openai:{name}", ModelOptions(base_urls=(url,), limits=Limits(backoff=0)))
    assert isinstance(found, EndpointModel)
    return found


def check(url: str, name: str = "some-model") -> list[str]:
    """What the user is told."""
    model = model_at(url, name)
    asyncio.run(model.check())
    return model.endpoint.limits.notices


@pytest.mark.parametrize(
    "listed",
    [
        "some-model",
        "models/some-model",
        "Some-Model",
        "some-model:latest",
        "some-model-2026-08-06",
        "some-*",
        "vendor/some-model",
    ],
)
def test_a_model_that_is_listed_in_whatever_spelling_is_asked_nothing(endpoint: Endpoint, listed: str) -> None:
    endpoint.listing = lambda _: named("other", listed)

    assert check(endpoint.url) == []
    assert endpoint.requests == []


@pytest.mark.parametrize(
    "said",
    [
        Said("The model does not exist", 404),
        Said("/chat/completions: Invalid model name passed in model=some-mode. Call `/v1/models`", 400),
        Said("Model some-mode is not supported", 400),
        Said("UNKNOWN DEPLOYMENT", 499),
        Said("nothing", 404),
    ],
)
def test_a_wrong_name_is_told_with_its_likes_before_any_sample(endpoint: Endpoint, said: Said) -> None:
    endpoint.listing, endpoint.reply = lambda _: named("other", "some-model"), lambda _: said
    with pytest.raises(RunError, match="has no model some-mode; it lists some-model, other"):
        check(endpoint.url, "some-mode")
    (received,) = endpoint.requests
    asked = {"model": "some-mode", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1, "stream": False}
    assert received.body == asked, "nothing of the data is sent"


def test_what_a_list_says_is_told_without_key_and_on_one_line(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", "sk-very-secret-0123456789")
    endpoint.listing = lambda _: named("other-sk-very-secret-0123456789", "x\x1b[31mred\nforged line")
    endpoint.reply = lambda _: Said("no such model", 404)
    options = ModelOptions(base_urls=(endpoint.url,), api_key_env="TEST_KEY")
    found = find("openai:some-model", options)
    assert isinstance(found, EndpointModel)
    with pytest.raises(RunError, match=r"it lists .*other-\*\*\*") as caught:
        asyncio.run(found.check())
    assert "secret" not in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("location", ["http://[bad", ""])
def test_a_list_that_leads_nowhere_stops_nothing_but_itself(endpoint: Endpoint, location: str) -> None:
    endpoint.listing = lambda _: Said("moved", 302, {"Location": location} if location else {})
    if location:
        with pytest.raises(RunError, match="redirects to an invalid URL"):
            check(endpoint.url)
    else:
        assert check(endpoint.url) == []


@pytest.mark.parametrize(
    "said", [Said("hi"), Said("temperature", 400), Said("busy", 429), Said("The model does not exist", 500)]
)
def test_a_deployment_that_is_not_listed_may_be_there(endpoint: Endpoint, said: Said) -> None:
    endpoint.listing, endpoint.reply = lambda _: named("gpt-4o"), lambda _: said

    assert check(endpoint.url, "my-deployment") == []


@pytest.mark.parametrize(
    "listing", [named(), Said("nothing here", 404), Said("{", 200), Said("no", 403), Said("?", 500)]
)
def test_where_nothing_is_listed_nothing_is_known(endpoint: Endpoint, listing: Said) -> None:
    endpoint.listing = lambda _: listing

    assert check(endpoint.url) == []


def test_a_list_that_has_moved_on_its_own_server_stops_nothing(endpoint: Endpoint) -> None:
    endpoint.listing = lambda _: Said("moved", 307, {"Location": f"{endpoint.url}/elsewhere/models"})
    assert check(endpoint.url) == []


def test_six_models_of_a_list_are_named_the_likest_first() -> None:
    served = ("zebra", "qwen-omni", "gpt-4o-mini", "llama", "gpt-4o", "mistral", "phi")
    assert nearest("gpt-4", served) == "gpt-4o, gpt-4o-mini, zebra, qwen-omni, llama, mistral, …"
    assert nearest("gpt-4", served[:6]) == "gpt-4o, gpt-4o-mini, zebra, qwen-omni, llama, mistral"
    assert nearest("joy", ("zebra", "enjoyable-1")) == "enjoyable-1, zebra", "even if it is not very like"
    assert nearest("x", ()) == ""


@pytest.fixture
def halved() -> Iterator[Endpoint]:
    """A server whose list is below /v1 alone; what it has elsewhere is the test's."""
    server = Endpoint()
    yield server
    server.close()


@pytest.mark.parametrize("elsewhere", [PAGE, Said("not found", 404)])
def test_a_url_without_its_v1_is_told(halved: Endpoint, elsewhere: Said) -> None:
    halved.by_path = lambda path: named("some-model") if path == "/v1/models" else elsewhere
    with pytest.raises(RunError, match=f"is not the API's URL: give {halved.url}."):
        check(halved.url.removesuffix("/v1"))


def test_a_redirect_to_another_host_is_told_and_not_followed(endpoint: Endpoint, halved: Endpoint) -> None:
    moved = Said(status=307, headers={"Location": f"{halved.url}/models?token=secret"})
    endpoint.listing = lambda _: moved
    with pytest.raises(RunError, match=rf"redirects to {halved.url} \(307\).*give the URL that it leads to"):
        check(endpoint.url)


def test_a_request_is_never_redirected_with_its_body(endpoint: Endpoint, halved: Endpoint) -> None:
    endpoint.reply = lambda _: Said("moved", status=308, headers={"Location": f"{halved.url}/chat/completions"})
    with pytest.raises(Exception, match="redirects to"):
        asyncio.run(generated(model_at(endpoint.url)))
    assert halved.requests == []


async def generated(model: EndpointModel) -> None:
    try:
        await model.generate(Prompt(text="Which?"))
    finally:
        await model.aclose()


def in_days(days: int) -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"shutdown_date": str(in_days(20))}, "ends on"),
        ({"shutdown_date": f"{in_days(-20)}T00:00:00Z"}, "ended on"),
        ({"shutdown_date": datetime.datetime.now(datetime.UTC).timestamp() + 20 * 86400}, "ends on"),
        ({"shutdown_date": str(in_days(200))}, ""),
        ({"shutdown_date": None}, ""),
        ({"shutdown_date": "some day"}, ""),
        ({}, ""),
    ],
)
def test_the_provider_s_own_word_of_an_end_is_passed_on(
    endpoint: Endpoint, row: Mapping[str, object], said: str
) -> None:
    endpoint.listing = lambda _: rows({"id": "some-model", **row})
    notices = check(endpoint.url)

    assert [said in notice for notice in notices] == ([True] if said else [])


def test_an_end_is_told_sixty_days_before() -> None:
    ends = datetime.date(2026, 12, 1)

    assert end_notice("m", ends, "n", datetime.date(2026, 10, 1)) is None
    assert end_notice("m", ends, "n", datetime.date(2026, 10, 2)) == (
        "m ends on 2026-12-01, in 60 days; its provider recommends n."
    )
    assert end_notice("m", ends, "n", datetime.date(2026, 11, 30)) == (
        "m ends on 2026-12-01, in 1 day; its provider recommends n."
    )
    assert end_notice("m", ends, None, ends) == "m ended on 2026-12-01; its provider names no successor."


@pytest.mark.parametrize("body", [b"", b"[]", b"3", b'{"data": {}}', b'{"data": [null, {"id": 3}]}', b"\xff"])
def test_what_is_no_list_names_nothing(body: bytes) -> None:
    assert not parse_listing(body).names
    assert parse_listing(body).serves("some-model") is None


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("https_proxy", "foo://user:very-secret@host", r"\(https_proxy=foo://host\) cannot be used"),
        ("https_proxy", "foo://user:very-secret://word@host", r"\(https_proxy=foo://host\) cannot be used"),
        ("https_proxy", "http://host:port", "cannot be used"),
        ("all_proxy", "socks5://host:1080", r"needs a package: pip install 'httpx2\[socks\]'"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(RunError, match=told) as caught:
        check("https://api.example.com/v1")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://models.example/v1", "http://proxy:1"),
        ("https://models.example/v1", "http://proxy:2"),
        ("https://inside.example/v1", None),
        ("http://a.inside.example:8000/v1", None),
    ],
)
def test_the_proxy_of_a_url_is_the_one_that_the_client_chooses(
    monkeypatch: pytest.MonkeyPatch, url: str, proxy: str | None
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("http_proxy", "proxy:1")
    monkeypatch.setenv("all_proxy", "http://user:very-secret@proxy:2")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert proxy_for(url, read_proxies()) == proxy


def test_a_proxy_that_was_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://user:very-secret@127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(RunError, match=r"cannot be reached through the proxy http://127\.0\.0\.1:9 \(") as caught:
        check("http://gpu.example.com/v1")
    assert "secret" not in str(caught.value)
