"""Servers that are not ours, each a program of its own on loopback: nginx as a proxy, and the proxy of LiteLLM."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.runs import ROOT, environment

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is neither on PATH nor in /usr/sbin")

LITELLM = Path(os.environ.get("MME_EMOTION_LITELLM", ROOT / ".venv-litellm" / "bin" / "litellm"))
needs_litellm = pytest.mark.skipif(not LITELLM.exists(), reason="the litellm program is not installed: make litellm")

STARTED_WITHIN_SECONDS = 120

MOCK_TOKENS, REPLY_USD = 20, 0.25
"""What LiteLLM says that a reply of a mock model has, and what each costs."""

_NGINX = """
daemon off;
master_process off;  # else a worker of root's is somebody else, who may not read the folder
pid nginx.pid;
error_log stderr;
events {{}}
http {{
    log_format short '$status $request';
    access_log requests.log short;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    {http}
    server {{
        listen 127.0.0.1:{port};
        {server}
    }}
}}
"""

_KEYS = '''
"""Virtual keys without a database: what is known of a key is here, and LiteLLM refuses it in its own words."""

import json
from pathlib import Path

import litellm
from litellm.proxy._types import UserAPIKeyAuth
from litellm.proxy.auth.auth_checks import virtual_key_max_budget_check
from litellm.proxy.auth.resolvers.exceptions import KeyNotFoundError
from litellm.proxy.auth.route_checks import RouteChecks
from litellm.proxy.utils import hash_token

KEYS = json.loads(Path(__file__).with_name("keys.json").read_text())


async def admit(request, api_key):
    from litellm.proxy.proxy_server import proxy_logging_obj

    if api_key not in KEYS:
        raise KeyNotFoundError(hash_token(api_key))
    known = KEYS[api_key]
    litellm.budget_exceeded_status_code = known["refused_with"]
    alias = api_key.removeprefix("sk-")
    key = UserAPIKeyAuth(api_key=api_key, key_alias=alias, max_budget=known["budget_usd"], spend=known["spent_usd"])
    if RouteChecks.is_llm_api_route(request.url.path):  # as LiteLLM does with the keys of its database
        await virtual_key_max_budget_check(key, proxy_logging_obj)
    return key
'''


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that runs.

    Attributes:
        url: base URL of the API behind it.
        log: file in which it notes each request.
    """

    url: str
    log: Path

    def noted(self, words: str) -> int:
        """How many requests it has noted with these words."""
        return sum(words in line for line in self.log.read_text("utf-8", "replace").splitlines())


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualKey:
    """A key of LiteLLM's.

    Attributes:
        budget_usd: what it may spend.
        spent_usd: what it has spent so far.
        refused_with: status of a refusal; 422 is LiteLLM's own choice since it left 429.
    """

    budget_usd: float
    spent_usd: float = 0.0
    refused_with: int = 422


@contextmanager
def nginx(folder: Path, *, server: str, http: str = "") -> Iterator[Proxy]:
    """An nginx with these lines of configuration, as a process without privileges, all of its files in `folder`."""
    assert NGINX
    port = _free_port()
    (folder / "nginx.conf").write_text(_NGINX.format(http=http, server=server, port=port))
    command = [NGINX, "-e", "stderr", "-p", f"{folder}/", "-c", "nginx.conf"]
    with _running(command, folder / "nginx.out", f"http://127.0.0.1:{port}/"):
        yield Proxy(f"http://127.0.0.1:{port}/v1", folder / "requests.log")


@contextmanager
def litellm(folder: Path, answers: Mapping[str, str], keys: Mapping[str, VirtualKey]) -> Iterator[Proxy]:
    """LiteLLM's proxy with a mock model for each of the `answers`, and with these keys.

    As a model is said to give no more tokens than a mock reply has, LiteLLM sets aside before each request what it will
    cost, and a budget lasts for as many replies as it can pay.
    """
    price = {"input_cost_per_token": 0.0, "output_cost_per_token": REPLY_USD / MOCK_TOKENS}
    models = [
        {
            "model_name": name,
            "litellm_params": {"model": "openai/mock", "api_key": "none", "mock_response": text, **price},
            "model_info": {"max_output_tokens": MOCK_TOKENS},
        }
        for name, text in answers.items()
    ]
    settings = {"custom_auth": "own_keys.admit", "custom_auth_run_common_checks": True}
    told = {name: {field: getattr(key, field) for field in VirtualKey.__slots__} for name, key in keys.items()}
    (folder / "config.yaml").write_text(json.dumps({"model_list": models, "general_settings": settings}))
    (folder / "own_keys.py").write_text(_KEYS)
    (folder / "keys.json").write_text(json.dumps(told))
    port, log = _free_port(), folder / "litellm.out"
    command = [str(LITELLM), "--config=config.yaml", "--host=127.0.0.1", f"--port={port}", "--telemetry=False"]
    # the price list that it ships, not the one it would fetch
    more = {"LITELLM_MASTER_KEY": f"sk-{secrets.token_hex(16)}", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with _running(command, log, f"http://127.0.0.1:{port}/health/liveliness", **more):
        yield Proxy(f"http://127.0.0.1:{port}/v1", log)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def _running(command: Sequence[str], log: Path, url: str, **more: str) -> Iterator[None]:
    """The program, from when it answers at the URL until it has gone; what it says goes to `log`, beside its files."""
    with (
        log.open("wb") as said,
        subprocess.Popen(
            command, cwd=log.parent, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment(**more)
        ) as process,
    ):
        try:
            deadline = time.monotonic() + STARTED_WITHIN_SECONDS
            while not _answers(url):
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"{command[0]} does not start: {log.read_text('utf-8', 'replace')[-5000:]}")
                time.sleep(0.05)
            yield
        finally:
            process.kill()


def _answers(url: str) -> bool:
    """Whether a server answers there, be it with an error."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
