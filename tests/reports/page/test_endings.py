"""What the page of a run says of how its answers came about: who gave them, their thoughts, their ends."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Browser, expect

from reports.figures.report import report_of
from reports.kept.record import Spent
from reports.kept.report import Background
from reports.page.run_page import Contents, Linked, write_run_page
from tests.browser import Watched, needs_chromium, watched
from tests.integration.runs import ROOT, environment
from tests.reports.made_runs import PROVENANCE, kept, record, run_of

pytestmark = needs_chromium
FAINT = Path(__file__).with_name("contrast.js").read_text("utf-8")
LATER = ("thoughts", "ending", "refused", "cached_tokens", "audio_tokens", "thought_tokens", "left_out")
"""What the first schema had not."""


@pytest.fixture
def seen(browser: Browser) -> Iterator[Watched]:
    with watched(browser) as page:
        yield page
        assert page.troubles == []


def answered(folder: Path, *others: str) -> Path:
    """The page of a run whose answers end in every way; these names stand beside the model asked for."""

    def by(name: str | None) -> dict[str, Spent]:
        spent = Spent(
            model=name,
            requests=1,
            input_tokens=1000,
            cached_tokens=200,
            audio_tokens=300,
            output_tokens=2100,
            thought_tokens=2080,
            seconds=1.0,
            cost_usd=0.01,
            left_out=("temperature", "seed"),
        )
        return {"model": spent, "judge": spent.model_copy(update={"thought_tokens": None, "left_out": ()})}

    own = by("gpt-x-2026-11-01")
    records = [
        record(0, 1.0, answer="It is joy.", ending="whole", thoughts="A smile, " * 150, usage=own),
        record(1, 0.0, answer="", ending="cut off", thoughts="A frown.", usage=own),
        record(2, 0.0, answer="The man", ending="filtered", usage=own),
        record(3, 0.0, answer="I had rather not say.", ending="whole", refused=True, usage=own),
        record(4, 1.0, answer="Joy.", usage=by(None)),
        record(5, None),
        *(record(6 + at, 0.0, answer="Fear.", ending="whole", usage=by(name)) for at, name in enumerate(others)),
    ]
    background = Background(
        model="gpt-x",
        provenance={
            **PROVENANCE,
            "model": {"name": "gpt-x", "identity": json.dumps({"model": "gpt-x"})},
            "settings": {"thoughts": "rated"},
        },
        incomparable=(),
        selected=len(records),
        floors={"SA": 0.4},
        published={"SA": 0.5, "overall": 0.5},
    )
    report = report_of(records, background)
    contents = Contents(report=report, records=records, counted=records, error=0.05, linked=Linked())
    write_run_page(folder, contents)
    return folder / "report.html"


@pytest.fixture(scope="module")
def substituted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return answered(tmp_path_factory.mktemp("substituted"), "gpt-x-mini")


def test_the_top_counts_how_answers_ended_and_leads_to_them(seen: Watched, substituted: Path) -> None:
    page = seen.open(substituted)
    counts = "Answers2 whole, 1 cut off, 1 filtered, 1 refused, 1 of unknown ending"
    expect(page.locator("#facts")).to_contain_text(counts)
    for words, place in (("1 cut off", 1), ("1 refused", 3), ("1 of unknown ending", 4)):
        page.locator("#facts a", has_text=words).click()
        expect(page.locator("#listing tbody a")).to_have_text([f"SA/own/{place}"])
    page.locator("select[name=ending]").select_option("filtered")
    expect(page.locator("#listing tbody a")).to_have_text(["SA/own/2"])
    page.locator("#facts a").first.click()
    expect(page.locator("select[name=ending]")).to_have_value("")


def test_thoughts_stand_folded_before_the_answer_and_are_searched(seen: Watched, substituted: Path) -> None:
    page = seen.open(substituted, "#sample=SA/own/0")
    sample = page.locator("#sample")
    expect(sample.locator(".thinking")).to_be_hidden()
    expect(sample.locator(".thoughts + .answer")).to_have_text("It is joy.")
    summary = sample.get_by_text("Thoughts, 1,350 characters · rated, as reasoning before the answer")
    summary.click()
    expect(sample.locator(".thinking")).to_be_visible()
    page.wait_for_selector("body[data-searchable]")
    page.evaluate("""go({ sample: null, q: '"a frown"' })""")
    expect(page.locator("#listing tbody a")).to_have_text(["SA/own/1"])
    page.locator("#listing tbody a").click()
    expect(sample).to_contain_text("(no answer after the thoughts)")


def test_a_sample_says_how_its_answer_ended_and_what_it_took(seen: Watched, substituted: Path) -> None:
    badges = [[], ["cut off"], ["filtered"], ["a refusal: Reasoning is 0"], ["ending unknown"], []]
    for place, words in enumerate(badges):
        page = seen.open(substituted, f"#sample=SA/own/{place}")
        expect(page.locator("#sample-title")).to_contain_text(f"SA/own/{place}")
        expect(page.locator("#sample .badge")).to_have_text(words)
    expect(page.locator("#sample")).to_contain_text("There is no answer.")
    page = seen.open(substituted, "#sample=SA/own/4")
    expect(page.locator("#sample")).to_contain_text("answered by an unknown model")
    page = seen.open(substituted, "#sample=SA/own/0")
    usage = page.locator("article > section", has=page.get_by_role("heading", name="Tokens, time, cost"))
    expect(usage.locator("tbody tr").nth(0)).to_contain_text("1,000 (200 cached, 300 sound)2,100 (2,080 thoughts)")
    expect(usage.locator("tbody tr").nth(1)).to_contain_text("2,1001.00 s")
    expect(usage.locator(".note")).to_have_text(
        ["Model: the server refuses temperature, seed, so the run stopped sending it."]
    )


def test_another_model_is_named_and_has_no_rank(seen: Watched, substituted: Path) -> None:
    page = seen.open(substituted)
    expect(page.locator("#banners")).to_contain_text("ANOTHER MODEL: gpt-x-mini has answered in place of gpt-x")
    expect(page.locator("#published-chart")).to_contain_text("This run is not comparable")
    expect(page.locator("#published-chart")).not_to_contain_text("Rank")
    expect(page.locator("#task-table")).not_to_contain_text("Published")
    names = "gpt-x; answered by gpt-x-2026-11-01 or an unknown model or gpt-x-mini"
    expect(page.locator(".origin")).to_contain_text(names)
    page = seen.open(substituted, "#sample=SA/own/0")
    expect(page.locator("#sample .how")).to_have_text("answered by gpt-x-2026-11-01")
    page = seen.open(substituted, "#sample=SA/own/6")
    expect(page.locator("#sample .badge")).to_have_text("⚠ answered by gpt-x-mini instead of gpt-x")


def test_the_model_asked_for_has_a_rank_and_each_of_two_snapshots_a_mark(seen: Watched, tmp_path: Path) -> None:
    page = seen.open(answered(tmp_path / "own"))
    expect(page.locator("#banners")).not_to_contain_text("ANOTHER MODEL")
    expect(page.locator("#published-chart")).to_contain_text("Rank")
    expect(page.locator("#task-table")).to_contain_text("Published")
    two = answered(tmp_path / "two", "gpt-x-2026-12-01")
    for place in (0, 6):
        page = seen.open(two, f"#sample=SA/own/{place}")
        expect(page.locator("#sample .badge")).to_contain_text("⚠ answered by gpt-x-2026-1")


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")])
def test_what_is_said_of_an_answer_fits_and_is_legible(
    browser: Browser, substituted: Path, width: int, scheme: str
) -> None:
    with watched(browser, width, 844, scheme) as seen:
        for place in (0, 1, 2, 3, 4, 6):
            page = seen.open(substituted, f"#sample=SA/own/{place}")
            page.wait_for_selector("#sample .how")
            page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(FAINT) == []


def test_a_run_of_the_first_schema_is_viewed(seen: Watched, tmp_path: Path) -> None:
    folder = kept(tmp_path / "run", [one.model_copy(update={"answer": "Joy."}) for one in run_of(4, 4)])
    lines = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    report = json.loads((folder / "report.json").read_text()) | {"schema_version": 1}
    for place in (*lines, *(spent for one in (*lines, report) for spent in one["usage"].values())):
        for name in LATER:
            place.pop(name, None)
    del report["endings"], report["substitutes"]
    (folder / "report.json").write_text(json.dumps(report))
    (folder / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    program = [sys.executable, "-m", "reports.cli", "view", str(folder)]
    subprocess.run(program, cwd=ROOT, env=environment(BROWSER="true %s"), check=True, capture_output=True, timeout=60)
    page = seen.open(folder / "report.html")
    expect(page.locator("#facts")).to_contain_text("✓ right4")
    expect(page.locator("#facts")).not_to_contain_text("Answers")
    expect(page.locator("select[name=ending]")).to_have_count(0)
    page.locator("#listing tbody a").first.click()
    expect(page.locator("#sample .how")).to_have_text("ending unknownanswered by m")
    expect(page.locator("#sample .thoughts")).to_have_count(0)
