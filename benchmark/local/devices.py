"""The accelerators of this machine, as torch sees them; `python -m benchmark.local.devices` prints them as JSON."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from benchmark.errors import RunError

PATIENCE_SECONDS = 90
"""How long torch may take to import and list devices; from a cold disk it takes half a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """An accelerator.

    Attributes:
        kind: `cuda`, also for AMD's devices, or `mps`.
        index: its number among the devices of its kind, as torch counts.
        name: the name of its model.
        free_bytes: its free memory.
        total_bytes: all its memory.
    """

    kind: Literal["cuda", "mps"]
    index: int
    name: str
    free_bytes: int
    total_bytes: int


def devices(patience: float = PATIENCE_SECONDS) -> tuple[Device, ...]:
    """The devices that torch sees, in its order; empty if it sees none.

    Another process lists them, because torch keeps memory of each device that it has seen until its process ends.

    Args:
        patience: how long to wait for that process, in seconds.

    Raises:
        RunError: torch is not installed, cannot be imported, or does not answer in time.
    """
    try:
        asked = subprocess.run(
            # -P: do not import a folder `benchmark` of the current directory
            [sys.executable, "-P", "-m", "benchmark.local.devices"],
            env=os.environ | {"PYTHONPATH": search_path()},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RunError(f"torch did not list the GPUs within {patience:g} s; check that nvidia-smi answers.") from None
    if asked.returncode:
        said = _last_line(asked.stderr)
        if asked.returncode == 1 and said.startswith("torch "):  # a message of `main`
            raise RunError(said)
        code = f"code {asked.returncode}{said and ': '}{said.rstrip('.')}"
        raise RunError(f"torch ended Python while it looked for GPUs ({code}); check the installation of torch.")
    try:
        return TypeAdapter(tuple[Device, ...]).validate_json(_last_line(asked.stdout))
    except ValidationError as error:
        raise RunError(
            f"torch did not list the GPUs ({error.errors()[0]['msg']}); check the installation of torch."
        ) from None


def search_path() -> str:
    """A PYTHONPATH by which another process finds this package first."""
    here = str(Path(__file__).parents[2])
    return os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])


def _last_line(text: str) -> str:
    """The last line, which is the answer; torch may print others before it."""
    return text.strip().rpartition("\n")[2]


def _seen() -> tuple[Device, ...]:
    torch = _imported()
    try:
        if torch.cuda.is_available():
            torch.cuda.init()  # before this, torch counts whole cards even if only a part is visible (MIG)
            return tuple(_cuda(torch, index) for index in range(torch.cuda.device_count()))
        return (_mps(torch),) if torch.backends.mps.is_available() else ()
    except RuntimeError as error:
        raise RunError(f"torch found a GPU but cannot use it: {_first_line(error)}.") from error


def _imported() -> Any:
    try:
        import torch
    except (ImportError, OSError, RuntimeError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "torch":
            raise RunError('torch is not installed: pip install "mme-emotion[local]".') from error
        raise RunError(f"torch cannot be imported: {_first_line(error)}.") from error
    return torch


def _cuda(torch: Any, index: int) -> Device:
    free, total = torch.cuda.mem_get_info(index)
    return Device(kind="cuda", index=index, name=torch.cuda.get_device_name(index), free_bytes=free, total_bytes=total)


def _mps(torch: Any) -> Device:
    total = torch.mps.recommended_max_memory()
    free = total - torch.mps.driver_allocated_memory()
    return Device(kind="mps", index=0, name="Apple GPU", free_bytes=free, total_bytes=total)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__


def main() -> None:
    """Prints the devices as JSON on one line; on an error, exits with its message and the code 1."""
    try:
        sys.stdout.write(json.dumps([asdict(device) for device in _seen()]) + "\n")
    except RunError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
