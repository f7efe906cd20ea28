"""The accelerators of this machine, as torch sees them.

    python -m benchmark.local.devices

prints them as JSON.
"""

import importlib
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
"""How long torch may take to import and to look; from a cold disk it takes half a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """An accelerator.

    Attributes:
        kind: `cuda`, which AMD's are called too, or `mps`.
        index: its number among those of the kind, as torch counts.
        name: what its maker calls it.
        free_bytes: memory that nobody holds.
        total_bytes: memory that it has.
    """

    kind: Literal["cuda", "mps"]
    index: int
    name: str
    free_bytes: int
    total_bytes: int


def devices(patience: float = PATIENCE_SECONDS) -> tuple[Device, ...]:
    """What torch sees, none where it sees no accelerator; `patience` is in seconds.

    A process of its own asks: torch holds memory of every device that it has looked at for as long as it lives.

    Raises:
        RunError: torch is not installed, does not import, or cannot say in time.
    """
    try:
        asked = subprocess.run(
            # -P: somebody else's folder `benchmark` that we happen to stand beside is not ours
            [sys.executable, "-P", "-m", "benchmark.local.devices"],
            env=os.environ | {"PYTHONPATH": _search_path()},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RunError(
            f"torch did not say within {patience:g} s which GPUs there are; does nvidia-smi answer?"
        ) from None
    if asked.returncode:
        raise RunError(_why(asked.returncode, _last_line(asked.stderr)))
    try:
        return TypeAdapter(tuple[Device, ...]).validate_json(_last_line(asked.stdout))
    except ValidationError as error:
        raise RunError(f"torch did not say which GPUs there are ({error.errors()[0]['msg']}).") from None


def _search_path() -> str:
    """Where the other process finds this very package, before whatever the user has there."""
    here = str(Path(__file__).parents[2])
    return os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])


def _why(code: int, said: str) -> str:
    """Why there is no answer: what `main` says, else that the process did not get so far."""
    if code == 1 and said.startswith("torch "):
        return said
    return f"torch ends Python as it looks for GPUs (code {code}{said and ': '}{said.rstrip('.')})."


def _last_line(text: str) -> str:
    """Where the answer stands; what torch itself says comes before it."""
    return text.strip().rpartition("\n")[2]


def _seen() -> tuple[Device, ...]:
    torch = _imported()
    try:
        if torch.cuda.is_available():
            torch.cuda.init()  # before that it counts whole cards, of which CUDA may show a part alone (MIG)
            return tuple(_cuda(torch, index) for index in range(torch.cuda.device_count()))
        return (_mps(torch),) if torch.backends.mps.is_available() else ()
    except RuntimeError as error:
        raise RunError(f"torch finds a GPU and cannot use it: {_first_line(error)}.") from error


def _imported() -> Any:
    try:
        return importlib.import_module("torch")
    except (ImportError, OSError, RuntimeError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "torch":
            raise RunError('torch is not installed: pip install "mme-emotion[local]".') from error
        raise RunError(f"torch does not import: {_first_line(error)}.") from error


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
    """Writes the devices as JSON, in one line; what goes wrong ends it with a sentence and the exit code 1."""
    try:
        seen = _seen()
    except RunError as error:
        sys.exit(str(error))
    sys.stdout.write(json.dumps([asdict(device) for device in seen]) + "\n")


if __name__ == "__main__":
    main()
