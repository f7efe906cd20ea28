"""A real OpenAI-compatible endpoint on loopback, which keeps what it is sent and answers as a test wants."""

import json
import re
import socket
import threading
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came: headers, and the body parsed and whole."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    raw: bytes

    @property
    def text(self) -> str:
        """The text part of the message."""
        content = self.body["messages"][0]["content"]
        return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)

    def parts(self, kind: str) -> list[Any]:
        """The content parts of a kind: `image_url`, `input_audio`, `video_url`."""
        return [part[kind] for part in self.body["messages"][0]["content"] if part["type"] == kind]


@dataclass(frozen=True, slots=True)
class Said:
    """What the endpoint replies: a message, or with another status or `raw` whatever stands there."""

    text: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: str | None = None

    def body(self, model: str) -> bytes:
        """The reply's body."""
        if self.raw is not None:
            return self.raw.encode()
        if self.status != 200:
            return json.dumps({"error": {"message": self.text}}).encode()
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": self.text}}
        usage = {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010}
        reply = {"id": "1", "object": "chat.completion", "created": 0, "model": model, "choices": [choice]}
        return json.dumps(reply | {"usage": usage}).encode()


def plausible(received: Received) -> Said:
    """Answers each role by its model's name: `judge` rates every step 1, `extractor` makes two steps, others answer."""
    return Said(plausible_text(str(received.body["model"]), received.text, zlib.crc32(received.raw)))


def plausible_text(model: str, asked: str, seen: int, *, certain: bool = True) -> str:
    """What fits the role; `seen` makes it unlike others, and decides the rating of a judge who is not `certain`.

    What was asked is the request's text, or its whole body, where ends of lines are escaped.
    """
    if "judge" in model:
        steps = int(_found(r"There are (\d+) steps", asked))
        scale = int(_found(r"Step 2: 1/(\d+)</score>", asked))
        last = scale if certain else seen % (scale + 1)
        ratings = [*(f"Step {number}: 1/1" for number in range(1, steps)), f"Step {steps}: {last}/{scale}"]
        return f"<score>{', '.join(ratings)}</score>"
    if "extractor" in model:
        label = _found(r"The labels:(?:\n|\\n)=+ \w+ =+(?:\n|\\n)([^;]+);", asked)
        return f"<step>Step 1: The mouth is open {seen}. Step 2: {label}</step>"
    return f"The mouth is open {seen}.\nAnswer: {_found(r'Candidate labels: ([^;]+);', asked)}"


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match, f"{pattern} is not in {text}"
    return match[1]


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):  # it has been closed in the meantime
        connection.shutdown(socket.SHUT_RDWR)


class Endpoint:
    """The server; `reply`, `listing`, which is given the headers, and `by_path` may be replaced at any time.

    `by_path` says what there is to GET at a path, where that is more than a list of models. Closed the server is gone,
    with its connections.
    """

    def __init__(self, port: int = 0) -> None:
        self.requests: list[Received] = []
        self.reply: Callable[[Received], Said] = plausible
        self.listing: Callable[[Mapping[str, str]], Said] = lambda _: Said(raw='{"object": "list", "data": []}')
        self.by_path: Callable[[str], Said] | None = None
        self.connections: set[socket.socket] = set()
        self.gone = False
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self._server.socket.listen(128)  # the 5 that are usual reset connections of who opens many at once
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.gone = True
        for connection in set(self.connections):
            _cut(connection)

    def asked(self, model: str) -> list[Received]:
        """The requests to one model."""
        return [received for received in self.requests if received.body.get("model") == model]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                endpoint.connections.add(self.connection)
                if endpoint.gone:  # this one came in the last moment
                    _cut(self.connection)

            def finish(self) -> None:
                endpoint.connections.discard(self.connection)
                super().finish()

            def do_GET(self) -> None:
                if endpoint.by_path is not None:
                    self._send(endpoint.by_path(self.path), "")
                    return
                self._send(endpoint.listing({name.lower(): value for name, value in self.headers.items()}), "")

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                received = Received(
                    self.path, {name.lower(): value for name, value in self.headers.items()}, json.loads(raw), raw
                )
                endpoint.requests.append(received)
                self._send(endpoint.reply(received), str(received.body.get("model")))

            def _send(self, said: Said, model: str) -> None:
                body = said.body(model)
                self.send_response(said.status)
                for name, value in {"Content-Type": "application/json", **said.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                with suppress(OSError):  # who asked has gone, or this endpoint has
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                """Says nothing: pytest's output is the test's."""

        return Handler
