"""The chat-completions protocol (OpenAI's API reference, "Chat"): what is sent, and what comes back."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import httpx2

from benchmark.clip import as_frames
from benchmark.prompt import Prompt

WHY_EMPTY = {
    "length": "its tokens ran out before it said anything; raise max_tokens",
    "content_filter": "the provider's filter withheld it",
}


def content_of(prompt: Prompt) -> bytes:
    """The prompt as content parts in JSON: pictures, sound or the clip as data, never by name, and the text last."""
    pictures = as_frames(prompt.frames).encoded()
    parts = [b'{"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,%b"}}' % jpeg for jpeg in pictures]
    if prompt.video is not None:
        video = base64.b64encode(prompt.video)
        parts.append(b'{"type": "video_url", "video_url": {"url": "data:video/mp4;base64,%b"}}' % video)
    if prompt.sound is not None:
        sound = base64.b64encode(prompt.sound.wav())
        parts.append(b'{"type": "input_audio", "input_audio": {"data": "%b", "format": "wav"}}' % sound)
    return b", ".join([*parts, json.dumps({"type": "text", "text": prompt.text}).encode()])


class Empty(ValueError):
    """A reply that says nothing and does not say why."""


def object_of(response: httpx2.Response) -> dict[str, Any]:
    """The JSON object that the reply is.

    Raises:
        ValueError: it is none, or broke off.
    """
    reply = json.loads(response.content)
    if not isinstance(reply, dict):
        raise ValueError("no chat completion; is the URL that of the API, up to its /v1?")
    return reply


def count_of(told: object) -> int | None:
    """A count as replies tell it; None for what is none."""
    return told if isinstance(told, int) and told >= 0 else None


def text_of(reply: Mapping[str, Any]) -> str:
    """The text of a chat completion, whatever its shape.

    Raises:
        ValueError: there is none; says why.
    """
    choices = reply.get("choices")
    choice = _part(choices[0] if isinstance(choices, list) and choices else None)
    message = _part(choice.get("message"))
    text = message.get("content")
    if isinstance(text, str) and text.strip():
        return text
    said, reason = message.get("refusal") or reply.get("error"), choice.get("finish_reason")
    if choice and not said and reason in (None, "stop"):
        raise Empty(f"an empty answer ({reason or 'no reason given'})")
    raise ValueError(f"an empty answer ({said or WHY_EMPTY.get(str(reason), reason) or 'it holds no choices'})")


def _part(told: object) -> Mapping[str, Any]:
    return told if isinstance(told, dict) else {}
