"""What a model is sent, and the wording of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Literal

from benchmark.clip import ClipReader, Frame, Sound, as_frames
from benchmark.errors import DataError, RunError
from benchmark.task import Sample
from benchmark.text import storable

if TYPE_CHECKING:
    from benchmark.model import Answer, Model

Modality = Literal["video", "audio", "clip"]
"""What a model takes: pictures, sound, or the whole clip as a video file in place of single frames."""

PROMPTS = Path(__file__).parent / "prompts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """All that a model is sent; has no field that could carry an id, a path, an audio clue or a target.

    Attributes:
        text: the request in words.
        frames: still pictures in order of time; read from disk when somebody looks at them.
        sound: what is heard.
        video: the whole clip as mp4 without metadata, for models that take one.
        repeat: how often the same has been asked before; not sent, but a kept reply to one is none to the other.
    """

    text: str
    frames: Sequence[Frame] = ()
    sound: Sound | None = None
    video: bytes | None = None
    repeat: int = 0


def read_templates(home: Path, replacements: Path | None = None) -> Mapping[str, Template]:
    """The templates of a folder by name, each replaced by the file of that name in the user's folder, if there is one.

    Placeholders are `$name`, filled in one pass: a question that contains `$labels` pulls nothing in.

    Raises:
        RunError: a replacement cannot be read, or does not use the placeholders of the template that it replaces.
    """
    templates = {path.stem: Template(path.read_text("utf-8")) for path in sorted(home.glob("*.txt"))}
    if replacements is None:
        return templates
    return {name: _replaced(template, replacements / f"{name}.txt") for name, template in templates.items()}


def check_replacements(folder: Path | None, known: Iterable[Path]) -> None:
    """Refuses a folder that replaces nothing, or holds a template that nobody would read.

    Raises:
        RunError: says which files there may be.
    """
    if folder is None:
        return
    names = sorted(path.name for path in known)
    found = sorted(path.name for path in folder.glob("*.txt")) if folder.is_dir() else []
    if not found or set(found) - set(names):
        what = f"holds {', '.join(found)}" if found else "holds no template"
        raise RunError(f"--prompts: {folder} {what}; it may replace {', '.join(names)}, by these names alone.")


def _replaced(template: Template, path: Path) -> Template:
    if not path.exists():
        return template
    try:
        replacement = Template(storable(path.read_text("utf-8-sig", "surrogatepass")))
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"The prompt {path} cannot be read ({error}).") from error
    wanted = set(template.get_identifiers())
    if not replacement.is_valid() or set(replacement.get_identifiers()) != wanted:
        names = ", ".join(f"${name}" for name in sorted(wanted))
        raise RunError(f"The prompt {path} must use each of these placeholders and no other: {names} (write $$ for $).")
    return replacement


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
        wanted = takes & self.modalities
        frames, sound, video = await self._material(sample, takes, wanted)
        if not frames and sound is None and video is None:
            raise DataError(f"Nothing of {sample.id} can be sent: the model takes {_listed(takes)}, the clip has none.")
        text = self.template.substitute(
            subject=sample.task.subject,
            material=_described(frames, hears=sound is not None, whole=video is not None),
            question=sample.task.question,
            labels="; ".join(sample.label_set),
            how_many="Name one label or several." if sample.task.several else "Name one label.",
        )
        return Prompt(text=text, frames=frames, sound=sound, video=video)

    async def _material(
        self, sample: Sample, takes: frozenset[Modality], wanted: frozenset[Modality]
    ) -> tuple[Sequence[Frame], Sound | None, bytes | None]:
        reader, clip, hears = self.reader, sample.clip, "audio" in wanted
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
