"""EMER: its two tables, all that is wrong with them, the published figures and the judge's points."""

import asyncio
import contextlib
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.data.dataset import Dataset, read_samples
from benchmark.errors import DataError
from benchmark.model import Answer
from benchmark.models.templates import read_templates
from benchmark.suite import find_suite
from benchmark.task import Turn
from evaluators.judge.judge import PromptedJudge
from evaluators.measures import measures_of
from evaluators.metrics.judged.overlap import METRIC
from evaluators.metrics.metric import passes
from reports.kept.provenance import published_of
from tests.evaluators.test_agents import TEMPLATES, Scripted

SUITE = find_suite("emer")
CLIP = b"\0" * 2000


def write(root: Path, name: str, text: str) -> Path:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, "utf-8")
    return root


def read(root: Path) -> Dataset:
    return read_samples(str(root), SUITE)


def test_both_tables_are_read_and_english_is_preferred(tmp_path: Path) -> None:
    write(tmp_path, "EMER/dataset-v1/gt-eng.csv", 'names,emotions,subtitles,reasons\ns_1,sad,"No,\nnever.",He weeps.\n')
    write(tmp_path, "EMER/dataset-v1/gt-chi.csv", "names,chi_reasons\ns_1,他哭了。\n")
    write(
        tmp_path, "v2/final-EMER-reason.csv", "names,chinese,english\ns_1,他哭了。,He weeps aloud.\ns_2,x,She laughs.\n"
    )
    for name in ("s_1.avi", "s_2.mp4"):
        (tmp_path / name).write_bytes(CLIP)
    one, two, three = read(tmp_path).samples
    assert (one.task.name, one.targets, one.label_set) == ("EMER-v1", ("He weeps.",), ())
    assert one.turns == (Turn("user", 'What is said in the clip: "No, never."'),)
    assert (two.task.name, two.targets, two.turns) == ("EMER-v2", ("He weeps aloud.",), ())
    assert one.recording == two.recording == "EMER/s_1" != three.recording
    assert not read(tmp_path).missing


def test_the_chinese_tables_will_do(tmp_path: Path) -> None:
    write(tmp_path, "gt-chi.csv", "names,chi_reasons\ns_1,他哭了。\n")
    write(tmp_path, "final-EMER-reason.csv", "names,chinese\ns_1,她笑了。\n")
    dataset = read(tmp_path)
    assert [sample.targets for sample in dataset.samples] == [("他哭了。",), ("她笑了。",)]
    assert len(dataset.missing) == 2


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    write(tmp_path, "gt-eng.csv", "names,reasons\n,He weeps.\n../s,He weeps.\ns_1,\ns_2,a,b\n")
    write(tmp_path, "x/gt-eng.csv", "names,reasons\n")
    write(tmp_path, "final-EMER-reason.csv", "name,english\ns_1,x\n")
    with pytest.raises(DataError) as raised:
        read(tmp_path)
    said = str(raised.value)
    assert "has 6 problems" in said
    for line in (
        "gt-eng.csv line 2: `names` is missing",
        "gt-eng.csv line 3: `names` leaves the folder",
        "gt-eng.csv line 4: its explanation is missing",
        "gt-eng.csv line 5: has more cells than there are columns",
        "x/gt-eng.csv: gt-eng.csv has the same name; keep one of the two",
        "final-EMER-reason.csv: must have the columns names and english or chinese",
    ):
        assert line in said


@given(st.sampled_from(["names,reasons\n", '"names,reasons\n', ""]), st.text('ab,"\n', max_size=30))
def test_any_table_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, head: str, text: str) -> None:
    root = write(tmp_path_factory.getbasetemp() / "emer", "gt-eng.csv", f"{head}{text}")
    with contextlib.suppress(DataError):
        assert all(sample.targets[0].strip() for sample in read(root).samples)


def test_the_published_figures_are_points_of_ten() -> None:
    assert [measure.name for measure in measures_of(SUITE).by_name.values()] == ["clue", "label"]
    models = SUITE.read_published()["models"]
    assert len(models) == 7
    assert models["Emotion-LLaMA"]["tasks"]["EMER-v1"] == {"clue": 0.783, "label": 0.625}
    assert all(0.1 <= share <= 1 for row in models.values() for share in row["overall"].values())
    assert published_of(SUITE, "emotion-llama") == {"EMER-v1": 0.783, "overall": 0.783}


def test_a_judge_gives_points_for_clues_and_emotions() -> None:
    sample = read_samples("demo", SUITE).samples[0]
    model = Scripted(["The voice is shared.\n<score>clue: 7/10, label: 1/10</score>"])
    judge = PromptedJudge(model, {**TEMPLATES, **read_templates(SUITE.home)})
    roles: Any = SimpleNamespace(rated=lambda answer: answer, judge=judge, bertscore=None)
    score = asyncio.run(METRIC.score(sample, Answer(text="The voice is low. Happy.", model="m"), roles)).score
    marks = {"both": Fraction(2, 5), "clue": Fraction(7, 10), "label": Fraction(1, 10)}
    assert score.marks(sample) == marks
    assert not passes(sample, score)
    assert (
        METRIC.remade(SimpleNamespace(scores={name: float(one) for name, one in marks.items()}), several=False) == marks
    )
    asked = model.asked[0].text
    assert sample.targets[0] in asked
    assert "Give 1 to 10 points" in asked
    assert "<score>clue: N/10, label: N/10</score>" in asked
