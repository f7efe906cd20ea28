"""Runs with models on this machine: tiny checkpoints of real architectures, with random weights."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.checkpoints import BUILDS
from tests.endpoint import Endpoint
from tests.integration.runs import Finished, essence, run, run_alone

RULES = ("--judge=rules", "--extractor=rules", "--tb=no", "-q")
ON_CPU = "--model-option=device_map=cpu,max_new_tokens=16"
Find = Callable[[str], Path]


def go(folder: Path, checkpoint: Path, *arguments: str, option: str = ON_CPU) -> Finished:
    return run(folder, f"--model=hf:{checkpoint}", option, *arguments, PYTHONPATH=BUILDS)


@pytest.fixture(scope="module")
def calm(checkpoint: Find, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Half of the demo, in one process."""
    model = f"--model=hf:{checkpoint('qwen2.5-omni')}"
    return run_alone(tmp_path_factory.mktemp("calm"), model, ON_CPU, *RULES, "--limit=24", PYTHONPATH=BUILDS)


def test_a_whole_run(calm: Finished, checkpoint: Find) -> None:
    assert calm.report["overall"]["scored"] == 24, calm.output
    assert calm.report["model"] == "qwen2.5-omni"
    usage = calm.report["usage"]["model"]
    assert usage["requests"] == 24
    assert usage["cost_usd"] == 0
    assert usage["output_tokens"] > 24
    assert len({record["answer"] for record in calm.records}) > 12
    assert "Warning" not in calm.output
    assert str(checkpoint("qwen2.5-omni").parent) not in str(calm.report["provenance"]["model"])


def test_answers_are_kept(calm: Finished, checkpoint: Find, tmp_path: Path) -> None:
    cache = f"--cache={calm.folder.with_name('cache')}"
    again = go(tmp_path, checkpoint("qwen2.5-omni"), *RULES, "--limit=24", cache)
    assert essence(again) == essence(calm)
    assert again.report["usage"]["model"]["requests"] == 0


def test_two_processes_find_what_one_finds(calm: Finished, checkpoint: Find, tmp_path: Path) -> None:
    together = go(tmp_path, checkpoint("qwen2.5-omni"), *RULES, "--limit=24", "-n2")
    assert essence(together) == essence(calm)
    assert together.report["usage"]["model"]["requests"] == 24


@pytest.mark.parametrize("name", ["qwen2.5-vl", "qwen2-audio", "video-llava"])
def test_other_architectures_through_the_whole_command(name: str, checkpoint: Find, tmp_path: Path) -> None:
    finished = go(tmp_path, checkpoint(name), *RULES, "--limit=8")
    assert finished.report["overall"]["scored"] == 8, finished.output
    assert len({record["answer"] for record in finished.records}) > 4


def test_a_judge_and_a_listener_may_be_here_too(checkpoint: Find, endpoint: Endpoint, tmp_path: Path) -> None:
    """The judge says nothing that parses, being random: what it said is kept, and the run tells what went wrong."""
    folder = checkpoint("qwen2.5-omni")
    rows = tmp_path / "own.csv"
    clips = sorted(Path("benchmark/demo/clips/SA/Drawn/video").glob("*.mp4"))
    lines = [f'{clip.absolute()},happy,"happy;sad",ER-Wild' for clip in clips]
    rows.write_text("\n".join(["video,label,label_set,task", *lines]))
    same = f"hf:{folder}"
    finished = go(
        tmp_path, folder, f"--data={rows}", "--tb=no", "--extractor=rules",
        f"--judge={same}", ON_CPU.replace("model", "judge"),
        f"--clue-model={same}", ON_CPU.replace("model", "clue-model"),
    )  # fmt: skip
    assert finished.report["overall"]["unscored"] == len(clips)
    for record in finished.records:
        assert record["stage"] == "judge"
        assert len(record["rejected"]["judge"]) == 3
        # what is cut off is no description either: a listener that babbles on is given up as the judge is
        assert 3 <= record["usage"]["unscored"]["requests"] <= 3 + 3


@pytest.mark.parametrize(
    ("model", "option", "said"),
    [
        ("hf:", ON_CPU, "hf: needs a checkpoint; use hf:FOLDER, or hf:OWNER/NAME"),
        ("hf:/no/such/folder", ON_CPU, "hf:/no/such/folder does not exist: there is no such folder"),
        (
            "hf:HERE",
            "--model-option=tempreature=0",
            "unknown option tempreature of a local model; did you mean temperature?",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence(checkpoint: Find, model: str, option: str, said: str, tmp_path: Path) -> None:
    import re

    named = model.replace("HERE", str(checkpoint("qwen2.5-vl")))
    refused = run(tmp_path, f"--model={named}", option, *RULES, PYTHONPATH=BUILDS)
    assert refused.code in (2, 4)
    assert re.search(said, refused.output), refused.output
    assert "Traceback" not in refused.output


def test_no_gpu_is_told_before_anything_is_loaded(checkpoint: Find, tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available() or torch.backends.mps.is_available():
        pytest.skip("this machine has an accelerator")
    refused = go(tmp_path, checkpoint("qwen2.5-vl"), *RULES, option="--model-option=max_new_tokens=4")
    assert refused.code == 4
    assert "torch sees no GPU" in refused.output
    assert "--model-option=device_map=cpu" in refused.output


def test_help_and_runs_over_the_network_never_import_torch(endpoint: Endpoint, tmp_path: Path) -> None:
    """A module of that name that cannot be imported stands in torch's way."""
    for name in ("torch", "transformers", "ray"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('heavy: imported')\n")
    asked = [
        "--model=openai:model",
        "--extractor=openai:extractor",
        "--judge=openai:judge",
        f"--base-url={endpoint.url}",
    ]
    for arguments in (["--help"], [*asked, "--limit=8", "-q"]):
        finished = run(tmp_path, *arguments, PYTHONPATH=str(tmp_path))
        assert finished.code in (0, 1)
        assert "heavy" not in finished.output
