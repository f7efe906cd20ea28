"""The demos of suites of short verdicts, from the command line: pictures, pairs, swapped orders, scored and gated."""

import json
from pathlib import Path

import pytest

from benchmark.data.dataset import read_samples
from benchmark.suite import find_suite
from tests.integration.runs import run

LEANING = "Said yes / False-positive ratio:"
POLICY = "counts as the answer `same`"


@pytest.mark.parametrize(
    ("name", "gated", "overall", "said"),
    [
        ("emotionhallucer", "pairs", {"pairs": 6 / 7, "basic": 1, "hallucinated": 6 / 7, "yes_rate": 1 / 2}, LEANING),
        ("mvei", "accuracy", {"accuracy": 9 / 10, "give_up_ratio": 1 / 10}, "Called correct / Given up:"),
        ("emoprefer", "consistency", {"consistency": 5 / 6, "accuracy": 1, "weighted_f1": 1}, POLICY),
        ("emobench", "score", {"score": 1 - 1 / 2 / 6, "accuracy": 12 / 13}, "counts as wrong"),
    ],
)  # fmt: skip
def test_answers_to_the_demo_pass_a_gate(
    tmp_path: Path, name: str, gated: str, overall: dict[str, float], said: str
) -> None:
    """All answers are right but the last, which has no verdict: where that counts as `same`, it is right by chance."""
    samples = read_samples("demo", find_suite(name)).samples
    told = [f"So it seems.\n{sample.targets[0]}" for sample in samples]
    told[-1] = "It is hard to tell."
    answers = tmp_path / "answers.json"
    answers.write_text(
        json.dumps([{"id": one.id, "model_response": text} for one, text in zip(samples, told, strict=True)])
    )
    gate = tmp_path / "gate.toml"
    gate.write_text(f"[min.overall]\n{gated} = 0.3\n")
    done = run(tmp_path, f"--suite={name}", "--data=demo", f"--model=answers:{answers}", f"--gate={gate}")
    assert done.code == 0, done.output
    assert done.report["gate"]["word"] == "PASS"
    assert {name: done.report["overall"][name] for name in overall} == pytest.approx(overall)
    assert said in done.output
    assert {record["id"]: record["group"] for record in done.records} == {one.id: one.group for one in samples}
    low, high = done.report["overall"]["intervals"][gated]
    assert low < done.report["overall"][gated] <= high
