"""Emotions in free words from the command line: the demo by rules, and an agent that is asked for words."""

import json
from pathlib import Path

from tests.endpoint import Endpoint, Received, Said
from tests.integration.runs import run


def test_the_demo_of_nine_sets_is_run_offline_and_gated(tmp_path: Path) -> None:
    gate = tmp_path / "gate.toml"
    gate.write_text("[min.overall]\nscore = 0.9\n[min.MER2023]\nhit_rate = 0.01\n")
    done = run(tmp_path, "--suite=mer-unibench", "--data=demo", "--model=majority", f"--gate={gate}")
    assert done.code == 1, done.output
    assert "MER-UniBench: majority answers 51 of 51 samples" in done.output
    assert "Score, map 2025" in done.output
    assert "the extractor is rules, a list of words" in done.output
    assert done.report["gate"]["word"] == "FAIL"
    # both of the two most common, happy, of five samples that count
    assert done.report["tasks"]["MER2023"]["hit_rate"] == 2 / 5
    cells = [scores["score"] for scores in done.report["tasks"].values()]
    assert len(cells) == 9
    assert abs(done.report["overall"]["score"] - sum(cells) / 9) < 1e-12
    assert (done.folder / "report.html").exists()


def test_an_agent_is_asked_for_words_their_sign_and_their_groups_but_no_judge(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    def reply(received: Received) -> Said:
        if received.body["model"] == "m":
            assert "What is said in the clip" in json.dumps(received.body)
            return Said("I think that he is deeply hurt.")
        if "Put words" in received.text:
            return Said("<step>Step 1: hurt, sad, lonely, tired Step 2: happy</step>")
        if "positive; negative; neutral" in received.text:
            return Said("<step>Step 1: negative</step>")
        return Said("<step>Step 1: hurt, sad</step>")

    endpoint.reply = reply
    agents = ["--model=openai:m", "--extractor=openai:extractor", f"--base-url={endpoint.url}"]
    done = run(tmp_path / "sign", "--suite=mer-unibench", "--data=demo", "--tasks=CMU-MOSI", *agents)
    assert done.code == 1, done.output
    assert done.report["tasks"]["CMU-MOSI"]["sign_accuracy"] == 2 / 4
    # the second of a sample is cached if another sample has asked it just before
    assert max(record["usage"]["extractor"]["requests"] for record in done.records) == 2
    assert {"positive; negative; neutral" in request.text for request in endpoint.asked("extractor")} == {True, False}
    grouped = run(tmp_path / "groups", "--suite=mer2024-ov", "--data=demo", *agents)
    assert grouped.code == 1, grouped.output
    assert {record["outcome"] for record in grouped.records} == {"passed", "failed"}
    sad = next(record for record in grouped.records if record["targets"] == ["sad", "lonely", "tired"])
    assert (sad["accuracy"], sad["recall"], sad["average"]) == (1, 1, 1)
    assert sad["predicted"] == ["hurt", "sad"]
