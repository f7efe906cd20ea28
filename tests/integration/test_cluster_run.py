"""Runs on a Ray cluster of two nodes, both on this machine, with token authentication."""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints import BUILDS
from tests.integration.runs import ROOT, Finished, essence, lines, run, start, until

OFFLINE = ("--judge=rules", "--extractor=rules")


@pytest.fixture(scope="module")
def local(checkpoint: Callable[[str], Path]) -> tuple[str, ...]:
    """A model, and how it is loaded."""
    return (
        f"--model=hf:{checkpoint('qwen2.5-omni')}",
        "--model-option=device_map=cpu,max_new_tokens=48",
        *OFFLINE,
        "--limit=24",
    )


@pytest.fixture(scope="module")
def calm(local: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The same model on this machine alone."""
    return run(tmp_path_factory.mktemp("calm"), *local, PYTHONPATH=BUILDS)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A head and a second node, a processor each."""
    token = tmp_path_factory.mktemp("token") / "token"
    token.write_text(secrets.token_hex(32))
    more = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token), "PYTHONPATH": f"{ROOT}{os.pathsep}{BUILDS}"}
    more["RAY_worker_niceness"] = "0"  # or they come to nothing beside whatever else this machine does
    with pytest.MonkeyPatch.context() as patch:
        for name, value in more.items():
            patch.setenv(name, value)
        from ray.cluster_utils import Cluster

        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        made.add_node(num_cpus=1)
        yield made
        made.shutdown()


def test_a_node_lost_on_the_way_costs_nothing(
    cluster: Any, local: tuple[str, ...], calm: Finished, tmp_path: Path
) -> None:
    asked = [*local[:1], f"{local[1]},batch_size=1", *local[2:], f"--engine=ray:{cluster.address}"]
    process = start(tmp_path, *asked)
    until(lambda: lines(tmp_path) >= 6, process)
    (second,) = cluster.worker_nodes
    cluster.remove_node(second, allow_graceful=False)
    output = process.communicate(timeout=120)[0]
    finished = Finished(process.returncode, output, tmp_path / "run")
    assert essence(finished) == essence(calm), output
    assert finished.report["overall"] == calm.report["overall"]
    assert "Ray cluster: 2 places for a model" in output
    cluster.add_node(num_cpus=1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--engine=ray", "-n2"),
            "--engine=ray runs models on the nodes of the cluster, not in local processes",
        ),
        (("--engine=dask",), "--engine must be ray, or ray:HOST:PORT of a cluster, got dask"),
        (("--engine=ray", "--model=signal"), "--engine=ray applies to hf: models only, and this run has none"),
    ],
)
def test_an_engine_that_cannot_be_is_refused(
    local: tuple[str, ...], arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    refused = run(tmp_path, *local, *arguments, PYTHONPATH=BUILDS)
    assert refused.code == 4
    assert said in refused.output
