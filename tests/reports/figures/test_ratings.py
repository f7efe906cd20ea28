"""Sheets of people's ratings: read, written, set beside the judge's."""

import csv
import io
import re
from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.errors import RunError
from reports.figures.ratings import (
    Rated,
    Sheet,
    agreement_of,
    judge_ratings,
    majority,
    read_ratings,
    read_sheets,
    write_sheet,
)
from reports.kept.record import RatedStep, Record, record_of
from reports.tables.ratings import PUBLISHED, lines_of, notes_of
from reports.tables.table import as_text
from tests.reports.outcomes import sample, scored, unscored

ZERO, THIRD, HALF, ONE = Fraction(0), Fraction(1, 3), Fraction(1, 2), Fraction(1)
RATINGS = st.sampled_from([ZERO, THIRD, HALF, 2 * THIRD, ONE])
RECORDS = [
    record_of(scored(sample(name="a"), ONE, ONE, ZERO)),
    record_of(scored(sample("ML-ER", ("joy", "anger"), name="b"), HALF)),
    record_of(unscored(sample(name="c"))),
]
A, B = "ER-Wild/MELD/a", "ML-ER/MELD/b"


def sheet_at(folder: Path, text: str) -> Path:
    path = folder / "ratings.csv"
    path.write_bytes(text.encode())
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sheets")


def sheet_of(*people: Rated) -> Sheet:
    return Sheet(path=Path("r.csv"), humans={f"p{number}": rated for number, rated in enumerate(people)}, judge=None)


def drawn(count: int, records: Sequence[Record] = RECORDS) -> list[list[str]]:
    """The rows of a sheet, its head first."""
    stream = io.StringIO(newline="")
    write_sheet(records, count, stream)
    stream.seek(0)
    return list(csv.reader(stream))


def test_a_sheet_is_read(tmp_path: Path) -> None:
    head, first = "\ufeffID, Step ,text,targets,Judge,anna,Ben", 'a,1,"one,\r\ntwo",joy,1,1/1,'
    text = "\r\n".join([head, first, "", "a,2,,,2/3,.5,0.67", ",,,,,,", ""])
    sheet = read_ratings(sheet_at(tmp_path, text))

    assert sheet.humans == {"anna": {("a", 1): ONE, ("a", 2): HALF}, "Ben": {("a", 2): 2 * THIRD}}
    assert sheet.judge == {("a", 1): ONE, ("a", 2): 2 * THIRD}
    assert sheet.places() == (("a", 1), ("a", 2))


def test_without_a_column_of_the_judge_there_are_none_of_its_ratings(tmp_path: Path) -> None:
    assert read_ratings(sheet_at(tmp_path, "id,step,anna\na,1,1\n")).judge is None
    assert read_ratings(sheet_at(tmp_path, "id,step,judge,anna\na,1,,1\n")).judge == {}


SEVERAL = "run,id,step,inclusion,anna\nold,a,1,.5,1\nnew,a,1,.5,0\nnew,b,1,1,?\n"


def test_a_sheet_may_have_several_runs_and_how_samples_were_chosen(tmp_path: Path) -> None:
    path = sheet_at(tmp_path, SEVERAL)
    sheet = read_ratings(path, "new")
    assert (sheet.humans, sheet.inclusion, sheet.unsure) == ({"anna": {("a", 1): ZERO}}, {"a": 0.5, "b": 1.0}, 1)
    assert read_ratings(path, "old").humans == {"anna": {("a", 1): ONE}}
    with pytest.raises(RunError, match=r"has rows of 2 runs; name the one that is meant with --run-dir=RUN\."):
        read_ratings(path)
    with pytest.raises(RunError, match="has no rating of this run by a person"):
        read_ratings(path, "another")


def test_sheets_of_several_people_are_one(tmp_path: Path) -> None:
    paths = [tmp_path / "anna.csv", tmp_path / "ben.csv", tmp_path / "more.csv"]
    for path, text in zip(
        paths,
        ("id,step,inclusion,anna\na,1,.5,1\n", "id,step,inclusion,ben\na,1,.5,0\n", "id,step,anna\nb,1,1/2\n"),
        strict=True,
    ):
        path.write_text(text)
    sheet = read_sheets(paths)
    assert sheet.humans == {"anna": {("a", 1): ONE, ("b", 1): HALF}, "ben": {("a", 1): ZERO}}
    assert sheet.inclusion == {"a": 0.5}
    with pytest.raises(RunError, match="both have a rating of a by anna; keep one"):
        read_sheets([paths[0], sheet_at(tmp_path, "id,step,anna\na,1,1\n")])
    with pytest.raises(RunError, match=r"ratings\.csv gives a another inclusion than .*anna\.csv\."):
        read_sheets([paths[0], sheet_at(tmp_path, "id,step,inclusion,eve\na,1,1,1\n")])


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1", ONE),
        ("0", ZERO),
        ("1/1", ONE),
        ("0/2", ZERO),
        ("2 / 4", HALF),
        ("1.0", ONE),
        ("0.3", Fraction(3, 10)),
        ("0.30", Fraction(3, 10)),
        ("0.33", THIRD),
        ("0.66", 2 * THIRD),
        ("0.67", 2 * THIRD),
        ("0.125", Fraction(1, 8)),
        ("0.90", Fraction(9, 10)),
    ],
)
def test_a_rating_is_what_its_writer_means(written: str, value: Fraction, tmp_path: Path) -> None:
    assert read_ratings(sheet_at(tmp_path, f"id,step,anna\na,1,{written}\n")).humans["anna"][("a", 1)] == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "ratings.csv is empty"),
        (",,\n", "has no column names"),
        ("a,1,1\n", "line 1: column id is missing"),
        ("id;step;anna\na;1;1\n", "line 1: column id is missing; this line must name the columns, between commas"),
        ("id,anna\na,1\n", "line 1: column step is missing"),
        ("id,step,,anna\na,1,1,1\n", "line 1: column 3 has no name"),
        ("id,step,anna,Anna\na,1,1,1\n", "line 1: 2 columns are called anna"),
        ("id,step,Judge,judge,anna\na,1,1,1,1\n", "line 1: 2 columns are called judge"),
        ("id,step,judge,text,targets\na,1,1,t,joy\n", "line 1: there is no column of a person's ratings"),
        ("id,step,anna\na,1,1,1\n", "line 2: there are 4 cells; give one for each of 3 columns"),
        ("id,step,anna\na,1\n", "line 2: there are 2 cells"),
        ("id,step,anna\n,1,1\n", "line 2: column id is empty"),
        ("id,step,anna\na,0,1\n", "line 2: column step holds `0`"),
        ("id,step,anna\na,one,1\n", "line 2: column step holds `one`"),
        ("id,step,anna\na,,1\n", "line 2: column step holds ``"),
        ("id,step,anna\na,1,2\n", "line 2: column anna holds `2`; write 1, 0, a quotient like 2/3"),
        ("id,step,anna\na,1,-1\n", "column anna holds `-1`"),
        ("id,step,anna\na,1,3/2\n", "column anna holds `3/2`"),
        ("id,step,anna\na,1,1/0\n", "column anna holds `1/0`"),
        ('id,step,anna\na,1,"0,5"\n', "column anna holds `0,5`"),
        ("id,step,anna\na,1,2-Mar\n", "column anna holds `2-Mar`"),
        ("id,step,anna\na,1,nan\n", "column anna holds `nan`"),
        ("id,step,judge,anna\na,1,yes,1\n", "column judge holds `yes`"),
        ("id,step,anna\na,1,²\n", "column anna holds `²`"),
        ("id,step,anna\na,1,1\n\na,1,0\n", "line 4: step 1 of a appears twice"),
        ('id,step,text,anna\na,1,"x\ny",1\na,2,,z\n', "line 4: column anna holds `z`"),
        ("id,step,anna\na,1,\n", "has no rating by a person"),
        ("id,step,anna\n", "has no rating by a person"),
        ("id,step,judge,anna\na,1,1,\n", "has no rating by a person"),
        ('id,step,anna\na,1,"1\n', "line 2: not valid CSV"),
        ("id,step,inclusion,anna\na,1,0,1\n", "line 2: column inclusion holds `0`; write the probability"),
        ("id,step,inclusion,anna\na,1,nan,1\n", "line 2: column inclusion holds `nan`"),
        ("id,step,run,inclusion,judge\na,1,r,1,1\n", "line 1: there is no column of a person's ratings"),
        ("id,step,anna\na,1,??\n", "column anna holds `??`"),
    ],
)
def test_a_malformed_sheet_is_refused_in_a_sentence(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(RunError) as refused:
        read_ratings(sheet_at(tmp_path, text))

    message = str(refused.value)
    assert said in message
    assert message.startswith(str(tmp_path / "ratings.csv"))
    assert message.endswith(".")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be read"):
        read_ratings(tmp_path / "nowhere.csv")
    (tmp_path / "latin.csv").write_bytes(b"id,step,anna\n\xe9,1,1\n")
    with pytest.raises(RunError, match="is not UTF-8"):
        read_ratings(tmp_path / "latin.csv")


def test_a_cell_too_large_for_csv_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="line 2: not valid CSV"):
        read_ratings(sheet_at(tmp_path, f"id,step,text,anna\na,1,{'x' * (csv.field_size_limit() + 1)},1\n"))


@given(st.lists(st.sampled_from(["id", "step", "a", "1", "0", "2/3", ",", ";", "\n", "\r", '"', "'", "é", "\0"])))
def test_whatever_the_file_holds_is_read_or_refused(folder: Path, parts: list[str]) -> None:
    path = sheet_at(folder, "id,step,anna\n" + "".join(parts))
    with suppress(RunError):  # any other error fails
        rated = read_ratings(path).humans["anna"]
        assert rated
        assert all(0 <= rating <= 1 for rating in rated.values())


def test_the_judges_ratings_are_those_of_all_steps_the_prediction_last() -> None:
    assert judge_ratings(RECORDS) == {(A, 1): ONE, (A, 2): ZERO, (A, 3): ONE, (B, 1): HALF}


@pytest.mark.parametrize(
    ("ratings", "found"),
    [
        ([ONE], ONE),
        ([ONE, ZERO], ZERO),
        ([ONE, ONE, ZERO], ONE),
        ([ZERO, ZERO, ONE, ONE, HALF], ZERO),
        ([ZERO, ZERO, ONE, ONE, 2 * THIRD], ONE),
        ([ZERO, THIRD, ONE], THIRD),
    ],
)
def test_the_majority_by_hand(ratings: list[Fraction], found: Fraction) -> None:
    assert majority(ratings) == found


@given(st.lists(RATINGS, min_size=1, max_size=9))
def test_the_majority_is_a_most_frequent_rating_in_whatever_order(ratings: list[Fraction]) -> None:
    found = majority(ratings)

    assert all(ratings.count(found) >= ratings.count(other) for other in ratings)
    assert majority(sorted(ratings)) == majority(sorted(ratings, reverse=True)) == found


def test_agreement_by_hand(tmp_path: Path) -> None:
    text = "id,step,anna,ben\na,1,1,1\na,2,0,0\na,3,1,0\nb,1,,1\nb,2,0,\n"
    judge = {("a", 1): ONE, ("a", 2): ZERO, ("a", 3): ZERO, ("b", 1): ONE, ("z", 1): ONE}
    found = agreement_of(read_ratings(sheet_at(tmp_path, text)), judge)

    anna, ben = found.each
    assert (found.together.rated, found.shared, found.missing) == (4, 3, 1)
    assert found.together.kappa == pytest.approx(1)  # anna and ben differ on a/3, and the stricter one counts
    # the mean of a/3 is 1/2, so it ranks between: ranks (3.5, 1.5, 1.5, 3.5) and (3.5, 1, 2, 3.5)
    assert found.together.spearman == pytest.approx(4 / (4 * 4.5) ** 0.5)
    assert found.together.kendall == pytest.approx(4 / (4 * 5) ** 0.5)
    assert (anna.who, anna.rated, ben.who, ben.rated) == ("anna", 3, "ben", 4)
    assert anna.kappa == pytest.approx((2 / 3 - 4 / 9) / (1 - 4 / 9))
    assert [ben.kappa, ben.spearman, ben.kendall, ben.icc] == pytest.approx([1] * 4)
    # three steps rated by both: o = 2 pairs that differ of 6, values 3 and 3: 1 - (2/6) / (18/30)
    assert found.alpha == pytest.approx(1 - (2 / 6) / (18 / 30))


@given(st.dictionaries(st.tuples(st.sampled_from("abc"), st.integers(1, 4)), RATINGS, min_size=1))
def test_people_who_rate_as_the_judge_does_agree_fully_or_not_at_all_defined(
    judge: dict[tuple[str, int], Fraction],
) -> None:
    found = agreement_of(sheet_of(judge, judge), judge)

    for match in (found.together, *found.each):
        figures = (match.spearman, match.kendall, match.kappa, match.icc)
        assert figures == ((None,) * 4 if len(set(judge.values())) < 2 else pytest.approx((1,) * 4))
    assert found.alpha == (None if len(set(judge.values())) < 2 else pytest.approx(1))


@given(st.lists(st.dictionaries(st.tuples(st.sampled_from("ab"), st.integers(1, 3)), RATINGS, min_size=1), min_size=2))
def test_the_order_of_people_changes_nothing(people: list[dict[tuple[str, int], Fraction]]) -> None:
    judge, *others = people
    if not any(judge.keys() & rated.keys() for rated in others):
        with pytest.raises(RunError, match="none of the steps"):
            agreement_of(sheet_of(*others), judge)
        return
    one, other = agreement_of(sheet_of(*others), judge), agreement_of(sheet_of(*others[::-1]), judge)

    assert one.together == other.together
    assert one.alpha == pytest.approx(other.alpha)
    assert (one.shared, one.missing) == (other.shared, other.missing)
    assert one.together.rated + one.missing == len({place for rated in others for place in rated})


def test_where_judge_and_people_share_no_step_the_way_out_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="name the run it was drawn from with --run-dir"):
        agreement_of(read_ratings(sheet_at(tmp_path, "id,step,anna\na,1,1\n")), judge_ratings(RECORDS))
    filled = read_ratings(sheet_at(tmp_path, "id,step,judge,anna\na,1,,1\na,2,1,\n"))
    with pytest.raises(RunError, match="fill judge, or remove it"):
        agreement_of(filled, filled.judge or {})


def test_the_table_has_the_published_figures_last() -> None:
    judge = {("a", 1): ONE, ("a", 2): ZERO, ("a", 3): ONE}
    found = agreement_of(sheet_of({**judge, ("b", 1): ONE}, {("a", 1): ONE}), judge)

    assert lines_of(found) == [
        ("Judge and", "Steps", "Spearman", "Kendall", "Kappa", "ICC", "Alpha"),
        ("all, their mean", "3", "1.000", "1.000", "1.000", "1.000", "–"),
        ("p0", "3", "1.000", "1.000", "1.000", "1.000", "–"),
        ("p1", "1", "–", "–", "–", "–", "–"),
        ("people among themselves", "1", "–", "–", "–", "–", "–"),
        PUBLISHED,
    ]
    assert len(as_text(lines_of(found))) == 6
    assert notes_of(found) == ["1 rated steps have no rating by the judge; they count only for Alpha."]
    assert notes_of(agreement_of(sheet_of(judge), judge)) == []


def test_a_sheet_has_a_row_a_step_and_nothing_of_what_the_judge_thought() -> None:
    head, *rows = drawn(9)

    assert head == ["id", "step", "text", "targets", "rater1", "rater2"]
    assert sorted(rows) == [
        [A, "1", "step 0", "joy", "", ""],
        [A, "2", "step 1", "joy", "", ""],
        [A, "3", "joy and fear", "joy", "", ""],
        [B, "1", "joy and fear", "joy, anger", "", ""],
    ]


@given(st.permutations(range(12)), st.integers(1, 12))
def test_the_draw_depends_on_ids_alone_and_a_smaller_one_begins_a_larger(order: list[int], count: int) -> None:
    records = [RECORDS[1].model_copy(update={"id": f"SA/MELD/{number}"}) for number in range(12)]
    everything = drawn(12, records)

    assert drawn(count, [records[number] for number in order]) == everything[: count + 1]
    assert [row[0] for row in everything[1:]] != [record.id for record in records]


def test_how_many_were_drawn_is_told() -> None:
    assert [write_sheet(RECORDS, count, io.StringIO()) for count in (1, 2, 3)] == [1, 2, 2]


@pytest.mark.parametrize(("records", "count", "said"), [(RECORDS, 0, "1 or more"), (RECORDS[2:], 1, "no sample with")])
def test_a_sheet_without_a_row_is_refused(records: list[Record], count: int, said: str) -> None:
    with pytest.raises(RunError, match=said):
        write_sheet(records, count, io.StringIO())


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@given(
    st.lists(st.tuples(CELLS | st.just('=1+1,\n"x"'), RATINGS, RATINGS), min_size=1, max_size=4),
    st.sampled_from(["a", *"+-=@'\uff1d\uff0b\uff0d\uff20\t", "::error::", "##[x]", "\n=", "\x1b"]),
)
def test_a_sheet_that_was_filled_is_read_as_it_was_written(
    folder: Path, steps: list[tuple[str, Fraction, Fraction]], start: str
) -> None:
    rated = [RatedStep(text=text, rating=str(judged), reason=None) for text, judged, _ in steps]
    record = RECORDS[0].model_copy(update={"id": f"{start}1", "steps": tuple(rated[:-1]), "prediction": rated[-1]})
    head, *rows = drawn(1, [record])
    for row, (_, _, human) in zip(rows, steps, strict=True):
        row[head.index("rater1")] = str(human)
        assert not any(cell.startswith(("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")) for cell in row)
        assert not any(re.search("[\0-\x1f\x7f-\x9f\u2028]|^::", cell) for cell in row)
    with (folder / "filled.csv").open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream).writerows([head, *rows])
    sheet = read_ratings(folder / "filled.csv")

    assert list(sheet.humans["rater1"].values()) == [human for _, _, human in steps]
    assert sheet.humans["rater1"].keys() == judge_ratings([record]).keys()
    assert sheet.humans["rater2"] == {}
    assert agreement_of(sheet, judge_ratings([record])).together.rated == len(steps)


def test_half_characters_in_a_sheet_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_bytes("id,step,anna\nb\ud83d,1,1\n".encode("utf-8", "surrogatepass"))

    assert read_ratings(path).humans == {"anna": {("b\ufffd", 1): ONE}}
