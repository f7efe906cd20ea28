"""What other raters would have said, as the report has it."""

from reports.figures.second_opinion import agreed_of, variance_of
from reports.kept.record import RatedStep, Record
from reports.tables.second_opinion import disagreements_of, notes_on
from tests.reports.made_runs import record, repeated
from tests.tasks import MEASURES

ONE, NONE = "1/1", "0/1"


def judged(number: int, judge: str, rules: str) -> Record:
    step = RatedStep(text="It is *joy*.\nReally", rating=judge, reason="As <b>said</b>.")
    return record(number, float(judge == ONE), prediction=step, by_rules=rules)


def voted(number: int, *votes: tuple[str, str]) -> Record:
    """Two judges' ratings of one step and of the last."""
    steps = [RatedStep(text="s", rating=one, reason=None, votes={"a": one, "b": other}) for one, other in votes]
    return record(number, 1.0, steps=steps[:1], prediction=steps[1])


def test_judge_and_word_list_by_hand() -> None:
    records = [judged(0, ONE, ONE), judged(1, NONE, NONE), judged(2, ONE, NONE), judged(3, NONE, NONE), record(4, None)]
    agreed = agreed_of(records)

    assert (agreed.rules_compared, agreed.differing) == (4, 1)
    assert agreed.rules_kappa == 0.5, "3 of 4 agree, 2 of 4 would by chance"
    assert (agreed.alpha_steps, agreed.alpha_recognition, agreed.kappas) == (None, None, {})
    assert notes_on(agreed, {}) == [
        "Judge and word list rate 1 of 4 last steps differently (kappa 0.50); disagreements.md lists them."
    ]


def test_the_list_to_read_shows_who_said_what_and_is_inert() -> None:
    *_, first, second = disagreements_of([judged(0, ONE, ONE), judged(2, ONE, NONE), record(4, None)])

    assert first == r"- **SA/own/2**: true joy; predicted It is \*joy\*. Really"
    assert second == "  - judge 1/1, word list 0/1; reason: As &lt;b&gt;said&lt;/b&gt;."


def test_two_judges_by_hand() -> None:
    agreed = agreed_of([voted(0, (ONE, ONE), (ONE, NONE)), voted(1, (NONE, NONE), (NONE, NONE))])

    assert agreed.alpha_steps == 1
    assert agreed.alpha_recognition is not None
    assert agreed.alpha_recognition < 1
    assert agreed.kappas == {"a | b": 0.5}
    assert "Cohen's kappa a | b 0.50" in notes_on(agreed, {})[-1]


def test_repeats_split_the_variance() -> None:
    """Two samples a half apart, a judge who wavers on none: all the rest is the model's."""
    records = [
        record(0, 1.0, repeats=repeated((1.0, 0.5), (1.0, 1.0))),
        record(1, 0.0, repeats=repeated((0.0, 0.5), (0.0, 0.0))),
        record(2, None),
    ]
    split = variance_of(records, MEASURES.names)

    assert set(split) == {"recognition", "reasoning", "cot"}
    assert (split["cot"].judge, split["cot"].model, split["cot"].samples, split["cot"].repeats) == (0, 0.125, 2, 2)
    assert notes_on(None, split)[0].startswith("Variance of recognition over 2 repeats: sample ")
    assert variance_of([record(0, 1.0)], MEASURES.names) == {}


def test_of_nothing_nothing_is_said() -> None:
    agreed = agreed_of([record(0, None)])
    assert (agreed.rules_kappa, agreed.rules_compared) == (None, 0)
    assert notes_on(agreed, {}) == []
