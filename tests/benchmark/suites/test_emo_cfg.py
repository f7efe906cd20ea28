"""Emo-CFG: its files, all that is wrong with them, the weights of its tables, and the demo through a gate."""

import json
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.data.dataset import Dataset, read_samples
from benchmark.errors import DataError
from benchmark.models.templates import read_templates
from benchmark.suite import find_suite
from benchmark.suites.emo_cfg.folder import ACTIONS, APPEARANCES, FILES, NOTHING, SETS, UNITS, chosen, options_in
from evaluators.measures import measures_of
from evaluators.metrics.judged.emo_cfg import CLOSED, CUES, EMOTIONS, OPEN, SCENES, SENTIMENTS
from evaluators.metrics.judged.graded import Graded
from evaluators.metrics.means import Group, MeanOfMeans
from tests.integration.runs import run
from tests.tasks import clip_of

SUITE = find_suite("emo-cfg")
MEASURES = measures_of(SUITE)
OFFLINE = ("--judge=rules", "--extractor=rules")
ANY_JUDGE = "[judge]\nsensitivity = 0\nspecificity = 0\nlabels = 0\nresistance = 0\n"
DFEW = "jsons/test/emotion/sampled/DFEW_Single-Label-Emotion-Recognition.json"
MAFW = "jsons/test/emotion/sampled/MAFW_Multiple-Label-Emotion-Recognition.json"
QA = "jsons/test/qa/sampled/QA_test_sampling_all.json"
ASKED = "<video>.\nWhich is it? (A) Angry, (B) Happy; (C) Sad"


def row(said: str, asked: str = ASKED, video: str = "videos/Dfew/1.mp4", **more: object) -> dict[str, object]:
    messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
    return {"messages": messages, "videos": [video], **more}


def write(root: Path, name: str, rows: object) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows), "utf-8")
    return root


def read(root: Path) -> Dataset:
    return read_samples(str(root), SUITE)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (ASKED, ("Angry", "Happy", "Sad")),
        ("(A) very good\n(B) very  bad\nAnswer now.", ("very good", "very bad")),
        ("(A) yes (B) no. Choose (one).", ("yes", "no")),
        ("(A) yes", ()),
        ("(B) yes (C) no", ()),
        ("(A) yes (B) yes", ()),
        ("(A) (B)", ()),
        ("What is it?", ()),
    ],
)
def test_options_are_read_from_a_question(text: str, options: tuple[str, ...]) -> None:
    assert options_in(text) == options


@pytest.mark.parametrize(
    ("said", "places"),
    [
        ("B", [1]), ("(B)", [1]), ("(B) Happy", [1]), ("happy.", [1]), ("AC", [0, 2]), ("(A), (C)", [0, 2]),
        ("A, C", [0, 2]), ("Angry, Sad", [0, 2]), ("D", []), ("joyful", []), ("none", []), ("Angry, joyful", []),
    ],
)  # fmt: skip
def test_true_options_are_read_in_each_form(said: str, places: list[int]) -> None:
    labels = ("Angry", "Happy", "Sad")
    assert chosen(said, labels) == tuple(labels[place] for place in places)


def test_true_labels_of_listed_sets_are_read() -> None:
    assert (len(APPEARANCES), len(ACTIONS), len(UNITS)) == (40, 35, 12)
    assert chosen("mustache,5_o_clock_shadow,no_beard", SETS["CelebV-HQ-appearance"]) == (
        "mustache", "5 o clock shadow", "no beard",
    )  # fmt: skip
    assert chosen("au1, AU12", SETS["AffWild2-units"]) == ("AU1", "AU12")
    assert chosen("none", SETS["AffWild2-units"]) == (NOTHING,)
    assert all(chosen(label.replace(" ", "_"), labels) == (label,) for labels in SETS.values() for label in labels)


@given(st.text("AB()[], .;\n-", max_size=40) | st.text(max_size=40), st.text("(AB) ,\n", max_size=60))
def test_any_answer_is_options_or_none(said: str, asked: str) -> None:
    options = options_in(asked)
    assert set(chosen(said, options)) <= {*options}
    assert set(chosen(said, SETS["CelebV-HQ-action"])) <= {*SETS["CelebV-HQ-action"]}


def test_rows_become_samples(tmp_path: Path) -> None:
    (tmp_path / "videos" / "Dfew").mkdir(parents=True)
    (tmp_path / "videos" / "Dfew" / "1.mp4").write_bytes(b"a clip")
    told = [{"role": "system", "content": "Be brief."}, *row("x")["messages"]]  # type: ignore[misc]
    write(tmp_path, DFEW, [row("(B) Happy", video="/data/Emo-CFG/videos/Dfew/1.mp4"), row("glad", messages=told)])
    write(tmp_path, MAFW, [row("AC", video="videos/MAFW/1.mp4")])
    write(tmp_path, QA, [row("Brown.", "What hair?", source="QA_Hair"), row("A", source="Head_actions")])
    dataset = read(tmp_path)
    happy, other, several, hair, head = dataset.samples
    assert (happy.task.name, happy.targets, happy.label_set) == ("DFEW-single", ("Happy",), ("Angry", "Happy", "Sad"))
    assert happy.text == "Which is it? (A) Angry, (B) Happy; (C) Sad"
    assert happy.question.startswith("Look at the person in the clip")
    assert clip_of(happy).path == tmp_path / "videos" / "Dfew" / "1.mp4"
    assert (other.targets, other.label_set) == (("x",), ()), "what is no option is left to the judge"
    assert [turn.text for turn in other.turns] == ["Be brief."]
    assert (several.task.name, several.targets) == ("MAFW-multiple", ("Angry", "Sad"))
    assert (hair.task.name, hair.targets, hair.source) == ("QA-hair", ("Brown.",), "Dfew")
    assert (head.task.name, head.targets) == ("QA-head-actions", ("Angry",))
    assert happy.recording == hair.recording == "Dfew/1"
    assert {happy.video_id, other.video_id} == {"videos/Dfew/1.mp4-1", "videos/Dfew/1.mp4-2"}
    assert list(dataset.missing) == [several.id]


def test_files_in_full_and_in_train_give_way_to_those_in_sampled(tmp_path: Path) -> None:
    full, caption = DFEW.replace("sampled", "full"), "jsons/test/caption/full/caption_test_sampling_v2_all_example.json"
    for name, said in ((DFEW, "A"), (full, "B"), (DFEW.replace("test", "train", 1), "C"), (caption, "A man.")):
        write(tmp_path, name, [row(said)])
    assert [sample.targets for sample in read(tmp_path).samples] == [("A man.",), ("Angry",)]


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    reversed_row = row("A", messages=list(reversed(row("A")["messages"])))  # type: ignore[call-overload]
    write(tmp_path, MAFW, [row("AD"), row("A", "What?"), row("A", video="../a.mp4"), reversed_row, {"videos": []}, 3])
    write(tmp_path, QA, [row("A", source="QA_Elbows"), row("A")])
    write(tmp_path, DFEW, {})
    with pytest.raises(DataError) as raised:
        read(tmp_path)
    for line in (
        f"{MAFW}: row 1: `AD` must be labels of Angry, Happy, Sad",
        f"{MAFW}: row 2: its question must list the options, as `(A) … (B) …`",
        f"{MAFW}: row 3: `videos`: must be the path of a file in the folder",
        f"{MAFW}: row 4: `messages` must end with one from user and one from assistant",
        f"{MAFW}: row 5: `messages` is missing; `videos`:",
        f"{MAFW}: row 6: must be an object",
        f"{QA}: row 1: `source` must be one of QA_eyes, QA_eyebrows",
        f"{QA}: row 2: `source` must be one of QA_eyes, QA_eyebrows",
        f"{DFEW}: must be a list of rows",
    ):
        assert line in str(raised.value)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=8),
        lambda one: (
            st.lists(one, max_size=3)
            | st.dictionaries(st.sampled_from(["messages", "role", "content", "videos", "source"]), one)
        ),
    )
)
def test_any_rows_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, rows: object) -> None:
    root = write(tmp_path_factory.mktemp("e"), DFEW, rows)
    with pytest.raises(DataError, match="DFEW_Single-Label"):
        read(root)


def test_a_folder_without_its_files_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no Emo-CFG questions: expected jsons/test/\*\*/\*\.json"):
        read(tmp_path)


def tasks_in(group: Group) -> Iterator[str]:
    if isinstance(group, str):
        yield group
    else:
        for part in group:
            yield from tasks_in(part)


def test_each_task_is_in_a_published_average_and_has_its_templates() -> None:
    placed = [
        task for group in (CLOSED, OPEN, EMOTIONS, SENTIMENTS, CUES, SCENES, "caption") for task in tasks_in(group)
    ]
    assert sorted(placed) == sorted(SUITE.tasks)
    asked = {name for name in SUITE.tasks if name.startswith("QA-")}
    assert {*FILES.values()} - {""} == {*SUITE.tasks} - asked
    assert len(asked) == 15
    templates = read_templates(SUITE.home)
    graded = [metric for metric in MEASURES.metrics.values() if isinstance(metric, Graded)]
    assert len(graded) == 32
    assert {metric.prompt for metric in graded} == {*templates} - {"question"}
    assert list(MEASURES.by_name) == ["score", "attribute", "expression", "emotion"]


# the weights of eval/generate_table.py: tasks that share a column weigh so much together as any other column
THIRD, HALF = Fraction(1, 3), Fraction(1, 2)
FACTORS: Mapping[str, tuple[Group, Mapping[str, int | Fraction]]] = {
    "open": (
        OPEN,
        {
            "QA-facial-features": 1, "QA-gender": 1, "QA-chin": 1, "QA-head-actions": THIRD, "QA-eyebrows": HALF,
            "QA-nose": 1, "QA-mouth": 1, "QA-accessories": 1, "QA-body-actions": THIRD, "QA-hair": 1,
            "QA-facial-actions": THIRD, "QA-face-shape": 1, "QA-skin": 1, "QA-eyes": HALF, "QA-age": 1,
        },
    ),
    "emotions": (
        EMOTIONS,
        {
            "DFEW-single": THIRD, "MAFW-single": THIRD, "MER2023-single": THIRD, "MAFW-multiple": 1, "MEAD-fine": HALF,
            "RAVDESS-fine": HALF,
        },
    ),
    "sentiments": (SENTIMENTS, {"MOSEI-sentiment": HALF, "MOSI-sentiment": HALF, "CH-SIMS-fine": 1}),
    "cues": (CUES, {"CAS-micro": 1, "AffWild2-units": 1}),
    "scenes": (SCENES, {"CelebV-Text-emotion": 1, "PERR-dialogue": HALF, "MELD-dialogue": HALF}),
}  # fmt: skip


def records_of(scores: dict[str, float]) -> list[SimpleNamespace]:
    return [SimpleNamespace(task=task, scores={"score": one}, outcome="failed") for task, one in scores.items()]


@pytest.mark.parametrize("name", FACTORS)
@given(data=st.data())
def test_averages_have_the_published_weights(name: str, data: st.DataObject) -> None:
    group, factors = FACTORS[name]
    assert not isinstance(group, str)
    scores = {task: data.draw(st.floats(0, 1)) for task in factors}
    ours = MeanOfMeans("x", "X", group).value(records_of(scores))
    assert ours == pytest.approx(
        sum(float(factors[task]) * scores[task] for task in scores) / float(sum(factors.values()))
    )


def test_the_overall_scores_are_means_of_these_averages() -> None:
    known = {task: place / 40 for place, task in enumerate(SUITE.tasks)}
    records = records_of(known)

    def of(group: Group) -> float:
        assert not isinstance(group, str)
        return MeanOfMeans("x", "X", group).value(records) or 0.0

    attribute = (of(CLOSED) + of(OPEN)) / 2
    expression = (of(EMOTIONS) + of(SENTIMENTS) + of(CUES) + of(SCENES)) / 4
    expected = {"attribute": attribute, "expression": expression, "emotion": known["caption"]}
    expected["score"] = sum(expected.values()) / 3
    assert {name: measure.value(records) for name, measure in MEASURES.by_name.items()} == pytest.approx(expected)


def test_a_captions_dimensions_are_means_over_captions_alone() -> None:
    fluency = MEASURES.details["fluency"]
    marks: list[tuple[str, str, dict[str, float | None]]] = [
        ("caption", "passed", {"score": 0.7, "fluency": 0.9}),
        ("caption", "failed", {"score": 0.3, "fluency": 0.5}),
        ("caption", "error", {"score": None, "fluency": None}),
        ("MEAD-pose", "passed", {"score": 1.0}),
    ]
    records = [SimpleNamespace(task=task, outcome=outcome, scores=scores) for task, outcome, scores in marks]
    assert fluency.value(records) == pytest.approx(0.7)
    assert list(map(bool, fluency.column(records) != fluency.column(records))) == [False, False, True, False]
    assert fluency.filled(records, right=True).mean() == pytest.approx(2.4 / 3)


def test_the_demo_is_run_and_gated(tmp_path: Path) -> None:
    samples = read_samples("demo", SUITE).samples
    told = [", ".join(sample.targets) for sample in samples]
    told[[sample.task.name for sample in samples].index("DFEW-single")] = "It is hard to say."
    answers = tmp_path / "answers.json"
    answers.write_text(
        json.dumps([{"id": one.id, "model_response": text} for one, text in zip(samples, told, strict=True)])
    )
    gate = tmp_path / "gate.toml"
    gate.write_text(f"{ANY_JUDGE}[min.overall]\nscore = 0.6\nattribute = 0.3\n")
    done = run(tmp_path, "--suite=emo-cfg", "--data=demo", f"--model=answers:{answers}", f"--gate={gate}", *OFFLINE)
    assert "Emo-CFG: answers answers 20 of 20 samples of demo; extractor rules, judge rules" in done.output
    report = done.report
    assert report["gate"]["word"] == "PASS"
    assert report["tasks"]["DFEW-single"]["score"] == pytest.approx(2 / 3)
    emotions = (2 / 3 + 1 + 1) / 3
    assert report["overall"]["attribute"] == 1
    assert report["overall"]["expression"] == pytest.approx((emotions + 3) / 4)
    assert report["overall"]["score"] == pytest.approx((1 + (emotions + 3) / 4 + 1) / 3)
    assert "Label overlap / Clue overlap / Adherence / Accuracy / Relevance / Fluency: caption 100.0" in done.output
    assert "Not comparable with published scores" in done.output
