"""Turns samples into prompts, and asks the model under test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from string import Template

from benchmark.clip import Frame, as_frames
from benchmark.clips.reader import ClipReader
from benchmark.errors import DataError
from benchmark.model import Answer, Model, Watcher
from benchmark.prompt import Modality, Prompt
from benchmark.task import Sample, Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompter:
    """Turns a sample into the prompt that the model under test is sent.

    Attributes:
        reader: reads frames and sound.
        templates: the wordings of questions, by the `suite` of their task.
        fps: frames per second, the first at 0; 1 in the published protocol.
        most: the most frames; 10 in the published protocol.
        modalities: what the run allows to send.
    """

    reader: ClipReader
    templates: Mapping[str, Template]
    fps: float = 1.0
    most: int = 10
    modalities: frozenset[Modality] = frozenset({"video", "audio"})

    async def prompt(self, sample: Sample, takes: frozenset[Modality]) -> Prompt:
        """The question with as much of the clip as the model takes and the run allows.

        In a dialogue, the last message of the user takes the place of the question, which becomes the system's message.

        Raises:
            DataError: the clip cannot be read, or no part of it can be sent.
        """
        shown = await self.shown(sample, takes)
        hears, whole = shown.sound is not None, shown.video is not None
        text = self.templates[sample.task.suite].substitute(
            subject=sample.task.subject,
            material=_described(shown.frames, hears=hears, whole=whole) if sample.clip else "",
            question=sample.question,
            labels="; ".join(sample.label_set),
            how_many="Name one label or several." if sample.task.several else "Name one label.",
        )
        if sample.task.turns is None:
            return replace(shown, text=text, turns=sample.turns)
        *earlier, last = sample.turns
        return replace(shown, text=last.text, turns=(Turn("system", text), *earlier))

    async def shown(self, sample: Sample, takes: frozenset[Modality]) -> Prompt:
        """As much of the clip as the model takes and the run allows, without a question.

        A whole clip contains its sound if the model takes sound; a model that takes a track gets that too. A picture is
        sent as a frame to models that take whole clips, too.

        Raises:
            DataError: as for `prompt`.
        """
        reader, clip, wanted = self.reader, sample.clip, takes & self.modalities
        if clip is None:
            return Prompt(text="")
        hears = "audio" in wanted
        whole = "clip" in takes and "video" in wanted and not await reader.is_still(clip)
        apart = hears and (not whole or "track" in takes)
        sound = await reader.soon(partial(reader.sound, clip)) if apart else None
        if whole:
            return Prompt(text="", video=await reader.soon(partial(reader.video, clip, sound=hears)), sound=sound)
        frames = await reader.frames_soon(clip, fps=self.fps, most=self.most) if "video" in wanted else ()
        if not frames and sound is None:
            listed = " and ".join(sorted(takes)) or "nothing"
            raise DataError(f"Nothing of {sample.id} can be sent: the model takes {listed}, the clip has none.")
        return Prompt(text="", frames=frames, sound=sound)


def _described(frames: Sequence[Frame], *, hears: bool, whole: bool) -> str:
    if whole:
        return "You are given a video clip."
    if as_frames(frames).is_still:
        return "You are given a picture."
    times = ", ".join(f"{at:.1f}" for at in as_frames(frames).seconds)
    pictures = f"{len(frames)} frames of a video clip, taken at these seconds: {times}" if frames else ""
    if not hears:
        return f"You are given {pictures}. There is no sound."
    return f"You are given {pictures}, and its sound." if frames else "You are given the sound of a video clip."


@dataclass(frozen=True, slots=True)
class Asking:
    """A respondent that asks a model about the sample's clip."""

    model: Model
    prompter: Prompter
    repeat: int = 0

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    async def answer(self, sample: Sample) -> Answer:
        """The model's answer to the sample's question."""
        prompt = await self.prompter.prompt(sample, self.model.modalities)
        return await self.model.generate(replace(prompt, repeat=self.repeat))

    def again(self, repeat: int) -> "Asking":
        """The respondent that asks for the `repeat`-th time after the first."""
        return replace(self, repeat=repeat)


@dataclass(frozen=True, slots=True)
class Watching:
    """A respondent that shows the sample's clip to a watcher, which is never asked again."""

    watcher: Watcher
    prompter: Prompter

    @property
    def name(self) -> str:
        """The watcher's name."""
        return self.watcher.name

    async def answer(self, sample: Sample) -> Answer:
        """The watcher's answer to the sample."""
        return await self.watcher.watch(sample, await self.prompter.shown(sample, self.watcher.modalities))
