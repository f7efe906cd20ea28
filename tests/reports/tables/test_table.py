"""The report's figures as people read them: rows, notes, text and Markdown."""

from collections.abc import Sequence
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from evaluators.outcome import Scored, Unscored
from reports.figures.report import report_of
from reports.kept.record import record_of
from reports.kept.report import Background, Report
from reports.tables.scores import counts_of, notes_of, score_rows
from reports.tables.summary import summary_of
from reports.tables.table import as_markdown, as_text
from reports.wording import percent
from tests.reports.outcomes import KNOWN, UNPRICED, sample, scored, unscored

ONE, HALF, NONE = Fraction(1), Fraction(1, 2), Fraction(0)
OUTCOMES: Sequence[Scored | Unscored] = (
    scored(sample(name="a"), ONE, ONE, NONE),
    scored(sample(name="b"), NONE),
    unscored(sample(name="c")),
    scored(sample("ML-ER", ("joy", "anger")), HALF, ONE),
)
CELLS = st.text("abc 1.–", max_size=8)
TABLES = st.integers(1, 5).flatmap(lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=1, max_size=5))


def report(
    outcomes: Sequence[Scored | Unscored] = OUTCOMES, published: dict[str, float] | None = None, selected: int = 4
) -> Report:
    background = Background(
        model="m",
        provenance={},
        incomparable=("the judge is rules",),
        selected=selected,
        floors={"ER-Wild": 0.25},
        published=published or {},
    )
    return report_of([record_of(outcome) for outcome in outcomes], background)


def test_the_rows_are_the_tasks_then_all_samples_then_the_mean_of_tasks() -> None:
    assert score_rows(report()) == [
        ("Task", "Samples", "Unscored", "Recognition", "Reasoning", "CoT", "Floor"),
        ("ER-Wild", "3", "1", "50.0 (0.3–99.7)", "25.0 (0.2–98.0)", "37.5 (0.3–99.2)", "25.0"),
        ("ML-ER", "1", "0", "50.0 (0.0–100.0)", "100.0 (0.0–100.0)", "75.0 (0.0–100.0)", "–"),
        ("overall", "4", "1", "50.0 (0.6–99.4)", "50.0 (0.6–99.4)", "50.0 (0.6–99.4)", "–"),
        ("mean of tasks", "", "", "50.0 (0.0–100.0)", "62.5 (0.0–100.0)", "56.2 (0.0–100.0)", ""),
    ]


def test_published_scores_are_a_column_where_there_are_any() -> None:
    assert [row[7] for row in score_rows(report(published={"ML-ER": 0.619}))] == ["Published", "–", "61.9", "–", ""]


def test_where_nothing_is_scored_there_is_a_dash_and_no_zero() -> None:
    nothing = report([unscored(sample())], selected=1)

    assert nothing.overall.scores["recognition"] is None
    assert score_rows(nothing)[1] == ("ER-Wild", "1", "1", "–", "–", "–", "25.0")
    assert "1 samples have no score; depending on them, Recognition is between 0.0 and 100.0." in notes_of(nothing)


def test_usage_is_summed_by_role_and_what_one_part_does_not_know_is_unknown() -> None:
    usage = report([*OUTCOMES, scored(sample(name="d"), ONE, judge=UNPRICED)]).usage

    assert (usage["model"].requests, usage["model"].output_tokens, usage["model"].cost_usd) == (5, 20, 1.25)
    assert (usage["judge"].requests, usage["judge"].output_tokens, usage["judge"].seconds) == (5, 13, 2.5)
    assert (usage["judge"].input_tokens, usage["judge"].cost_usd) == (None, None)
    assert usage["unscored"].requests == KNOWN.requests
    assert (usage["judge"].model, usage["extractor"].requests) == ("j", 0)


def test_the_notes_say_what_must_be_known_beside_the_table() -> None:
    assert notes_of(report(selected=6)) == [
        "Not comparable with published scores: the judge is rules.",
        "The run ended early: 2 of 6 samples were not evaluated.",
        "1 samples have no score; depending on them, Recognition is between 37.5 and 62.5.",
        "Precision / F1: ML-ER 50.0 / 50.0.",
        "model: 4 requests, 40 tokens in, 16 out, 1.00 USD.",
        "judge: 3 requests, 30 tokens in, 12 out, 0.75 USD.",
        "unscored: 1 requests, 10 tokens in, 4 out, 0.25 USD.",
        "total: 8 requests, 80 tokens in, 32 out, 2.00 USD.",
    ]
    unpriced = notes_of(report([scored(sample(), ONE, judge=UNPRICED)], selected=1))
    assert unpriced[-1] == "total: 3 requests, unknown tokens in, 5 out, cost unknown."


def test_the_summary_holds_counts_table_and_notes() -> None:
    lines = summary_of(report(), [record_of(outcome) for outcome in OUTCOMES]).splitlines()

    assert lines[0] == "## MME-Emotion: m"
    assert lines[2] == "1 right, 2 wrong, 1 without a score; scores in percent."
    assert lines[4:6] == [
        "| Task | Samples | Unscored | Recognition | Reasoning | CoT | Floor |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    assert lines[11:] == [f"- {note}" for note in notes_of(report())]
    assert counts_of([]) == "0 right, 0 wrong, 0 without a score"


def test_a_fraction_is_shown_in_percent() -> None:
    assert [percent(value) for value in (None, 0.0, 0.375, 2 / 3, 1.0)] == ["–", "0.0", "37.5", "66.7", "100.0"]


def test_a_text_table_worked_out_by_hand() -> None:
    assert as_text([("Task", "CoT"), ("SA", "100.0"), ("overall", "–")]) == [
        "Task       CoT",
        "SA       100.0",
        "overall      –",
    ]


@given(TABLES)
def test_no_cell_is_lost_in_either_table(rows: list[list[str]]) -> None:
    for line, row in zip(as_text(rows), rows, strict=True):
        assert line.split() == " ".join(row).split()
    head, rule, *body = as_markdown(rows)
    assert rule.count("|") == len(rows[0]) + 1
    for line, row in zip([head, *body], rows, strict=True):
        assert [cell.strip() for cell in line.split("|")[1:-1]] == [cell.strip() for cell in row]
