from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.data.dataset import read_samples
from benchmark.task import Sample
from reports.figures.scores import aggregate, grouped, macro, macro_intervals
from reports.kept.provenance import majority_floor
from reports.kept.record import RatedStep, Record, Spent
from reports.stats.inference import macro_interval, score_interval
from tests.reports.outcomes import sample
from tests.tasks import MEASURES, TASKS

ANNOTATIONS = Path(__file__).parents[3].parent / "shared" / "mme_emotion"
# percent: what a constant guess of each source's commonest label scores on the published annotations
FLOORS = {
    "ER-Lab": 24.0,
    "ER-Wild": 25.2,
    "Noise-ER": 23.8,
    "FG-ER": 10.6,
    "ML-ER": 17.3,
    "SA": 43.2,
    "FG-SA": 23.8,
    "IR": 26.6,
}


@dataclass(frozen=True, kw_only=True)
class Marks:
    """One sample's scores, in quarters so that floats hold them exactly."""

    recognition: float
    reasoning: float
    steps: int = 2
    tokens: int | None = 10
    precision: float | None = None


def record(marks: Marks | None, task: str = "SA", source: str = "MELD", targets: tuple[str, ...] = ("joy",)) -> Record:
    asked = Record(
        id="SA/MELD/a",
        task=task,
        source=source,
        recording="MELD/a",
        question="Which?",
        label_set=("joy", "fear"),
        targets=targets,
        outcome="error",
        stage="judge",
    )
    if marks is None:
        return asked
    step = RatedStep(text="text", rating="1/1", reason=None)
    spent = Spent(model="m", requests=1, input_tokens=9, output_tokens=marks.tokens, seconds=1.0, cost_usd=None)
    return asked.model_copy(
        update={
            "outcome": "passed" if marks.recognition == 1 else "failed",
            "stage": None,
            "steps": (step,) * (marks.steps - 1),
            "prediction": step,
            "scores": {
                "recognition": marks.recognition,
                "reasoning": marks.reasoning,
                "cot": (marks.recognition + marks.reasoning) / 2,
                "precision": marks.precision,
                "f1": marks.precision,
            },
            "usage": {"model": spent},
        }
    )


QUARTERS = st.integers(0, 4).map(lambda quarters: quarters / 4)
MARKS = st.builds(Marks, recognition=QUARTERS, reasoning=QUARTERS, steps=st.integers(1, 9), tokens=st.integers(0, 999))
RECORDS = st.lists(
    st.builds(record, st.none() | MARKS, st.sampled_from(["SA", "IR", "ML-ER"])), min_size=1, max_size=20
)


def test_scores_worked_out_by_hand() -> None:
    scores = aggregate(
        [
            record(Marks(recognition=1, reasoning=0.5, steps=3, tokens=100)),
            record(Marks(recognition=0, reasoning=0, steps=1, tokens=20)),
            record(Marks(recognition=0.5, reasoning=1, steps=2, tokens=30)),
            record(None),
        ],
        MEASURES,
    )

    assert (scores.samples, scores.scored, scores.unscored) == (4, 3, 1)
    assert (scores.scores["recognition"], scores.scores["reasoning"], scores.scores["cot"]) == (0.5, 0.5, 0.5)
    assert (scores.avg_steps, scores.avg_tokens) == (2, 50)
    assert scores.bounds["recognition"] == (1.5 / 4, 2.5 / 4)
    assert (scores.scores["precision"], scores.scores["f1"]) == (None, None)


@given(RECORDS)
def test_scores_are_direct_means_of_what_is_scored(records: list[Record]) -> None:
    scores = aggregate(records, MEASURES)
    scored = [one for one in records if one.outcome != "error"]

    assert (scores.samples, scores.scored) == (len(records), len(scored))
    for name in ("recognition", "reasoning", "cot"):
        values = [one.scores[name] or 0.0 for one in scored]
        assert scores.scores[name] == (pytest.approx(sum(values) / len(values)) if values else None)
        low, high = scores.bounds[name]
        mean = scores.scores[name]
        assert 0 <= low <= (high if mean is None else mean) <= high <= 1
        assert high - low == pytest.approx(scores.unscored / len(records))


@given(st.lists(MARKS, min_size=1, max_size=12), st.data())
def test_the_bounds_contain_what_the_unscored_would_have_brought(all_marks: list[Marks], data: st.DataObject) -> None:
    lost = data.draw(st.sets(st.integers(0, len(all_marks) - 1)))
    truth = aggregate([record(marks) for marks in all_marks], MEASURES)
    seen = aggregate([record(None if number in lost else marks) for number, marks in enumerate(all_marks)], MEASURES)

    for name, (low, high) in seen.bounds.items():
        assert low <= (truth.scores[name] or 0.0) <= high


def test_where_nothing_is_scored_there_is_no_score() -> None:
    for records in ([record(None)], []):
        scores = aggregate(records, MEASURES)
        assert (scores.scores["recognition"], scores.scores["reasoning"], scores.scores["cot"], scores.avg_steps) == (
            None,
        ) * 4
        assert set(scores.bounds.values()) == {(0.0, 1.0)}


def test_tokens_are_unknown_where_one_answer_does_not_tell() -> None:
    known, unknown = (record(Marks(recognition=1, reasoning=1, tokens=tokens)) for tokens in (7, None))

    assert aggregate([known], MEASURES).avg_tokens == 7
    assert aggregate([known, unknown], MEASURES).avg_tokens is None


def test_several_labels_have_a_precision() -> None:
    marks = [Marks(recognition=1, reasoning=1, precision=precision) for precision in (0.25, 0.75)]

    found = aggregate([record(one, "ML-ER") for one in marks], MEASURES)
    assert (found.scores["precision"], found.scores["f1"]) == (0.5, 0.5)


def test_groups_may_share_a_sample() -> None:
    right, wrong = Marks(recognition=1, reasoning=1), Marks(recognition=0, reasoning=1)
    groups = grouped(
        [record(right, targets=("joy", "fear")), record(wrong), record(None)], lambda one: one.targets, MEASURES
    )

    assert list(groups) == ["joy", "fear"]
    assert (groups["joy"].samples, groups["joy"].scores["recognition"]) == (3, 0.5)
    assert (groups["fear"].samples, groups["fear"].scores["recognition"]) == (1, 1)


@given(RECORDS)
def test_tasks_weigh_by_their_size_overall_and_the_same_in_the_macro_mean(records: list[Record]) -> None:
    tasks = grouped(records, lambda one: [one.task], MEASURES).values()
    scored = [task for task in tasks if task.scored]
    means = [mean for task in scored if (mean := task.scores["recognition"]) is not None]

    weighed = sum(mean * task.scored for mean, task in zip(means, scored, strict=True))
    overall = aggregate(records, MEASURES).scores["recognition"]
    assert overall == (pytest.approx(weighed / sum(task.scored for task in scored)) if scored else None)
    assert macro(tasks, MEASURES)["recognition"] == (pytest.approx(sum(means) / len(means)) if means else None)


def test_intervals_are_those_of_95_percent_unless_others_are_asked_for() -> None:
    marks = [Marks(recognition=number % 2, reasoning=number % 4 / 4) for number in range(40)]
    records = [record(one, "SA" if place % 3 else "IR") for place, one in enumerate(marks)]
    records = [one.model_copy(update={"recording": f"r{place}"}) for place, one in enumerate(records)]
    values = np.array([one.recognition for one in marks], dtype=float)
    tasks = np.array([place % 3 > 0 for place in range(40)], dtype=int)

    for given_error, error in (((), 0.05), ((0.2,), 0.2)):
        alone = pytest.approx(score_interval(values, np.arange(40), error, tasks))
        assert aggregate(records, MEASURES, *given_error).intervals["recognition"] == alone
        assert grouped(records, lambda _: ["all"], MEASURES, *given_error)["all"].intervals["recognition"] == alone
        each = macro_interval(values, np.arange(40), tasks, error)
        assert macro_intervals(records, MEASURES, *given_error)["recognition"] == pytest.approx(each)


@given(RECORDS)
def test_what_has_no_score_changes_no_interval_of_the_macro_mean(records: list[Record]) -> None:
    scored = [one for one in records if one.outcome != "error"]
    assert macro_intervals(records, MEASURES) == macro_intervals(scored, MEASURES)
    assert macro_intervals([record(None)] * len(records), MEASURES) == {}


def test_the_floor_is_the_share_of_each_source_s_commonest_labels() -> None:
    """Three of four and two of three; labels count as a whole, and per task."""

    def samples(source: str, task: str, *targets: tuple[str, ...]) -> list[Sample]:
        return [replace(sample(task, each, str(number)), source=source) for number, each in enumerate(targets)]

    first = samples("MELD", "ER-Wild", ("joy",), ("fear",), ("joy",), ("joy",))
    second = samples("E3", "ER-Wild", ("fear",), ("joy",), ("fear",))
    several = samples("MELD", "ML-ER", ("joy", "fear"), ("joy", "anger"), ("joy", "fear"), ("joy",))

    assert majority_floor(first) == Fraction(3, 4)
    assert majority_floor([*first, *second]) == Fraction(5, 7)
    assert majority_floor(several) == Fraction(2, 4)
    assert majority_floor([*first, *several]) == Fraction(5, 8), "one source in two tasks has two commonest labels"


@pytest.fixture(scope="module")
def published() -> tuple[Sample, ...]:
    if not ANNOTATIONS.is_dir():
        pytest.skip(f"the real annotations are not at {ANNOTATIONS}")
    return read_samples(str(ANNOTATIONS)).samples


def test_the_floor_of_the_published_annotations(published: tuple[Sample, ...]) -> None:
    floors = {task: majority_floor([one for one in published if one.task.name == task]) for task in TASKS}

    assert {task: round(100 * float(floor), 1) for task, floor in floors.items() if floor is not None} == FLOORS


def test_the_floor_over_all_tasks_is_the_mean_over_samples(published: tuple[Sample, ...]) -> None:
    overall = majority_floor(published)
    floors = [majority_floor([one for one in published if one.task.name == task]) or 0 for task in TASKS]
    sizes = [sum(one.task.name == task for one in published) for task in TASKS]

    assert overall == sum(floor * size for floor, size in zip(floors, sizes, strict=True)) / len(published)


def test_no_sample_has_no_floor() -> None:
    assert majority_floor([]) is None
