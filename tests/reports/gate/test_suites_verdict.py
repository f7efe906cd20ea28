"""The verdict on several suites: an early end, and a small suite without scores."""

from collections.abc import Sequence

import pytest

from benchmark.suite import find_suite, is_within
from benchmark.task import Sample
from reports.figures.report import report_of
from reports.gate.gate import Gate
from reports.gate.gatekeeper import Gatekeeper
from reports.gate.trial import trial_of
from reports.kept.record import Record
from reports.kept.report import Background, Report, SuiteFacts
from tests.reports.made_runs import PROVENANCE, record

STEPS, LETTERS = "mme-emotion", "emobench-text"
TWO = find_suite(f"{STEPS},{LETTERS}")
LIMITS = {STEPS: {"recognition": 0.6}, LETTERS: {"accuracy": 0.4}}


def steps(marks: Sequence[float]) -> list[Record]:
    made = [record(number, mark) for number, mark in enumerate(marks)]
    return [one.model_copy(update={"id": f"{STEPS}/{one.id}", "task": f"{STEPS}/SA"}) for one in made]


def letters(marks: Sequence[float | None]) -> list[Record]:
    return [
        Record(
            id=f"{LETTERS}/EA-en/{number}",
            task=f"{LETTERS}/EA-en",
            source="own",
            recording=f"letters {number}",
            question="Which?",
            label_set=("answer A", "answer B"),
            targets=("answer A",),
            outcome="error" if mark is None else "passed" if mark else "failed",
            scores={"accuracy": mark},
            usage=record(0, 1.0).usage,
        )
        for number, mark in enumerate(marks)
    ]


def judged(records: Sequence[Record], *, early: bool) -> Report:
    asked = [
        Sample(
            id=one.id,
            task=TWO.tasks[one.task],
            clip=None,
            label_set=one.label_set,
            targets=one.targets,
            source=one.source,
            recording=one.recording,
            video_id=one.id,
        )
        for one in records
    ]
    counts = {name: sum(is_within(name, one.task) for one in records) for name in TWO.places}
    background = Background(
        model="m",
        provenance={**PROVENANCE, "suite": TWO.name},
        incomparable=(),
        selected=len(records),
        floors={},
        published={},
        suites={name: SuiteFacts(selected=count, incomparable=()) for name, count in counts.items()},
    )
    trial = trial_of(Gate.model_validate({"min": LIMITS}, context=TWO), asked, background, early=early)
    keeper, by_id = Gatekeeper(trial), {one.id: one for one in records}
    for sample in trial.order:
        if keeper.hear(by_id[sample.id]):
            break
    counted = sorted(keeper.counted(), key=lambda one: one.id)
    return keeper.conclude(report_of(counted, background, keeper.error))


def test_a_run_of_two_suites_ends_early_and_the_scores_of_each_are_corrected() -> None:
    report = judged([*steps([1.0] * 9 * 40 + [0.0] * 40), *letters([0.0, 1.0, 1.0, 1.0] * 60)], early=True)
    assert report.gate is not None
    assert (report.gate.word, report.gate.stopping and report.gate.stopping.unbiased) == ("PASS", True)
    assert report.overall.scores == {}
    for name, score, true in ((STEPS, "recognition", 0.9), (LETTERS, "accuracy", 0.75)):
        (task,) = (scores for task, scores in report.tasks.items() if is_within(name, task))
        whole = report.suites[name]
        assert whole.overall.samples == task.samples < whole.selected
        assert whole.overall.scores[score] == pytest.approx(task.scores[score])
        assert whole.macro[score] == pytest.approx(task.scores[score])
        assert whole.overall.scores[score] == pytest.approx(true, abs=0.1)


def test_a_small_suite_without_scores_is_not_hidden_by_a_large_one() -> None:
    report = judged([*steps([1.0] * 3000), *letters([1.0] * 12 + [None] * 2)], early=False)
    assert report.gate is not None
    assert report.gate.word == "UNTRUSTED"
    assert report.gate.reasons == (f"Only 85.7% of the samples of {LETTERS} have a score; 99.0% must.",)
