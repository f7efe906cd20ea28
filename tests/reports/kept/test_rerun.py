"""The command that runs a case again."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from benchmark.accounts.limits import Limits
from benchmark.data.dataset import read_samples
from benchmark.local.run import LocalRun, Site
from benchmark.models.find import ModelOptions, find_respondent
from benchmark.models.templates import read_templates
from benchmark.options import parse_options
from benchmark.run_setup import Bench, BenchmarkOptions
from benchmark.suite import find_suite
from evaluators.agents import EvaluatorOptions
from reports.kept.rerun import rerun_of


def arguments(given: Mapping[str, object], agents: Mapping[str, object] | None = None) -> list[str]:
    options = parse_options(BenchmarkOptions, given)
    dataset = read_samples("demo")
    bench = Bench(
        options=options,
        suite=find_suite(),
        dataset=dataset,
        samples=dataset.samples,
        respondent=find_respondent("signal", ModelOptions(), dataset.samples),
        templates={"": read_templates(find_suite().home)["question"]},
        local=LocalRun(Site(folder=Path())),
        limits=Limits(),
    )
    return shlex.split(rerun_of(replace(bench), parse_options(EvaluatorOptions, agents or {})))


def test_what_has_no_bearing_on_a_score_is_left_out() -> None:
    idle = {
        "limit": "3",
        "shard": "1/2",
        "tasks": "SA",
        "answered_only": True,
        "cache": "/somewhere",
        "concurrency": "9",
        "max_cost": "1",
    }
    assert arguments(idle) == ["--data=demo"]


def test_each_kind_of_option_is_spelt_as_it_is_given() -> None:
    given: dict[str, object] = {
        "model": "openai:it's mine",
        "base_url": "http://a/v1,http://b/v1",
        "model_option": "temperature=0.2,reasoning=null,mode=fast",
        "price": "m=1.5/6",
        "frames": "4",
        "modalities": "video,audio",
    }
    agents: dict[str, object] = {"judge": ("a", "b"), "repeats": "2"}
    first = arguments(given, agents)
    assert first == [
        "--data=demo",
        "--model=openai:it's mine",
        "--base-url=http://a/v1,http://b/v1",
        "--model-option=temperature=0.2,reasoning=null,mode=fast",
        "--price=m=1.5/6",
        "--frames=4",
        "--modalities=video,audio",
        "--judge=a",
        "--judge=b",
        "--repeats=2",
    ]
    named = dict(option.removeprefix("--").split("=", 1) for option in first)
    again = {name.replace("-", "_"): value for name, value in named.items()}
    back = {name: again[name] for name in given}
    assert parse_options(BenchmarkOptions, back) == parse_options(BenchmarkOptions, given)


def test_keys_in_urls_and_places_elsewhere_stay_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    secret = {
        "model": f"answers:{tmp_path / 'elsewhere' / 'a.jsonl'}",
        "base_url": "https://user:s3cret@host:8/v1?key=s3cret",
        "prompts": str(tmp_path / "work" / "mine"),
    }
    assert arguments(secret) == [
        "--data=demo",
        "--model=answers:a.jsonl",
        "--base-url=https://host:8/v1",
        "--prompts=mine",
    ]


def test_a_checkpoint_s_folder_is_written_whole(checkpoint: Callable[[str], Path]) -> None:
    folder = checkpoint("qwen2.5-vl")
    written = arguments({}, {"judge": [f"hf:{folder}"], "judge_option": "device_map=cpu"})
    assert f"--judge=hf:{folder}" in written
    assert "--judge-option=device_map=cpu" in written
