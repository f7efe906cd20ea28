"""The requests that MME-Emotion's questions become."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np

from benchmark.clip import Clip, Frames, Sound
from benchmark.clips.reader import ClipReader
from benchmark.endpoint.chat import body_of
from benchmark.models.asking import Prompter
from benchmark.models.templates import read_templates
from benchmark.prompt import Modality
from benchmark.suite import find_suite
from benchmark.task import Sample, Turn
from tests.tasks import TASKS

CLIP = Clip(Path("x"))


class Made:
    """Reads any clip as the same two pictures and a hundredth of a second of silence."""

    async def frames_soon(self, _: Clip, **__: object) -> Frames:
        return Frames((0.0, 1.5), "d", lambda: (b"/9j/", b"/9k/"), None)

    async def is_still(self, _: Clip) -> bool:
        return False

    async def soon(self, read: Callable[[], Any]) -> Any:
        return read()

    def sound(self, _: Clip) -> Sound:
        return Sound(samples=np.zeros(160, np.float32), rate=16_000)

    def video(self, _: Clip, **__: object) -> bytes:
        return b"mp4"


def bodies(*turns: Turn, clip: Clip | None = CLIP) -> Iterator[bytes]:
    template = read_templates(find_suite().home)["question"]
    prompter = Prompter(reader=cast("ClipReader", Made()), templates={"": template})
    taken: tuple[set[Modality], ...] = ({"video"}, {"audio"}, {"video", "audio"}, {"video", "audio", "clip"})
    for task in TASKS.values():
        sample = Sample(
            id="a",
            task=task,
            clip=clip,
            label_set=("joy", "deep fear"),
            targets=("joy",),
            source="s",
            recording="r",
            video_id="v",
            turns=turns,
        )
        for takes in taken:
            prompt = asyncio.run(prompter.prompt(sample, frozenset(takes)))
            yield body_of("m", {"temperature": 0}, prompt)


def test_every_task_s_requests_are_byte_for_byte_what_they_were() -> None:
    """As version 0.1.0 at commit 262060a sent them: whoever changes a byte here makes kept replies useless."""
    digest = hashlib.sha256(b"\n".join(bodies())).hexdigest()
    assert digest == "0326d541cb949e0537e9a15cd4e6d84ed4daf0d2009fe156315ec1c6992e7a7f"


def test_turns_come_before_the_question_and_a_clip_is_not_needed() -> None:
    first = next(bodies(Turn("system", "You are kind."), Turn("assistant", 'Say "more".'), clip=None)).decode()
    assert '"messages": [{"role": "system", "content": "You are kind."}, {"role": "assistant", "content": "Say' in first
    assert '{"role": "user", "content": [{"type": "text", "text": ' in first
    assert "You are given" not in first
