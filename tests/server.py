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

ROOT = Path(__file__).parents[1]
FAULTS = ("429", "429 later", "500", "503", "hang", "reset", "truncated", "malformed", "empty", "wrong", "slow")

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_MODEL = re.compile(rb'"model": ?"([^"]+)"')
_STEPS = re.compile(rb"There are (\d+) steps")
_SCALE = re.compile(rb"Step 2: 1/(\d+)</score>")
_LABEL = re.compile(rb"(?:choosing from these labels: |Candidate labels: )([^;]+);")


class Endpoint:
    """What the process knows: how to answer, and what it has been asked."""

    def __init__(self, latency: float, faults: float, seed: int) -> None:
        self._latency, self._faults, self._random = latency, faults, random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.in_flight = self.most = 0
        self.answered: Counter[int] = Counter()

    def stats(self) -> bytes:
        """What has been seen so far, as JSON."""
        told = {
            "counts": self.counts,
            "in_flight": self.in_flight,
            "most": self.most,
            "answered": sum(self.answered.values()),
            "distinct": len(self.answered),
        }
        return json.dumps(told).encode()

    def fault(self, body: bytes) -> str | None:
        """Which fault the request meets; one that was asked again for a wrong reply gets a right one."""
        fault = self._random.choice(FAULTS) if self._random.random() < self._faults else None
        return None if fault == "wrong" and b"could not be used" in body else fault

    def wait(self, fault: str | None) -> float:
        """Seconds until the reply."""
        return self._latency * (10 if fault == "slow" else 1)

    def text(self, model: bytes, body: bytes, fault: str | None) -> str:
        """A reply that fits the role."""
        seen = zlib.crc32(body)
        self.answered[seen] += fault not in ("truncated", "malformed", "empty", "wrong")
        if fault == "empty":
            return ""
        if b"judge" in model:
            if fault == "wrong":
                return "<score>Step 1: 7/3</score>"
            steps, scale = int(_found(_STEPS, body)), int(_found(_SCALE, body))
            rated = "".join(f"Step {step}: 1/1, " for step in range(1, steps))
            return f"<score>{rated}Step {steps}: {seen % (scale + 1)}/{scale}</score>"
        label = _found(_LABEL, body[-20_000:]).decode()
        if b"extractor" in model:
            return "no steps" if fault == "wrong" else f"<step>Step 1: The mouth is open {seen}. Step 2: {label}</step>"
        return f"The mouth is open {seen}.\nAnswer: {label}"


def _found(pattern: re.Pattern[bytes], body: bytes) -> bytes:
    found = pattern.search(body)
    assert found, f"{pattern.pattern!r} is not in {body[-2000:]!r}"
    return found[1]


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
        endpoint, model = self._endpoint, _found(_MODEL, body)
        fault = endpoint.fault(body)
        endpoint.counts[model.decode()] += 1
        endpoint.counts[f"fault {fault}"] += 1
        endpoint.in_flight += 1
        endpoint.most = max(endpoint.most, endpoint.in_flight)
        if fault == "reset":
            self._reply(model, body, fault)
        else:
            asyncio.get_running_loop().call_later(endpoint.wait(fault), self._reply, model, body, fault)

    def _reply(self, model: bytes, body: bytes, fault: str | None) -> None:
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
            text = self._endpoint.text(model, body, fault)
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
            usage = {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010}
            reply = {"id": "1", "object": "chat.completion", "created": 0, "model": model.decode(), "choices": [choice]}
            raw = json.dumps(reply | {"usage": usage}).encode()
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
    pid: int

    def stats(self) -> dict[str, Any]:
        """What it has been asked."""
        with urlopen(self.url.removesuffix("/v1") + "/stats", timeout=30) as reply:
            stats: dict[str, Any] = json.load(reply)
        return stats

    def asked(self) -> int:
        """How many requests it has been sent."""
        return sum(count for name, count in self.stats()["counts"].items() if not name.startswith("fault"))


@contextmanager
def served(latency: float = 0.0, faults: float = 0.0, seed: int = 0) -> Iterator[Served]:
    """Runs the process for as long as the context lasts."""
    options = ["--latency", str(latency), "--faults", str(faults), "--seed", str(seed)]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.server", *options],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        yield Served(process.stdout.readline().strip(), process.pid)
        process.stdin.close()


async def _serve(endpoint: Endpoint) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(endpoint), "127.0.0.1", 0, backlog=2048)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def main() -> None:
    """Serves until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--faults", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    asyncio.run(_serve(Endpoint(asked.latency, asked.faults, asked.seed)))


if __name__ == "__main__":
    main()
