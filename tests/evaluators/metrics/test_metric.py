"""Which metric a suite names, and what the measures of one are."""

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmark.errors import RunError
from benchmark.model import Answer
from benchmark.suite import find_suite, read_suite
from benchmark.task import Sample
from evaluators.metrics.labels import METRIC as LABELS
from evaluators.metrics.measures import measures_of
from evaluators.metrics.metric import Mean, find_metric, passes
from evaluators.metrics.steps import METRIC as STEPS

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
        ("../steps", "is unknown"),
        ("measures", "The metric measures cannot be used: AttributeError: .*METRIC"),
        ("python:no.such:METRIC", "The metric python:no.such:METRIC cannot be used: ModuleNotFoundError: .*no"),
        ("python:", "The metric python: is malformed: ':METRIC' is not of the form MODULE:ATTRIBUTE"),
        (f"python:{__name__}:LACKING", "lacks marks, details, floor, score, remade, is_right;"),
    ],
)
def test_what_is_no_metric_says_so(name: str, said: str) -> None:
    with pytest.raises(RunError, match=said):
        find_metric(name)


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
    both = SUITE.model_copy(update={"task": (task, replace(task, name="x", metric=f"python:{__name__}:OTHER"))})
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
    roles = SimpleNamespace(rated=lambda answer: answer)
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
    with pytest.raises(RunError, match="--suite=mme is unknown; the suites are .*mer2023.*mme-emotion"):
        find_suite("mme")
