"""Two runs beside each other, and the commands about them."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]

from reports.cli import main
from reports.gate.compare import compare, holm
from reports.kept.past import read_past
from reports.kept.record import Record
from reports.tables.compare import difference_rows
from tests.reports.made_runs import kept, record, run_of


def better(records: Sequence[Record], every: int) -> list[Record]:
    """The same with every n-th sample right."""
    return [
        record(int(one.id.rpartition("/")[2]), 1.0, one.task)
        if number % every == 0 and one.scores["recognition"] == 0
        else one
        for number, one in enumerate(records)
    ]


def two(folder: Path) -> tuple[Path, Path]:
    before = [*run_of(200, 200), *run_of(100, 100, 3, "IR")]
    return kept(folder / "a", before), kept(folder / "b", [*better(before[:400], 10), *before[400:]])


def test_differences_are_paired_and_by_task(tmp_path: Path) -> None:
    one, other = two(tmp_path)
    found = {(each.place, each.measure.name): each for each in compare(read_past(one), read_past(other))}

    assert set(found) == {(p, s) for p in ("overall", "SA", "IR") for s in ("recognition", "reasoning", "cot")}
    sa, ir = found["SA", "recognition"], found["IR", "recognition"]
    assert (sa.first, sa.second, sa.samples, sa.left_out) == (0.5, 0.6, 400, 0)
    assert 0.05 < sa.interval[0] < 0.1 < sa.interval[1] < 0.15
    assert (ir.first, ir.second, ir.samples, ir.left_out, ir.p) == (0.5, 0.5, 200, 3, 1.0)
    assert sa.p < 0.001 < ir.p


def test_the_other_way_round_is_the_other_way_round(tmp_path: Path) -> None:
    one, other = map(read_past, two(tmp_path))
    for there, back in zip(compare(one, other), compare(other, one), strict=True):
        assert (there.first, there.second, there.p) == pytest.approx((back.second, back.first, back.p))
        assert there.interval == pytest.approx((-back.interval[1], -back.interval[0]))


def test_the_command_prints_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = two(tmp_path)
    assert main(["compare", str(one), str(other)]) == 0
    printed = capsys.readouterr().out

    assert all(cell in printed for row in difference_rows(compare(read_past(one), read_past(other))) for cell in row)
    assert "+10.0" in printed
    assert "<0.001" in printed


def test_runs_that_do_not_compare_are_refused_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = kept(tmp_path / "a", run_of(3, 3)), kept(tmp_path / "b", run_of(3, 3), prompts={"judge": "q"})
    assert main(["compare", str(one), str(other)]) == 2
    said = capsys.readouterr().err
    assert "the runs differ in prompts (judge p there, judge q here)" in said
    assert " --allow=prompts" in said
    assert main(["compare", str(one), str(other), "--allow=prompts"]) == 0
    assert main(["compare", str(one), str(tmp_path)]) == 2
    assert "holds no finished run" in capsys.readouterr().err


def test_runs_without_a_common_sample_are_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = kept(tmp_path / "a", run_of(3, 3)), kept(tmp_path / "b", run_of(3, 3, task="IR"))
    assert main(["compare", str(one), str(other)]) == 2
    assert "no scored sample in common" in capsys.readouterr().err


def test_power_by_assumption_and_by_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["power", "--drop=0.02"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"20% +3092\n", printed)
    assert "--runs" in printed

    assert main(["power", "--drop=0.02", "--runs", *map(str, two(tmp_path))]) == 0
    measured = capsys.readouterr().out
    assert "600 samples" in measured
    assert "Design effect" in measured

    assert main(["power", "--drop=0.02", "--runs", *[str(kept(tmp_path / "c", run_of(1, 0)))] * 2]) == 2
    assert "too few samples in common" in capsys.readouterr().err


def test_a_drop_that_is_no_share_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["power", "--drop=2"])
    assert "must be a number between 0 and 1, got 2" in capsys.readouterr().err


@pytest.mark.usefixtures("few_objects")
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_s_adjustment_is_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(list(multipletests(p_values, method="holm")[1]))


def test_nothing_is_adjusted_to_nothing() -> None:
    assert holm([]) == []
