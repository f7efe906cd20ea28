"""Runs of a part of the samples, put together."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmark.data.dataset import fingerprint_of
from benchmark.errors import RunError
from reports.cli import main
from reports.gate.gate import Gate
from reports.gate.merge import merge
from reports.kept.past import PastRun, read_past
from reports.kept.record import Record, Spent
from reports.kept.report import ASPECTS, Health, JudgeHealth, Rate, Report
from reports.tables.scores import notes_of
from tests.reports.made_runs import PROVENANCE, kept, run_of

WHOLE = [*run_of(200, 150, 5), *run_of(60, 80, 0, "IR")]
DATA = {"name": "data", "fingerprint": fingerprint_of(WHOLE), "samples": {"SA": 355, "IR": 140}}


def shards(
    folder: Path, parts: int, records: Sequence[Record] = WHOLE, tasks: Sequence[str] = (), **provenance: Any
) -> list[Path]:
    """The run directories of all shards."""
    return [
        kept(
            folder / str(part),
            records[part - 1 :: parts],
            settings={**PROVENANCE["settings"], "shard": f"{part}/{parts}", "tasks": list(tasks)},
            data=DATA,
            **provenance,
        )
        for part in range(1, parts + 1)
    ]


def read(paths: Sequence[Path]) -> list[PastRun]:
    return [read_past(path) for path in paths]


@pytest.mark.parametrize("parts", [1, 2, 7])
def test_the_figures_are_those_of_one_run(tmp_path: Path, parts: int) -> None:
    alone = read_past(kept(tmp_path / "whole", WHOLE)).report
    merged, _ = merge(read(shards(tmp_path, parts)))
    for name in ("overall", "macro", "macro_intervals", "tasks", "sources", "labels", "usage"):
        assert getattr(merged, name) == getattr(alone, name)
    assert merged.selected == len(WHOLE)
    assert merged.provenance["settings"]["shard"] is None
    assert merged.provenance["parts"] == [
        f"{part} ({part}/{parts}): {len(WHOLE[part - 1 :: parts])} samples" for part in range(1, parts + 1)
    ]


def test_the_order_of_the_parts_does_not_matter(tmp_path: Path) -> None:
    runs = read(shards(tmp_path, 3))
    assert merge(runs)[1] == merge(runs[::-1])[1]


def test_a_missing_shard_is_named_unless_that_is_meant(tmp_path: Path) -> None:
    runs = read(shards(tmp_path, 4))
    with pytest.raises(RunError, match=r"Shards are missing: 2/4, 4/4\..*--partial"):
        merge([runs[0], runs[2]])
    with pytest.raises(RunError, match=r"Shards are missing: 1/4\."):
        merge(runs[1:])
    report, records = merge([runs[0], runs[2]], partial=True)
    assert (report.selected, len(records)) == (len(WHOLE), 248)
    assert f"{len(WHOLE) - 248} of {len(WHOLE)} samples were not evaluated." in " ".join(notes_of(report))


def test_a_shard_beyond_the_last_sample_is_not_missed(tmp_path: Path) -> None:
    limit = {"settings": {**PROVENANCE["settings"], "limit": 2}}
    runs = [
        kept(tmp_path / str(n), [WHOLE[n]], data=DATA, settings={**limit["settings"], "shard": f"{n + 1}/3"})
        for n in range(2)
    ]
    assert merge(read(runs))[0].selected == 2


def health(right: int, needed: JudgeHealth) -> Health:
    """Of a judge who is right so often of ten, in everything."""
    rate = Rate(right=right, of=10, low=0.0, high=1.0)
    spent = Spent(model="j", requests=10, input_tokens=1, output_tokens=1, seconds=1.0, cost_usd=0.5)
    aspects = dict.fromkeys(ASPECTS, rate)
    return Health(judge="j", checked="now", short=True, **aspects, kinds={}, ratings={}, needed=needed, usage=spent)


def test_every_part_must_have_checked_its_judge_and_by_the_limits_of_this_gate(tmp_path: Path) -> None:
    runs = read(shards(tmp_path, 2))
    gate = Gate(min={"overall": {"recognition": 0.4}}, coverage=0.9)
    lax = JudgeHealth(sensitivity=0, specificity=0, labels=0, resistance=0)

    def merged(*checks: Health | None) -> Report:
        parts = [
            replace(run, report=run.report.model_copy(update={"judge_check": check}))
            for run, check in zip(runs, checks, strict=True)
        ]
        return merge(parts, gate)[0]

    good, poor = health(10, lax), health(5, lax)
    pairs = (good, good), (good, None), (poor, good), (good, poor)
    words = [found.gate.word for pair in pairs if (found := merged(*pair)).gate]
    assert words == ["PASS", "UNTRUSTED", "UNTRUSTED", "UNTRUSTED"]
    assert merged(good, good).usage["judge check"].cost_usd == 1.0
    unjudged = [replace(run, report=run.report.model_copy(update={"judge_check": poor, "seconds": float(place)}))
                for place, run in enumerate(runs)]  # fmt: skip
    alone = merge(unjudged)[0]
    assert (alone.judge_check and alone.judge_check.needed, alone.seconds) == (lax, 1.0), (
        "of parts that ran side by side"
    )
    later = good.model_copy(update={"checked": "later"})
    assert [check.checked for check in (merged(good, later).judge_check, merged(later, good).judge_check) if check] == [
        "now",
        "later",
    ], "the first part's stands for all"


def test_shards_of_another_selection_do_not_fill_a_gap(tmp_path: Path) -> None:
    sa, ir = ([one for one in WHOLE if one.task == task] for task in ("SA", "IR"))
    first = read(shards(tmp_path / "sa", 2, sa, ("SA",)))
    second = read(shards(tmp_path / "ir", 2, ir, ("IR",)))
    with pytest.raises(RunError, match=r"Shards are missing: 2/2\."):
        merge([*first, second[0]])
    report, records = merge([*first, *second])
    assert len(records) == len(WHOLE)
    assert report.provenance["settings"] == {**PROVENANCE["settings"], "shard": None, "tasks": ["SA", "IR"]}


def test_tasks_are_those_that_were_meant_however_they_were_spelt(tmp_path: Path) -> None:
    sa = [one for one in WHOLE if one.task == "SA"]
    report, _ = merge(read(shards(tmp_path, 2, sa, ("sa",))))
    assert report.provenance["settings"]["tasks"] == ["SA"]


def test_of_many_missing_shards_the_first_are_named(tmp_path: Path) -> None:
    settings = {**PROVENANCE["settings"], "shard": "1/999999999"}
    one = kept(tmp_path, WHOLE[:1], settings=settings, data={**DATA, "samples": {"SA": 10**15}})
    with pytest.raises(RunError, match=r"Shards are missing: 2/999999999, .*, 21/999999999, …\. Run them"):
        merge(read([one]))


def test_parts_of_which_one_names_no_task_are_not_of_these_tasks_alone(tmp_path: Path) -> None:
    sa, ir = ([one for one in WHOLE if one.task == task] for task in ("SA", "IR"))
    named, unnamed = shards(tmp_path / "sa", 1, sa, ("SA",)), kept(tmp_path / "ir", ir, data=DATA)
    assert merge(read([*named, unnamed]))[0].provenance["settings"]["tasks"] == []


def test_floors_are_those_of_the_records_whatever_a_report_tells(tmp_path: Path) -> None:
    """Joy is the commonest label: two thirds of one task, and all of the other."""
    told = [
        one.model_copy(update={"targets": ("fear",)} if one.task == "SA" and number % 3 else {})
        for number, one in enumerate(WHOLE)
    ]
    data = {**DATA, "fingerprint": fingerprint_of(told)}
    runs = [read_past(kept(tmp_path / str(n), told[n::2], data=data)) for n in range(2)]
    lies = [
        replace(run, report=run.report.model_copy(update={"floors": {"SA": 0.0}, "published": {"SA": 0.0}}))
        for run in runs
    ]
    fear = sum(one.targets == ("fear",) for one in told)
    floors = {"SA": pytest.approx(fear / 355), "IR": 1.0, "overall": pytest.approx((fear + 140) / 495)}
    assert (merge(lies)[0].floors, merge(lies)[0].published) == (floors, {})


def test_a_task_that_is_not_whole_has_no_floor_and_no_gate_above_it(tmp_path: Path) -> None:
    part = read([kept(tmp_path, [one for one in WHOLE if one.task == "IR"] + WHOLE[:300], data=DATA)])
    assert merge(part)[0].floors == {"IR": 1.0}
    with pytest.raises(
        RunError, match=r"`above` needs the score of a constant guess in SA, which is known only from all"
    ):
        merge(part, Gate(above="majority"))


def test_parts_that_tell_other_sizes_of_the_data_are_refused(tmp_path: Path) -> None:
    runs = [kept(tmp_path / str(n), WHOLE[n::2], data={**DATA, "samples": {"SA": 355 + n, "IR": 140}}) for n in (0, 1)]
    with pytest.raises(RunError, match="differ in how many samples of each task the data has"):
        merge(read(runs))


def test_a_sample_in_two_runs_is_refused(tmp_path: Path) -> None:
    runs = read(shards(tmp_path, 2))
    with pytest.raises(RunError, match=r"248 samples are in more than one of these runs, e\.g\. IR/own/1"):
        merge([*runs, runs[0]])


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"judge": {"name": "k", "identity": "k"}}, r"differ in judge \(j there, k here\)"),
        ({"model": {"identity": "n"}}, r"differ in model \(m there, m here\)"),
    ],
    ids=["judge", "model"],
)
def test_what_is_not_of_one_run_is_refused(tmp_path: Path, other: dict[str, Any], said: str) -> None:
    first, _ = read(shards(tmp_path / "a", 2))
    _, second = read(shards(tmp_path / "b", 2, **other))
    with pytest.raises(RunError, match=said):
        merge([first, second])


def test_the_command_keeps_a_run_like_any_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = map(str, shards(tmp_path, 2))
    assert main(["merge", *paths, f"--run-dir={tmp_path / 'whole'}"]) == 0
    printed = capsys.readouterr().out
    assert "260 right, 230 wrong, 5 without a score." in printed
    assert f"The run is kept in {tmp_path / 'whole'}" in printed
    assert {path.name for path in (tmp_path / "whole").iterdir()} >= {"report.html", "report.json", "samples.jsonl"}
    assert main(["show", str(tmp_path / "whole")]) == 0
    shown = capsys.readouterr().out
    assert [line for line in shown.splitlines() if line.startswith("SA")] == [
        line for line in printed.splitlines() if line.startswith("SA")
    ]


def test_a_gate_needs_a_judge_that_was_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gate.toml").write_text("[min.overall]\nrecognition = 0.4\n")
    paths = map(str, shards(tmp_path, 2))
    asked = ["merge", *paths, f"--run-dir={tmp_path / 'whole'}", f"--gate={tmp_path / 'gate.toml'}"]
    assert main(asked) == 7
    printed = capsys.readouterr().out
    assert "Gate: UNTRUSTED" in printed
    assert "The judge was not checked in every part" in printed
    assert json.loads((tmp_path / "whole" / "report.json").read_text())["gate"]["word"] == "UNTRUSTED"


def test_samples_that_a_part_never_asked_lower_the_coverage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = shards(tmp_path, 2)
    report = json.loads((second / "report.json").read_text())
    (second / "report.json").write_text(json.dumps({**report, "selected": 500}))
    (tmp_path / "gate.toml").write_text("[min.overall]\nrecognition = 0.4\n")
    gate = f"--gate={tmp_path / 'gate.toml'}"
    assert main(["merge", str(first), str(second), f"--run-dir={tmp_path / 'whole'}", gate]) == 7
    printed = capsys.readouterr().out
    assert "Only 65.5% of the samples have a score" in printed
    assert "The run ended early: 253 of 748 samples were not evaluated." in printed


@pytest.mark.parametrize("changed", ["targets", "label_set", "id"])
def test_shards_whose_records_ask_something_else_than_their_data_are_refused(tmp_path: Path, changed: str) -> None:
    new = "another" if changed == "id" else ("anger", "joy")
    forged = [WHOLE[0].model_copy(update={changed: new}), *WHOLE[1:]]
    with pytest.raises(RunError, match=r"not parts of one run: ids, labels or true labels of the records are not"):
        merge(read(shards(tmp_path, 2, forged)))
    with pytest.raises(RunError, match="contradicts itself"):
        read(shards(tmp_path / "whole", 1, forged))


def test_more_records_of_a_task_than_the_data_has_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="its data has 355 samples of SA, but there are 356 records"):
        merge(read(shards(tmp_path, 2, [*WHOLE, *(run_of(1, 0, 0)[0].model_copy(update={"id": "new"}),)])))


def test_a_verdict_on_a_part_of_the_data_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gate.toml").write_text("[min.overall]\nrecognition = 0.4\n")
    run = str(kept(tmp_path / "run", WHOLE[:200], data=DATA))
    assert main(["merge", run, f"--run-dir={tmp_path / 'whole'}", f"--gate={tmp_path / 'gate.toml'}"]) == 7
    assert "295 of 495 samples of data were left out by --tasks" in capsys.readouterr().out


@pytest.mark.parametrize("changed", ["targets", "label_set", "source", "recording"])
def test_a_baseline_that_asks_otherwise_is_refused(tmp_path: Path, changed: str) -> None:
    new = ("joy", "fear") if changed == "label_set" else ("fear",) if changed == "targets" else "another"
    past = kept(tmp_path / "past", [WHOLE[0].model_copy(update={changed: new}), *WHOLE[1:]])
    run, gate = read_past(kept(tmp_path / "run", WHOLE)), Gate(baseline=past, max_drop={"overall": {"cot": 0.5}})
    with pytest.raises(RunError, match=f"SA/own/0 differs there in its {changed}.*--baseline-allow=data"):
        merge([run], gate)
    assert merge([run], gate.model_copy(update={"allow": ("data",)}))[0].gate is not None


def test_a_check_of_nothing_or_of_another_judge_is_refused(tmp_path: Path) -> None:
    whole = health(9, JudgeHealth())
    nothing = whole.model_copy(update={"labels": Rate(right=0, of=0, low=0.0, high=1.0)})
    other = whole.model_copy(update={"judge": "k"})
    for check, said in ((nothing, "labels has no anchors"), (other, "it is of k, but j judged")):
        run = kept(tmp_path, WHOLE)
        report = json.loads((run / "report.json").read_text())
        (run / "report.json").write_text(json.dumps({**report, "judge_check": check.model_dump(mode="json")}))
        with pytest.raises(RunError, match=f"judge_check: {said}"):
            read_past(run)
