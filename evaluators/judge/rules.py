"""Agents that need no model: word lists. They work offline, and their scores do not compare with published ones."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from benchmark.model import Answer
from benchmark.models.circumplex import place, voice_arousal
from evaluators.judge.agent import Reply
from evaluators.judge.evidence import Evidence, Question
from evaluators.judge.labels import asserted, named_labels, plain
from evaluators.judge.rating import Rating, Ratings
from evaluators.judge.steps import Steps

IDENTITY = "rules/4"
MOST_STEPS = 12
"""How many steps an answer is cut into at most; what follows is joined to the last but one."""

CLEAR = 0.4
"""How far from neutral a word must lie, on either axis, for its opposite to contradict it."""

_THOUGHT = re.compile(r"</?\w+>|[*_`#]+")
# R1-Omni; Audio-Reasoner
_ANSWER = re.compile(r"<\s*(answer|response)\s*>(.*?)(?:<\s*/\s*\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_LEAD = re.compile(r"^\s*(?:[-•–]|\d{1,2}[.)]|step\s+\d{1,2}\s*[:.)-])\s*", re.IGNORECASE)
# a sentence ends before white space and a capital or figure; "-18.2 dB" has neither, an abbreviation is named
_SENTENCE = re.compile(
    r"""(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!\bvs\.)(?<!\bMr\.)(?<!\bDr\.)\s+(?=["'(A-Z0-9])"""
    r"|(?<=[\u3002\uff01\uff1f])"
)
_CONCLUSION = re.compile(
    r"\b(?:answer|final|therefore|conclusion|overall|hence|thus|in sum|prediction)\b", re.IGNORECASE
)
_WORD = re.compile(r"[a-z][a-z-]+")


@dataclass(frozen=True, slots=True)
class RulesExtractor:
    """Cuts an answer at its lines and sentences; the conclusion is the last one that says so, or that names a label."""

    name: str = "rules"
    identity: str = IDENTITY

    async def extract(self, answer: Answer, question: Question) -> Reply[Steps]:
        """The steps; never fails, since every answer has a first sentence.

        Thoughts are reasoning; where there is nothing else, what they conclude is the answer.
        """
        thoughts, text = (answer.thoughts or "", answer.text) if answer.text.strip() else ("", answer.reasoned)
        return Reply(value=split_steps(text, question, thoughts), model=self.name)


def split_steps(text: str, question: Question, thoughts: str = "") -> Steps:
    """Sentences to steps; the prediction is the labels that the conclusion names, joined by commas, or "None".

    The conclusion is looked for in the last block `<answer>…</answer>` or `<RESPONSE>…</RESPONSE>`, if there is one.
    """
    before, conclusion, after = _marked_out(text)
    reasoning = [sentence for part in (thoughts, before, after) for sentence in split_sentences(part)]
    steps = _concluded(conclusion, question)
    return Steps(reasoning=_bounded([*reasoning, *steps.reasoning]), prediction=steps.prediction)


def _marked_out(text: str) -> tuple[str, str, str]:
    """What stands before the marked answer, the answer, and what stands behind; all is the answer without a mark."""
    *_, marked = None, *_ANSWER.finditer(text)
    return ("", text, "") if marked is None else (text[: marked.start()], marked[2], text[marked.end() :])


def _concluded(text: str, question: Question) -> Steps:
    sentences = list(split_sentences(text))
    naming = [index for index, sentence in enumerate(sentences) if named_labels(sentence, question.label_set)]
    saying = [index for index in naming if _CONCLUSION.search(sentences[index])]
    if not naming:
        return Steps(reasoning=tuple(sentences), prediction="None")
    last = (saying or naming)[-1]
    named = named_labels(sentences[last], question.label_set)
    return Steps(reasoning=(*sentences[:last], *sentences[last + 1 :]), prediction=", ".join(named))


def split_sentences(text: str) -> Iterator[str]:
    """The sentences of a text, without numbering, bullets and markup."""
    for line in _THOUGHT.sub(" ", text).splitlines():
        for sentence in _SENTENCE.split(_LEAD.sub("", line)):
            if plain := " ".join(sentence.split()):
                yield plain


def _bounded(sentences: list[str]) -> tuple[str, ...]:
    if len(sentences) <= MOST_STEPS:
        return tuple(sentences)
    return (*sentences[: MOST_STEPS - 1], " ".join(sentences[MOST_STEPS - 1 :]))


@dataclass(frozen=True, slots=True)
class RulesJudge:
    """Rates by words: a step is wrong that asserts the opposite valence or arousal of the audio clue."""

    name: str = "rules"
    identity: str = IDENTITY
    sees: bool = False

    async def rate(self, steps: Steps, evidence: Evidence) -> Reply[Ratings]:
        """One rating a step; never fails."""
        reasoning = tuple(_rated(step, evidence.audio_clue or "") for step in steps.reasoning)
        return Reply(value=Ratings(reasoning=reasoning, recognition=recognised(steps, evidence)), model=self.name)


def recognised(steps: Steps, evidence: Evidence) -> Rating:
    """The last step's rating: 1 if the one true label and no other is named; of several true labels the share named."""
    named = named_labels(steps.prediction, evidence.question.label_set)
    right = [target for target in evidence.targets if target in named]
    reason = f"names {', '.join(named)}" if named else "names no label"
    if evidence.question.several:
        return Rating(value=Fraction(len(right), len(evidence.targets)), reason=reason)
    return Rating(value=Fraction(int(named == evidence.targets)), reason=reason)


def _rated(step: str, clue: str) -> Rating:
    reason = contradiction(step, clue)
    return Rating(value=Fraction(int(reason is None)), reason=reason)


def contradiction(step: str, clue: str) -> str | None:
    """Why a step contradicts a clue, or None: they lie on opposite sides of valence or arousal, both far out."""
    pairs = zip(("valence", "arousal"), _axes(step), _axes(clue), strict=True)
    for axis, said, heard in pairs:
        if said is None or heard is None:
            continue
        if said * heard < 0 and min(abs(said), abs(heard)) >= CLEAR:
            return f"asserts {_side(said)} {axis} ({said:+.1f}), the clue says {_side(heard)} ({heard:+.1f})"
    return None


def _side(value: float) -> str:
    return "high" if value > 0 else "low"


def _axes(text: str) -> tuple[float | None, float | None]:
    """The mean valence and arousal of a text's words, negated ones left out; None where no word bears on it."""
    words = plain(text)
    mentions = (match for match in _WORD.finditer(words) if place(match[0]) or voice_arousal(match[0]) is not None)
    meant = [match[0] for match in asserted(words, mentions)]
    places = [where for word in meant if (where := place(word)) is not None]
    voices = [voice for word in meant if (voice := voice_arousal(word)) is not None]
    return _mean([where.valence for where in places]), _mean([where.arousal for where in places] + voices)


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
