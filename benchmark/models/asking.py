"""A sample turned into a prompt, and whoever is under test asked about it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from string import Template
from typing import TYPE_CHECKING

from benchmark.clip import Frame, Sound, as_frames
from benchmark.clips.reader import ClipReader
from benchmark.errors import DataError
from benchmark.task import Sample

if TYPE_CHECKING:
    from benchmark.model import Answer, Model, Watcher
from benchmark.prompt import Modality, Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompter:
    """Turns a sample into the prompt that the model under test is sent.

    Attributes:
        reader: where frames and sound come from.
        template: of the question.
        fps: frames a second, from 0 on; 1 is the protocol.
        most: frames at most; 10 is the protocol.
        modalities: what the model may see, whatever more it could take.
    """

    reader: ClipReader
    template: Template
    fps: float = 1.0
    most: int = 10
    modalities: frozenset[Modality] = frozenset({"video", "audio"})

    async def prompt(self, sample: Sample, takes: frozenset[Modality]) -> Prompt:
        """The question with as much of the clip as the model takes and the run allows.

        Raises:
            DataError: the clip cannot be read, or nothing of it is left to send.
        """
        shown = await self.shown(sample, takes)
        hears, whole = shown.sound is not None, shown.video is not None
        text = self.template.substitute(
            subject=sample.task.subject,
            material=_described(shown.frames, hears=hears, whole=whole) if sample.clip else "",
            question=sample.task.question,
            labels="; ".join(sample.label_set),
            how_many="Name one label or several." if sample.task.several else "Name one label.",
        )
        return replace(shown, text=text, turns=sample.turns)

    async def shown(self, sample: Sample, takes: frozenset[Modality]) -> Prompt:
        """As much of the clip as the model takes and the run allows, without a question.

        Raises:
            DataError: as for `prompt`.
        """
        frames, sound, video = await self._material(sample, takes, takes & self.modalities)
        if sample.clip is not None and not frames and sound is None and video is None:
            raise DataError(f"Nothing of {sample.id} can be sent: the model takes {_listed(takes)}, the clip has none.")
        return Prompt(text="", frames=frames, sound=sound, video=video)

    async def _material(
        self, sample: Sample, takes: frozenset[Modality], wanted: frozenset[Modality]
    ) -> tuple[Sequence[Frame], Sound | None, bytes | None]:
        reader, clip, hears = self.reader, sample.clip, "audio" in wanted
        if clip is None:
            return (), None, None
        if "clip" in takes and "video" in wanted:
            return (), None, await reader.soon(partial(reader.video, clip, sound=hears))
        frames = await reader.frames_soon(clip, fps=self.fps, most=self.most) if "video" in wanted else ()
        return frames, await reader.soon(partial(reader.sound, clip)) if hears else None, None


def _described(frames: Sequence[Frame], *, hears: bool, whole: bool) -> str:
    if whole:
        return "You are given a video clip."
    times = ", ".join(f"{at:.1f}" for at in as_frames(frames).seconds)
    pictures = f"{len(frames)} frames of a video clip, taken at these seconds: {times}" if frames else ""
    if not hears:
        return f"You are given {pictures}. There is no sound."
    return f"You are given {pictures}, and its sound." if frames else "You are given the sound of a video clip."


def _listed(modalities: Iterable[str]) -> str:
    return " and ".join(sorted(modalities)) or "nothing"


@dataclass(frozen=True, slots=True)
class Asking:
    """A respondent that asks a model about the sample's clip."""

    model: "Model"
    prompter: Prompter
    repeat: int = 0

    @property
    def name(self) -> str:
        """The model's."""
        return self.model.name

    async def answer(self, sample: Sample) -> "Answer":
        """The model's answer to the sample's question."""
        prompt = await self.prompter.prompt(sample, self.model.modalities)
        return await self.model.generate(replace(prompt, repeat=self.repeat))

    def again(self, repeat: int) -> "Asking":
        """The same, asked another time."""
        return replace(self, repeat=repeat)


@dataclass(frozen=True, slots=True)
class Watching:
    """A respondent that shows a watcher the sample's clip; it sees the same every time, and is not asked again."""

    watcher: "Watcher"
    prompter: Prompter

    @property
    def name(self) -> str:
        """The watcher's."""
        return self.watcher.name

    async def answer(self, sample: Sample) -> "Answer":
        """What the watcher makes of the sample's clip."""
        return await self.watcher.watch(sample, await self.prompter.shown(sample, self.watcher.modalities))
