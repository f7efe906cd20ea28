import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.errors import RunError
from benchmark.local.devices import Device, devices

ROOT = Path(__file__).parents[3]

CUDA = """
    import sys
    print("a word of welcome")
    print("a warning", file=sys.stderr)
    class cuda:
        is_available = staticmethod(lambda: True)
        init = staticmethod(lambda: None)
        device_count = staticmethod(lambda: 2)
        get_device_name = staticmethod(lambda index: f"Card {index}")
        mem_get_info = staticmethod(lambda index: (10 + index, 80))
"""
MPS = """
    class cuda:
        is_available = staticmethod(lambda: False)
    class backends:
        class mps:
            is_available = staticmethod(lambda: AVAILABLE)
    class mps:
        recommended_max_memory = staticmethod(lambda: 100)
        driver_allocated_memory = staticmethod(lambda: 30)
"""
OCCUPIED = """
    class cuda:
        is_available = staticmethod(lambda: True)
        init = staticmethod(lambda: None)
        device_count = staticmethod(lambda: 1)
        def mem_get_info(index):
            raise RuntimeError("all CUDA-capable devices are busy\\nand a trace")
"""

Install = Callable[[str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Makes a torch that the other process imports in place of any other."""

    def written(source: str) -> None:
        (tmp_path / "torch.py").write_text(textwrap.dedent(source), "utf-8")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return written


def test_each_gpu_is_told_with_its_memory(install: Install) -> None:
    install(CUDA)
    assert devices() == (
        Device(kind="cuda", index=0, name="Card 0", free_bytes=10, total_bytes=80),
        Device(kind="cuda", index=1, name="Card 1", free_bytes=11, total_bytes=80),
    )


def test_apple_s_gpu_is_one(install: Install) -> None:
    install(MPS.replace("AVAILABLE", "True"))
    assert devices() == (Device(kind="mps", index=0, name="Apple GPU", free_bytes=70, total_bytes=100),)


def test_a_machine_without_has_none(install: Install) -> None:
    install(MPS.replace("AVAILABLE", "False"))
    assert devices() == ()


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (
            "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')",
            r'^torch is not installed: pip install "mme-emotion\[local\]"\.$',
        ),
        (
            "raise ModuleNotFoundError(\"No module named 'sympy'\", name='sympy')",
            r"^torch cannot be imported: No module named 'sympy'\.$",
        ),
        (
            "raise OSError('libcudart.so.13: cannot open\\nmore')",
            r"^torch cannot be imported: libcudart.so.13: cannot open\.$",
        ),
        ("1 / 0", r"^torch ended Python .* \(code 1: ZeroDivisionError: division by zero\); check the installation"),
        ("import os; os.kill(os.getpid(), 9)", r"^torch ended Python while it looked for GPUs \(code -9\); check"),
        ("import os; os._exit(0)", "^torch did not list the GPUs"),
        (OCCUPIED, r"^torch found a GPU but cannot use it: all CUDA-capable devices are busy\.$"),
    ],
)
def test_a_torch_that_does_not_work_is_said_so_in_a_sentence(install: Install, source: str, told: str) -> None:
    install(source)
    with pytest.raises(RunError, match=told) as caught:
        devices()
    assert "\n" not in str(caught.value)


def test_a_torch_that_hangs_is_left(install: Install) -> None:
    install("import threading; threading.Event().wait(10)\n" + textwrap.dedent(MPS.replace("AVAILABLE", "False")))
    with pytest.raises(RunError, match=r"did not list the GPUs within 0.5 s"):
        devices(patience=0.5)


def test_neither_torch_nor_its_memory_stays_here(install: Install) -> None:
    install(CUDA)
    code = "import sys, benchmark.local.devices as d; print(len(d.devices()), 'torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["2", "False"]


def test_somebody_else_s_folder_of_our_name_is_not_run(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(CUDA)
    (tmp_path / "benchmark").mkdir()
    (tmp_path / "benchmark" / "__init__.py").touch()
    (tmp_path / "benchmark" / "devices.py").write_text("print('[]')", "utf-8")
    monkeypatch.chdir(tmp_path)
    assert len(devices()) == 2


def test_the_module_prints_json(install: Install) -> None:
    install(CUDA)
    told = subprocess.run(
        [sys.executable, "-m", "benchmark.local.devices"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert [device["name"] for device in json.loads(told.stdout.splitlines()[-1])] == ["Card 0", "Card 1"]
