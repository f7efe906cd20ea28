"""What lets a request in at an endpoint, and what decides whose replies are kept for whom."""

import asyncio
import json
from pathlib import Path

import pytest

from benchmark.accounts.limits import Limits
from benchmark.endpoint.model import EndpointModel
from benchmark.errors import RunError
from benchmark.models.cached import CachedModel
from benchmark.models.find import ModelOptions, find
from benchmark.prompt import Prompt
from benchmark.storage.cache import Cache
from tests.endpoint import Endpoint, Received, Said


def model_at(*urls: str, key_env: str | None = None, **parameters: object) -> EndpointModel:
    options = ModelOptions(base_urls=urls, api_key_env=key_env, parameters=parameters, limits=Limits(backoff=0))
    found = find("openai:some-model", options)
    assert isinstance(found, EndpointModel)
    return found


def with_user(endpoint: Endpoint, user: str, query: str = "") -> str:
    return endpoint.url.replace("http://", f"http://{user}@") + query


def test_user_and_password_go_as_a_header_and_the_query_as_it_was_given(endpoint: Endpoint) -> None:
    endpoint.reply = lambda _: Said("joy")
    model = model_at(with_user(endpoint, "me:p%40ss", "?a=1&b=&a=%2f"))

    async def ask() -> None:
        await model.check()
        await model.generate(Prompt(text="Which?"))
        await model.aclose()

    asyncio.run(ask())
    (received,) = endpoint.requests
    assert received.headers["authorization"] == "Basic bWU6cEBzcw=="
    assert received.path == "/v1/chat/completions?a=1&b=&a=%2f"


def test_a_key_that_would_go_nowhere_is_refused(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", "sk-0123456789")
    with pytest.raises(RunError, match="in place of the key in TEST_KEY") as caught:
        model_at(with_user(endpoint, "me:very-secret"), key_env="TEST_KEY")
    assert "very-secret" not in str(caught.value)
    assert model_at(with_user(endpoint, "me:very-secret"), endpoint.url, key_env="TEST_KEY").name == "some-model"


def test_an_identity_without_user_and_query_is_what_it_was() -> None:
    told = '{"model": "some-model", "parameters": {"temperature": 0}, "urls": ["http://host/v1"]}'
    assert model_at("http://host/v1").identity == told


def test_what_decides_who_answers_is_part_of_an_identity_and_none_of_it_is_told() -> None:
    base = "http://host/v1"
    asked = [
        model_at(base),
        model_at(f"{base}?deployment=old-one"),
        model_at(f"{base}?deployment=new-one"),
        model_at("http://someone@host/v1"),
        model_at("http://another:pass-word@host/v1"),
        model_at("http://host/v2"),
        model_at(base, api_key="sk-parameter-one"),
        model_at(base, api_key="sk-parameter-two"),
    ]
    identities = [model.identity for model in asked]
    assert len(set(identities)) == len(asked)
    assert not any(secret in "".join(identities) for secret in ("-one", "-two", "someone", "another", "pass-word"))
    one, other = model_at("http://a/v1?x=1", "http://b/v1"), model_at("http://b/v1", "http://a/v1?x=1")
    assert one.identity == other.identity
    assert model_at("http://me:one@host/v1").identity == model_at("http://me:other@host/v1").identity


def test_each_deployment_has_its_own_replies_and_its_own_window(endpoint: Endpoint, tmp_path: Path) -> None:
    def reply(received: Received) -> Said:
        return Said(received.path.rpartition("=")[2])

    endpoint.reply = reply
    cache = Cache(tmp_path / "cache")

    async def ask(url: str) -> str:
        model = model_at(url)
        answer = await CachedModel(model, cache).generate(Prompt(text="Which?"))
        await model.aclose()
        return answer.text

    urls = [f"{endpoint.url}?deployment={name}" for name in ("old", "new", "old")]
    assert [asyncio.run(ask(url)) for url in urls] == ["old", "new", "old"]
    assert len(endpoint.requests) == 2
    cache.close()

    limits = Limits()
    find("openai:some-model", ModelOptions(base_urls=tuple(urls[:2]), limits=limits))
    assert limits.traffic.endpoints == 2
    routes = json.loads(model_at(*urls[:2]).identity)["routes"]
    assert [url for url, _ in routes] == [endpoint.url] * 2
