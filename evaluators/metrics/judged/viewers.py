"""What viewers feel, and why: labels, reasons that lead to them, and a judge's points (StimuVAR, arXiv 2409.00304).

An answer names an emotion and gives a reason, "Joy, because the dog is free at last". The formulas are those of the
authors' scripts (github.com/EthanG97/StimuVAR, `Metrics`):

    top-1, top-3       the label is the truest one; it is among the three true ones
    doubly right       the label is right, and so is the emotion that an agent infers from the reason alone; the other
                       cells are that only the label is, only the reason, or neither, so that the four sum to 1
    alignment          the inferred emotion is among the true ones
    consistent         label and inferred emotion are the same
    judged             a judge's 1 to 4 points for the answer to the question, as a share of 4

The agent sees the first 300 characters of what follows `because`, without the true label's name, which would give it
away. An answer without `because` is read as the sentence that names its label, and the others as the reason. Different
from the scripts: a label must be the only one that the answer names before `because`, where they search for the true
one in it; words that begin like the true label go too ("joyful"); and all answers are judged, not 100 of them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from benchmark.errors import ExtractorError, boundary
from benchmark.model import Answer
from benchmark.task import Sample
from evaluators.judge.agent import RejectedReply, Reply
from evaluators.judge.evidence import Question
from evaluators.judge.extractor import Extractor, PromptedExtractor
from evaluators.judge.fence import listed
from evaluators.judge.grading import Grading
from evaluators.judge.labels import named_labels
from evaluators.judge.reply_format import last_block, numbered_texts
from evaluators.judge.rules import marked_out, split_sentences, split_steps
from evaluators.metrics.judged.graded import grades_of, texts_of
from evaluators.metrics.metric import Marked, Mean, Measure, Roles
from evaluators.outcome import AnswerScore, Scored, Trace, spent, trace_of

Marks = Mapping[str, Fraction | None]

LONGEST = 300
"""How many characters of a reason are read, as in the authors' script."""
LEAST, MOST = 1, 4
"""The judge's points."""
_FINEST = 10**6
_BECAUSE = re.compile(r"\bbecause\b", re.IGNORECASE)

TOP1 = Mean("top1", "Top-1")
TOP3 = Mean("top3", "Top-3")
DOUBLY = Mean("doubly_right", "Doubly right")
JUDGED = Mean("judged", "Judged")
CELLS = (
    Mean("label_only", "Only the label right"),
    Mean("reason_only", "Only the reason right"),
    Mean("neither", "Neither right"),
)
ALIGNED = Mean("aligned", "Emotional alignment")
CONSISTENT = Mean("consistent", "Label as the reason's")
DOUBLY3 = Mean("doubly_right_3", "Doubly right, top-3")


def label_and_reason(text: str, label_set: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """The labels that an answer names before `because`, in the set's order, and what it says after.

    If none stands there, the labels are those of the answer's conclusion. Without `because`, the reason is all other
    sentences.
    """
    question = Question(subject="emotion", label_set=tuple(label_set), several=False)
    sentences = list(split_sentences(marked_out(text)[1]))
    parts = [_BECAUSE.split(sentence, maxsplit=1) for sentence in sentences]
    claims = [part for part in parts if len(part) > 1]
    named = {label for before, _ in claims for label in named_labels(before, label_set)}
    steps = split_steps(text, question)
    if not named:
        named = set(named_labels(steps.prediction, label_set))
    reason = " ".join(after.strip() for _, after in claims) if claims else " ".join(steps.reasoning)
    return tuple(label for label in label_set if label in named), reason


def without_label(reason: str, label: str) -> str:
    """The start of a reason, without the words that begin with the label's name."""
    return " ".join(re.sub(rf"\b{re.escape(label)}\w*", " ", reason, flags=re.IGNORECASE).split())[:LONGEST]


def parse_label(text: str, label_set: Sequence[str]) -> str:
    """The label in the last step of `<step>Step 1: Joy</step>`; "" for None, and for an emotion outside the set.

    Raises:
        RejectedReply: there is no such block, or it names several labels.
    """
    named = named_labels(numbered_texts(last_block(text, "step")[1])[-1], label_set)
    if len(named) > 1:
        raise RejectedReply("Its step must be one of the labels, or None.")
    return named[0] if named else ""


async def infer_label(extractor: Extractor, reason: str, sample: Sample) -> Reply[str]:
    """The emotion of the label set that a reason makes likely; "" if there is none.

    A prompted extractor is asked by the suite's `reason.txt`; any other gives the label that it finds in the reason.

    Raises:
        ExtractorError: no reply could be parsed.
    """
    labels, subject = sample.label_set, sample.task.subject
    with boundary(ExtractorError):
        if isinstance(extractor, PromptedExtractor):
            texts = {"reason": reason, "labels": listed(labels)}
            return await extractor.ask("reason", texts, partial(parse_label, label_set=labels), subject)
        question = Question(subject=subject, label_set=labels, several=False)
        steps = await extractor.extract(Answer(text=reason, model=None), question)
        named = named_labels(steps.value.prediction, labels)
        return Reply(
            value=named[0] if len(named) == 1 else "", model=steps.model, usage=steps.usage, rejected=steps.rejected
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferred:
    """What the agents made of an answer.

    Attributes:
        top1: whether its reason leads to the truest label.
        top3: whether it leads to any true label.
        same: whether it leads to the label that the answer names.
        judged: the judge's points as a share of the most.
    """

    top1: bool
    top3: bool
    same: bool
    judged: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewers:
    """The metric; `ranked` says whether samples have several true labels, the truest first."""

    name: str
    ranked: bool
    roles: frozenset[str] = frozenset({"extractor", "judge"})
    floor: Measure = TOP1

    @property
    def measures(self) -> tuple[Measure, ...]:
        """Top-1, top-3 if labels are ranked, doubly right, and the judge's points."""
        return (TOP1, *((TOP3,) if self.ranked else ()), DOUBLY, JUDGED)

    @property
    def details(self) -> tuple[Measure, ...]:
        """The other cells of doubly right, alignment and consistency."""
        return (*CELLS, *((DOUBLY3, ALIGNED) if self.ranked else ()), CONSISTENT)

    @property
    def marks(self) -> tuple[str, ...]:
        """The names of all these."""
        return tuple(measure.name for measure in (*self.measures, *self.details))

    async def score(self, sample: Sample, answer: Answer, roles: Roles, repeat: int = 0) -> Scored:
        """The score of the label and the reason.

        Raises:
            ModelError: the answer has only thoughts, and these are ignored.
            ExtractorError: the word lists failed on the answer, or the extractor gave no usable reply.
            JudgeError: the judge gave no usable reply, or cannot grade.
        """
        rated = roles.rated(answer)
        with boundary(ExtractorError):
            predicted, reason = label_and_reason(rated.text or rated.reasoned, sample.label_set)
        traces: dict[str, Trace] = {}
        inferred = ""
        if shown := without_label(reason, sample.targets[0]):
            reply = await infer_label(roles.extractor, shown, sample)
            inferred, traces["extractor"] = reply.value, trace_of(reply)
        texts = {name: text for name, text in texts_of(sample, rated).items() if name != "reference"}
        grading = Grading(
            prompt="explanation", texts=texts, dimensions=("helpful",), least=LEAST, most=MOST, repeat=repeat
        )
        with spent(traces):
            grades = await grades_of(roles.judge, grading)
            traces["judge"] = trace_of(grades)
        points, true = grades.value["helpful"], sample.targets
        found = Inferred(
            top1=inferred == true[0],
            top3=inferred in true,
            same=predicted == (inferred,),
            judged=points / MOST,
        )
        score = AnswerScore(
            answer=answer,
            predicted=predicted,
            found=self.marks_of(true, predicted, found),
            why=f'most viewers feel "{true[0]}", the answer names {", ".join(predicted) or "no label"}',
            more=(
                f"Its reason leads to: {inferred or 'no label'}; the judge gives {points}/{MOST}",
                f"True labels, the strongest first: {', '.join(true)}",
            ),
        )
        return Scored(sample=sample, score=score, traces=traces)

    def marks_of(self, targets: Sequence[str], predicted: tuple[str, ...], found: Inferred) -> Marks:
        """The marks of an answer that names these labels, of a sample with these true ones."""
        top1, top3 = (len(predicted) == 1 and predicted[0] in true for true in (targets[:1], targets))
        made = {
            TOP1: top1,
            TOP3: top3,
            DOUBLY: top1 and found.top1,
            CELLS[0]: top1 and not found.top1,
            CELLS[1]: found.top1 and not top1,
            CELLS[2]: not (top1 or found.top1),
            DOUBLY3: top3 and found.top3,
            ALIGNED: found.top3,
            CONSISTENT: found.same,
        }
        marks = {measure.name: Fraction(value) for measure, value in made.items()}
        return {name: found.judged if name == JUDGED.name else marks[name] for name in self.marks}

    def remade(self, record: Marked, *, several: bool) -> Marks:  # noqa: ARG002
        """The marks computed again from the labels, and from what the agents made of the answer.

        Raises:
            ValueError: a mark is missing or impossible.
        """
        stated = {name: record.scores.get(name) for name in self.marks}
        judged = stated[JUDGED.name]
        if judged is None or not LEAST / MOST <= judged <= 1:
            raise ValueError(f"{JUDGED.name} must be points from {LEAST}/{MOST} to 1")
        if lacking := [name for name, mark in stated.items() if name != JUDGED.name and mark not in (0, 1)]:
            raise ValueError(f"{', '.join(lacking)} must be 0 or 1")
        leads = bool(stated[DOUBLY.name] or stated[CELLS[1].name])
        found = Inferred(
            top1=leads,
            top3=leads or bool(stated.get(ALIGNED.name)),
            same=bool(stated[CONSISTENT.name]),
            judged=Fraction(judged).limit_denominator(_FINEST),
        )
        return self.marks_of(record.targets, record.predicted, found)

    def is_right(self, marks: Marks) -> bool:
        """Whether the label is the truest one."""
        return marks[TOP1.name] == 1


METRIC = Viewers(name="judged.viewers", ranked=False)
RANKED = Viewers(name="judged.viewers_ranked", ranked=True)
"""The same for samples with several true labels, the truest first."""
