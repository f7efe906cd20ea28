"""Which devices a process takes, and whether what is to be loaded fits on them."""

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
"""Which devices a process sees; AMD's heeds NVIDIA's too, unless its own is set."""

RESERVE_BYTES = 10**9
"""Of a device, beside weights: what CUDA keeps for itself, and the smallest batch."""


@contextmanager
def claim(slots: int, preferred: int, folder: Path) -> Iterator[int]:
    """A place among those of the processes that share a machine's devices, kept as long as the context lasts.

    The operating system gives a dead process's place back, so that whoever comes after it finds it free.

    Raises:
        RunError: all are taken.
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
    raise RunError(f"All {slots} places on this machine's GPUs are taken; is a process of the run still ending?")


@contextmanager
def one_at_a_time(what: str) -> Iterator[None]:
    """Has processes of this machine do something one after the other."""
    import fcntl

    name = hashlib.sha256(f"{os.getuid()} {what}".encode()).hexdigest()[:16]
    with open(Path(tempfile.gettempdir()) / f"mme-emotion-{name}.lock", "a", opener=opener) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def visible_to(place: int, each: int, environment: Mapping[str, str]) -> tuple[str, str]:
    """The variable, and what it is for the process at that place, `each` devices a process."""
    variable = ROCM if environment.get(ROCM) else CUDA
    usual = environment.get(variable)
    wanted = range(place * each, (place + 1) * each)
    if usual is None:
        return variable, ",".join(map(str, wanted))
    names = [name.strip() for name in usual.split(",") if name.strip()]
    return variable, ",".join(names[number] for number in wanted)


def check_devices(found: Sequence[Device], processes: int, each: int) -> None:
    """Refuses a run for which there are too few devices.

    Raises:
        RunError: says how many there are, and how many processes they are enough for.
    """
    needed = processes * each
    if not found:
        raise RunError(
            "torch sees no GPU. Install the build of torch for your GPU's driver (`mme-emotion doctor` tells what it"
            " sees), or compute on the CPU, slowly: --model-option=device_map=cpu."
        )
    if len(found) < needed:
        enough = len(found) // each
        way = f"-n {enough}" if enough > 1 else "leave -n away" if enough else f"--gpus-per-worker={len(found)}"
        raise RunError(
            f"{needed} GPUs are needed ({processes} processes, --gpus-per-worker={each}), and there are {len(found)}"
            f" ({found[0].name}): {way}."
        )


def check_room(weights: Mapping[str, int], found: Sequence[Device], processes: int, each: int) -> None:
    """Refuses to load what does not fit; `weights` are bytes by name of all that one process loads.

    Raises:
        RunError: says what is needed and what there is.
    """
    needed = sum(weights.values()) + RESERVE_BYTES * each
    for place in range(processes):
        group = found[place * each : (place + 1) * each]
        free, total = sum(one.free_bytes for one in group), sum(one.total_bytes for one in group)
        if needed <= free:
            continue
        where = f"GPU {group[0].index} ({group[0].name})" if each == 1 else f"{each} × {group[0].name}"
        roomy = next((one.index for one in found if needed <= one.free_bytes), None)
        if processes * each == 1 and roomy is not None:
            raise RunError(
                f"{_listed(weights)} does not fit on {where}, with {gigabytes(free)} of {gigabytes(total)} free."
                f" GPU {roomy} has room: --model-option=device_map=cuda:{roomy}, and likewise for the agents that are"
                " hf: too."
            )
        raise RunError(_too_large(weights, where, free, total, each))


def check_memory(weights: Mapping[str, int], free: int, processes: int) -> None:
    """Refuses to load on the CPU what does not fit into its memory.

    Raises:
        RunError: says what is needed and what there is.
    """
    needed = sum(weights.values()) * processes
    if needed > free:
        raise RunError(
            f"{_listed(weights)} {'need' if len(weights) > 1 else 'needs'} {gigabytes(needed)} of memory in {processes}"
            f" process{'es' * (processes > 1)}, and {gigabytes(free)} are free: take fewer processes, or a GPU."
        )


def free_memory() -> int:
    """Bytes of the machine's memory that nobody uses, or the whole where the system does not tell."""
    page = os.sysconf("SC_PAGE_SIZE")
    try:
        told = Path("/proc/meminfo").read_text("ascii")
    except OSError:
        return page * os.sysconf("SC_PHYS_PAGES")
    fields = dict(line.split(":", 1) for line in told.splitlines())
    return int(fields["MemAvailable"].split()[0]) * 1024


def _too_large(weights: Mapping[str, int], where: str, free: int, total: int, each: int) -> str:
    needed = sum(weights.values()) + RESERVE_BYTES * each
    together = " together" if len(weights) > 1 else ""
    others = (
        f" (others hold {gigabytes(total - free)} of its {gigabytes(total)})"
        if total - free > 2 * RESERVE_BYTES
        else ""
    )
    served = "serve one of them elsewhere (--judge-base-url), or " if together else ""
    return (
        f"{_listed(weights)}{together} need {gigabytes(needed)}, and {where} has {gigabytes(free)} free{others}:"
        f" {served}spread it over more GPUs (--gpus-per-worker={2 * each}), or load it quantized (quantization_config)."
    )


def _listed(weights: Mapping[str, int]) -> str:
    return " and ".join(f"{name} ({gigabytes(size)})" for name, size in weights.items())


def gigabytes(size: float) -> str:
    """Bytes as people read them."""
    return f"{size / 1e9:.1f} GB"
