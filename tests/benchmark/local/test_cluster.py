"""What is told of a Ray cluster that cannot be used, and which actors are started where."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from benchmark.cache import Cache
from benchmark.errors import RunError
from benchmark.local.cluster import Place, RayCluster


def cluster(folder: Path, nodes: list[dict[str, object]], gpus: int = 1) -> RayCluster:
    """A cluster of these nodes; nothing but their list is asked of it."""
    made = RayCluster("", gpus, lambda: Cache(folder))
    made._ray = SimpleNamespace(nodes=lambda: nodes, shutdown=lambda: None)
    return made


def node(name: str, *, alive: bool = True, **resources: float) -> dict[str, object]:
    return {"NodeID": name, "Alive": alive, "Resources": resources}


def test_a_place_for_each_group_of_gpus_on_each_node_that_lives(tmp_path: Path) -> None:
    nodes = [node("head", CPU=8), node("a", CPU=8, GPU=2), node("b", CPU=8, GPU=5), node("c", alive=False, GPU=8)]
    assert cluster(tmp_path, nodes).places(needs_gpu=True) == [
        *(Place("a", number) for number in range(2)),
        *(Place("b", number) for number in range(5)),
    ]
    assert cluster(tmp_path, nodes, gpus=2).check(needs_gpu=True) == 3
    assert [place.node for place in cluster(tmp_path, nodes).places(needs_gpu=False)] == ["head", "a", "b"]


def test_a_cluster_without_room_is_told_with_what_it_has(tmp_path: Path) -> None:
    nodes = [node("head", CPU=8), node("a", CPU=4, GPU=2)]
    with pytest.raises(RunError, match="no room for a model: 2 nodes with 2 GPUs and 12 CPUs, none with the 4 GPUs of"):
        cluster(tmp_path, nodes, gpus=4).check(needs_gpu=True)


def test_a_cluster_that_cannot_be_reached_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise ConnectionError("Failed to connect\nto the cluster.")

    absent = ModuleType("ray")
    absent.init = refuse  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ray", absent)
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    made = RayCluster("head:6379", 1, lambda: Cache(tmp_path))
    with pytest.raises(
        RunError, match=r"at head:6379 cannot be reached \(Failed to connect to the cluster\).*RAY_AUTH_TOKEN_PATH"
    ):
        made.check(needs_gpu=True)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RunError, match=r"--engine=ray needs Ray: pip install 'mme-emotion\[ray\]'"):
        made.check(needs_gpu=True)
