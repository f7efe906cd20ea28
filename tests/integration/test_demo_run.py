"""Bare `pytest`: the demo, offline."""

import json
import re
import xml.etree.ElementTree as ET
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from tests.integration.runs import Finished, run


@pytest.fixture(scope="module", params=[(), ("-n", "0"), ("-n", "2")], ids=["plain", "n0", "n2"])
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return run(tmp_path_factory.mktemp("demo"), *request.param)


def test_it_ends_with_the_table_and_where_the_run_is(demo: Finished) -> None:
    assert demo.code == 1, demo.output
    table = demo.output[demo.output.rindex("MME-Emotion: signal") :]
    for name in ("ER-Lab", "ER-Wild", "Noise-ER", "FG-ER", "ML-ER", "SA", "FG-SA", "IR", "overall"):
        score = r"\d+\.\d \(\d+\.\d–\d+\.\d\)"
        assert re.search(rf"^{name} +\d+ +0 +{score} +{score} +{score} +\d+\.\d$", table, re.MULTILINE), table
    assert re.search(r"\d+ right, \d+ wrong, 0 without a score", table)
    assert f"The run is kept in {demo.folder}" in table


def test_it_says_loudly_that_it_measures_nothing(demo: Finished) -> None:
    assert "THIS IS THE DEMO" in demo.output
    assert "Not comparable with published scores: the judge is rules" in demo.output


def test_cases_records_and_report_tell_the_same(demo: Finished) -> None:
    outcomes = demo.outcomes()
    ended = [record["outcome"] for record in demo.records]
    assert (outcomes["passed"], outcomes["failed"]) == (ended.count("passed"), ended.count("failed"))
    assert len({record["id"] for record in demo.records}) == len(ended) == demo.report["overall"]["scored"] == 48
    mean = sum(record["recognition"] for record in demo.records) / 48
    assert demo.report["overall"]["recognition"] == pytest.approx(mean)


def test_the_report_keeps_to_its_schema(demo: Finished) -> None:
    schema = json.loads(files("reports.kept").joinpath("schema.json").read_text("utf-8"))
    jsonschema.validate(demo.report, schema)


def test_junit_carries_the_scores(demo: Finished) -> None:
    cases = ET.parse(demo.folder / "junit.xml").getroot().iter("testcase")
    names = [{entry.get("name") for entry in case.iter("property")} for case in cases]
    assert len(names) == 48
    assert all(found == {"recognition", "reasoning", "cot"} for found in names)


def test_the_summary_is_a_markdown_table(demo: Finished) -> None:
    assert "| overall | 48 | 0 |" in (demo.folder / "summary.md").read_text()


def test_all_ways_to_run_it_keep_the_same_records(tmp_path: Path) -> None:
    def kept(finished: Finished) -> dict[str, dict[str, object]]:
        return {record["id"]: {**record, "usage": None} for record in finished.records}

    one, two = run(tmp_path / "one", "--tasks=SA,IR"), run(tmp_path / "two", "--tasks=SA,IR", "-n", "2")
    ours, theirs = kept(one), kept(two)
    assert ours.keys() == theirs.keys()
    assert [(name, key) for name in ours for key in ours[name] if ours[name][key] != theirs[name][key]] == []


def test_a_failing_case_explains_itself_in_under_forty_lines(tmp_path: Path) -> None:
    finished = run(tmp_path, "-k", "ER_Lab_01", "--model=random")
    shown = finished.output[finished.output.index("= FAILURES =") : finished.output.index("generated xml")]
    for said in ("the label is", "the model said", "Question:", "Answer of random", "1. [0]"):
        assert said in shown
    assert shown.count("\n") < 40


def test_pytest_selects_cases_by_name_and_marker(tmp_path: Path) -> None:
    both = run(tmp_path, "-m", "SA and Drawn", "-k", "SA_01 or SA_02", "--collect-only", "-q")
    assert both.code == 0
    assert both.output.count("test_sample[SA/Drawn/SA_0") == 2
    assert not both.folder.exists()
    assert not (tmp_path / "cache").exists()


def test_the_suite_s_own_tests_start_nothing(tmp_path: Path) -> None:
    finished = run(tmp_path, "tests/benchmark/test_options.py", "--model=nonsense", "--run-dir=")
    assert finished.code == 0, finished.output
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "cache").exists()


def test_an_earlier_run_in_the_same_folder_is_kept(tmp_path: Path) -> None:
    for _ in range(2):
        run(tmp_path, "-k", "SA_01")
    assert len(list(tmp_path.glob("run/earlier-*/samples.jsonl"))) == 1
