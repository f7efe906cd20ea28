"""An OpenAI-compatible endpoint as a process of its own: fixed latency, and faults drawn by a seed.

    python -m tests.server --latency 2 --faults 0.2 --seed 7

It prints its base URL, answers by the model's name (`judge`, `extractor`, anything else), and ends when its standard
input does. `GET /stats` tells what it has seen.
"""

import argparse
import asyncio
import json
import random
import re
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.endpoint import Said, plausible_text

ROOT = Path(__file__).parents[1]
LONGEST_TEXT = 20_000
"""The end of a body, behind all pictures, in which its text is looked for."""

WRONG = {"judge": "<score>Step 1: 7/3</score>", "extractor": "no steps"}
FAULTS = ("429", "429 later", "500", "503", "hang", "reset", "truncated", "malformed", "empty", "wrong", "slow")

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_MODEL = re.compile(rb'"model": ?"([^"]+)"')


class Endpoint:
    """What the process knows: how to answer, and what it has been asked."""

    def __init__(self, latency: float, faults: float, seed: int) -> None:
        self._latency, self._faults, self._random = latency, faults, random.Random(seed)
        self.counts: Counter[str] = Counter()
        self._emptied: set[int] = set()
        self.in_flight = self.most = 0

    def stats(self) -> bytes:
        """What has been seen so far, as JSON."""
        told = {
            "counts": self.counts,
            "in_flight": self.in_flight,
            "most": self.most,
        }
        return json.dumps(told).encode()

    def fault(self, body: bytes) -> str | None:
        """Which fault the request meets; one that was asked again for a wrong or empty reply gets a right one.

        These two are given up after three times, which among thousands of requests would happen to some by chance.
        """
        fault = self._random.choice(FAULTS) if self._random.random() < self._faults else None
        if fault == "empty":
            mark = zlib.crc32(body)
            fault = None if mark in self._emptied else fault
            self._emptied.add(mark)
        return None if fault == "wrong" and b"could not be used" in body else fault

    def wait(self, fault: str | None) -> float:
        """Seconds until the reply."""
        return self._latency * (10 if fault == "slow" else 1)

    def text(self, model: str, body: bytes, fault: str | None) -> str:
        """A reply that fits the role, so that the cache takes none for another."""
        if fault == "empty":
            return ""
        if fault == "wrong" and model in WRONG:
            return WRONG[model]
        return plausible_text(model, body[-LONGEST_TEXT:].decode(), zlib.crc32(body), certain=False)


class Connection(asyncio.Protocol):
    """One connection, which carries one request after the other."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._parts: list[bytes] = []
        self._missing: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._parts.append(data)
        if self._missing is None:
            received = b"".join(self._parts)
            end = received.find(b"\r\n\r\n")
            if end < 0:
                return
            length = _LENGTH.search(received, 0, end)
            self._missing = end + 4 + (int(length[1]) if length else 0)
            self._parts = [received]
        if sum(map(len, self._parts)) < self._missing:
            return
        request, self._parts, self._missing = b"".join(self._parts), [], None
        self._answer(*request.split(b"\r\n\r\n", 1))

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET"):
            self._send(self._endpoint.stats() if b"/stats" in head else b'{"object": "list", "data": []}')
            return
        found = _MODEL.search(body)
        assert found, body[:200]
        endpoint, model = self._endpoint, found[1].decode()
        fault = endpoint.fault(body)
        endpoint.counts[model] += 1
        endpoint.counts[f"fault {fault}"] += 1
        endpoint.in_flight += 1
        endpoint.most = max(endpoint.most, endpoint.in_flight)
        if fault == "reset":
            self._reply(model, body, fault)
        else:
            asyncio.get_running_loop().call_later(endpoint.wait(fault), self._reply, model, body, fault)

    def _reply(self, model: str, body: bytes, fault: str | None) -> None:
        self._endpoint.in_flight -= 1
        if self._transport.is_closing() or fault == "hang":
            return
        if fault == "reset":
            self._transport.abort()
        elif fault == "malformed":
            self._send(b'{"choices": [{]}')
        elif fault in ("429", "429 later", "500", "503"):
            later = b"Retry-After: 0\r\n" if fault == "429 later" else b""
            self._send(b'{"error": {"message": "later"}}', fault.split()[0].encode() + b" Later", later)
        else:
            raw = Said(self._endpoint.text(model, body, fault)).body(model)
            self._send(raw[: len(raw) // 2] if fault == "truncated" else raw, length=len(raw))

    def _send(self, body: bytes, status: bytes = b"200 OK", headers: bytes = b"", length: int | None = None) -> None:
        head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n"
        self._transport.write(head % (status, headers, len(body) if length is None else length) + body)
        if length not in (None, len(body)):
            self._transport.close()


@dataclass(frozen=True, slots=True)
class Served:
    """The process, seen from outside."""

    url: str
    process: subprocess.Popen[str]

    def stats(self) -> dict[str, Any]:
        """What it has been asked."""
        with urlopen(self.url.removesuffix("/v1") + "/stats", timeout=30) as reply:
            stats: dict[str, Any] = json.load(reply)
        return stats

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2].removesuffix("/v1"))

    def kill(self) -> None:
        """Ends it in the middle of whatever it does."""
        self.process.kill()
        self.process.wait()

    def asked(self) -> int:
        """How many requests it has been sent."""
        return sum(count for name, count in self.stats()["counts"].items() if not name.startswith("fault"))


@contextmanager
def served(latency: float = 0.0, faults: float = 0.0, seed: int = 0, port: int = 0) -> Iterator[Served]:
    """Runs the process for as long as the context lasts."""
    options = ["--latency", str(latency), "--faults", str(faults), "--seed", str(seed), "--port", str(port)]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.server", *options],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        yield Served(process.stdout.readline().strip(), process)
        process.stdin.close()


async def _serve(endpoint: Endpoint, port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(endpoint), "127.0.0.1", port, backlog=2048)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def main() -> None:
    """Serves until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--faults", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--port", type=int, default=0)
    asked = parser.parse_args()
    asyncio.run(_serve(Endpoint(asked.latency, asked.faults, asked.seed), asked.port))


if __name__ == "__main__":
    main()
