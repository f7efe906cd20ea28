"""The metric for one true label and a free answer: accuracy, weighted F1 and UAR, as in most emotion benchmarks.

The predicted label is the only one of the label set that the answer's conclusion names. No agent is asked: word lists
find the labels (`evaluators/judge/rules.py`). What an answer counts as that names none of them, or several, is the
policy that the task's `outside` names; authors differ in it, and often do not say so:

    wrong        no label, and so wrong                         R1-Omni (humanomni/eval/eval_mafw_dfew.py)
    drop         left out of all scores                         EmoBench-M (EmoBench-M_eval.py)
    class:NAME   the label NAME                                 Emotion-LLaMA (eval_emotion.py): neutral
    extra        one more class, of which no recall is right    Emotion-Qwen, by scikit-learn's macro recall

Weighted F1 is the mean of each true label's F1, weighted by how often the label is true; UAR, the unweighted average
recall, is the mean of each true label's recall (Schuller et al. 2009, Interspeech, "The INTERSPEECH 2009 Emotion
Challenge").
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import Literal, TypeAlias

import numpy as np

from benchmark.errors import ExtractorError, RunError, boundary
from benchmark.model import Answer
from benchmark.task import Sample
from evaluators.judge.evidence import Question
from evaluators.judge.labels import named_labels
from evaluators.judge.rules import RulesExtractor
from evaluators.metrics.metric import Column, Marked, Mean, Measure, Roles, is_scored
from evaluators.outcome import AnswerScore, Scored

Pair = tuple[str, str]
"""The true and the predicted label; the latter is `OUTSIDE` if the answer names none of the set, or several."""
Counts = Mapping[Pair, int]
"""A confusion matrix: the number of samples by pair."""

OUTSIDE = ""
WRONG = "\0wrong"
"""The prediction of a sample that is to count as wrong by every policy."""
STEPS = 50
"""In how many steps the worst labels of samples without a score are looked for."""
EXTRA = "\0extra"
"""The class of the answers outside the labels by the policy `extra`."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What an answer counts as that names none of the labels, or several.

    Attributes:
        kind: as in the list above.
        label: the label of the kind `class`.
    """

    kind: Literal["wrong", "drop", "class", "extra"] = "wrong"
    label: str = ""

    def __str__(self) -> str:
        """What becomes of such an answer, as the predicate of a sentence."""
        words = {
            "wrong": "counts as wrong",
            "drop": "is left out of all scores",
            "class": f"counts as the answer `{self.label}`",
            "extra": "counts as a class of its own, with recall 0",
        }
        return words[self.kind]

    def counted(self, pair: Pair) -> Pair | None:
        """The pair as it counts; None if it is left out."""
        true, predicted = pair
        if self.kind == "extra":
            return (true, EXTRA) if predicted in (OUTSIDE, WRONG) else pair
        if predicted != OUTSIDE or self.kind == "wrong":
            return pair
        return None if self.kind == "drop" else (true, self.label)

    def matrix(self, counts: Counts) -> Counts:
        """The confusion matrix of the pairs as they count."""
        found = Counter[Pair]()
        for pair, number in counts.items():
            if (counted := self.counted(pair)) is not None:
                found[counted] += number
        return +found


def parse_policy(text: str) -> Policy:
    """The policy that a task's `outside` names.

    Raises:
        ValueError: it names none.
    """
    kind, _, label = text.partition(":")
    if kind == "class" and label.strip():
        return Policy("class", label.strip())
    for known in ("wrong", "drop", "extra"):
        if text == known:
            return Policy(known)
    raise ValueError("must be wrong, drop, extra or class:NAME")


def accuracy(counts: Counts) -> float:
    """The share of samples whose label is right; also the weighted average recall, WAR."""
    return sum(number for (true, predicted), number in counts.items() if true == predicted) / sum(counts.values())


def weighted_f1(counts: Counts) -> float:
    """The mean F1 of the true labels, weighted by how often each is true."""
    true, predicted = _totals(counts)
    f1 = {label: 2 * counts.get((label, label), 0) / (total + predicted[label]) for label, total in true.items()}
    return sum(total * f1[label] for label, total in true.items()) / sum(true.values())


def unweighted_recall(counts: Counts) -> float:
    """The unweighted mean recall of the true labels, and of the class `EXTRA` if any answer is in it."""
    true, predicted = _totals(counts)
    classes = len(true) + (predicted[EXTRA] > 0)
    return sum(counts.get((label, label), 0) / total for label, total in true.items()) / classes


def _totals(counts: Counts) -> tuple[Counter[str], Counter[str]]:
    """How often each label is true, and how often each is predicted."""
    true, predicted = Counter[str](), Counter[str]()
    for (label, answer), number in counts.items():
        true[label] += number
        predicted[answer] += number
    return +true, predicted


@dataclass(frozen=True, slots=True)
class OfCounts:
    """A measure of a confusion matrix, which is not a mean over samples."""

    name: str
    title: str
    of: Callable[[Counts], float]
    policy: Policy = Policy()
    bounded: bool = False

    def value(self, records: Sequence[Marked]) -> float | None:
        """The measure of the records that have a score; None if none has, or if the policy leaves all of them out."""
        value = self._value(Counter(_pair(record) for record in records if is_scored(record)))
        return None if np.isnan(value) else value

    def column(self, records: Sequence[Marked]) -> Column:
        """Pseudo-values: n times the measure minus n - 1 times that without the sample, shifted to have it as mean.

        All are nan if the measure is unknown without some sample: its spread is unknown then.
        """
        return self._pseudo([_pair(record) if is_scored(record) else None for record in records])

    def filled(self, records: Sequence[Marked], *, right: bool) -> Column:
        """The same if all samples without a score were right, or all as wrong as can be; 1 or 0 where that is unknown.

        Wrong labels differ: to name another label lowers that label's precision, too.
        """
        pairs = [_pair(record) if is_scored(record) else None for record in records]
        seen = Counter(pair for pair in pairs if pair is not None)
        missing = Counter(record.targets[0] for record, pair in zip(records, pairs, strict=True) if pair is None)
        guesses = {true: [true] * number for true, number in missing.items()} if right else self._worst(seen, missing)
        filled = [
            (record.targets[0], guesses[record.targets[0]].pop()) if pair is None else pair
            for record, pair in zip(records, pairs, strict=True)
        ]
        column = self._pseudo(filled)
        return np.where(np.isnan(column), float(right), column)

    def _worst(self, seen: Counter[Pair], missing: Counter[str]) -> dict[str, list[str]]:
        """By true label, wrong ones for the missing samples with which the measure is lowest; `seen` grows by them."""
        labels = {label for pair in seen for label in pair}.union(missing) - {OUTSIDE}
        found: dict[str, list[str]] = {true: [] for true in missing}
        for true, number in missing.items():
            wrong = [(true, label) for label in (WRONG, *sorted(labels - {true}))]
            for share in _shares(number):
                worst = min(wrong, key=lambda pair: self._after(seen, pair, share))
                seen[worst] += share
                found[true] += [worst[1]] * share
        return found

    def _after(self, counts: Counter[Pair], pair: Pair, number: int) -> float:
        """The measure with so many more samples of a pair."""
        value = self._value(counts + Counter({pair: number}))
        return 1.0 if np.isnan(value) else value

    def _value(self, counts: Counts) -> float:
        matrix = self.policy.matrix(counts)
        return self.of(matrix) if matrix else np.nan

    def _pseudo(self, pairs: Sequence[Pair | None]) -> Column:
        counts = Counter(pair for pair in pairs if pair is not None)
        n = counts.total()
        whole = self._value(counts)
        without = {pair: self._value(counts - Counter([pair])) if n > 1 else whole for pair in counts}
        pseudo = np.array([np.nan if pair is None else n * whole - (n - 1) * without[pair] for pair in pairs], float)
        known = n and not np.isnan([*without.values()]).any()
        return pseudo - np.nanmean(pseudo) + whole if known else np.full(len(pairs), np.nan)


def _shares(number: int) -> list[int]:
    """The number in at most `STEPS` whole parts: of many samples, several are filled at a time."""
    parts = min(number, STEPS)
    return [number // parts + (place < number % parts) for place in range(parts)]


def _pair(record: Marked) -> Pair:
    return record.targets[0], _said(record.predicted)


def _said(predicted: Sequence[str]) -> str:
    return predicted[0] if len(predicted) == 1 else OUTSIDE


OfMatrix: TypeAlias = tuple[str, str, Callable[[Counts], float]]
"""A measure's name, its title, and the measure of a confusion matrix."""
Shown: TypeAlias = OfMatrix | Measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The metric; it asks no agent.

    Attributes:
        shown: its measures, the headline first; one of them is of the function `accuracy`, under any name.
        instead: the measures in place of these, for a suite whose other tasks are scored in other ways: measures of
            counts are computed over the samples of all tasks.
        policy: what an answer outside the labels counts as.
        reads: finds the labels that a text names; None to find them by word lists in the text's conclusion.
    """

    name: str = "labels"
    shown: tuple[Shown, ...] = (
        ("weighted_f1", "Weighted F1", weighted_f1),
        ("uar", "UAR", unweighted_recall),
        ("accuracy", "Accuracy", accuracy),
    )
    instead: tuple[Measure, ...] = ()
    policy: Policy = Policy()
    roles: frozenset[str] = frozenset()
    details: tuple[Measure, ...] = ()
    reads: Callable[[str, Sequence[str]], tuple[str, ...]] | None = None

    def of(self, outside: str) -> "Labels":
        """The metric with the policy that a task's `outside` names.

        Raises:
            ValueError: it names none.
        """
        return replace(self, policy=parse_policy(outside))

    @property
    def remark(self) -> str:
        """The policy, as a sentence."""
        return f"An answer that names none of the labels, or several, {self.policy}."

    @property
    def marks(self) -> tuple[str, ...]:
        """The only mark of a sample: accuracy."""
        return (self._accuracy.name,)

    @property
    def measures(self) -> tuple[Measure, ...]:
        """Those that are shown; accuracy is a mean over samples unless some samples may be left out."""
        means = self.policy.kind != "drop"
        found = list(self.instead)
        for one in () if self.instead else self.shown:
            if not isinstance(one, tuple):
                found.append(one)
                continue
            name, title, of = one
            found.append(Mean(name, title) if means and of is accuracy else OfCounts(name, title, of, self.policy))
        return tuple(found)

    @property
    def floor(self) -> Measure:
        """Accuracy; an answer that is left out counts as wrong here, since a constant guess has no such answers."""
        return self._accuracy

    @property
    def _accuracy(self) -> Mean:
        name, title = next((one[0], one[1]) for one in self.shown if isinstance(one, tuple) and one[2] is accuracy)
        return Mean(name, title, mark=_strict(name)) if self.policy.kind == "drop" else Mean(name, title)

    async def score(self, sample: Sample, answer: Answer, roles: Roles, repeat: int = 0) -> Scored:  # noqa: ARG002
        """The score of the labels that the answer's conclusion names.

        Raises:
            ModelError: the answer has only thoughts, and these are ignored.
            ExtractorError: the word lists failed on the answer.
            RunError: the policy counts answers as a label that the sample does not have.
        """
        if self.policy.label and self.policy.label not in sample.label_set:
            raise RunError(
                f"`outside` of the task {sample.task.name} is class:{self.policy.label}, but the labels of {sample.id}"
                f" are {', '.join(sample.label_set)}; name one of them in suite.toml."
            )
        question = Question(subject=sample.task.subject, label_set=sample.label_set, several=False)
        rated = roles.rated(answer)
        with boundary(ExtractorError):
            if self.reads is None:
                steps = await RulesExtractor().extract(rated, question)
                predicted = named_labels(steps.value.prediction, sample.label_set)
            else:
                predicted = self.reads(rated.text if rated.text.strip() else rated.reasoned, sample.label_set)
        outside = "" if len(predicted) == 1 else f", which {self.policy}"
        score = AnswerScore(
            answer=answer,
            predicted=predicted,
            found=self.marks_of(sample.targets, predicted),
            why=f'the label is "{sample.targets[0]}", the answer names {", ".join(predicted) or "no label"}{outside}',
            more=(f"Labels: {', '.join(sample.label_set)}",),
        )
        return Scored(sample=sample, score=score)

    def marks_of(self, targets: Sequence[str], predicted: Sequence[str]) -> Mapping[str, Fraction | None]:
        """The mark of an answer that names these labels: 1 if it counts as the true one, None if it is left out."""
        counted = self.policy.counted((targets[0], _said(predicted)))
        return {self.marks[0]: None if counted is None else Fraction(counted[0] == counted[1])}

    def remade(self, record: Marked, *, several: bool) -> Mapping[str, Fraction | None]:  # noqa: ARG002
        """The mark computed again from the predicted labels."""
        return self.marks_of(record.targets, record.predicted)

    def is_right(self, marks: Mapping[str, Fraction | None]) -> bool:
        """Whether the label is right."""
        return marks[self.marks[0]] == 1


@cache
def _strict(name: str) -> Callable[[Marked], float | None]:
    """The mark of that name, with 0 for an answer that is left out; the same function for the same name."""
    return lambda record: (record.scores.get(name) or 0.0) if is_scored(record) else None


METRIC = Labels()
