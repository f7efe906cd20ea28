import importlib
import sys
from collections.abc import Callable
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


def test_a_package_s_error_names_the_line_that_called_it_and_the_versions() -> None:
    found = caught(lambda: av.open("/nowhere", no_such_argument=1))  # type: ignore[call-overload]
    assert found.error.startswith("TypeError: ")
    assert found.kind == f"TypeError in {found.place}"
    assert found.words == f"{found.error} ({found.place})"
    assert "av.open" in found.traceback


def test_the_suite_s_own_line_is_blamed_with_the_packages_that_its_module_uses() -> None:
    from benchmark import decode

    found = caught(lambda: decode._jpeg(None, None))  # type: ignore[arg-type]
    assert found.place.startswith("benchmark/decode.py, line ")
    assert found.blame.startswith(
        f"a fault of the suite or of a package (Python {sys.version.split()[0]}, mme-emotion "
    )
    for name in ("av", "numpy", "pillow"):
        assert f", {name} " in found.blame
    assert str(ROOT) not in found.traceback


def test_code_of_the_user_s_own_is_named_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_own_model.py").write_text("def answer():\n    return {}['a label']\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = caught(importlib.import_module("their_own_model").answer)
    assert found.error == "KeyError: 'a label'"
    assert found.blame == "a fault in their_own_model.py"
    assert found.place.endswith("their_own_model.py, line 2")


def test_the_standard_library_is_never_blamed() -> None:
    import json

    found = caught(lambda: json.loads("{"))
    assert "json" not in found.place
    assert "decoder.py" in found.traceback


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
