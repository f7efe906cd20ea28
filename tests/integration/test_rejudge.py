"""`mme-emotion rejudge` from the command line: another judge rates a run's kept answers, and nobody else is asked."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.endpoint import Endpoint, Received, Said, plausible
from tests.integration.runs import ROOT, environment, run


def rejudged(folder: Path, *arguments: str) -> tuple[int, str]:
    """Its exit code and what it printed, from a folder that is not the suite's."""
    words = [f"--cache={folder / 'cache'}", *arguments]
    done = subprocess.run(
        [sys.executable, "-m", "reports.cli", "rejudge", str(folder / "run"), *words],
        cwd=folder, env=environment(PYTHONPATH=str(ROOT), OPENAI_API_KEY="none"),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def records(folder: Path) -> dict[str, dict[str, Any]]:
    lines = (folder / "samples.jsonl").read_text("utf-8").splitlines()
    return {record["id"]: record for record in map(json.loads, lines)}


def strict(received: Received) -> Said:
    """As `plausible`, but the judge `strict-judge` rates every step 0."""
    said = plausible(received)
    if received.body["model"] == "strict-judge":
        steps = said.text.count("Step")
        return Said(f"<score>{', '.join(f'Step {number}: 0/1' for number in range(1, steps + 1))}</score>")
    return said


def test_another_judge_rates_the_kept_answers_by_the_kept_steps(tmp_path: Path) -> None:
    server = Endpoint()
    server.reply = strict
    url, data = f"--base-url={server.url}", ["--data=demo", "--tasks=SA,IR", "--limit=6"]
    agents = ["--judge=openai:judge", "--extractor=openai:extractor"]
    first = run(tmp_path, *data, "--model=openai:model", *agents, url, OPENAI_API_KEY="none")
    assert first.code in (0, 1), first.output
    server.requests.clear()
    (tmp_path / "cache").rename(tmp_path / "gone")  # on another machine

    asked = ["--judge=openai:strict-judge", f"--judge-base-url={server.url}", f"--run-dir={tmp_path / 'anew'}"]
    code, said = rejudged(tmp_path, *asked, "--estimate")
    assert (code, server.requests) == (0, []), said
    code, said = rejudged(tmp_path, *asked)
    assert code == 1, said
    assert Counter(request.body["model"] for request in server.requests) == {"strict-judge": 6}
    assert said.index("what this command would ask") < said.index("MME-Emotion: model answers 6 of")

    before, after = records(tmp_path / "run"), records(tmp_path / "anew")
    assert before.keys() == after.keys()
    for one, other in ((before[name], after[name]) for name in before):
        assert [step["text"] for step in one["steps"]] == [step["text"] for step in other["steps"]]
        assert (one["answer"], one["ending"], one["targets"]) == (other["answer"], other["ending"], other["targets"])
        assert (other["reasoning"], other["recognition"]) == (0, 0)
    report = json.loads((tmp_path / "anew" / "report.json").read_text())
    assert (report["model"], report["provenance"]["extractor"]["name"]) == ("model", "extractor")

    code, again = rejudged(tmp_path, *asked)
    server.close()
    assert (code, len(server.asked("strict-judge"))) == (1, 6), again
    assert "0 without a score" in again


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Name who judges anew: --judge=SPEC or --extractor=SPEC."),
        (["--judge=rules", "--model=signal"], "--model does not apply: rejudge takes the answers of "),
        (["--judge=rules", "--data={gone}"], "gone"),
    ],
)
def test_what_makes_no_sense_is_refused(made: Path, tmp_path: Path, words: list[str], said: str) -> None:
    shutil.copytree(made, tmp_path / "run")
    code, output = rejudged(tmp_path, *(word.replace("{gone}", str(tmp_path / "gone")) for word in words))
    assert code in (2, 4), output
    assert said in output
    assert "Traceback" not in output


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run of the demo."""
    folder = tmp_path_factory.mktemp("made")
    assert run(folder, "--data=demo", "--tasks=SA", "--limit=2").code in (0, 1)
    return folder / "run"
