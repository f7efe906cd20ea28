"""Gate files: what they may say, and what it means for a run."""

import re
import tomllib
from pathlib import Path

import pytest

from benchmark.errors import RunError
from evaluators.metrics.steps import EXACT
from reports.gate.gate import Criterion, Gate, criteria_of, read_gate, read_limits
from reports.kept.report import JudgeHealth
from tests.tasks import SUITE

TASKS = ["SA", "IR"]


def gate_in(folder: Path, text: str) -> Path:
    path = folder / "gate.toml"
    path.write_text(text, "utf-8")
    return path


def read(folder: Path, text: str, baseline: Path | None = None) -> Gate:
    gate = read_gate(gate_in(folder, text), baseline)
    assert gate is not None
    return gate


def test_without_file_and_baseline_there_is_no_gate() -> None:
    assert read_gate(None, None) is None


def test_a_baseline_alone_allows_two_points() -> None:
    gate = read_gate(None, Path("last"), ["prompts"])
    assert gate is not None
    assert gate.max_drop == {"overall": {"recognition": 0.02, "reasoning": 0.02, "cot": 0.02}}
    assert (gate.baseline, gate.allow, gate.error_rate, gate.coverage) == (Path("last"), ("prompts",), 0.05, 0.99)
    assert [str(criterion) for criterion in criteria_of(gate, TASKS, {}, SUITE)] == [
        "overall Recognition not below the baseline by more than 2.0",
        "overall Reasoning not below the baseline by more than 2.0",
        "overall CoT not below the baseline by more than 2.0",
    ]


def test_the_defaults_are_those_of_the_documentation() -> None:
    text = (Path(__file__).parents[3] / "docs/gate.md").read_text("utf-8")
    block = re.search(r"```toml\n(.*?)```", text, re.DOTALL)
    assert block is not None
    told = tomllib.loads(block[1])

    assert JudgeHealth().model_dump() == told["judge"]
    assert (Gate().coverage, Gate().error_rate) == (told["coverage"], told["error_rate"])
    assert Gate.model_validate(told), "the whole of it is a gate"


def test_a_reference_is_held_to_the_drop_that_the_baseline_is(tmp_path: Path) -> None:
    gate = read_gate(None, Path("last"), reference=Path("first"))
    named = read_gate(gate_in(tmp_path, 'baseline = "a"\nreference = "b"\n[max_drop.SA]\ncot = 0.1'), None)
    assert gate is not None
    assert named is not None

    texts = [str(criterion) for criterion in criteria_of(gate, TASKS, {}, SUITE)]
    assert texts[3:] == [text.replace("baseline", "reference") for text in texts[:3]]
    assert (named.baseline, named.reference) == (tmp_path / "a", tmp_path / "b")
    with pytest.raises(RunError, match="--reference stands beside a baseline"):
        read_gate(None, None, reference=Path("first"))
    with pytest.raises(RunError, match="has a reference, but no max_drop"):
        read_gate(gate_in(tmp_path, "[min_gain.SA]\ncot = 0.0"), Path("last"), reference=Path("first"))
    with pytest.raises(RunError, match="there is no baseline"):
        read_gate(gate_in(tmp_path, 'reference = "b"\n[min.SA]\ncot = 0.1'), None)


def test_another_model_may_answer_where_the_file_or_the_command_line_says_so(tmp_path: Path) -> None:
    limit = "[min.SA]\ncot = 0.4"
    gates = [
        read_gate(gate_in(tmp_path, text), None, allow_substitute=asked)
        for text, asked in ((limit, False), (limit, True), (f"allow_substitute = true\n{limit}", False))
    ]
    assert [gate is not None and gate.allow_substitute for gate in gates] == [False, True, True]


@pytest.mark.parametrize(
    "text",
    [
        "error_rate = 0.25\n[min.SA]\ncot = 0.01",
        "coverage = 0\n[min.SA]\ncot = 0.99",
        "coverage = 1\n[min.SA]\ncot = 0.4",
        "[min_gain.SA]\ncot = 0.0",
        "[judge]\nlabels = 0\nresistance = 1\n[min.SA]\ncot = 0.4",
        "max_cost_usd = 0.01\nabove = 'majority'",
    ],
)
def test_limits_may_be_at_the_ends(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text, Path("last"))


def test_a_file_names_its_baseline_from_where_it_lies_and_the_command_line_wins(tmp_path: Path) -> None:
    assert read(tmp_path, 'baseline = "runs/last"').baseline == tmp_path / "runs" / "last"
    assert read(tmp_path, 'baseline = "runs/last"', Path("other")).baseline == Path("other")


def test_each_means_every_task_and_what_is_said_of_one_wins(tmp_path: Path) -> None:
    text = "[min.each]\nrecognition = 0.3\nreasoning = 0.5\n[min.IR]\nrecognition = 0.2\n[min.overall]\ncot = 0.4"
    found = criteria_of(read(tmp_path, text), TASKS, {}, SUITE)

    assert {(one.place, one.measure.name, one.limit) for one in found} == {
        ("SA", "recognition", 0.3),
        ("SA", "reasoning", 0.5),
        ("IR", "reasoning", 0.5),
        ("IR", "recognition", 0.2),
        ("overall", "cot", 0.4),
    }
    assert len(found) == 5


def test_floors_are_each_task_s(tmp_path: Path) -> None:
    found = criteria_of(read(tmp_path, 'above = "majority"'), TASKS, {"SA": 0.43, "IR": 0.27, "overall": 0.4}, SUITE)
    assert found == (
        Criterion(kind="floor", place="SA", measure=EXACT, limit=0.43),
        Criterion(kind="floor", place="IR", measure=EXACT, limit=0.27),
    )
    assert str(found[0]) == "SA above the constant guess, 43.0"


def test_drops_are_below_and_gains_above(tmp_path: Path) -> None:
    text = "[max_drop.SA]\nrecognition = 0.02\n[min_gain.overall]\nrecognition = 0.0\ncot = 0.01"
    found = criteria_of(read(tmp_path, text, Path("last")), TASKS, {}, SUITE)

    assert [(one.kind, one.limit, one.compares) for one in found] == [
        ("drop", -0.02, True),
        ("gain", 0.0, True),
        ("gain", 0.01, True),
    ]
    assert str(found[0]) == "SA Recognition not below the baseline by more than 2.0"
    assert str(found[1]) == "overall Recognition above the baseline"
    assert str(found[2]) == "overall CoT above the baseline by 1.0"


@pytest.mark.parametrize("text", ["[min_gain.SA]\nrecognition = 0.0", "[max_drop.SA]\nrecognition = 0.02"])
def test_a_limit_against_the_baseline_stands_alone_and_in_place_of_two_points(tmp_path: Path, text: str) -> None:
    found = criteria_of(read(tmp_path, text, Path("last")), TASKS, {}, SUITE)
    assert [(one.place, one.measure.name) for one in found] == [("SA", "recognition")]


def test_other_limits_do_not_take_the_place_of_two_points(tmp_path: Path) -> None:
    found = criteria_of(read(tmp_path, "[min.SA]\nrecognition = 0.4", Path("last")), TASKS, {}, SUITE)
    assert [(one.kind, one.limit) for one in found] == [("min", 0.4), *[("drop", -0.02)] * 3]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("minimum = 0.3", "sets `minimum`, which is not a key of a gate"),
        ("[min.overall]\nrecognition = 40", "`min.overall.recognition` .* malformed: .*less than 1"),
        ("[min.overall]\nrecall = 0.4", "`min.overall.recall` .* malformed"),
        ("[min.SB]\nrecognition = 0.4", "`SB` is neither overall nor each nor a task"),
        ("error_rate = 0.26\n[min.overall]\ncot = 0.4", "`error_rate` .* malformed"),
        ("error_rate = 0\n[min.overall]\ncot = 0.4", "`error_rate` .* malformed"),
        ("coverage = 1.01\n[min.overall]\ncot = 0.4", "`coverage` .* malformed"),
        ("coverage = nan\n[min.overall]\ncot = 0.4", "`coverage` .* malformed"),
        ("coverage = -0.01\n[min.overall]\ncot = 0.4", "`coverage` .* malformed"),
        ("max_cost_usd = 0\n[min.overall]\ncot = 0.4", "`max_cost_usd` .* malformed"),
        ("max_cost_usd = inf\n[min.overall]\ncot = 0.4", "`max_cost_usd` .* malformed"),
        ("[min.overall]\ncot = 0", "`min.overall.cot` .* malformed"),
        ("[min.overall]\ncot = 1", "`min.overall.cot` .* malformed"),
        ("[min.overall]\ncot = nan", "`min.overall.cot` .* malformed"),
        ("[min_gain.overall]\ncot = 1", "`min_gain.overall.cot` .* malformed"),
        ("[min_gain.overall]\ncot = -0.01", "`min_gain.overall.cot` .* malformed"),
        ("[min_gain.overall]", "`min_gain.overall` .* malformed: .*at least 1 item"),
        ("[judge]\nlabels = 1.01\n[min.overall]\ncot = 0.4", "`judge.labels` .* malformed"),
        ('allow = ["judges"]', "must be some of suite, data, extractor, judge"),
        ("[judge]\nsensitivty = 0.5", "sets `judge.sensitivty`, which is not a key"),
        ("min = ", "cannot be used"),
        ("coverage = 0.9", "sets no limit on a score"),
        ("[min.overall]", "`min.overall` .* malformed: .*at least 1 item"),
        ("[max_drop.overall]", "`max_drop.overall` .* malformed: .*at least 1 item"),
        ("[max_drop.overall]\nrecognition = 0.01", "add --baseline=RUN"),
        ("[min_gain.overall]\nrecognition = 0.01", "add --baseline=RUN"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RunError, match=said) as caught:
        read_gate(gate_in(tmp_path, text), None)
    assert "\n" not in str(caught.value)
    assert "gate.toml" in str(caught.value)


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"--gate: .*none.toml cannot be used"):
        read_gate(tmp_path / "none.toml", None)


def test_a_limit_on_a_task_that_is_not_asked_is_refused(tmp_path: Path) -> None:
    gate = read(tmp_path, "[min.FG-ER]\nrecognition = 0.3")
    with pytest.raises(RunError, match="limits FG-ER, but no sample of it is asked"):
        criteria_of(gate, TASKS, {}, SUITE)


def test_limits_on_the_judge_stand_without_any_on_scores(tmp_path: Path) -> None:
    limits = read_limits(gate_in(tmp_path, "[judge]\nresistance = 1.0"))
    assert (limits.resistance, limits.labels) == (1.0, 0.9)
