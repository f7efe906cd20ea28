"""Endpoints of all characters, for what asks them what they take."""

import base64
import json
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from tests.endpoint import Received, Said

TEXT, PICTURE, CLIP, A_SECOND = 17, 100, 400, 25
"""Tokens that `Character` counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Character:
    """How a server behaves.

    Attributes:
        counts: whether it says how many tokens it has read.
        drops: content parts that it accepts and does not read.
        pictures: how many it reads; further ones are dropped.
        hears: seconds of sound that it reads; the rest is dropped.
        refusals: by content part, what it says instead of an answer.
        wider: what it says to pictures wider than 1,500 pixels.
        longest: bytes of a request; more is refused with 413.
        text: its answer.
    """

    counts: bool = True
    drops: tuple[str, ...] = ()
    pictures: int = 10
    hears: float = 1000
    refusals: Mapping[str, Said] | None = None
    wider: Said | None = None
    longest: int = 10**9
    text: str = "joy"

    def __call__(self, received: Received) -> Said:
        """Its reply."""
        if len(received.raw) > self.longest:
            return Said(raw="<html>too much</html>", status=413, headers={"Content-Type": "text/html"})
        for kind, refusal in (self.refusals or {}).items():
            if kind == "text" or received.parts(kind):
                return refusal
        if self.wider and any(width > 1500 for width in widths(received)):
            return self.wider
        return completion(self._count(received) if self.counts else None, self.text)

    def _count(self, received: Received) -> int:
        counts = {
            "image_url": PICTURE * min(len(received.parts("image_url")), self.pictures),
            "video_url": CLIP * len(received.parts("video_url")),
            "input_audio": sum(round(A_SECOND * min(length, self.hears)) for length in lengths(received)),
        }
        return TEXT + sum(count for kind, count in counts.items() if kind not in self.drops)


def completion(tokens: int | None, text: str = "joy") -> Said:
    """A reply as OpenAI gives it; without a count where `tokens` is None."""
    message = {"role": "assistant", "content": text}
    reply: dict[str, object] = {"choices": [{"index": 0, "finish_reason": "length", "message": message}]}
    if tokens is not None:
        reply["usage"] = {"prompt_tokens": tokens, "completion_tokens": 2, "total_tokens": tokens + 2}
    return Said(raw=json.dumps(reply))


def widths(received: Received) -> list[int]:
    """Of the pictures in a request, which must be pictures."""
    found = []
    for part in received.parts("image_url"):
        with Image.open(BytesIO(base64.b64decode(part["url"].partition(",")[2]))) as picture:
            picture.load()
            found.append(picture.width)
    return found


def lengths(received: Received) -> list[float]:
    """Seconds of the sounds in a request, which must be WAV files."""
    found = []
    for part in received.parts("input_audio"):
        with wave.open(BytesIO(base64.b64decode(part["data"]))) as file:
            found.append(file.getnframes() / file.getframerate())
    return found


def listing(*names: str) -> Callable[[Mapping[str, str]], Said]:
    """A list of models."""
    return lambda _: Said(raw=json.dumps({"object": "list", "data": [{"id": name} for name in names]}))
