"""Gated runs from the command line: verdicts, exit codes, and what is left for people and CI to read."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmark.data.dataset import read_samples
from evaluators.judge.check import read_anchors
from reports.kept.checks import CHECKS
from tests.endpoint import Endpoint, Received, Said, plausible
from tests.integration.oracle import knowing
from tests.integration.runs import ROOT, Finished, environment, mme_emotion, run
from tests.tasks import clip_of

CLIP = clip_of(read_samples("demo").samples[0]).path
COUNT = 200
ANY_JUDGE = "[judge]\nsensitivity = 0\nspecificity = 0\nlabels = 0\nresistance = 0\n"
SHORT = sum(anchor.short for anchor in read_anchors())


def make(folder: Path, right: Sequence[bool | None]) -> list[str]:
    """The options of a run over so many samples whose answers are right, wrong or not there."""
    rows = [
        {
            "id": f"s{n}",
            "video": str(CLIP),
            "label": "happy",
            "label_set": ["happy", "sad", f"mood {n}"],
            "task": "ER-Wild",
            "recording": f"r{n}",
        }
        for n in range(len(right))
    ]
    given = [(n, "happy" if one else "sad") for n, one in enumerate(right) if one is not None]
    answers = [{"id": f"s{n}", "model_response": f"Answer: {label}"} for n, label in given]
    (folder / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "answers.jsonl").write_text("\n".join(map(json.dumps, answers)))
    data = [f"--data={folder / 'data.jsonl'}", f"--model=answers:{folder / 'answers.jsonl'}"]
    return [*data, "--judge=rules", "--extractor=rules", "--tb=no", "-q"]


def gate(folder: Path, text: str) -> str:
    (folder / "gate.toml").write_text(text)
    return f"--gate={folder / 'gate.toml'}"


def share(percent: int) -> list[bool]:
    """So many of each hundred are right, spread evenly."""
    return [(n + 1) * percent // 100 > n * percent // 100 for n in range(COUNT)]


MIN = "[min.overall]\nrecognition = 0.5\n"


@pytest.mark.parametrize(
    ("percent", "word", "code"),
    [(60, "PASS", 0), (40, "FAIL", 1), (51, "INCONCLUSIVE", 6)],
    ids=lambda value: str(value),
)
def test_each_verdict_has_its_exit_code_and_is_in_every_report(
    tmp_path: Path, percent: int, word: str, code: int
) -> None:
    page = tmp_path / "page.html"
    asked = [
        *make(tmp_path, share(percent)),
        gate(tmp_path, MIN + ANY_JUDGE),
        f"--html={page}",
        "--self-contained-html",
    ]
    finished = run(tmp_path, *asked)
    (criterion,) = finished.report["gate"]["criteria"]
    suites = ET.parse(finished.folder / "junit.xml").getroot()
    properties = {found.get("name"): found.get("value") or "" for found in suites.iter("property")}

    assert finished.code == code, finished.output
    assert f"Gate: {word}" in finished.output
    assert (finished.report["gate"]["word"], criterion["value"], criterion["limit"]) == (word, percent / 100, 0.5)
    assert f"### Gate: {word}" in (finished.folder / "summary.md").read_text()
    assert properties["gate"] == word
    assert properties["overall Recognition at least 50.0"].endswith(")")
    assert f"Gate: {word}" in page.read_text()


def test_too_much_unscored_is_untrusted(tmp_path: Path) -> None:
    right: list[bool | None] = [None if n % 50 == 0 else True for n in range(COUNT)]
    finished = run(tmp_path, *make(tmp_path, right), gate(tmp_path, MIN + ANY_JUDGE))

    assert finished.code == 7, finished.output
    assert "Only 98.0% of the samples have a score; 99.0% must." in finished.output


def test_a_baseline_made_by_an_earlier_run(tmp_path: Path) -> None:
    """A release as good as the last one passes; one that is worse does not; one made otherwise is refused."""
    drop = "[max_drop.overall]\nrecognition = 0.02\n" + ANY_JUDGE
    last = tmp_path / "last"
    assert run(tmp_path, *make(tmp_path, share(60)), f"--run-dir={last}").code == 1, "a run without a gate"

    same = run(tmp_path, *make(tmp_path, share(60)), gate(tmp_path, drop), f"--baseline={last}")
    assert same.code == 0, same.output
    assert "overall Recognition not below the baseline by more than 2.0" in same.output

    worse = run(tmp_path, *make(tmp_path, share(40)), gate(tmp_path, drop), f"--baseline={last}", "-n2")
    assert worse.code == 1, worse.output
    assert "This is attempt 2 of this model at this gate, after PASS" in worse.output
    again = run(tmp_path, *make(tmp_path, share(40)), gate(tmp_path, drop), f"--baseline={last}")
    assert again.report["gate"]["earlier"] == ["PASS"], "the same answers are no further attempt"

    other = [*make(tmp_path, share(60)), gate(tmp_path, drop), f"--baseline={last}", "--fps=2"]
    refused = run(tmp_path, *other)
    assert refused.code == 4, refused.output
    assert "the runs differ in fps (1.0 there, 2.0 here)" in refused.output
    allowed = run(tmp_path, *other, "--baseline-allow=fps", f"--reference={last}")
    assert allowed.code == 0, allowed.output
    assert "overall Recognition not below the reference by more than 2.0" in allowed.output
    assert (allowed.report["gate"]["reference"], allowed.report["gate"]["earlier"]) == ("last", [])
    own = run(tmp_path, *make(tmp_path, share(60)), gate(tmp_path, drop), f"--baseline={last}", f"--run-dir={last}")
    assert own.code == 4, own.output
    assert "is the baseline's own folder" in own.output


def test_a_baseline_alone_is_refused_where_the_samples_cannot_tell(tmp_path: Path) -> None:
    few = make(tmp_path, share(60)[:100])
    run(tmp_path, *few, f"--run-dir={tmp_path / 'last'}")
    finished = run(tmp_path, *few, f"--baseline={tmp_path / 'last'}")

    assert finished.code == 4
    assert "Not even a run that gives the baseline's own answers could pass the gate: 100 samples" in finished.output
    assert "Traceback" not in finished.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--until-decided"], "--until-decided needs a gate"),
        (["--gate=nowhere.toml"], "nowhere.toml cannot be used"),
        (["--baseline=nowhere"], "nowhere holds no finished run"),
        (["--baseline=x", "--baseline-allow=colour"], "--baseline-allow must be some of"),
    ],
)
def test_what_cannot_be_gated_is_refused_in_a_sentence(tmp_path: Path, arguments: list[str], said: str) -> None:
    finished = run(tmp_path, *make(tmp_path, [True] * 5), *arguments)
    assert (finished.code, said in finished.output, "Traceback" in finished.output) == (4, True, False), finished.output


@pytest.mark.parametrize("processes", [[], ["-n2"]], ids=["one", "two"])
def test_a_clear_run_stops_when_it_is_decided(endpoint: Endpoint, tmp_path: Path, processes: list[str]) -> None:
    """The endpoint names the first candidate, which is right every time."""
    usual = [one for one in make(tmp_path, share(90)) if not one.startswith("--model")]
    asked = [*usual, "--model=openai:model", f"--base-url={endpoint.url}", "--concurrency=4"]
    finished = run(tmp_path, *asked, gate(tmp_path, MIN + ANY_JUDGE), "--until-decided", *processes)
    stopping = finished.report["gate"]["stopping"]

    assert finished.code == 0, finished.output
    assert f"The gate is settled after 100 of {COUNT}: PASS" in finished.output
    assert (stopping["samples"], stopping["looks"][-1], finished.report["overall"]["samples"]) == (100, COUNT, 100)
    assert len(finished.records) == 100 + stopping["beyond"]
    assert len(finished.records) == len(endpoint.asked("model")) < COUNT, "what was paid for is on record"
    assert "run ended early" not in finished.output


def test_an_unclear_run_asks_all(tmp_path: Path) -> None:
    finished = run(tmp_path, *make(tmp_path, share(51)), gate(tmp_path, MIN + ANY_JUDGE), "--until-decided")

    assert finished.code == 6, finished.output
    assert finished.report["gate"]["stopping"] is None
    assert len(finished.records) == COUNT


def test_a_selection_is_a_whole_of_its_own(tmp_path: Path) -> None:
    """Samples that `-k` leaves out were not to be asked: they are no gap."""
    finished = run(tmp_path, *make(tmp_path, share(60)), gate(tmp_path, MIN + ANY_JUDGE), "-k", "s1 or s2")
    assert finished.code == 0, finished.output
    assert finished.report["selected"] == finished.report["overall"]["samples"] < COUNT


def test_a_selection_that_no_gate_could_pass_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    finished = run(tmp_path, *make(tmp_path, share(60)), gate(tmp_path, MIN + ANY_JUDGE), "-k", "s111")
    assert finished.code == 4, finished.output
    assert "Not even a run without a mistake could pass the gate: 1 samples" in finished.output
    assert "Traceback" not in finished.output


def test_checks_of_the_judge_that_cannot_be_read_are_found_before_it_is_asked(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / CHECKS).write_bytes(b"\xff")
    finished = judged(tmp_path, endpoint, gate(tmp_path, "[min.overall]\nrecognition = 0.1\n"))
    assert (finished.code, len(endpoint.requests)) == (4, 0), finished.output


# the judge


def judged(folder: Path, endpoint: Endpoint, *arguments: str) -> Finished:
    agents = (
        "--model=openai:model",
        "--extractor=openai:extractor",
        "--judge=openai:judge",
        f"--base-url={endpoint.url}",
    )
    return run(folder, *agents, "--data=demo", "--tb=no", *arguments)


def test_a_judge_that_is_a_list_of_words_is_no_judge_for_a_gate(tmp_path: Path) -> None:
    finished = run(tmp_path, *make(tmp_path, share(60)), gate(tmp_path, MIN))

    assert finished.code == 7, finished.output
    assert "Gate: UNTRUSTED" in finished.output
    assert "The judge's sensitivity on anchors is" in finished.output
    assert "### Gate: UNTRUSTED" in (finished.folder / "summary.md").read_text()
    assert (finished.report["gate"]["word"], finished.report["overall"]["samples"]) == ("UNTRUSTED", 0)
    assert finished.report["judge_check"]["judge"] == "rules"
    assert '<property name="gate" value="UNTRUSTED"' in (finished.folder / "junit.xml").read_text()
    assert not (finished.folder / "samples.jsonl").exists()


def test_a_judge_is_checked_first_and_nothing_else_is_paid_where_it_fails(endpoint: Endpoint, tmp_path: Path) -> None:
    finished = judged(tmp_path, endpoint, gate(tmp_path, "[min.overall]\nrecognition = 0.1\n"))

    assert finished.code == 7, finished.output
    assert (len(endpoint.asked("judge")), len(endpoint.asked("model"))) == (SHORT, 0)


def test_a_good_judge_lets_the_run_go_on_and_is_asked_anew_each_time(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.reply = knowing()
    asked = gate(tmp_path, "[min.overall]\nrecognition = 0.1\n")
    first, second = judged(tmp_path, endpoint, asked, "--concurrency=2"), judged(tmp_path, endpoint, asked)

    assert (first.code, second.code) == (0, 0), first.output + second.output
    assert len(endpoint.asked("judge")) == 48 + 2 * SHORT
    assert first.report["judge_check"]["resistance"]["right"] == first.report["judge_check"]["resistance"]["of"] > 0
    assert first.report["usage"]["judge check"]["requests"] == SHORT
    assert f"0 of {SHORT} anchors are rated differently than on" in second.output


def test_an_estimate_counts_the_check_and_the_repeats(endpoint: Endpoint, tmp_path: Path) -> None:
    asked = gate(tmp_path, "[min.overall]\nrecognition = 0.1\n")
    finished = judged(tmp_path, endpoint, "--tasks=SA", "--repeats=3", "--estimate", asked)
    calls = {
        row[0]: row[1] for row in re.findall(r"^(model|judge|judge check) +\w+ +(\d+) ", finished.output, re.MULTILINE)
    }

    assert calls == {"model": "18", "judge": "30", "judge check": str(SHORT)}, finished.output
    assert endpoint.requests == []


def test_a_judge_that_gives_in_to_orders_is_untrusted(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.reply = knowing(fooled_by="orders")
    finished = judged(
        tmp_path, endpoint, gate(tmp_path, "[min.overall]\nrecognition = 0.1\n[judge]\nresistance = 1.0\n")
    )
    assert finished.code == 7, finished.output
    assert "The judge's resistance to attacks on anchors is" in finished.output


def test_judge_check_tells_good_from_bad_and_shows_drift(endpoint: Endpoint, tmp_path: Path) -> None:
    asked = ("judge", "check", "--judge=openai:judge", f"--judge-base-url={endpoint.url}", f"--cache={tmp_path}")
    endpoint.reply = knowing()
    good = mme_emotion(*asked)
    assert (good.returncode, "good enough" in good.stdout) == (0, True), good.stdout + good.stderr

    endpoint.reply = knowing(fooled_by="flood")
    fooled = mme_emotion(*asked)
    floods = sum(anchor.kind == "flood" for anchor in read_anchors())
    assert f"{floods} of {len(read_anchors())} anchors are rated differently than on" in fooled.stdout

    endpoint.reply = plausible
    bad = mme_emotion(*asked)
    assert (bad.returncode, "not to be trusted" in bad.stdout) == (1, True), bad.stdout + bad.stderr
    assert len((tmp_path / CHECKS).read_text().splitlines()) == 3


def test_who_reads_the_beginning_alone_sees_no_traceback(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "reports.cli", "judge", "check", "--judge=rules", f"--cache={tmp_path}"],
        cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.close()
    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 1


def test_a_judge_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    found = mme_emotion("judge", "check", "--judge=nobody", f"--cache={tmp_path}")
    assert (found.returncode, "Unknown model nobody" in found.stderr) == (2, True)


def test_several_judges_rate_as_one_and_their_agreement_is_reported(endpoint: Endpoint, tmp_path: Path) -> None:
    def reply(received: Received) -> Said:
        """One of the three rates every first step 0."""
        said = plausible(received)
        strict = received.body["model"] == "judge-strict"
        return Said(said.text.replace("Step 1: 1/1", "Step 1: 0/1")) if strict else said

    endpoint.reply = reply
    finished = judged(tmp_path, endpoint, "--tasks=SA", "--judge=openai:judge-b", "--judge=openai:judge-strict")
    (record, *_) = finished.records
    agreement = finished.report["agreement"]

    assert finished.report["overall"]["reasoning"] == 1, finished.output
    assert record["steps"][0]["votes"] == {"judge": "1/1", "judge-b": "1/1", "judge-strict": "0/1"}
    assert finished.report["usage"]["judge"]["requests"] == 18
    assert set(agreement["kappas"]) == {"judge | judge-b", "judge | judge-strict", "judge-b | judge-strict"}
    assert agreement["alpha_steps"] < 0.1
    assert "Krippendorff's alpha" in finished.output


def test_judge_and_word_list_are_compared_in_every_run(endpoint: Endpoint, tmp_path: Path) -> None:
    """The endpoint's judge finds every answer right; the first label mostly is not."""
    finished = judged(tmp_path, endpoint, "--tasks=SA")
    wrong = [one["id"] for one in finished.records if one["prediction"]["rating"] != one["by_rules"]]
    listed = (finished.folder / "disagreements.md").read_text()

    assert finished.report["agreement"]["differing"] == len(wrong) > 0
    assert [name for name in wrong if name.rpartition("/")[2].replace("_", r"\_") not in listed] == []


@pytest.mark.parametrize("processes", [[], ["-n2"]], ids=["one", "two"])
def test_repeats_ask_again_and_split_the_variance(endpoint: Endpoint, tmp_path: Path, processes: list[str]) -> None:
    finished = judged(tmp_path, endpoint, "--tasks=SA", "--repeats=3", *processes)
    split = finished.report["variance"]["recognition"]

    assert finished.report["overall"]["scored"] == 6, finished.output
    assert (len(endpoint.asked("model")), len(endpoint.asked("judge"))) == (18, 30)
    assert (split["samples"], split["repeats"]) == (6, 3)
    assert len(finished.records[0]["repeats"]["answers"]) == 3
    assert finished.report["usage"]["repeats"]["requests"] > 0

    again = judged(tmp_path, endpoint, "--tasks=SA", "--repeats=3", *processes)
    assert again.report["variance"] == finished.report["variance"]
    assert len(endpoint.asked("model")) == 18, "all of it is kept"


def test_a_repeat_that_fails_costs_no_score(endpoint: Endpoint, tmp_path: Path) -> None:
    """The judge says nothing usable about one answer given again; the first answer's score stands, and the reason."""
    judged_before: list[bytes] = []

    def reply(received: Received) -> Said:
        again = received.body["model"] == "judge" and received.raw in judged_before
        if received.body["model"] == "judge":
            judged_before.append(received.raw)
        return Said("Hm.") if again else plausible(received)

    endpoint.reply = reply
    finished = judged(tmp_path, endpoint, "--tasks=SA", "--repeats=2")

    assert finished.report["overall"]["scored"] == 6, finished.output
    assert finished.report["unrepeated"] == 6
    assert "have a score but could not be repeated" in finished.output
    assert "cannot be used" in finished.records[0]["repeats"]["error"]
