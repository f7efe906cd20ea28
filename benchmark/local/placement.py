"""Assigns devices to processes, and checks whether networks fit on them."""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmark.errors import RunError
from benchmark.local.devices import Device
from benchmark.storage.files import opener

CUDA, ROCM = "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"
"""The variables that limit which devices a process sees; ROCm uses CUDA's unless its own is set."""

RESERVE_BYTES = 10**9
"""Memory that a device needs besides weights: for CUDA itself and the smallest batch."""


@contextmanager
def claim(slots: int, preferred: int, folder: Path) -> Iterator[int]:
    """A free place, from 0 to `slots` - 1, among the processes that share a machine's devices; held inside the context.

    The file locks in `folder` end with their process, so the place of a dead process is free again.

    Raises:
        RunError: all places are taken.
    """
    import fcntl

    for offset in range(slots):
        place = (preferred + offset) % slots
        with open(folder / f"device-{place}.lock", "a", opener=opener) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield place
            return
    raise RunError(f"All {slots} places on this machine's GPUs are taken; wait until earlier processes have ended.")


@contextmanager
def one_at_a_time(what: str) -> Iterator[None]:
    """Holds the lock of that name, which the processes of this user on this machine share."""
    import fcntl

    name = hashlib.sha256(f"{os.getuid()} {what}".encode()).hexdigest()[:16]
    with open(Path(tempfile.gettempdir()) / f"mme-emotion-{name}.lock", "a", opener=opener) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def visible_to(place: int, each: int, environment: Mapping[str, str]) -> tuple[str, str]:
    """The name and the value of the variable that shows a process only its devices, `each` of them per place."""
    variable = ROCM if environment.get(ROCM) else CUDA
    usual = environment.get(variable)
    wanted = range(place * each, (place + 1) * each)
    if usual is None:
        return variable, ",".join(map(str, wanted))
    names = [name.strip() for name in usual.split(",") if name.strip()]
    return variable, ",".join(names[number] for number in wanted)


def check_devices(found: Sequence[Device], processes: int, each: int) -> None:
    """Refuses a run for which there are too few devices; `each` is the number that a process takes.

    Raises:
        RunError: there are too few; the message says for how many processes they are enough.
    """
    needed = processes * each
    if not found:
        raise RunError(
            "torch sees no GPU. Install the build of torch for your GPU's driver (`mme-emotion doctor` shows what it"
            " sees), or use the CPU, which is slow: --model-option=device_map=cpu."
        )
    if len(found) < needed:
        enough = len(found) // each
        remedy = f"use -n {enough}" if enough > 1 else "omit -n" if enough else f"use --gpus-per-worker={len(found)}"
        raise RunError(
            f"{needed} GPUs are needed ({processes} processes, --gpus-per-worker={each}), but there are {len(found)}"
            f" ({found[0].name}); {remedy}."
        )


def check_room(weights: Mapping[str, int], found: Sequence[Device], processes: int, each: int) -> None:
    """Refuses networks that do not fit on the GPUs; `weights` are the bytes that one process loads, by name.

    Raises:
        RunError: they do not fit; the message compares what is needed and what is free.
    """
    needed = sum(weights.values()) + RESERVE_BYTES * each
    for place in range(processes):
        group = found[place * each : (place + 1) * each]
        free, total = sum(one.free_bytes for one in group), sum(one.total_bytes for one in group)
        if needed <= free:
            continue
        where = f"GPU {group[0].index} ({group[0].name})" if each == 1 else f"{each} × {group[0].name}"
        other = next((one.index for one in found if needed <= one.free_bytes), None)
        if processes * each == 1 and other is not None:
            raise RunError(
                f"{_listed(weights)} does not fit on {where}, with {gigabytes(free)} of {gigabytes(total)} free."
                f" GPU {other} has room: use --model-option=device_map=cuda:{other}, and the same for agents that are"
                " hf: models."
            )
        raise RunError(_too_large(weights, where, free, total, each))


def check_memory(weights: Mapping[str, int], free: int, processes: int) -> None:
    """Refuses networks on the CPU that do not fit into `free` bytes; each process loads those of `weights`.

    Raises:
        RunError: they do not fit; the message compares what is needed and what is free.
    """
    needed = sum(weights.values()) * processes
    if needed > free:
        raise RunError(
            f"{_listed(weights)} {'need' if len(weights) > 1 else 'needs'} {gigabytes(needed)} of memory in {processes}"
            f" process{'es' * (processes > 1)}, but {gigabytes(free)} are free; use fewer processes, or a GPU."
        )


def free_memory() -> int:
    """The machine's available memory in bytes; all its memory where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields["MemAvailable"].split()[0]) * 1024


def _too_large(weights: Mapping[str, int], where: str, free: int, total: int, each: int) -> str:
    needed = sum(weights.values()) + RESERVE_BYTES * each
    together = " together" if len(weights) > 1 else ""
    used = total - free
    others = f" (others use {gigabytes(used)} of its {gigabytes(total)})" if used > 2 * RESERVE_BYTES else ""
    served = "serve one of them elsewhere (--judge-base-url), or " if together else ""
    return (
        f"{_listed(weights)}{together} need {gigabytes(needed)}, but {where} has {gigabytes(free)} free{others};"
        f" {served}spread it over more GPUs (--gpus-per-worker={2 * each}), or load it quantized (quantization_config)."
    )


def _listed(weights: Mapping[str, int]) -> str:
    return " and ".join(f"{name} ({gigabytes(size)})" for name, size in weights.items())


def gigabytes(size: float) -> str:
    """A number of bytes in words, such as `15.0 GB`."""
    return f"{size / 1e9:.1f} GB"
