"""The engine against an endpoint process that misbehaves, and under violence."""

import fcntl
import json
import os
import pty
import random
import re
import signal
import struct
import subprocess
import termios
import threading
from itertools import count
from pathlib import Path

import psutil
import pytest

from tests.endpoint import Endpoint, Received, Said, plausible
from tests.integration.runs import (
    ROOT,
    Finished,
    agents,
    command,
    environment,
    essence,
    lines,
    make_samples,
    run,
    start,
    until,
)
from tests.server import Served, served

CLIPS = ROOT / "benchmark" / "demo" / "clips"

SAMPLES = 120

WORKER = re.compile(r"readline|pytest-xdist")
"""How execnet starts a worker of xdist's, and what that calls itself where the package setproctitle is there."""


def data_of(folder: Path, samples: int) -> str:
    """Samples of which no two ask the same, on the demo's clips."""
    clips = sorted(path for path in CLIPS.rglob("*") if path.suffix in (".mp4", ".mkv", ".avi"))
    return make_samples(folder / "samples.jsonl", clips, samples)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run of SAMPLES in one process that nothing disturbs."""
    folder = tmp_path_factory.mktemp("calm")
    with served() as server:
        finished = run(folder, *at(server, data_of(folder, SAMPLES)))
        assert server.asked() == 3 * SAMPLES
    assert finished.report["overall"]["scored"] == SAMPLES, finished.output
    return finished


def at(server: Served, *more: str) -> list[str]:
    return [*agents(server.url), "-q", "--tb=no", "-rN", *more]


def test_a_fifth_of_all_replies_fails_and_every_sample_is_scored(tmp_path: Path) -> None:
    data = data_of(tmp_path, 200)
    with served(latency=0.02, faults=0.25, seed=7) as server:
        finished = run(tmp_path, *at(server, data, "--concurrency=64", "--request-timeout=1"))
        stats = server.stats()
    assert finished.report["overall"]["scored"] == 200, finished.output
    assert len(essence(finished)) == 200
    assert stats["most"] <= 64
    assert all(count > 3 for name, count in stats["counts"].items() if name.startswith("fault")), stats
    assert finished.report["usage"]["model"]["requests"] >= 200


def test_a_server_that_dies_and_comes_back_costs_nothing(calm: Finished, tmp_path: Path) -> None:
    data = data_of(tmp_path, SAMPLES)
    with served(latency=0.1) as stays, served(latency=0.1) as dies:
        both = [*agents(f"{dies.url},{stays.url}"), "-q", "--tb=no", "-rN", data, "--concurrency=6"]
        process = start(tmp_path, *both, "-n2")
        until(lambda: lines(tmp_path) > 10, process)
        before = dies.asked()
        dies.kill()
        seen = lines(tmp_path)
        until(lambda: lines(tmp_path) > seen + 10, process)
        with served(latency=0.1, port=dies.port) as again:
            until(lambda: again.asked() > 10, process)
            output = process.communicate(timeout=120)[0]
    finished = Finished(process.returncode, output, tmp_path / "run")
    assert before > 10
    assert essence(finished) == essence(calm), output
    assert finished.report["retries"] < 40, "what was in flight when it died, and a trial now and then"


def test_one_endpoint_that_is_dead_at_the_start_is_told_once_and_not_asked(tmp_path: Path) -> None:
    with served() as stays, served() as dies:
        dies.kill()
        both = [*agents(f"{dies.url},{stays.url}"), "-q", "--tb=no", "-rN", "--data=demo"]
        for processes in ((), ("-n2",)):
            finished = run(tmp_path / f"n{len(processes)}", *both, *processes)
            assert finished.report["overall"]["scored"] == 48, finished.output
            told = re.findall(rf"^MME-Emotion: {dies.url} cannot be reached .*$", finished.output, re.MULTILINE)
            assert len(told) == 1, finished.output
            assert finished.report["retries"] <= 10, "trials alone: workers have heard of it before they ask"
        assert stays.asked() == 2 * 3 * 48


def test_two_processes_find_what_one_finds(calm: Finished, tmp_path: Path) -> None:
    with served() as server:
        together = run(tmp_path, *at(server, data_of(tmp_path, SAMPLES), "--no-cache", "-n2"))
        assert server.asked() == 3 * SAMPLES, "no sample is worked on twice"
    assert essence(together) == essence(calm)
    assert together.report["overall"] == calm.report["overall"]


def test_killed_five_times_it_asks_only_what_is_missing(calm: Finished, tmp_path: Path) -> None:
    data, chance, in_flight = data_of(tmp_path, SAMPLES), random.Random(11), 0
    with served(latency=0.02) as server:
        for _ in range(5):
            before = server.asked()
            process = start(tmp_path, *at(server, data, "--concurrency=16"))
            goal = before + chance.randrange(1, 45)
            until(lambda goal=goal: server.asked() >= goal, process)  # type: ignore[misc]
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            in_flight += 16
        finished = run(tmp_path, *at(server, data, "--concurrency=16"))
        asked = server.asked()
    assert asked <= SAMPLES * 3 + in_flight
    assert essence(finished) == essence(calm)
    assert finished.report["overall"] == calm.report["overall"]
    whole = [json.loads(line) for file in tmp_path.rglob("earlier-*/samples.jsonl") for line in file.open()]
    assert len(whole) == sum(1 for file in tmp_path.rglob("earlier-*/samples.jsonl") for _ in file.open())


def test_a_killed_worker_costs_nothing(calm: Finished, tmp_path: Path) -> None:
    data = data_of(tmp_path, SAMPLES)
    with served(latency=0.05) as server:
        process = start(tmp_path, *at(server, data, "--concurrency=16", "-n2"))
        until(lambda: lines(tmp_path) > 20, process)
        workers = [
            child for child in psutil.Process(process.pid).children() if WORKER.search(" ".join(child.cmdline()))
        ]
        workers[0].kill()
        output = process.communicate(timeout=120)[0]
    finished = Finished(process.returncode, output, tmp_path / "run")
    assert essence(finished) == essence(calm), output
    assert finished.report["overall"] == calm.report["overall"]


def test_two_runs_share_a_cache(tmp_path: Path) -> None:
    data, cache = data_of(tmp_path, 60), f"--cache={tmp_path / 'shared'}"
    with served(latency=0.02) as server:
        first = start(tmp_path / "one", *at(server, data, cache))
        second = run(tmp_path / "two", *at(server, data, cache))
        output = first.communicate(timeout=120)[0]
    finished = Finished(first.returncode, output, tmp_path / "one" / "run")
    assert finished.report["overall"]["scored"] == second.report["overall"]["scored"] == 60
    assert essence(finished) == essence(second)


def test_ctrl_c_keeps_what_was_finished_and_waits_for_no_reply(tmp_path: Path, endpoint: Endpoint) -> None:
    released, number = threading.Event(), count()

    def hang_in_the_end(received: Received) -> Said:
        if next(number) >= 3 * 40:
            released.wait()
        return plausible(received)

    endpoint.reply = hang_in_the_end
    process = start(tmp_path, *agents(endpoint.url), "-q", "--tb=no", data_of(tmp_path, 100), "--concurrency=8")
    until(lambda: lines(tmp_path) > 10 and len(endpoint.requests) == 3 * 40 + 8, process)
    os.killpg(process.pid, signal.SIGINT)
    output = process.communicate(timeout=60)[0]
    asked = len(endpoint.requests)
    released.set()
    finished = Finished(process.returncode, output, tmp_path / "run")
    assert finished.code == 2, output
    assert asked == 3 * 40 + 8, "nothing is asked any more"
    assert "The run ended early" in output
    assert finished.report["overall"]["samples"] == len(finished.records) > 10


def test_ctrl_c_in_a_gated_run_is_no_verdict(tmp_path: Path) -> None:
    limits = "[min.overall]\nrecognition = 0.5\n[judge]\nsensitivity = 0\nspecificity = 0\nlabels = 0\nresistance = 0\n"
    (tmp_path / "gate.toml").write_text(limits)
    gated = (f"--gate={tmp_path / 'gate.toml'}", "--until-decided", "--concurrency=8", data_of(tmp_path, 500))
    with served(latency=0.05) as server:
        process = start(tmp_path, *agents(server.url), *gated)
        until(lambda: lines(tmp_path) > 10, process)
        os.killpg(process.pid, signal.SIGINT)
        output = process.communicate(timeout=30)[0]
    finished = Finished(process.returncode, output, tmp_path / "run")
    assert finished.code == 2, output
    assert "Gate: UNTRUSTED" in output
    assert "Traceback" not in output
    assert finished.report["gate"]["coverage"] < 0.5


@pytest.mark.parametrize(
    ("told", "processes"), [(signal.SIGTERM, ("-n2",)), (signal.SIGHUP, ())], ids=["two processes", "one"]
)
def test_a_job_that_is_called_off_ends_as_by_ctrl_c(
    tmp_path: Path, told: signal.Signals, processes: tuple[str, ...]
) -> None:
    passing = tmp_path / "passing"
    passing.mkdir()
    with served(latency=0.1) as server:
        asked = [*agents(server.url), "-q", "--tb=no", data_of(tmp_path, 500), "--concurrency=8", *processes]
        process = start(tmp_path, *asked, TMPDIR=str(passing))
        until(lambda: lines(tmp_path) > 10, process)
        workers = [int(file.read_text()) for file in passing.glob("mme-emotion-*/*.pid")]
        process.send_signal(told)  # to it alone, as CI does
        output = process.communicate(timeout=60)[0]
    finished = Finished(process.returncode, output, tmp_path / "run")

    assert finished.code == 2, output
    assert f"the run was ended by {told.name}" in output
    assert "The run ended early" in output
    assert finished.report["overall"]["samples"] == len(finished.records) > 10
    assert len(workers) == len(processes) * 2
    assert not [worker for worker in workers if psutil.pid_exists(worker)]
    assert not list(passing.glob("mme-emotion-*")), "nothing of ours stays behind"


def test_a_wrong_name_stops_the_run_and_is_said_once(tmp_path: Path, endpoint: Endpoint) -> None:
    endpoint.reply = lambda _: Said("no such model", 404)
    asked = ("--model=openai:model", "--extractor=rules", "--judge=rules", f"--base-url={endpoint.url}", "--tb=no")
    for processes in ((), ("-n2",)):
        endpoint.requests.clear()
        finished = run(tmp_path, *asked, "-q", "-rN", "--concurrency=4", data_of(tmp_path, 150), *processes)
        assert finished.code == 2, finished.output
        assert len(endpoint.requests) < 100
        assert finished.output.count("all failed in the same way") == 1
        assert "has no model" in finished.output
        assert "The run ended early" in finished.output


def test_a_run_stops_before_it_costs_too_much(tmp_path: Path) -> None:
    data = data_of(tmp_path, 50)
    prices = "--price=model=10/0,extractor=10/0,judge=10/0"  # 1,000 tokens a request, so a cent each
    for processes in ((), ("-n2",)):
        folder = tmp_path / f"n{len(processes)}"
        with served() as server:
            finished = run(folder, *at(server, data, prices, "--max-cost=0.8", "--concurrency=8", *processes))
            asked = server.asked()
            assert finished.code == 2, finished.output
            assert 60 < asked <= 80
            assert "--max-cost=0.8 would be exceeded" in finished.output
            assert 0 < len(finished.records) < 50
            more = run(folder, *at(server, data, prices, "--max-cost=9", *processes))
            assert server.asked() == 150, "nothing is paid for twice"
        assert more.report["overall"]["scored"] == 50


def calls_and_kept(finished: Finished) -> list[list[str]]:
    rows = [line.split() for line in finished.output.splitlines()]
    return [row[2:4] for row in rows if row and row[0] in ("model", "extractor", "judge")]


def test_an_estimate_asks_nothing(tmp_path: Path) -> None:
    with served() as server:
        prices = "--price=model=1/2,extractor=1/2,judge=1/2"
        finished = run(tmp_path, *at(server, "--data=demo", "--tasks=SA", "--estimate", prices))
        assert (finished.code, server.asked()) == (0, 0), finished.output
        assert [line.split()[2] for line in finished.output.splitlines() if line.startswith(("model", "judge"))] == [
            "6"
        ] * 2
        run(tmp_path, *at(server, "--data=demo", "--tasks=SA"))
        again = run(tmp_path, *at(server, "--data=demo", "--tasks=SA", "--estimate", prices))
        assert server.asked() == 18
    assert calls_and_kept(again) == [["0", "6"]] * 3
    assert again.output.count("0.00 – 0.00") == 4


def on_a_terminal(folder: Path, *arguments: str) -> tuple[int, str]:
    """A run as somebody sees it: its exit code, and all that the terminal was sent."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    asked = command(folder, *arguments)
    with subprocess.Popen(asked, cwd=ROOT, env=environment(TERM="xterm"), stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while part := read(ours):
            shown += part
    os.close(ours)
    return process.returncode, shown.decode()


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # on Linux a terminal ends so
        return b""


@pytest.mark.parametrize("processes", [(), ("-n2",)])
def test_a_terminal_shows_a_panel_and_then_what_pytest_has_to_say(tmp_path: Path, processes: tuple[str, ...]) -> None:
    with served(latency=0.1) as server:
        asked = at(server, data_of(tmp_path, 60), *processes, "--concurrency=8", "-v")  # which takes back -q
        code, told = on_a_terminal(tmp_path, *asked)
    panel, _, rest = told.rpartition("Recognition so far")
    assert code == 1
    assert re.search(r"\d+/60 samples", panel)
    assert re.search(r"\d+ failed, \d+ passed in", rest)
    assert "60 " in rest[rest.index("overall") :]
    assert not re.search(r"[.F]{5}", told), "no dots are written into the panel"


def test_quiet_is_quiet(tmp_path: Path) -> None:
    with served(latency=0.1) as server:
        code, told = on_a_terminal(tmp_path, *at(server, data_of(tmp_path, 20)))
    assert code == 1
    assert "Recognition so far" not in told
    assert re.search(r"[.F]{20}", told), "pytest's own dots"


def test_a_full_disk_ends_the_run_with_one_sentence(tmp_path: Path) -> None:
    data = data_of(tmp_path, 300)
    with served() as server:
        run(tmp_path, *at(server, data, "--limit=20"))
        before = (tmp_path / "run" / "samples.jsonl").read_text()
        limited = ["prlimit", "--fsize=1500000", *command(tmp_path, *at(server, data))]
        done = subprocess.run(limited, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode in (2, 3), done.stdout + done.stderr
    assert "cannot be written" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    earlier = next((tmp_path / "run").glob("earlier-*"))
    assert (earlier / "samples.jsonl").read_text() == before
    assert all(json.loads(line)["id"] for line in (tmp_path / "run" / "samples.jsonl").open())
