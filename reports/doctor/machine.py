"""What this machine has of what a run needs."""

import os
import platform
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import av
from platformdirs import user_cache_path

from benchmark.accounts.catalogue import read_catalogue
from benchmark.clips.decode import Decoder, read_frames
from benchmark.clips.frames import Taken
from benchmark.clips.pace import Pace
from benchmark.endpoint.probe_media import CLIP_SECONDS, make_clip
from benchmark.errors import EmotionError, RunError
from benchmark.local.devices import Device, devices
from benchmark.local.placement import gigabytes
from benchmark.storage.passing import passing_folder
from reports.doctor.doctor import Finding
from reports.kept.folder import usual_place

SUITE = "mme-emotion"
EXTRAS = ("torch", "torchvision", "transformers", "ray", "datasets", "decord")
DATA = "MME_EMOTION_DATA"
SCARCE = 2e9
"""Bytes of free disk below which a run is likely to fill it."""

_REQUIREMENT = re.compile(r"([\w.-]+)[^;]*(?:; *(.*))?")
_EXTRA = re.compile(r"extra == ['\"]([\w-]+)['\"]")


def _free_at(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _may_write(folder: Path) -> bool:
    return os.access(folder, os.W_OK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What is asked of a machine.

    Attributes:
        version_of: the version of an installed package.
        requirements_of: what an installed package requires.
        gpus: the devices that torch sees.
        free_at: bytes of disk that are free at a folder.
        may_write: whether a folder can be written.
        encode: makes a small clip.
        decode: what decoded a clip's frames, and the frames.
    """

    version_of: Callable[[str], str] = version
    requirements_of: Callable[[str], list[str] | None] = requires
    gpus: Callable[[], Sequence[Device]] = devices
    free_at: Callable[[Path], int] = _free_at
    may_write: Callable[[Path], bool] = _may_write
    encode: Callable[[], bytes] = make_clip
    decode: Callable[[Path, Decoder, Pace], tuple[str, Taken]] = read_frames

    def version(self, package: str) -> str | None:
        """The package's version; None where it is not installed."""
        try:
            return self.version_of(package)
        except PackageNotFoundError:
            return None


THIS_MACHINE = Machine()


def clip_for_all(machine: Machine = THIS_MACHINE) -> tuple[bytes | None, Finding]:
    """A small clip encoded here, None where that fails, and what is to be said of PyAV."""
    try:
        clip = machine.encode()
        _decode(clip, "pyav", machine)
    except (av.FFmpegError, ValueError, OSError, EmotionError) as error:
        said = f"{version('av')} cannot encode and decode a clip ({_line(error)}): pip install --force-reinstall av"
        return None, Finding(name="PyAV", state="problem", text=said)
    return clip, Finding(name="PyAV", state="ok", text=f"{version('av')}, encodes and decodes")


def machine_findings(clip: bytes | None, pyav: Finding, machine: Machine = THIS_MACHINE) -> tuple[Finding, ...]:
    """All that is to be said of the machine; `clip` is one that decord may try itself at, and `pyav` its maker."""
    needs, own = _needs(machine), machine.version(SUITE) or "unknown"
    return (
        Finding(name="Python", state="ok", text=f"{platform.python_version()}, {SUITE} {own}"),
        _core(needs, machine),
        *(_extra(name, needs, machine) for name in EXTRAS[:-1]),
        pyav,
        _decord(needs, clip, machine),
        _ffmpeg(),
        _gpus(machine),
        _disk("cache", user_cache_path(SUITE), machine),
        _disk("runs", usual_place("any").parent.absolute(), machine),
        _keys(),
        _data(),
    )


def _needs(machine: Machine) -> Mapping[str, str]:
    """The packages that the suite names, each with the extra that brings it; empty for those that come with it."""
    try:
        listed = machine.requirements_of(SUITE) or []
    except PackageNotFoundError:  # it runs from a folder that nobody has installed
        return {}
    found: dict[str, str] = {}
    for requirement in listed:
        name, marker = _parts(requirement)
        extra = _EXTRA.search(marker)
        if extra or not marker or machine.version(name):  # what other systems need is nobody's loss here
            found.setdefault(name, extra[1] if extra else "")
    return found


def _parts(requirement: str) -> tuple[str, str]:
    match = _REQUIREMENT.match(requirement)
    return (match[1], match[2] or "") if match else (requirement, "")


def _core(needs: Mapping[str, str], machine: Machine) -> Finding:
    found = {name: machine.version(name) for name, extra in sorted(needs.items()) if not extra}
    if lost := [name for name, has in found.items() if has is None]:
        return Finding(
            name="packages",
            state="problem",
            text=f"{', '.join(lost)} not installed: pip install --upgrade {SUITE}",
            facts={"versions": found},
        )
    listed = ", ".join(f"{name} {has}" for name, has in found.items())
    return Finding(name="packages", state="ok", text=listed or f"{SUITE} is not installed", facts={"versions": found})


def _extra(name: str, needs: Mapping[str, str], machine: Machine) -> Finding:
    if has := machine.version(name):
        return Finding(name=name, state="ok", text=has)
    return Finding(name=name, state="missing", text=_how_to_get(name, needs))


def _how_to_get(name: str, needs: Mapping[str, str]) -> str:
    extra = needs.get(name)
    return f'not installed: pip install "{SUITE}[{extra}]"' if extra else f"not installed: pip install {name}"


def _decord(needs: Mapping[str, str], clip: bytes | None, machine: Machine) -> Finding:
    found = _extra("decord", needs, machine)
    if found.state == "missing" or clip is None:
        return found
    try:
        _decode(clip, "decord", machine)
    except (ValueError, OSError, EmotionError) as error:
        return Finding(name="decord", state="problem", text=f"{found.text} cannot decode a clip ({_line(error)})")
    return Finding(name="decord", state="ok", text=f"{found.text}, decodes")


def _decode(clip: bytes, decoder: Decoder, machine: Machine) -> None:
    """Decodes the clip.

    Raises:
        DataError: nothing can.
        RunError: the decoder does not import.
        ValueError: the decoder gave too few frames, or left it to the ffmpeg program.
    """
    with passing_folder() as folder:
        path = folder / "clip.mp4"
        path.write_bytes(clip)
        by, (frames, _) = machine.decode(path, decoder, Pace())
    if by != decoder or len(frames) != CLIP_SECONDS:
        raise ValueError(f"{by} had to, and made {len(frames)} frames of it")


def _ffmpeg() -> Finding:
    if program := shutil.which("ffmpeg"):
        return Finding(name="ffmpeg", state="ok", text=program)
    said = "not found: clips that are damaged stay unread; install ffmpeg"
    return Finding(name="ffmpeg", state="missing", text=said)


def _gpus(machine: Machine) -> Finding:
    try:
        seen = machine.gpus()
    except RunError as error:
        return Finding(name="GPU", state="missing", text=str(error))
    if not seen:
        said = "torch sees none; a model behind an endpoint needs none here"
        return Finding(name="GPU", state="missing", text=said, facts={"devices": []})
    listed = ", ".join(
        f"{device.name} ({gigabytes(device.free_bytes)} of {gigabytes(device.total_bytes)} free)" for device in seen
    )
    return Finding(name="GPU", state="ok", text=listed, facts={"devices": [asdict(device) for device in seen]})


def _disk(what: str, folder: Path, machine: Machine) -> Finding:
    """Room at a folder, or where it would be made."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = machine.free_at(there)
    if not machine.may_write(there):
        said = f"{folder} cannot be written: choose another with --{'cache' if what == 'cache' else 'run-dir'}=DIR"
        return Finding(name=what, state="problem", text=said)
    said = f"{gigabytes(free)} free at {folder}"
    short = free < SCARCE
    return Finding(
        name=what,
        state="problem" if short else "ok",
        text=f"{said}: make room" if short else said,
        facts={"folder": str(folder), "free_bytes": free},
    )


def _keys() -> Finding:
    """Which variables with keys are set; of what they hold, nothing."""
    names = {provider.key: None for provider in read_catalogue().providers.values() if provider.key}
    held = [name for name in names if os.environ.get(name, "").strip()]
    lacking = ", ".join(name for name in names if name not in held)
    said = "; ".join(_told(held, lacking))
    return Finding(name="keys", state="ok" if held else "missing", text=said, facts={"set": held})


def _told(held: list[str], lacking: str) -> Iterator[str]:
    if held:
        yield f"{', '.join(held)} set"
    if lacking:
        yield f"{lacking} not set"


def _data() -> Finding:
    where = os.environ.get(DATA)
    if not where:
        return Finding(name=DATA, state="missing", text="not set: runs take --data=DIR, else the demo")
    if where == "demo" or where.startswith("hf:") or Path(where).exists():
        return Finding(name=DATA, state="ok", text=where)
    return Finding(name=DATA, state="problem", text=f"there is no {where}: set it to the folder of the data")


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".") or type(error).__name__
