"""A checkpoint's files."""

import errno
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest

pytest.importorskip("torch")

from benchmark.errors import RunError
from benchmark.local.checkpoint import Checkpoint, fetch, find_checkpoint
from benchmark.local.hub import Hub, refusal
from benchmark.local.settings import LocalSettings, parse_settings
from benchmark.storage.digests import digest_of

Find = Callable[[str], Path]
PLAIN = LocalSettings()
ROOT = Path(__file__).parents[3]


def copied(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to / "copy"))


@pytest.mark.parametrize(
    ("name", "modalities"),
    [
        ("qwen2.5-omni", {"video", "audio"}),
        ("qwen2.5-omni-voice", {"video", "audio"}),
        ("qwen2.5-vl", {"video"}),
        ("qwen2-audio", {"audio"}),
        ("video-llava", {"video"}),
    ],
)
def test_its_parts_tell_what_it_takes(checkpoint: Find, name: str, modalities: set[str]) -> None:
    assert find_checkpoint(str(checkpoint(name)), PLAIN).modalities == modalities


def test_weights_are_weighed_by_their_numbers_and_only_what_is_loaded(checkpoint: Find) -> None:
    import safetensors.torch

    folder = checkpoint("qwen2.5-omni-voice")
    tensors = safetensors.torch.load_file(folder / "model.safetensors")
    numbers = sum(tensor.numel() for name, tensor in tensors.items() if name.startswith("thinker."))
    found = find_checkpoint(str(folder), PLAIN)
    assert found.weigh(PLAIN) == 4 * numbers
    assert found.weigh(parse_settings({"dtype": "bfloat16"})) == 2 * numbers


def test_its_identity_is_what_its_files_hold_and_not_where_they_lie(checkpoint: Find, tmp_path: Path) -> None:
    folder = checkpoint("qwen2-audio")
    identity = find_checkpoint(str(folder), PLAIN).identity(digest_of)
    other = find_checkpoint(str(copied(folder, tmp_path)), PLAIN)
    assert other.identity(digest_of) == identity
    weights = other.folder / "model.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(raw)
    changed = other.identity(digest_of)
    assert changed != identity
    (other.folder / "chat_template.jinja").write_text("{{ messages }}")
    assert other.identity(digest_of) not in (identity, changed)


def test_weights_in_parts_are_all_there_or_it_is_told(checkpoint: Find, tmp_path: Path) -> None:
    folder = copied(checkpoint("qwen2-audio"), tmp_path)
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    found = find_checkpoint(str(folder), PLAIN)
    with pytest.raises(RunError, match=r"is incomplete: .* lacks model-2\.safetensors; fetch it again"):
        found.weights()
    (folder / "model-2.safetensors").write_bytes(b"")
    assert [path.name for path in found.weights()] == ["model-1.safetensors", "model-2.safetensors"]


def test_what_is_no_checkpoint_is_told(checkpoint: Find, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="does not exist: there is no such folder, and ids of the hub are OWNER/NAME"):
        find_checkpoint("/no/such/folder", PLAIN)
    with pytest.raises(RunError, match=r"is not a checkpoint: .* has no config\.json"):
        find_checkpoint(str(tmp_path), PLAIN)
    folder = copied(checkpoint("qwen2-audio"), tmp_path)
    (folder / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(RunError, match=r"model\.safetensors contains no tensors .*; fetch the checkpoint again"):
        find_checkpoint(str(folder), PLAIN).weigh(PLAIN)
    (folder / "model.safetensors").unlink()
    with pytest.raises(RunError, match=r"has no weights: .* contains no \*\.safetensors and no \*\.bin"):
        find_checkpoint(str(folder), PLAIN).weights()
    (folder / "config.json").write_text("[")
    with pytest.raises(RunError, match=r"config\.json cannot be read .*; fetch the checkpoint again"):
        find_checkpoint(str(folder), PLAIN)


def test_a_missing_package_is_named() -> None:
    code = (
        "import sys; sys.modules['torchvision'] = None; from benchmark.local.checkpoint import find_checkpoint as find;"
        " from benchmark.local.settings import LocalSettings; find('a/b', LocalSettings())"
    )
    asked = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "RunError: hf:a/b needs torchvision: pip install 'mme-emotion[local]'" in asked.stderr


class Refusing:
    """Answers as the Hugging Face hub does to those who may not have something."""

    def __init__(self, status: int, code: str) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("X-Error-Code", code)
                self.send_header("X-Error-Message", "Bearer hf_secret0123456789 may not")
                self.send_header("ETag", '"0123"')
                self.send_header("X-Repo-Commit", "c0ffee")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_HEAD(self) -> None:
                self.do_GET()

            def log_message(self, *arguments: object) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def refusing(tmp_path: Path) -> Iterator[Callable[[int, str], Hub]]:
    """Makes a hub of what it is to say, for the length of a test."""
    started: list[Refusing] = []

    def start(status: int, code: str) -> Hub:
        started.append(Refusing(status, code))
        return Hub(started[-1].url, tmp_path)

    yield start
    for one in started:
        one.server.shutdown()
        one.server.server_close()


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, "GatedRepo", "access must be requested: accept the terms on its page, then set HF_TOKEN"),
        (401, "RepoNotFound", "the hub has no such checkpoint, or it is private; check the id, or set HF_TOKEN"),
        (404, "RevisionNotFound", "it has no such revision"),
        (404, "EntryNotFound", r"it has no config\.json"),
    ],
)
def test_why_the_hub_gives_nothing(refusing: Callable[[int, str], Hub], status: int, code: str, said: str) -> None:
    with pytest.raises(RunError, match=f"hf:owner/name cannot be fetched: {said}") as raised:
        find_checkpoint("owner/name", PLAIN, hub=refusing(status, code))
    assert "hf_secret" not in str(raised.value)


def test_what_is_neither_here_nor_to_be_had_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be fetched: the hub cannot be reached and the cache has no copy"):
        find_checkpoint("owner/name", PLAIN, offline=True, hub=Hub(cache=tmp_path))


@pytest.mark.parametrize("name", ["foo bar/baz", "a/", "a/b:c", "a/b--c", "a/b.git", "~nobody-has-this-name/model"])
def test_what_cannot_be_an_id_of_the_hub_is_told(name: str) -> None:
    with pytest.raises(RunError, match="does not exist: there is no such folder, and ids of the hub are OWNER/NAME"):
        find_checkpoint(name, PLAIN)


def test_a_folder_that_cannot_be_looked_at_is_told() -> None:
    with pytest.raises(RunError, match="cannot be opened: File name too long"):
        find_checkpoint("/" + "x" * 5000, PLAIN)


SECRET = "Bearer hf_secret0123456789"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (httpx2.ReadError(SECRET), r"the download failed \(ReadError\); try again"),
        (httpx2.ProxyError(SECRET), r"the download failed \(ProxyError\); try again"),
        (httpx2.InvalidURL(SECRET), r"the download failed \(InvalidURL\); try again"),
        (ValueError(SECRET), r"the download failed \(ValueError\); try again"),
        (ConnectionResetError(errno.ECONNRESET, SECRET), r"the download failed \(ConnectionResetError\); try again"),
        (OSError(errno.ENOSPC, SECRET), "No space left on device at /the/cache; make it writable and free space, or"),
        (PermissionError(errno.EACCES, SECRET), "Permission denied at /the/cache; make it writable"),
        (RuntimeError(f"{SECRET}: No space (os error 28)"), "No space left on device at /the/cache; make it writable"),
    ],
)
def test_why_a_download_ends(error: Exception, said: str) -> None:
    told = str(refusal("owner/name", error, "/the/cache"))
    assert re.match(f"hf:owner/name cannot be fetched: {said}", told)
    assert "hf_secret" not in told


def test_a_cache_that_takes_nothing_is_told(refusing: Callable[[int, str], Hub], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    hub = Hub(refusing(200, "None").endpoint, tmp_path / "file" / "cache")
    with pytest.raises(RunError, match=r"Not a directory at .*cache; make it writable and free space, or set"):
        find_checkpoint("owner/name", PLAIN, hub=hub)


def test_a_hub_that_breaks_off_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_hang_up, args=(server,), daemon=True).start()
        hub = Hub(f"http://127.0.0.1:{server.getsockname()[1]}", tmp_path)
        found = Checkpoint(name="owner/name", folder=Path("/nowhere"), config={}, commit="c0ffee")
        for take in (lambda: find_checkpoint("owner/name", PLAIN, hub=hub), lambda: fetch(found, PLAIN, hub)):
            with pytest.raises(RunError, match=r"owner/name cannot be fetched: the download failed \(\w+Error\); try"):
                take()
        server.shutdown(socket.SHUT_RDWR)  # else the thread would wait for one more


def _hang_up(server: socket.socket) -> None:
    """Ends each connection before it has said anything."""
    with suppress(OSError):
        while True:
            server.accept()[0].close()
