"""The page of a run whose data are others than expected: other measures, and a record that lacks something."""

import base64
import json
import re
import zlib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Browser, expect

from reports.kept.past import read_past
from reports.kept.report import Report
from reports.page.bundle import packed
from reports.page.run_page import Contents, Linked, write_run_page
from tests.browser import needs_chromium, watched
from tests.evaluators.metrics.test_sage import record as talk_record
from tests.evaluators.metrics.test_sage import talk_of
from tests.reports.made_runs import kept, run_of
from tests.tasks import MEASURE, TASKS

NAMED = "uar"


def page_data(file: Path, change: dict[str, Any] | None = None) -> dict[str, Any]:
    """The data of a page, which are changed on disk if others are given."""
    text = file.read_text("utf-8")
    found = re.search(r'(?<=id="page-data">)[^<]*', text)
    assert found
    if change is not None:
        file.write_text(text.replace(found[0], packed(change)), "utf-8")
    data: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(found[0])))
    return data


def measured_otherwise(data: dict[str, Any]) -> dict[str, Any]:
    """The same run with one unbounded measure, from -40 to 140 percent, which the first sample lacks."""

    def scores(of: dict[str, Any], value: float) -> dict[str, Any]:
        kept = {name: one for name, one in of.items() if name not in MEASURE}
        return {**kept, NAMED: value, "intervals": {NAMED: [value - 0.1, value + 0.1]}}

    report = data["report"]
    report["overall"] = scores(report["overall"], -0.234)
    report["tasks"] = {name: scores(one, 1.234) for name, one in report["tasks"].items()}
    for kind in ("sources", "labels"):
        report[kind] = {
            task: {name: scores(one, 0.5) for name, one in group.items()} for task, group in report[kind].items()
        }
    report["macro"], report["macro_intervals"] = {NAMED: 1.234}, {NAMED: [1.1, 1.3]}
    report["published"], report["floors"] = {}, {}
    count = len(data["index"]["id"])
    data["index"]["scores"] = {NAMED: [None, *(1.4 - 1.8 * at / (count - 2) for at in range(count - 1))]}
    data["index"]["columns"]["tokens"] = [10 * at for at in range(count)]
    data["measures"] = [{"name": NAMED, "title": "Average recall", "short": "UAR", "bounded": False, "mix": None}]
    return {**data, "mixed_intervals": {}}


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    run = read_past(kept(tmp_path / "run", run_of(12, 9)))
    records = list(run.records.values())
    contents = Contents(report=run.report, records=records, counted=records, error=0.05, linked=Linked())
    write_run_page(run.path, contents)
    return run.path / "report.html"


@needs_chromium
def test_a_dialogue_is_shown_with_its_points(browser: Browser, tmp_path: Path) -> None:
    records = [talk_record(0, talk_of(40, 35, 45, changes=[-5, 10]))]
    folder = kept(tmp_path / "run", records, suite="sage")
    report = Report.model_validate_json((folder / "report.json").read_bytes())
    contents = Contents(report=report, records=records, counted=records, error=0.05, linked=Linked())
    write_run_page(folder, contents)
    with watched(browser) as seen:
        page = seen.open(folder / "report.html")
        expect(page.get_by_role("heading", name="Confusion", exact=True)).to_have_count(0)
        page.evaluate("go({ sample: 's/0' })")
        expect(page.get_by_label("The user's points after each message: 40, 35, 45")).to_be_visible()
        expect(page.locator(".talk li")).to_have_count(5)
        expect(page.locator(".talk li").nth(2)).to_contain_text("User, played by the judge · 35 points")
        page.locator(".talk summary").first.click()
        expect(page.locator(".talk .reason").first).to_have_text("Change: -5")
        assert seen.troubles == []


@needs_chromium
def test_other_measures_are_shown_by_their_names_and_values(browser: Browser, page_file: Path) -> None:
    page_data(page_file, measured_otherwise(page_data(page_file)))
    with watched(browser) as seen:
        page = seen.open(page_file)
        expect(page.locator(".tile")).to_have_count(1)
        for text in ("Average recall", "-23.4", "95 %: -33.4 – -13.4", "mean of tasks 123.4"):
            expect(page.locator(".tile")).to_contain_text(text)
        for place in ("#weight", "#published"):
            expect(page.locator(place)).to_be_hidden()
        row = page.locator("#task-table tbody tr").first
        expect(row).to_contain_text("123.4 113.4–133.4")
        bars = page.locator("#task-table .bar")
        ends = bars.evaluate_all("bars => bars.map((bar) => Number(bar.style.getPropertyValue('--value')))")
        assert all(0 <= end <= 1 for end in ends)
        assert ends[0] > ends[1]
        ticks = page.locator("#lengths svg [aria-label='y-axis tick label'] text").all_text_contents()
        assert ticks[0].startswith("−")
        assert int(ticks[-1]) > 100
        expect(page.locator("#lengths figure")).to_have_count(1)
        page.get_by_role("button", name="UAR").click()
        cells = page.locator("#listing tbody tr").locator("td:nth-child(7)")
        expect(cells.first).to_have_text("-40.0")
        expect(cells.last).to_have_text("–")
        page.locator("#listing tbody a").first.click()
        expect(page.locator("#sample .scores")).to_have_text("Average recall–")
        assert seen.troubles == []


def test_no_script_spells_a_measure_or_a_task() -> None:
    words = re.compile(rf"\b({'|'.join({*MEASURE, *(one.title for one in MEASURE.values()), *TASKS})})\b")
    prose = "rated, as reasoning before the answer"  # of thoughts, whatever is measured
    for file in files("reports.page").iterdir():
        if file.name.endswith((".js", "run.html", "compare.html", "frame.html")):
            assert not words.findall(file.read_text("utf-8").replace(prose, "")), file


@needs_chromium
def test_a_sample_that_cannot_be_shown_says_so_and_the_next_is_shown(browser: Browser, page_file: Path) -> None:
    with watched(browser) as seen:
        page = seen.open(page_file)
        page.evaluate("app.shards.shard(0).then(([first]) => { delete first.rejected; go({ sample: first.id }); })")
        expect(page.locator("#sample .banner")).to_contain_text("Keep the page and its folder together.")
        page.keyboard.press("j")
        expect(page.locator("#sample .steps")).to_be_visible()
        expect(page.locator("#sample .banner")).to_have_count(0)
        assert seen.troubles == []


@needs_chromium
def test_a_headline_that_no_single_sample_has_hides_no_other_measure(browser: Browser, page_file: Path) -> None:
    data = page_data(page_file)
    (bounded, *_) = data["measures"]
    data["measures"] = [{**bounded, "name": NAMED, "title": "Average recall", "bounded": False}, bounded]
    count = len(data["index"]["id"])
    data["index"]["scores"] = {NAMED: [None] * count, bounded["name"]: data["index"]["scores"][bounded["name"]]}
    data["index"]["columns"]["tokens"] = [10 * at for at in range(count)]
    page_data(page_file, {**data, "mixed_intervals": {}})
    with watched(browser) as seen:
        page = seen.open(page_file)
        expect(page.locator("#lengths figure")).to_have_count(1)
        expect(page.locator("#lengths figure svg")).to_have_attribute(
            "aria-label", re.compile(f"^{bounded['title']} by length")
        )
        assert seen.troubles == []


@needs_chromium
def test_reference_texts_are_no_labels_by_which_samples_are_grouped(browser: Browser, page_file: Path) -> None:
    data = page_data(page_file)
    data["tasks"] = {name: {**task, "reference": True} for name, task in data["tasks"].items()}
    data["report"]["labels"] = {name: {} for name in data["tasks"]}
    page_data(page_file, data)
    with watched(browser) as seen:
        page = seen.open(page_file)
        expect(page.locator("#detail h4")).to_have_text(["By source"])
        assert page.locator("select[name=label] option").count() == 1, "all of them"
        expect(page.locator("#failures tbody tr").first).to_contain_text(" · ")
        expect(page.locator("#failures tbody")).not_to_contain_text("·  ·")
        assert seen.troubles == []


@needs_chromium
def test_a_question_about_a_text_is_shown_with_its_lines_and_without_a_clip(browser: Browser, page_file: Path) -> None:
    with watched(browser) as seen:
        page = seen.open(page_file)
        change = (
            "{ Object.assign(first, { has_clip: false, question: 'Why?\\n\\nA text' }); go({ sample: first.id }); }"
        )
        page.evaluate(f"app.shards.shard(0).then(([first]) => {change})")
        expect(page.locator("#sample")).to_contain_text("No clip: this question is about a text.")
        expect(page.locator("#sample video")).to_have_count(0)
        assert page.locator("#sample p.said", has_text="A text").inner_text() == "Why?\n\nA text"
        page.keyboard.press("j")
        expect(page.locator("#sample video")).to_have_count(1)
        assert seen.troubles == []
