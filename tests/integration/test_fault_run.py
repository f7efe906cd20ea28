"""Errors that nobody foresaw, at every boundary: none is silent, and none costs what was found."""

import re
from pathlib import Path

import pytest

from tests.endpoint import Endpoint
from tests.integration.runs import ROOT, Finished, agents, called, run

BROKEN = ("-p", "tests.integration.faulty")
SENTENCE = re.compile(
    r"^(?:- )?(\d+) samples? failed with an unexpected error:"
    r" TypeError: time\.time\(\) takes no (?:keyword )?arguments.* \((.+), line \d+\),"
    r" a bug in the suite or in a package \(Python 3\.\d+\.\d+, mme-emotion [\d.]+(.*)\)\.",
    re.MULTILINE,
)


def broken(folder: Path, fault: str, *arguments: str) -> Finished:
    """The demo with one function broken."""
    return run(folder, *BROKEN, "-q", "--tb=no", "-rN", *arguments, FAULT=fault)


@pytest.mark.parametrize(
    ("fault", "stage", "names", "processes"),
    [
        ("av:open", "data", "benchmark/clips/decode.py", ()),
        ("av:open", "data", "benchmark/clips/decode.py", ("-n2",)),
        ("PIL.Image:Image.save", "data", "benchmark/clips/decode.py", ()),
        ("benchmark.models.signal:SignalModel.watch", "model", "asking.py", ()),
        ("evaluators.judge.rules:split_steps", "extractor", "evaluators/judge/rules.py", ()),
        ("evaluators.judge.rules:recognised", "judge", "evaluators/judge/rules.py", ()),
        ("evaluators.metrics.steps:named_labels", "run", "evaluators/metrics/steps.py", ()),
    ],
)
def test_where_all_samples_end_so_the_run_stops_and_says_so_once(
    tmp_path: Path, fault: str, stage: str, names: str, processes: tuple[str, ...]
) -> None:
    finished = broken(tmp_path, fault, *processes)
    assert finished.code == 2, finished.output
    ((count, _, _),) = SENTENCE.findall(finished.output)
    assert finished.output.count("all failed in the same way") == 1
    assert "Traceback" not in finished.output
    assert 8 <= int(count) == len(finished.records) < 48
    assert finished.report["overall"]["unscored"] == len(finished.records)
    assert (finished.folder / "report.html").exists()
    for record in finished.records:
        assert (record["stage"], record["outcome"]) == (stage, "error")
        assert record["error"].startswith("TypeError: time.time() takes no ")
        assert str(ROOT) not in record["fault"]["traceback"]
        assert record["fault"]["traceback"].startswith("Traceback")
        assert names in record["fault"]["traceback"]
        assert (record["answer"] is None) == (stage in ("data", "model"))
    assert SENTENCE.search((finished.folder / "summary.md").read_text())


def test_a_decoder_s_fault_names_the_decoder_s_version(tmp_path: Path) -> None:
    ((_, _, versions),) = SENTENCE.findall(broken(tmp_path, "av:open").output)
    assert re.search(r"\bav \d+\.\d+", versions)


@pytest.mark.parametrize("processes", [(), ("-n2",)], ids=["one", "two"])
def test_a_record_that_cannot_be_made_is_one_of_a_sample_without_a_score(
    tmp_path: Path, processes: tuple[str, ...]
) -> None:
    finished = broken(tmp_path, "reports.kept.record:_rated", "--limit=16", *processes)
    assert finished.code == 1, finished.output
    assert len(finished.records) == finished.report["overall"]["unscored"] == 16
    assert {record["stage"] for record in finished.records} == {"run"}
    assert "passed" not in finished.outcomes()
    assert SENTENCE.search(finished.output)


def test_what_stands_beside_a_score_does_not_cost_it(tmp_path: Path) -> None:
    finished = broken(tmp_path, "benchmark.clips.decode:_sound", "--modalities=video", "--limit=16")
    assert finished.code == 1, finished.output
    assert finished.report["overall"]["scored"] == 16
    assert all("_sound" in record["fault"]["traceback"] for record in finished.records)
    assert SENTENCE.findall(finished.output)[0][0] == "16"


@pytest.mark.parametrize(
    ("fault", "table", "files"),
    [
        ("reports.kept.folder:RunFolder.append", "", set()),
        ("reports.recorder:report_of", "", {"samples.jsonl"}),
        ("reports.tables.results:summary_of", "printed", {"samples.jsonl", "report.json", "report.html"}),
        ("reports.handover:place_frames", "printed", {"samples.jsonl", "report.json", "summary.md"}),
        ("reports.page.run_page:index_of", "printed", {"samples.jsonl", "report.json", "summary.md"}),
        ("reports.live.plugin:score_lines", "", {"samples.jsonl", "report.json", "summary.md", "report.html"}),
    ],
)
def test_what_is_kept_and_shown_survives_what_is_not(
    tmp_path: Path,
    fault: str,
    table: str,
    files: set[str],
) -> None:
    finished = broken(tmp_path, fault, "--tasks=SA")
    told = r"^The suite failed with an unexpected error: TypeError: .+ a bug in the suite or"
    assert len(re.findall(told, finished.output, re.MULTILINE)) == 1, finished.output
    assert "Traceback (most recent call last)" in finished.output
    assert finished.code == 3
    assert ("overall" in finished.output) == bool(table)
    assert "INTERNALERROR" not in finished.output
    there = {path.name for path in finished.folder.glob("*")} if finished.folder.exists() else set()
    assert files <= there
    if "samples.jsonl" in files:
        assert len(finished.records) == 6


@pytest.mark.parametrize(
    "fault",
    [
        "reports.live.progress:Progress.add",
        "reports.live.progress:Progress.hear",
        "reports.page.plugin:HtmlRows._cells",
    ],
)
def test_what_cannot_be_shown_meanwhile_costs_nothing(tmp_path: Path, fault: str) -> None:
    finished = broken(tmp_path, fault, "--tasks=SA", f"--html={tmp_path / 'page.html'}")
    assert finished.code == 1, finished.output
    assert finished.report["overall"]["scored"] == len(finished.records) == 6
    assert finished.output.count("The suite failed with an unexpected error: TypeError") == 1


def test_a_verdict_that_cannot_be_shown_is_no_pass(tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text(
        "[min.overall]\nrecognition = 0.01\n[judge]\n"
        + "".join(f"{name} = 0\n" for name in ("sensitivity", "specificity", "labels", "resistance"))
    )
    for fault in ("reports.live.plugin:score_lines", "reports.live.plugin:gate_lines"):
        finished = broken(tmp_path, fault, f"--gate={tmp_path / 'gate.toml'}", "--limit=8")
        assert finished.report["gate"]["word"] == "PASS", finished.output
        assert finished.code == 3


def test_media_that_cannot_be_made_are_not_left_out_without_a_word(tmp_path: Path) -> None:
    finished = broken(tmp_path, "benchmark.clips.decode:_remuxed", "--tasks=IR", "--report-media")
    assert finished.code == 3
    assert "The suite failed with an unexpected error: TypeError" in finished.output


def test_nothing_is_estimated_where_the_estimate_fails(tmp_path: Path) -> None:
    finished = broken(tmp_path, "av:open", "--estimate")
    assert finished.code == 4
    assert re.search(
        r"Cannot estimate the run: TypeError: .* \(benchmark/clips/container.py, line \d+\)", finished.output
    )


OWN = """
from benchmark.model import Answer
from tests.tasks import clip_of

class Model:
    name = identity = "mine"

class LooksUp(Model):
    async def answer(self, sample):
        return Answer(text={"other": "happy"}[sample.id], model="mine")  # api_key="sk-hardcoded"

class Reads(Model):
    async def answer(self, sample):
        open(str(clip_of(sample).path) + ".txt")

class Exits(Model):
    async def answer(self, sample):
        raise SystemExit(3)

class GivesNone(Model):
    async def answer(self, sample):
        return None

class SaysNothing(Model):
    async def answer(self, sample):
        return Answer(text=" ", model="mine")
"""


THEIRS = "a bug in their_model.py or in what it calls (Python 3."


@pytest.mark.parametrize(
    ("name", "said", "processes"),
    [
        ("LooksUp", THEIRS, ()),
        ("LooksUp", THEIRS, ("-n2",)),
        ("Reads", THEIRS, ()),
        ("Exits", THEIRS, ("-n2",)),
        ("GivesNone", "mine returned NoneType; return a text or an Answer", ()),
        ("SaysNothing", "mine gave an empty answer", ()),
    ],
)
def test_code_of_the_user_s_own_may_fail_in_any_way(
    tmp_path: Path, name: str, said: str, processes: tuple[str, ...]
) -> None:
    (tmp_path / "their_model.py").write_text(OWN)
    agents = ("--extractor=rules", "--judge=rules", "-q", "--tb=no", "-rN")
    model = f"--model=python:their_model:{name}"
    finished = run(tmp_path, model, *agents, *processes, PYTHONPATH=str(tmp_path))
    assert finished.code == 2, finished.output
    assert finished.report["overall"]["unscored"] == len(finished.records) >= 8
    assert "all failed in the same way" in finished.output
    assert said in finished.output
    kept = (finished.folder / "samples.jsonl").read_text() + finished.output.replace(str(finished.folder), "")
    assert "sk-hardcoded" not in kept
    assert str(tmp_path) not in kept
    assert "Drawn/video" not in "".join(f"{record['error']}{record['fault']}" for record in finished.records)


def test_a_fault_of_an_endpoint_s_client_shows_no_key(tmp_path: Path, endpoint: Endpoint) -> None:
    asked = [*agents(endpoint.url), "--tasks=SA", "--api-key-env=SOME_KEY"]
    fault = "benchmark.endpoint.model:parse_object"
    finished = run(tmp_path, *BROKEN, *asked, FAULT=fault, SOME_KEY="sk-secret-words")
    assert "sk-secret-words" not in finished.output
    assert all(record["stage"] == "model" and record["fault"] for record in finished.records)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (None, ""),
        ("av:open", "The demo does not work here: it did not run to its end, pytest's exit code is 2."),
        ("reports.kept.record:_rated", "The demo does not work here: 48 of 48 samples have no score."),
        (
            "reports.page.run_page:index_of",
            "The demo does not work here: it did not run to its end, pytest's exit code is 3.",
        ),
    ],
)
def test_the_demo_ends_well_only_where_it_works(tmp_path: Path, fault: str | None, said: str) -> None:
    more = {"PYTEST_ADDOPTS": " ".join(BROKEN), "FAULT": fault} if fault else {}
    done = called("benchmark.demo", str(tmp_path / "run"), **more)
    assert done.returncode == bool(fault), done.stdout + done.stderr
    assert said in done.stderr
    assert bool(said) == bool(done.stderr)
