"""Scores as people would give them: which samples count, and what is computed from whose ratings."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from benchmark.errors import RunError
from evaluators.metrics.metric import find_metric
from evaluators.metrics.steps import METRIC
from reports.figures.labels import LEAST, Labels, corrected_difference, corrected_score, labels_of
from reports.figures.ratings import Rated, Sheet
from reports.kept.record import Record, record_of
from reports.tables.labels import label_difference_rows, label_notes, label_rows
from tests.reports.outcomes import sample, scored, unscored

ZERO, HALF, ONE = Fraction(0), Fraction(1, 2), Fraction(1)
RECOGNITION, REASONING, COT = METRIC.measures


def run_of(judged: Sequence[Fraction], answer: str = "It is joy.") -> list[Record]:
    """Answers of one step before the last, which the judge rates 1; the last it rates so."""
    return [record_of(scored(sample(name=f"s{number}"), one, ONE, text=answer)) for number, one in enumerate(judged)]


def sheet_of(*people: Rated, inclusion: float = 1.0) -> Sheet:
    names = {name for rated in people for name, _ in rated}
    humans = {f"p{number}": rated for number, rated in enumerate(people)}
    return Sheet(path=Path("r.csv"), humans=humans, judge=None, inclusion=dict.fromkeys(names, inclusion))


def rated(records: Sequence[Record], reasoning: Fraction, last: Fraction) -> Rated:
    return {(record.id, step): rating for record in records for step, rating in ((1, reasoning), (2, last))}


def remade(record: Record) -> dict[str, Fraction | None]:
    return dict(METRIC.remade(record, several=False))


def labels(records: Sequence[Record], *people: Rated) -> Labels:
    return labels_of(sheet_of(*people), records, remade)


def test_a_score_by_people_is_that_of_their_ratings() -> None:
    """Two people differ about the reasoning, whose rating is then their mean."""
    records = run_of([ONE])
    found = labels(records, rated(records, ONE, ZERO), rated(records, ZERO, ZERO)).records[records[0].id]
    assert (found.scores["recognition"], found.scores["reasoning"], found.scores["cot"]) == (0, 0.5, 0.25)
    assert records[0].scores["recognition"] == 1, "the run's own record stays"


def test_only_samples_that_are_rated_as_a_whole_count() -> None:
    records = [*run_of([ONE, ONE]), record_of(unscored(sample(name="none")))]
    sheet = {**rated(records[:1], ONE, ONE), (records[1].id, 2): ONE, (records[2].id, 1): ONE, ("other", 1): ONE}
    found = labels(records, sheet)
    assert (set(found.records), found.partly, found.unknown) == ({records[0].id}, 1, 2)
    with pytest.raises(RunError, match=r"r\.csv rates no sample of this run as a whole"):
        labels(records[1:], sheet)
    with pytest.raises(RunError, match=r"r\.csv rates step 3 of ER-Wild/MELD/s0, whose answer has 2 in this run"):
        labels(records, {**sheet, (records[0].id, 3): ONE})


def test_the_judges_leniency_is_taken_off() -> None:
    """The judge calls all right; people, who rated a third, find half of it wrong."""
    records = run_of([ONE] * 90)
    seen = records[:30]
    people = {**rated(seen[::2], ONE, ZERO), **rated(seen[1::2], ONE, ONE)}
    found = corrected_score(RECOGNITION, "overall", records, labels(records, people))
    assert found is not None
    assert [found.mean, found.shift, found.labelled] == pytest.approx([0.5, 0.5, 30])
    assert corrected_score(RECOGNITION, "SA", records, labels(records, people)) is None
    rows = label_rows([(RECOGNITION, "overall", found)])
    assert rows[1][:5] == ("Recognition", "overall", "30", "100.0", "50.0")
    assert rows[1][6] == "+50.0"
    notes = list(label_notes(sheet_of(people), [labels(records, people)], [(RECOGNITION, "overall", found)]))
    assert "With fewer than 50 rated recordings (here 30), the intervals are rough." in notes


def test_a_bias_for_one_run_is_the_judges_and_not_the_runs() -> None:
    """Both runs are half right by people; the judge sees the second as all right."""
    first, second = run_of([ONE, ZERO] * 40), run_of([ONE] * 80, "Joy, surely.")
    seen = range(40)
    truth = {**rated([first[n] for n in seen if n % 2], ONE, ZERO), **rated([first[n] for n in seen[::2]], ONE, ONE)}
    pairs = list(zip(first, second, strict=True))
    before, after = labels(first, truth), labels(second, truth)
    found = corrected_difference(RECOGNITION, "overall", pairs, before, after)
    assert found is not None
    assert [found.mean, found.shift] == pytest.approx([0.0, 0.5])
    assert label_difference_rows([(RECOGNITION, "overall", found)])[1][3:5] == ("+50.0", "+0.0")


def test_equal_answers_need_no_label() -> None:
    """Of 40 answers 20 are equal, though the judge rated them otherwise; of the others people find the second worse."""
    first, equal, other = run_of([ONE] * 40), run_of([ZERO] * 40), run_of([ONE] * 40, "Anger.")
    second = [*equal[:20], *other[20:]]
    pairs, seen = list(zip(first, second, strict=True)), range(20, 35)
    before = labels(first, rated([first[n] for n in seen], ONE, ONE))
    after = labels(second, rated([second[n] for n in seen], ONE, ZERO))
    found = corrected_difference(RECOGNITION, "overall", pairs, before, after)
    assert found is not None
    assert [found.mean, found.shift, found.labelled] == pytest.approx([-0.5, 0.0, 15])


def test_too_few_rated_recordings_give_no_figure() -> None:
    records = run_of([ONE] * 40)
    for count, known in ((LEAST - 1, False), (LEAST, True)):
        people = labels(records, rated(records[:count], ONE, ONE))
        assert (corrected_score(COT, "overall", records, people) is not None) == known


def test_a_measure_that_is_no_mean_is_not_corrected() -> None:
    records = run_of([ONE] * 20)
    people = labels(records, rated(records, ONE, ONE))
    assert corrected_score(REASONING, "overall", records, people) is not None
    assert corrected_score(find_metric("recalls").measures[1], "overall", records, people) is None
