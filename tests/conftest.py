"""What all tests share: a real endpoint, tiny checkpoints, and programs that a test may need."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.checkpoints import make
from tests.endpoint import Endpoint

# how long an example takes says more of the machine than of the code
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """An OpenAI-compatible endpoint on loopback."""
    server = Endpoint()
    yield server
    server.close()


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of the tiny checkpoint of that name, made once."""
    made: dict[str, Path] = {}

    def find(name: str) -> Path:
        if name not in made:
            made[name] = make(name, tmp_path_factory.mktemp("checkpoints") / name)
        return made[name]

    return find


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Turns a skip for want of a program into a failure where CI has installed every program."""
    report = yield
    wanted = os.environ.get("MME_EMOTION_PROGRAMS_REQUIRED")
    if wanted and report.skipped and "program is not installed" in str(report.longrepr):  # type: ignore[attr-defined]
        report.outcome = "failed"  # type: ignore[attr-defined]
    return report


def pytest_report_header() -> str:
    """Which of the programs that tests use are here."""
    programs = ("ffmpeg", "espeak-ng", "chromium")
    return "programs: " + ", ".join(f"{name} {'found' if shutil.which(name) else 'absent'}" for name in programs)
