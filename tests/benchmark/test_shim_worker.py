"""The worker: a server in the environment of a model that has code of its own, asked by real requests."""

import ast
import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.worker import worker
from benchmark.worker.worker import Asked, Refused, parse_request, usual_name
from tests.integration.runs import environment

FILE = Path(worker.__file__)
SHIM = """
import os, time
from pathlib import Path

def answer(video, audio, subtitle, question):
    if question == "raise":
        raise ValueError("no face\\nwas found")
    if question == "exit":
        raise SystemExit(3)
    if question == "die":
        os._exit(7)
    if question == "hang":
        time.sleep(600)
    if question in ("nothing", "empty", "number"):
        return {"nothing": None, "empty": " ", "number": 7}[question]
    print("shims may print")
    read = lambda path: path and (Path(path).suffix, len(Path(path).read_bytes()))
    return repr((read(video), read(audio), subtitle, question))
"""
BATCHES = """
import time

def answer_batch(asked):
    if any(one.question == "hang" for one in asked):
        time.sleep(600)
    if any(one.question == "raise" for one in asked):
        raise ValueError("one of them")
    time.sleep(0.3)
    return [f"{one.question} of {len(asked)}" for one in asked][:-1 if asked[0].question == "short" else None]
"""


@dataclass(frozen=True)
class Running:
    """A worker that runs: its process, its address, the model's name and the folder of its temporary files."""

    process: subprocess.Popen[str]
    url: str
    name: str
    folder: Path

    @property
    def port(self) -> int:
        return int(self.url.split(":")[2].split("/")[0])

    def ask(self, content: object, headers: Mapping[str, str] | None = None, **more: object) -> tuple[int, str]:
        """The status, and the answer or the message of the error."""
        body = {"model": self.name, "messages": [{"role": "user", "content": content}]} | more
        return self.send(json.dumps(body).encode(), headers)

    def send(
        self, body: bytes | None, headers: Mapping[str, str] | None = None, path: str = "/chat/completions"
    ) -> tuple[int, str]:
        sent = {"Content-Type": "application/json"} | dict(headers or {})
        request = urllib.request.Request(self.url + path, body, sent)
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                said = json.load(reply)
                return reply.status, said["choices"][0]["message"]["content"] if "choices" in said else json.dumps(said)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)["error"]["message"]


@contextmanager
def serving(folder: Path, shim: str, *options: str, file: Path = FILE, **more: str) -> Iterator[Running]:
    """A worker in a process of its own, that is ready."""
    (folder / "tmp").mkdir(parents=True)
    path = folder / "my_shim.py"
    path.write_text(shim)
    command = [sys.executable, str(file), f"--shim={path}", "--port=0", *options]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env=environment(TMPDIR=str(folder / "tmp"), **more),
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            ready = re.match(r"Ready: (\S+) at (\S+)$", process.stdout.readline())
            assert ready, "it did not start"
            yield Running(process, ready[2], ready[1], folder / "tmp")
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) is not None
    assert list((folder / "tmp").iterdir()) == [], "temporary files are left"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("worker"), SHIM, "--timeout=2", "--max-mb=40") as started:
        yield started


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def clip(data: bytes) -> dict[str, Any]:
    return {"type": "video_url", "video_url": {"url": f"data:video/mp4;base64,{encoded(data)}"}}


def sound(data: bytes) -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": encoded(data), "format": "wav"}}


def soon(reached: Callable[[], bool]) -> None:
    """Waits for something that happens in another process."""
    deadline = time.monotonic() + 20
    while not reached():
        assert time.monotonic() < deadline, "it does not come to that"


def left(running: Running) -> list[Path]:
    """The files of questions that are still there."""
    return [path for path in running.folder.rglob("*") if path.is_file()]


def test_the_shim_is_given_files_and_these_are_deleted(running: Running) -> None:
    content = [clip(b"x" * 25_000_000), sound(b"y" * 9), {"type": "text", "text": "Which?"}]
    assert running.ask(content, subtitle="Oh.") == (200, "(('.mp4', 25000000), ('.wav', 9), 'Oh.', 'Which?')")
    assert running.ask("Which?") == (200, "(None, None, '', 'Which?')")
    assert left(running) == []


def test_a_dialogue_is_put_before_the_question(running: Running) -> None:
    turns = [{"role": "user", "content": "I am sad."}, {"role": "assistant", "content": "Why?"}]
    body = {"model": running.name, "messages": [*turns, {"role": "user", "content": "Which?"}]}
    assert running.send(json.dumps(body).encode()) == (
        200,
        r"(None, None, '', 'user: I am sad.\nassistant: Why?\nWhich?')",
    )


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("raise", "the shim failed: ValueError: no face was found"),
        ("exit", "the shim failed: SystemExit: 3"),
        ("nothing", "the shim returned None, not an answer"),
        ("empty", "the shim returned an empty text, not an answer"),
        ("number", "the shim returned a value of type int, not an answer"),
        ("die", "the process of the shim died with code 7"),
        ("hang", "the shim gave no answer within 2 s"),
    ],
)
def test_a_question_that_the_shim_cannot_answer_gets_an_error_and_the_next_one_its_answer(
    running: Running, question: str, words: str
) -> None:
    content = [clip(b"x"), {"type": "text", "text": question}]
    assert running.ask(content) == (424, words)
    assert running.ask("Which?")[0] == 200
    assert left(running) == []


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "not JSON"),
        (b"[" * 100_000, 400, "not JSON"),
        (b"[]", 400, "no messages"),
        (b'{"messages": [7]}', 400, "no messages"),
        (b'{"model": "another", "messages": [{}]}', 404, "it serves my_shim-"),
    ],
)
def test_what_is_no_request_is_refused(running: Running, body: bytes, status: int, words: str) -> None:
    found = running.send(body)
    assert found[0] == status
    assert words in found[1]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,AA"}}, "run with --modalities=clip,audio"),
        ({"type": "video_url", "video_url": {"url": "file:///etc/passwd"}}, "as data, not as an address"),
        ({"type": "video_url", "video_url": {"url": "http://127.0.0.1/"}}, "as data, not as an address"),
        ({"type": "video_url", "video_url": {"url": "data:video/mp4;base64,?"}}, "not valid Base64"),
        ({"type": "input_audio", "input_audio": None}, "has no data"),
        ({"type": "file"}, "neither text, video_url nor input_audio"),
        (7, "neither text, video_url nor input_audio"),
    ],
)
def test_a_part_that_the_worker_does_not_take_is_refused(running: Running, part: object, words: str) -> None:
    status, said = running.ask([part])
    assert status == 400
    assert words in said


def test_two_clips_and_streams_are_refused(running: Running) -> None:
    assert running.ask([clip(b"x"), clip(b"y")]) == (400, "The request has more than one video.")
    assert running.ask("Which?", stream=True) == (400, "The worker does not stream.")
    assert left(running) == []


def test_requests_are_bounded_and_only_the_worker_s_own(running: Running) -> None:
    assert running.send(b" " * 41_000_000) == (413, "The request has 41.0 MB, more than --max-mb=40")
    assert running.ask("Which?", {"Content-Type": "text/plain"})[0] == 415
    assert running.ask("Which?", {"Host": "attacker.example"})[0] == 403
    assert running.send(None, path="/other")[0] == 404
    assert running.name in running.send(None, path="/models")[1]
    with socket.create_connection(("127.0.0.1", running.port), 10) as one:
        one.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert b" 411 " in one.recv(100)


def test_the_token_is_needed_if_one_is_asked_for(tmp_path: Path) -> None:
    with serving(tmp_path, SHIM, "--token-env=MY_TOKEN", MY_TOKEN="abc") as running:
        assert running.ask("Which?")[0] == 401
        assert running.send(None, path="/models")[0] == 401
        assert running.ask("Which?", {"Authorization": "Bearer abd"})[0] == 401
        assert running.ask("Which?", {"Authorization": "Bearer abc"})[0] == 200


def test_batches_are_as_large_as_there_are_questions_and_one_that_fails_is_asked_again(tmp_path: Path) -> None:
    with serving(tmp_path, BATCHES, "--batch=4", "--timeout=3") as running, ThreadPoolExecutor(9) as pool:
        found = list(pool.map(running.ask, map(str, range(9))))
        assert {status for status, _ in found} == {200}
        sizes = [int(said.rpartition(" ")[2]) for _, said in found]
        assert max(sizes) == 4
        mixed = list(pool.map(running.ask, ["a", "b", "raise", "c", "hang"]))
        assert [status for status, _ in mixed] == [200, 200, 424, 200, 424]
        assert mixed[2][1] == "the shim failed: ValueError: one of them"
        assert "was given 1 questions and returned 0 of answers" in running.ask("short")[1]


def test_questions_beyond_the_queue_are_asked_to_come_again(tmp_path: Path) -> None:
    with serving(tmp_path, BATCHES, "--queue=1", "--batch=1") as running, ThreadPoolExecutor(6) as pool:
        found = list(pool.map(running.ask, "abcdef"))
        assert {status for status, _ in found} == {200, 429}


SLOW = """
import time
from pathlib import Path

asked = []

def answer(video, audio, subtitle, question):
    asked.append(question)
    while not Path("go").exists():
        time.sleep(0.01)
    return " ".join(asked)
"""


def test_a_client_that_has_gone_costs_no_call(tmp_path: Path) -> None:
    def questions() -> int:
        return len([path for path in (tmp_path / "tmp").glob("worker-*/*") if path.is_dir()])

    with serving(tmp_path, SLOW) as running, ThreadPoolExecutor(1) as pool:
        body = json.dumps({"model": running.name, "messages": [{"role": "user", "content": "gone"}]})
        kind, size = "Content-Type: application/json", f"Content-Length: {len(body)}"
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n{kind}\r\n{size}\r\n\r\n"
        first = pool.submit(running.ask, "first")
        soon(lambda: questions() == 1)
        with socket.create_connection(("127.0.0.1", running.port), 10) as one:
            one.sendall((head + body).encode())
            soon(lambda: questions() == 2)
        (tmp_path / "go").touch()
        assert first.result() == (200, "first")
        assert running.ask("last") == (200, "first last")


@pytest.mark.parametrize(
    ("shim", "words"),
    [
        ("", "it has no function answer(video, audio, subtitle, question)"),
        ("answer = 7", "its answer is not a function"),
        ("def answer(video): ...", "its answer must take video, audio, subtitle and question, in this order"),
        ("def answer_batch(): ...", "its answer_batch must take a list of questions"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit('weights are missing')", "SystemExit: weights are missing"),
        ("import os; os._exit(9)", "the process of the shim died with code 9"),
        ("import time; time.sleep(60)", "the shim was not loaded within 2 s"),
    ],
)
def test_a_shim_that_cannot_be_loaded_is_refused_at_the_start(tmp_path: Path, shim: str, words: str) -> None:
    (tmp_path / "my_shim.py").write_text(shim)
    done = started(tmp_path, "--shim=my_shim.py", "--load-timeout=2")
    assert done.returncode == 1
    assert f"my_shim.py cannot be used: {words}" in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--shim=absent.py"], "There is no file absent.py; name your shim"),
        ([], "name your shim"),
        (["--shim=my_shim.py", "--token-env=ABSENT"], "--token-env=ABSENT: the variable is not set"),
        (["--shim=my_shim.py", "--max-mb=nan"], "must be 0.1 or more, got nan"),
    ],
)
def test_wrong_options_are_refused(tmp_path: Path, options: list[str], words: str) -> None:
    (tmp_path / "my_shim.py").write_text(SHIM)
    done = started(tmp_path, *options)
    assert done.returncode == 2
    assert words in done.stderr


def started(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FILE), "--port=0", *options]
    return subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )


def test_a_module_beside_the_shim_is_imported_and_none_beside_the_worker(tmp_path: Path) -> None:
    """Research code has modules called `model` or `text`, as this package has; a folder `benchmark` may lie about."""
    (tmp_path / "model.py").write_text("NAME = 'theirs'")
    (tmp_path / "benchmark").mkdir()
    (tmp_path / "benchmark" / "__init__.py").write_text("raise SystemExit('not this one')")
    with serving(tmp_path, "import model\ndef answer(*asked): return model.NAME") as running:
        assert running.ask("Which?") == (200, "theirs")


def test_the_shim_ends_if_the_worker_is_killed(tmp_path: Path) -> None:
    (tmp_path / "my_shim.py").write_text("import os\ndef answer(*asked): return str(os.getpid())")
    command = [sys.executable, str(FILE), "--shim=my_shim.py", "--port=0"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(TMPDIR=str(tmp_path)), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        ready = re.match(r"Ready: (\S+) at (\S+)$", process.stdout.readline())
        assert ready
        pid = int(Running(process, ready[2], ready[1], tmp_path).ask("Which?")[1])
        process.kill()
    soon(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_the_command_prints_the_worker_as_one_file_that_needs_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "reports.cli", "worker", "--print"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(PYTHONPATH=str(FILE.parents[2])), capture_output=True, check=True
    )
    assert done.stdout == FILE.read_bytes()
    tree = ast.parse(done.stdout, feature_version=(3, 8))
    imported = {
        name.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    imported |= {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names


def olds() -> list[Path]:
    """The Pythons before this one that are installed."""
    folder = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    return sorted(folder.glob("3.[89].*/bin/python"))


@pytest.mark.skipif(not olds(), reason="no Python 3.8 or 3.9 of pyenv is installed")
@pytest.mark.parametrize("python", olds(), ids=lambda path: path.parts[-3])
def test_the_worker_runs_with_old_pythons(tmp_path: Path, python: Path) -> None:
    copied = tmp_path / "copied.py"
    copied.write_bytes(FILE.read_bytes())
    with ExitStack() as stack:
        ours = stack.enter_context(serving(tmp_path / "a", SHIM, f"--python={python}"))
        assert ours.ask("Which?") == (200, "(None, None, '', 'Which?')")
        (tmp_path / "b" / "tmp").mkdir(parents=True)
        (tmp_path / "b" / "my_shim.py").write_text("import sys\ndef answer(*asked): return str(sys.version_info[:2])")
        command = [str(python), str(copied), f"--shim={tmp_path / 'b' / 'my_shim.py'}", "--port=0"]
        process = stack.enter_context(
            subprocess.Popen(
                command, stdout=subprocess.PIPE, text=True, env=environment(TMPDIR=str(tmp_path / "b" / "tmp"))
            )
        )
        stack.callback(process.terminate)
        assert process.stdout is not None
        ready = re.match(r"Ready: (\S+) at (\S+)$", process.stdout.readline())
        assert ready
        theirs = Running(process, ready[2], ready[1], tmp_path / "b" / "tmp")
        assert theirs.ask([clip(b"x"), {"type": "text", "text": "Which?"}])[1].startswith("(3, ")


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=5)
        | st.sampled_from(["user", "video_url", "text"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["type", "text", "url", "video_url", "input_audio", "data"]), inner, max_size=3
            )
        ),
        max_leaves=10,
    )
)
def test_any_content_is_a_question_or_refused(tmp_path: Path, content: object) -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": content}]}).encode()
    try:
        found: object = parse_request(body, "m", tmp_path)
    except Refused as refused:
        found = refused
    assert isinstance(found, Asked) or (isinstance(found, Refused) and found.status == 400)


def test_the_usual_name_changes_with_the_shim(tmp_path: Path) -> None:
    path = tmp_path / "r1.py"
    names: list[str] = []
    write: Callable[[str], int] = path.write_text
    for text in ("a = 1", "a = 2", "a = 1"):
        write(text)
        names.append(usual_name(path))
    assert names[0] == names[2] != names[1]
    assert names[0].startswith("r1-")
