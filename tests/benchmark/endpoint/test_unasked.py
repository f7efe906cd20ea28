"""Servers that say more on a kept connection than they were asked: each answer stays that to its own question."""

import asyncio
import json
import re
import select
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from benchmark.accounts.limits import Limits
from benchmark.endpoint.model import EndpointModel
from benchmark.endpoint.transport import BoundedTransport
from benchmark.models.find import ModelOptions, find
from benchmark.prompt import Prompt

Answers = Callable[[socket.socket, str], None]
"""Sends what a server says to a question, by a connection that stays open."""

SPLIT = 40
UNASKED = "what nobody asked"


def reply(text: str, padding: int = 0, *, chunked: bool = False) -> bytes:
    body = json.dumps({"choices": [{"message": {"content": text}}], "padding": "a" * padding}).encode()
    if chunked:
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def both_at_once(connection: socket.socket, asked: str) -> None:
    connection.sendall(reply(asked) + reply(UNASKED))


def both_in_chunks(connection: socket.socket, asked: str) -> None:
    connection.sendall(reply(asked, chunked=True) + reply(UNASKED, chunked=True))


def one_after_a_long_one(connection: socket.socket, asked: str) -> None:
    connection.sendall(reply(asked, padding=2**16) + reply(UNASKED))


def half_of_another() -> Answers:
    """The rest of it comes with the next reply."""
    begun = set[socket.socket]()

    def answer(connection: socket.socket, asked: str) -> None:
        more = reply(UNASKED)
        connection.sendall((more[SPLIT:] if connection in begun else b"") + reply(asked) + more[:SPLIT])
        begun.add(connection)

    return answer


@contextmanager
def keeping(
    answers: Answers, wrap: Callable[[socket.socket], socket.socket] = lambda plain: plain
) -> Iterator[tuple[int, threading.Semaphore]]:
    """A server that keeps all connections open and answers whole requests: its port, and how often it has answered."""
    said = threading.Semaphore(0)
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)

    def serve(plain: socket.socket) -> None:
        with suppress(OSError), wrap(plain) as connection, connection.makefile("rb") as file:
            while head := b"\n".join(iter(lambda: file.readline().strip(), b"")):
                length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
                asked = re.search(r"question \d+", file.read(int(length[1]) if length else 0).decode())
                answers(connection, asked[0] if asked else "")
                said.release()

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listening.getsockname()[1], said
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


ASKED = [f"question {number}" for number in range(4)]


@pytest.mark.parametrize("answers", [both_at_once, both_in_chunks, one_after_a_long_one, half_of_another()])
def test_a_reply_that_was_not_asked_for_answers_no_other_question(answers: Answers) -> None:
    with keeping(answers) as (port, said):
        url = f"http://127.0.0.1:{port}/v1"
        model = find("openai:some-model", ModelOptions(base_urls=(url,), limits=Limits(backoff=0)))
        assert isinstance(model, EndpointModel)

        async def ask() -> list[str]:
            texts = []
            for asked in ASKED:
                texts.append((await model.generate(Prompt(text=asked))).text)
                assert said.acquire(timeout=10), "all is on its way before the next is asked"
            await model.aclose()
            return texts

        assert asyncio.run(ask()) == ASKED


def test_nor_does_one_that_comes_by_itself() -> None:
    """Each is sent only once the reply before has been read, and is there before the next question is asked."""
    was_read = threading.Semaphore(0)

    def answer(connection: socket.socket, asked: str) -> None:
        connection.sendall(reply(asked))
        if was_read.acquire(timeout=10):
            connection.sendall(reply(UNASKED))

    async def ask(port: int) -> list[str]:
        texts = []
        async with httpx2.AsyncClient(transport=BoundedTransport(httpx2.AsyncHTTPTransport())) as client:
            for asked in ASKED:
                response = await client.post(f"http://127.0.0.1:{port}/", content=asked)
                texts.append(response.json()["choices"][0]["message"]["content"])
                was_read.release()
                assert select.select([response.extensions["network_stream"].get_extra_info("socket")], [], [], 10)[0]
        return texts

    with keeping(answer) as (port, _):
        assert asyncio.run(ask(port)) == ASKED


@pytest.mark.skipif(not shutil.which("openssl"), reason="makes the certificate")
@pytest.mark.parametrize("answers", [both_at_once, one_after_a_long_one])
def test_nor_does_it_where_it_is_enciphered(answers: Answers, tmp_path: Path) -> None:
    trusted, of_server = certified(tmp_path)
    with keeping(answers, lambda plain: of_server.wrap_socket(plain, server_side=True)) as (port, said):

        async def ask() -> list[str]:
            texts = []
            async with httpx2.AsyncClient(
                transport=BoundedTransport(httpx2.AsyncHTTPTransport(verify=trusted))
            ) as client:
                for asked in ASKED:
                    response = await client.post(f"https://localhost:{port}/", content=asked)
                    texts.append(response.json()["choices"][0]["message"]["content"])
                    assert said.acquire(timeout=10)
            return texts

        assert asyncio.run(ask()) == ASKED


def certified(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a client and a server of `localhost` need."""
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout", "key.pem", "-out", "cert.pem"]
    command = ["openssl", "req", "-x509", "-nodes", "-days", "2", *names, *made]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    of_server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    of_server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return ssl.create_default_context(cafile=folder / "cert.pem"), of_server


@pytest.mark.parametrize("chunked", [False, True])
def test_a_connection_on_which_all_was_asked_for_is_kept(chunked: bool) -> None:  # noqa: FBT001
    callers = set()

    def answer(connection: socket.socket, asked: str) -> None:
        callers.add(connection.getpeername())
        connection.sendall(reply(asked, padding=2**15, chunked=chunked))

    test_a_reply_that_was_not_asked_for_answers_no_other_question(answer)
    assert len(callers) == 1
