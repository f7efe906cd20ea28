"""What a server, a file of answers or a run directory of others says is text to a terminal and a job's log."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from tests.endpoint import Endpoint, Received, Said
from tests.integration.runs import ROOT, mme_emotion, run

HARM = "harm"
ATTACK = (
    f"\x1b[31mred\x1b[0m \x07\x9b2J \u202e{HARM}\u2028::error::{HARM}\r::error::{HARM}\n  ::set-output name={HARM}::x\n"
    f"##[error]{HARM} ##vso[task.{HARM}] ##teamcity[{HARM}]\n::stop-commands::{HARM} | [x](javascript:{HARM}) "
    f"![x](http://{HARM}) <img src={HARM}> @{HARM} `"
)
RULES = ("--judge=rules", "--extractor=rules", "--data=demo", "--limit=8")


def harmless(printed: str) -> None:
    """Finds the text, and nothing in it that a terminal or a runner obeys."""
    assert HARM in printed
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", printed), printed
    assert not [line for line in printed.splitlines() if line.lstrip().startswith("::")], printed
    assert not re.search(r"##[\w.]*\[", printed), printed


def inert_markdown(text: str) -> None:
    assert HARM in text
    assert not re.search(r"(?<!\\)[\[\]`]|<img|@harm", text), text


def test_what_a_server_says(endpoint: Endpoint, tmp_path: Path) -> None:
    def hostile(received: Received) -> Said:
        if len(endpoint.requests) % 2:
            return Said(ATTACK, status=400)
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ATTACK}}
        usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
        return Said(raw=json.dumps({"id": ATTACK, "model": ATTACK, "choices": [choice], "usage": usage}))

    endpoint.reply = hostile
    finished = run(
        tmp_path, "--model=openai:model", f"--base-url={endpoint.url}", *RULES, "-rA", "--tb=native", "-v",
        GITHUB_STEP_SUMMARY=str(tmp_path / "job.md"),
    )  # fmt: skip
    assert finished.code == 1, finished.output
    assert "has answered in place of model" in finished.output
    harmless(finished.output)
    inert_markdown((finished.folder / "summary.md").read_text())
    inert_markdown((tmp_path / "job.md").read_text())
    ElementTree.parse(finished.folder / "junit.xml")
    assert any(ATTACK[-40:-20] in str(record["answer"]) for record in finished.records), "records have it as it came"

    for arguments in (["show"], ["merge", f"--run-dir={tmp_path / 'whole'}"], ["compare", str(finished.folder)]):
        told = mme_emotion(*arguments, str(finished.folder))
        assert told.returncode == 0, told.stderr
        if arguments[0] != "compare":
            harmless(told.stdout + told.stderr)
    sheet = mme_emotion("judge", "sheet", str(finished.folder)).stdout
    harmless(sheet)
    cells = [cell for row in csv.reader(io.StringIO(sheet)) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_what_a_file_of_answers_and_a_run_directory_say(tmp_path: Path) -> None:
    own = run(tmp_path, "--model=random", *RULES, "-q")
    rows = [{"id": record["id"], "model_response": f"{ATTACK}\nhappy"} for record in own.records]
    unknown = {"id": ATTACK, "model_response": "x"}
    (tmp_path / "answers.jsonl").write_text("\n".join(map(json.dumps, [unknown, *rows])))
    asked = (f"--model=answers:{tmp_path / 'answers.jsonl'}", *RULES)
    answered = run(tmp_path, *asked, "--tb=native", f"--run-dir={tmp_path / 'answered'}")
    assert answered.code == 1, answered.output
    assert "answers: 1 ids are unknown and ignored" in answered.output
    harmless(answered.output)

    report = own.report
    (own.folder / "report.json").write_text(
        json.dumps(
            {
                **report,
                "model": ATTACK,
                "incomparable": [ATTACK],
                "provenance": {**report["provenance"], "started": ATTACK},
            }
        )
    )
    shown = mme_emotion("show", str(own.folder))
    assert (shown.returncode, shown.stderr) == (0, "")
    harmless(shown.stdout)

    line, *others = (own.folder / "samples.jsonl").read_text().splitlines()
    record = {**json.loads(line), "task": ATTACK, "recognition": 9.0}
    (own.folder / "samples.jsonl").write_text("\n".join([json.dumps(record), *others]))
    refused = mme_emotion("show", str(own.folder))
    assert (refused.returncode, refused.stdout) == (2, "")
    harmless(refused.stderr)
    gated = run(tmp_path, *asked, f"--baseline={own.folder}", f"--run-dir={tmp_path / 'gated'}")
    assert gated.code == 4, gated.output
    harmless(gated.output)
    assert "samples.jsonl, line 1, is not a record of a run: task `" in gated.output
    assert "Traceback" not in gated.output
    assert not (tmp_path / "gated").exists()


def test_a_command_ends_cleanly_when_nobody_reads_on_and_when_it_is_interrupted(tmp_path: Path) -> None:
    own = run(tmp_path, "--model=random", *RULES, "-q")
    program = [sys.executable, "-m", "reports.cli"]
    for arguments in (["show", str(own.folder)], ["--help"], ["judge", "sheet", str(own.folder)]):
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run([*program, *arguments], cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, timeout=60)
        os.close(writing)
        assert done.returncode in (0, 1), arguments
        assert done.stderr == b"", arguments

    process = subprocess.Popen(
        [sys.executable, "-c", _WAITING, str(own.folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "reading\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[1] == "mme-emotion: interrupted\n"
    assert process.returncode == 130

    whole = tmp_path / "whole"
    arguments = [str(own.folder), "--partial", f"--run-dir={whole}"]
    stopped = subprocess.run(
        [sys.executable, "-c", _WRITING, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert stopped.returncode == 130
    assert stopped.stderr.startswith(f"mme-emotion: interrupted; finishing {whole} first")
    assert stopped.stderr.count("\n") == 1
    assert {path.name for path in whole.iterdir()} >= {"samples.jsonl", "report.json", "report.html"}
    assert len((whole / "samples.jsonl").read_text().splitlines()) == len(own.records)


_WRITING = """
import os, signal, sys
from reports.cli import main
from reports.commands import run

whole = run.write_results

def interrupted(*given):
    os.kill(os.getpid(), signal.SIGINT)
    whole(*given)

run.write_results = interrupted
sys.exit(main(["merge", *sys.argv[1:]]))
"""

_WAITING = """
import sys, time
from reports.cli import main
from reports.commands import run

def waiting(folder):
    print("reading", flush=True)
    time.sleep(60)

run.read_past = waiting
sys.exit(main(["show", sys.argv[1]]))
"""
