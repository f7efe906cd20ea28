"""Serves a model that has code of its own, as an OpenAI-compatible server on this machine.

This is one file without dependencies, for Python 3.8 or newer: copy it into the environment of the model and run

    python worker.py --shim=my_shim.py

The shim is a file of yours, which loads the model when it is imported and has one function:

    def answer(video, audio, subtitle, question):
        # paths of an mp4 and of a wav file, or None if the question has none; the last two are text
        return "The mouth is open … Answer: happy"

or `answer_batch(asked)`, which is given a list of such questions, each with the fields `video`, `audio`, `subtitle` and
`question`, and returns a list of as many texts. One call runs at a time. The shim has a process of its own: if a call
raises, that question gets an error; if it takes too long or the process dies, the shim is loaded again.

The server listens on 127.0.0.1 only. It takes `POST /v1/chat/completions` with the clip as `video_url` and its sound as
`input_audio`, both as data; never a path or an address. The files of a question are deleted once it is answered.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import binascii
import hashlib
import hmac
import importlib.util
import inspect
import json
import os
import queue
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import deque
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any, NamedTuple

HOST = "127.0.0.1"
IDLE_SECONDS = 600.0
"""How long a connection may be silent."""
LONGEST_MESSAGE = 500
"""Characters of an error of the shim that the client is told; the traceback goes to stderr."""
BODIES_AT_ONCE = 2
"""How many requests are parsed at a time: each takes a few times its size in memory."""
TOKEN = re.compile(r"[!-~]+")


class Asked(NamedTuple):
    """A question to the model: paths of its clip and its sound, or None, the words spoken, and what is asked."""

    video: str | None
    audio: str | None
    subtitle: str
    question: str


class Refused(Exception):
    """A request that gets an error; `status` is that of HTTP."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Unloaded(Exception):
    """The shim cannot be loaded."""


# The process of the shim


def run_shim(path: Path) -> int:
    """Loads the shim and answers the lines of JSON on stdin, a list of questions each, until it ends."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this process
    lines, replies = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what the shim prints must not come between the replies
    ask, several, wrong = None, False, ""
    try:
        ask, several = _function_of(path)
    except BaseException as error:  # noqa: BLE001  whatever the shim raises, or sys.exit
        if not isinstance(error, Unloaded):
            traceback.print_exc()
        wrong = _words(error)
    print(json.dumps({"error": wrong, "batches": several}), file=replies, flush=True)
    if ask is None:
        return 1
    for line in lines:
        asked = [Asked(*fields) for fields in json.loads(line)]
        print(json.dumps(_answered(ask, asked)), file=replies, flush=True)
    return 0


def _end_with(parent: int) -> None:
    """Ends this process if the server was killed: it would keep the device."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _function_of(path: Path) -> tuple[Any, bool]:
    """A function of a list of questions that returns the answers of the shim, and whether it takes several at once."""
    sys.path[0] = str(path.parent)  # in place of the folder of this file, whose modules are not meant
    spec = importlib.util.spec_from_file_location("mme_shim", str(path))
    if spec is None or spec.loader is None:
        raise Unloaded("it is not a file of Python; name one that ends in .py")
    shim = importlib.util.module_from_spec(spec)
    sys.modules["mme_shim"] = shim
    spec.loader.exec_module(shim)
    if (batch := getattr(shim, "answer_batch", None)) is not None:
        _check_takes(batch, "answer_batch", 1, "a list of questions")
        return batch, True
    if (single := getattr(shim, "answer", None)) is not None:
        _check_takes(single, "answer", 4, "video, audio, subtitle and question, in this order")
        return (lambda asked: [_awaited(single(*one)) for one in asked]), False
    raise Unloaded("it has no function answer(video, audio, subtitle, question)")


def _check_takes(function: Any, name: str, count: int, takes: str) -> None:
    """Refuses what is no function that can be called with `count` arguments; `takes` says which ones."""
    if not callable(function):
        raise Unloaded(f"its {name} is not a function")
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        raise Unloaded(f"its {name} must take {takes}") from None


def _awaited(given: Any) -> Any:
    """What a function returned, awaited if it is asynchronous."""
    return asyncio.run(_value(given)) if inspect.isawaitable(given) else given


async def _value(given: Any) -> Any:
    return await given


def _answered(ask: Any, asked: list[Asked]) -> list[dict[str, str]]:
    """The text or the error of each question. If a batch raises, its questions are asked one by one."""
    try:
        texts = _awaited(ask(asked))
        if not isinstance(texts, (list, tuple)) or len(texts) != len(asked):
            count = len(texts) if isinstance(texts, (list, tuple)) else "no list"
            raise ValueError(f"answer_batch was given {len(asked)} questions and returned {count} of answers")
    except BaseException as error:  # noqa: BLE001  whatever the shim raises, or sys.exit
        if len(asked) > 1:
            return [reply for one in asked for reply in _answered(ask, [one])]
        traceback.print_exc()
        return [{"error": "the shim failed: " + _words(error)}]
    return [
        {"text": text}
        if isinstance(text, str) and text.strip()
        else {"error": f"the shim returned {'an empty text' if isinstance(text, str) else _kind(text)}, not an answer"}
        for text in texts
    ]


def _kind(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"


def _words(error: BaseException) -> str:
    """The error on one line."""
    kind = "" if isinstance(error, Unloaded) else f"{type(error).__name__}: "
    return " ".join((kind + str(error)).split())[:LONGEST_MESSAGE]


class ShimProcess:
    """The process that runs the shim.

    Attributes:
        batches: whether the shim takes several questions in a call; known once it is loaded.
    """

    def __init__(self, path: Path, python: str, load_seconds: float) -> None:
        """Does not start it yet."""
        self._command = [python, str(Path(__file__).resolve()), "--child", f"--shim={path}"]
        self._load_seconds = load_seconds
        self.batches = False
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.Queue[bytes] = queue.Queue()

    def start(self) -> None:
        """Starts it and waits until the shim is loaded.

        Raises:
            Unloaded: it cannot be loaded.
        """
        self.kill()
        try:
            process = subprocess.Popen(  # noqa: S603  what the user has named
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        except OSError as error:
            raise Unloaded(f"{self._command[0]} cannot be started ({error.strerror})") from error
        self._process, self._lines = process, queue.Queue()
        assert process.stdout is not None
        threading.Thread(target=_read_lines, args=(process.stdout, self._lines), daemon=True).start()
        reply = self._reply(self._load_seconds, "was not loaded")
        if reply["error"]:
            raise Unloaded(reply["error"])
        self.batches = bool(reply["batches"])

    def ask(self, asked: list[Asked], seconds: float) -> list[dict[str, str]]:
        """The replies to a list of questions.

        Raises:
            Unloaded: the process has died or has not answered in time; it must be started again.
        """
        process = self._process
        assert process is not None
        assert process.stdin is not None
        with suppress(OSError):  # it has died: there is no reply either
            process.stdin.write(json.dumps(asked).encode() + b"\n")
            process.stdin.flush()
        replies: list[dict[str, str]] = self._reply(seconds, "gave no answer")
        return replies

    def _reply(self, seconds: float, lacking: str) -> Any:
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            self.kill()
            raise Unloaded(f"the shim {lacking} within {seconds:g} s") from None
        if not line:
            code = self._process.wait() if self._process else None
            raise Unloaded(f"the process of the shim died with code {code}")
        return json.loads(line)

    def kill(self) -> None:
        """Ends the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):  # what was still to be written goes to nobody
                    if pipe is not None:
                        pipe.close()


def _read_lines(pipe: IO[bytes], lines: queue.Queue[bytes]) -> None:
    """Puts each line into the queue, and b"" at the end."""
    with suppress(OSError, ValueError):  # closed
        for line in pipe:
            lines.put(line)
    lines.put(b"")


# The server


class Job:
    """A question that waits for its answer."""

    def __init__(self, asked: Asked, connection: socket.socket) -> None:
        """The connection shows whether anybody still waits."""
        self.asked, self._connection = asked, connection
        self.done = threading.Event()
        self.reply: dict[str, str] = {}
        self.alone = False

    @property
    def wanted(self) -> bool:
        """Whether the client is still connected."""
        try:
            if not select.select([self._connection], [], [], 0)[0]:
                return True
            return self._connection.recv(1, socket.MSG_PEEK) != b""
        except (OSError, ValueError):
            return False

    def end(self, reply: dict[str, str]) -> None:
        """Hands over the reply."""
        self.reply = reply
        self.done.set()


class Worker:
    """Gives questions to the shim, one call after another."""

    def __init__(self, shim: ShimProcess, batch: int, seconds: float) -> None:
        """`batch` is the largest number of questions of a call, `seconds` the longest time of one."""
        self._shim, self._batch, self._seconds = shim, batch if shim.batches else 1, seconds
        self._waiting: deque[Job] = deque()
        self._change = threading.Condition()
        self._fault = ""

    def answer(self, job: Job) -> str:
        """The answer to a question.

        Raises:
            Refused: there is none.
        """
        with self._change:
            if not self._fault:
                self._waiting.append(job)
                self._change.notify()
        while not self._fault and not job.done.wait(1):
            pass
        if "text" in job.reply:
            return job.reply["text"]
        if "error" in job.reply:  # another attempt would fail too: the status must not be one that clients try again
            raise Refused(424, job.reply["error"])
        raise Refused(500, self._fault)

    def run(self) -> str:
        """Answers questions until the shim cannot be loaded any more; returns why."""
        while True:
            jobs = self._next_jobs()
            try:
                replies = self._shim.ask([job.asked for job in jobs], self._seconds)
            except Unloaded as error:
                self._failed(jobs, str(error))
                try:
                    self._shim.start()
                except Unloaded as again:
                    self._fault = f"The shim cannot be loaded again: {again}."
                    return self._fault
                continue
            for job, reply in zip(jobs, replies):  # noqa: B905  Python 3.8
                job.end(reply)

    def _next_jobs(self) -> list[Job]:
        """The questions of the next call; those whose client has gone are dropped."""
        while True:
            with self._change:
                while not self._waiting:
                    self._change.wait(1)
                jobs = [self._waiting.popleft()]
                while self._waiting and len(jobs) < self._batch and not jobs[0].alone:
                    jobs.append(self._waiting.popleft())
            for job in jobs:
                if not job.wanted:
                    job.end({"error": "the client has gone"})
            wanted = [job for job in jobs if not job.done.is_set()]
            if wanted:
                return wanted

    def _failed(self, jobs: list[Job], why: str) -> None:
        """Ends a question that has ended the process; questions of a batch are asked again, each alone."""
        sys.stderr.write(f"worker: {why}; loading the shim again\n")
        if len(jobs) == 1:
            jobs[0].end({"error": why})
            return
        for job in jobs:
            job.alone = True
        with self._change:
            self._waiting.extendleft(reversed(jobs))


class Server(ThreadingHTTPServer):
    """The server, with all that its connections share."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, asked: argparse.Namespace, worker: Worker, folder: Path, token: str) -> None:
        """Files of questions lie in `folder`; no `token` is needed if it is empty.

        Raises:
            OSError: the port is taken.
        """
        super().__init__((HOST, asked.port), Handler)
        self.worker, self.folder, self.token = worker, folder, token
        self.name, self.most = asked.name or usual_name(asked.shim), int(asked.max_mb * 1e6)
        self.places = threading.BoundedSemaphore(asked.queue)
        self.parsing = threading.BoundedSemaphore(BODIES_AT_ONCE)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of connections that broke."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    server: Server

    def do_GET(self) -> None:
        """Lists the one model."""
        self._left = 0
        try:
            self._admit()
            if self.path.rstrip("/") != "/v1/models":
                raise Refused(404, "There is only /v1/models and /v1/chat/completions.")
            model = {"id": self.server.name, "object": "model", "created": 0, "owned_by": "worker"}
            self._send(200, {"object": "list", "data": [model]})
        except Refused as refused:
            self._refuse(refused)

    def do_POST(self) -> None:
        """Answers a question."""
        self._left = 0
        taken = False
        try:
            size = self.headers.get("Content-Length", "")
            if not (size.isascii() and size.isdigit() and len(size) < 16):
                self.close_connection = True
                raise Refused(411, "The request needs a Content-Length.")
            self._left = int(size)
            self._admit()
            self._check_body_kind()
            taken = self.server.places.acquire(blocking=False)
            if not taken:
                raise Refused(429, "Too many questions wait; ask again later, or lower --concurrency.")
            self._send(200, self._completion())
        except Refused as refused:
            self._refuse(refused)
        finally:
            if taken:
                self.server.places.release()

    def _admit(self) -> None:
        """Refuses requests without the token, and those that a web page makes through a name of its own."""
        host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        if host not in (HOST, "localhost"):
            raise Refused(403, f"The server answers as {HOST} and localhost only.")
        given = self.headers.get("Authorization", "")
        if self.server.token and not hmac.compare_digest(given.encode(), f"Bearer {self.server.token}".encode()):
            raise Refused(401, "The token is missing or wrong.")

    def _check_body_kind(self) -> None:
        if self.path.rstrip("/") != "/v1/chat/completions":
            raise Refused(404, "There is only /v1/models and /v1/chat/completions.")
        if self.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refused(415, "The request must be application/json.")
        if self._left > self.server.most:
            raise Refused(
                413, f"The request has {self._left / 1e6:.1f} MB, more than --max-mb={self.server.most / 1e6:g}"
            )

    def _completion(self) -> dict[str, Any]:
        folder = Path(tempfile.mkdtemp(dir=str(self.server.folder)))
        try:
            with self.server.parsing:
                size, self._left = self._left, 0
                body = self.rfile.read(size)
                if len(body) < size:
                    self.close_connection = True
                    raise Refused(400, "The request is incomplete.")
                asked = parse_request(body, self.server.name, folder)
                del body
            text = self.server.worker.answer(Job(asked, self.connection))
        except OSError as error:
            raise Refused(500, f"The clip cannot be written ({error.strerror})") from error
        finally:
            shutil.rmtree(str(folder), ignore_errors=True)
        message = {"role": "assistant", "content": text}
        return {
            "id": f"chatcmpl-{folder.name}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": self.server.name,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        }

    def _refuse(self, refused: Refused) -> None:
        """Reads what is left of the request, since clients do not look for a reply before they have sent it all."""
        while self._left > 0:
            read = self.rfile.read(min(self._left, 2**20))
            if not read:
                self.close_connection = True
                return
            self._left -= len(read)
        self._send(refused.status, {"error": {"message": str(refused), "type": "worker_error"}})

    def _send(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status == 429:
            self.send_header("Retry-After", "2")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is the library's
        """Logs nothing: questions are not the business of the terminal."""


def parse_request(body: bytes, name: str, folder: Path) -> Asked:
    """The question in a request; its clip and its sound are written into the folder.

    The messages before the last one are put before the question, as in `user: I am sad.`

    Raises:
        Refused: it is not what the worker takes.
        OSError: a file cannot be written.
    """
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "The request is not JSON.") from None
    messages = request.get("messages") if isinstance(request, dict) else None
    if not isinstance(messages, list) or not messages or not all(isinstance(one, dict) for one in messages):
        raise Refused(400, "The request has no messages.")
    if request.get("model") != name:
        raise Refused(404, f"This worker has no such model: it serves {name}.")
    if request.get("stream"):
        raise Refused(400, "The worker does not stream.")
    subtitle, paths, said = request.get("subtitle"), dict.fromkeys(("video", "audio")), []
    for number, message in enumerate(messages, 1):
        words = []
        for kind, value in map(_part, _parts(message.get("content"))):
            if kind == "text":
                words.append(value)
                continue
            if paths[kind] is not None:
                raise Refused(400, f"The request has more than one {kind}.")
            path = folder / ("clip.mp4" if kind == "video" else "sound.wav")
            path.write_bytes(_decoded(value))
            paths[kind] = str(path)
        text = "\n".join(words)
        said.append(text if number == len(messages) else f"{message.get('role')}: {text}")
    return Asked(paths["video"], paths["audio"], subtitle if isinstance(subtitle, str) else "", "\n".join(said))


def _parts(content: object) -> list[Any]:
    """The parts of a message's content; a plain text is one part."""
    return content if isinstance(content, list) else [{"type": "text", "text": content}]


def _part(part: Any) -> tuple[str, str]:
    """`text`, `video` or `audio`, and the text or the data in Base64."""
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "image_url":
        raise Refused(400, "The worker takes the whole clip, not frames: run with --modalities=clip,audio.")
    field = {"text": "text", "video_url": "url", "input_audio": "data"}.get(str(kind))
    if field is None:
        raise Refused(400, "A part of a message is neither text, video_url nor input_audio.")
    value = part.get("text") if kind == "text" else part.get(kind)
    if kind != "text":
        value = value.get(field) if isinstance(value, dict) else None
    if not isinstance(value, str):
        raise Refused(400, f"A part of type {kind} has no {field}.")
    if kind == "text":
        return "text", value
    head, comma, _ = value[:100].partition(",")
    if kind == "video_url" and not (comma and head.startswith("data:") and head.endswith(";base64")):
        raise Refused(400, "A clip must be sent as data, not as an address.")
    return ("video" if kind == "video_url" else "audio"), value[len(head) + 1 :] if comma else value


def _decoded(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(400, "A clip or a sound is not valid Base64.") from None


# The command


def usual_name(shim: Path) -> str:
    """The model's name if none is given: that of the file with its hash, so that a changed shim gets no old replies."""
    return f"{shim.stem}-{hashlib.sha256(shim.read_bytes()).hexdigest()[:8]}"


def _at_least(least: float, kind: Any) -> Any:
    def read(text: str) -> Any:
        value = kind(text)
        if not least <= value < float("inf"):
            raise argparse.ArgumentTypeError(f"must be {least:g} or more, got {text}")
        return value

    return read


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declares the options of the worker."""
    parser.add_argument("--shim", type=Path, metavar="FILE.py", help="file with the function answer or answer_batch")
    parser.add_argument("--name", help="name of the model (default: that of the file, and a hash of its content)")
    port = _at_least(0, int)
    parser.add_argument("--port", type=port, default=8009, metavar="N", help="port on 127.0.0.1, 0 for any (8009)")
    parser.add_argument("--python", default=sys.executable, metavar="PATH", help="Python of the model's environment")
    parser.add_argument("--batch", type=_at_least(1, int), default=8, metavar="N", help="most questions of a batch (8)")
    longest = _at_least(0.1, float)
    parser.add_argument("--timeout", type=longest, default=240.0, metavar="SECONDS", help="longest call (240)")
    parser.add_argument("--load-timeout", type=longest, default=1800.0, metavar="SECONDS", help="longest load (1800)")
    parser.add_argument("--max-mb", type=longest, default=64.0, metavar="MB", help="largest request (64)")
    parser.add_argument(
        "--queue", type=_at_least(1, int), default=32, metavar="N", help="most questions that wait (32)"
    )
    parser.add_argument("--token-env", metavar="VARIABLE", help="environment variable with a token that clients need")


def serve(asked: argparse.Namespace) -> int:
    """Serves until it is interrupted; returns the exit code: 0, 1 if the shim cannot be loaded, 2 for wrong options."""
    try:
        token = _token(asked.token_env)
        if asked.shim is None or not asked.shim.is_file():
            raise ValueError(f"There is no file {asked.shim}; name your shim with --shim=FILE.py.")
    except ValueError as error:
        sys.stderr.write(f"worker: {error}\n")
        return 2
    asked.shim = asked.shim.resolve()
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, _interrupt)
    shim, folder = ShimProcess(asked.shim, asked.python, asked.load_timeout), Path(tempfile.mkdtemp(prefix="worker-"))
    try:
        sys.stderr.write(f"worker: loading {asked.shim.name}\n")
        shim.start()
        worker = Worker(shim, asked.batch, asked.timeout)
        server = Server(asked, worker, folder, token)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdout.write(_use_of(server, 2 * asked.batch if shim.batches else 2, asked.token_env))
        sys.stdout.flush()
        sys.stderr.write(f"worker: {worker.run()}\n")
        time.sleep(1)  # those that wait are told
        return 1
    except Unloaded as error:
        sys.stderr.write(f"worker: {asked.shim.name} cannot be used: {error}.\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"worker: port {asked.port} cannot be used ({error.strerror}); choose another with --port.\n")
        return 2
    except KeyboardInterrupt:
        return 0
    finally:
        shim.kill()
        shutil.rmtree(str(folder), ignore_errors=True)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _token(variable: str | None) -> str:
    if variable is None:
        return ""
    token = os.environ.get(variable, "")
    if not TOKEN.fullmatch(token):
        raise ValueError(f"--token-env={variable}: the variable is not set, or is not a token of visible letters.")
    return token


def _use_of(server: Server, concurrency: int, key: str | None) -> str:
    """How the suite is told to use the worker: twice the questions of a call, so that the next ones wait already."""
    url = f"http://{HOST}:{server.server_address[1]}/v1"
    return (
        f"Ready: {server.name} at {url}\n"
        f"  pytest --model=openai:{server.name} --base-url={url} --modalities=clip,audio"
        f"{f' --api-key-env={key}' if key else ''} --concurrency={concurrency} --data=DIR\n"
    )


def main(arguments: list[str] | None = None) -> int:
    """Runs the worker, or with `--child` the process of its shim."""
    text = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(description=text)
    add_options(parser)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    return run_shim(asked.shim) if asked.child else serve(asked)


if __name__ == "__main__":
    sys.exit(main())
