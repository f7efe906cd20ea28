"""The demos of the other suites, from the command line: read, asked, scored, gated and shown."""

import json
from pathlib import Path

import pytest

from benchmark.data.dataset import read_samples
from benchmark.suite import find_suite
from tests.integration.runs import run

POLICY = "An answer that names none of the labels, or several, counts as wrong."


@pytest.mark.parametrize(
    ("name", "score"), [("dfew", "war"), ("mafw", "uar"), ("ravdess", "war"), ("mer2023", "weighted_f1")]
)
def test_answers_to_the_demo_pass_a_gate(tmp_path: Path, name: str, score: str) -> None:
    suite = find_suite(name)
    samples = read_samples("demo", suite).samples
    told = [f"The brows say it. The answer is {sample.targets[0]}." for sample in samples]
    told[-1] = "It is hard to tell."
    answers = tmp_path / "answers.json"
    answers.write_text(
        json.dumps([{"id": one.id, "model_response": text} for one, text in zip(samples, told, strict=True)])
    )
    gate = tmp_path / "gate.toml"
    gate.write_text(f"[min.overall]\n{score} = 0.4\n")
    done = run(tmp_path, f"--suite={name}", "--data=demo", f"--model=answers:{answers}", f"--gate={gate}")
    assert done.code == 0, done.output
    count = len(samples)
    assert f"{suite.title}: answers answers {count} of {count} samples of demo" in done.output
    assert "THIS IS THE DEMO" in done.output
    assert POLICY in done.output
    assert POLICY in (done.folder / "summary.md").read_text("utf-8")
    assert done.report["gate"]["word"] == "PASS"
    accuracy = "war" if "war" in done.report["overall"] else "accuracy"
    assert done.report["overall"][accuracy] == pytest.approx((count - 1) / count)
    (failed,) = [record for record in done.records if record["outcome"] == "failed"]
    assert (failed["predicted"], failed[accuracy]) == ([], 0.0)


def test_a_floor_does_not_pass_the_gate_that_it_sets(tmp_path: Path) -> None:
    gate = tmp_path / "gate.toml"
    gate.write_text('above = "majority"\n')
    asked = ("--suite=ravdess", "--data=demo", "--model=majority", f"--gate={gate}")
    done, four = run(tmp_path, *asked, "--tasks=speech"), run(tmp_path, *asked)
    (criterion,) = done.report["gate"]["criteria"]

    assert done.code == 6, done.output
    assert done.report["floors"] == pytest.approx({"speech": 1 / 8, "overall": 1 / 8})
    assert criterion["value"] == criterion["baseline"] == criterion["limit"] == 1 / 8
    assert done.report["overall"]["uar"] == pytest.approx(1 / 8)
    assert four.code == 4
    assert '4 samples are too few to show "song above the constant guess, 25.0"' in four.output
