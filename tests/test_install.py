"""What is installed is what was tried: the lock fits pyproject.toml, and this environment fits the lock."""

import os
import re
import sysconfig
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import distributions
from itertools import chain
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PYTHONS = tuple(name.rpartition(" ")[2] for name in PROJECT["project"]["classifiers"] if "Python :: 3." in name)
MACHINES = {
    "linux-x86-64": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
    "linux-arm64": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "aarch64"},
    "macos-arm64": {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"},
}
NOT_OURS = {"mme-emotion", "pip", "setuptools"}
"""The suite, and what Python itself brings into an environment: 3.11 setuptools too, locked for what builds."""


def requirements(lines: Iterator[str]) -> Iterator[Requirement]:
    return (Requirement(line) for line in lines if line.strip() and not line.startswith("#"))


def locked(environment: Mapping[str, str]) -> dict[str, str]:
    """The version of each package that the lock has for such a machine."""
    pins: dict[str, str] = {}
    for pin in requirements(iter((ROOT / "requirements.lock").read_text("utf-8").splitlines())):
        if pin.marker is None or pin.marker.evaluate(dict(environment)):
            assert pin.name not in pins, f"{pin.name} twice"
            ((exact),) = pin.specifier
            assert exact.operator == "=="
            pins[canonicalize_name(pin.name)] = exact.version
    return pins


def machine(python: str, name: str) -> dict[str, str]:
    told = {"python_version": python, "python_full_version": f"{python}.9", "extra": "", "os_name": "posix"}
    return {**default_environment(), **told, **MACHINES[name]}  # type: ignore[dict-item]


@pytest.mark.parametrize("name", MACHINES)
@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_has_what_pyproject_asks_for(python: str, name: str) -> None:
    environment = machine(python, name)
    pins = locked(environment)
    extras = PROJECT["project"]["optional-dependencies"].values()
    listed = chain(PROJECT["project"]["dependencies"], PROJECT["build-system"]["requires"], *extras)
    for wanted in requirements(listed):
        if wanted.name == "mme-emotion" or (wanted.marker and not wanted.marker.evaluate(environment)):
            continue
        assert pins[canonicalize_name(wanted.name)] in wanted.specifier, f"{wanted}: run make lock"


@pytest.mark.skipif("MME_EMOTION_UNLOCKED" in os.environ, reason="the lock is not what this environment was made from")
def test_this_environment_holds_what_is_locked() -> None:
    pins = locked({**default_environment(), "extra": ""})  # type: ignore[dict-item]
    here = [sysconfig.get_path("purelib")]  # Ray brings packages of its own elsewhere
    found = {canonicalize_name(one.name): one.version.partition("+")[0] for one in distributions(path=here)}
    strange = {name: has for name, has in found.items() if name not in NOT_OURS and pins.get(name) != has}
    assert strange == {}, "install with make, or run make lock"


def test_each_python_that_is_tested_is_one_that_the_readme_names() -> None:
    (said,) = re.findall(r"Python (3\.[\d., and3]+) are tested", (ROOT / "README.md").read_text("utf-8"))
    assert tuple(re.findall(r"3\.\d+", said)) == PYTHONS
