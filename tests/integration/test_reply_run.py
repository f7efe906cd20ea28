"""What a reply was, from the server's words to table, gate and page."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from benchmark.data.dataset import read_samples
from tests.endpoint import Endpoint, Received, Said, plausible
from tests.integration.runs import Finished, agents, make_samples, run
from tests.tasks import clip_of

CLIPS = [clip_of(sample).path for sample in read_samples("demo").samples]
ANY_JUDGE = "[judge]\nsensitivity = 0\nspecificity = 0\nlabels = 0\nresistance = 0\n"
MIN = "[min.overall]\nrecognition = 0.5\n"
QUIET = ("-q", "--tb=no")
PRICES = "--price=model=10/30,judge=10/30,extractor=10/30"


def answered(names: Mapping[str, str], more: Mapping[str, object] | None = None) -> Callable[[Received], Said]:
    """Plausible replies by models of these names, by whom was asked; `more` is put into each answer's message."""

    def reply(received: Received) -> Said:
        asked = str(received.body["model"])
        whole = json.loads(plausible(received).body(names.get(asked, asked)))
        if asked == "model" and more:
            whole["choices"][0]["message"] |= more
        return Said(raw=json.dumps(whole))

    return reply


def gate(folder: Path, text: str = MIN + ANY_JUDGE) -> str:
    (folder / "gate.toml").write_text(text)
    return f"--gate={folder / 'gate.toml'}"


def samples(folder: Path, count: int) -> str:
    return make_samples(folder / "data.jsonl", CLIPS, count)


def test_another_model_in_place_of_the_one_asked_is_told_and_distrusted(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.reply = answered({"model": "gemini-3.8-flash"})
    asked = [*agents(endpoint.url), samples(tmp_path, 40), gate(tmp_path), *QUIET]
    finished = run(tmp_path, *asked)
    allowed = run(tmp_path, *asked, "--allow-substitute", f"--run-dir={tmp_path / 'allowed'}")

    told = "gemini-3.8-flash has answered in place of model, in 40 of 40 samples"
    assert finished.code == 7, finished.output
    assert finished.report["substitutes"] == [told]
    for place in (finished.output, (finished.folder / "summary.md").read_text()):
        assert f"ANOTHER MODEL: {told}" in place
    assert finished.report["provenance"]["model"]["answered"] == [["gemini-3.8-flash"]]
    assert allowed.code == 0, allowed.output
    assert f"ANOTHER MODEL: {told}" in allowed.output, "allowed, and said all the same"


def test_a_baseline_is_compared_by_who_judged(endpoint: Endpoint, tmp_path: Path) -> None:
    asked = [*agents(endpoint.url), samples(tmp_path, 40), *QUIET]
    drop = gate(tmp_path, "[max_drop.overall]\nrecognition = 0.1\n" + ANY_JUDGE)
    endpoint.reply = answered({"judge": "judge-2026-01-01"})
    base = run(tmp_path, *asked, f"--run-dir={tmp_path / 'base'}")
    against = [*asked, drop, f"--baseline={tmp_path / 'base'}"]
    dated = [argument.replace("openai:judge", "openai:judge-2026-01-01") for argument in against]
    same = run(tmp_path, *dated, f"--run-dir={tmp_path / 'same'}")
    endpoint.reply, before = answered({"judge": "judge-2026-02-02"}), len(endpoint.asked("model"))
    other = run(tmp_path, *against, f"--run-dir={tmp_path / 'other'}", "--no-cache")

    assert base.code == 0, base.output
    assert same.code == 0, same.output
    assert other.code == 7, other.output
    assert "The baseline was judged by judge-2026-01-01, this run by judge-2026-02-02" in other.output
    assert len(endpoint.asked("model")) == before, "nothing is paid for that cannot be compared"


def test_another_judge_among_repeated_judgements_is_told(endpoint: Endpoint, tmp_path: Path) -> None:
    asked: dict[str, int] = {}

    def later_another(received: Received) -> Said:
        judges = received.body["model"] == "judge"
        asked[received.text] = asked.get(received.text, 0) + judges
        return answered({"judge": "other"} if asked[received.text] > 1 else {})(received)

    endpoint.reply = later_another
    finished = run(tmp_path, *agents(endpoint.url), samples(tmp_path, 3), "--repeats=2", *QUIET)

    assert "other has judged in place of judge, in 3 of 3 samples" in finished.output


def test_one_model_has_one_vote(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.reply = answered({"judge": "the-successor", "other-judge": "the-successor"})
    twice = ["--judge=openai:judge", "--judge=openai:other-judge"]
    same = ["--judge=openai:judge", "--judge=openai:Judge"]
    asked = ["--model=openai:model", f"--base-url={endpoint.url}", "--extractor=rules", "--data=demo", "--limit=4"]
    filled = run(tmp_path, *asked, *twice, *QUIET)
    named = run(tmp_path, *asked, *same, *QUIET)

    assert filled.code == 2, filled.output
    assert "are the same model: the-successor answered for judge and for other-judge" in filled.output
    assert named.code == 4, named.output
    assert "--judge names" in named.output


def test_a_run_repeated_after_unscored_samples_asks_for_exactly_these(endpoint: Endpoint, tmp_path: Path) -> None:
    def judged_badly(received: Received) -> Said:
        bad = received.body["model"] == "judge" and "mood 2" in received.text
        return Said("I would rather not.") if bad else plausible(received)

    endpoint.reply = judged_badly
    asked = [*agents(endpoint.url), samples(tmp_path, 5), *QUIET]
    first = run(tmp_path, *asked)
    before, endpoint.reply = len(endpoint.requests), plausible
    second = run(tmp_path, *asked, f"--run-dir={tmp_path / 'second'}")
    third = run(tmp_path, *asked, f"--run-dir={tmp_path / 'third'}")

    assert (first.report["overall"]["unscored"], before) == (1, 5 + 5 + 4 + 3)
    assert second.report["overall"]["unscored"] == third.report["overall"]["unscored"] == 0
    assert len(endpoint.requests) == before + 1


@pytest.mark.parametrize(
    "option", ["--setup-plan", "--setup-only", "--fixtures", "--markers", "--fixtures-per-test", "--collect-only"]
)
def test_who_only_looks_asks_nothing_and_leaves_nothing(endpoint: Endpoint, tmp_path: Path, option: str) -> None:
    finished = run(tmp_path, *agents(endpoint.url), "--data=demo", "--limit=2", option)

    assert finished.code == 0, finished.output
    assert endpoint.requests == []
    assert not finished.folder.exists()


def spans(finished: Finished) -> list[tuple[float, float]]:
    """The costs in the table, a row each."""
    found = re.findall(r"([0-9.]+) – ([0-9.]+)$", finished.output, re.MULTILINE)
    return [(float(low), float(high)) for low, high in found]


def test_an_estimate_needs_no_key_and_narrows_with_what_is_kept(endpoint: Endpoint, tmp_path: Path) -> None:
    asked = [*agents(endpoint.url), "--api-key-env=NO_SUCH_KEY", PRICES, *QUIET]
    small, large = samples(tmp_path, 60), make_samples(tmp_path / "large.jsonl", CLIPS, 120)
    wide = run(tmp_path, *asked, large, "--estimate")
    run(tmp_path, *agents(endpoint.url), small, *QUIET)
    before = len(endpoint.requests)
    narrow = run(tmp_path, *asked, large, "-omme_estimate=true")

    assert wide.code == narrow.code == 0, narrow.output
    assert len(endpoint.requests) == before
    assert spans(wide)[-1][1] > 3 * spans(wide)[-1][0]
    for low, high in spans(narrow):
        assert 0 < low < high <= 2 * low
    sixty = 60 * 3 * (1000 * 10 + 10 * 30) / 1e6  # what the endpoint counts
    assert spans(narrow)[-1][0] < sixty < spans(narrow)[-1][1]


def test_what_a_server_refuses_is_left_out_said_and_recorded(endpoint: Endpoint, tmp_path: Path) -> None:
    def strict(received: Received) -> Said:
        if "temperature" in received.body:
            error = {"message": "Unsupported value: 'temperature'", "param": "temperature", "code": "unsupported_value"}
            return Said(raw=json.dumps({"error": error}), status=400)
        return plausible(received)

    endpoint.reply = strict
    asked = [*agents(endpoint.url), samples(tmp_path, 4), *QUIET]
    first = run(tmp_path, *asked)
    before = len(endpoint.requests)
    second = run(tmp_path, *asked, f"--run-dir={tmp_path / 'second'}")

    assert first.report["overall"]["scored"] == 4, first.output
    assert len(endpoint.requests) == before, "what was refused is known, and what was answered is kept"
    for finished in (first, second):
        assert "model: its server refuses temperature, which is no longer sent." in finished.output
        assert finished.records[0]["usage"]["judge"]["left_out"] == ["temperature"]


def test_how_answers_ended_is_counted(endpoint: Endpoint, tmp_path: Path) -> None:
    def ending(received: Received) -> Said:
        if received.body["model"] == "extractor" and "can't help" in received.text:
            return Said("<step>Step 1: The answer says that it cannot judge feelings. Step 2: None</step>")
        if received.body["model"] != "model" or "mood 0" in received.text:
            return plausible(received)
        refuses = "mood 1" in received.text
        text = "I'm sorry, but I can't help with that." if refuses else "The mouth is open, the voi"
        choice = {"finish_reason": "stop" if refuses else "length", "message": {"content": text}}
        return Said(raw=json.dumps({"choices": [choice], "model": "model"}))

    endpoint.reply = ending
    finished = run(tmp_path, *agents(endpoint.url), samples(tmp_path, 3), *QUIET)
    refused = next(record for record in finished.records if record["refused"])

    assert "Answers: 1 whole, 1 cut off, 1 refused." in finished.output
    assert finished.report["endings"] == {"whole": 1, "cut off": 1, "refused": 1}
    assert (refused["id"], refused["reasoning"]) == ("s1", 0.0)


@pytest.mark.parametrize("apart", [True, False])
def test_thoughts_are_rated_or_ignored_wherever_they_stand(
    endpoint: Endpoint,
    tmp_path: Path,
    apart: bool,  # noqa: FBT001  parametrized
) -> None:
    thought = "The brows are drawn. The voice is loud."
    beside = {"content": "happy", "reasoning": thought}
    endpoint.reply = answered({}, beside if apart else {"content": f"<think>{thought}</think>happy"})
    rules = ["--model=openai:model", f"--base-url={endpoint.url}", "--judge=rules", "--extractor=rules"]
    asked = [*rules, samples(tmp_path, 3), *QUIET]
    rated = run(tmp_path, *asked)
    ignored = run(tmp_path, *asked, "--thoughts=ignored", f"--run-dir={tmp_path / 'ignored'}")

    assert [len(record["steps"]) for record in rated.records] == [2, 2, 2], rated.output
    assert [len(record["steps"]) for record in ignored.records] == [0, 0, 0]
    assert {record["thoughts"] for record in (*rated.records, *ignored.records)} == {thought}
    assert ignored.report["provenance"]["settings"]["thoughts"] == "ignored"
    unlike = run(tmp_path, *asked, f"--baseline={tmp_path / 'ignored'}", f"--run-dir={tmp_path / 'third'}")
    assert unlike.code == 4, unlike.output
    assert "the runs differ in thoughts (ignored there, rated here)" in unlike.output


def test_eight_alike_end_the_run_though_each_has_an_id_of_its_own(endpoint: Endpoint, tmp_path: Path) -> None:
    def failing(received: Received) -> Said:
        number = len(endpoint.requests)
        return Said(f"No such file. Request ID: req_{number:x}f, trace {number * 7919:032x}", 400)

    endpoint.reply = failing
    rules = ["--model=openai:model", f"--base-url={endpoint.url}", "--judge=rules", "--extractor=rules"]
    finished = run(tmp_path, *rules, samples(tmp_path, 40), "--concurrency=1", *QUIET)

    assert "The first 8 samples all failed in the same way" in finished.output
    assert len(endpoint.requests) <= 16
