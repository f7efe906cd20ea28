"""What determined a run's figures: versions, data, agents, wording, settings."""

import hashlib
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from string import Template

PACKAGES = ("mme-emotion", "pytest", "openai", "av", "numpy", "pillow", "decord")


def versions() -> Mapping[str, str]:
    """Python, the platform and the packages that bear on scores; those not installed are left out."""
    found = {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def commit_of(root: Path) -> str | None:
    """The git commit of the suite's own checkout, with `+` where it was changed since; None outside git."""
    try:
        head = _git(root, "rev-parse", "--short=12", "HEAD")
        return head + ("+" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603  fixed arguments
        ["git", "-C", str(root), *arguments],  # noqa: S607  whichever git the user has
        capture_output=True, text=True, check=True, timeout=10,
    )  # fmt: skip
    return done.stdout.strip()


def digest_of(templates: Mapping[str, Template]) -> Mapping[str, str]:
    """A short hash of each prompt's wording, by name."""
    return {name: hashlib.sha256(template.template.encode()).hexdigest()[:12] for name, template in templates.items()}
