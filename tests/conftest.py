"""What all tests share: a real endpoint, tiny checkpoints, and programs that a test may need."""

import gc
import os
import shutil
import signal
from collections.abc import Callable, Generator, Iterator
from itertools import count
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings

from tests.checkpoints import make
from tests.endpoint import Endpoint

# how long an example takes says more of the machine than of the code
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# a job in the background ignores Ctrl-C, one of nohup SIGHUP, and so would the runs that tests start and interrupt
for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)

SLOW = ("tests/integration/", "tests/reports/page/")
"""Folders whose tests start whole runs, or a browser."""

_NUMBER = count()
Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


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
        pytest.importorskip("torch")
        if name not in made:
            made[name] = make(name, tmp_path_factory.mktemp("checkpoints") / name)
        return made[name]

    return find


@pytest.fixture(scope="module")
def few_objects() -> None:
    """Leaves out what came since, too: each call of statsmodels' multipletests starts a garbage collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has each test begin with an empty cache, which the runs that it starts find too."""
    home = tmp_path_factory.getbasetemp() / "caches"
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / str(next(_NUMBER))))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts what takes longest first, so that no process is left with it in the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(SLOW))


def pytest_collection_finish() -> None:
    """Leaves what has been imported and collected out of garbage collections; each pytest within a test starts some."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turns a skip for want of a program or a package into a failure where CI has installed them all."""
    return _all_there((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same of a whole module."""
    return _all_there((yield))


def _all_there(report: Report) -> Report:
    missing = "program is not installed", "could not import"
    required = os.environ.get("MME_EMOTION_ALL_REQUIRED")
    if required and report.skipped and any(words in str(report.longrepr) for words in missing):
        report.outcome = "failed"
    return report


def pytest_report_header() -> str:
    """Which of the programs that tests use are here."""
    programs = ("ffmpeg", "espeak-ng", "chromium")
    return "programs: " + ", ".join(f"{name} {'found' if shutil.which(name) else 'absent'}" for name in programs)
