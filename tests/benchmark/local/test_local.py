"""What the local models of a run share."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from benchmark.accounts.limits import Limits
from benchmark.errors import ModelError, RunError
from benchmark.local.batching import Batcher
from benchmark.local.checkpoint import Checkpoint, find_checkpoint
from benchmark.local.devices import Device
from benchmark.local.loaded import Wanted
from benchmark.local.placement import claim
from benchmark.local.run import LOST_DEVICE, LocalRun, Machine, Site, last_words
from benchmark.local.settings import LocalSettings, parse_settings
from benchmark.models.find import ModelOptions, find_respondent
from benchmark.models.local import LocalModel
from benchmark.prompt import Prompt
from benchmark.run_setup import BenchmarkOptions, Modalities, prepare
from tests.benchmark.local.fake import FakeNetwork
from tests.benchmark.local.packages import installed

Find = Callable[[str], Path]
ROOT = Path(__file__).parents[3]
ON_CPU = {"device_map": "cpu"}
WAITING, HEADROOM = 192, 2  # as docs/scaling.md says: on a cluster 384 samples wait for each GPU


def cards(count: int) -> tuple[Device, ...]:
    return tuple(
        Device(kind="cuda", index=place, name="Card", free_bytes=24 * 10**9, total_bytes=24 * 10**9)
        for place in range(count)
    )


def here(folder: Path, load: Callable[..., FakeNetwork], **site: Any) -> LocalRun:
    """A run on this machine, whose networks are not Transformers'."""
    return LocalRun(Site(folder=folder, **site), machine=Machine(load=load))


def on(found: Sequence[Device], folder: Path, **site: Any) -> LocalRun:
    """A run on a machine with these devices."""
    machine = Machine(accelerators=lambda: found, memory=lambda: 16 * 10**9)
    return LocalRun(Site(folder=folder, **site), machine=machine)


def heavy(folder: Path, to: Path, gigabytes: int) -> Path:
    """A checkpoint of that kind, by whose file its weights are so heavy."""
    to.mkdir()
    shutil.copy(folder / "config.json", to)
    head = json.dumps({"weights": {"dtype": "BF16", "shape": [gigabytes * 10**9 // 2], "data_offsets": [0, 0]}})
    (to / "model.safetensors").write_bytes(len(head).to_bytes(8, "little") + head.encode())
    return to


def model(folder: Path, run: LocalRun, limits: Limits | None = None, **options: object) -> LocalModel:
    settings = ModelOptions(parameters={**ON_CPU, **options}, local=run, limits=limits or Limits())
    found = find_respondent(f"hf:{folder}", settings, ())
    assert isinstance(found, LocalModel)
    return found


def test_one_checkpoint_in_two_parts_is_loaded_once(checkpoint: Find, tmp_path: Path) -> None:
    networks: list[FakeNetwork] = []

    def load(checkpoint: Checkpoint, settings: LocalSettings, turn: object) -> FakeNetwork:
        networks.append(FakeNetwork())
        return networks[-1]

    run = here(tmp_path, load)
    answers, judges = model(checkpoint("qwen2.5-vl"), run), model(checkpoint("qwen2.5-vl"), run, max_new_tokens=7)
    other = model(checkpoint("qwen2.5-vl"), run, dtype="bfloat16")

    async def ask() -> list[str]:
        return [(await one.generate(Prompt(text="abc"))).text for one in (answers, judges, other)]

    assert asyncio.run(ask()) == ["cba"] * 3
    assert len(networks) == 2
    assert answers.identity != judges.identity
    run.close()


def test_an_answer_costs_nothing_and_an_empty_one_is_an_error(checkpoint: Find, tmp_path: Path) -> None:
    run, limits = here(tmp_path, lambda *_: FakeNetwork()), Limits()
    one = model(checkpoint("qwen2.5-vl"), run, limits)
    answer = asyncio.run(one.generate(Prompt(text="abc")))
    assert answer.usage.cost_usd == 0.0
    assert (answer.usage.requests, answer.usage.input_tokens, answer.usage.output_tokens) == (1, 3, 1)
    assert answer.model == "qwen2.5-vl"
    with pytest.raises(ModelError, match="gave an empty answer"):
        asyncio.run(model(checkpoint("qwen2.5-vl"), run).generate(Prompt(text="  ")))
    run.close()


def test_each_process_has_its_own_line(checkpoint: Find, tmp_path: Path) -> None:
    limits = Limits(share=4)
    model(checkpoint("qwen2.5-vl"), LocalRun(Site(folder=tmp_path)), limits)
    assert limits.window() == WAITING
    alone = Limits()
    model(checkpoint("qwen2.5-vl"), LocalRun(Site(folder=tmp_path)), alone)
    assert alone.window(processes=4) == 4 * WAITING


@dataclass
class Growing:
    """A cluster that has one place at first."""

    room: int = 1

    def check(self, *, needs_gpu: bool) -> str:
        return f"{self.room} places, {needs_gpu}"

    def start(self, wanted: Mapping[str, Wanted]) -> Mapping[str, Batcher]:
        return {key: one.line(FakeNetwork, lambda _: None) for key, one in wanted.items()}

    def close(self) -> None: ...


def test_the_window_grows_with_the_cluster(checkpoint: Find, tmp_path: Path) -> None:
    cluster, limits = Growing(), Limits()
    run = LocalRun(Site(folder=tmp_path), cluster)
    one = model(checkpoint("qwen2.5-vl"), run, limits)
    asyncio.run(one.check())
    assert run.notes == ("1 places, False",)
    assert limits.window() == WAITING
    cluster.room = 8
    asyncio.run(one.generate(Prompt(text="abc")))
    assert limits.window() == HEADROOM * 8 * WAITING
    run.close()


def test_a_process_hides_the_devices_of_the_others(
    checkpoint: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def load(checkpoint: Checkpoint, settings: LocalSettings, turn: object) -> FakeNetwork:
        seen.append(os.environ["CUDA_VISIBLE_DEVICES"])
        return FakeNetwork()

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    run = here(tmp_path, load, worker=1, workers=2, gpus=2)
    one = model(checkpoint("qwen2.5-vl"), run, device_map=None)
    asyncio.run(one.generate(Prompt(text="abc")))
    assert seen == ["6,7"]
    run.release()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "4,5,6,7"  # a process that is started now chooses for itself
    with claim(2, 1, tmp_path) as place:
        assert place == 1
    asyncio.run(one.generate(Prompt(text="abc")))  # loads anew
    assert seen == ["6,7", "6,7"]
    run.release()
    check = run.apart()  # what this process does by itself, before others need the devices
    asyncio.run(model(checkpoint("qwen2.5-vl"), check, device_map=None).generate(Prompt(text="abc")))
    assert seen == ["6,7", "6,7", "4,5"]
    check.close()
    run.close()


def test_the_first_reason_is_told_of_all_networks(
    checkpoint: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(checkpoint: Checkpoint, settings: LocalSettings, turn: object) -> FakeNetwork:
        raise RunError("hf:x lacks weights.")

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    run = here(tmp_path, load)
    for one in (model(checkpoint("qwen2.5-vl"), run, device_map=None), model(checkpoint("qwen2-audio"), run)):
        with pytest.raises(RunError, match="lacks weights"):
            asyncio.run(one.generate(Prompt(text="abc")))
    run.close()


def test_one_named_device_is_the_one_that_is_looked_at(checkpoint: Find, tmp_path: Path) -> None:
    full = replace(cards(2)[0], free_bytes=0)
    settings = parse_settings({"device_map": "cuda:1"})
    for workers, fits in ((1, True), (2, False)):
        run = on((full, cards(2)[1]), tmp_path, workers=workers)
        run.add(find_checkpoint(str(checkpoint("qwen2.5-vl")), settings), settings)
        if fits:
            run.check()
        else:
            with pytest.raises(RunError, match="device_map=cuda:1 is one device for all processes"):
                run.check()


@pytest.mark.parametrize(
    ("model", "judge", "said"),
    [
        ("cuda:0", "cuda:1", None),
        (0, {"": 1}, None),
        ("cuda:1", "cpu", None),
        ("cuda:0", 0, r"hf:qwen2\.5-vl \(15\.0 GB\) and hf:qwen2-audio \(15\.0 GB\) together need 31\.0 GB, but GPU 0"),
        ("cuda:0", None, "device_map=cuda:0 is set for some models only; set it for all hf: models, or none"),
        ("cuda:5", "cuda:0", "device_map=cuda:5 does not exist; use one of cuda:0, cuda:1, cpu"),
    ],
)
def test_each_model_may_have_a_device_of_its_own(
    checkpoint: Find, tmp_path: Path, model: object, judge: object, said: str | None
) -> None:
    run = on(cards(2), tmp_path)
    for name, device in (("qwen2.5-vl", model), ("qwen2-audio", judge)):
        settings = parse_settings({"device_map": device})
        found = find_checkpoint(str(heavy(checkpoint(name), tmp_path / name, 15)), settings)
        run.add(replace(found, name=name), settings)
    if said is None:
        run.check()
    else:
        with pytest.raises(RunError, match=said):
            run.check()


def test_one_checkpoint_that_is_loaded_twice_is_listed_twice(checkpoint: Find, tmp_path: Path) -> None:
    run, folder = on(cards(1), tmp_path), heavy(checkpoint("qwen2.5-vl"), tmp_path / "heavy", 15)
    for options in ({"dtype": "bfloat16"}, {}):
        settings = parse_settings(options)
        run.add(replace(find_checkpoint(str(folder), settings), name="x"), settings)
    with pytest.raises(RunError, match=r"hf:x \(15\.0 GB\) and hf:x with other options \(15\.0 GB\) together"):
        run.check()


def test_a_card_with_room_is_named(checkpoint: Find, tmp_path: Path) -> None:
    settings, run = parse_settings({}), on((replace(cards(1)[0], free_bytes=10**9), cards(2)[1]), tmp_path)
    folder = heavy(checkpoint("qwen2.5-vl"), tmp_path / "heavy", 15)
    run.add(find_checkpoint(str(folder), settings), settings)
    with pytest.raises(RunError, match="GPU 1 has room: use --model-option=device_map=cuda:1"):
        run.check()


LEAVING = """
import sys
from pathlib import Path
from benchmark.local.checkpoint import Checkpoint
from benchmark.local.run import LocalRun, Machine, Site
from benchmark.local.settings import parse_settings
from benchmark.prompt import Prompt
from tests.benchmark.local.fake import FakeNetwork

network, folder = FakeNetwork(), Path(sys.argv[1])
run = LocalRun(Site(folder=folder, worker=3, replaceable=True), machine=Machine(load=lambda *_: network))
key = run.add(Checkpoint(name="x", folder=folder, config={}), parse_settings({"device_map": "cpu"}))
assert run.answering(key).submit(Prompt(text="abc")).result(20).text == "cba"
network.lost = True
run.answering(key).submit(Prompt(text="abc")).result(20)
"""


def test_a_process_that_leaves_says_why(tmp_path: Path) -> None:
    left = subprocess.run([sys.executable, "-c", LEAVING, str(tmp_path)], cwd=ROOT, check=False)
    assert (left.returncode, last_words(tmp_path, 3), last_words(tmp_path, 2)) == (LOST_DEVICE, "an illegal access", "")


def test_devices_are_looked_at_before_anything_is_loaded(checkpoint: Find, tmp_path: Path) -> None:
    settings = parse_settings({})
    found = find_checkpoint(str(checkpoint("qwen2.5-vl")), settings)
    run = on(cards(8), tmp_path)
    run.add(found, settings)
    run.check()
    assert run.notes == ("hf: computes on 1 × Card; 7 more are idle, -n 8 uses them",)
    all_of_them = on(cards(8), tmp_path, workers=8)
    all_of_them.add(found, settings)
    all_of_them.check()
    assert all_of_them.notes == ("hf: computes on 8 × Card",)
    too_many = on(cards(8), tmp_path, workers=9)
    too_many.add(found, settings)
    with pytest.raises(RunError, match=r"9 GPUs are needed .* but there are 8"):
        too_many.check()


@pytest.mark.parametrize(
    ("option", "needed"),
    [
        ({}, 61),
        ({"quantization_config": {"load_in_8bit": True}}, 31),
        ({"quantization_config": {"load_in_4bit": True}}, None),
        ({"dtype": "float32"}, 121),
    ],
)
def test_quantized_weights_take_less(
    checkpoint: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: dict[str, object], needed: int | None
) -> None:
    monkeypatch.syspath_prepend(installed(tmp_path, "bitsandbytes"))
    settings, run = parse_settings(option), on(cards(1), tmp_path)
    run.add(find_checkpoint(str(heavy(checkpoint("qwen2.5-vl"), tmp_path / "heavy", 60)), settings), settings)
    if needed is None:
        run.check()
    else:
        with pytest.raises(RunError, match=rf"need {needed}\.0 GB, but GPU 0 \(Card\) has 24\.0 GB free"):
            run.check()


@pytest.mark.parametrize(
    ("name", "asked", "said"),
    [
        ("qwen2-audio", ("video",), r"accepts audio only, but --modalities is video; use --modalities=audio, or"),
        ("qwen2.5-vl", ("audio",), r"accepts video only, but --modalities is audio; use --modalities=video, or"),
        ("qwen2.5-vl", ("video", "audio"), None),  # it is sent what it takes
        ("qwen2.5-omni", ("audio",), None),
        ("qwen2-audio", (), None),
    ],
)
def test_a_model_that_would_be_sent_nothing_is_refused_before_the_run(
    checkpoint: Find, tmp_path: Path, name: str, asked: Modalities, said: str | None
) -> None:
    options = BenchmarkOptions(model=f"hf:{checkpoint(name)}", model_option=(*ON_CPU.items(),), modalities=asked)
    local = LocalRun(Site(folder=tmp_path))
    if said is None:
        assert isinstance(prepare(options, Limits(), local).respondent, LocalModel)
    else:
        with pytest.raises(RunError, match=said):
            prepare(options, Limits(), local)
