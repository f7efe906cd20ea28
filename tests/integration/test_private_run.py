"""What a run leaves behind: no secret in any spelling, and nothing that others on the machine may read."""

import base64
import html
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from benchmark.data.dataset import read_samples
from tests.endpoint import Endpoint, Received, Said, plausible_text
from tests.integration.runs import agents, make_samples, run
from tests.tasks import clip_of

CLIPS = [clip_of(sample).path for sample in read_samples("demo").samples]
PASSWORD, VALUE, KEY, PARAMETER = "pass-w0rd/+?\u00fc", "query-value-&<01", "sk-judge-0123456789", "sk-parameter-0123"


def spellings(*secrets: str) -> Iterator[str]:
    for secret in secrets:
        raw = secret.encode()
        yield from (secret, quote(secret), quote(secret, safe=""), html.escape(secret), json.dumps(secret)[1:-1])
        yield from (base64.b64encode(raw).decode().rstrip("="), base64.urlsafe_b64encode(raw).decode().rstrip("="))
        yield raw.hex()


def quoting(received: Received) -> Said:
    """Quotes all that it has been told, in every spelling; one question fails, and one answer is rated wrong."""
    model = str(received.body["model"])
    known = (KEY,) if model == "judge" else (PASSWORD, f"user:{PASSWORD}", VALUE, PARAMETER)
    quoted = " ; ".join([*spellings(*known), *received.headers.values(), received.path])
    if model != "model":
        told = plausible_text(model, received.text, 0, certain="mood 2" not in received.text)
        return Said(f"{quoted}\n{told}" if model == "judge" else told)
    if "mood 1" in received.text:
        return Said(f"you sent {quoted}", 400)
    return Said(f"The mouth is open. {quoted}\nAnswer: sad")


def written(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes().decode("utf-8", "replace")


@pytest.fixture(params=[[], ["-n2"]], ids=["alone", "two processes"])
def processes(request: pytest.FixtureRequest) -> list[str]:
    found: list[str] = request.param
    return found


def test_no_secret_is_left_in_any_spelling_and_nothing_for_others(
    endpoint: Endpoint, tmp_path: Path, processes: list[str]
) -> None:
    endpoint.reply = quoting
    port = urlsplit(endpoint.url).port
    password, value = (quote(secret, safe="") for secret in (PASSWORD, VALUE))
    url = f"http://user:{password}@127.0.0.1:{port}/v1?api-version=2024-08-06&code={value}"
    usual = os.umask(0o002)
    try:
        finished = run(
            tmp_path / "home",
            *agents(url), make_samples(tmp_path / "data.jsonl", CLIPS, 4), f"--judge-base-url={endpoint.url}",
            "--judge-api-key-env=JUDGE_KEY", f"--model-option=api_key={PARAMETER},temperature=0.5", *processes,
            "--log-level=DEBUG", f"--log-file={tmp_path / 'log.txt'}", "-o", "log_cli=true", "-l", "--tb=long",
            "--report-media", JUDGE_KEY=KEY, OPENAI_LOG="debug",
        )  # fmt: skip
    finally:
        os.umask(usual)
    assert finished.outcomes() == {"passed": 2, "failed": 1, "error": 1}, finished.output[-3000:]
    assert {request.path for request in endpoint.asked("model")} == {f"/v1/chat/completions?{urlsplit(url).query}"}
    pair = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
    assert {request.headers["authorization"] for request in endpoint.asked("model")} == {f"Basic {pair}"}
    assert {request.headers["authorization"] for request in endpoint.asked("judge")} == {f"Bearer {KEY}"}

    places = [("output", finished.output), *written(tmp_path)]
    assert len(places) > 15
    secrets = list(spellings(PASSWORD, f"user:{PASSWORD}", VALUE, KEY, PARAMETER))
    leaks = [(place, spelt) for place, text in places for spelt in secrets if spelt in text]
    assert not leaks
    assert "api_key=***" in finished.report["provenance"]["arguments"]

    home = [tmp_path / "home", *(tmp_path / "home").rglob("*")]
    clips = {path for path in home if path.parent.name == "clips"}  # links to the user's own files
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in home if path not in clips}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
