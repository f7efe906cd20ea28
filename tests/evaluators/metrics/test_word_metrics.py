"""Emotions in free words: the measures, against published scores, definitions and values computed by hand."""

import asyncio
import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.data.dataset import read_samples
from benchmark.errors import RunError
from benchmark.model import Answer
from benchmark.suite import find_suite
from benchmark.task import Sample
from evaluators.judge.agent import Reply
from evaluators.judge.evidence import Question
from evaluators.judge.rules import RulesExtractor
from evaluators.judge.steps import Steps
from evaluators.measures import measures_of
from evaluators.metrics.metric import Measure, Metric, bounds_of, find_metric
from evaluators.metrics.words.groups import group_marks
from evaluators.outcome import Scored
from reports.kept.flaws import record_flaws
from reports.kept.record import Record, record_of

SHARED = Path(__file__).parents[4] / "shared" / "reference" / "mer_unibench"
SUITE = find_suite("mer-unibench")
MEASURES = measures_of(SUITE)
SETS = {"mer2023": "MER2023", "meld": "MELD", "cmumosi": "CMU-MOSI", "sims": "CH-SIMS", "ovmerdplus": "OV-MERD+"}
COLUMN = {"cmumosi": "val", "sims": "val", "ovmerdplus": "openset"}
needs_predictions = pytest.mark.skipif(not SHARED.is_dir(), reason="the published predictions are not here")


@dataclass
class Told:
    """An extractor that finds the words of the answer as they stand, and the sentiment that somebody else has found."""

    sentiment: str
    name: str = "told"
    identity: str = "told"

    async def extract(self, answer: Answer, question: Question) -> Reply[Steps]:
        said = self.sentiment if question.label_set else answer.text
        return Reply(value=Steps(reasoning=(), prediction=said), model="told")


def scored(sample: Sample, text: str, extractor: object) -> Record:
    roles: Any = SimpleNamespace(extractor=extractor, rated=lambda answer: answer)
    metric: Metric = find_metric(sample.task.metric)
    outcome: Scored = asyncio.run(metric.score(sample, Answer(text=text, model="m"), roles))
    return record_of(outcome)


def predictions(name: str) -> list[dict[str, str]]:
    with (SHARED / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Record]:
    """The records of AffectGPT's published predictions."""
    root = tmp_path_factory.mktemp("unibench") / "data"
    root.mkdir()
    (root.parent / "emotion_wheel").symlink_to(SHARED / "emotion_wheel")
    said: dict[tuple[str, str], dict[str, str]] = {}
    for name, task in SETS.items():
        with (root / f"{task}.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(["name", COLUMN.get(name, "emo"), "subtitle", "clip"])
            for row in predictions(name):
                table.writerow([f"clip{row['row']}", row["gold"], "words", ""])
                said[task, f"clip{row['row']}"] = row
    records = []
    for sample in read_samples(str(root), SUITE).samples:
        row = said[sample.task.name, sample.video_id]
        records.append(scored(sample, row["openset"], Told(row["sentiment"])))
    return records


def of_task(records: Sequence[Record], task: str) -> list[Record]:
    return [record for record in records if record.task == task]


def percent(name: str, records: Sequence[Record]) -> float:
    measure = {**MEASURES.by_name, **MEASURES.details}[name]
    value = measure.value(records)
    assert value is not None
    assert measure.column(records).mean() == pytest.approx(value, abs=1e-9)
    return round(100 * value, 2)


@needs_predictions
def test_the_published_row_is_met_with_both_maps(published: Sequence[Record]) -> None:
    expected = {
        "MER2023": {"hit_rate": 78.54, "hit_rate_2026": 78.54, "score": 78.54, "score_2026": 78.54},
        "MELD": {"hit_rate": 55.65, "hit_rate_2026": 56.33, "score": 55.65, "score_2026": 56.33},
        "CMU-MOSI": {"weighted_f1": 81.30, "sign_accuracy": 81.25, "score": 81.30, "score_2026": 81.30},
        "CH-SIMS": {"weighted_f1": 88.49, "sign_accuracy": 88.40, "score": 88.49},
        "OV-MERD+": {
            "set_f1": 62.52,
            "set_f1_2026": 62.79,
            "set_precision": 62.21,
            "set_recall": 63.00,
            "score": 62.52,
            "score_2026": 62.79,
        },
    }
    for task, scores in expected.items():
        records = of_task(published, task)
        assert {name: percent(name, records) for name in scores} == scores, task
        row = SUITE.read_published()["models"]["AffectGPT"]["tasks"][task]
        assert percent("score", records) == pytest.approx(100 * row["score"], abs=1e-9)
    assert percent("score", published) == round((78.5387 + 55.6491 + 81.2990 + 88.4891 + 62.5229) / 5, 2)


@needs_predictions
def test_the_published_numbers_of_scored_samples_are_met(published: Sequence[Record]) -> None:
    def counts(task: str) -> list[int]:
        records = of_task(published, task)
        names = [f"hit_2025_1_w{wheel}" for wheel in range(1, 6)]
        return [sum(record.scores[name] is not None for record in records) for name in names]

    assert counts("MER2023") == [323, 323, 323, 323, 305]
    assert counts("MELD") == [1354, 1354, 1286, 1354, 1005]
    for task, count, size in (("CMU-MOSI", 656, 686), ("CH-SIMS", 388, 457)):
        records = of_task(published, task)
        assert len(records) == size
        assert sum(record.scores["sign"] is not None for record in records) == count
    assert len(of_task(published, "OV-MERD+")) == 532


DEMO = read_samples("demo", SUITE).samples
FIRST = next(sample for sample in DEMO if sample.task.name == "MER2023")
ANSWERS = st.lists(st.sampled_from(["happy", "sad", "angry", "fear", "scared", "brave", "surprised", "x"]), max_size=4)


def demo_records(answers: Sequence[Sequence[str]]) -> list[Record]:
    return [
        scored(sample, ", ".join(words) or "none", RulesExtractor())
        for sample, words in zip(DEMO, answers, strict=True)
    ]


SIZE = len(DEMO)
MANY = st.lists(ANSWERS, min_size=SIZE, max_size=SIZE)


@settings(max_examples=40)
@given(MANY, st.data())
def test_every_measure_has_its_pseudo_values_as_mean_and_bounds_around_it(
    answers: list[list[str]], data: st.DataObject
) -> None:
    records = demo_records(answers)
    lost = data.draw(st.sets(st.integers(0, SIZE - 1), max_size=6))
    seen = [
        record.model_copy(update={"outcome": "error", "predicted": (), "scores": dict.fromkeys(record.scores)})
        if place in lost
        else record
        for place, record in enumerate(records)
    ]
    for measure in [*MEASURES.by_name.values(), *MEASURES.details.values()]:
        value = measure.value(records)
        assert value is not None
        assert 0 <= value <= 1
        assert measure.column(records).mean() == pytest.approx(value)
        column = measure.column(seen)
        unknown = [place for place, number in enumerate(column) if np.isnan(number)]
        assert unknown in (sorted(lost), list(range(SIZE))), "all are, where one sample more would leave a set empty"
        low, high = bounds_of(measure, seen)
        assert np.isfinite([low, high]).all()
        assert low <= high + 1e-9


@settings(max_examples=40)
@given(MANY)
def test_pseudo_values_are_those_of_leaving_each_sample_out(answers: list[list[str]]) -> None:
    records = of_task(demo_records(answers), "OV-MERD+")
    measure = MEASURES.by_name["set_f1"]
    n, whole = len(records), measure.value(records)
    assert whole is not None
    pseudo = []
    for place in range(n):
        rest = measure.value(records[:place] + records[place + 1 :])
        assert rest is not None
        pseudo.append(n * whole - (n - 1) * rest)
    assert measure.column(records) == pytest.approx(np.array(pseudo) - np.mean(pseudo) + whole)


@settings(max_examples=40)
@given(MANY)
def test_records_agree_with_themselves(answers: list[list[str]]) -> None:
    for record in demo_records(answers):
        assert not list(record_flaws(record, SUITE))


def test_a_score_that_cannot_be_is_found() -> None:
    record = scored(FIRST, "happy", RulesExtractor())
    forged = record.model_copy(update={"scores": {**record.scores, "hit_2025_1_w1": 0.5}})
    assert list(record_flaws(forged, SUITE)) == ["hit_2025_1_w1 is neither 0 nor 1"]
    plus = next(sample for sample in DEMO if sample.task.name == "OV-MERD+")
    record = scored(plus, "happy", RulesExtractor())
    forged = record.model_copy(update={"scores": {**record.scores, "p_2025_1_w1": 1.5}})
    assert list(record_flaws(forged, SUITE)) == ["p_2025_1_w1 is not from 0 to 1"]


def measured(name: str, records: Sequence[Record]) -> float | None:
    return {**MEASURES.by_name, **MEASURES.details}[name].value(records)


def demo(task: str, texts: Sequence[str]) -> list[Record]:
    samples = [sample for sample in DEMO if sample.task.name == task]
    return [scored(sample, text, RulesExtractor()) for sample, text in zip(samples, texts, strict=True)]


def test_hits_by_hand() -> None:
    # happy, happy, sad, angry, worried, neutral; worried and scared are of one kind in all five wheels
    records = demo("MER2023", ["joy", "sad", "grief", "mad", "afraid", "neutral"])
    assert measured("hit_rate", records) == pytest.approx(4 / 5)
    assert [record.outcome for record in records] == ["passed", "failed", "passed", "passed", "passed", "passed"]
    assert all(mark is None for mark in records[5].scores.values())
    assert measured("hit_rate", records[5:]) is None


def test_the_first_map_ties_fear_to_fearless() -> None:
    fear = next(record for record in demo("MELD", ["brave"] * 8) if record.targets == ("fear",))
    marks = [[fear.scores[f"hit_{forms}_1_w{wheel}"] for wheel in range(1, 6)] for forms in ("2025", "2026")]
    assert marks == [[1, 1, 1, 1, 1], [0, 0, 0, 0, 1]]


def test_sets_by_hand() -> None:
    # in wheel 5: gain {happy, proud} (excited is not in it), risk, loss {sad, lonely}, {clash, loss}, gain, risk
    records = demo("OV-MERD+", ["happy", "happy, scared", "sad, angry", "angry", "sad", "none"])
    marks = [(record.scores["p_2026_1_w5"], record.scores["r_2026_1_w5"]) for record in records]
    assert marks == [(1, 1), (0.5, 1), (0.5, 1), (1, 0.5), (0, 0), (0, 0)]
    only = {name: measured(name, records) for name in ("set_precision", "set_recall", "set_f1")}
    assert all(value is not None for value in only.values())
    f = []
    for wheel in range(1, 6):
        counted = [record for record in records if record.scores[f"p_2025_1_w{wheel}"] is not None]
        p, r = (
            sum(record.scores[f"{kind}_2025_1_w{wheel}"] or 0 for record in counted) / len(counted) for kind in "pr"
        )
        f.append(2 * p * r / (p + r))
    assert only["set_f1"] == pytest.approx(np.mean(f))


def test_signs_by_hand() -> None:
    # -1.6, 1.2, 0.8, -0.4, 0.0: two negative, two positive, one that does not count
    records = demo("CMU-MOSI", ["sad", "happy", "angry", "none", "happy"])
    assert [record.predicted for record in records] == [
        ("negative",),
        ("positive",),
        ("negative",),
        (),
        ("positive",),
    ]
    assert [record.scores["sign"] for record in records] == [1, 1, 0, 1, None]
    # positive: P 1, R 1/2, F 2/3; negative: P 2/3, R 1, F 4/5
    assert measured("weighted_f1", records) == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert measured("sign_accuracy", records) == pytest.approx(3 / 4)


def test_the_score_of_several_sets_is_their_mean() -> None:
    records = demo("MER2023", ["joy", "sad", "grief", "mad", "afraid", "neutral"])
    records += demo("CMU-MOSI", ["sad", "happy", "angry", "none", "happy"])
    assert measured("score", records) == pytest.approx((4 / 5 + 11 / 15) / 2)
    assert measured("hit_rate", records) == pytest.approx(4 / 5)


def test_a_mean_over_sets_is_unknown_if_one_of_them_is() -> None:
    lacking = [scored(sample, "happy", RulesExtractor()) for sample in DEMO]
    for place, record in enumerate(lacking):
        scores = {name: None if "2026" in name else mark for name, mark in record.scores.items()}
        lacking[place] = record.model_copy(update={"scores": scores})
    measure = MEASURES.by_name["score_2026"]
    assert measure.value(lacking) is None
    assert np.isnan(measure.column(lacking)).all()
    assert bounds_of(measure, lacking) == (0, 1)
    assert measure.value(of_task(lacking, "CMU-MOSI")) is not None
    assert measured("score", lacking) is not None


def test_wrong_and_right_are_the_ends_of_every_measure() -> None:
    records = [scored(sample, "none", RulesExtractor()) for sample in DEMO]
    lost = [
        record.model_copy(update={"outcome": "error", "scores": dict.fromkeys(record.scores)}) for record in records
    ]
    for measure in MEASURES.by_name.values():
        assert measure.value(lost) is None
        assert bounds_of(measure, lost) == pytest.approx((0, 1))


@pytest.mark.parametrize(
    ("true", "said", "groups", "marks"),
    [
        (["sad"], ["unhappy", "angry"], [["sad", "unhappy"], ["angry"]], (Fraction(1, 2), 1, Fraction(3, 4))),
        (["sad", "low"], ["angry"], [], (0, 0, 0)),
        (["sad", "low"], [], [["sad", "low"]], (0, 0, 0)),
        (["sad", "low"], ["low"], [["sad", "low"]], (1, 1, 1)),
        (["sad", "low"], ["low", "low"], [], (1, Fraction(1, 2), Fraction(3, 4))),
    ],
)
def test_groups_by_hand(
    true: list[str], said: list[str], groups: list[list[str]], marks: tuple[Fraction, Fraction, Fraction]
) -> None:
    found = group_marks(true, said, groups)
    assert (found["accuracy"], found["recall"], found["average"]) == marks


def test_conflict_is_the_mean_of_the_two_subsets_that_disagree() -> None:
    suite = find_suite("ca-mer")
    samples = read_samples("demo", suite).samples
    texts = {"video-aligned": "happy", "audio-aligned": "worried", "consistent": "sad"}
    records = [scored(sample, texts[sample.task.name], RulesExtractor()) for sample in samples]
    measures: Mapping[str, Measure] = measures_of(suite).by_name
    # of three true words one: (1 + 1/3) / 2; of two true words one: (1 + 1/2) / 2; in four clips
    assert measures["average"].value(of_task(records, "video-aligned")) == pytest.approx(2 / 3 / 4)
    assert measures["average"].value(of_task(records, "audio-aligned")) == pytest.approx(3 / 4 / 4)
    assert measures["conflict"].value(records) == pytest.approx((2 / 3 + 3 / 4) / 8)
    assert measures["conflict"].column(records).mean() == pytest.approx((2 / 3 + 3 / 4) / 8)
    assert measures["conflict"].value(of_task(records, "consistent")) is None
    for record in records:
        assert not list(record_flaws(record, suite))


def test_two_levels_are_averaged() -> None:
    suite = find_suite("mer2025")
    samples = read_samples("demo", suite).samples
    records = [scored(sample, "happy, sad", RulesExtractor()) for sample in samples]
    by_name = measures_of(suite).by_name
    first, second, both = (by_name[name].value(records) for name in ("set_f1", "level2_f1", "mean_f1"))
    assert first is not None
    assert second is not None
    assert both == pytest.approx((first + second) / 2)
    assert second < first


def test_without_word_maps_nothing_is_scored() -> None:
    sample = Sample(
        id="s",
        task=SUITE.task[0],
        clip=None,
        label_set=(),
        targets=("sad",),
        source="s",
        recording="s",
        video_id="s",
    )
    with pytest.raises(RunError, match="MER2023 needs the authors' word maps"):
        scored(sample, "sad", RulesExtractor())


def test_a_failure_is_explained_in_a_few_lines() -> None:
    sample = FIRST
    metric = find_metric("words.hit")
    roles: Any = SimpleNamespace(extractor=RulesExtractor(), rated=lambda answer: answer)
    answer = Answer(text="He is sad. " * 200, model="m\x1b[2J")
    outcome = asyncio.run(metric.score(sample, answer, roles))
    said = outcome.score.explain(sample)
    assert said.startswith("MER2023/MER2023/mer2023_1: true is happy; the answer names sad\n")
    assert len(said) < 600
    assert "\x1b" not in said
