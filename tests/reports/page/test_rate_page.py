"""The page in which people rate answers, in a real browser without a network, and what becomes of their ratings."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Browser, Page, expect

from reports.cli import main
from reports.figures.ratings import read_ratings
from reports.kept.record import RatedStep, Record
from reports.wording import percent
from tests.browser import Watched, needs_chromium, watched
from tests.reports.made_runs import kept_as, record, run_of

pytestmark = needs_chromium

FIRST, SECOND = "a" * 32, "b" * 32
HOSTILE = '</script><img src=x onerror="alert(1)">'


@pytest.fixture
def seen(browser: Browser) -> Iterator[Watched]:
    with watched(browser) as page:
        yield page
        assert [said for said in page.troubles if "ERR_FILE_NOT_FOUND" not in said] == []


def hostile(one: Record) -> RatedStep:
    assert one.prediction
    return RatedStep(text=HOSTILE, rating=one.prediction.rating, reason="Seen by judge j.")


@pytest.fixture
def page_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page for two runs of 20 samples, half right in the first and all in the second, whose steps tell nothing."""
    monkeypatch.setenv("BROWSER", "true")
    first, second = (
        [one.model_copy(update={"answer": answer, "steps": (hostile(one),)}) for one in records]
        for answer, records in (("quince", run_of(10, 10)), ("medlar", [record(at, 1.0) for at in range(20)]))
    )
    runs = [kept_as(FIRST, tmp_path / "a", first), kept_as(SECOND, tmp_path / "b", second)]
    assert main(["rate", *map(str, runs), "--samples=12", f"--html={tmp_path / 'out' / 'rate.html'}"]) == 0
    return tmp_path / "out" / "rate.html"


def begin(page: Page, name: str = "Anna") -> None:
    page.get_by_label("Your name or initials").fill(name)
    page.get_by_role("button", name="Begin").click()


def save(page: Page, file: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as file").click()
    download.value.save_as(file)
    return file


def test_ratings_by_the_keyboard_correct_the_judge(
    seen: Watched, page_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Anna finds all reasons wrong and all last steps right, so that the runs do not differ."""
    page = seen.open(page_file)
    expect(page.locator("#overview")).to_contain_text("You rate 24 answers step by step")
    begin(page)
    for answer in range(24):
        expect(page.get_by_role("status").first).to_contain_text(f"Answer {answer + 1} of 24; {answer} rated by Anna")
        page.keyboard.press("0")
        page.keyboard.press("1")
    expect(page.locator("#overview")).to_contain_text("All answers are rated.")
    shown = page.locator("body").inner_text()
    assert not any(word in shown for word in ("quince", "medlar", "Seen by judge", FIRST, SECOND))

    file = save(page, tmp_path / "anna.csv")
    sheet = read_ratings(file, FIRST)
    assert {step: rating for (_, step), rating in sheet.humans["Anna"].items()} == {1: 0, 2: 1}
    assert len(sheet.inclusion) == 12
    capsys.readouterr()
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b"), f"--labels={file}"]) == 0
    rows = [line.split()[:5] for line in capsys.readouterr().out.splitlines()]
    assert ["Recognition", "overall", "12", "+50.0", "+0.0"] in rows


def test_ratings_stay_in_the_browser_and_go_on_from_a_file(seen: Watched, page_file: Path, tmp_path: Path) -> None:
    page = seen.open(page_file)
    begin(page)
    page.keyboard.press("?")
    page.get_by_role("button", name="wrong").nth(1).click()
    expect(page.get_by_role("status").first).to_contain_text("1 rated by Anna")
    file = save(page, tmp_path / "anna.csv")

    page = seen.open(page_file)
    begin(page)
    expect(page.get_by_role("status").first).to_contain_text("Answer 2 of 24; 1 rated by Anna")
    page.evaluate("localStorage.clear()")
    page = seen.open(page_file)
    page.get_by_label("or go on with a file").set_input_files(file)
    expect(page.get_by_role("status").first).to_contain_text("Answer 2 of 24; 1 rated by Anna")
    page.get_by_role("button", name="Previous").click()
    expect(page.locator(".choice.chosen")).to_have_text(["? cannot tell", "0 wrong"])
    other = tmp_path / "other.csv"
    other.write_text("id,step,eve\nnobody,1,1\n")
    page = seen.open(page_file)
    page.get_by_label("or go on with a file").set_input_files(other)
    expect(page.get_by_role("alert").last).to_contain_text("other.csv has no ratings of these answers.")


def test_the_page_rounds_as_the_tables_do(seen: Watched, page_file: Path) -> None:
    """Of the ties, a float can hold those that end in .25 and .75."""
    fractions = [number / 1600 for number in range(1601)]
    assert seen.open(page_file).evaluate("(all) => all.map(percent)", fractions) == list(map(percent, fractions))
