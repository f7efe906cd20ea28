"""Suites of texts from the command line, and answers to their questions that were produced elsewhere."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmark.data.dataset import read_samples
from benchmark.suite import find_suite
from reports.cli import main
from tests.integration.runs import run


def questions(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert main(["questions", "--no-cache", *arguments]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def answered(path: Path, rows: Sequence[Mapping[str, Any]], said: str) -> str:
    lines = [{"id": row["id"], "question_hash": row["question_hash"], "model_response": said} for row in rows]
    path.write_text("\n".join(map(json.dumps, lines)))
    return f"--model=answers:{path}"


def test_the_suites_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suites"]) == 0
    listed = capsys.readouterr().out
    assert "dair-emotion: dair-ai/emotion\n  Accuracy: six-emotions\n  data: --data=hf:dair-ai/emotion" in listed
    assert "Recognition: ER-Lab, ER-Wild" in listed
    assert main(["suites", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["emobench-text"]["tasks"]["EU-en"]["measures"] == ["accuracy", "emotion", "cause"]
    assert all(suite["demo"] for suite in found.values()), "each runs offline"


def test_a_question_whose_clip_cannot_be_read_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"label": "joy", "label_set": ["joy", "anger"], "task": "SA"}
    (tmp_path / "own.json").write_text(json.dumps([{**row, "video": "none.mp4"}]))
    assert main(["questions", "--no-cache", f"--data={tmp_path / 'own.json'}"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "1 questions are left out, since their clips cannot be read; SA/" in shown.err


def test_answers_made_elsewhere_are_scored_and_gated_as_a_selection(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = questions(capsys, "--suite=dair-emotion")
    assert len(asked) == 12
    assert asked[0]["text"].count("Message: ") == 1
    model = answered(tmp_path / "mine.jsonl", asked[:9], "It reads glad. Answer: joy")
    gate = tmp_path / "gate.toml"
    gate.write_text("[min.overall]\naccuracy = 0.05\n")

    done = run(tmp_path, "--suite=dair-emotion", "--data=demo", model, "--answered-only", f"--gate={gate}")
    assert done.code == 0, done.output
    assert "THIS IS THE DEMO: short texts written for it" in done.output
    assert "answers: 3 samples have no answer and are left out, by --answered-only" in done.output
    assert "3 samples without an answer were left out by --answered-only; the scores do not cover them." in done.output
    assert "3 of 12 samples were left out by --answered-only or similar options" in done.output
    assert done.report["overall"]["accuracy"] == pytest.approx(3 / 9)
    # of labels true in the first nine: joy has 3 of 9 predicted right, F1 2 · 3 / (3 + 9); sadness, love and anger 0
    assert done.report["overall"]["macro_f1"] == pytest.approx(0.5 / 4)
    assert done.report["gate"]["word"] == "PASS"
    assert done.report["provenance"]["settings"]["unanswered"] == 3
    assert len(done.records) == 9
    assert not any(record["has_clip"] for record in done.records)
    assert all("\n\nMessage: " in record["question"] for record in done.records)


def test_shards_of_answered_samples_are_merged_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = questions(capsys, "--suite=emobench-text", "--tasks=EU-en,EA-en")
    assert [row["task"] for row in asked].count("EA-en") == 2
    model = answered(tmp_path / "mine.jsonl", [row for row in asked if row["task"] == "EU-en"], "emotion C, cause D")
    shards = []
    for number in (1, 2):
        shards.append(str(tmp_path / f"run{number}"))
        of = (f"--shard={number}/2", "--answered-only", f"--run-dir={shards[-1]}")
        done = run(tmp_path, "--suite=emobench-text", "--data=demo", "--tasks=EU-en,EA-en", model, *of)
        assert done.code in (0, 1), done.output
    assert main(["merge", *shards, f"--run-dir={tmp_path / 'whole'}"]) == 0
    assert "2 samples without an answer were left out by --answered-only" in capsys.readouterr().out
    report = json.loads((tmp_path / "whole" / "report.json").read_text())
    assert report["selected"] == 3
    assert report["overall"]["accuracy"] == pytest.approx(1 / 3)


def test_answers_to_other_questions_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = questions(capsys, "--limit=2", "--frames=4")
    model = answered(tmp_path / "mine.jsonl", asked, "joy")
    done = run(tmp_path, "--data=demo", model, "--answered-only")
    assert done.code == 4
    assert "answers: 2 of 2 answers were given to other questions than this run asks" in done.output
    agents = ("--extractor=rules", "--judge=rules")
    assert run(tmp_path, "--data=demo", model, "--answered-only", "--frames=4", *agents).code == 1


def test_only_answers_can_be_selected(tmp_path: Path) -> None:
    done = run(tmp_path, "--suite=emobench-text", "--data=demo", "--model=majority", "--answered-only")
    assert done.code == 4
    assert "--answered-only needs --model=answers:FILE, got majority; omit it." in done.output


def test_replies_and_emotions_of_one_suite_are_scored_and_gated(tmp_path: Path) -> None:
    pytest.importorskip("sacrebleu")
    samples = read_samples("demo", find_suite("empathetic-dialogues")).samples
    said = [
        {"id": one.id, "model_response": one.targets[0] if one.label_set else f"{one.targets[0]} Well, well."}
        for one in samples
    ]
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps(said))
    gate = tmp_path / "gate.toml"
    gate.write_text("[min.overall]\nbleu = 0.5\naccuracy = 0.1\n[min.reply]\ndist_2 = 0.1\n")
    done = run(tmp_path, "--suite=empathetic-dialogues", "--data=demo", f"--model=answers:{answers}", f"--gate={gate}")
    assert done.code == 0, done.output
    assert "answers answers 14 of 14 samples of demo\n" in done.output, "no agent is asked"
    assert "BLEU-1 / BLEU-2 / BLEU-3: reply 7" in done.output
    assert "A reply is not right or wrong: a case passes if there is one." in done.output
    reply, emotion = (done.report["tasks"][name] for name in ("reply", "emotion"))
    assert 0.5 < reply["bleu"] == done.report["overall"]["bleu"] < 1
    assert reply["dist_2"] > reply["dist_1"] > 0.1
    assert (reply["bertscore"], reply["accuracy"], emotion["bleu"], emotion["accuracy"]) == (None, None, None, 1)
    assert done.report["labels"]["reply"] == {}, "references are no labels"
    assert len(done.report["labels"]["emotion"]) == 5
    assert done.report["gate"]["word"] == "PASS"
