"""Another plugin that meddles with a run: `-p tests.integration.meddling` with MEDDLES naming how."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

HOW = os.environ["MEDDLES"]


def fail() -> NoReturn:
    raise ValueError("theirs")


class First:
    """Comes before all others."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_unconfigure(self) -> None:
        if HOW == "unconfigure first":
            fail()


def pytest_configure(config: pytest.Config) -> None:
    if HOW == "cleanup":
        config.add_cleanup(fail)


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.pluginmanager.register(First())


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config) -> None:
    run_dir = Path(config.getoption("--run-dir"))
    if HOW == "Ctrl-C":
        os.kill(os.getpid(), signal.SIGINT)
    elif HOW == "removes":
        shutil.rmtree(run_dir)
    elif "." in HOW:
        for name in HOW.split():
            (run_dir / name).mkdir()


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport() -> None:
    if HOW == "enough":
        pytest.exit("enough", 0)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if HOW == "finish last":
        fail()
    elif HOW.isdigit():
        session.exitstatus = int(HOW)


@pytest.fixture(autouse=True)
def _torn_down() -> Iterator[None]:
    yield
    if HOW == "teardown":
        fail()


class Deadly:
    """A model that kills its process."""

    name = identity = "deadly"

    async def answer(self, sample: object) -> NoReturn:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError
