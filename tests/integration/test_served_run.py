"""`transformers serve`, a real OpenAI-compatible server, with a tiny checkpoint behind it."""

import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkpoints import BUILDS, make
from tests.integration.runs import ROOT, environment, run, until

RULES = ("--judge=rules", "--extractor=rules", "--tb=no", "-q")
MODEL = "tiny"


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server's base URL."""
    folder = tmp_path_factory.mktemp("served")
    make("qwen2.5-omni", folder / MODEL)
    (folder / "home" / "hub").mkdir(parents=True)
    port = _free_port()
    with subprocess.Popen(
        [Path(sys.executable).with_name("transformers"), "serve", "--host=127.0.0.1", f"--port={port}", "--device=cpu"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=environment(PYTHONPATH=BUILDS, HF_HOME=str(folder / "home"), HF_HUB_OFFLINE="1"),
    ) as process:  # fmt: skip
        until(lambda: _answers(f"http://127.0.0.1:{port}/health"), process)
        yield f"http://127.0.0.1:{port}/v1"
        process.terminate()


def asked(url: str, *more: str) -> list[str]:
    options = ["--model-option=max_tokens=8,temperature=0", "--concurrency=2", "--limit=4"]
    return [f"--model=openai:{MODEL}", f"--base-url={url}", *options, *RULES, *more]


def test_frames_and_sound_reach_the_model(served: str, tmp_path: Path) -> None:
    both = run(tmp_path, *asked(served, "--modalities=video,audio"))
    assert both.report["overall"]["scored"] == 4, both.output
    seen = run(tmp_path, *asked(served, "--modalities=video"), f"--run-dir={tmp_path / 'seen'}")
    assert seen.report["overall"]["scored"] == 4, seen.output
    tokens = [finished.report["usage"]["model"]["input_tokens"] for finished in (both, seen)]
    assert tokens[0] > tokens[1] > 4 * 100
    assert [record["answer"] for record in both.records] != [record["answer"] for record in seen.records]


def test_the_doctor_sees_what_it_takes(served: str, tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("mme-emotion")
    done = subprocess.run(
        [program, "doctor", f"--model=openai:{MODEL}", f"--base-url={served}", "--modalities=video,audio"],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    told = done.stdout + done.stderr
    assert re.search(r"^one picture +ok ", told, re.MULTILINE), told
    assert re.search(r"^sound +ok ", told, re.MULTILINE), told
    assert "--modalities=video,audio" in told
