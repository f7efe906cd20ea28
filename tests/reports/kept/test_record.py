"""A sample's record: what it keeps, and that it survives JSON."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from benchmark.usage import Usage
from evaluators.outcome import Unscored
from reports.kept.record import RatedStep, Record, record_of
from tests.reports.outcomes import KNOWN, UNPRICED, sample, scored, unscored

ONE, HALF, NONE = Fraction(1), Fraction(1, 2), Fraction(0)
SEVERAL = scored(sample("ML-ER", ("joy", "anger")), HALF, ONE, NONE, ONE)


def test_a_scored_sample_worked_out_by_hand() -> None:
    record = record_of(SEVERAL)

    assert (record.outcome, record.stage, record.error) == ("failed", None, None)
    assert (record.scores["recognition"], record.scores["reasoning"], record.scores["cot"]) == (
        1 / 2,
        float(Fraction(2, 3)),
        float(Fraction(7, 12)),
    )
    assert (record.scores["precision"], record.scores["f1"]) == (1 / 2, 1 / 2)
    assert [step.rating for step in record.steps] == ["1/1", "0/1", "1/1"]
    assert record.prediction == RatedStep(text="joy and fear", rating="1/2", reason="As said.")
    assert record.rejected == {"judge": ("What?",)}
    assert list(record.usage) == ["model", "extractor", "judge"]
    assert (record.usage["model"].model, record.usage["model"].cost_usd) == ("m-2026", 0.25)


@pytest.mark.parametrize(("recognition", "outcome"), [(ONE, "passed"), (NONE, "failed")])
def test_a_sample_with_one_label_has_no_precision(recognition: Fraction, outcome: str) -> None:
    record = record_of(scored(sample(), recognition))

    assert (record.outcome, record.steps, record.scores["reasoning"]) == (outcome, (), 0.0)
    assert (record.scores["precision"], record.scores["f1"]) == (None, None)


def test_a_record_without_a_dialogue_is_written_as_before_there_were_any() -> None:
    line = record_of(SEVERAL).model_dump_json()
    assert '"talk"' not in line
    assert Record.model_validate_json(line).talk == ()


def test_an_unscored_sample_is_no_zero() -> None:
    record = record_of(unscored(sample()))

    assert (record.outcome, record.stage, record.answer) == ("error", "judge", "It is joy.")
    scores = (
        record.scores["recognition"],
        record.scores["reasoning"],
        record.scores["cot"],
        record.scores["precision"],
        record.scores["f1"],
        record.prediction,
    )
    assert set(scores) == {None}
    assert record.rejected == {"judge": ("Hm.",)}
    assert record.usage["unscored"].cost_usd == KNOWN.cost_usd


def test_a_sample_without_an_answer_has_spent_nothing() -> None:
    record = record_of(Unscored(sample=sample(), stage="data", error="The clip is gone."))

    assert (record.answer, record.usage, record.rejected) == (None, {}, {})


@given(st.text(), st.fractions(0, 1), st.lists(st.fractions(0, 1), max_size=5))
def test_a_record_survives_json_on_one_line(text: str, recognition: Fraction, reasoning: list[Fraction]) -> None:
    record = record_of(scored(sample(), recognition, *reasoning, text=text, judge=UNPRICED))
    line = record.model_dump_json()

    assert "\n" not in line
    assert Record.model_validate_json(line) == record
    assert record.prediction is not None
    assert Fraction(record.prediction.rating) == recognition


@pytest.mark.parametrize("usage", [Usage(), KNOWN, UNPRICED])
def test_an_unscored_record_survives_json(usage: Usage) -> None:
    record = record_of(unscored(sample(), usage))

    assert Record.model_validate_json(record.model_dump_json()) == record
    assert ("unscored" in record.usage) == (usage != Usage())


def test_a_line_with_a_field_of_another_version_is_refused() -> None:
    line = record_of(SEVERAL).model_dump_json().replace('"predicted"', '"said"')

    with pytest.raises(ValidationError, match="said"):
        Record.model_validate_json(line)
