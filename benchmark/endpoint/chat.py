"""Requests of the chat-completions protocol (OpenAI's API reference, "Chat")."""

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

import httpx2
from openai import AsyncOpenAI

from benchmark.accounts.catalogue import AudioForm
from benchmark.clip import as_frames
from benchmark.clips.limits import RAISE
from benchmark.errors import ModelError
from benchmark.prompt import Prompt

STREAM = "stream"


def body_of(model: str, parameters: Mapping[str, Any], prompt: Prompt, audio_form: AudioForm = "base64") -> bytes:
    """The request's body as JSON; frames that are encoded already are not encoded again."""
    head = json.dumps({"model": model, **parameters}, allow_nan=False)[:-1]
    before = "".join(f"{json.dumps({'role': turn.speaker, 'content': turn.text})}, " for turn in prompt.turns)
    opening = f'{head}, "messages": [{before}{{"role": "user", "content": ['
    return b"".join([opening.encode(), _content_of(prompt, audio_form), b"]}]}"])


async def post(client: AsyncOpenAI, body: bytes) -> httpx2.Response:
    """Sends a request's body and returns the response.

    Raises:
        openai.OpenAIError: there is no response, or one with an error status.
    """
    headers = {"Content-Type": "application/json"}
    return await client.post("/chat/completions", cast_to=httpx2.Response, content=body, options={"headers": headers})


def refuse_large(body: bytes, most_mb: float) -> None:
    """Refuses a request that its server would refuse: sending it again and again would only cost time.

    Raises:
        ModelError: the request is larger than `most_mb` MB.
    """
    size = len(body) / 1e6
    if size > most_mb:
        raise ModelError(
            f"The request takes {size:.1f} MB, more than the {most_mb:g} MB that its server may take:"
            f" send less of the clip (--frames, --clip-limits=sound_seconds=N), or {RAISE}request_mb={math.ceil(size)}."
        )


def _content_of(prompt: Prompt, audio_form: AudioForm) -> bytes:
    """The prompt as content parts in JSON: pictures, clip and sound as data, without file names; the text last."""
    pictures = as_frames(prompt.frames).encoded()
    parts = [b'{"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,%b"}}' % jpeg for jpeg in pictures]
    if prompt.video is not None:
        video = base64.b64encode(prompt.video)
        parts.append(b'{"type": "video_url", "video_url": {"url": "data:video/mp4;base64,%b"}}' % video)
    if prompt.sound is not None:
        sound = (b"data:;base64," if audio_form == "data-url" else b"") + base64.b64encode(prompt.sound.wav())
        parts.append(b'{"type": "input_audio", "input_audio": {"data": "%b", "format": "wav"}}' % sound)
    return b", ".join([*parts, json.dumps({"type": "text", "text": prompt.text}).encode()])
