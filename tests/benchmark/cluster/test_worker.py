"""What runs in an actor, run here."""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from benchmark.clip import Clip, Sound
from benchmark.clips.reader import ClipReader
from benchmark.cluster.worker import Material, Parcel, Refused, Seat, Settled
from benchmark.local.batching import Generated
from benchmark.local.checkpoint import find_checkpoint
from benchmark.local.loaded import Wanted
from benchmark.local.network import TransformersNetwork
from benchmark.local.settings import parse_settings
from benchmark.prompt import Prompt
from benchmark.storage.cache import Cache

Find = Callable[[str], Path]
SETTINGS = parse_settings({"device_map": "cpu", "max_new_tokens": 12})
GENERATION = tuple(SETTINGS.generation.items())
CLIP = Path(__file__).parents[3] / "benchmark/demo/clips/SA/Drawn/video/SA_02.mp4"


def seated(folder: Path, marker: Path) -> Seat:
    wanted = Wanted(checkpoint=find_checkpoint(str(folder), SETTINGS), settings=SETTINGS, steps=12)
    return Seat({"key": wanted}, marker)


def test_it_says_what_the_network_says_here(checkpoint: Find, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    frames = ClipReader(cache).frames(Clip(CLIP))
    assert frames.source is not None
    sound = Sound(samples=np.sin(np.arange(16_000) / 20).astype("f4"), rate=16_000)
    checkpoint_here = find_checkpoint(str(checkpoint("qwen2.5-omni")), SETTINGS)
    network = TransformersNetwork(checkpoint_here, SETTINGS)
    expected = network.generate(network.prepare([Prompt(text="?", frames=frames, sound=sound)], GENERATION))[0].text
    travelling = Material(seconds=frames.seconds, digest=frames.digest, encoded=frames.encoded(), sound=sound)
    parcel = Parcel(words=Prompt(text="?"), model="key", generation=GENERATION, urgent=False)
    kept = replace(parcel, file=cache.media.find(frames.source.key), key=frames.source.key)

    async def ask() -> None:
        seat = seated(checkpoint("qwen2.5-omni"), cache.path)
        settled = await seat.settle()
        assert isinstance(settled, Settled)
        assert settled.shares
        assert set(settled.packages) == {"mme-emotion", "torch", "transformers"}
        sent = await seat.answer(parcel, travelling)
        assert isinstance(sent, Generated)
        assert sent.text == expected
        from_disk = await seat.answer(kept, replace(travelling, encoded=()))
        assert isinstance(from_disk, Generated)
        assert from_disk.text == expected
        lost = replace(kept, file=tmp_path / "pruned")
        unseen = await seat.answer(lost, replace(travelling, encoded=()))
        assert isinstance(unseen, Refused)
        assert unseen.unseen
        broken = Material(seconds=(0.0,), digest="x", encoded=(base64.b64encode(b"no picture"),), sound=None)
        refused = await seat.answer(parcel, broken)
        assert isinstance(refused, Refused)
        assert not refused.fatal

    asyncio.run(ask())
    cache.close()


def test_a_node_without_the_checkpoint_says_so(checkpoint: Find, tmp_path: Path) -> None:
    lost = replace(find_checkpoint(str(checkpoint("qwen2.5-omni")), SETTINGS), folder=tmp_path / "not here")
    seat = Seat({"key": Wanted(checkpoint=lost, settings=SETTINGS, steps=12)}, tmp_path / "elsewhere")
    said = asyncio.run(seat.settle())
    assert isinstance(said, Refused)
    assert said.fatal
    assert "not here does not exist on this node; put it on a disk that all nodes share" in said.why
