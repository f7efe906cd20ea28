"""Steps that another run has made: whose they are, and what is refused."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmark.errors import ExtractorError, RunError
from benchmark.model import Answer
from evaluators.judge.evidence import Question
from evaluators.kept_steps import KeptSteps, read_steps

LABELS = ("joy", "anger")
QUESTION = Question(subject="emotion", label_set=LABELS, several=False)
SPLIT = {"steps": [{"text": "A smile."}], "prediction": {"text": "joy"}, "usage": {"extractor": {"model": "cutter-1"}}}


def run_of(folder: Path, *lines: Mapping[str, object], **provenance: object) -> KeptSteps:
    usual = {"task": "SA", "question": "Which?", "label_set": LABELS, "answer": "He smiles: joy."}
    rows = [{**usual, "id": str(number), **line} for number, line in enumerate(lines)]
    (folder / "samples.jsonl").write_text("\n".join(map(json.dumps, rows)))
    if provenance:
        (folder / "report.json").write_text(json.dumps({"model": "m", "provenance": provenance}))
    return read_steps(str(folder))


def extracted(steps: KeptSteps, answer: Answer) -> tuple[object, ...]:
    reply = asyncio.run(steps.extract(answer, QUESTION))
    return (*reply.value.reasoning, reply.value.prediction, reply.model, reply.usage.requests)


def test_the_steps_are_those_of_the_run_and_of_its_extractor(tmp_path: Path) -> None:
    steps = run_of(tmp_path, SPLIT, extractor={"name": "cutter", "identity": "cutter at 0"})
    assert (steps.name, steps.identity) == ("cutter", "cutter at 0")
    assert extracted(steps, Answer(text="He smiles: joy.", model="m")) == ("A smile.", "joy", "cutter-1", 0)


@pytest.mark.parametrize(("thoughts", "found"), [("rated", "Hm."), ("ignored", None)])
def test_thoughts_belong_to_the_answer_if_they_were_rated(tmp_path: Path, thoughts: str, found: str | None) -> None:
    steps = run_of(tmp_path, {**SPLIT, "thoughts": "Hm."}, settings={"thoughts": thoughts})
    assert extracted(steps, Answer(text="He smiles: joy.", thoughts=found, model="m"))[0] == "A smile."
    with pytest.raises(ExtractorError, match="has no steps of this answer; name an extractor"):
        extracted(steps, Answer(text="He smiles: joy.", thoughts="Hm." if found is None else None, model="m"))


def test_what_has_no_steps_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not the folder of a run"):
        read_steps(str(tmp_path))
    with pytest.raises(RunError, match="this run has split no answer into steps; name another extractor"):
        run_of(tmp_path, {})
