"""Dialogues from the command line: what one would cost, and that neither a kill nor a budget loses a turn."""

import os
import signal
import threading
from pathlib import Path

from tests.endpoint import Endpoint, Received, Said
from tests.evaluators.metrics.test_sage import plan, said
from tests.integration.runs import run, start, until

DIALOGUES, REQUESTS = 4, 28
"""Of the demo, each with ten messages of the model and nine of the user, for two requests each."""


def speak(received: Received) -> Said:
    """The model or the user, by what is asked alone; nobody's points change."""
    if received.body["model"] == "model":
        return Said(f"Yes {len(received.body['messages'])}.")
    return Said(plan(0) if "TargetCompletion:" in received.text else said("Well."))


def test_dialogues_are_continued_where_a_kill_or_a_budget_ended_them(endpoint: Endpoint, tmp_path: Path) -> None:
    killed = threading.Event()

    def speak_until(received: Received) -> Said:
        if len(endpoint.requests) > 20:
            killed.wait(60)
        return speak(received)

    agents = ["--model=openai:model", "--judge=openai:judge", f"--base-url={endpoint.url}"]
    asked = ["--suite=sage", "--data=demo", *agents, "--price=model=10/30,judge=10/30", "-q", "--tb=no"]
    endpoint.reply = speak_until
    process = start(tmp_path, *asked)
    until(lambda: len(endpoint.requests) >= 20 + DIALOGUES, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    killed.set()
    assert len(endpoint.requests) == 20 + DIALOGUES, "one turn of each dialogue is in flight"

    endpoint.reply = speak
    estimated = run(tmp_path, *asked, "--estimate").output
    rows = [line.split() for line in estimated.splitlines() if line.startswith(("model ", "judge "))]
    assert sum(int(row[2]) for row in rows) == DIALOGUES * REQUESTS - 20, estimated
    assert sum(int(row[3]) for row in rows) == 20
    assert "Each dialogue is taken to last for all of its turns (10 messages of the model)" in estimated
    assert len(endpoint.requests) == 20 + DIALOGUES

    ended = run(tmp_path, *asked, "--max-cost=0.6")
    assert "--max-cost=0.6 would be exceeded" in ended.output
    assert 20 + DIALOGUES < len(endpoint.requests) < DIALOGUES * (REQUESTS + 1)

    done = run(tmp_path, *asked)
    assert done.code == 1, done.output
    assert len(endpoint.requests) == DIALOGUES * (REQUESTS + 1), "only the turns in flight were asked for again"
    assert done.report["overall"]["score"] == 0.4
    assert (done.report["overall"]["success"], done.report["overall"]["failure"]) == (0, 0)
    talk = done.records[0]["talk"]
    assert [message["speaker"] for message in talk] == ["user", "assistant"] * 10
    assert [message["points"] for message in talk[::2]] == [40] * 10
    assert {message["text"] for message in talk[1::2]} == {f"Yes {2 * number}." for number in range(1, 11)}
