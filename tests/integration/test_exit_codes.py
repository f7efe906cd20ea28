"""What a run ends with, whatever happens: a gate's verdict is its own code's alone, and only of a whole run."""

import re
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.endpoint import Endpoint, Received, Said
from tests.integration.runs import ROOT, agents, called, command, environment, start, until

PASSED, FAILED = "Gate: PASS", "Gate: FAIL"
GATE = """
coverage = 0.0
[min.overall]
recognition = {least}
[judge]
sensitivity = 0
specificity = 0
labels = 0
resistance = 0
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with gates, and a cache that all runs share, filled by one that passes."""
    folder = tmp_path_factory.mktemp("kept")
    (folder / "low.toml").write_text(GATE.format(least=0.01))
    (folder / "high.toml").write_text(GATE.format(least=0.9))
    found, output = ended(folder, folder, "--limit=48")
    assert (found, PASSED in output) == (0, True), output
    return folder


def ended(kept: Path, folder: Path, *arguments: str, gate: str = "low", **more: str) -> tuple[int, str]:
    """The exit code of a gated run over the demo, and what it printed."""
    done = called(*words(kept, folder, *arguments, gate=gate)[2:], **more)
    assert 'Traceback (most recent call last):\n  File "<frozen' not in done.stderr
    return done.returncode, done.stdout + done.stderr


def words(kept: Path, folder: Path, *arguments: str, gate: str = "low") -> list[str]:
    gated = f"--gate={kept / gate}.toml"
    return command(folder, "-q", "--tb=no", "-rN", f"--cache={kept / 'cache'}", gated, "--limit=8", *arguments)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("-p no:xdist -p no:junitxml", 0, PASSED),
        ("--limit=48 -x", 7, "samples were not asked; the gate needs a complete run"),
        ("--maxfail=2 -n2", 2, "The run ended early"),
        ("--limit=48 --shard=1/2 -x", 2, "The run ended early"),
        ("--limit=48 -k ML_ER", 0, "42 of 48 samples were left out by -k, -m or similar options"),
        ("-k nothing", 5, "deselected"),
        ("--limit=0", 4, "limit"),
        ("--fixtures", 4, "--gate asks for a verdict, and --fixtures gives none"),
        ("--estimate", 0, "nothing has been asked"),
        ("tests/test_docs.py", 4, "--gate applies to the benchmark's cases"),
        ("-p no:mme-emotion-recorder", 3, "the gate was not decided"),
    ],
)
def test_what_is_asked_for(kept: Path, tmp_path: Path, arguments: str, code: int, said: str) -> None:
    found, output = ended(kept, tmp_path, *arguments.split())
    assert (found, said in output) == (code, True), output
    assert (PASSED in output) == (code == 0 and not re.search("--(shard|estimate)", arguments)), output


@pytest.mark.parametrize(
    ("how", "code", "said"),
    [
        ("finish last", 3, "ValueError: theirs"),
        ("unconfigure first", 3, "ValueError: theirs"),
        ("cleanup", 3, "ValueError: theirs"),
        ("teardown", 3, "Something other than a sample failed"),
        ("enough", 7, "samples were not asked"),
        ("Ctrl-C", 2, "KeyboardInterrupt"),
        ("report.json", 3, "report.json cannot be written"),
        ("summary.md junit.xml report.html", 0, "junit.xml cannot be written"),
        ("removes", 3, "samples.jsonl"),
    ],
)
def test_what_others_do(kept: Path, tmp_path: Path, how: str, code: int, said: str) -> None:
    found, output = ended(kept, tmp_path, "-p", "tests.integration.meddling", "--limit=8", MEDDLES=how)
    assert (found, said in output) == (code, True), output
    if code == 0:
        assert all(f"{name} cannot be written" in output for name in how.split())


def test_no_plugin_turns_a_fail_into_a_pass(kept: Path, tmp_path: Path) -> None:
    found, output = ended(kept, tmp_path, "-p", "tests.integration.meddling", "--limit=48", gate="high", MEDDLES="0")
    assert (found, FAILED in output) == (1, True), output


@pytest.mark.parametrize(
    ("limit", "arguments", "code", "said"),
    [
        (100_000, "--limit=48", 3, "samples.jsonl cannot be written (File too large); earlier lines are kept"),
        (160_000, "--limit=16 --cache={fresh}", 3, "The cache"),
        (4_096, "-n2 --max-cost=1", 4, "in the temporary folder"),
    ],
    ids=["run directory", "cache", "temporary folder"],
)
def test_a_full_disk(kept: Path, tmp_path: Path, limit: int, arguments: str, code: int, said: str) -> None:
    """What is full is a file's size, since that needs no rights."""
    asked = words(kept, tmp_path, *arguments.format(fresh=tmp_path / "fresh").split())
    done = subprocess.run(
        ["prlimit", f"--fsize={limit}", *asked],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    output = done.stdout + done.stderr
    assert (done.returncode, said in output) == (code, True), output
    assert "Traceback" not in output
    assert PASSED not in output


@pytest.mark.parametrize("streams", ["| true", ">/dev/full 2>&1", ">&-"])
def test_what_nobody_can_read(kept: Path, tmp_path: Path, streams: str) -> None:
    run = " ".join(map(repr, words(kept, tmp_path, "--limit=8", "--junitxml=/dev/null")))
    done = subprocess.run(
        ["bash", "-c", f"{run} {streams}; exit ${{PIPESTATUS[0]}}"],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert ("The results could not be printed" in done.stderr) == ("2>&" not in streams)
    assert '"word": "PASS"' in (tmp_path / "run" / "report.json").read_text()
    assert not (tmp_path / "run" / "junit.xml").exists(), "devices such as /dev/full have no end, and are not copied"


@pytest.mark.parametrize("streams", [">/dev/full 2>&1", ">&- 2>&-"])
@pytest.mark.parametrize("refused", ["--limit=1", "--markers"])
def test_a_refusal_that_nobody_can_read_is_one_all_the_same(
    kept: Path, tmp_path: Path, refused: str, streams: str
) -> None:
    run = " ".join(map(repr, words(kept, tmp_path, refused)))
    done = subprocess.run(["bash", "-c", f"{run} {streams}"], cwd=ROOT, env=environment(), check=False)
    assert done.returncode == 4


def test_workers_that_die_again_and_again_are_no_whole_run(kept: Path, tmp_path: Path) -> None:
    deadly = ("--model=python:tests.integration.meddling:Deadly", "--judge=rules", "--extractor=rules")
    more = ("-n2", "--max-worker-restart=1", "--limit=8")
    found, output = ended(kept, tmp_path, *deadly, *more, MEDDLES="", PYTHONPATH=str(ROOT))
    assert found in (3, 7), output
    assert PASSED not in output


def test_an_installed_suite_is_gated(kept: Path, tmp_path: Path) -> None:
    """From a folder where there is no conftest.py."""
    asked = [f"--gate={kept / 'low.toml'}", f"--cache={kept / 'cache'}", "--limit=8", "-q", "--tb=no", "-rN"]
    for package, code, said in (("benchmark", 0, PASSED), ("benchmark.task", 4, "--gate applies to the benchmark's")):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "--pyargs", package, "-p", "benchmark.plugin", *asked],
            cwd=tmp_path, env=environment(PYTHONPATH=str(ROOT)), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, said in done.stdout + done.stderr) == (code, True), done.stdout + done.stderr


def test_a_killed_run_leaves_no_process_and_the_next_run_removes_its_folder(
    kept: Path, tmp_path: Path, endpoint: Endpoint
) -> None:
    def hang(received: Received) -> Said:
        time.sleep(60)
        raise AssertionError

    endpoint.reply = hang
    passing = tmp_path / "passing"
    passing.mkdir()
    process = start(tmp_path, *agents(endpoint.url), "-q", "-n2", TMPDIR=str(passing))
    until(lambda: len(endpoint.requests) > 4, process)
    workers = psutil.Process(process.pid).children(recursive=True)
    (left,) = passing.glob("mme-emotion-*")
    process.kill()
    process.communicate()
    assert psutil.wait_procs(workers, timeout=60)[1] == []

    assert left.exists()
    assert ended(kept, tmp_path / "next", "--limit=8", TMPDIR=str(passing))[0] == 0
    assert list(passing.glob("mme-emotion-*")) == []
