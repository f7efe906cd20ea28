"""The table of attacks, each on agents that obey, quote and normalise: no score may be better than without it."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby

import pytest

from benchmark.clip import Clip
from benchmark.clips.reader import ClipReader
from benchmark.errors import ModelError
from benchmark.model import Answer
from benchmark.models.templates import read_templates
from benchmark.prompt import Modality, Prompt
from benchmark.storage.cache import Cache
from benchmark.task import Sample
from evaluators.agents import PROMPTS
from evaluators.clue import Listener
from evaluators.judge.agent import RejectedReply, Reply
from evaluators.judge.evidence import Question
from evaluators.judge.extractor import Extractor, PromptedExtractor
from evaluators.judge.judge import PromptedJudge
from evaluators.judge.rating import parse_ratings
from evaluators.judge.rules import RulesExtractor, RulesJudge
from evaluators.judge.steps import Steps
from evaluators.metrics.metric import Roles
from evaluators.outcome import Scored, Unscored
from evaluators.scorer import answer_and_score
from tests.attacks.stubs import LABELS, RIGHT, SIGHT, SOUND, WRONG, Stub, Temper
from tests.attacks.table import ATTACKS, PLACES, Attack
from tests.tasks import DEMO, TASKS, steps_of

TEMPLATES = read_templates(PROMPTS)
CLIP = Clip(DEMO / "ER-Lab/Drawn/video/ER_Lab_01.mp4")
TEMPERS: tuple[Temper, ...] = ("obeying", "echoing", "normalising", "literal")
BY_TEXT = {name: tuple(rows) for name, rows in groupby(ATTACKS, lambda row: f"{row.kind}: {row.name}")}


@dataclass(frozen=True)
class Says:
    """A model or a respondent with one thing to say, or to raise."""

    words: Answer | ModelError
    name: str = "says"
    identity: str = "says/1"
    modalities: frozenset[Modality] = frozenset({"video", "audio"})

    async def answer(self, sample: Sample) -> Answer:
        return await self.generate(Prompt(text=""))

    async def generate(self, prompt: Prompt) -> Answer:
        if isinstance(self.words, ModelError):
            raise self.words
        return self.words


@dataclass(frozen=True)
class Cuts:
    """An extractor that hands on what it finds, attacks as well."""

    planted: str
    name: str = "cuts"
    identity: str = "cuts/1"

    async def extract(self, answer: Answer, question: Question) -> Reply[Steps]:
        return Reply(value=Steps(reasoning=(SIGHT, self.planted), prediction=WRONG), model=self.name)


@dataclass(kw_only=True)
class Scene:
    """A sample whose answer is wrong, and an attack somewhere in it."""

    attack: Attack
    temper: Temper
    reader: ClipReader
    stubs: list[Stub] = field(default_factory=list)

    def text(self, place: str, otherwise: str = "") -> str:
        """What stands in a place: the attack, if it is planted there."""
        return self.attack.planted if place == self.attack.place else otherwise

    def sample(self) -> Sample:
        label = " ".join([RIGHT, self.text("label")]).strip()
        more = filter(None, [self.text("label set")])
        unheard = self.attack.place == "listener"
        return Sample(
            id="ER-Lab/x/1",
            task=TASKS["ER-Lab"],
            clip=CLIP,
            label_set=(label, *LABELS[1:], *more),
            targets=(label,),
            source="x",
            recording="x",
            video_id=self.text("video id", "1.mp4"),
            audio_clue=None if unheard else self.text("clue", SOUND),
        )

    def respondent(self) -> Says:
        said = "\n".join(filter(None, [SIGHT, self.text("answer"), f"Answer: {WRONG}"]))
        name, note = self.text("model name", "says"), self.text("note")
        thoughts = self.text("thoughts") or None
        return Says(Answer(text=said, model=name, thoughts=thoughts, left_out=(note,) if note else ()), name=name)

    def scorer(self) -> Roles:
        earlier = self.text("earlier reply")
        first = (earlier,) if earlier and not _is_verdict(earlier) else ()
        extractor = Stub("extractor", self.temper, self.attack.planted)
        judge = Stub("judge", self.temper, self.attack.planted, first)
        self.stubs = [extractor, judge]
        step, error = self.text("step"), self.text("server error")
        cuts: Extractor = Cuts(step) if step else PromptedExtractor(extractor, TEMPLATES)
        return Roles(
            extractor=cuts,
            judge=PromptedJudge(Says(ModelError(error)) if error else judge, TEMPLATES),
            reader=self.reader,
            listener=Listener(Says(Answer(text=self.text("listener", SOUND), model="hears")), TEMPLATES["listen"]),
        )

    def by_words(self) -> Roles:
        """The same with the word lists."""
        return replace(self.scorer(), extractor=RulesExtractor(), judge=RulesJudge())

    async def complaints(self) -> Iterator[str]:
        """What the attack has achieved."""
        by_words = self.temper == "literal"
        outcome = await answer_and_score(
            self.sample(), self.respondent(), self.by_words() if by_words else self.scorer()
        )
        fooled = [line for stub in self.stubs for line in stub.fooled]
        return iter([*(f"obeyed: {line}" for line in fooled), *self._gains(outcome)])

    def _gains(self, outcome: Scored | Unscored) -> Iterator[str]:
        if isinstance(outcome, Unscored):
            if self.attack.place != "server error" or self.temper == "literal":
                yield f"it ends unscored: {outcome.error}"
        elif steps_of(outcome).recognition or (steps_of(outcome).reasoning and self.temper != "literal"):
            yield f"it is rated {steps_of(outcome).recognition} and {steps_of(outcome).reasoning}"


def _is_verdict(reply: str) -> bool:
    """Whether a judge that says so has rated the plain sample, by mistake or not."""
    try:
        parse_ratings(reply, steps=3, labels=1)
    except RejectedReply:
        return False
    return True


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> ClipReader:
    return ClipReader(Cache(tmp_path_factory.mktemp("attacks")))


def test_the_table_is_what_it_says() -> None:
    assert {attack.place for attack in ATTACKS} == set(PLACES)
    assert len(BY_TEXT) >= 100
    assert sum(map(len, BY_TEXT.values())) == len(set(ATTACKS)) > 800


@pytest.mark.parametrize("rows", BY_TEXT.values(), ids=BY_TEXT)
def test_no_attack_pays(rows: tuple[Attack, ...], reader: ClipReader) -> None:
    async def found() -> list[str]:
        return [
            f"{row.place}, {temper}: {complaint}"
            for row in rows
            for temper in TEMPERS
            for complaint in await Scene(attack=row, temper=temper, reader=reader).complaints()
        ]

    assert asyncio.run(found()) == []
