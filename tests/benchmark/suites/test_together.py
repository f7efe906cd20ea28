"""Several suites as one: the names of their tasks, their data, and that each asks what it asks alone."""

from pathlib import Path
from string import Template

import pytest

from benchmark.data.dataset import places_of_data, read_data, read_samples
from benchmark.data.selection import select
from benchmark.errors import DataError, RunError
from benchmark.models.floors import random_of
from benchmark.models.questions import QuestionSettings, question_hash
from benchmark.suite import find_suite, is_within
from evaluators.measures import measures_of
from reports.gate.gate import criteria_of, read_gate

TWO = find_suite("mer-unibench,ahelm-emotion")


def test_their_order_is_none_and_their_tasks_have_both_names() -> None:
    assert find_suite("ahelm-emotion, mer-unibench") == TWO
    assert list(TWO.places) == ["ahelm-emotion", "mer-unibench"]
    assert list(TWO.tasks)[:5] == [
        *(f"ahelm-emotion/{name}" for name in ("MELD", "MUStARD", "PARADE", "CoRe-Bench")),
        "mer-unibench/MER2023",
    ]
    assert [task.place for task in TWO.task] == list(range(len(TWO.task)))
    assert is_within("ahelm-emotion", "ahelm-emotion/MELD")
    assert not is_within("ahelm-emotion", "mer-unibench/MELD")


def test_a_suite_is_named_once_and_is_known() -> None:
    with pytest.raises(RunError, match="--suite=dfew,dfew must name different suites"):
        find_suite("dfew,dfew")
    with pytest.raises(RunError, match="--suite=nothing is unknown"):
        find_suite("dfew,nothing")


def test_measures_are_those_of_the_place() -> None:
    measures = measures_of(TWO)
    assert measures.at("ahelm-emotion").headline.title == "Accuracy"
    assert not measures.has("ahelm-emotion", "hit_rate")
    assert measures.has("mer-unibench", "hit_rate")
    assert measures.has("mer-unibench/MELD", "hit_rate")
    assert not measures.has("mer-unibench/CMU-MOSI", "hit_rate")


def test_published_scores_are_found_by_the_names_that_tasks_have() -> None:
    published = TWO.places["mer-unibench"].read_published()
    alone = find_suite("mer-unibench").read_published()
    assert published["samples"] == {f"mer-unibench/{name}": count for name, count in alone["samples"].items()}
    for name, row in published["models"].items():
        assert row["overall"] == alone["models"][name]["overall"]
        assert row["tasks"].keys() <= TWO.tasks.keys()


def test_data_are_shared_or_each_its_own(tmp_path: Path) -> None:
    (tmp_path / "mer-unibench").mkdir()
    shared = {"ahelm-emotion": str(tmp_path), "mer-unibench": str(tmp_path / "mer-unibench")}
    assert places_of_data((), TWO) == dict.fromkeys(TWO.places, "demo")
    assert places_of_data(("here", "demo"), TWO) == dict.fromkeys(TWO.places, "demo")
    assert places_of_data((str(tmp_path),), TWO) == shared
    assert places_of_data((str(tmp_path), "ahelm-emotion=b=c"), TWO) == shared | {"ahelm-emotion": "b=c"}
    assert places_of_data((str(tmp_path),), find_suite("mer-unibench")) == {"mer-unibench": str(tmp_path)}
    with pytest.raises(RunError, match="no data of mer-unibench; add --data=mer-unibench=WHERE"):
        places_of_data(("ahelm-emotion=here",), TWO)
    with pytest.raises(RunError, match="is for a suite that is not run; add dfew to --suite"):
        places_of_data(("dfew=here",), TWO)
    with pytest.raises(RunError, match="not run; did you mean mer-unibench"):
        places_of_data(("mer_unibench=here",), TWO)


def test_the_errors_of_all_data_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_data((str(tmp_path), f"ahelm-emotion={tmp_path / 'none'}"), TWO)
    first, second = str(caught.value).splitlines()
    assert first.startswith("ahelm-emotion: There is no data at")
    assert second.startswith(f"mer-unibench: {tmp_path} has no MER-UniBench questions")


def test_each_suite_asks_what_it_asks_alone() -> None:
    whole = read_data((), TWO)
    chosen = {sample.id: sample for sample in select(whole.samples, limit=5, suite=TWO)}
    settings = QuestionSettings(
        templates=dict.fromkeys(("", *TWO.places), Template("$question")),
        fps=1.0,
        most=10,
        spread=False,
        modalities=frozenset({"audio"}),
        sound_seconds=300.0,
    )
    for name in TWO.places:
        suite = find_suite(name)
        samples = read_samples("demo", suite).samples
        for alone in select(samples, limit=5, suite=suite):
            twin = chosen.pop(f"{name}/{alone.id}")
            assert twin.own_id == alone.id
            assert twin.task.own_name == alone.task.name
            assert question_hash(twin, settings) == question_hash(alone, settings)
    assert not chosen
    assert random_of(whole.samples).open_labels.keys() <= TWO.tasks.keys()


def test_a_task_that_several_suites_have_is_told_apart() -> None:
    samples = read_data((), TWO).samples
    assert {sample.task.name for sample in select(samples, ("Mer_Unibench/meld",), suite=TWO)} == {"mer-unibench/MELD"}
    with pytest.raises(RunError, match="did you mean ahelm-emotion/MELD or mer-unibench/MELD"):
        select(samples, ("meld",), suite=TWO)


def limits(folder: Path, text: str) -> list[tuple[str, str, float]]:
    (folder / "gate.toml").write_text(text)
    gate = read_gate(folder / "gate.toml", None, suite=TWO)
    assert gate is not None
    return [(one.place, one.measure.name, one.limit) for one in criteria_of(gate, list(TWO.tasks), {}, TWO)]


def test_a_gate_limits_a_suite_or_all_that_have_the_score(tmp_path: Path) -> None:
    assert limits(tmp_path, "[min.mer-unibench]\nhit_rate = 0.6\n[min.overall]\naccuracy = 0.5\nhit_rate = 0.1") == [
        ("mer-unibench", "hit_rate", 0.6),
        ("ahelm-emotion", "accuracy", 0.5),
    ]
    assert limits(tmp_path, '[min."ahelm-emotion/MELD"]\naccuracy = 0.5') == [("ahelm-emotion/MELD", "accuracy", 0.5)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[min.mer-unibnch]\nhit_rate = 0.6", "did you mean mer-unibench?"),
        ("[min.MELD]\naccuracy = 0.6", "did you mean ahelm-emotion/MELD or mer-unibench/MELD?"),
        ("[min.mer-unibench]\nhit_rte = 0.6", "did you mean hit_rate?"),
        ("[min.mer-unibench]\naccuracy = 0.6", "limits accuracy of mer-unibench, which has no such score"),
    ],
)
def test_a_wrong_name_in_a_gate_is_answered_with_the_right_one(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RunError) as caught:
        limits(tmp_path, text)
    assert said in str(caught.value)


def test_the_limits_without_a_file_are_on_each_suite(tmp_path: Path) -> None:
    gate = read_gate(None, tmp_path, suite=TWO)
    assert gate is not None
    assert {place: list(scores) for place, scores in gate.max_drop.items()} == {
        name: list(measures_of(suite).names) for name, suite in TWO.places.items()
    }
