"""A model, a metric and a suite that somebody else has written, in a package beside the project."""

import json
from pathlib import Path

from tests.endpoint import Endpoint, Received, Said
from tests.integration.runs import run

SUITE = """
name = "kind-replies"
title = "Kind replies"
reader = "kindness.replies.reading:read_folder"
layout = "dialogues.json"

[[task]]
name = "comfort"
title = "comforting somebody"
subject = "emotion"
question = "What do you reply?"
metric = "python:kindness.metric:METRIC"
"""
READING = """
import json
from benchmark.data.rows import Gathered, Row
from benchmark.task import Turn


def read_folder(root, suite):
    file = root / "dialogues.json"
    if not file.exists():
        return None
    rows = tuple(
        Row(
            place=file.name,
            task=suite.tasks["comfort"],
            video_id=name,
            label_set=(),
            targets=(word,),
            source="own",
            recording=name,
            clip=None,
            turns=tuple(Turn(*turn) for turn in turns),
        )
        for name, word, turns in json.loads(file.read_text())
    )
    return Gathered(rows=rows, problems=())
"""
METRIC = """
from dataclasses import dataclass
from fractions import Fraction
from evaluators.metrics.metric import Mean
from evaluators.outcome import Scored


@dataclass(frozen=True)
class Kind:
    answer: object
    target: str
    predicted: tuple = ()

    def marks(self, sample):
        return {"kindness": Fraction(self.target in self.answer.text)}

    def explain(self, sample):
        return f"{sample.id} lacks {self.target}"


class Kindness:
    name = "kindness"
    roles = frozenset()
    marks = ("kindness",)
    measures = (Mean("kindness", "Kindness"),)
    details = ()
    floor = measures[0]

    async def score(self, sample, answer, roles, repeat=0):
        return Scored(sample=sample, score=Kind(roles.rated(answer), sample.targets[0]))

    def remade(self, record, *, several):
        return {"kindness": Fraction(record.targets[0] in (record.answer or ""))}

    def is_right(self, marks):
        return marks["kindness"] == 1


METRIC = Kindness()
"""
MODEL = """
from benchmark.model import Answer


class Parrot:
    name = "parrot"
    identity = "parrot 1"
    modalities = frozenset()

    async def generate(self, prompt):
        return Answer(text=prompt.turns[-1].text, model=self.name, ending="whole")
"""
ENTRY_POINTS = """
[mme_emotion.suites]
kind-replies = kindness.replies
[mme_emotion.models]
parrot = kindness.model:Parrot
"""


def package(home: Path) -> str:
    """The package, installed in a folder of its own; the option that names its data."""
    files = {
        "kindness/__init__.py": "",
        "kindness/metric.py": METRIC,
        "kindness/model.py": MODEL,
        "kindness/replies/__init__.py": "",
        "kindness/replies/reading.py": READING,
        "kindness/replies/suite.toml": SUITE,
        "kindness/replies/question.txt": "$question$material$subject$labels$how_many",
        "kindness-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: kindness\nVersion: 1\n",
        "kindness-1.dist-info/entry_points.txt": ENTRY_POINTS,
    }
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    data = home / "data"
    data.mkdir()
    turns = [[f"d{number}", "sorry", [["user", "I am sad."], ["user", text]]] for number, text in enumerate(WORDS)]
    (data / "dialogues.json").write_text(json.dumps(turns))
    return f"--data={data}"


WORDS = ["so sorry", "sorry", "go away", "sorry then", "sorry!", "I am sorry", "sorry sorry", "oh sorry"]


def test_a_suite_of_dialogues_with_its_own_metric_and_model_is_run_and_gated(tmp_path: Path) -> None:
    data = package(tmp_path / "site")
    gate = tmp_path / "gate.toml"
    gate.write_text("[min.overall]\nkindness = 0.2\n")
    done = run(
        tmp_path,
        "--suite=kind-replies",
        "--model=parrot",
        data,
        f"--gate={gate}",
        PYTHONPATH=str(tmp_path / "site"),
    )
    assert done.code == 0, done.output
    assert "Kind replies: parrot answers 8 of 8 samples" in done.output
    assert done.report["overall"]["kindness"] == 7 / 8
    assert done.report["gate"]["word"] == "PASS"
    assert {record["outcome"] for record in done.records} == {"passed", "failed"}
    assert (done.folder / "report.html").exists()


def test_an_endpoint_is_sent_the_turns(tmp_path: Path, endpoint: Endpoint) -> None:
    def comfort(received: Received) -> Said:
        assert [message["role"] for message in received.body["messages"]] == ["user", "user", "user"]
        return Said("I am sorry.")

    endpoint.reply = comfort
    done = run(
        tmp_path,
        "--suite=kind-replies",
        "--model=openai:m",
        f"--base-url={endpoint.url}",
        package(tmp_path / "site"),
        PYTHONPATH=str(tmp_path / "site"),
    )
    assert done.code == 0, done.output
    assert done.report["overall"]["kindness"] == 1
