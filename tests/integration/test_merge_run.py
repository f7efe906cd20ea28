"""Shards from the command line, merged and gated, as CI does it."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.endpoint import Endpoint
from tests.integration.oracle import knowing
from tests.integration.runs import ROOT, Finished, command, environment, mme_emotion, run

GATE = "[min.overall]\nrecognition = 0.05\n"
JUDGED = ("-q", "--tb=no", "--extractor=rules", "--judge=openai:judge")


def part(folder: Path, shard: str, endpoint: Endpoint, *more: str, **variables: str) -> Finished:
    place = f"--run-dir={folder / shard.replace('/', '-')}"
    return run(folder, *JUDGED, f"--judge-base-url={endpoint.url}", f"--shard={shard}", place, *more, **variables)


def test_shards_check_their_judge_and_the_merge_decides(tmp_path: Path, endpoint: Endpoint) -> None:
    endpoint.reply = knowing()
    (tmp_path / "gate.toml").write_text(GATE)
    gate = f"--gate={tmp_path / 'gate.toml'}"
    summary = tmp_path / "job.md"
    parts = [part(tmp_path, f"{n}/2", endpoint, gate, GITHUB_STEP_SUMMARY=str(summary)) for n in (1, 2)]
    assert [one.code for one in parts] == [0, 0], parts[0].output
    assert all(one.report["gate"] is None and one.report["judge_check"] for one in parts)
    assert summary.read_text().count("## MME-Emotion: signal") == 2

    folders = [str(one.folder) for one in parts]
    merged = mme_emotion("merge", *folders, f"--run-dir={tmp_path / 'whole'}", gate, GITHUB_STEP_SUMMARY=str(summary))
    assert merged.returncode == 0, merged.stdout + merged.stderr
    assert "Gate: PASS" in merged.stdout
    assert "### Gate: PASS" in summary.read_text()
    report = json.loads((tmp_path / "whole" / "report.json").read_text())
    assert report["selected"] == 48
    assert report["usage"]["judge check"]["requests"] == 2 * parts[0].report["usage"]["judge check"]["requests"]
    whole = run(tmp_path, *JUDGED, f"--judge-base-url={endpoint.url}")
    assert {name: report[name] for name in ("overall", "tasks", "floors", "incomparable")} == {
        name: whole.report[name] for name in ("overall", "tasks", "floors", "incomparable")
    }
    frames = {path.name for path in (tmp_path / "whole" / "report" / "frames").iterdir()}
    assert frames == {f"{record['frames']['key']}.js" for record in whole.records}


def test_a_shard_whose_judge_fails_ends_untrusted(tmp_path: Path, endpoint: Endpoint) -> None:
    (tmp_path / "gate.toml").write_text(GATE)
    finished = part(tmp_path, "1/2", endpoint, f"--gate={tmp_path / 'gate.toml'}")
    assert finished.code == 7
    assert "the judge has failed its check" in finished.output


def test_a_shard_does_not_stop_when_decided(tmp_path: Path, endpoint: Endpoint) -> None:
    (tmp_path / "gate.toml").write_text(GATE)
    finished = part(tmp_path, "1/2", endpoint, f"--gate={tmp_path / 'gate.toml'}", "--until-decided")
    assert finished.code == 4
    assert "omit --shard" in finished.output


@pytest.mark.parametrize("folder", ["nowhere", "."])
def test_what_is_no_run_is_refused_in_a_sentence(tmp_path: Path, folder: str) -> None:
    for name in ("view", "show", "merge"):
        done = mme_emotion(name, str(tmp_path / folder))
        assert done.returncode == 2
        assert re.fullmatch(r"mme-emotion: .* holds no finished run: report\.json cannot be read .*\n", done.stderr)


def test_view_names_the_page_and_opens_it(tmp_path: Path) -> None:
    finished = run(tmp_path, "-q", "--tb=no", "--limit=8")
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    done = mme_emotion("view", str(finished.folder), BROWSER=f"{browser} %s")
    address = (finished.folder / "report.html").as_uri()
    assert (done.returncode, done.stdout.strip(), opened.read_text().strip()) == (0, address, address)


def test_a_summary_that_cannot_be_written_is_told_and_loses_nothing(tmp_path: Path) -> None:
    finished = run(tmp_path, "-q", "--tb=no", "--limit=8", GITHUB_STEP_SUMMARY=str(tmp_path))
    assert finished.code == 3
    assert "GITHUB_STEP_SUMMARY names" in finished.output
    assert "Traceback" not in finished.output
    assert finished.report["overall"]["samples"] == 8
    assert (finished.folder / "report.html").exists()


def test_a_page_that_cannot_be_written_costs_no_figure(tmp_path: Path) -> None:
    limited = ["prlimit", "--fsize=500000", *command(tmp_path, "-q", "--tb=no", "--limit=8")]
    done = subprocess.run(limited, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stdout
    assert re.search(r"report\.html cannot be written \(File too large\)", done.stdout)
    assert "Traceback" not in done.stdout + done.stderr
    assert json.loads((tmp_path / "run" / "report.json").read_text())["overall"]["samples"] == 8
    assert (tmp_path / "run" / "junit.xml").exists()


def test_a_run_is_not_merged_into_itself(tmp_path: Path) -> None:
    finished = run(tmp_path, "-q", "--tb=no", "--limit=8")
    done = mme_emotion("merge", str(finished.folder), f"--run-dir={finished.folder}")
    assert (done.returncode, "choose another" in done.stderr) == (2, True)
    assert (finished.folder / "report.json").exists()
