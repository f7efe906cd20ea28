"""Findings about this machine: packages, decoders, GPUs, disk, keys, data."""

import os
import platform
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
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
from reports.doctor.endpoints import Finding
from reports.kept.folder import usual_place

SUITE = "mme-emotion"
EXTRAS = ("torch", "torchvision", "transformers", "ray", "datasets", "decord")
DATA = "MME_EMOTION_DATA"
SCARCE = 2e9
"""Bytes of free disk; with less, a run is likely to fill it."""

_END_OF_NAME = re.compile(r"[^\w.-]")
_EXTRA = re.compile(r"extra == ['\"]([\w-]+)['\"]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """How to examine a machine; tests replace these functions.

    Attributes:
        version_of: returns the version of an installed package.
        requirements_of: returns the requirements of an installed package.
        gpus: returns the devices that torch sees.
        free_at: returns the free bytes of the disk with a folder.
        may_write: returns whether a folder can be written.
        encode: returns a small mp4 clip.
        decode: returns the decoder that decoded a clip, and its frames.
    """

    version_of: Callable[[str], str] = version
    requirements_of: Callable[[str], list[str] | None] = requires
    gpus: Callable[[], Sequence[Device]] = devices
    free_at: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free
    may_write: Callable[[Path], bool] = lambda folder: os.access(folder, os.W_OK)
    encode: Callable[[], bytes] = make_clip
    decode: Callable[[Path, Decoder, Pace], tuple[str, Taken]] = read_frames

    def version(self, package: str) -> str | None:
        """The package's version; None if it is not installed."""
        try:
            return self.version_of(package)
        except PackageNotFoundError:
            return None


THIS_MACHINE = Machine()


def clip_for_all(machine: Machine) -> tuple[bytes | None, Finding]:
    """A small mp4 clip encoded on this machine, None if that fails, and the finding about PyAV."""
    try:
        clip = machine.encode()
        _decode(clip, "pyav", machine)
    except (av.FFmpegError, ValueError, OSError, EmotionError) as error:
        text = f"{version('av')} cannot encode and decode a clip ({_line(error)}): pip install --force-reinstall av"
        return None, Finding("PyAV", "problem", text)
    return clip, Finding("PyAV", "ok", f"{version('av')}, encodes and decodes")


def machine_findings(clip: bytes | None, pyav: Finding, machine: Machine) -> tuple[Finding, ...]:
    """The findings about the machine; `clip` and `pyav` are those of `clip_for_all`."""
    needs, own = _needs(machine), machine.version(SUITE) or "unknown"
    return (
        Finding("Python", "ok", f"{platform.python_version()}, {SUITE} {own}"),
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
    """The suite's requirements by package: the extra that installs it, "" if every installation has it."""
    try:
        listed = machine.requirements_of(SUITE) or []
    except PackageNotFoundError:  # the suite runs from a folder without being installed
        return {}
    found: dict[str, str] = {}
    for requirement in listed:
        specifier, _, marker = requirement.partition(";")
        name, extra = _END_OF_NAME.split(specifier, maxsplit=1)[0], _EXTRA.search(marker)
        if extra or not marker or machine.version(name):  # not what only other systems need
            found.setdefault(name, extra[1] if extra else "")
    return found


def _core(needs: Mapping[str, str], machine: Machine) -> Finding:
    found = {name: machine.version(name) for name, extra in sorted(needs.items()) if not extra}
    if lost := [name for name, has in found.items() if has is None]:
        text = f"{', '.join(lost)} not installed: pip install --upgrade {SUITE}"
        return Finding("packages", "problem", text, {"versions": found})
    listed = ", ".join(f"{name} {has}" for name, has in found.items())
    return Finding("packages", "ok", listed or f"{SUITE} is not installed", {"versions": found})


def _extra(name: str, needs: Mapping[str, str], machine: Machine) -> Finding:
    if has := machine.version(name):
        return Finding(name, "ok", has)
    package = f'"{SUITE}[{needs[name]}]"' if needs.get(name) else name
    return Finding(name, "missing", f"not installed: pip install {package}")


def _decord(needs: Mapping[str, str], clip: bytes | None, machine: Machine) -> Finding:
    found = _extra("decord", needs, machine)
    if found.state == "missing" or clip is None:
        return found
    try:
        _decode(clip, "decord", machine)
    except (ValueError, OSError, EmotionError) as error:
        return Finding("decord", "problem", f"{found.text} cannot decode a clip ({_line(error)})")
    return Finding("decord", "ok", f"{found.text}, decodes")


def _decode(clip: bytes, decoder: Decoder, machine: Machine) -> None:
    """Checks that the decoder decodes the clip.

    Raises:
        DataError: no decoder can decode it.
        RunError: the decoder cannot be imported.
        ValueError: another decoder had to decode it, or the number of frames is wrong.
    """
    with passing_folder() as folder:
        path = folder / "clip.mp4"
        path.write_bytes(clip)
        by, (frames, _) = machine.decode(path, decoder, Pace())
    if by != decoder or len(frames) != CLIP_SECONDS:
        raise ValueError(f"{by} decoded it, {len(frames)} of {CLIP_SECONDS} frames")


def _ffmpeg() -> Finding:
    if program := shutil.which("ffmpeg"):
        return Finding("ffmpeg", "ok", program)
    return Finding("ffmpeg", "missing", "not found: damaged clips cannot be read; install ffmpeg")


def _gpus(machine: Machine) -> Finding:
    try:
        seen = machine.gpus()
    except RunError as error:
        return Finding("GPU", "missing", str(error))
    if not seen:
        return Finding("GPU", "missing", "torch sees none; a model behind an endpoint needs none", {"devices": []})
    listed = ", ".join(
        f"{device.name} ({gigabytes(device.free_bytes)} of {gigabytes(device.total_bytes)} free)" for device in seen
    )
    return Finding("GPU", "ok", listed, {"devices": [asdict(device) for device in seen]})


def _disk(what: str, folder: Path, machine: Machine) -> Finding:
    """The free disk at a folder, or at its nearest parent that exists."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = machine.free_at(there)
    if not machine.may_write(there):
        flag = "--cache" if what == "cache" else "--run-dir"
        return Finding(what, "problem", f"{folder} cannot be written: choose another with {flag}=DIR")
    text, facts = f"{gigabytes(free)} free at {folder}", {"folder": str(folder), "free_bytes": free}
    if free < SCARCE:
        return Finding(what, "problem", f"{text}: free some space", facts)
    return Finding(what, "ok", text, facts)


def _keys() -> Finding:
    """Which environment variables with keys are set, without their values."""
    names = {provider.key: None for provider in read_catalogue().providers.values() if provider.key}
    held = [name for name in names if os.environ.get(name, "").strip()]
    states = ((held, "set"), ([name for name in names if name not in held], "not set"))
    text = "; ".join(f"{', '.join(found)} {state}" for found, state in states if found)
    return Finding("keys", "ok" if held else "missing", text, {"set": held})


def _data() -> Finding:
    where = os.environ.get(DATA)
    if not where:
        return Finding(DATA, "missing", "not set: runs use --data=DIR, else the demo")
    if where == "demo" or where.startswith("hf:") or Path(where).exists():
        return Finding(DATA, "ok", where)
    return Finding(DATA, "problem", f"{where} does not exist: set the variable to the data's folder")


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".") or type(error).__name__
