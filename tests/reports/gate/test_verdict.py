"""Verdicts on runs constructed to get them."""

import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests  # type: ignore[import-untyped]

from benchmark.accounts.prices import StatedPrice
from benchmark.data.selection import select
from benchmark.errors import RunError
from reports.figures.report import report_of
from reports.gate.gate import Criterion, Gate
from reports.gate.gatekeeper import Gatekeeper
from reports.gate.power import margin_shown, samples_needed
from reports.gate.trial import Trial, in_order, narrowed, refuse_own_folder, refuse_unpriced, trial_of
from reports.gate.verdict import EXIT_CODES, distrusted, settled, statuses, tally
from reports.kept.past import differences, read_past
from reports.kept.record import Record, Spent
from reports.kept.report import Background, Report, Verdict
from reports.stats.inference import Tails, difference_interval, difference_test, score_bounds, score_test
from reports.tables.power import forecasts
from reports.tables.verdict import properties_of, signed, verdict_notes, verdict_rows
from tests.reports.made_runs import PROVENANCE, kept, record, run_of, samples_of
from tests.tasks import MEASURE


def background(selected: int) -> Background:
    return Background(
        model="m",
        provenance=PROVENANCE,
        incomparable=(),
        selected=selected,
        floors={"SA": 0.4, "ML-ER": 0.2},
        published={},
    )


def trial(records: Sequence[Record], *, early: bool = False, **gate: object) -> Trial:
    stated = Gate.model_validate(gate)
    return trial_of(stated, samples_of(records), background(len(records)), early=early)


def judged(records: Sequence[Record], *, early: bool = False, **gate: object) -> Report:
    """The report of a run in which these records came in the order asked."""
    put = trial(records, early=early, **gate)
    keeper, by_id = Gatekeeper(put), {one.id: one for one in records}
    for sample in put.order:
        if keeper.hear(by_id[sample.id]):
            break
    return keeper.conclude(report_of(keeper.counted(), background(len(records)), keeper.error))


def verdict(records: Sequence[Record], **gate: object) -> Verdict:
    found = judged(records, early=False, **gate).gate
    assert found is not None
    return found


MIN = {"overall": {"recognition": 0.4}}
MIN_97 = {"overall": {"recognition": 0.97}}


@pytest.mark.parametrize(
    ("right", "wrong", "word"),
    [(260, 240, "PASS"), (140, 360, "FAIL"), (205, 295, "INCONCLUSIVE"), (195, 305, "INCONCLUSIVE")],
)
def test_a_least_score(right: int, wrong: int, word: str) -> None:
    found = verdict(run_of(right, wrong), min=MIN)
    (one,) = found.criteria

    assert found.word == word
    assert one.value == right / 500
    assert one.low < one.value < one.high
    assert (one.status == "met") == (one.low > 0.4)
    assert (one.samples, one.unscored, one.unpaired, found.coverage) == (500, 0, 0, 1.0)
    assert found.error_rate == 0.05
    assert found.cost_usd == pytest.approx(5.0), "500 answers at a cent"


def test_the_p_value_of_a_least_score_is_the_larger_of_wilson_s_and_the_exact_one() -> None:
    few, all_right = verdict(run_of(30, 10), min=MIN).criteria[0], verdict(run_of(200, 0), min=MIN_97).criteria[0]

    score = (30 / 40 - 0.4) / np.sqrt(0.4 * 0.6 / 40)
    assert few.p_met == pytest.approx(max(stats.t.sf(score, 39), stats.binom.sf(29, 40, 0.4)))
    assert few.p_missed == pytest.approx(max(stats.t.cdf(score, 39), stats.binom.cdf(30, 40, 0.4)))
    assert all_right.p_met == pytest.approx(stats.t.sf(0.03 / np.sqrt(0.97 * 0.03 / 200), 199))


@pytest.mark.parametrize(
    ("changed", "word"), [(0, "PASS"), (-3, "PASS"), (-15, "INCONCLUSIVE"), (-120, "FAIL"), (+40, "PASS")]
)
def test_a_drop_below_the_baseline(tmp_path: Path, changed: int, word: str) -> None:
    """Answers get worse, or better, one by one; 2,000 samples show that none or few did."""
    before = run_of(1000, 1000)
    fitting = [one.id for one in before if one.scores["recognition"] == float(changed < 0)]
    flips = set(fitting[: abs(changed)])
    now = [
        record(int(one.id.rpartition("/")[2]), 1 - (one.scores["recognition"] or 0)) if one.id in flips else one
        for one in before
    ]
    found = verdict(now, baseline=kept(tmp_path / "last", before), max_drop={"overall": {"recognition": 0.01}})
    (one,) = found.criteria

    assert found.word == word
    assert (one.value, one.baseline) == pytest.approx((changed / 2000, 0.5))
    assert found.baseline == "last"
    pairs = np.repeat([float(np.sign(changed)), 0.0], [abs(changed), 2000 - abs(changed)])
    assert (one.low, one.high) == pytest.approx(difference_interval(pairs, np.arange(2000), 0.1)), "5 % on each side"


@pytest.mark.parametrize(
    ("repeated", "said"),
    [
        (500, "All answers are the baseline's, word for word: nothing new has been tested."),
        (20, "4.0% of the answers are the baseline's, word for word."),
        (0, None),
    ],
)
def test_answers_that_are_the_baseline_s_are_said(tmp_path: Path, repeated: int, said: str | None) -> None:
    before = [one.model_copy(update={"answer": f"joy {place}"}) for place, one in enumerate(run_of(250, 250))]
    now = [one.model_copy(update={"answer": "joy"}) if place >= repeated else one for place, one in enumerate(before)]
    drop = {"overall": {"recognition": 0.05}}
    found = verdict(now, baseline=kept(tmp_path / "last", before), max_drop=drop)

    assert found.identical == repeated / 500
    assert [note for note in verdict_notes(found) if "word for word" in note] == ([said] if said else [])
    assert verdict(now, min=MIN).identical is None


def test_a_run_may_not_replace_its_baseline(tmp_path: Path) -> None:
    last, link = kept(tmp_path / "last", run_of(2, 2)), tmp_path / "link"
    link.symlink_to(last)
    for folder in (last, link, tmp_path / "x" / ".." / "last"):
        with pytest.raises(RunError, match="is the baseline's own folder, which is kept; choose another"):
            refuse_own_folder(Gate(baseline=last), folder)
    refuse_own_folder(Gate(baseline=last), tmp_path / "next")
    refuse_own_folder(Gate(above="majority"), last)


def test_slow_drift_is_seen_beside_the_reference(tmp_path: Path) -> None:
    """Each release loses a point and a half, which the last release by itself allows."""
    first, second, third = ([record(place, float(place >= lost)) for place in range(5000)] for lost in (0, 75, 150))
    drop = {"overall": {"recognition": 0.02}}
    gate = {"baseline": kept(tmp_path / "second", second), "reference": kept(tmp_path / "first", first)}
    beside, alone = verdict(third, **gate, max_drop=drop), verdict(third, baseline=gate["baseline"], max_drop=drop)

    assert (alone.word, alone.criteria[0].baseline, alone.reference) == ("PASS", 0.985, None)
    assert (beside.word, beside.reference, beside.baseline) == ("FAIL", "first", "second")
    assert [(one.kind, one.baseline, one.status) for one in beside.criteria] == [
        ("drop", 0.985, "met"),
        ("drift", 1.0, "missed"),
    ]
    assert verdict_rows(beside)[2][4:6] == ("100.0", "-3.0")


def test_a_reference_that_differs_is_refused_by_its_name(tmp_path: Path) -> None:
    now, drop = run_of(500, 500), {"overall": {"recognition": 0.05}}
    baseline, few = kept(tmp_path / "last", now), kept(tmp_path / "few", now[:900])
    other = kept(tmp_path / "first", now, judge={"name": "k", "identity": "k"})
    with pytest.raises(RunError, match=r"The reference .* has only 900 of these 1000 samples"):
        trial(now, baseline=baseline, reference=few, max_drop=drop)
    with pytest.raises(RunError, match="first cannot be compared: the runs differ in judge"):
        trial(now, baseline=baseline, reference=other, max_drop=drop)


def test_a_gain_must_be_shown(tmp_path: Path) -> None:
    before = run_of(500, 500)
    better = [record(number, 1.0) if number % 10 < 2 else one for number, one in enumerate(before)]
    baseline = kept(tmp_path / "last", before)

    assert verdict(better, baseline=baseline, min_gain={"overall": {"cot": 0.0}}).word == "PASS"
    assert verdict(before, baseline=baseline, min_gain={"overall": {"cot": 0.0}}).word == "INCONCLUSIVE"
    assert verdict(before, baseline=baseline, min_gain={"overall": {"cot": 0.1}}).word == "FAIL"


def guessed(marks: Sequence[float], task: str = "SA", **more: object) -> list[Record]:
    """Records with these scores, of which a constant guess gets 81 of 200 right."""
    labels = [
        ("joy",) if place % 5 in (0, 2) or place == 1 else (f"label {place % 30}",) for place in range(len(marks))
    ]
    return [record(number, mark, task, targets=labels[number], **more) for number, mark in enumerate(marks)]


def test_a_run_that_is_wholly_wrong_is_not_above_the_constant_guess() -> None:
    assert verdict(guessed([0.0] * 200), above="majority").word == "FAIL"
    found = verdict(guessed([1.0] * 200), above="majority")
    (one,) = found.criteria

    assert found.word == "PASS"
    assert (one.value, one.baseline, one.limit, one.high) == (1.0, 81 / 200, 0.4, 1.0)
    assert 81 / 200 < one.low < 1


def test_a_floor_is_tested_sample_by_sample() -> None:
    """Where a run is right whenever the guess is, and sometimes else, a few samples show that it is above it."""
    joy = [float("joy" in one.targets) for one in guessed([1.0] * 200)]
    same = verdict(guessed(joy), above="majority").criteria[0]
    above = [max(mark, float(place % 25 == 3)) for place, mark in enumerate(joy)]
    found = verdict(guessed(above), above="majority").criteria[0]
    differences = np.array(above) - np.array(joy)

    assert (same.status, same.value) == ("open", same.baseline)
    assert found.status == "met"
    assert found.p_met == difference_test(differences, np.arange(200), 0.0).above
    low, high = difference_interval(differences, np.arange(200), 0.1)
    assert (found.low, found.high) == pytest.approx((81 / 200 + low, 81 / 200 + high))
    assert score_test(np.array(above), np.arange(200), 81 / 200).above > 0.05, "with the floor taken for known"


def test_a_floor_for_several_labels_counts_what_is_wholly_right() -> None:
    """Naming every label recalls all: recognition 1, and yet no better than a guess."""
    everything = guessed([1.0] * 200, "ML-ER", precision=1 / 3, f1=0.5)
    exactly = guessed([1.0] * 200, "ML-ER", precision=1.0, f1=1.0)
    half = guessed([0.5] * 200, "ML-ER", precision=1.0, f1=2 / 3)

    assert verdict(everything, above="majority").word == "FAIL"
    assert verdict(half, above="majority").word == "FAIL"
    assert verdict(exactly, above="majority").word == "PASS"


def test_too_much_unscored_is_untrusted_whatever_the_score() -> None:
    found = verdict(run_of(490, 0, 10), min=MIN)
    assert found.word == "UNTRUSTED"
    assert found.reasons == ("Only 98.0% of the samples have a score; 99.0% must.",)
    assert verdict(run_of(495, 0, 5), min=MIN).word == "PASS", "99 % are enough"


def test_unscored_samples_count_as_wrong_for_passing_and_as_right_for_failing() -> None:
    least, most = {"overall": {"recognition": 0.455}}, {"overall": {"recognition": 0.545}}
    scored, some = run_of(500, 500), run_of(500, 500, 60)

    assert verdict(scored, min={"overall": {"recognition": 0.47}}).word == "PASS"
    assert verdict(some, min=least, coverage=0.9).word == "INCONCLUSIVE"
    assert verdict(scored, min={"overall": {"recognition": 0.53}}).word == "FAIL"
    assert verdict(some, min=most, coverage=0.9).word == "INCONCLUSIVE"
    assert verdict(some, min=least, coverage=0.9).criteria[0].unscored == 60


@pytest.mark.parametrize("side", ["baseline", "run"])
def test_pairs_without_a_score_on_either_side_widen_the_bounds(tmp_path: Path, side: str) -> None:
    """Of 40 pairs half are right on the other side: 20 may have got worse, and 20 better."""
    before, drop = run_of(1000, 1000), {"overall": {"recognition": 0.01}}
    some = [*(record(number, None) for number in range(40)), *before[40:]]
    now, then = (before, some) if side == "baseline" else (some, before)
    whole = verdict(before, baseline=kept(tmp_path / "whole", before), max_drop=drop)
    found = verdict(now, baseline=kept(tmp_path / "last", then), max_drop=drop, coverage=0.9)

    assert (whole.word, found.word) == ("PASS", "INCONCLUSIVE")
    assert (found.criteria[0].samples, found.criteria[0].unscored) == (1960, 40)
    assert found.criteria[0].value == 0
    assert whole.criteria[0].low - 0.015 < found.criteria[0].low < whole.criteria[0].low - 0.01
    assert whole.criteria[0].high + 0.015 > found.criteria[0].high > whole.criteria[0].high + 0.01


def test_samples_whose_clip_neither_run_could_use_are_left_out_and_counted(tmp_path: Path) -> None:
    """Where it failed on one side only, or at the judge, it counts against the run as before."""
    before, drop = run_of(1000, 1000), {"overall": {"recognition": 0.01}}
    lost = [record(number, None, stage="data") for number in range(40)]
    last = kept(tmp_path / "last", [*lost, *before[40:]])
    found = verdict([*lost, *before[40:]], baseline=last, max_drop=drop, coverage=0.9)
    judge = [record(number, None) for number in range(40)]
    other = verdict([*judge, *before[40:]], baseline=last, max_drop=drop, coverage=0.9)
    (one,) = found.criteria

    assert (found.word, other.word) == ("PASS", "INCONCLUSIVE")
    assert (one.samples, one.unscored, one.unreadable, one.unpaired) == (1960, 0, 40, 0)
    assert (other.criteria[0].unscored, other.criteria[0].unreadable) == (40, 0)
    assert "40 samples whose clip could be used in neither run were not compared." in verdict_notes(found)
    assert verdict([*lost, *before[40:]], min=MIN, coverage=0.9).criteria[0].unscored == 40


def test_of_a_task_that_a_broken_off_run_has_not_reached_nothing_is_shown(tmp_path: Path) -> None:
    asked = [*run_of(100, 100), *run_of(100, 100, task="IR")]
    limits = {"IR": {"recognition": 0.2}}
    put = trial(asked, baseline=kept(tmp_path / "last", asked), min=limits, max_drop=limits, coverage=0.4)
    keeper = Gatekeeper(put)
    for one in asked[:200]:
        keeper.hear(one)
    found = keeper.conclude(report_of(keeper.counted(), background(400))).gate

    assert found is not None
    assert (found.word, found.coverage) == ("UNTRUSTED", 0.5)
    assert found.reasons == ("200 of 400 samples were not asked; the gate needs a complete run.",)
    assert [
        (one.status, one.value, one.samples, one.p_met, one.p_missed, one.low, one.high) for one in found.criteria
    ] == [
        ("open", None, 0, 1.0, 1.0, 0.0, 1.0),
        ("open", None, 0, 1.0, 1.0, -1.0, 1.0),
    ]


def test_samples_that_the_baseline_did_not_ask_are_left_out_and_counted(tmp_path: Path) -> None:
    now, drop = run_of(1000, 1000), {"overall": {"recognition": 0.01}}
    few, most = kept(tmp_path / "few", now[:1900]), kept(tmp_path / "most", now[:1980])
    found = verdict(now, baseline=few, max_drop=drop, allow=("samples",))

    assert (found.criteria[0].samples, found.criteria[0].unpaired) == (1900, 100)
    assert "100 samples are not in the baseline and were not compared." in verdict_notes(found)
    assert verdict(now, baseline=most, max_drop=drop).criteria[0].unpaired == 20, "99 % of them are enough"
    put = trial(now, baseline=few, max_drop=drop, min=MIN, allow=("samples",))
    assert [(one.kind, len(put.members(one))) for one in put.criteria] == [("min", 2000), ("drop", 1900)]
    with pytest.raises(RunError, match=r"has only 1900 of these 2000 samples; .* --baseline-allow=samples"):
        trial(now, baseline=few, max_drop=drop)


def test_every_sample_that_the_baseline_asked_must_be_the_same(tmp_path: Path) -> None:
    now = run_of(1000, 1000)
    changed = [one.model_copy(update={"targets": ("anger",)}) if one is now[-1] else one for one in now]
    drop, last = {"overall": {"recognition": 0.01}}, kept(tmp_path / "last", changed[1:])
    with pytest.raises(RunError, match=f"{now[-1].id} differs there in its targets.*--baseline-allow=data"):
        trial(now, baseline=last, max_drop=drop)
    assert trial(now, baseline=last, max_drop=drop, allow=("data",)).criteria


def test_of_two_criteria_each_is_missed_at_half_the_error_rate() -> None:
    """A p-value of 0.035 misses a criterion that stands by itself, and neither of two."""
    records, both = run_of(180, 320), {"overall": {"recognition": 0.4}, "SA": {"recognition": 0.4}}
    (one,) = verdict(records, min=MIN).criteria

    assert 0.025 < one.p_missed < 0.05
    assert verdict(records, min=MIN).word == "FAIL"
    assert verdict(records, min=both).word == "INCONCLUSIVE"


def test_a_run_that_cost_too_much_fails_and_one_of_unknown_cost_is_untrusted() -> None:
    assert verdict(run_of(400, 100), min=MIN, max_cost_usd=5.01).word == "PASS"
    dear = verdict(run_of(400, 100), min=MIN, max_cost_usd=4.99)
    assert (dear.word, dear.reasons) == ("FAIL", ("The run cost 5.00 USD; max_cost_usd is 4.99.",))

    free = [one.model_copy(update={"usage": {"model": one.usage["model"].model_copy(update={"cost_usd": None})}})
            for one in run_of(400, 100)]  # fmt: skip
    assert verdict(free, min=MIN).word == "PASS"
    assert verdict(free, min=MIN, max_cost_usd=1).word == "UNTRUSTED"


def test_one_criterion_missed_fails_and_one_open_leaves_it_open() -> None:
    records = [*run_of(260, 240), *run_of(140, 360, task="IR")]
    found = verdict(records, min={"SA": {"recognition": 0.4}, "IR": {"recognition": 0.4}})
    assert (found.word, [one.status for one in found.criteria]) == ("FAIL", ["met", "missed"])

    unclear = verdict(records, min={"SA": {"recognition": 0.4}, "IR": {"recognition": 0.28}})
    assert (unclear.word, [one.status for one in unclear.criteria]) == ("INCONCLUSIVE", ["met", "open"])


@pytest.mark.usefixtures("few_objects")
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_what_is_missed_is_what_holm_rejects(p_values: list[float]) -> None:
    found = statuses([Tails(above=1.0, below=p) for p in p_values], lambda among: 0.05 / among)
    rejected = multipletests(p_values, alpha=0.05, method="holm")[0]
    assert [status == "missed" for status in found] == list(rejected)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6))
def test_a_run_is_passed_at_the_full_level_each(p_values: list[tuple[float, float]]) -> None:
    found = statuses([Tails(above=above, below=1.0) for above, _ in p_values], lambda among: 0.05 / among)
    assert [status == "met" for status in found] == [above <= 0.05 for above, _ in p_values]


@pytest.mark.parametrize(
    ("limits", "whether"),
    [((0.2,), True), ((0.8,), True), ((0.5,), False), ((0.2, 0.3), True), ((0.2, 0.8), True), ((0.2, 0.5), False),
     ((0.5, 0.8), True)],
)  # fmt: skip
def test_it_is_settled_once_all_is_met_or_one_is_missed(limits: tuple[float, ...], whether: bool) -> None:  # noqa: FBT001
    records = run_of(100, 100)
    criteria = (Criterion(kind="min", place="overall", measure=MEASURE["cot"], limit=limit) for limit in limits)
    tallies = [tally(criterion, records, {}) for criterion in criteria]
    assert settled(tallies, np.arange(200), lambda among: 0.05 / among) == whether


@pytest.mark.parametrize(("recordings", "warned"), [(19, True), (20, False)])
def test_few_recordings_are_counted_and_warned_of(recordings: int, warned: bool) -> None:  # noqa: FBT001
    records = [one.model_copy(update={"recording": f"film {number % recordings}"})
               for number, one in enumerate(run_of(450, 50))]  # fmt: skip
    found, said = verdict(records, min=MIN), f"The samples of overall come from only {recordings} recordings;"
    before = forecasts(trial(records, min=MIN))

    assert found.criteria[0].recordings == recordings
    assert any(note.startswith(said) for note in verdict_notes(found)) == warned
    assert any(line.startswith(said) for line in before) == warned


def test_samples_of_one_recording_tell_less() -> None:
    alone = run_of(235, 265)
    together = [one.model_copy(update={"recording": f"film {number // 50}"}) for number, one in enumerate(
        sorted(alone, key=lambda one: one.scores["recognition"] or 0))]  # fmt: skip

    assert verdict(alone, min=MIN).word == "PASS"
    assert verdict(together, min=MIN).word == "INCONCLUSIVE"


# stopping early


def shuffled(right: int, wrong: int) -> list[Record]:
    marks = np.random.default_rng(0).permutation([1.0] * right + [0.0] * wrong)
    return [record(number, float(mark)) for number, mark in enumerate(marks)]


def test_a_clear_run_stops_early_and_an_unclear_one_does_not() -> None:
    clear = judged(shuffled(1150, 850), early=True, min=MIN, seed="a")
    assert clear.gate is not None
    assert clear.gate.stopping is not None
    assert (clear.gate.word, clear.gate.stopping.samples, clear.gate.stopping.looks[-1]) == ("PASS", 200, 2000)
    assert clear.overall.samples == 200
    (one,) = clear.gate.criteria
    passed = round(200 * (one.value or 0))
    right = np.repeat([1.0, 0.0], [passed, 200 - passed])
    widest, narrowest = (score_bounds(right, np.arange(200), 0.05 * spent) for spent in (0.1**3 - 0.05**3, 0.1**3))
    assert widest[0] <= one.low <= narrowest[0], "it looks at the level of the second of twenty looks"

    bad = judged(shuffled(500, 1500), early=True, min=MIN).gate
    assert bad is not None
    assert bad.stopping is not None
    assert (bad.word, bad.stopping.samples) == ("FAIL", 200), "so does one that is clearly bad"

    unclear = judged(shuffled(800, 1200), early=True, min=MIN)
    assert unclear.gate is not None
    assert (unclear.gate.word, unclear.gate.stopping, unclear.overall.samples) == ("INCONCLUSIVE", None, 2000)
    bounds = score_bounds(np.repeat([1.0, 0.0], [800, 1200]), np.arange(2000), 0.03555)
    assert (unclear.gate.criteria[0].low, unclear.gate.criteria[0].high) == pytest.approx(bounds, abs=1e-6), (
        "at the end it looks at the level of the twentieth look"
    )


def test_what_is_done_out_of_order_does_not_count_before_the_rest_is_there() -> None:
    """The quick ones all are right: they must not decide."""
    records = shuffled(1000, 1000)
    put = trial(records, early=True, min=MIN)
    keeper, by_id = Gatekeeper(put), {one.id: one for one in records}
    quick = [
        sample for sample in put.order if by_id[sample.id].scores["recognition"] == 1 and sample is not put.order[0]
    ]

    assert [keeper.hear(by_id[sample.id]) for sample in quick] == [None] * len(quick)


def test_more_that_was_done_is_recorded_and_does_not_count() -> None:
    records = shuffled(1600, 400)
    put = trial(records, early=True, min=MIN)
    keeper, by_id = Gatekeeper(put), {one.id: one for one in records}
    said = [keeper.hear(by_id[sample.id]) for sample in put.order[:430]]
    report = keeper.conclude(report_of(keeper.counted(), background(2000), keeper.error))

    assert [(heard, why) for heard, why in enumerate(said, 1) if why] == [
        (100, "The gate is settled after 100 of 2000: PASS")
    ]
    assert report.gate is not None
    assert report.gate.stopping is not None
    assert (report.gate.stopping.samples, report.gate.stopping.beyond, report.overall.samples) == (100, 330, 100)
    assert report.gate.stopping.level == pytest.approx(0.05 / 20**3), "of 20 looks the first spends error · t³"
    assert report.usage["model"].requests == 430, "all that was spent is on record"
    assert verdict_notes(report.gate)[1:] == [
        "Stopped early, after 100 of 2000 samples (look 1 of 20). Overall and task scores are corrected for that, "
        "all others are not. Bounds hold despite the repeated looks. 330 further samples are recorded but do not count."
    ]


def test_a_run_that_stopped_late_reports_less_than_it_measured() -> None:
    """It crossed the bound at a high point; orders of the same samples that went on begin lower."""
    for seed in range(40):
        marks = np.random.default_rng(seed).binomial(1, 0.47, size=2000)
        records = [record(number, float(mark)) for number, mark in enumerate(marks)]
        report = judged(records, early=True, min=MIN)
        if report.gate and report.gate.stopping and report.gate.stopping.look > 3:
            measured = report.gate.criteria[0].value
            assert report.gate.stopping.unbiased
            assert measured is not None
            assert report.overall.scores["recognition"] is not None
            assert report.overall.scores["recognition"] < measured
            assert (
                report.tasks["SA"].scores["recognition"]
                == report.overall.scores["recognition"]
                == report.macro["recognition"]
            )
            alone = (report.overall.scores["recognition"], report.overall.scores["recognition"])
            assert report.overall.bounds["recognition"] == pytest.approx(alone), "all have a score"
            return
    pytest.fail("none of the runs stopped late")


def test_an_undecidable_run_stops_where_the_gate_says_so() -> None:
    """At the limit, the last look's chance of a decision is soon below 2 %; by default it is asked to the end."""
    records = shuffled(800, 1200)
    report = judged(records, early=True, min=MIN, futility=0.02)
    found = report.gate
    assert found is not None
    assert found.stopping is not None

    assert (found.word, found.stopping.samples, report.overall.samples) == ("INCONCLUSIVE", 1400, 1400)
    assert found.reasons == (
        "Not decided by these samples: overall Recognition at least 40.0.",
        "Stopped since the chance that all samples decide was below 2.0% (futility).",
    )
    assert judged(shuffled(1600, 400), early=True, min=MIN, futility=0.02).gate.word == "PASS"  # type: ignore[union-attr]
    assert judged(shuffled(100, 900), early=True, min=MIN, futility=0.02).gate.word == "FAIL"  # type: ignore[union-attr]


def test_corrected_scores_are_inside_their_intervals() -> None:
    """A task of which the first look had few samples may move far."""
    for seed in range(12):
        draw = np.random.default_rng(seed)
        records = [record(number, float(draw.random() < (0.9 if number % 20 == 0 else 0.45)),
                          "IR" if number % 20 == 0 else "SA") for number in range(1500)]  # fmt: skip
        report = judged(records, early=True, min=MIN, seed=str(seed))
        assert report.gate is not None
        for scores in (report.overall, *report.tasks.values()):
            for name, (low, high) in scores.intervals.items():
                value = scores.scores[name]
                assert value is not None
                assert low <= value <= high
        for name, (low, high) in report.macro_intervals.items():
            assert low <= (report.macro[name] or 0) <= high


def test_unscored_samples_beyond_what_is_allowed_stop_a_run() -> None:
    records = [record(number, None if number % 4 == 0 else 1.0) for number in range(2000)]
    found = judged(records, early=True, min=MIN).gate
    assert found is not None
    assert found.stopping is not None
    assert (found.word, found.stopping.samples) == ("UNTRUSTED", 100)

    as_allowed = [record(number, None if number < 20 else 1.0) for number in range(2000)]
    found = judged(as_allowed, early=True, min=MIN).gate
    assert found is not None
    assert found.word == "PASS", "20 of 2000 are one in a hundred"


def test_intervals_hold_however_often_it_was_looked() -> None:
    records = shuffled(1600, 400)
    put = trial(records, early=True, min=MIN)
    keeper, by_id = Gatekeeper(put), {one.id: one for one in records}
    assert Gatekeeper(trial(records, min=MIN)).error == 0.05
    assert keeper.error == pytest.approx(0.05 / 20**3), "two-sided, at the first look"
    for sample in put.order[:100]:
        keeper.hear(by_id[sample.id])
    assert keeper.error == pytest.approx(0.05 / 20**3)


def test_samples_that_were_never_asked_lower_the_coverage() -> None:
    records = run_of(260, 240)
    keeper = Gatekeeper(trial(records, min=MIN), selected=1000)
    for one in records:
        keeper.hear(one)
    found = keeper.conclude(report_of(keeper.counted(), background(1000))).gate
    assert found is not None
    assert (found.word, found.coverage) == ("UNTRUSTED", 0.5)
    assert found.reasons == ("Only 50.0% of the samples have a score; 99.0% must.",), "what is missing is said once"


@pytest.mark.parametrize(("check_usd", "cost_usd"), [(0.0, 5.0), (0.25, 5.25), (None, None)])
def test_a_run_costs_what_was_asked_and_the_check_of_its_judge(check_usd: float | None, cost_usd: float | None) -> None:
    """What was kept has cost nothing, whether or not its price is known."""
    free = Spent(model="j", requests=0, input_tokens=9, output_tokens=9, seconds=0.0, cost_usd=None)
    records = [one.model_copy(update={"usage": {**one.usage, "judge": free}}) for one in run_of(400, 100)]
    keeper = Gatekeeper(trial(records, min=MIN), check_usd)
    for one in records:
        keeper.hear(one)
    found = keeper.conclude(report_of(keeper.counted(), background(500))).gate
    assert found is not None
    assert found.cost_usd == (None if cost_usd is None else pytest.approx(cost_usd))


# before the run


def test_a_gate_that_nothing_could_pass_is_refused() -> None:
    with pytest.raises(RunError, match=r'without a mistake could pass .* 10 samples are too few to show "overall Rec'):
        trial(run_of(5, 5), min={"overall": {"recognition": 0.9}})


def test_what_all_right_would_show_is_tested_as_the_run_will_be(tmp_path: Path) -> None:
    """Thirty right answers show 85 %, by the test of a score; five better ones show no gain of half the scale."""
    assert trial(run_of(30, 0), min={"overall": {"recognition": 0.85}}).criteria
    worse = kept(tmp_path / "last", run_of(0, 5))
    with pytest.raises(RunError, match=r"a run without a mistake could pass .* 5 samples are too few"):
        trial(run_of(5, 0), baseline=worse, min_gain={"overall": {"recognition": 0.5}})


def test_the_order_in_which_is_asked_is_the_seed_s_or_the_model_s() -> None:
    records, samples = run_of(600, 400), samples_of(run_of(600, 400))
    asked = [
        [one.id for one in trial(records, early=True, min=MIN, **seed).order]
        for seed in ({}, {"seed": "m"}, {"seed": "october"})
    ]
    other = [one.id for one in in_order(samples, Gate(min=MIN), "another model")]
    limited = {one.id for one in select(samples, limit=100)}

    assert asked[0] == asked[1], "the model is called m"
    assert len({*map(tuple, asked), tuple(other)}) == 3
    for order in (*asked, other):
        assert sorted(order) == sorted(one.id for one in samples)
        assert len(limited.intersection(order[:100])) < 30, "a first look is not at what --limit selects"
    assert [one.id for one in trial(records, min=MIN).order] == [one.id for one in records], "as they lie otherwise"


def test_a_gate_is_hopeless_by_the_level_of_the_last_look_that_there_will_be() -> None:
    """Four samples, all right, show more than 0.35 once; at the end of twenty looks they do not."""
    records, least = [*run_of(200, 100), *run_of(4, 0, task="IR")], {"IR": {"recognition": 0.35}}
    assert trial(records, min=least).criteria
    with pytest.raises(RunError, match="4 samples are too few"):
        trial(records, early=True, min=least)
    assert trial(records, early=True, min={"IR": {"recognition": 0.32}}).criteria, "by the last look's 0.0355 they do"


def test_a_floor_of_one_can_not_be_passed() -> None:
    sure = background(20).model_copy(update={"floors": {"SA": 1.0}})
    with pytest.raises(RunError, match="in SA a constant guess is always right"):
        trial_of(Gate(above="majority"), samples_of(run_of(10, 10)), sure, early=False)


def test_a_selection_narrows_what_the_gate_demands() -> None:
    records = [*run_of(260, 240), *run_of(140, 60, task="IR")]
    whole = trial(records, min={"each": {"recognition": 0.4}})
    part = narrowed(whole, {one.id for one in records if one.task == "IR"})

    assert [one.place for one in whole.criteria] == ["SA", "IR"]
    assert [one.place for one in part.criteria] == ["IR"]
    assert len(part.order) == 200
    with pytest.raises(RunError, match="3 samples are too few"):
        narrowed(whole, {one.id for one in records[:3]})


def test_a_limit_on_cost_needs_prices() -> None:
    priced = SimpleNamespace(name="m", endpoint=SimpleNamespace(price=StatedPrice(1.0, 2.0)))
    unpriced = SimpleNamespace(name="n", endpoint=SimpleNamespace(price=None))
    refuse_unpriced(Gate(above="majority"), [unpriced])
    refuse_unpriced(Gate(above="majority", max_cost_usd=1), [priced])
    with pytest.raises(RunError, match=r"max_cost_usd needs the price of n, .* --price=n=INPUT/OUTPUT"):
        refuse_unpriced(Gate(above="majority", max_cost_usd=1), [priced, unpriced])
    with pytest.raises(RunError, match="needs the price of own,"):
        refuse_unpriced(Gate(above="majority", max_cost_usd=1), [SimpleNamespace(name="own")])
    with pytest.raises(RunError, match="needs the price of a model,"):
        refuse_unpriced(Gate(above="majority", max_cost_usd=1), [object()])


def test_a_drop_too_small_for_the_samples_is_refused_and_a_bold_one_foretold(tmp_path: Path) -> None:
    baseline = kept(tmp_path / "last", run_of(250, 250))
    with pytest.raises(RunError, match=r"that gives the baseline's own answers .* 500 samples are too few"):
        trial(run_of(250, 250), baseline=baseline, max_drop={"overall": {"recognition": 0.004}})

    (line,) = forecasts(trial(run_of(250, 250), baseline=baseline, max_drop={"overall": {"recognition": 0.02}}))
    assert line.startswith("likely INCONCLUSIVE: 500 samples are probably too few")
    assert forecasts(trial(run_of(250, 250), baseline=baseline, max_drop={"overall": {"recognition": 0.06}})) == []


def test_a_coverage_that_lets_the_margin_be_used_up_is_foretold(tmp_path: Path) -> None:
    baseline, drop = kept(tmp_path / "last", run_of(2500, 2500)), {"overall": {"recognition": 0.03}}
    (line,) = forecasts(trial(run_of(2500, 2500), baseline=baseline, max_drop=drop, coverage=0.96))
    assert line.startswith("the coverage of 96.0% lets 4.0% of the samples have no score")
    assert forecasts(trial(run_of(2500, 2500), baseline=baseline, max_drop=drop, coverage=0.98)) == []


@pytest.mark.parametrize(
    "changed", [{"judge": {"name": "k", "identity": "k"}}, {"prompts": {"judge": "q"}}, {"data": {"fingerprint": "g"}},
                {"settings": {**PROVENANCE["settings"], "fps": 2.0}}],
)  # fmt: skip
def test_a_baseline_made_otherwise_is_refused_unless_allowed(tmp_path: Path, changed: dict[str, object]) -> None:
    baseline = kept(tmp_path / "last", run_of(250, 250), **changed)
    (name,) = differences(read_past(baseline).report.provenance, PROVENANCE)
    drop = {"overall": {"recognition": 0.06}}
    with pytest.raises(RunError, match=f"the runs differ in {name}.*--baseline-allow={name}"):
        trial(run_of(250, 250), baseline=baseline, max_drop=drop)

    found = verdict(run_of(250, 250), baseline=baseline, max_drop=drop, allow=(name,))
    assert found.differs == (name,)
    assert f"The runs differ in {name}, as allowed." in verdict_notes(found)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("report.json", None, "holds no finished run: report.json cannot be read"),
        ("report.json", "{}", "is not what this version of the suite writes"),
        ("samples.jsonl", None, "holds no run: samples.jsonl cannot be read"),
        ("samples.jsonl", '{"id": 1}\n', "samples.jsonl, line 1, is not a record"),
    ],
)
def test_a_folder_that_holds_no_run_is_said_so(tmp_path: Path, file: str, text: str | None, said: str) -> None:
    folder = kept(tmp_path, run_of(2, 2))
    (folder / file).unlink() if text is None else (folder / file).write_text(text)
    with pytest.raises(RunError, match=said):
        read_past(folder)


def test_samples_needed_and_margin_are_two_sides_of_one_formula() -> None:
    needed = samples_needed(0.02, 0.2, error=0.05)
    assert needed == 3092
    assert margin_shown(needed, 0.2, error=0.05) == pytest.approx(0.02, rel=1e-3)
    assert samples_needed(0.02, 0.2, error=0.05, effect=2.0) == pytest.approx(2 * needed, abs=1)


# what is shown


def test_the_table_has_a_row_for_each_criterion(tmp_path: Path) -> None:
    records = run_of(260, 240)
    drop = {"overall": {"recognition": 0.05}}
    found = verdict(records, baseline=kept(tmp_path / "last", records), min=MIN, max_drop=drop)
    head, first, second = verdict_rows(found)

    assert head == ("Criterion", "Samples", "Recordings", "Unscored", "Baseline", "Value", "Between", "Shown")
    assert first == ("overall Recognition at least 40.0", "500", "500", "0", "", "52.0", "48.2 – 55.8", "holds")
    assert second[1:] == ("500", "500", "0", "52.0", "+0.0", "-0.5 – +0.5", "holds")
    assert properties_of(found)[:2] == [("gate", "PASS"), (first[0], "holds: 52.0 (48.2 – 55.8)")]


def test_differences_have_a_sign_and_scores_have_none() -> None:
    assert [signed(0.1234, kind) for kind in ("min", "floor", "drop", "gain")] == ["12.3", "12.3", "+12.3", "+12.3"]
    assert (signed(-0.25, "drop"), signed(None, "gain")) == ("-25.0", signed(None, "min"))


def test_what_is_missed_and_what_is_open_is_said_so() -> None:
    records = [*run_of(140, 360), *run_of(205, 295, task="IR")]
    found = verdict(records, min={"SA": {"recognition": 0.4}, "IR": {"recognition": 0.4}})

    assert [row[-1] for row in verdict_rows(found)[1:]] == ["does not hold", "open"]
    assert found.reasons == ("Shown not to hold: SA Recognition at least 40.0.",)
    assert verdict(run_of(205, 295), min=MIN).reasons == (
        "Not decided by these samples: overall Recognition at least 40.0.",
    )
    assert verdict(run_of(260, 240), min=MIN).reasons == ("Every criterion is shown to hold.",)


def test_the_codes_of_the_verdicts_are_those_of_the_documentation() -> None:
    text = (Path(__file__).parents[3] / "docs/gate.md").read_text("utf-8")
    assert {word: int(code) for code, word in re.findall(r"^\| (\d) \| ([A-Z]+) \|", text, re.MULTILINE)} == EXIT_CODES


def test_a_run_that_was_not_begun_is_untrusted_and_has_no_table() -> None:
    found = distrusted(["The judge fails."], Gate(above="majority", error_rate=0.1))

    assert (found.word, found.reasons, found.error_rate) == ("UNTRUSTED", ("The judge fails.",), 0.1)
    assert (found.coverage, found.cost_usd, verdict_notes(found)) == (0.0, None, ["The judge fails."])
    assert verdict_rows(found) == []
