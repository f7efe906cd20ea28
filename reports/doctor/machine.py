"""What this machine has of what a run needs."""

import os
import platform
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import av
from platformdirs import user_cache_path

from benchmark.accounts.catalogue import read_catalogue
from benchmark.clips.decode import Decoder, read_frames
from benchmark.clips.pace import Pace
from benchmark.endpoint.probe_media import CLIP_SECONDS, make_clip
from benchmark.errors import EmotionError, RunError
from benchmark.local.devices import devices
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


def clip_for_all() -> tuple[bytes | None, Finding]:
    """A small clip encoded here, None where that fails, and what is to be said of PyAV."""
    try:
        clip = make_clip()
        _decode(clip, "pyav")
    except (av.FFmpegError, ValueError, OSError, EmotionError) as error:
        said = f"{version('av')} cannot encode and decode a clip ({_line(error)}): pip install --force-reinstall av"
        return None, Finding(name="PyAV", state="problem", text=said)
    return clip, Finding(name="PyAV", state="ok", text=f"{version('av')}, encodes and decodes")


def machine_findings(clip: bytes | None, pyav: Finding) -> tuple[Finding, ...]:
    """All that is to be said of this machine; `clip` is one that decord may try itself at, and `pyav` its maker."""
    needs = _needs()
    return (
        Finding(name="Python", state="ok", text=f"{platform.python_version()}, {SUITE} {_version(SUITE) or 'unknown'}"),
        _core(needs),
        *(_extra(name, needs) for name in EXTRAS[:-1]),
        pyav,
        _decord(needs, clip),
        _ffmpeg(),
        _gpus(),
        _disk("cache", user_cache_path(SUITE)),
        _disk("runs", usual_place("any").parent.absolute()),
        _keys(),
        _data(),
    )


def _needs() -> Mapping[str, str]:
    """The packages that the suite names, each with the extra that brings it; empty for those that come with it."""
    try:
        listed = requires(SUITE) or []
    except PackageNotFoundError:  # it runs from a folder that nobody has installed
        return {}
    found: dict[str, str] = {}
    for requirement in listed:
        name, marker = _parts(requirement)
        extra = _EXTRA.search(marker)
        if extra or not marker or _version(name):  # what other systems need is nobody's loss here
            found.setdefault(name, extra[1] if extra else "")
    return found


def _parts(requirement: str) -> tuple[str, str]:
    match = _REQUIREMENT.match(requirement)
    return (match[1], match[2] or "") if match else (requirement, "")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _core(needs: Mapping[str, str]) -> Finding:
    found = {name: _version(name) for name, extra in sorted(needs.items()) if not extra}
    if lost := [name for name, has in found.items() if has is None]:
        return Finding(
            name="packages",
            state="problem",
            text=f"{', '.join(lost)} not installed: pip install --upgrade {SUITE}",
            facts={"versions": found},
        )
    listed = ", ".join(f"{name} {has}" for name, has in found.items())
    return Finding(name="packages", state="ok", text=listed or f"{SUITE} is not installed", facts={"versions": found})


def _extra(name: str, needs: Mapping[str, str]) -> Finding:
    if has := _version(name):
        return Finding(name=name, state="ok", text=has)
    return Finding(name=name, state="missing", text=_how_to_get(name, needs))


def _how_to_get(name: str, needs: Mapping[str, str]) -> str:
    extra = needs.get(name)
    return f'not installed: pip install "{SUITE}[{extra}]"' if extra else f"not installed: pip install {name}"


def _decord(needs: Mapping[str, str], clip: bytes | None) -> Finding:
    found = _extra("decord", needs)
    if found.state == "missing" or clip is None:
        return found
    try:
        _decode(clip, "decord")
    except (ValueError, OSError, EmotionError) as error:
        return Finding(name="decord", state="problem", text=f"{found.text} cannot decode a clip ({_line(error)})")
    return Finding(name="decord", state="ok", text=f"{found.text}, decodes")


def _decode(clip: bytes, decoder: Decoder) -> None:
    """Decodes the clip.

    Raises:
        DataError: nothing can.
        RunError: the decoder does not import.
        ValueError: the decoder gave too few frames, or left it to the ffmpeg program.
    """
    with passing_folder() as folder:
        path = folder / "clip.mp4"
        path.write_bytes(clip)
        by, (frames, _) = read_frames(path, decoder, Pace())
    if by != decoder or len(frames) != CLIP_SECONDS:
        raise ValueError(f"{by} had to, and made {len(frames)} frames of it")


def _ffmpeg() -> Finding:
    if program := shutil.which("ffmpeg"):
        return Finding(name="ffmpeg", state="ok", text=program)
    said = "not found: clips that are damaged stay unread; install ffmpeg"
    return Finding(name="ffmpeg", state="missing", text=said)


def _gpus() -> Finding:
    try:
        seen = devices()
    except RunError as error:
        return Finding(name="GPU", state="missing", text=str(error))
    if not seen:
        said = "torch sees none; a model behind an endpoint needs none here"
        return Finding(name="GPU", state="missing", text=said, facts={"devices": []})
    listed = ", ".join(
        f"{device.name} ({gigabytes(device.free_bytes)} of {gigabytes(device.total_bytes)} free)" for device in seen
    )
    return Finding(name="GPU", state="ok", text=listed, facts={"devices": [asdict(device) for device in seen]})


def _disk(what: str, folder: Path) -> Finding:
    """Room at a folder, or where it would be made."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    if not os.access(there, os.W_OK):
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
