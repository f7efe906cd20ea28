"""Which metric a suite names, and what the measures of one are."""

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmark.errors import RunError
from benchmark.model import Answer
from benchmark.suite import find_suite, read_suite
from benchmark.task import Sample
from evaluators.measures import measures_of
from evaluators.metrics.labels import METRIC as LABELS
from evaluators.metrics.metric import Marked, Mean, bounds_of, find_metric, metric_of, passes
from evaluators.metrics.steps import METRIC as STEPS
from reports.kept.record import Record

CLARITY = Mean("clarity", "Clarity")
LACKING = SimpleNamespace(name="mine", roles=frozenset(), measures=())
SUITE = find_suite("mer2023")


def test_metrics_are_found_by_name() -> None:
    assert find_metric("steps") is STEPS
    assert find_metric("labels") is LABELS
    assert find_metric("python:evaluators.metrics.labels:METRIC") is LABELS
    assert find_metric("python:evaluators.metrics.labels") is LABELS


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("step", "The metric step is unknown"),
        ("words.hits", "The metric words.hits is unknown"),
        ("labels.hit", "The metric labels.hit is unknown"),
        ("word.hit", "The metric word.hit is unknown"),
        ("../steps", "is unknown"),
        ("words.sums", r"The metric words.sums cannot be used: AttributeError: .*METRIC"),
        ("python:no.such:METRIC", "The metric python:no.such:METRIC cannot be used: ModuleNotFoundError: .*no"),
        ("python:", "The metric python: is malformed: ':METRIC' is not of the form MODULE:ATTRIBUTE"),
        (f"python:{__name__}:LACKING", "lacks marks, details, floor, score, remade, is_right;"),
    ],
)
def test_what_is_no_metric_says_so(name: str, said: str) -> None:
    with pytest.raises(RunError, match=said):
        find_metric(name)


def test_a_task_sets_the_policy_of_its_metric() -> None:
    task = replace(SUITE.task[0], outside=None)
    assert metric_of(task) is LABELS
    assert metric_of(replace(task, outside="drop")) == LABELS.of("drop") != LABELS
    with pytest.raises(
        RunError, match="MER-MULTI sets `outside` to 'none'; it must be wrong, drop, extra or class:NAME"
    ):
        metric_of(replace(task, outside="none"))
    with pytest.raises(RunError, match="MER-MULTI sets `outside`, which its metric steps does not use; remove it"):
        metric_of(replace(task, outside="wrong", metric="steps"))


def test_a_task_has_turns_if_its_metric_plays_a_user() -> None:
    task = replace(SUITE.task[0], outside=None)
    assert metric_of(replace(task, metric="sage", turns=3)) is find_metric("sage")
    with pytest.raises(RunError, match="MER-MULTI sets `turns`, but its metric labels plays no user; remove it"):
        metric_of(replace(task, turns=3))
    with pytest.raises(RunError, match="The metric sage of the task MER-MULTI is about dialogues; set `turns`"):
        metric_of(replace(task, metric="sage"))


def test_two_policies_in_a_suite_are_two_measures() -> None:
    one, two, *_ = SUITE.task
    both = SUITE.model_copy(update={"task": (one, replace(two, outside="drop"))})
    with pytest.raises(RunError, match="two measures called weighted_f1"):
        measures_of(both)


def test_the_first_measure_is_the_headline() -> None:
    measures = measures_of(SUITE)
    assert measures.names == ("weighted_f1", "uar", "accuracy")
    assert measures.headline.title == "Weighted F1"
    assert measures.roles == frozenset()
    assert measures.has("MER-SEMI", "uar")
    assert not measures_of(find_suite()).has("SA", "uar")


def test_one_name_is_one_measure() -> None:
    task = SUITE.task[0]
    other = SimpleNamespace(**{name: getattr(LABELS, name) for name in dir(LABELS) if not name.startswith("_")})
    other.measures = (Mean("uar", "Another"),)
    globals()["OTHER"] = other
    both = SUITE.model_copy(
        update={"task": (task, replace(task, name="x", metric=f"python:{__name__}:OTHER", outside=None))}
    )
    with pytest.raises(RunError, match="two measures called uar"):
        measures_of(both)


@pytest.mark.parametrize(
    ("text", "predicted", "right"),
    [
        ("The brows are low. The person seems worried.", ("worried",), True),
        ("The brows are low. The person seems sad.", ("sad",), False),
        ("Sad or worried.", ("worried", "sad"), False),
        ("I cannot say.", (), False),
    ],
)
def test_the_label_that_the_conclusion_names_is_scored(text: str, predicted: tuple[str, ...], right: bool) -> None:  # noqa: FBT001
    sample = Sample(
        id="s",
        task=SUITE.task[0],
        clip=None,
        label_set=("neutral", "worried", "sad"),
        targets=("worried",),
        source="s",
        recording="s",
        video_id="s",
    )
    given = Answer(text=text, model="m")
    roles: Any = SimpleNamespace(rated=lambda answer: answer)
    scored = asyncio.run(LABELS.score(sample, given, roles))
    assert set(scored.score.predicted) == set(predicted)
    assert (passes(sample, scored.score), scored.score.answer, scored.sample) == (right, given, sample)
    assert scored.score.marks(sample) == {"accuracy": int(right)}
    assert LABELS.is_right(scored.score.marks(sample)) is right
    assert (scored.by_rules, scored.refused, dict(scored.traces)) == (None, None, {})
    if not right:
        assert 'the label is "worried", the answer names ' in scored.score.explain(sample)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = 5", "malformed"),
        ("name = 'a'\ntitle = 'A'", "malformed: task"),
        ("name = 'a'\ntitle = 'A'\ntask = 'b'", "malformed: task"),
        ("name = [", "Cannot read the suite"),
        ("name = 'a'\ntitle = 'A'\nunit = 1\n[[task]]\nname='overall'", "malformed"),
        (
            "name = 'a'\ntitle = 'A'\n"
            + "[[task]]\nname='t'\ntitle='t'\nsubject='s'\nquestion='?'\nmetric='steps'\n" * 2,
            "task names must differ",
        ),
    ],
)
def test_a_malformed_suite_says_where(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "suite.toml").write_text(text)
    with pytest.raises(RunError, match=said):
        read_suite(tmp_path)


def test_an_unknown_suite_is_named_with_those_there_are() -> None:
    with pytest.raises(RunError, match=r"--suite=mme is unknown; the suites are .*mer2023.*mme-emotion"):
        find_suite("mme")


def records(*marks: float | str | None) -> list[Marked]:
    """A record for each mark; `"error"` for one without a score, None for one whose mark does not apply."""
    return [
        Record(
            id=f"s/{number}", task="T", source="s", recording=f"s/{number}", question="?", label_set=("joy",),
            targets=("joy",), outcome="error" if mark == "error" else "passed",
            scores={"other": 0.5} if isinstance(mark, str) else {"other": 0.5, "clarity": mark},
        )
        for number, mark in enumerate(marks)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("marks", "value"),
    [
        ((0.0, 0.5, 1.0, 1.0), 0.625),
        ((0.25,), 0.25),
        ((0.5, "error", 1.0), 0.75),
        ((), None),
        (("error", "error"), None),
        ((0.5, None, 1.0), None),
        ((None,), None),
    ],
)
def test_a_mean_is_that_of_the_scored_and_needs_the_mark_of_each(
    marks: tuple[float | str | None, ...], value: float | None
) -> None:
    assert CLARITY.value(records(*marks)) == value


def test_whoever_has_no_score_has_no_number_and_bounds_the_mean_as_wrong_and_as_right() -> None:
    found = records(0.5, "error", None, 1.0)
    assert CLARITY.column(found) == pytest.approx([0.5, np.nan, np.nan, 1.0], nan_ok=True)
    assert CLARITY.filled(found, right=True).tolist() == [0.5, 1, 1, 1]
    assert CLARITY.filled(found, right=False).tolist() == [0.5, 0, 0, 1]
    assert bounds_of(CLARITY, found) == (0.375, 0.875)
    assert bounds_of(CLARITY, records(0.5, 1.0)) == (0.75, 0.75), "nothing is open"
    assert bounds_of(CLARITY, records("error")) == bounds_of(CLARITY, []) == (0.0, 1.0)


def test_a_mean_may_be_of_anything_in_a_record() -> None:
    named = Mean("clarity", "Clarity", mark=lambda record: float(len(record.targets)))
    assert named.value(records(0.5, 0.5)) == 1
    assert bounds_of(named, records(0.5, "error")) == (1, 1)


def test_the_tables_and_the_page_are_told_what_the_measures_are() -> None:
    told = [
        (one.name, one.title, one.short, one.bounded, one.mix, one.zero_if_refused)
        for one in (*STEPS.measures, *STEPS.details)
        if isinstance(one, Mean)
    ]
    assert told == [
        ("recognition", "Recognition", "Recog.", True, None, False),
        ("reasoning", "Reasoning", "Reason.", True, None, True),
        ("cot", "CoT", "", True, ("recognition", "reasoning"), False),
        ("precision", "Precision", "", True, None, False),
        ("f1", "F1", "", True, None, False),
    ]
    assert [(one.title, one.bounded) for one in LABELS.measures] == [
        ("Weighted F1", False), ("UAR", False), ("Accuracy", True)
    ]  # fmt: skip


@pytest.mark.parametrize(("length", "shown"), [(400, "x" * 400), (401, "x" * 400 + "…")])
def test_an_answer_that_is_cut_where_a_case_fails_says_so(length: int, shown: str) -> None:
    sample = Sample(
        id="s", task=SUITE.task[0], clip=None, label_set=("joy", "sad"), targets=("joy",), source="s", recording="s",
        video_id="s",
    )  # fmt: skip
    roles: Any = SimpleNamespace(rated=lambda answer: answer)
    score = asyncio.run(LABELS.score(sample, Answer(text="x" * length, model="m"), roles)).score
    assert score.explain(sample) == (
        's: the label is "joy", the answer names no label, which counts as wrong\n\n'
        f"Labels: joy, sad\nAnswer of m: {shown}"
    )
