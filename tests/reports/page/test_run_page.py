"""The page of a run, in a real browser without a network."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Browser, Page, expect

from tests.browser import Watched, needs_chromium, watched
from tests.endpoint import Endpoint
from tests.integration.runs import ROOT, Finished, run
from tests.reports.page.judging import REASON, REFUSED, explaining

pytestmark = needs_chromium
JUDGED = ("--extractor=rules", "--judge=openai:judge")


@pytest.fixture(scope="module")
def judge() -> Iterator[Endpoint]:
    server = Endpoint()
    server.reply = explaining()
    yield server
    server.close()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, judge: Endpoint) -> Finished:
    folder = tmp_path_factory.mktemp("run")
    done = run(folder, "-q", "--tb=no", *JUDGED, f"--judge-base-url={judge.url}", f"--html={folder / 'theirs.html'}")
    assert done.code == 1, done.output
    return done


@pytest.fixture
def seen(browser: Browser) -> Iterator[Watched]:
    with watched(browser) as page:
        yield page
        assert page.troubles == []


def shown(value: float) -> str:
    return f"{100 * value:.1f}"


def judged(finished: Finished) -> dict[str, Any]:
    """The first record, by id, that has a score: now and then the judge refuses once too often."""
    return min((record for record in finished.records if record["frames"]), key=lambda record: record["id"])


def open_sample(seen: Watched, finished: Finished, record: dict[str, Any]) -> Page:
    return seen.open(finished.folder / "report.html", f"#sample={quote(record['id'], safe='')}")


def test_it_opens_without_a_network_and_asks_for_nothing_but_its_own_files(seen: Watched, finished: Finished) -> None:
    page = seen.open(finished.folder / "report.html")
    page.wait_for_selector("body[data-searchable]")
    own = finished.folder.as_uri()
    assert [url for url in seen.requests if not url.startswith((own, "about:", "data:"))] == []


def test_the_top_says_what_the_run_was_and_how_it_did(seen: Watched, finished: Finished) -> None:
    page, overall = seen.open(finished.folder / "report.html"), finished.report["overall"]
    expect(page.locator("h1")).to_have_text("signal")
    expect(page.locator("#about")).to_contain_text("demo, 48 samples")
    expect(page.locator("#about")).to_contain_text("Judge judge")
    expect(page.locator("#banners")).to_contain_text("the extractor is rules")
    for at, name in enumerate(("recognition", "reasoning", "cot")):
        tile = page.locator(".tile").nth(at)
        expect(tile.locator(".big")).to_have_text(shown(overall[name]))
        expect(tile).to_contain_text(" – ".join(map(shown, overall["intervals"][name])))
    again = sum(bool(record["rejected"]) for record in finished.records)
    assert again
    expect(page.locator("#facts")).to_contain_text(f"Asked again{again} samples, ")


def test_tasks_have_scores_intervals_floors_and_a_confusion_matrix(seen: Watched, finished: Finished) -> None:
    page = seen.open(finished.folder / "report.html", "#detail=SA")
    row = page.locator("#task-table tr", has=page.locator("th", has_text=re.compile("^SA$")))
    scores = finished.report["tasks"]["SA"]
    for text in (shown(scores["recognition"]), shown(scores["cot"]), shown(finished.report["floors"]["SA"])):
        expect(row).to_contain_text(text)
    cells = [int(text) for text in page.locator(".confusion .cell a").all_inner_texts()]
    assert sum(cells) == 6
    page.locator(".confusion .diagonal a").first.click()
    expect(page.locator("#listing tbody tr").first).to_contain_text("SA/Drawn")


def test_the_weight_of_cot_changes_it_everywhere(seen: Watched, finished: Finished) -> None:
    page, overall = seen.open(finished.folder / "report.html"), finished.report["overall"]
    slider = page.locator("#alpha")
    for weight in (1.0, 0.0, 0.25):
        slider.fill(f"{weight:g}")
        mixed = weight * overall["recognition"] + (1 - weight) * overall["reasoning"]
        expect(page.locator(".tile").nth(2).locator(".big")).to_have_text(shown(mixed))
        first = min(finished.records, key=lambda record: record["id"])
        own = weight * first["recognition"] + (1 - weight) * first["reasoning"]
        expect(page.locator("#listing tbody tr").first.locator("td").nth(8)).to_have_text(shown(own))
    slider.fill("1")
    interval = " – ".join(map(shown, overall["intervals"]["recognition"]))
    expect(page.locator(".tile").nth(2)).to_contain_text(interval)
    assert "alpha=1" in page.url


def test_a_view_is_in_the_address_and_back_goes_back(seen: Watched, finished: Finished) -> None:
    page = seen.open(finished.folder / "report.html")
    page.locator("select[name=outcome]").select_option("failed")
    page.locator("select[name=task]").select_option("IR")
    wrong = [r for r in finished.records if r["task"] == "IR" and r["outcome"] == "failed"]
    expect(page.locator(".pager")).to_contain_text(f"{len(wrong)} sample")
    address = page.url.partition("#")[2]
    page.go_back()
    assert page.locator("#listing tbody tr").count() > len(wrong)
    page = seen.open(finished.folder / "report.html", f"#{address}")
    expect(page.locator("#listing tbody tr")).to_have_count(len(wrong))


def test_answers_and_steps_are_searched(seen: Watched, finished: Finished) -> None:
    page = seen.open(finished.folder / "report.html")
    page.wait_for_selector("body[data-searchable]")
    words = '"its pitch is low" fast'
    fitting = [
        r for r in finished.records if "its pitch is low" in r["answer"].lower() and "fast" in r["answer"].lower()
    ]
    assert 0 < len(fitting) < 48
    page.keyboard.press("/")
    page.keyboard.type(words)
    expect(page.locator(".pager")).to_contain_text(f"{len(fitting)} sample")
    page.locator("#search").fill("there is no such word")
    expect(page.locator("#listing")).to_contain_text("No sample matches.")


def test_columns_sort(seen: Watched, finished: Finished) -> None:
    page = seen.open(finished.folder / "report.html")
    page.get_by_role("button", name="Reason.").click()
    reasoning = [record["reasoning"] for record in finished.records if record["reasoning"] is not None]
    lowest, highest = min(reasoning), max(reasoning)
    expect(page.locator("#listing tbody tr").first.locator("td").nth(7)).to_have_text(shown(lowest))
    page.get_by_role("button", name="Reason.").click()
    expect(page.locator("#listing tbody tr").first.locator("td").nth(7)).to_have_text(shown(highest))
    expect(page.locator("#listing th").nth(7)).to_have_attribute("aria-sort", "descending")


def test_a_sample_shows_all_that_was_seen_said_and_judged(seen: Watched, finished: Finished) -> None:
    record = next(record for record in finished.records if record["rejected"] and record["outcome"] == "failed")
    page = open_sample(seen, finished, record)
    sample = page.locator("#sample")
    expect(sample.locator("h2")).to_contain_text(record["id"])
    expect(sample.locator(".frames img")).to_have_count(len(record["frames"]["seconds"]))
    assert sample.locator(".frames img").evaluate_all("pictures => pictures.every((one) => one.naturalWidth > 0)")
    for second in record["frames"]["seconds"]:
        expect(sample.locator(".frames")).to_contain_text(f"{second:.1f} s")
    expect(sample.locator(".steps > li")).to_have_count(len(record["steps"]) + 1)
    expect(sample.locator(".steps")).to_contain_text(REASON)
    for text in (record["question"], record["answer"], record["audio_clue"], REFUSED, record["targets"][0]):
        expect(sample).to_contain_text(text)
    expect(sample.locator(".waveform")).to_be_visible()
    expect(sample.locator(".waveform .seen")).to_have_count(len(record["frames"]["seconds"]))


def test_the_frames_are_those_that_the_judge_was_sent(seen: Watched, finished: Finished, judge: Endpoint) -> None:
    record = judged(finished)
    page = open_sample(seen, finished, record)
    page.wait_for_selector(".frames img")
    pictures = page.locator(".frames img").evaluate_all("pictures => pictures.map((one) => one.src)")
    sent = [[part["url"] for part in request.parts("image_url")] for request in judge.asked("judge")]
    assert pictures in sent


def test_the_clip_plays_and_a_frame_leads_to_its_time(seen: Watched, finished: Finished) -> None:
    page = open_sample(seen, finished, judged(finished))
    video = page.locator("#sample video")
    video.evaluate("video => video.readyState || new Promise((go) => video.addEventListener('loadedmetadata', go))")
    page.locator(".frames .time").nth(1).click()
    assert video.evaluate("video => video.currentTime") == pytest.approx(1.0, abs=0.05)
    page.locator("#sample-title").focus()
    page.keyboard.press(" ")
    played = "video => new Promise((go) => video.addEventListener('timeupdate', () => video.currentTime > 1.1 && go()))"
    video.evaluate(played)
    page.keyboard.press(" ")
    assert video.evaluate("video => video.paused")


def test_the_keyboard_goes_through_the_samples_chosen(seen: Watched, finished: Finished) -> None:
    page = seen.open(finished.folder / "report.html", "#task=SA")
    ids = page.locator("#listing tbody a").all_inner_texts()
    page.locator("#listing tbody a").first.focus()
    page.keyboard.press("Enter")
    for press, at in (("j", 1), ("ArrowRight", 2), ("k", 1)):
        page.keyboard.press(press)
        expect(page.locator("#sample-title")).to_contain_text(ids[at])
    page.keyboard.press("Escape")
    expect(page.locator("#sample")).to_be_hidden()
    expect(page.locator("#listing tbody tr")).to_have_count(6)


def test_a_frame_is_enlarged_and_closed_again(seen: Watched, finished: Finished) -> None:
    page = open_sample(seen, finished, judged(finished))
    page.get_by_role("button", name="Enlarge the frame at 0.0 seconds").click()
    expect(page.locator("dialog img")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator("#sample")).to_be_visible()


def test_its_command_runs_the_case_again(seen: Watched, finished: Finished, tmp_path: Path) -> None:
    record = next(record for record in finished.records if record["outcome"] == "failed")
    page = open_sample(seen, finished, record)
    program, *arguments = shlex.split(page.locator(".command code").inner_text())
    assert program == "pytest"
    assert str(ROOT) not in " ".join(arguments)
    again = run(tmp_path, *arguments, "-q", "--tb=no")
    assert [(one["id"], one["outcome"]) for one in again.records] == [(record["id"], "failed")], again.output


def test_failures_are_grouped_and_lead_to_their_samples(seen: Watched, finished: Finished) -> None:
    page = seen.open(finished.folder / "report.html")
    rows = page.locator("#failures tbody tr")
    wrong = int(rows.first.locator("td").nth(0).inner_text())
    rows.first.locator("a").click()
    expect(page.locator("#listing tbody tr")).to_have_count(wrong)


def test_published_models_stand_beside_the_run_and_doubtful_cells_are_named(seen: Watched, finished: Finished) -> None:
    page = seen.open(finished.folder / "report.html", "#place=FG-ER&score=reasoning")
    chart = page.locator("#published-chart")
    expect(chart).to_contain_text("Gemini-2.5-Pro")
    expect(chart).to_contain_text("Video-LLaMA: Reasoning is printed as 4.3, its other figures imply 35.0.")
    expect(chart).to_contain_text("This run is not comparable")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark"), (390, "light")])
def test_nothing_hangs_over_the_edge(browser: Browser, finished: Finished, width: int, scheme: str) -> None:
    with watched(browser, width, 844, scheme) as seen:
        page = seen.open(finished.folder / "report.html")
        for address in ("", f"#sample={quote(judged(finished)['id'], safe='')}"):
            page = seen.open(finished.folder / "report.html", address)
            page.wait_for_selector("#listing tbody tr" if not address else ".frames img")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert seen.troubles == []


def test_every_control_has_a_name_and_colours_have_contrast(browser: Browser, finished: Finished) -> None:
    nameless = """() => [...document.querySelectorAll('button, a, input, select, video, svg[role=img]')]
        .filter((one) => one.checkVisibility())
        .filter((one) => !(one.ariaLabel || one.labels?.length || one.textContent.trim())).length"""
    faint = Path(__file__).with_name("contrast.js").read_text("utf-8")
    for scheme in ("light", "dark"):
        with watched(browser, scheme=scheme) as seen:
            for address in ("", f"#sample={quote(judged(finished)['id'], safe='')}"):
                page = seen.open(finished.folder / "report.html", address)
                page.wait_for_selector("#listing tbody tr" if not address else ".frames img")
                assert page.evaluate(nameless) == 0
                assert page.evaluate(faint) == []


def test_without_its_folder_it_says_what_is_missing(browser: Browser, finished: Finished, tmp_path: Path) -> None:
    alone = tmp_path / "report.html"
    alone.write_bytes((finished.folder / "report.html").read_bytes())
    with watched(browser) as seen:
        page = seen.open(alone, f"#sample={quote(judged(finished)['id'], safe='')}")
        expect(page.locator("#sample")).to_contain_text("Keep the page and its folder together")
        page = seen.open(alone)
        expect(page.locator("#search-note")).to_contain_text("cannot be searched")
        expect(page.locator("#task-table tbody tr")).to_have_count(10)


def test_pytest_html_lists_failures_with_scores_and_leads_here(seen: Watched, finished: Finished) -> None:
    page = seen.page
    page.goto((finished.folder.parent / "theirs.html").as_uri())
    wrong = sum(record["outcome"] != "passed" for record in finished.records)
    expect(page.locator(".results-table-row")).to_have_count(wrong)
    heads = page.locator("#results-table-head th").all_inner_texts()
    assert [
        head for head in heads if head in ("Task", "Label", "Prediction", "Recognition", "Reasoning", "CoT")
    ] == heads[2:8]
    expect(page.locator("body")).to_contain_text(f"{48 - wrong} Passed")
    expect(page.locator("body")).to_contain_text("Scores in percent")
    page.locator(".results-table-row .col-links a").first.click()
    expect(page.locator("#sample-title")).to_contain_text("/Drawn/")


def test_no_file_of_the_run_names_a_place_beyond_the_data(finished: Finished) -> None:
    data = str(ROOT / "benchmark" / "demo" / "clips")
    secrets = (str(finished.folder.parent), str(Path.home() / ".cache"), str(ROOT))
    for file in finished.folder.rglob("*"):
        text = file.read_text("utf-8").replace(data, "") if file.is_file() else ""
        assert [secret for secret in secrets if secret in text] == [], file
    page = json.dumps(finished.report["provenance"]).replace(data, "")
    assert not any(secret in page for secret in secrets)


def test_a_link_to_samples_forgets_what_was_asked_before(seen: Watched, finished: Finished) -> None:
    page = open_sample(seen, finished, judged(finished))
    page.get_by_role("button", name="✕ Close").click()
    page.locator("select[name=task]").select_option("IR")
    page.locator("#facts a").nth(1).click()
    wrong = sum(record["outcome"] == "failed" for record in finished.records)
    expect(page.locator("#sample")).to_be_hidden()
    expect(page.locator("#listing tbody tr")).to_have_count(wrong)


def test_copied_clips_play_wherever_the_run_is_taken(seen: Watched, tmp_path: Path) -> None:
    done = run(tmp_path, "-q", "--tb=no", "--limit=8", "--report-media")
    moved = done.folder.rename(tmp_path / "elsewhere")
    page = seen.open(moved / "report.html", f"#sample={quote(done_id(moved), safe='')}")
    video = page.locator("#sample video")
    video.evaluate("video => video.readyState || new Promise((go) => video.addEventListener('loadedmetadata', go))")
    assert video.evaluate("video => video.src").startswith((moved / "report" / "clips").as_uri())
    assert video.evaluate("video => video.duration") > 1


def done_id(folder: Path) -> str:
    first: str = json.loads((folder / "samples.jsonl").read_text().splitlines()[0])["id"]
    return first


def test_a_run_that_was_not_begun_has_a_page_too(seen: Watched, tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text("[min.overall]\nrecognition = 0.1\n")
    done = run(tmp_path, "-q", "--tb=no", f"--gate={tmp_path / 'gate.toml'}")
    assert done.code == 7, done.output
    page = seen.open(done.folder / "report.html")
    expect(page.locator("#gate")).to_contain_text("UNTRUSTED")
    expect(page.locator("#gate")).to_contain_text("sensitivity")
    expect(page.locator("#failures")).to_contain_text("No sample was run.")


def test_a_selection_by_name_has_the_floors_of_its_tasks(tmp_path: Path) -> None:
    done = run(tmp_path, "-q", "--tb=no", "-k", "ER_Lab_01 or IR_02")
    assert done.report["selected"] == 2
    assert done.report["floors"] == dict.fromkeys(("ER-Lab", "IR", "overall"), pytest.approx(1 / 6))


def test_a_run_that_stopped_early_counts_what_its_figures_count(seen: Watched, judge: Endpoint, tmp_path: Path) -> None:
    judge_limits = "[judge]\nsensitivity = 0\nspecificity = 0\nlabels = 0\nresistance = 0\n"
    lax = f"coverage = 0.5\n{judge_limits}[min.overall]\nreasoning = 0.05\n"
    (tmp_path / "gate.toml").write_text(lax)
    clip = next((ROOT / "benchmark" / "demo").rglob("*.mp4"))
    asks = {"video": str(clip), "label": "happy", "task": "SA"}
    rows = [{**asks, "id": f"s{n}", "recording": f"r{n}", "label_set": ["happy", f"{n}"]} for n in range(600)]
    (tmp_path / "own.jsonl").write_text("\n".join(map(json.dumps, rows)))
    data = f"--data={tmp_path / 'own.jsonl'}"
    asked = (data, "--model=openai:m", f"--base-url={judge.url}", *JUDGED, f"--gate={tmp_path / 'gate.toml'}")
    done = run(tmp_path, "-q", "--tb=no", *asked, "--until-decided")
    assert done.code == 0, done.output
    stopping = done.report["gate"]["stopping"]
    page = seen.open(done.folder / "report.html")
    expect(page.locator("#facts")).to_contain_text(f"of {stopping['samples']} scored, stopped early of 600")
    right = done.report["overall"]["samples"] - done.report["overall"]["unscored"]
    shown = [int(page.locator("#facts a").nth(at).inner_text()) for at in (0, 1)]
    assert sum(shown) == right
    page.locator("#facts a").nth(1).click()
    expect(page.locator(".pager")).to_contain_text(f"{shown[1]} sample")


def test_the_keyboard_stays_where_it_was(seen: Watched, finished: Finished) -> None:
    page = seen.open(finished.folder / "report.html")
    focused = "document.activeElement.name || document.activeElement.textContent"
    page.locator("select[name=task]").focus()
    page.keyboard.press("I")
    expect(page.locator("#listing tbody tr")).to_have_count(6)
    assert page.evaluate(focused) == "task"
    page.get_by_role("button", name="Reason.").focus()
    page.keyboard.press("Enter")
    assert page.evaluate(focused) == "Reason. ▲"


def test_closing_a_sample_goes_back_to_where_it_was_opened(seen: Watched, finished: Finished) -> None:
    page = seen.open(finished.folder / "report.html")
    page.locator("#listing tbody a").nth(30).scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    assert before > 1000
    page.locator("#listing tbody a").nth(30).click()
    page.wait_for_selector("#sample-title")
    page.keyboard.press("Escape")
    assert page.evaluate("scrollY") == before


def test_an_address_that_makes_no_sense_shows_the_usual(seen: Watched, finished: Finished) -> None:
    page = seen.open(finished.folder / "report.html", "#place=Nope&score=bogus&detail=constructor&alpha=9&label=nobody")
    expect(page.locator("#published-chart svg")).to_be_visible()
    expect(page.locator(".confusion")).to_be_visible()
    expect(page.locator("select[name=label]")).to_have_value("nobody")
    expect(page.locator("#listing")).to_contain_text("No sample matches.")


def test_a_damaged_shard_is_named(browser: Browser, finished: Finished, tmp_path: Path) -> None:
    for source in ("report.html", "report/records-000.js"):
        (tmp_path / source).parent.mkdir(exist_ok=True)
        content = (finished.folder / source).read_bytes()
        (tmp_path / source).write_bytes(content if source.endswith("html") else content[: len(content) // 2])
    with watched(browser) as seen:
        page = seen.open(tmp_path / "report.html", f"#sample={quote(judged(finished)['id'], safe='')}")
        expect(page.locator("#sample")).to_contain_text("report/records-000.js is damaged.")
        expect(page.locator("#search-note")).to_contain_text("cannot be searched")
