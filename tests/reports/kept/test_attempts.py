"""Earlier verdicts at the same gate: what counts as another attempt at it."""

from pathlib import Path

import pytest

from benchmark.errors import NotKept
from reports.kept.attempts import ATTEMPTS, attempt_of, earlier_attempts, keep_attempt
from reports.kept.record import Record
from reports.kept.report import Word
from reports.tables.verdict import verdict_notes
from tests.reports.gate.test_verdict import MIN, verdict
from tests.reports.made_runs import run_of


def attempt(folder: Path, records: list[Record], *, model: str = "m", least: float = 0.4) -> tuple[Word, ...]:
    """Earlier verdicts, after which this one is kept."""
    found = verdict(records, min={"overall": {"recognition": least}})
    now = attempt_of(found, model, "fingerprint", [], records)
    earlier = earlier_attempts(folder, now)
    keep_attempt(folder, now)
    return earlier


def test_attempts_at_a_gate_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    assert attempt(folder, run_of(140, 360)) == ()
    assert attempt(folder, run_of(205, 295)) == ("FAIL",)
    assert attempt(folder, run_of(260, 240)) == ("FAIL", "INCONCLUSIVE")
    assert attempt(folder, run_of(260, 240)) == ("FAIL", "INCONCLUSIVE"), "the same answers are the same attempt"
    assert attempt(folder, run_of(260, 240), model="n") == ()
    assert attempt(folder, run_of(260, 240), least=0.41) == ()


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, "attempt 2 of this model at this gate, after FAIL;"),
        (9, f"attempt 10 of this model at this gate, after …, {', '.join(['FAIL'] * 8)};"),
    ],
)
def test_earlier_attempts_are_said(count: int, said: str) -> None:
    found = verdict(run_of(260, 240), min=MIN).model_copy(update={"earlier": ("FAIL",) * count})
    assert said in verdict_notes(found)[1]


def test_what_showed_nothing_is_no_attempt_and_strange_lines_are_left_alone(tmp_path: Path) -> None:
    attempt(tmp_path, run_of(490, 0, 10))
    assert not (tmp_path / ATTEMPTS).exists(), "it was untrusted"
    (tmp_path / ATTEMPTS).write_bytes(b"\xff\n{}\n")
    assert attempt(tmp_path, run_of(260, 240)) == ()
    assert attempt(tmp_path, run_of(250, 250)) == ("PASS",)


def test_a_file_that_cannot_be_used_is_said_so(tmp_path: Path) -> None:
    (tmp_path / ATTEMPTS).mkdir()
    now = attempt_of(verdict(run_of(260, 240), min=MIN), "m", None, [], run_of(260, 240))
    with pytest.raises(NotKept, match=f"{ATTEMPTS} cannot be read"):
        earlier_attempts(tmp_path, now)
    with pytest.raises(NotKept, match=f"{ATTEMPTS} cannot be written"):
        keep_attempt(tmp_path, now)
