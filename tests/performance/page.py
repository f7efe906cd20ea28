"""How fast the page of 6,500 samples is written, opened, searched, and how large it is.

Texts are as long as those of models that think aloud, and no two alike: answers of some 1,500 characters, six steps
with a reason each.
"""

import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from playwright.sync_api import Page

from benchmark.clips.waveform import Waveform
from reports.kept.past import read_past
from reports.kept.record import RatedStep, Record
from reports.page.run_page import Contents, linked_to, write_run_page
from tests.browser import browsing, watched
from tests.performance.harness import process
from tests.reports.made_runs import kept, record
from tests.tasks import TASKS

SAMPLES = 6500
WORDS = [f"{head}{tail}" for head in ("bro", "li", "ga", "sne", "tor", "mi", "pal", "ru") for tail in
         ("ws", "ps", "ze", "er", "n", "ld", "ken", "th", "ve", "st", "ring", "le", "m", "ck", "nd")]  # fmt: skip


def made(number: int, dice: random.Random) -> Record:
    def said(words: int) -> str:
        return " ".join(dice.choices(WORDS, k=words))

    task = list(TASKS)[number % len(TASKS)]
    right = float(dice.random() < 0.4)
    steps = tuple(RatedStep(text=said(30), rating="1/1", reason=said(15)) for _ in range(6))
    more = {
        "answer": said(280),
        "steps": steps,
        "reasoning": 1.0,
        "cot": (1 + right) / 2,
        "audio_clue": said(60),
        "recording": f"{task}/{number // 5}",
    }
    wave = Waveform(peaks=dice.randbytes(240).hex(), seconds=5.0)
    return record(number, right, task, **more, waveform=wave, predicted=(dice.choice(("joy", "anger", "fear")),))


def _write(folder: Path) -> None:
    run = read_past(folder)
    records = list(run.records.values())
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    contents = Contents(report=run.report, records=records, counted=records, error=0.05, linked=linked_to(run.report))
    write_run_page(folder, contents)
    print(time.monotonic() - started, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


def page() -> Iterator[tuple[str, str, str]]:
    """The page of a full run."""
    with tempfile.TemporaryDirectory() as name:
        folder, dice = Path(name) / "run", random.Random(0)
        kept(folder, [made(number, dice) for number in range(SAMPLES)])
        seconds, memory = process([sys.executable, "-m", "tests.performance.page", str(folder)]).output.split()
        size = sum(path.stat().st_size for path in (folder / "report.html", *(folder / "report").iterdir()))
        yield "page of 6,500 samples: written in", f"{float(seconds):.1f} s", "≤ 5 s"
        yield "its memory beyond the run's", f"{float(memory):.0f} MB", "≤ 300 MB"
        yield "its files, without media", f"{size / 1e6:.1f} MB", "≤ 25 MB"
        yield from _browsed(folder / "report.html")


def _browsed(file: Path) -> Iterator[tuple[str, str, str]]:
    with browsing() as browser, watched(browser) as seen:
        blank, started = _memory(""), time.monotonic()
        opened = seen.open(file)
        yield "first view in headless Chromium", f"{time.monotonic() - started:.2f} s", "≤ 1.5 s"
        yield "memory (PSS) of the page's process then", f"{_memory('--type=renderer'):.0f} MB", "≤ 400 MB"
        opened.wait_for_selector("body[data-searchable]")
        yield "until answers can be searched", f"{time.monotonic() - started:.1f} s", ""
        yield "memory of the page's process then", f"{_memory('--type=renderer'):.0f} MB", "≤ 400 MB"
        yield f"memory of all Chromium, {blank:.0f} MB of it before it shows a page", f"{_memory(''):.0f} MB", ""
        found = (_searched(opened, word) for word in WORDS[:5])
        yield "a search, the slowest of five", f"{max(found):.0f} ms", "≤ 200 ms"
        shown = (_opened(opened, place) for place in (5, 1234, 3000, 4711, 6400))
        yield "opening a sample, the slowest of five", f"{max(shown):.0f} ms", "≤ 300 ms"


def _searched(opened: Page, word: str) -> float:
    script = """words => { const started = performance.now(); go({ q: words }, { replace: true });
        document.body.offsetHeight; return performance.now() - started; }"""
    return float(opened.evaluate(script, f"{word} {WORDS[-1]}"))


def _opened(opened: Page, place: int) -> float:
    script = """place => new Promise((done) => { const started = performance.now();
        new MutationObserver((_, watcher) => { if (document.querySelector('#sample .steps')) {
            watcher.disconnect(); document.body.offsetHeight; done(performance.now() - started); } })
            .observe(byId('sample-body'), { childList: true, subtree: true });
        go({ sample: app.rows[place].id }); })"""
    opened.evaluate("go({ sample: null, q: null })")
    return float(opened.evaluate(script, place))


def _memory(flag: str) -> float:
    children = [child for child in psutil.Process().children(recursive=True) if "chrom" in child.name()]
    return sum(child.memory_full_info().pss for child in children if flag in " ".join(child.cmdline())) / 1e6


if __name__ == "__main__":
    _write(Path(sys.argv[1]))
