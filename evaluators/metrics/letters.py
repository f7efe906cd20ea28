"""The metric for questions of several parts, each answered by a letter: an answer counts if all its letters are right.

A label of the set names every part and its letter, e.g. `emotion B, cause C`, and the label set has all combinations.
EmoBench counts its Emotional Understanding this way (Sabour et al. 2024, "EmoBench", section 4.1,
https://aclanthology.org/2024.acl-long.326; its code compares both letters). An answer without a letter for each part is
wrong in all of them; if a part's letter is given several times, the last one counts. No agent is asked.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from benchmark.errors import ExtractorError, boundary
from benchmark.model import Answer
from benchmark.task import Sample
from evaluators.metrics.metric import Marked, Mean, Measure, Roles
from evaluators.outcome import AnswerScore, Scored

ACCURACY = Mean("accuracy", "Accuracy")

_LINKS = r"(?:[\W_]{1,8}(?:is|would be|option|choice|letter)(?![A-Za-z])){0,3}[\W_]{1,8}"
# "A" and small letters may be words: "Cause: a friend left" names no letter
_ALONE = r"(?=[^\S\n]*(?:\Z|\n|[^A-Za-z0-9'’\s]|and\b))"
_LETTER = rf"(?:(?P<capital>[B-Z])(?![A-Za-z0-9'’])|(?P<other>[Aa-z]){_ALONE})"


def named_letters(text: str, parts: Sequence[str]) -> tuple[str, ...]:
    """The letter that the text gives for each part, in capitals: `("B", "C")` for "Emotion: B; cause: (c)".

    A part is named by its name, or as the authors' scripts have models name it: `answer_q1`, `answer_q2`, or `answer`
    if there is only one. Letters alone on the last line count too. Empty if a part has no letter.
    """
    found = tuple(_last(text, _pattern(name, place, len(parts))) for place, name in enumerate(parts, 1))
    if all(found):
        return found
    last = text.strip().rpartition("\n")[2]
    bare = re.fullmatch(rf"[\W_]{{0,20}}{'[^A-Za-z0-9]{1,20}'.join(['([A-Za-z])'] * len(parts))}[\W_]{{0,20}}", last)
    return tuple(letter.upper() for letter in bare.groups()) if bare else ()


def _last(text: str, pattern: re.Pattern[str]) -> str:
    letter = ""
    for match in pattern.finditer(text):
        letter = (match["capital"] or match["other"]).upper()
    return letter


@cache
def _pattern(name: str, place: int, count: int) -> re.Pattern[str]:
    """What gives the letter of a part: its name, perhaps words such as "is", and the letter."""
    names = (re.escape(name), "answer") if count == 1 else (re.escape(name), f"(?:answer[_ ])?q{place}")
    return re.compile(rf"(?<![A-Za-z])(?i:{'|'.join(names)}){_LINKS}{_LETTER}")


def letters_of(label: str) -> Mapping[str, str]:
    """The letter of each part in a label: `{"emotion": "B", "cause": "C"}` of `emotion B, cause C`."""
    return {name: letter for name, _, letter in (part.rpartition(" ") for part in label.split(", "))}


def _marks(predicted: Sequence[str], target: str, parts: Sequence[str]) -> Mapping[str, Fraction | None]:
    """Accuracy: 1 if all letters are right; and for each of `parts`, 1 if its letter is right."""
    named, right = letters_of(predicted[0]) if predicted else {}, letters_of(target)
    return {"accuracy": Fraction(named == right)} | {part: Fraction(named.get(part) == right[part]) for part in parts}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """The metric; `parts` are those that have a measure of their own, beside that of all together."""

    parts: tuple[str, ...] = ()
    name: str = "letters"
    roles: frozenset[str] = frozenset()
    details: tuple[Measure, ...] = ()
    floor: Measure = ACCURACY

    @property
    def marks(self) -> tuple[str, ...]:
        """Accuracy, and the parts."""
        return ("accuracy", *self.parts)

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The means of the marks."""
        return (ACCURACY, *(Mean(part, part.capitalize()) for part in self.parts))

    async def score(self, sample: Sample, answer: Answer, roles: Roles, repeat: int = 0) -> Scored:  # noqa: ARG002
        """The score of the letters in the answer; its thoughts are read only if there is no other text.

        Raises:
            ModelError: the answer has only thoughts, and these are ignored.
            ExtractorError: the patterns failed on the answer.
        """
        rated = roles.rated(answer)
        with boundary(ExtractorError):
            parts = tuple(letters_of(sample.label_set[0]))
            letters = named_letters(rated.text if rated.text.strip() else rated.reasoned, parts)
            label = ", ".join(f"{part} {letter}" for part, letter in zip(parts, letters, strict=False))
        predicted = (label,) if label in sample.label_set else ()
        marks = _marks(predicted, sample.targets[0], self.parts)
        why = f"right is {sample.targets[0]}, the answer says {', '.join(predicted) or 'no such letters'}"
        return Scored(sample=sample, score=AnswerScore(answer=answer, predicted=predicted, found=marks, why=why))

    def remade(self, record: Marked, *, several: bool) -> Mapping[str, Fraction | None]:  # noqa: ARG002
        """The marks computed again from the predicted label."""
        return _marks(record.predicted, record.targets[0], self.parts)

    def is_right(self, marks: Mapping[str, Fraction | None]) -> bool:
        """Whether all letters are right."""
        return marks["accuracy"] == 1


METRIC = Letters()
EMOTION_AND_CAUSE = Letters(parts=("emotion", "cause"))
"""With the accuracy of each of two parts."""
