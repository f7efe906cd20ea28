"""A gate on a finished run, by the judge's ratings and by people's."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from reports.cli import main
from reports.kept.record import Record
from tests.reports.made_runs import kept_as, record

OLD, NEW = "a" * 32, "b" * 32
SIZE, RATED = 400, 200


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """By the judge the new run is 10 points better; by people, who rated a half, 10 points worse."""
    old = [record(at, float(at % 10 < 5), answer="old") for at in range(SIZE)]
    new = [record(at, float(at % 10 < 6), answer="new") for at in range(SIZE)]
    kept_as(OLD, tmp_path / "old", old)
    kept_as(NEW, tmp_path / "new", new)
    rows = [*ratings(OLD, old, lambda at: at % 10 < 5), *ratings(NEW, new, lambda at: at % 10 < 4)]
    (tmp_path / "ratings.csv").write_text("\n".join(["run,id,step,inclusion,anna", *rows]))
    (tmp_path / "gate.toml").write_text("[max_drop.overall]\nrecognition = 0.05\n")
    return tmp_path


def ratings(run: str, records: Sequence[Record], right: Callable[[int], bool]) -> list[str]:
    """Both steps of every second sample."""
    share = Fraction(RATED, SIZE)
    return [
        f"{run},{one.id},{step},{float(share)},{int(right(at // 2))}"
        for at, one in enumerate(records)
        if at % 2
        for step in (1, 2)
    ]


def decided(folder: Path, *more: str) -> int:
    return main(["gate", str(folder / "new"), f"--baseline={folder / 'old'}", f"--gate={folder / 'gate.toml'}", *more])


def test_people_overrule_a_lenient_judge(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert decided(made) == 7, "nobody has checked the judge"
    assert "The judge was not checked" in capsys.readouterr().out
    assert decided(made, f"--labels={made / 'ratings.csv'}") == 1
    said = capsys.readouterr().out
    assert "Gate: FAIL" in said
    row = next(line for line in said.splitlines() if line.startswith("overall Recognition"))
    assert "  200         +10.0      50.0  -1" in row
    assert "Values are what people would find" in said


def test_a_few_ratings_decide_nothing(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head, *rows = (made / "ratings.csv").read_text().splitlines()
    few = [row for row in rows if int(row.split(",")[1].rsplit("/", 1)[1]) < 18]
    (made / "few.csv").write_text("\n".join([head, *few]))
    assert decided(made, f"--labels={made / 'few.csv'}") == 6
    assert "below 10 rated recordings a criterion stays open" in capsys.readouterr().out


def test_what_cannot_be_decided_is_refused(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate", str(made / "new")]) == 2
    assert "Name what the run must meet: --gate=FILE, --baseline=RUN or both." in capsys.readouterr().err
    (made / "old.csv").write_text("\n".join(["run,id,step,anna", f"{OLD},SA/own/1,1,1", f"{OLD},SA/own/1,2,1"]))
    assert decided(made, f"--labels={made / 'old.csv'}") == 2
    assert "old.csv has no rating of this run by a person" in capsys.readouterr().err
