"""Runs through proxies that people put in front of models: nginx, and LiteLLM with its keys and budgets."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from benchmark.accounts.limits import Limits
from benchmark.endpoint.model import EndpointModel
from benchmark.errors import ModelError
from benchmark.models.find import ModelOptions, find
from benchmark.prompt import Prompt
from tests.endpoint import Endpoint
from tests.integration.runs import Finished, run, start, until
from tests.real_servers import MOCK_TOKENS, REPLY_USD, Proxy, VirtualKey, litellm, needs_litellm, needs_nginx, nginx

FEW = ("--data=demo", "--tasks=SA", "--limit=4", "--tb=no", "-q")
SAMPLES = 4

ANSWERS = {
    "model": "The mouth is open.\nAnswer: anger",
    "extractor": "<step>Step 1: The mouth is open. Step 2: anger</step>",
    "judge": "<score>Step 1: 1/1, Step 2: 0/1</score>",
}
KEYS = {
    "sk-of-the-rich": VirtualKey(budget_usd=1000),
    "sk-of-the-spent": VirtualKey(budget_usd=1, spent_usd=1.5),
    "sk-of-the-spent-as-before": VirtualKey(budget_usd=1, spent_usd=1.5, refused_with=429),
    "sk-of-the-short": VirtualKey(budget_usd=2 * REPLY_USD),
}
AGENTS = ("--model=openai:model", "--extractor=openai:extractor", "--judge=openai:judge")
RULES = ("--model=openai:model", "--extractor=rules", "--judge=rules")
CHAT = '"POST /v1/chat/completions HTTP/1.1"'


def pass_on(endpoint: Endpoint, *lines: str) -> str:
    """The configuration that sends all requests to the endpoint."""
    return f"location / {{ proxy_pass http://127.0.0.1:{endpoint.port}; {' '.join(lines)} }}"


@needs_nginx
def test_a_limit_of_requests_costs_no_sample(endpoint: Endpoint, tmp_path: Path) -> None:
    zone = "limit_req_zone $server_addr zone=all:1m rate=8r/s; limit_req_status 429;"
    with nginx(tmp_path, http=zone, server=pass_on(endpoint, "limit_req zone=all burst=1 nodelay;")) as proxy:
        finished = run(tmp_path, f"--base-url={proxy.url}", *FEW, *AGENTS)
        refused = proxy.noted("429 POST /v1/chat/completions")
    assert finished.report["overall"]["scored"] == SAMPLES, finished.output
    assert finished.code in (0, 1), finished.output
    assert refused > 0
    assert len(endpoint.requests) == 3 * SAMPLES, "what was refused is sent again, and nothing else"


@needs_nginx
def test_a_body_that_is_too_large_is_told_with_what_to_do(endpoint: Endpoint, tmp_path: Path) -> None:
    with nginx(tmp_path, server=pass_on(endpoint, "client_max_body_size 8k;")) as proxy:
        finished = run(tmp_path, f"--base-url={proxy.url}", *FEW, *AGENTS)
        refused = proxy.noted("413 POST /v1/chat/completions")
    assert finished.code != 0
    assert finished.report["overall"]["scored"] == 0, finished.output
    assert finished.report["overall"]["unscored"] == len(finished.records) == SAMPLES
    assert refused == SAMPLES, "it does not heal, so it is not sent again"
    assert endpoint.requests == []
    for record in finished.records:
        assert (record["outcome"], record["stage"]) == ("error", "model")
        told = record["error"].lower()
        for words in ("413", "--frames", "proxy", "client_max_body_size"):
            assert words in told
        assert "<" not in told


@needs_nginx
def test_a_server_that_is_gone_for_a_while_costs_no_sample(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.close()
    with (
        nginx(tmp_path, server=pass_on(endpoint)) as proxy,
        start(tmp_path, f"--base-url={proxy.url}", *FEW, *RULES) as process,
    ):
        try:
            until(lambda: proxy.noted("502 POST /v1/chat/completions") > 1, process)
            with closing(Endpoint(endpoint.port)):
                output, _ = process.communicate(timeout=120)
        finally:
            process.kill()
    finished = Finished(process.returncode, output, tmp_path / "run")
    assert finished.report["overall"]["scored"] == SAMPLES, output


PAGE = "<!DOCTYPE html><html><head><title>Not \x1b[2J\x07 here{}</title></head><body>{}</body></html>".format(
    " nor there" * 100, "<p>Sorry.</p>\r\n" * 1000
)


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Proxy]:
    """An nginx whose servers are gone or dumb, and which has pages of its own for what it does not know."""
    (tmp_path / "own.html").write_text(PAGE)
    with socket.socket() as gone, socket.socket() as dumb:
        gone.bind(("127.0.0.1", 0))
        dumb.bind(("127.0.0.1", 0))
        dumb.listen(64)
        server = f"""
            client_max_body_size 1k;
            location /gone/ {{ proxy_pass http://127.0.0.1:{gone.getsockname()[1]}; }}
            location /dumb/ {{ proxy_pass http://127.0.0.1:{dumb.getsockname()[1]}; proxy_read_timeout 100ms; }}
            location /none/ {{ return 404; }}
            location /own/ {{ error_page 404 /own.html; return 404; }}
            location = /own.html {{ root {tmp_path}; internal; }}
        """
        with nginx(tmp_path, server=server) as proxy:
            yield proxy


@needs_nginx
@pytest.mark.parametrize(
    ("place", "status", "title"),
    [
        ("gone", 502, "502 Bad Gateway"),
        ("dumb", 504, "504 Gateway Time-out"),
        ("none", 404, "404 Not Found"),
        ("own", 404, "Not"),
        ("large", 413, "413 Request Entity Too Large"),
    ],
)
def test_a_page_for_browsers_is_told_by_its_title(pages: Proxy, place: str, status: int, title: str) -> None:
    url = pages.url.replace("/v1", f"/{place}/v1")
    model = find("openai:some-model", ModelOptions(base_urls=(url,), limits=Limits(backoff=0)))
    assert isinstance(model, EndpointModel)
    with pytest.raises(ModelError) as caught:
        asyncio.run(model.generate(Prompt(text="Which?" * (1000 if place == "large" else 1))))
    told = str(caught.value)
    assert told.isprintable(), "no line breaks, nothing that steers a terminal"
    assert not set("<>") & set(told)
    assert str(status) in told.replace(title, "")
    assert title in told
    assert len(told) < 300 + 300, "some of the server's words, and ours"
    assert pages.noted(f"{status} POST /{place}/v1/chat/completions") >= 1


@pytest.fixture(scope="module")
def mocks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """LiteLLM with mock models for the three roles."""
    with litellm(tmp_path_factory.mktemp("litellm"), ANSWERS, KEYS) as proxy:
        yield proxy


def litellm_run(folder: Path, proxy: Proxy, key: str, *arguments: str) -> Finished:
    asked = (f"--base-url={proxy.url}", "--api-key-env=TEST_KEY", *FEW)
    return run(folder, *asked, *arguments, TEST_KEY=key)


@needs_litellm
def test_all_roles_can_be_asked_through_litellm(mocks: Proxy, tmp_path: Path) -> None:
    finished = litellm_run(tmp_path, mocks, "sk-of-the-rich", *AGENTS)
    assert finished.report["overall"]["scored"] == SAMPLES, finished.output
    for record in finished.records:
        assert (record["answer"], record["reasoning"], record["recognition"]) == (ANSWERS["model"], 1, 0)
        used = record["usage"]["model"]
        assert (used["model"], used["requests"], used["output_tokens"]) == ("model", 1, MOCK_TOKENS)
        assert used["input_tokens"] > 100, "LiteLLM has counted what it was sent, frames among it"
    assert finished.report["usage"]["judge"]["output_tokens"] > 0


@needs_litellm
@pytest.mark.parametrize("key", ["sk-of-the-spent", "sk-of-the-spent-as-before"])
def test_a_spent_budget_ends_the_run_at_once_in_litellm_s_words(mocks: Proxy, tmp_path: Path, key: str) -> None:
    before = mocks.noted(CHAT)
    finished = litellm_run(tmp_path, mocks, key, *AGENTS, "--concurrency=2")
    assert finished.code != 0
    assert "Budget has been exceeded" in finished.output
    assert "Traceback" not in finished.output
    assert 0 < mocks.noted(CHAT) - before <= 2, "those that were in flight together, once each"


@needs_litellm
def test_a_run_goes_on_where_a_budget_ended_it(mocks: Proxy, tmp_path: Path) -> None:
    before = mocks.noted(f"{CHAT} 200")
    ended = litellm_run(tmp_path, mocks, "sk-of-the-short", *RULES, "--concurrency=1")
    assert ended.code != 0
    assert "Budget has been exceeded" in ended.output
    assert mocks.noted(f"{CHAT} 200") - before == 2
    finished = litellm_run(tmp_path, mocks, "sk-of-the-rich", *RULES)
    assert finished.report["overall"]["scored"] == SAMPLES, finished.output
    assert mocks.noted(f"{CHAT} 200") - before == SAMPLES, "what was paid for is not asked again"


@needs_litellm
def test_a_key_that_litellm_does_not_know_is_named(mocks: Proxy, tmp_path: Path) -> None:
    before = mocks.noted(CHAT)
    finished = litellm_run(tmp_path, mocks, "sk-of-nobody", *RULES)
    assert finished.code == 4, finished.output
    assert "refuses the key in TEST_KEY (401)" in finished.output
    assert mocks.noted(CHAT) == before


@needs_litellm
def test_a_model_that_litellm_does_not_have_is_named(mocks: Proxy, tmp_path: Path) -> None:
    finished = litellm_run(tmp_path, mocks, "sk-of-the-rich", *RULES, "--model=openai:modell")
    assert finished.code == 4, finished.output
    assert "has no model modell; it lists model, " in finished.output
