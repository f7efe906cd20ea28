"""Agents that use word lists instead of a model: they work offline; their scores do not compare with published ones."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from benchmark.model import Answer
from benchmark.models.circumplex import place, voice_arousal
from evaluators.judge.agent import Reply
from evaluators.judge.evidence import Evidence, Question
from evaluators.judge.grading import Grades, Grading
from evaluators.judge.labels import asserted, named_labels, plain
from evaluators.judge.rating import Rating, Ratings
from evaluators.judge.steps import Steps

IDENTITY = "rules/4"
MOST_STEPS = 12
"""The largest number of steps before the prediction; the last of them has all remaining sentences."""

CLEAR = 0.4
"""How far from neutral two opposite texts must lie, on the same axis, to contradict each other."""

_MARKUP = re.compile(r"</?\w+>|[*_`#]+")
# as R1-Omni and Audio-Reasoner mark it
_ANSWER = re.compile(r"<\s*(answer|response)\s*>(.*?)(?:<\s*/\s*\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_LEAD = re.compile(r"^\s*(?:[-•–]|\d{1,2}[.)]|step\s+\d{1,2}\s*[:.)-])\s*", re.IGNORECASE)
# a sentence ends before white space and a capital or digit, which "-18.2 dB" does not contain; abbreviations are listed
_SENTENCE = re.compile(
    r"""(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!\bvs\.)(?<!\bMr\.)(?<!\bDr\.)\s+(?=["'(A-Z0-9])"""
    r"|(?<=[\u3002\uff01\uff1f])"
)
_CONCLUSION = re.compile(
    r"\b(?:answer|final|therefore|conclusion|overall|hence|thus|in sum|prediction)\b", re.IGNORECASE
)
_WORD = re.compile(r"[a-z][a-z-]+")
_LONG, _ANY = re.compile(r"\w{4,}"), re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class RulesExtractor:
    """Splits an answer into sentences; the prediction is the labels of its conclusion."""

    name: str = "rules"
    identity: str = IDENTITY

    async def extract(self, answer: Answer, question: Question) -> Reply[Steps]:
        """The steps; never fails.

        Thoughts are reasoning; if there is no other text, they are the answer.
        """
        thoughts, text = (answer.thoughts or "", answer.text) if answer.text.strip() else ("", answer.reasoned)
        return Reply(value=split_steps(text, question, thoughts), model=self.name)


def split_steps(text: str, question: Question, thoughts: str = "") -> Steps:
    """The sentences as steps; the prediction is the labels that the conclusion names, joined by commas, or "None".

    The conclusion is the last sentence that names a label, preferably one with a word such as "therefore". If there is
    a block `<answer>…</answer>` or `<RESPONSE>…</RESPONSE>`, it is searched for in the last such block.
    """
    before, answer, after = marked_out(text)
    steps = _concluded(answer, question)
    reasoning = [sentence for part in (thoughts, before, after) for sentence in split_sentences(part)]
    reasoning += steps.reasoning
    if len(reasoning) > MOST_STEPS:  # the last step then takes all the rest
        reasoning[MOST_STEPS - 1 :] = [" ".join(reasoning[MOST_STEPS - 1 :])]
    return Steps(reasoning=tuple(reasoning), prediction=steps.prediction)


def marked_out(text: str) -> tuple[str, str, str]:
    """The text before the marked answer, the answer, and the text after it; without a mark, all is the answer."""
    *_, marked = None, *_ANSWER.finditer(text)
    return ("", text, "") if marked is None else (text[: marked.start()], marked[2], text[marked.end() :])


def _concluded(text: str, question: Question) -> Steps:
    """The sentences of an answer, with the labels of its conclusion as the prediction."""
    sentences = list(split_sentences(text))
    naming = [index for index, sentence in enumerate(sentences) if named_labels(sentence, question.label_set)]
    saying = [index for index in naming if _CONCLUSION.search(sentences[index])]
    if not naming:
        return Steps(reasoning=tuple(sentences), prediction="None")
    last = (saying or naming)[-1]
    named = named_labels(sentences[last], question.label_set)
    return Steps(reasoning=(*sentences[:last], *sentences[last + 1 :]), prediction=", ".join(named))


def split_sentences(text: str) -> Iterator[str]:
    """The sentences of a text, without numbers of list entries, bullets and markup."""
    for line in _MARKUP.sub(" ", text).splitlines():
        for sentence in _SENTENCE.split(_LEAD.sub("", line)):
            if words := " ".join(sentence.split()):
                yield words


@dataclass(frozen=True, slots=True)
class RulesJudge:
    """Rates by words: a step is wrong if its valence or arousal is opposite to that of the audio clue."""

    name: str = "rules"
    identity: str = IDENTITY
    sees: bool = False

    async def rate(self, steps: Steps, evidence: Evidence) -> Reply[Ratings]:
        """One rating for each step; never fails."""
        reasons = [contradiction(step, evidence.audio_clue or "") for step in steps.reasoning]
        reasoning = tuple(Rating(value=Fraction(reason is None), reason=reason) for reason in reasons)
        return Reply(value=Ratings(reasoning=reasoning, recognition=recognised(steps, evidence)), model=self.name)

    async def grade(self, grading: Grading) -> Reply[Grades]:
        """The same points in each dimension: by the share of the reference's longer words that the answer has.

        Of a reference without longer words, all words count. Without a reference, the question takes its place.
        """
        reference = plain(grading.texts.get("reference") or grading.texts["question"])
        words = _LONG if _LONG.search(reference) else _ANY
        answer, wanted = (set(words.findall(text)) for text in (plain(grading.texts["answer"]), reference))
        share = Fraction(len(answer & wanted), max(1, len(wanted)))
        points = Fraction(grading.least + round((grading.most - grading.least) * share))
        return Reply(value=dict.fromkeys(grading.dimensions, points), model=self.name)


def recognised(steps: Steps, evidence: Evidence) -> Rating:
    """The rating of the last step: the share of true labels named; if one label is asked for, 1 if only it is named."""
    named = named_labels(steps.prediction, evidence.question.label_set)
    right = [target for target in evidence.targets if target in named]
    reason = f"names {', '.join(named)}" if named else "names no label"
    if evidence.question.several:
        return Rating(value=Fraction(len(right), len(evidence.targets)), reason=reason)
    return Rating(value=Fraction(named == evidence.targets), reason=reason)


def contradiction(step: str, clue: str) -> str | None:
    """How a step contradicts a clue, if their valence or arousal is opposite and `CLEAR`; else None."""
    for axis, said, heard in zip(("valence", "arousal"), _axes(step), _axes(clue), strict=True):
        if said * heard < 0 and min(abs(said), abs(heard)) >= CLEAR:
            return f"asserts {_side(said)} {axis} ({said:+.1f}), the clue says {_side(heard)} ({heard:+.1f})"
    return None


def _side(value: float) -> str:
    return "high" if value > 0 else "low"


def _axes(text: str) -> tuple[float, float]:
    """The mean valence and arousal, -1 to 1, of a text's words that are not negated; 0 without such words."""
    words = plain(text)
    mentions = (match for match in _WORD.finditer(words) if place(match[0]) or voice_arousal(match[0]) is not None)
    meant = [match[0] for match in asserted(words, mentions)]
    places = [where for word in meant if (where := place(word)) is not None]
    voices = [voice for word in meant if (voice := voice_arousal(word)) is not None]
    return _mean([where.valence for where in places]), _mean([where.arousal for where in places] + voices)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
