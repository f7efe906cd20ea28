"""The chat-completions protocol (OpenAI's API reference, "Chat"): what is sent."""

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

from benchmark.accounts.catalogue import AudioForm
from benchmark.clip import as_frames
from benchmark.clips.limits import RAISE
from benchmark.errors import ModelError
from benchmark.prompt import Prompt

STREAM = "stream"


def body_of(model: str, parameters: Mapping[str, Any], prompt: Prompt, audio_form: AudioForm = "base64") -> bytes:
    """The request's body; pictures were encoded beforehand, and are only put in their place."""
    head = json.dumps({"model": model, **parameters}, allow_nan=False)[:-1]
    before = "".join(f"{json.dumps({'role': turn.speaker, 'content': turn.text})}, " for turn in prompt.turns)
    opening = f'{head}, "messages": [{before}{{"role": "user", "content": ['
    return b"".join([opening.encode(), content_of(prompt, audio_form), b"]}]}"])


def refuse_large(body: bytes, most_mb: float) -> None:
    """Says no to a request that its server would refuse: sent over and over it would only cost time.

    Raises:
        ModelError: says what to do.
    """
    size = len(body) / 1e6
    if size > most_mb:
        raise ModelError(
            f"The request takes {size:.1f} MB, more than the {most_mb:g} MB that its server may take:"
            f" send less of the clip (--frames, --clip-limits=sound_seconds=N), or {RAISE}request_mb={math.ceil(size)}."
        )


def content_of(prompt: Prompt, audio_form: AudioForm = "base64") -> bytes:
    """The prompt as content parts in JSON: pictures, sound or the clip as data, never by name, and the text last."""
    pictures = as_frames(prompt.frames).encoded()
    parts = [b'{"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,%b"}}' % jpeg for jpeg in pictures]
    if prompt.video is not None:
        video = base64.b64encode(prompt.video)
        parts.append(b'{"type": "video_url", "video_url": {"url": "data:video/mp4;base64,%b"}}' % video)
    if prompt.sound is not None:
        sound = (b"data:;base64," if audio_form == "data-url" else b"") + base64.b64encode(prompt.sound.wav())
        parts.append(b'{"type": "input_audio", "input_audio": {"data": "%b", "format": "wav"}}' % sound)
    return b", ".join([*parts, json.dumps({"type": "text", "text": prompt.text}).encode()])
