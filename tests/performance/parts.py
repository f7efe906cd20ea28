"""What grows with the number of samples, each part alone; `scale` runs each in a process of its own.

python -m tests.performance.parts merge 65000 FOLDER    what it took, as JSON

Seconds are of the processor, not of the clock: others on the machine disturb those less. A folder is one size's, and
parts that are named after `shards` read what that has left in it.
"""

import asyncio
import json
import random
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil

from benchmark.clip import Clip
from benchmark.clips.reader import ClipReader
from benchmark.engine.schedule import DEPTH, Deal, Dealing
from benchmark.model import Answer
from benchmark.models.cached import CachedModel
from benchmark.prompt import Modality, Prompt
from benchmark.storage.cache import Cache, Media, key_of
from benchmark.usage import Usage
from evaluators.judge.labels import named_labels
from evaluators.judge.rules import contradiction
from reports.figures.report import report_of
from reports.gate.gate import Gate
from reports.gate.gatekeeper import Gatekeeper
from reports.gate.trial import in_order, trial_of
from reports.kept.folder import RunFolder
from reports.kept.past import read_past
from reports.kept.record import Record
from reports.kept.report import Background
from reports.tables.results import write_results
from tests.browser import browsing, watched
from tests.demo_clips.script import LABEL_SETS
from tests.integration.runs import agents, make_samples
from tests.performance.harness import Measured, make_clips, process, suite
from tests.performance.page import made
from tests.reports.made_runs import PROVENANCE, kept, samples_of
from tests.server import served

Taken = Mapping[str, float]
"""By what was measured, with its unit."""

SHARDS = 10
OWN_TEXTS = 6500
"""So many records are made up; beyond them the texts come again, under other ids, which no part of ours notices."""

WINDOW = 256
LOOKED_UP = 20_000
RULES = ("--judge=rules", "--extractor=rules")


def _records(numbers: Sequence[int]) -> Iterator[Record]:
    dice = random.Random(0)
    texts = [made(number, dice) for number in range(min(OWN_TEXTS, numbers[-1] + 1))]
    for number in numbers:
        text = texts[number % len(texts)]
        yield text.model_copy(update={"id": f"{text.task}/own/{number}", "recording": f"{text.task}/{number // 5}"})


def _touched(folder: Path, count: int) -> list[Path]:
    folder.mkdir(exist_ok=True)
    clips = [folder / f"{number}.mp4" for number in range(min(count, OWN_TEXTS))]
    for clip in clips:
        clip.write_bytes(b"no clip")
    return clips


def _of(run: Measured) -> Taken:
    return {"seconds of CPU": run.cpu, "MB at its peak": run.memory}


def collect(samples: int, folder: Path) -> Taken:
    """`pytest --collect-only -q` on a file of the user's own."""
    data = make_samples(folder / "samples.jsonl", _touched(folder / "clips", samples), samples)
    return _of(suite(folder, data, "--collect-only", *RULES))


def run(samples: int, folder: Path) -> Taken:
    """The whole command where nothing is asked: answers of 1,500 characters from a file, word lists for agents."""
    data = make_samples(folder / "samples.jsonl", _touched(folder / "clips", samples), samples)
    answers = folder / "answers.jsonl"
    with answers.open("w") as file:
        for number, record in enumerate(_records(range(samples))):
            print(json.dumps({"id": f"s{number}", "model_response": record.answer}), file=file)
    shutil.rmtree(folder / "run", ignore_errors=True)
    return _of(suite(folder, data, f"--cache={folder / 'cache'}", f"--model=answers:{answers}", *RULES))


def asked(samples: int, folder: Path) -> Taken:
    """The whole command with three requests a sample, at a server that replies at once; each clip is decoded before."""
    clips = make_clips(folder / "drawn", 100)
    reader = ClipReader(Cache(folder / "cache"))
    for clip in clips:
        reader.frames(Clip(clip))
    data = make_samples(folder / "samples.jsonl", clips, samples)
    with served(0.05) as server:
        done = suite(folder, data, f"--cache={folder / 'cache'}", f"--concurrency={WINDOW}", *agents(server.url))
    for name in ("drawn", "cache", "run"):
        shutil.rmtree(folder / name)
    return {**_of(done), "s of the clock": done.wall}


@dataclass(slots=True, kw_only=True, eq=False)
class _Node:
    """A worker of xdist that does nothing."""

    gateway: Any
    shutting_down: bool = False
    cases: list[int] = field(default_factory=list)

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        """Gives it cases."""
        self.cases.extend(indices)


def deal(samples: int, folder: Path) -> Taken:
    """The scheduler, up to 64 workers: taking down what each has collected, then dealing."""
    found: dict[str, float] = {}
    for workers in (8, 64):
        nodes = [_Node(gateway=SimpleNamespace(id=f"gw{number}")) for number in range(workers)]
        deals = {node: Deal(folder / f"{workers}-{node.gateway.id}.cases") for node in nodes}
        depth = DEPTH * -(-WINDOW // workers)
        dealing = Dealing(workers, depth, lambda node, cases, deals=deals: deals[node].tell(cases), ValueError)  # type: ignore[misc]
        found[f"s of CPU, {workers} workers' collections"] = sum(_collected(dealing, node, samples) for node in nodes)
        started = time.process_time()
        dealing.schedule()
        _drain(dealing, nodes)
        found[f"us of CPU a case, {workers} workers"] = (time.process_time() - started) / samples * 1e6
    return found


def _collected(dealing: Dealing, node: _Node, samples: int) -> float:
    ids = [f"benchmark/test_mme_emotion.py::test_sample[s{number}]" for number in range(samples)]
    started = time.process_time()
    dealing.add_node(node)
    dealing.add_node_collection(node, ids)
    return time.process_time() - started


def _drain(dealing: Dealing, nodes: Sequence[_Node]) -> None:
    at = dict.fromkeys(nodes, 0)
    while dealing.has_pending:
        for node in nodes:
            if at[node] < len(node.cases):
                at[node] += 1
                dealing.mark_test_complete(node, node.cases[at[node] - 1])
    assert dealing.tests_finished


@dataclass(frozen=True, slots=True)
class _Speaker:
    """A model that says what records hold, each role in its turn."""

    said: Iterator[str]
    name: str = "model"
    identity: str = "model"
    modalities: frozenset[Modality] = frozenset()

    async def generate(self, prompt: Prompt) -> Answer:
        """The next reply."""
        usage = Usage(requests=1, input_tokens=2900, output_tokens=400, seconds=2.0, cost_usd=0.01)
        return Answer(text=next(self.said), model="model-2026-01-01", usage=usage)


def _replies() -> Iterator[str]:
    """Answer, steps and ratings of one sample after the other."""
    for record in _records(range(OWN_TEXTS)):
        steps = [f"Step {number}: {step.text}" for number, step in enumerate(record.steps, 1)]
        yield record.answer or ""
        yield f"<step>{' '.join(steps)}</step>"
        yield f"<score>{', '.join(f'{step.reason} {step.rating}' for step in record.steps)}</score>"


def replies(samples: int, folder: Path) -> Taken:
    """Three replies a sample through the cache, 256 at once, and then again, in no order."""
    shutil.rmtree(folder / "replies", ignore_errors=True)
    cache = Cache(folder / "replies")
    said = list(_replies())
    model, count = CachedModel(_Speaker(cycle(said)), cache), 3 * samples
    clock, cpu = time.monotonic(), time.process_time()
    asyncio.run(_asked(model, iter(range(count))))
    wall, used = time.monotonic() - clock, time.process_time() - cpu
    again = random.Random(1).choices(range(count), k=LOOKED_UP)
    clock = time.monotonic()
    asyncio.run(_asked(model, iter(again)))
    looked_up = time.monotonic() - clock
    cache.close()
    size = (folder / "replies" / "cache.sqlite").stat().st_size
    return {
        "bytes a reply": size / count,
        "us of CPU a reply kept": used / count * 1e6,
        "us of the clock a reply kept": wall / count * 1e6,
        "us of the clock a reply found": looked_up / LOOKED_UP * 1e6,
    }


async def _asked(model: CachedModel, numbers: Iterator[int]) -> None:
    while turn := list(islice(numbers, WINDOW)):
        await asyncio.gather(*(model.generate(Prompt(text=f"{number}")) for number in turn))


def media(samples: int, folder: Path) -> Taken:
    """A file a sample in a folder whose limit is half of them; then eight processes' views of one such folder."""
    shutil.rmtree(folder / "media", ignore_errors=True)
    content = bytes(1000)
    kept_files = Media(folder / "media", len(content) * samples // 2)
    halves = [range(samples // 2), range(samples // 2, samples)]
    below, beyond = (_written(kept_files, half, content) / len(half) * 1e6 for half in halves)
    started = time.process_time()
    again = Media(folder / "media", len(content) * samples)
    opening = time.process_time() - started
    again.prune(0)
    views = [Media(folder / "media", len(content) * samples // 20) for _ in range(8)]
    most = 0
    for number in range(samples):
        views[number % 8].write(key_of(f"shared {number}"), content)
        if number % (samples // 40) == 0:
            most = max(most, again.size()[1])
    return {
        "us of CPU a file, below the limit": below,
        "us of CPU a file, at the limit": beyond,
        "s of CPU to open what is kept": opening,
        "times its limit, with 8 processes": most / (len(content) * samples // 20),
    }


def _written(kept_files: Media, numbers: Sequence[int], content: bytes) -> float:
    started = time.process_time()
    for number in numbers:
        kept_files.write(key_of(str(number)), content)
    return time.process_time() - started


def _shards(folder: Path) -> list[Path]:
    return [folder / f"part-{part}" for part in range(1, SHARDS + 1)]


def shards(samples: int, folder: Path) -> Taken:
    """Ten runs of a tenth each, for the parts that read them; itself no part."""
    data = {"name": "data", "fingerprint": "f", "samples": {"SA": samples}}
    for part, place in enumerate(_shards(folder), 1):
        settings = {**PROVENANCE["settings"], "shard": f"{part}/{SHARDS}", "tasks": []}
        kept(place, list(_records(range(part - 1, samples, SHARDS))), data=data, settings=settings)
    return {}


def words(samples: int, folder: Path) -> Taken:
    """The word lists on one answer of as many sentences."""
    text = "The speaker, who is not angry but sad, raises a soft voice, without fear or disgust. " * samples
    started = time.process_time()
    named_labels(text, LABEL_SETS["ER-Wild"])
    naming = time.process_time() - started
    started = time.process_time()
    contradiction(text, text)
    return {
        "us of CPU a sentence to find labels": naming / samples * 1e6,
        "us of CPU a sentence to compare with itself": (time.process_time() - started) / samples * 1e6,
    }


def merge(samples: int, folder: Path) -> Taken:
    """`mme-emotion merge` of ten shards, page and all."""
    shutil.rmtree(folder / "whole", ignore_errors=True)
    command = [sys.executable, "-m", "reports.cli", "merge", *map(str, _shards(folder))]
    return _of(process([*command, f"--run-dir={folder / 'whole'}"]))


def records(samples: int, folder: Path) -> Taken:
    """A run's own files: read back, counted, the report written."""
    before, started = psutil.Process().memory_info().rss, time.process_time()
    past = read_past(folder / "whole")
    reading, held = time.process_time() - started, psutil.Process().memory_info().rss - before
    ordered = [past.records[name] for name in sorted(past.records)]
    started = time.process_time()
    report = report_of(ordered, _background(past.report.model_dump()))
    counting = time.process_time() - started
    target, started = RunFolder(folder / "again"), time.process_time()
    write_results(target, report, ordered)
    writing = time.process_time() - started
    started = time.process_time()
    for record in ordered[:LOOKED_UP]:
        target.append(record.model_dump_json())
    appending = (time.process_time() - started) / min(samples, LOOKED_UP)
    target.close()
    shutil.rmtree(folder / "again")
    return {
        "bytes a record in samples.jsonl": (folder / "whole" / "samples.jsonl").stat().st_size / samples,
        "bytes a record in memory": held / samples,
        "us of CPU a record kept as it comes": appending * 1e6,
        "s of CPU to read them back": reading,
        "s of CPU for all scores and intervals": counting,
        "s of CPU to write report.json and its like": writing,
    }


def _background(report: Mapping[str, Any]) -> Background:
    return Background.model_validate({name: report[name] for name in Background.model_fields})


def gate(samples: int, folder: Path) -> Taken:
    """`--until-decided`: looks at a run as it grows, and the correction for having stopped."""
    past = read_past(folder / "whole")
    right = sum(record.scores["recognition"] == 1 for record in past.records.values()) / samples
    asked = Gate(min={"overall": {"recognition": right - 1.5 / samples**0.5}}, coverage=0.9)
    background = _background(past.report.model_dump())
    order = in_order(samples_of(list(past.records.values())), asked, background.model)
    keeper = Gatekeeper(trial_of(asked, order, background, early=True))
    started, heard = time.process_time(), 0
    for heard, sample in enumerate(order, 1):  # noqa: B007  how many were heard
        if keeper.hear(past.records[sample.id]):
            break
    looking = time.process_time() - started
    keeper.conclude(past.report)
    return {
        "s of CPU for looks": looking,
        "s of CPU for the correction": time.process_time() - started - looking,
        "share asked": heard / samples,
    }


def page(samples: int, folder: Path) -> Taken:
    """The page of the merged run, written anew."""
    shutil.rmtree(folder / "whole" / "report", ignore_errors=True)
    written = process([sys.executable, "-m", "tests.performance.page", str(folder / "whole")])
    seconds, more = written.output.split()
    first = folder / "whole" / "report.html"
    beside = sum(path.stat().st_size for path in (folder / "whole" / "report").iterdir())
    return {
        "s of the clock to write it": float(seconds),
        "MB at its peak": written.memory,
        "MB of memory beyond the run's": float(more),
        "MB of report.html": first.stat().st_size / 1e6,
        "MB beside it": beside / 1e6,
    }


def view(samples: int, folder: Path) -> Taken:
    """The page in Chromium: its first view, and until answers can be searched."""
    with browsing() as browser, watched(browser) as seen:
        started = time.monotonic()
        opened = seen.open(folder / "whole" / "report.html")
        first = time.monotonic() - started
        opened.wait_for_selector("body[data-searchable]", timeout=300_000)
        until = time.monotonic() - started
        children = psutil.Process().children(recursive=True)
        memory = sum(one.memory_full_info().pss for one in children if "--type=renderer" in " ".join(one.cmdline()))
    return {
        "s until it is seen": first,
        "s until answers can be searched": until,
        "MB of the page's process": memory / 1e6,
    }


PARTS: Mapping[str, Callable[[int, Path], Taken]] = {
    part.__name__: part
    for part in (collect, run, deal, replies, media, words, shards, merge, records, gate, page, view, asked)
}


def main() -> None:
    """Measures one part, and says what it took."""
    name, samples, folder = sys.argv[1:]
    taken = PARTS[name](int(samples), Path(folder))
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"MB at its peak": own, **taken}))  # a part that is another process has told its own


if __name__ == "__main__":
    main()
