"""Texts that would like to be more than text, in every field of every page."""

import base64
import json
import re
import zlib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("playwright")

from playwright.sync_api import Browser, expect

from benchmark.clips.waveform import Waveform
from benchmark.fault import Fault
from benchmark.model import Message
from reports.gate.compare import compare
from reports.kept.past import PastRun
from reports.kept.record import RatedStep, Record, Shown, Spent
from reports.kept.report import Report
from reports.page.bundle import packed, shard
from reports.page.compare_page import write_compare_page
from reports.page.run_page import Contents, linked_to, write_run_page
from tests.browser import needs_chromium, watched
from tests.reports.made_runs import kept, record

ATTACKS = (
    "<script>window.harmed = 1</script>",
    "</script><script>window.harmed = 1</script>",
    "<!--<script>",
    "]]><script>window.harmed = 1</script>",
    "<img src=x onerror='window.harmed = 1'>",
    "<svg onload=window.harmed=1><animate onbegin=window.harmed=1>",
    "\"><iframe srcdoc='<script>parent.harmed=1</script>'>",
    "' onmouseover='window.harmed = 1' x='",
    "javascript:window.harmed=1",
    "${window.harmed = 1} {{constructor.constructor('window.harmed=1')()}} #{1} <%= 1 %>",
    "`);window.harmed=1;(`",
    '");window.harmed=1;//',
    "\\u003cscript\\u003ewindow.harmed=1\\u003c/script\\u003e",
    "\u2028window.harmed=1\u2029",
    "<base href=//127.0.0.1:9/><link rel=stylesheet href=//127.0.0.1:9/x.css><meta http-equiv=refresh content=0>",
    "<style>@import '//127.0.0.1:9/x.css'; * { background: url(//127.0.0.1:9/x.png) }</style>",
    "\u202egnp.exe\u202c \u200b\ufeff \x00 \x1b[31m \U0001f600 e\u0301 \ud7ff\ufffd",
    "__proto__",
    "constructor",
    "toString",
)


def hostile(number: int, text: str) -> Record:
    """A record that says it in every field that takes text."""
    step = RatedStep(text=text, rating="0/1", reason=text, votes=dict.fromkeys(ATTACKS[:3], "0/1"))
    spent = Spent(
        model=text, requests=2, input_tokens=1, output_tokens=2, seconds=1.0, cost_usd=None, left_out=(text, text)
    )
    more: dict[str, Any] = {
        "id": f"{text} {number}",
        "source": text,
        "recording": text,
        "question": text,
        "label_set": (text, "joy"),
        "targets": (text,),
        "answer": text,
        "thoughts": text,
        "steps": (step,),
        "prediction": step,
        "predicted": ("joy",),
        "audio_clue": text,
        "clip": f"../{text}",
        "waveform": Waveform(peaks="00ff", seconds=1.0),
        "frames": Shown(seconds=(0.0,), key=f"../{text}"),
        "rejected": {text: (text,), "judge": (text,)},
        "usage": {text: spent, "model": spent},
        "fault": Fault(error=text, place=text, blame=text, traceback=text),
    }
    return record(number, 0.0, **more)


def dialogue(text: str) -> tuple[Message, ...]:
    """A dialogue in which both sides say it."""
    noted = {text: text, "Change": text}
    return (
        Message(speaker="user", text=text, points=40),
        Message(speaker="assistant", text=text, thoughts=text),
        Message(speaker="user", text=text, thoughts=text, points=30, notes=noted),
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[PastRun, PastRun]:
    folder = tmp_path_factory.mktemp("hostile")
    records = [hostile(number, text) for number, text in enumerate(ATTACKS)]
    unscored = [
        record(90 + number, None, error=text, stage="judge", talk=dialogue(text)) for number, text in enumerate(ATTACKS)
    ]
    loud = " ".join(ATTACKS)
    provenance = {
        "data": {"name": loud, "fingerprint": "f", "folder": f"/nowhere/{ATTACKS[0]}"},
        "model": {"name": loud, "identity": json.dumps({"model": loud})},
        "settings": {"thoughts": "constructor"},
        "arguments": loud,
        "started": loud,
    }
    return past(folder / "a", [*records, *unscored], provenance), past(folder / "b", records, provenance)


def past(folder: Path, records: list[Record], provenance: dict[str, Any]) -> PastRun:
    """A run that no reader would let pass; what makes pages does not rely on that."""
    report = Report.model_validate_json((kept(folder, records, **provenance) / "report.json").read_bytes())
    return PastRun(path=folder, report=report, records={one.id: one for one in records})


def unharmed(browser: Browser, page: Path, ids: list[str]) -> None:
    """Opens the page and every sample, and finds the text as text and nothing done."""
    with watched(browser) as seen:
        opened = seen.open(page)
        opened.wait_for_selector("body[data-searchable]")
        for number, text in enumerate(ids):
            opened.evaluate("id => go({ sample: id })", text)
            expect(opened.locator("#sample-title")).to_be_visible()
            title = opened.locator("#sample-title").evaluate("title => title.lastChild.data")
            assert title == text, number
            for summary in opened.locator("#sample .thoughts summary").all():
                summary.click()
            assert all(map(text.startswith, opened.locator("#sample .thinking").all_text_contents())), number
            opened.locator("#sample").hover()
        opened.evaluate("go({ sample: null, q: 'harmed' })")
        expect(opened.locator("#listing tbody tr").first).to_be_visible()
        assert opened.evaluate("window.harmed") is None
        assert opened.evaluate("({}).harmed") is None
        assert opened.locator("iframe, base, link, img:not([src^='data:'])").count() == 0
        assert [url for url in seen.requests if not url.startswith(("file:", "about:", "data:"))] == []
        refused = [said for said in seen.troubles if "Failed to load resource: net::" not in said]
        assert refused == []


@needs_chromium
def test_the_page_of_a_run_shows_them_as_text(runs: tuple[PastRun, PastRun], browser: Browser) -> None:
    run, _ = runs
    records = list(run.records.values())
    contents = Contents(report=run.report, records=records, counted=records, error=0.05, linked=linked_to(run.report))
    write_run_page(run.path, contents)
    unharmed(browser, run.path / "report.html", [one.id for one in records])


@needs_chromium
def test_the_page_of_two_runs_shows_them_as_text(runs: tuple[PastRun, PastRun], browser: Browser) -> None:
    first, second = runs
    page = first.path.parent / "compare.html"
    write_compare_page(page, first, second, compare(first, second))
    unharmed(browser, page, sorted(second.records))


@given(st.text() | st.sampled_from(ATTACKS))
def test_no_data_leave_their_script(text: str) -> None:
    kept_record = json.dumps({"answer": text})
    found = re.fullmatch(r'mmeShard\("records-000","([A-Za-z0-9+/=]*)"\);\n', shard("records-000", [kept_record]))
    assert found
    assert json.loads(zlib.decompress(base64.b64decode(found[1]))) == [{"answer": text}]


@given(st.dictionaries(st.text(), st.text() | st.sampled_from(ATTACKS)))
def test_no_data_leave_the_page(data: dict[str, str]) -> None:
    assert re.fullmatch(r"[A-Za-z0-9+/=]*", packed(data))
    assert json.loads(zlib.decompress(base64.b64decode(packed(data)))) == data


def test_scripts_make_nothing_of_markup() -> None:
    """What turns text into markup or code is not used; Preact and Plot make nodes."""
    forbidden = r"[iI]nnerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function"
    scripts = [script for script in files("reports.page").iterdir() if script.name.endswith(".js")]
    assert len(scripts) == 10
    for script in scripts:
        assert not re.search(forbidden, script.read_text("utf-8")), script
