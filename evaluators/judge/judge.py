"""The judge: rates each step of an answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from string import Template
from typing import TypeVar

from typing_extensions import Protocol, runtime_checkable

from benchmark.clip import as_frames
from benchmark.clips.pace import Pace
from benchmark.errors import JudgeError
from benchmark.model import Model
from benchmark.prompt import Prompt
from evaluators.judge.agent import Reply, ask
from evaluators.judge.evidence import Evidence
from evaluators.judge.fence import fenced, listed, request
from evaluators.judge.grading import Grades, Grading, parse_grades
from evaluators.judge.rating import Ratings, parse_ratings
from evaluators.judge.steps import Steps

T = TypeVar("T")

TEXTS = frozenset({"clue", "targets", "labels", "steps"})
"""The placeholders for text that is not ours."""

NO_CLUE = "(Nobody has described the sound of this clip.)"


@runtime_checkable
class Judge(Protocol):
    """Rates each step of an answer against what is known about the clip."""

    @property
    def name(self) -> str:
        """Its name in reports."""

    @property
    def identity(self) -> str:
        """All that affects its ratings besides the steps and the evidence."""

    @property
    def sees(self) -> bool:
        """Whether it is shown frames; if not, none are decoded for it."""

    async def rate(self, steps: Steps, evidence: Evidence) -> Reply[Ratings]:
        """One rating for each step.

        Raises:
            JudgeError: no reply could be parsed.
        """


@dataclass(frozen=True, slots=True)
class PromptedJudge:
    """A multimodal language model as judge (MME-Emotion, arXiv 2508.09210, uses gpt-4o-2024-11-20 at temperature 0).

    Attributes:
        model: the model.
        templates: the prompts by name: `judge` to rate steps, others for what else it is asked.
    """

    model: Model
    templates: Mapping[str, Template]

    @property
    def name(self) -> str:
        """The model's."""
        return self.model.name

    @property
    def identity(self) -> str:
        """The model's, and the template."""
        return f"{self.model.identity}\n{fenced(self.templates['judge'].template, TEXTS)}"

    @property
    def sees(self) -> bool:
        """Always."""
        return True

    async def rate(self, steps: Steps, evidence: Evidence) -> Reply[Ratings]:
        """The ratings; a reply that does not parse or does not fit the steps is asked for again."""
        prompt = Prompt(text=self._request(steps, evidence), frames=evidence.frames, repeat=evidence.repeat)
        parse = partial(parse_ratings, steps=len(steps), labels=len(evidence.targets))
        return await ask(self.model, prompt, parse, JudgeError)

    async def grade(self, grading: Grading) -> Reply[Grades]:
        """The points; a reply that does not parse is asked for again.

        Raises:
            JudgeError: no reply could be parsed.
            KeyError: there is no template of that name.
        """
        most, named = grading.most, self.templates[grading.prompt].get_identifiers()
        texts = {name: text for name, text in grading.texts.items() if name in named}
        ours = {"least": grading.least, "most": most, "repeat": grading.repeat}
        example = ", ".join(f"{name}: N/{most}" for name in grading.dimensions)
        return await self.ask(grading.prompt, texts, partial(parse_grades, grading=grading), example=example, **ours)

    async def ask(
        self, name: str, texts: Mapping[str, str], parse: Callable[[str], T], *, repeat: int = 0, **ours: object
    ) -> Reply[T]:
        """The parsed reply to another template; a reply that does not parse is asked for again.

        Args:
            name: of the template, a file `NAME.txt` in the suite's folder.
            texts: the text for each placeholder, which is not ours.
            parse: turns a reply into a value, or raises a `RejectedReply`.
            repeat: how often the same was asked before.
            ours: the values of the other placeholders.

        Raises:
            JudgeError: no reply could be parsed.
            KeyError: there is no template of that name.
        """
        prompt = Prompt(text=request(self.templates[name], texts, **ours), repeat=repeat)
        return await ask(self.model, prompt, parse, JudgeError)

    def _request(self, steps: Steps, evidence: Evidence) -> str:
        count, question = len(evidence.targets), evidence.question
        texts = {
            "clue": evidence.audio_clue or NO_CLUE,
            "targets": listed(evidence.targets),
            "labels": listed(question.label_set),
            "steps": steps.numbered(),
        }
        ours = {"subject": question.subject, "rule": _rule(count), "count": len(steps), "example": f"1/{count}"}
        return _pace_of(evidence) + request(self.templates["judge"], texts, **ours)


def _pace_of(evidence: Evidence) -> str:
    """A sentence with the times of the frames if these are not one a second, else ""."""
    seconds = as_frames(evidence.frames).seconds if evidence.spread else ()
    if not seconds or seconds[-1] <= Pace().shown:
        return ""
    times = ", ".join(f"{at:.1f}" for at in seconds)
    return f"The frames are taken evenly from the whole clip, at these seconds: {times}.\n\n"


def _rule(count: int) -> str:
    if count == 1:
        return "1/1 if it names the true label, in whatever form of the word, and no other label; otherwise 0/1."
    return f"C/{count}, where C is how many of the {count} true labels it names, in whatever form of the word."
