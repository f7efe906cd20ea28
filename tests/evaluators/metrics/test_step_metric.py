from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.clip import Clip
from benchmark.model import Answer
from benchmark.task import Sample
from evaluators.judge.rating import Rating, Ratings
from evaluators.judge.steps import Steps
from evaluators.metrics.steps import METRIC, StepScore, mean
from reports.kept.record import RatedStep, Record
from tests.tasks import TASKS

VALUES = st.sampled_from([Fraction(0), Fraction(1)])
TEXTS = st.text(max_size=400) | st.text(" \n\r\v\u2028\x1b[m微x", max_size=3000) | st.just("word " * 2000)


def score_of(
    reasoning: list[Fraction], recognition: Fraction = Fraction(0), predicted: tuple[str, ...] = (), text: str = "joy"
) -> StepScore:
    return StepScore(
        answer=Answer(text=text, model="m"),
        steps=Steps(reasoning=(text,) * len(reasoning), prediction=text),
        ratings=Ratings(
            reasoning=tuple(Rating(value=value, reason=text) for value in reasoning),
            recognition=Rating(value=recognition),
        ),
        predicted=predicted,
    )


def sample_of(*targets: str) -> Sample:
    return Sample(
        id="ML-ER/MAFW/03419",
        task=TASKS["ML-ER"],
        clip=Clip(Path("MAFW/video/03419.mp4")),
        label_set=("anger", "disgust", "fear"),
        targets=targets,
        source="MAFW",
        recording="MAFW/1",
        video_id="MAFW/video/03419.mp4",
    )


@given(st.lists(VALUES), st.fractions(0, 1))
def test_scores_are_exact_and_lie_between_their_parts(reasoning: list[Fraction], recognition: Fraction) -> None:
    score = score_of(reasoning, recognition)

    assert score.recognition == recognition
    assert score.reasoning * len(reasoning) == sum(reasoning)
    marks = score.marks(sample_of("anger"))
    assert [marks["recognition"], marks["reasoning"]] == [score.recognition, score.reasoning]
    assert marks["cot"] == (score.recognition + score.reasoning) / 2


def test_an_answer_without_reasoning_has_none() -> None:
    score = score_of([], Fraction(1))

    assert list(score.marks(sample_of("anger")).values())[:3] == [Fraction(1), Fraction(0), Fraction(1, 2)]
    assert mean([]) is None


@pytest.mark.parametrize(
    ("right", "named", "precision", "f1"),
    [
        (2, 2, Fraction(1), Fraction(1)),
        (2, 8, Fraction(1, 4), Fraction(2, 5)),  # all labels named: 2 * 1/4 * 1 / (1/4 + 1)
        (1, 3, Fraction(1, 3), Fraction(2, 5)),  # 2 * 1/3 * 1/2 / (1/3 + 1/2)
        (1, 0, Fraction(1), Fraction(2, 3)),  # the judge takes a word for a label that the label set does not hold
        (0, 3, Fraction(0), Fraction(0)),
        (0, 0, Fraction(0), Fraction(0)),
    ],
)
def test_precision_and_f1(right: int, named: int, precision: Fraction, f1: Fraction) -> None:
    score = score_of([], Fraction(right, 2), tuple("abcdefgh"[:named]))

    marks = score.marks(sample_of("anger", "fear"))
    assert (marks["precision"], marks["f1"]) == (precision, f1)


@given(st.integers(1, 5), st.integers(0, 9), st.data())
def test_precision_and_f1_are_scores(labels: int, named: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, labels))
    score = score_of([], Fraction(right, labels), tuple(map(str, range(named))))
    marks = score.marks(sample_of(*map(str, range(labels))))
    precision, f1 = marks["precision"], marks["f1"]

    assert precision is not None
    assert f1 is not None
    assert 0 <= precision <= 1
    assert min(precision, score.recognition) <= f1 <= max(precision, score.recognition)


def test_ratings_must_fit_the_steps() -> None:
    score = score_of([Fraction(1)])

    with pytest.raises(ValueError, match=r"^1 ratings for 2 steps$"):
        StepScore(
            answer=score.answer,
            steps=score.steps,
            ratings=Ratings(reasoning=(), recognition=score.ratings.recognition),
            predicted=(),
        )


def test_a_wrong_answer_is_explained() -> None:
    score = StepScore(
        answer=Answer(text="He smiles.\nSo it is joy.", model="m-1"),
        steps=Steps(reasoning=("He smiles.", "He is loud."), prediction="joy"),
        ratings=Ratings(
            reasoning=(Rating(value=Fraction(1)), Rating(value=Fraction(0), reason="He whispers.")),
            recognition=Rating(value=Fraction(1, 2), reason="One of two."),
        ),
        predicted=("joy",),
    )
    explained = score.explain(sample_of("joy", "fear"))

    assert explained.splitlines()[0] == ('ML-ER/MAFW/03419: the labels are "joy" and "fear", the model said "joy"')
    for part in (
        "Question: Which emotion or emotions",
        "Labels: anger, disgust, fear",
        "Answer of m-1:\n    He smiles. So it is joy.",
        "1. [1] He smiles.\n",
        "2. [0] He is loud. (judge: He whispers.)",
        "3. [1/2] joy (judge: One of two.)",
    ):
        assert part in explained
    assert score.explain(sample_of("fear")).startswith('ML-ER/MAFW/03419: the label is "fear", the model said "joy"\n')


@given(TEXTS, st.integers(0, 60), st.integers(1, 30))
def test_an_explanation_fits_a_screen(text: str, steps: int, labels: int) -> None:
    score = score_of([Fraction(1)] * steps, text=text)
    lines = score.explain(sample_of(*["a long label"] * labels)).splitlines()

    assert len(lines) < 40
    assert max(map(len, lines)) <= 100
    assert all(line.isprintable() for line in lines)
    assert "Step" in "".join(lines)


@pytest.mark.parametrize(("length", "shown"), [(59, "x" * 59), (60, "x" * 60), (61, "x" * 59 + "…")])
def test_what_the_model_said_is_shown_in_sixty_characters(length: int, shown: str) -> None:
    score = score_of([Fraction(1)], text="clear")
    said = replace(score, steps=replace(score.steps, prediction="x" * length))
    assert f'the model said "{shown}"' in " ".join(said.explain(sample_of("joy")).split())


def test_what_is_left_out_is_counted() -> None:
    explained = score_of([Fraction(1)] * 99, text="I see " + "very " * 1000 + "clearly.").explain(sample_of("joy"))
    steps = score_of([Fraction(1)] * 99, text="clear").explain(sample_of("joy"))

    assert "lines left out" in explained.partition("Steps")[0]
    assert "    1. [1] clear" in steps
    assert "    … 87 lines left out …" in steps
    assert "    100. [0] clear" in steps


def test_a_case_shows_a_score_on_one_short_line() -> None:
    assert repr(score_of([Fraction(1)], Fraction(2, 3), text="x" * 9999)) == "StepScore(recognition=2/3, reasoning=1)"


def rated(*ratings: str, votes: tuple[dict[str, str], ...] = (), predicted: tuple[str, ...] = ("joy",)) -> Record:
    """A record of steps with these ratings, and with these votes on the first of them."""
    steps = [RatedStep(text="I see.", rating=rating, reason=None) for rating in ratings]
    steps[: len(votes)] = [step.model_copy(update={"votes": own}) for step, own in zip(steps, votes, strict=False)]
    return Record(
        id="s/1", task="T", source="s", recording="s/1", question="?", label_set=("joy", "fear"),
        targets=("joy", "fear"), outcome="failed", predicted=predicted, scores={}, steps=tuple(steps[:-1]),
        prediction=steps[-1] if steps else None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("record", "several", "marks"),
    [
        (rated("1/1"), False, ("1", "0", "1/2", None, None)),
        (rated("1/1", "0/1", "1/2"), False, ("1/2", "1/2", "1/2", None, None)),
        (rated("1/1", "1/1", "0/5"), False, ("0", "1", "1/2", None, None)),
        (rated("1/2", "1/2"), True, ("1/2", "1/2", "1/2", "1", "2/3")),
        (rated("1/2", "1/2", predicted=("joy", "fear")), True, ("1/2", "1/2", "1/2", "1/2", "1/2")),
        (rated("1/1", "1/2", votes=({"a": "1/1"}, {"a": "0/1"})), False, ("1/2", "1", "3/4", None, None)),
    ],
)
def test_the_marks_in_a_file_are_those_of_its_ratings(
    record: Record,
    several: bool,  # noqa: FBT001
    marks: tuple[str | None, ...],
) -> None:
    found = METRIC.remade(record, several=several)
    assert list(found) == ["recognition", "reasoning", "cot", "precision", "f1"]
    assert [None if mark is None else str(mark) for mark in found.values()] == list(marks)
    assert METRIC.is_right(found) == (record.prediction is not None and record.prediction.rating == "1/1")


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (rated(), "it has no rated prediction"),
        *(
            (rated(wrong, "1/1"), "not a fraction from 0 to 1, such as 2/3")
            for wrong in ("3/2", "1/0", "1", "-1/2", "")
        ),
        (rated("1/1", "2/1"), "not a fraction"),
        (rated("1/1", f"0/1{'0' * 9}"), "not a fraction"),
        (rated("1/1", "1/1", votes=({"a": "1/1"}, {"a": "2/1"})), "not a fraction"),
        (rated("1/1", "1/1", votes=({"a": "1/1"}, {"b": "1/1"})), "not rated by the same judges"),
        (rated("1/1", "1/1", votes=({"a": "1/1"},)), "not rated by the same judges"),
    ],
)
def test_ratings_that_no_judge_gives_have_no_marks(record: Record, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        METRIC.remade(record, several=False)


@pytest.mark.parametrize(
    ("scores", "right"),
    [
        ({"recognition": 1.0}, 1),
        ({"recognition": 1.0, "precision": None}, 1),
        ({"recognition": 1.0, "precision": 1.0}, 1),
        ({"recognition": 1.0, "precision": 0.5}, 0),
        ({"recognition": 0.5, "precision": 1.0}, 0),
    ],
)
def test_the_constant_guess_is_compared_with_exactly_the_true_labels(
    scores: dict[str, float | None], right: int
) -> None:
    record = rated("1/1").model_copy(update={"scores": scores})
    assert METRIC.floor.value([record]) == right
    assert METRIC.floor.value([record.model_copy(update={"outcome": "error"})]) is None
