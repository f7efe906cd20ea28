import asyncio
import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import pytest

from benchmark.errors import DataError, EmotionError, JudgeError, ModelError, RunError, boundary
from benchmark.fault import DEPTH, Fault, fault_of

ROOT = Path(__file__).parents[2]


def caught(work: Callable[[], object], redact: Callable[[str], str] = str) -> Fault:
    with pytest.raises((AttributeError, LookupError, RecursionError, TypeError, ValueError)) as raised:
        work()
    assert isinstance(raised.value, Exception)
    return fault_of(raised.value, redact)


def test_a_fault_in_words() -> None:
    found = caught(lambda: av.open("/nowhere", no_such_argument=1))  # type: ignore[call-overload]
    assert found.error.startswith("TypeError: ")
    assert found.kind == f"TypeError in {found.place}"
    assert found.words == f"{found.error} ({found.place})"
    assert found.sentence == f"{found.words}, {found.blame}"


def test_the_suite_s_own_line_is_blamed_with_the_packages_that_its_module_uses() -> None:
    from benchmark.clips import jpeg

    with ThreadPoolExecutor() as pool:
        error = pool.submit(jpeg.as_jpeg, None, None).exception()  # type: ignore[arg-type]
    assert error is not None
    found = fault_of(error)
    assert found.place.startswith("benchmark/clips/jpeg.py, line ")
    assert found.blame.startswith(f"a bug in the suite or in a package (Python {sys.version.split()[0]}, mme-emotion ")
    for name in ("av", "pillow"):
        assert f", {name} " in found.blame
    assert str(ROOT) not in found.traceback


def test_code_of_the_user_s_own_is_named_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_own_model.py").write_text("def answer():\n    return {}['a label']\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = caught(importlib.import_module("their_own_model").answer)
    assert found.error == "KeyError: 'a label'"
    assert found.blame.startswith("a bug in their_own_model.py or in what it calls (Python ")
    assert found.place == "their_own_model.py, line 2"
    assert str(tmp_path) not in found.traceback
    assert "return {}" not in found.traceback, "their lines may hold what is nobody's business"


def test_what_their_code_hands_to_a_package_is_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_own_judge.py").write_text(
        "import json\nimport av\ndef rate():\n    av.open('/nowhere', no_such_argument=1)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = caught(importlib.import_module("their_own_judge").rate)
    assert found.place == "their_own_judge.py, line 4"
    assert found.blame.startswith("a bug in their_own_judge.py or in what it calls (Python ")
    assert ", av " in found.blame


@pytest.mark.parametrize("lost", ["home", "cwd"])
def test_it_needs_neither_a_home_nor_a_folder(tmp_path: Path, lost: str) -> None:
    script = (
        "import os, pwd\n"
        "def nobody(_): raise KeyError\n"
        "pwd.getpwuid = nobody\n"
        "os.environ.pop('HOME')\n"
        "from benchmark.errors import ModelError, boundary\n"
        f"if {lost!r} == 'cwd': os.rmdir(os.getcwd())\n"
        "try:\n"
        "    with boundary(ModelError): raise TypeError('no such argument')\n"
        "except ModelError as error:\n"
        "    print(error)\n"
    )
    (tmp_path / "gone").mkdir()
    told = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path / "gone", env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.startswith("TypeError: no such argument (")


def test_the_standard_library_is_never_blamed() -> None:
    import json

    found = caught(lambda: json.loads("{"))
    assert found.place.startswith("test_fault.py, line ")
    assert "json/decoder.py" in found.traceback


def test_what_must_not_be_told_is_taken_off_everywhere() -> None:
    key = "-".join(("sk", "1"))

    def work() -> None:
        try:
            raise ValueError(f"the key is {key}")
        except ValueError as error:
            raise TypeError(f"no such key: {key}") from error

    found = caught(work, lambda text: text.replace(key, "***"))
    assert key not in f"{found}"
    assert found.error == "TypeError: no such key: ***"
    assert found.traceback.count("***") == 2


def test_a_traceback_has_an_end() -> None:
    def one(depth: int) -> None:
        if depth == 0:
            raise RecursionError
        other(depth - 1)

    def other(depth: int) -> None:
        one(depth)

    assert caught(lambda: one(300)).traceback.count('File "') == DEPTH


def test_an_error_s_own_words_have_an_end_and_are_such_as_files_hold() -> None:
    def work() -> None:
        raise ValueError("\ud83d\n" * 10_000)

    found = caught(work)
    assert len(found.error) < 600
    found.error.encode()
    found.traceback.encode()


class Panic(BaseException):
    """As compiled packages raise it."""


@pytest.mark.parametrize("kind", [Panic, SystemExit])
def test_what_is_no_ordinary_exception_is_a_fault_too(kind: type[BaseException]) -> None:
    with pytest.raises(ModelError, match=kind.__name__) as raised, boundary(ModelError):
        raise kind("over")
    assert raised.value.fault is not None


@pytest.mark.parametrize("kind", [asyncio.CancelledError, GeneratorExit, KeyboardInterrupt])
def test_what_ends_other_work_passes(kind: type[BaseException]) -> None:
    with pytest.raises(kind), boundary(ModelError):
        raise kind


@pytest.mark.parametrize("kind", [ModelError, JudgeError, RunError])
def test_a_fault_stays_with_the_error_through_every_boundary(kind: type[EmotionError]) -> None:
    with pytest.raises(kind) as raised, boundary(kind), boundary(ModelError):
        raise TypeError("what is that?")
    assert raised.value.fault is not None
    assert raised.value.fault.error == "TypeError: what is that?"
    assert str(raised.value) == raised.value.fault.words


def test_what_a_boundary_knows_is_no_fault() -> None:
    with pytest.raises(DataError) as raised, boundary(JudgeError):
        raise DataError("The clip is missing.")
    assert raised.value.fault is None
