"""Which devices a process takes, and whether what is to be loaded fits."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.errors import RunError
from benchmark.local.devices import Device
from benchmark.local.placement import check_devices, check_memory, check_room, claim, visible_to

GB = 10**9


def cards(count: int, free: float = 24, total: float = 24) -> list[Device]:
    return [
        Device(kind="cuda", index=number, name="NVIDIA A10G", free_bytes=int(free * GB), total_bytes=int(total * GB))
        for number in range(count)
    ]


def test_each_process_sees_its_own_devices() -> None:
    cuda, rocm = "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"
    assert [visible_to(place, 2, {}) for place in range(3)] == [(cuda, "0,1"), (cuda, "2,3"), (cuda, "4,5")]
    assert visible_to(1, 1, {cuda: "GPU-a, GPU-b,GPU-c"}) == (cuda, "GPU-b")
    assert visible_to(1, 1, {cuda: "0,1", rocm: "4,5"}) == (rocm, "5")


CLAIM = """
import sys; from pathlib import Path; from benchmark.local.placement import claim
with claim(2, int(sys.argv[1]), Path(sys.argv[2])) as place:
    print(place, flush=True); sys.stdin.read()
"""


def test_a_dead_process_s_place_is_free_again(tmp_path: Path) -> None:
    def start(preferred: int) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", CLAIM, str(preferred), str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    with start(1) as first, start(0) as second:
        taken = [process.stdout.readline().strip() for process in (first, second) if process.stdout]
        assert taken == ["1", "0"]
        with pytest.raises(RunError, match="All 2 places on this machine's GPUs are taken"):
            claim(2, 0, tmp_path).__enter__()
        first.kill()
        first.wait()
        with claim(2, 0, tmp_path) as place:
            assert place == 1  # the third worker, in place of the dead one
        second.kill()


@pytest.mark.parametrize(
    ("count", "processes", "each", "said"),
    [
        (0, 1, 1, r"torch sees no GPU.*device_map=cpu"),
        (4, 8, 1, r"8 GPUs are needed \(8 processes, --gpus-per-worker=1\), but there are 4 \(NVIDIA A10G\); use -n 4"),
        (3, 2, 2, r"4 GPUs are needed .*; omit -n"),
        (2, 1, 4, r"4 GPUs are needed .*; use --gpus-per-worker=2"),
    ],
)
def test_too_few_devices_are_an_error(count: int, processes: int, each: int, said: str) -> None:
    with pytest.raises(RunError, match=said):
        check_devices(cards(count), processes, each)


def test_enough_devices_are_none() -> None:
    check_devices(cards(8), 4, 2)
    check_room({"hf:A": 40 * GB}, cards(8), 4, 2)
    check_memory({"hf:A": GB}, 2 * GB, 2)


@pytest.mark.parametrize(
    ("weights", "free", "each", "said"),
    [
        ({"hf:A": 30}, 24, 1, r"hf:A \(30\.0 GB\) need 31\.0 GB, but GPU 0 \(NVIDIA A10G\) has 24\.0 GB free; spread"),
        (
            {"hf:A": 15, "hf:B": 14},
            24,
            1,
            r"hf:A \(15\.0 GB\) and hf:B \(14\.0 GB\) together .*serve one of them",
        ),
        ({"hf:A": 15}, 4, 1, r"has 4\.0 GB free \(others use 20\.0 GB of its 24\.0 GB\)"),
        ({"hf:A": 60}, 24, 2, r"2 × NVIDIA A10G has 48\.0 GB free; spread it over more GPUs \(--gpus-per-worker=4\)"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_loaded(
    weights: dict[str, int], free: float, each: int, said: str
) -> None:
    with pytest.raises(RunError, match=said):
        check_room({name: size * GB for name, size in weights.items()}, cards(2, free), 1, each)


def test_the_machine_s_own_memory_is_looked_at_too() -> None:
    with pytest.raises(RunError, match=r"hf:A \(3\.0 GB\) needs 12\.0 GB of memory in 4 processes, but 8\.0"):
        check_memory({"hf:A": 3 * GB}, 8 * GB, 4)
