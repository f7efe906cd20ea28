"""The page of two runs, in a real browser without a network."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Browser, expect

from reports.cli import main
from tests.browser import Watched, needs_chromium, watched
from tests.endpoint import Endpoint
from tests.integration.runs import run
from tests.reports.made_runs import kept, record, run_of
from tests.reports.page.judging import explaining

pytestmark = needs_chromium


@pytest.fixture
def seen(browser: Browser) -> Iterator[Watched]:
    with watched(browser) as page:
        yield page
        assert [said for said in page.troubles if "ERR_FILE_NOT_FOUND" not in said] == []


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    """Of 40 samples three get better, one gets worse, one loses its score, and one is new."""
    before = run_of(20, 20)
    right, wrong = ([at for at, one in enumerate(before) if one.scores["recognition"] == score] for score in (1, 0))
    changes = {**dict.fromkeys(wrong[:3], 1.0), right[0]: 0.0, right[1]: None}
    after = [record(at, changes[at]) if at in changes else one for at, one in enumerate(before)]
    kept(tmp_path / "a", before)
    kept(tmp_path / "b", [*after, record(99, 1.0)])
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b"), f"--html={tmp_path / 'out.html'}"]) == 0
    return tmp_path / "out.html"


def test_it_counts_and_lists_what_changed(seen: Watched, page_file: Path) -> None:
    page = seen.open(page_file)
    expect(page.locator("#facts")).to_contain_text("▲ better3")
    expect(page.locator("#facts")).to_contain_text("▼ worse1")
    expect(page.locator("#facts")).to_contain_text("▼ no longer scored1")
    expect(page.locator("#banners")).to_contain_text("Samples only in b, not shown: 1.")
    expect(page.locator("#places")).to_contain_text("SA · joy · own")
    page.locator("#facts a").first.click()
    expect(page.locator("#listing tbody tr")).to_have_count(3)
    expect(page.locator("#listing tbody tr").first).to_contain_text("+100.0")


def test_differences_have_their_intervals(seen: Watched, page_file: Path) -> None:
    page = seen.open(page_file)
    row = page.locator("#differences tbody tr").first
    for text in ("Recognition", "overall", "39"):
        expect(row).to_contain_text(text)
    expect(page.locator("#chart svg")).to_be_visible()


def test_each_side_says_how_its_answer_came_about(seen: Watched, tmp_path: Path) -> None:
    one, other = {"answer": "It is joy.", "thoughts": "He smiles."}, {"answer": "", "thoughts": "He frowns."}
    kept(tmp_path / "a", [record(0, 1.0, ending="whole", **one)], settings={"thoughts": "rated"})
    kept(tmp_path / "b", [record(0, 0.0, ending="cut off", **other)], settings={"thoughts": "ignored"})
    asked = [str(tmp_path / "a"), str(tmp_path / "b"), "--allow=thoughts", f"--html={tmp_path / 'out.html'}"]
    assert main(["compare", *asked]) == 0
    page = seen.open(tmp_path / "out.html", "#sample=SA/own/0")
    first, second = page.locator(".sides > div").nth(0), page.locator(".sides > div").nth(1)
    expect(first).to_contain_text("answered by mThoughts, 10 characters · rated, as reasoning before the answer")
    expect(first.locator(".badge")).to_have_count(0)
    expect(second).to_contain_text("Thoughts, 10 characters · not rated")
    expect(second.locator(".badge")).to_have_text("cut off")
    expect(second).to_contain_text("(no answer after the thoughts)")
    expect(second.locator(".thinking")).to_be_hidden()
    page.wait_for_selector("body[data-searchable]")
    page.evaluate("go({ sample: null, q: 'frowns' })")
    expect(page.locator("#listing tbody tr")).to_have_count(1)


def test_two_real_runs_stand_side_by_side(seen: Watched, endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.reply = explaining()
    asked = (
        "-q",
        "--tb=no",
        "--limit=8",
        "--extractor=rules",
        "--judge=openai:judge",
        f"--judge-base-url={endpoint.url}",
    )
    first = run(tmp_path, *asked, f"--run-dir={tmp_path / 'a'}")
    second = run(tmp_path, *asked, "--model=random", "--data=demo", f"--run-dir={tmp_path / 'b'}")
    assert main(["compare", str(first.folder), str(second.folder), f"--html={tmp_path / 'c.html'}"]) == 0
    page = seen.open(tmp_path / "c.html")
    page.locator("#listing tbody a").first.click()
    name = page.locator("#sample-title").evaluate("title => title.lastChild.data")
    for finished, side in ((first, 0), (second, 1)):
        found = next(one for one in finished.records if one["id"] == name)
        expect(page.locator(".sides > div").nth(side)).to_contain_text(found["answer"])
        expect(page.locator(".sides > div").nth(side).locator(".steps > li")).to_have_count(len(found["steps"]) + 1)
    expect(page.locator(".frames img").first).to_be_visible()
    page.keyboard.press("j")
    expect(page.locator("#sample-title")).not_to_contain_text(name)
