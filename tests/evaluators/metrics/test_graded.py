"""Points by a judge: what it is shown, its scale, the marks, and that kept marks are checked."""

import asyncio
from collections.abc import Sequence
from fractions import Fraction
from string import Template
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.errors import JudgeError
from benchmark.model import Answer
from benchmark.task import Sample, Task, Turn
from evaluators.judge.judge import PromptedJudge
from evaluators.judge.rules import RulesJudge
from evaluators.metrics.judged.graded import Graded
from evaluators.metrics.means import Group, MeanOfMeans
from evaluators.metrics.metric import Mean, Metric
from evaluators.outcome import Scored
from tests.evaluators.test_agents import TEMPLATES, Scripted

TASK = Task(name="T", title="t", subject="emotion", question="What is felt?", metric="steps")
TEMPLATE = Template("$dialogue\n$question\n$answer\nFrom $least to $most: $example")
EMER = Graded(
    name="overlap",
    prompt="overlap",
    dimensions=("clue", "label"),
    least=1,
    most=10,
    enough=Fraction(1, 2),
    measures=(Mean("score", "Score"), Mean("clue", "Clue"), Mean("label", "Label")),
)
YES = Graded(
    name="yes",
    prompt="overlap",
    dimensions=("right",),
    most=1,
    enough=Fraction(2, 3),
    measures=(Mean("right", "Right"),),
    headline="right",
)


def graded(metric: Graded, judge: object, targets: Sequence[str] = ("He is sad.", "He weeps.")) -> Scored:
    sample = Sample(
        id="s", task=TASK, clip=None, label_set=(), targets=tuple(targets), source="s", recording="s", video_id="s",
        turns=(Turn("user", "My dog died."),), text="Say it in a word.",
    )  # fmt: skip
    roles: Any = SimpleNamespace(rated=lambda answer: answer, judge=judge)
    return asyncio.run(metric.score(sample, Answer(text="He weeps, since he is sad.", model="m"), roles))


def prompted(*replies: str) -> tuple[PromptedJudge, Scripted]:
    model = Scripted(replies)
    return PromptedJudge(model, {**TEMPLATES, "overlap": TEMPLATE}), model


def test_a_judge_is_shown_what_the_template_names_and_gives_points_of_its_scale() -> None:
    judge, model = prompted("<score>clue: 0/10, label: 4/10</score>", "<score>clue: 1/10, label: 4/10</score>")
    scored = graded(EMER, judge)
    marks = scored.score.marks(scored.sample)
    assert marks == {"score": Fraction(1, 4), "clue": Fraction(1, 10), "label": Fraction(2, 5)}
    assert not EMER.is_right(marks)
    first, again = (prompt.text for prompt in model.asked)
    assert "From 1 to 10: clue: N/10, label: N/10" in first
    assert all(
        text in first for text in ("user: My dog died.", "What is felt?\n\nSay it in a word.", "He weeps, since")
    )
    assert "He is sad." not in first, "the template does not show the reference"
    assert "a whole number from 1 to 10" in again
    assert "the judge gives clue 1/10, label 4/10" in scored.score.explain(scored.sample)


def test_yes_and_no_are_a_dimension_of_one_point() -> None:
    judge, _ = prompted("<score>right: 1/1</score>")
    scored = graded(YES, judge)
    assert YES.marks == ("right",)
    assert scored.score.marks(scored.sample) == {"right": 1}
    assert YES.is_right({"right": Fraction(2, 3)}), "two judges of three"
    assert not YES.is_right({"right": Fraction(1, 2)})


def test_word_lists_grade_by_the_reference_or_else_by_the_question() -> None:
    # "He weeps, since he is sad." has one long word of the first; of the second all, since none is long
    cases = (
        ("He weeps.", 1),
        ("sad", 1),
        ("mad", Fraction(1, 10)),
        ("A storm.", Fraction(1, 10)),
        ("", Fraction(1, 10)),
    )
    for target, shared in cases:
        targets = (target,)
        scored = graded(EMER, RulesJudge(), targets)
        assert scored.score.marks(scored.sample)["score"] == shared


def test_a_judge_that_cannot_grade_leaves_no_score() -> None:
    with pytest.raises(JudgeError, match="The judge odd cannot grade"):
        graded(YES, SimpleNamespace(name="odd"))


@given(st.lists(st.integers(1, 10 * 7), min_size=2, max_size=2))
def test_kept_marks_give_themselves(sevenths: list[int]) -> None:
    points = [Fraction(max(7, one), 7) for one in sevenths]  # of a panel of seven
    marks = EMER.marks_of({name: one / 10 for name, one in zip(EMER.dimensions, points, strict=True)})
    kept = SimpleNamespace(scores={name: float(mark) for name, mark in marks.items() if mark is not None})
    assert EMER.remade(kept, several=False) == marks


@pytest.mark.parametrize("scores", [{"clue": 0.5}, {"clue": 0.05, "label": 1.0}, {"clue": 0.5, "label": 1.1}])
def test_kept_marks_off_the_scale_are_refused(scores: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="clue and label must be points from 1/10 to 1"):
        EMER.remade(SimpleNamespace(scores=scores), several=False)


def test_a_graded_metric_is_a_metric() -> None:
    assert isinstance(EMER, Metric)
    assert EMER.floor == Mean("score", "Score")
    assert EMER.marks == ("score", "clue", "label")


TREE: tuple[Group, ...] = (("a", ("b", "c")), "d")


def test_groups_of_groups_are_means_of_means() -> None:
    measure = MeanOfMeans("score", "Score", TREE)

    def of(**scores: float) -> float | None:
        records = [SimpleNamespace(task=name, scores={"score": one}, outcome="failed") for name, one in scores.items()]
        value = measure.value(records)
        assert value is None or np.mean(measure.column(records)) == pytest.approx(value)
        return value

    assert of(a=1.0, b=0.0, c=0.5, d=0.2) == pytest.approx(((1.0 + (0.0 + 0.5) / 2) / 2 + 0.2) / 2)
    assert of(b=0.0, d=0.2) == pytest.approx(0.1)
    assert of(c=0.7) == pytest.approx(0.7)
    assert of(e=0.7) is None
