"""A run directory is one run's."""

import json
import shutil
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


def test_what_two_runs_left_in_one_directory_is_no_run(tmp_path: Path) -> None:
    one = run(tmp_path, "--model=random", *RULES, "-n", "2", f"--run-dir={tmp_path / 'one'}")
    other = run(tmp_path, "--model=majority", *RULES, f"--run-dir={tmp_path / 'other'}")
    assert {record["run"] for record in one.records} == {one.report["provenance"]["run"]}
    assert one.report["provenance"]["run"] != other.report["provenance"]["run"]
    shutil.copy(one.folder / "report.json", other.folder)

    refused = run(tmp_path, "--model=random", *RULES, f"--baseline={other.folder}", f"--run-dir={tmp_path / 'third'}")
    assert refused.code == 4, refused.output
    assert "holds parts of two runs: 4 lines of samples.jsonl are of another run than report.json" in refused.output
