"""A run directory is one run's."""

import json
import threading
from pathlib import Path

from tests.endpoint import Endpoint, Received, Said, plausible
from tests.integration.runs import run, start, until

RULES = ("--judge=rules", "--extractor=rules", "--data=demo", "--limit=4", "-q")


def test_two_runs_do_not_write_into_one_directory(endpoint: Endpoint, tmp_path: Path) -> None:
    asked, released = threading.Event(), threading.Event()

    def slow(received: Received) -> Said:
        asked.set()
        released.wait(60)
        return plausible(received)

    endpoint.reply = slow
    first = start(tmp_path, "--model=openai:model", f"--base-url={endpoint.url}", *RULES)
    until(asked.is_set, first)
    second = run(tmp_path, "--model=random", *RULES)
    released.set()
    output = first.communicate(timeout=60)[0]

    assert second.code == 4, second.output
    assert "is in use by another run" in second.output
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert (report["model"], report["overall"]["scored"]) == ("model", 4), output
    assert not list((tmp_path / "run").glob("earlier-*")), "nothing of the first was put aside"
