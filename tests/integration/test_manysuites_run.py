"""Several suites in one command: one run that many tests look at, and one that is worse."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from benchmark.data.dataset import read_data
from benchmark.suite import find_suite
from reports.cli import main
from reports.gate.gate import read_gate
from reports.gate.merge import merge
from reports.kept.past import read_past
from tests.endpoint import Endpoint, Received, Said
from tests.integration.runs import Finished, run

DAIR, LETTERS = "dair-emotion", "emobench-text"
BOTH = f"--suite={LETTERS}, {DAIR}"
SAMPLES = read_data((), find_suite(f"{DAIR},{LETTERS}")).samples


def answering(*, wrong_in: str = "") -> Callable[[Received], Said]:
    """A model that is always right, but for a whole suite."""

    def reply(received: Received) -> Said:
        sample = next(one for one in SAMPLES if one.text in received.text)
        said = f"It is {sample.targets[0]}." if sample.task.suite != wrong_in else "Nobody can know."
        return Said(said)

    return reply


def model(endpoint: Endpoint) -> list[str]:
    agents = ["--judge=rules", "--extractor=rules"]
    return ["--data=demo", "--model=openai:model", f"--base-url={endpoint.url}", *agents, "-q", "--tb=no"]


@dataclass(frozen=True)
class Runs:
    """The run of one suite alone, then that of two, with what each sent to the model."""

    alone: Finished
    both: Finished
    sent: tuple[int, int]
    gate: Path
    theirs: Path


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    server.reply = answering()
    yield server
    server.close()


@pytest.fixture(scope="module")
def runs(endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    folder = tmp_path_factory.mktemp("suites")
    alone = run(folder, f"--suite={DAIR}", f"--run-dir={folder / 'alone'}", *model(endpoint))
    first = len(endpoint.requests)
    gate = folder / "gate.toml"
    gate.write_text(f"[min.{DAIR}]\nmacro_f1 = 0.4\n[min.{LETTERS}]\naccuracy = 0.4\n[min.overall]\naccuracy = 0.3\n")
    asked = [f"--gate={gate}", f"--html={folder / 'theirs.html'}", "--self-contained-html"]
    both = run(folder, BOTH, f"--run-dir={folder / 'both'}", *asked, *model(endpoint))
    return Runs(alone, both, (first, len(endpoint.requests) - first), gate, folder / "theirs.html")


def test_the_replies_to_one_suite_alone_serve_a_run_of_both(runs: Runs) -> None:
    assert runs.both.code == 0, runs.both.output
    assert runs.sent == (12, 9)
    own = {record["id"].removeprefix(f"{DAIR}/"): record for record in runs.both.records if DAIR in record["task"]}
    for record in runs.alone.records:
        twin = own.pop(record["id"])
        assert twin["task"] == f"{DAIR}/{record['task']}"
        assert {**twin, "id": record["id"], "task": record["task"], "usage": record["usage"]} == record
    assert not own


def test_each_suite_has_its_own_scores_and_no_number_is_a_mean_over_suites(runs: Runs) -> None:
    report, alone = runs.both.report, runs.alone.report
    assert (report["schema_version"], alone["schema_version"], "suites" in alone) == (3, 2, False)
    assert list(report["suites"]) == [DAIR, LETTERS]
    part = report["suites"][DAIR]
    for name in ("overall", "macro", "macro_intervals"):
        assert {**part[name], "avg_tokens": None} == {**alone[name], "avg_tokens": None}
    assert not {"accuracy", "macro_f1"} & report["overall"].keys()
    assert (report["overall"]["samples"], report["selected"], part["selected"]) == (21, 21, 12)
    assert report["floors"][DAIR] == alone["floors"]["overall"]
    assert report["tasks"][f"{DAIR}/six-emotions"] == alone["tasks"]["six-emotions"]


def test_each_suite_has_its_own_table_and_notes_wherever_scores_are_shown(
    runs: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(runs.both.folder)]) == 0
    assert " dair-ai/emotion + EmoBench (text): model (scores in percent) " in runs.both.output
    for shown in (runs.both.output, capsys.readouterr().out):
        first, second = (shown.index(f"\n{head}\nTask ") for head in ("dair-ai/emotion", "EmoBench (text)"))
        assert first < shown.index("Macro F1") < shown.index(f"{DAIR}/six-emotions", first) < second
        assert second < shown.index(f"{LETTERS}/EU-en", second)
        assert f"{LETTERS}: Not comparable with published scores: the data are" in shown
    summary, theirs = (path.read_text() for path in (runs.both.folder / "summary.md", runs.theirs))
    assert summary.index("### dair-ai/emotion") < summary.index("### EmoBench (text)")
    assert theirs.index("<h3>dair-ai/emotion</h3>") < theirs.index("<h3>EmoBench (text)</h3>")


def test_the_gate_names_the_measures_of_each_suite(runs: Runs) -> None:
    verdict = runs.both.report["gate"]
    assert [(one["place"], one["score"], one["limit"]) for one in verdict["criteria"]] == [
        (DAIR, "macro_f1", 0.4),
        (LETTERS, "accuracy", 0.4),
        (DAIR, "accuracy", 0.3),
    ]
    assert [one["samples"] for one in verdict["criteria"]] == [12, 9, 12]
    assert "Gate: PASS" in runs.both.output


def test_the_run_is_read_and_merged_as_it_was_written(runs: Runs) -> None:
    past = read_past(runs.both.folder)
    gate = read_gate(runs.gate, None, suite=find_suite(f"{DAIR},{LETTERS}"))
    merged, records = merge([past], gate)
    assert [record.id for record in records] == sorted(past.records)
    for name in ("suites", "overall", "tasks", "floors", "incomparable"):
        assert getattr(merged, name) == getattr(past.report, name), name
    assert past.report.gate is not None
    assert merged.gate == past.report.gate.model_copy(update={"earlier": None}), "a merge knows no attempts"


def test_a_suite_that_is_worse_than_in_the_baseline_fails_the_gate(
    runs: Runs, endpoint: Endpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In two processes and in random order, as in a run that may end early."""
    endpoint.reply = answering(wrong_in=DAIR)
    gate = tmp_path / "gate.toml"
    gate.write_text(f"[max_drop.{DAIR}]\naccuracy = 0.3\n[max_drop.{LETTERS}]\naccuracy = 0.6\n")
    asked = [f"--gate={gate}", f"--baseline={runs.both.folder}", "--until-decided", "-n2"]
    done = run(tmp_path, BOTH, *asked, *model(endpoint))
    assert done.code == 1, done.output
    first = done.report["gate"]["criteria"][0]
    assert (first["place"], first["status"]) == (DAIR, "missed")
    assert f"Shown not to hold: {DAIR} Accuracy not below the baseline by more than 30.0." in done.output
    assert done.report["suites"][DAIR]["overall"]["accuracy"] == 0

    page = tmp_path / "compared.html"
    assert main(["compare", str(runs.both.folder), str(done.folder), f"--html={page}"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    (row,) = [line for line in lines if line[:2] == ["Accuracy", DAIR]]
    assert row[4:6] == ["100.0", "0.0"]
    both = map(str, (runs.both.folder, done.folder))
    assert main(["power", "--drop=0.2", f"--score={DAIR}/accuracy", "--runs", *both]) == 0
    assert "12 samples" in capsys.readouterr().out


def test_the_page_shows_one_suite_at_a_time(runs: Runs) -> None:
    pytest.importorskip("playwright")
    from tests.browser import CHROMIUM, browsing, watched

    if CHROMIUM is None:
        pytest.skip("the chromium program is not installed")
    record = next(one for one in runs.both.records if one["task"] == f"{LETTERS}/EA-en")
    with browsing() as browser, watched(browser) as seen:
        page = seen.open(runs.both.folder / "report.html")
        assert page.locator("#suites button").all_inner_texts() == [DAIR, LETTERS]
        assert page.locator("#gate").inner_text().count("holds") == 3
        assert page.locator(".tile h3").all_inner_texts() == ["Accuracy", "Macro F1"]
        assert page.locator("#listing tbody tr").count() == 12
        with page.expect_navigation():
            page.locator("#suites button").last.click()
        page.wait_for_selector("body[data-searchable]")
        assert page.locator(".tile h3").all_inner_texts() == ["Accuracy", "Emotion", "Cause"]
        assert page.locator("#listing tbody tr").count() == 9
        page = seen.open(runs.both.folder / "report.html", f"#sample={quote(record['id'], safe='')}")
        page.get_by_text(record["answer"]).first.wait_for()
        assert seen.troubles == []
