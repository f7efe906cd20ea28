"""Servers that send without end: replies are read up to a limit, and in time."""

import asyncio
import json
import random
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from benchmark.accounts.limits import Limits
from benchmark.endpoint.model import EndpointModel
from benchmark.endpoint.reply import MOST_PARTS, billed_of, load, parse_reply, usage_of
from benchmark.endpoint.transport import LARGE_REPLY
from benchmark.errors import ModelError, RunError
from benchmark.models.find import ModelOptions, find
from benchmark.prompt import Prompt
from benchmark.usage import Usage

Sent = Callable[[], Iterator[bytes]]

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
ROOT = Path(__file__).parents[3]
PEAK_MB = 220
IN_FLIGHT = """
import asyncio, re, sys
from pathlib import Path
from benchmark.accounts.limits import Limits
from benchmark.models.find import ModelOptions, find
from benchmark.prompt import Prompt

async def ask():
    model = find("openai:some-model", ModelOptions(base_urls=(sys.argv[1],), limits=Limits(ceiling=16, backoff=0)))
    asked = (model.generate(Prompt(text=f"{number}?")) for number in range(16))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    await model.aclose()
    print(re.search("VmHWM: *(.*) kB", Path("/proc/self/status").read_text())[1])

asyncio.run(ask())
"""
"""Asks 16 questions at once and tells how many KB that took, of this program alone."""

PIECE = b"10000\r\n" + b"a" * 2**16 + b"\r\n"


def endless(head: bytes, part: bytes, pause: float = 0.0) -> Sent:
    def send() -> Iterator[bytes]:
        yield head
        while True:
            yield part
            time.sleep(pause)

    return send


def whole(body: bytes, head: bytes = OK) -> Sent:
    return lambda: iter([head + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body), body])


def bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(packer.compress(bytes(2**20)) for _ in range(megabytes)), packer.flush()])


def completion(**more: object) -> bytes:
    return json.dumps({"choices": [{"message": {"content": "joy"}, "finish_reason": "stop"}], **more}).encode()


@contextmanager
def serving(send: Sent) -> Iterator[str]:
    """A server that sends that to whoever asks, whatever for; its base URL."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(2**16)
            for part in send():
                connection.sendall(part)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(2**16)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listening.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


def asked(url: str, timeout: float = 60.0) -> str:
    """What comes of a question: the answer, or why there is none."""
    options = ModelOptions(base_urls=(url,), limits=Limits(timeout=timeout, backoff=0))
    model = find("openai:some-model", options)
    assert isinstance(model, EndpointModel)

    async def ask() -> str:
        try:
            return (await model.generate(Prompt(text="Which?"))).text
        except (ModelError, RunError) as error:
            return str(error)
        finally:
            await model.aclose()

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("send", "told"),
    [
        (endless(OK + CHUNKED, PIECE), "The reply of some-model at URL is longer than 64 MB; no answer is so long."),
        (whole(bomb(100), OK + b"Content-Encoding: gzip\r\n"), "is longer than 64 MB; no answer"),
        (endless(OK + b"Content-Encoding: gzip\r\n\r\n" + bomb(1), b"\x00" * 2**16), "is longer than 16 MB; no answer"),
        (endless(OK.replace(b"200 OK", b"400 No") + CHUNKED, PIECE), "URL answered 400: aaa"),
        (endless(OK.replace(b"200 OK", b"302 On") + b"Location: /x\r\n" + CHUNKED, PIECE), "redirects to"),
        (endless(OK.replace(b"application/json", b"text/event-stream") + CHUNKED, PIECE), "gave an event stream"),
        (whole(b"0", OK + b"Content-Encoding: br\r\n"), "encoded as br, which was not requested"),
        (whole(b"0", OK + b"Content-Encoding: gzip, gzip\r\n"), "encoded as gzip, gzip, which was not requested"),
        (endless(OK, b"X: y\r\n" * 1000), "cannot be reached"),
        (endless(OK + b"X: ", b"a" * 2**16), "cannot be reached"),
        (endless(OK + CHUNKED + b"0\r\n", b"X: y\r\n" * 1000), "cannot be reached"),
        (whole(b'{"choices": [' + b"{}," * MOST_PARTS + b"{}]}"), "gave JSON of more than 1,000,000 values"),
        (whole(completion(choices=[{"message": {"content": "joy " * 2**18}}])), "1,048,576 characters"),
        (whole(completion(choices=[{"message": {"content": "joy " * 2**16 + "😀"}}])), "262,145 characters"),
        (whole(zlib.compress(bytes(10**8)), OK.replace(b"200 OK", b"400 No") + b"Content-Type: a; charset=zlib\r\n"),
         "answered 400"),
    ],
)  # fmt: skip
def test_what_is_longer_than_any_answer_is_left(send: Sent, told: str) -> None:
    with serving(send) as url:
        assert told.replace("URL", url) in asked(url)


@pytest.mark.parametrize(
    "send",
    [
        endless(OK + CHUNKED, b"1\r\na\r\n", 0.02),
        endless(OK + b"X: ", b"a", 0.02),
        endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", 0.02),
        endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 100),
    ],
)
def test_what_comes_piece_by_piece_has_to_come_in_time(send: Sent) -> None:
    with serving(send) as url:
        begun = time.monotonic()
        assert asked(url, timeout=0.1) == f"{url} did not answer within 0.1 s."
        assert time.monotonic() - begun < 10


@pytest.mark.parametrize("coding", ["gzip", "deflate", "identity", ""])
def test_a_compressed_reply_is_an_answer(coding: str) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31 if coding == "gzip" else 15)
    packed = packer.compress(completion()) + packer.flush() if coding in ("gzip", "deflate") else completion()
    cookies = b"".join(b"Set-Cookie: a%d=b\r\n" % number for number in range(100))
    with serving(whole(packed, OK + b"Content-Encoding: %b\r\n" % coding.encode() + cookies)) as url:
        assert asked(url) == "joy"


@pytest.mark.parametrize("packed", [False, True])
def test_large_replies_wait_for_one_another_and_all_come(packed: bool) -> None:  # noqa: FBT001
    body = completion(padding=random.Random(0).randbytes(3 * 2**19).hex())
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    gzipped = packer.compress(body) + packer.flush()
    assert len(gzipped) > LARGE_REPLY, "large as it comes, and once it is taken apart"
    with serving(whole(gzipped, OK + b"Content-Encoding: gzip\r\n") if packed else whole(body)) as url:
        model = find("openai:some-model", ModelOptions(base_urls=(url,), limits=Limits(backoff=0)))
        assert isinstance(model, EndpointModel)

        async def ask() -> list[str]:
            answers = await asyncio.gather(*(model.generate(Prompt(text=f"{number}?")) for number in range(12)))
            await model.aclose()
            return [answer.text for answer in answers]

        assert asyncio.run(ask()) == ["joy"] * 12


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells it")
def test_large_replies_in_flight_take_little_memory() -> None:
    answer = whole(completion(choices=[{"message": {"content": "joy " * (2**20 - 1) + "😀"}}]))
    packed = whole(bomb(100), OK + b"Content-Encoding: gzip\r\n")
    sent = iter([packed] + [answer] * 15)
    with serving(lambda: next(sent)()) as url:
        done = subprocess.run(
            [sys.executable, "-c", IN_FLIGHT, url], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) / 1024 < PEAK_MB


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 10**400, "completion_tokens": -1, "total_tokens": "7", "cost": 10**400},
        {"prompt_tokens": float("nan"), "completion_tokens": 1e308, "cost": float("nan")},
        {"prompt_tokens": True, "completion_tokens": [1], "cost": 1e308},
        {"prompt_tokens": "5", "completion_tokens": float("inf"), "cost": -1},
    ],
)
def test_counts_that_cannot_be_are_unknown(usage: dict[str, object]) -> None:
    reply = load(completion(usage=usage))
    assert isinstance(reply, dict)
    assert usage_of(reply) == Usage(requests=1)
    assert billed_of(reply) is None
    assert parse_reply(reply).text == "joy"
