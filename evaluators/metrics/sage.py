"""SAGE, the Sentient benchmark (arXiv 2505.02847): how a user feels at the end of a dialogue, in emotion points.

Rules: the code and the logs of github.com/Tencent/digitalhuman, folder SAGE; also the evaluation of RLVER
(arXiv 2507.03112). The user begins with 40 points. After each message of the model, a first request asks the judge what
the user makes of it and by how much the points change, from -10 to +10; a second one, what the user says. The dialogue
is over at 100 points or more, below 10, or when the user says goodbye. The reply to the first request:

    Content:
    [the model tells the user to sleep on it]
    TargetCompletion:
    [not at all: the user wants to be listened to]
    Activity:
    [feels brushed off]
    Analyse:
    [nobody asked for advice]
    Change:
    [-5]

and to the second `Thinking:` and `Response:`, likewise. A reply that lacks a part is asked for again, and then leaves
the sample without a score; the authors' code asks for ever.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from benchmark.errors import JudgeError
from benchmark.model import Answer, Message
from benchmark.printed import printable
from benchmark.task import Sample
from evaluators.judge.agent import RejectedReply, Reply
from evaluators.judge.judge import PromptedJudge
from evaluators.judge.rules import RulesJudge
from evaluators.metrics.metric import Marked, Mean, Measure, Roles
from evaluators.metrics.sage_rules import rules_message
from evaluators.outcome import Scored, spent, trace_of

START, LEAST, MOST = 40, 10, 100
"""The points at the beginning, those below which the user gives up, and those that are a success."""
STEP = 10
"""The largest change of a turn, in points."""
STATES = ((MOST, "S"), (70, "A"), (40, "B"), (LEAST, "C"))
"""The least points of each state."""
GOODBYES = ("再见", "拜拜")
SHOWN = 400
"""How many characters of a message a failing case shows."""
PARTS = ("Content", "TargetCompletion", "Activity", "Analyse", "Change")

SCORE = Mean("score", "Score")

_ASIDE = "The user wants to be listened to, and was given advice. " * 3
REHEARSED = "\n".join(
    [*(f"{name}:\n[{_ASIDE}]" for name in PARTS[:-1]), "Change:\n[0]", f"Thinking:\n[{_ASIDE}]", "Response:\nI know."]
)

_CHANGE = re.compile(r"[+-]?\d{1,9}")
_PLAIN = str.maketrans({"：": ":", "*": ""})
_SIGNS = str.maketrans({"−": "-", "–": "-", "＋": "+"})
_AROUND = "\n []"
_RESPONSE = re.compile("Response[:：]")


def state_of(points: int) -> str:
    """The letter of the user's state, from S to F."""
    return next((letter for least, letter in STATES if points >= least), "F")


def changed(points: int, change: int) -> int:
    """The points after a change, which is limited to `STEP`; they have no lower limit, since a dialogue ends first."""
    return min(points + max(-STEP, min(STEP, change)), MOST)


def parse_plan(text: str) -> Mapping[str, str]:
    """What the user makes of the model's last message, by the names of `PARTS`; the change as a whole number.

    Colons may be full-width, asterisks are dropped. The first whole number after the last `Change:` counts; unlike
    in the authors' code, a minus sign in front of it may be typographic.

    Raises:
        RejectedReply: a part or the number is missing.
    """
    plain = text.translate(_PLAIN)
    notes = {name: _between(plain, f"{name}:", f"{then}:") for name, then in pairwise(PARTS)}
    _, there, rest = plain.rpartition("Change:")
    found = _CHANGE.search(rest.translate(_SIGNS)) if there else None
    if found is None:
        raise RejectedReply("It has no whole number after `Change:`.")
    return {**notes, "Change": f"{int(found[0]):+d}"}


def _between(text: str, name: str, then: str) -> str:
    """What stands between the last `name` and the next `then`, without brackets."""
    _, there, rest = text.rpartition(name)
    part, ends, _ = rest.partition(f"{then}\n") if f"{then}\n" in rest else rest.partition(then)
    if not (there and ends):
        raise RejectedReply(f"It must have `{name}` and then `{then}`, each on a line of its own.")
    return part.strip(_AROUND)


def parse_message(text: str) -> tuple[str | None, str]:
    """The user's thoughts, None if not stated, and what the user says: what stands after the last `Response:`.

    Brackets and quotation marks around it are dropped, and unlike in the authors' code, white space before them too.

    Raises:
        RejectedReply: the user says nothing.
    """
    *_, last = None, *_RESPONSE.finditer(text)
    said = text[last.end() :].strip(f"{_AROUND}“”") if last else ""
    if not last or not said:
        raise RejectedReply("It has no text after `Response:`.")
    thoughts = text[: last.start()].rpartition("Thinking:")[2].strip(_AROUND)
    return thoughts or None, said


def replayed(talk: Sequence[Message]) -> int:
    """The user's points at the end of a dialogue, computed again from the changes.

    Raises:
        ValueError: a change is missing, or the stated points are others.
    """
    users = [message for message in talk if message.speaker == "user"]
    if not users or users[0].points != START:
        raise ValueError(f"its dialogue must begin with a user of {START} points")
    points = START
    for message in users[1:]:
        change = _CHANGE.fullmatch(message.notes.get("Change", ""))
        if change is None:
            raise ValueError("a message of its user has no change of points")
        points = changed(points, int(change[0]))
        if message.points != points:
            raise ValueError(f"a message of its user has other points than its changes give, {points}")
    return points


def marks_of(points: int) -> Mapping[str, Fraction | None]:
    """The marks of a dialogue that ends with these points."""
    return {
        "score": Fraction(points, MOST),
        "success": Fraction(points >= MOST),
        "failure": Fraction(points < LEAST),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsScore:
    """The score of a dialogue.

    Attributes:
        answer: the model's last answer, with the dialogue.
        points: the user's, at the end.
        predicted: empty, since there are no labels.
    """

    answer: Answer
    points: int
    predicted: tuple[str, ...] = ()

    def marks(self, sample: Sample) -> Mapping[str, Fraction | None]:  # noqa: ARG002
        """The points as a share of 100, and whether they are a success or a failure."""
        return marks_of(self.points)

    def explain(self, sample: Sample) -> str:
        """Why the case fails."""
        users = [message for message in self.answer.talk if message.speaker == "user"]
        course = ", ".join(str(message.points) for message in users)
        last = " ".join(users[-1].text.split())[:SHOWN]
        return printable(
            f"{sample.id}: the user ends with {self.points} of {MOST} points ({course})\n\nLast message: {last}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sage:
    """The metric; a case passes if the user reaches 100 points."""

    name: str = "sage"
    roles: frozenset[str] = frozenset({"judge"})
    marks: tuple[str, ...] = ("score", "success", "failure")
    measures: tuple[Measure, ...] = (SCORE, Mean("success", "Success"))
    # not among the measures, of which gates take that more is better
    details: tuple[Measure, ...] = (Mean("failure", "Failure"),)
    floor: Measure = SCORE
    remark: str = (
        "Score is the mean of the users' points at the end, Success the share with 100, Failure the share below 10; the"
        " model's tenth message changes no points."
    )
    rehearsed: str = REHEARSED

    def opening(self, sample: Sample) -> Message:
        """What the user says first."""
        return Message(speaker="user", text=sample.turns[0].text, points=START)

    async def reply(self, sample: Sample, talk: Sequence[Message], roles: Roles) -> Reply[Message]:
        """What the user makes of the model's last message, and says next; by the prompts `plan` and `reply`.

        Raises:
            JudgeError: the judge gave no usable reply, or is neither a model nor `rules`.
        """
        judge, points = roles.judge, talk[-2].points or 0
        if isinstance(judge, RulesJudge):
            reply = Reply(value=rules_message(sample, talk), model=judge.name)
        elif isinstance(judge, PromptedJudge):
            reply = await _played(judge, sample, talk, points)
        else:
            raise JudgeError(f"The judge {judge.name} cannot play a user; name a model, or rules.")
        now = changed(points, int(reply.value.notes["Change"]))
        return replace(reply, value=replace(reply.value, points=now))

    def is_over(self, talk: Sequence[Message]) -> bool:
        """Whether the user is won or lost, or says goodbye."""
        text, points = talk[-1].text, talk[-1].points or 0
        return not LEAST <= points < MOST or any(word in text for word in GOODBYES)

    async def score(self, sample: Sample, answer: Answer, roles: Roles, repeat: int = 0) -> Scored:  # noqa: ARG002
        """The score of the dialogue, which is over."""
        return Scored(sample=sample, score=PointsScore(answer=answer, points=replayed(answer.talk)))

    def remade(self, record: Marked, *, several: bool) -> Mapping[str, Fraction | None]:  # noqa: ARG002
        """The marks computed again from the changes in the dialogue.

        Raises:
            ValueError: the points are not what the changes give.
        """
        return marks_of(replayed(record.talk))

    def is_right(self, marks: Mapping[str, Fraction | None]) -> bool:
        """Whether the user has reached 100 points."""
        return marks["success"] == 1


async def _played(judge: PromptedJudge, sample: Sample, talk: Sequence[Message], points: int) -> Reply[Message]:
    """The user's next message by a model, which has `points` before; the change is in its notes."""
    part = {"part": sample.part, "intention": sample.targets[0]}
    plan = await judge.ask("plan", {**part, "talk": _listed(talk)}, parse_plan, points=points, most=MOST, step=STEP)
    notes = plan.value
    texts = {
        "reached": notes["TargetCompletion"],
        "feelings": f"{notes['Activity']}\n{notes['Analyse']}",
        "before": _listed(talk[:-2]),
        "last": _listed(talk[-2:]),
    }
    with spent({"plan": trace_of(plan)}):
        said = await judge.ask(
            "reply", {**part, **texts}, parse_message, state=state_of(changed(points, int(notes["Change"])))
        )
    thoughts, text = said.value
    return Reply(
        value=Message(speaker="user", text=text, thoughts=thoughts, notes=notes),
        model=said.model,
        usage=plan.usage + said.usage,
        rejected=plan.rejected + said.rejected,
        left_out=tuple(dict.fromkeys(plan.left_out + said.left_out)),
    )


def _listed(talk: Sequence[Message]) -> str:
    """Messages as the judge is shown them: a JSON list."""
    names = {"user": "you", "assistant": "partner"}
    rows = [{"role": names.get(message.speaker, message.speaker), "content": message.text} for message in talk]
    return json.dumps(rows, ensure_ascii=False, indent=1)


METRIC = Sage()
