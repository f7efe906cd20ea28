"""F1 of a sample's labels: by hand, against precision and recall, and from the answer to the mark."""

import asyncio
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.model import Answer
from benchmark.task import Sample, Task
from evaluators.judge.extractor import PromptedExtractor
from evaluators.judge.rules import RulesExtractor
from evaluators.metrics.metric import Metric, find_metric
from evaluators.metrics.sample_f1 import METRIC, f1_of
from tests.evaluators.test_agents import SPENT, TEMPLATES, Scripted

LABELS = ("anger", "fear", "joy", "no beard", "none of these")
SETS = st.lists(st.sampled_from(LABELS), unique=True)
TASK = Task(name="T", title="t", subject="emotion", question="Which?", metric="sample_f1", separator=",")


@pytest.mark.parametrize(
    ("true", "said", "f1"),
    [
        ("abk", "abk", Fraction(1)),
        ("abk", "ab", Fraction(4, 5)),  # P 1, R 2/3
        ("ab", "abkd", Fraction(2, 3)),  # P 1/2, R 1
        ("ab", "bc", Fraction(1, 2)),
        ("ab", "cd", Fraction(0)),
        ("ab", "", Fraction(0)),
    ],
)
def test_f1_of_sets(true: str, said: str, f1: Fraction) -> None:
    assert f1_of(true, said) == f1


@given(SETS.filter(bool), SETS)
def test_f1_is_the_harmonic_mean_of_precision_and_recall(true: list[str], said: list[str]) -> None:
    f1, both = f1_of(true, said), len({*true} & {*said})
    assert 0 <= f1 <= 1
    assert (f1 == 1) is ({*true} == {*said})
    if both:
        precision, recall = Fraction(both, len(said)), Fraction(both, len(true))
        assert f1 == 2 * precision * recall / (precision + recall)
        assert f1 == f1_of(said, true)
    else:
        assert f1 == 0


@pytest.mark.parametrize(
    ("text", "predicted", "right"),
    [
        ("Joy and fear.", ("fear", "joy"), True),
        ("fear, joy, anger", ("anger", "fear", "joy"), True),
        ("None of these.", ("none of these",), False),
        ("I cannot say.", (), False),
    ],
)
def test_word_lists_find_the_labels(text: str, predicted: tuple[str, ...], right: bool) -> None:  # noqa: FBT001
    sample = Sample(
        id="s", task=TASK, clip=None, label_set=LABELS, targets=("fear", "joy"), source="s", recording="s", video_id="s"
    )
    roles: Any = SimpleNamespace(rated=lambda answer: answer, extractor=RulesExtractor())
    scored = asyncio.run(METRIC.score(sample, Answer(text=text, model="m"), roles))
    marks = scored.score.marks(sample)
    assert scored.score.predicted == predicted
    assert METRIC.is_right(marks) is right
    assert METRIC.remade(SimpleNamespace(targets=sample.targets, predicted=predicted), several=True) == marks
    assert "the labels are fear, joy" in scored.score.explain(sample)


def test_an_extractor_maps_the_answer_to_labels() -> None:
    sample = Sample(
        id="s", task=TASK, clip=None, label_set=LABELS, targets=("fear", "no beard"), source="s", recording="s",
        video_id="s",
    )  # fmt: skip
    reply = "<step>Step 1: He trembles.\nStep 2: no beard, fear</step>"
    extractor = PromptedExtractor(Scripted([reply]), TEMPLATES)
    roles: Any = SimpleNamespace(rated=lambda answer: answer, extractor=extractor)
    scored = asyncio.run(METRIC.score(sample, Answer(text="He trembles, clean-shaven.", model="m"), roles))
    assert scored.score.marks(sample) == {"score": 1}
    assert scored.traces["extractor"].usage == SPENT
    assert isinstance(METRIC, Metric)
    assert find_metric("sample_f1") is METRIC
