import json
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.errors import DataError, RunError
from evaluators.official import Rescored, Rows, count, read_evaluations, rescore_official, rescore_strict

Row = dict[str, str | None]


def row(score: str | None, steps: int, ground_truth: str | None = "joy", video_id: str = "MELD/video/a.mp4") -> Row:
    step = "<step>" + " ".join(f"Step {number}: text" for number in range(1, steps + 1)) + "</step>"
    return {
        "video_id": video_id,
        "ground_truth": ground_truth,
        "model_response": "…",
        "step": step if steps else None,
        "score": score,
    }


def write(path: Path, rows: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows), "utf-8")
    return path


SINGLE = [
    # both ways: Recognition 1, Reasoning (1 + 0) / 2, 3 steps
    row("<score>Step 1: 1/1, Step 2: 0/1, Step 3: 1/1</score>", 3),
    # both ways: Recognition 1, no reasoning, 1 step
    row("<score>Step 1: 1/1</score>", 1),
    # official: 5/1 is 5, so Recognition 5, Reasoning 1; strict: no rating
    row("<score>Step 1: 1/1, Step 2: 5/1</score>", 2),
    # official: one blank is wanted, so only the last counts: Recognition 0, no reasoning, 1 step; strict: 0, 1, 2 steps
    row("<score>Step 1:1/1, Step 2: 0/1</score>", 2),
    # official: what was planted first wins, Recognition 1, 1 step; strict: 0, 0, 2 steps
    row("I read <score>Step 9: 1/1</score> there. <score>Step 1: 0/1, Step 2: 0/1</score>", 2),
    # official: nobody counts steps, Recognition 1, 1 step; strict: no rating
    row("<score>Step 1: 1/1</score>", 4),
    # official: two lines are none; strict: Recognition 1, Reasoning 1, 2 steps
    row("<score>Step 1: 1/1,\nStep 2: 1/1</score>", 2),
    # neither way
    row(None, 2),
    row("I cannot rate this.", 2),
    row("<score>Step 1: , Step 2: n/1</score>", 2),
    # official: Recognition 0, 1 step; strict: no steps, or no label, to rate
    row("<score>Step 1: 0/1</score>", 0),
    row("<score>Step 1: 0/1</score>", 1, ground_truth=None),
]
SEVERAL = [
    # both ways: Recognition 2/3, Reasoning (1 + 0) / 2, 3 steps
    row("<score>Step 1: 1/1, Step 2: 0/1, Step 3: 2/3</score>", 3, "joy,fear,anger"),
    # official: 0 over a zero, any blanks: Recognition 1/2, Reasoning (0 + 1) / 2, 3 steps; strict: no rating
    row("<score>Step 1: 3/0, Step 2:  1/1, Step 3:1/2</score>", 3, "joy,fear"),
    # official: C > K and a K of its own: Recognition 4/2; strict: no rating
    row("<score>Step 1: 1/1, Step 2: 4/2</score>", 2, "joy,fear,anger"),
]


def test_the_official_counting_of_a_single_label_task(tmp_path: Path) -> None:
    scores = rescore_official(read_evaluations([write(tmp_path / "ER_Lab_gpt4o_eval.json", SINGLE)])).as_json()

    # eight rows are left in, in their order: 1, 2, 3, 4, 5, 6, 11, 12
    recognition = (1 + 1 + 5 + 0 + 1 + 1 + 0 + 0) / 8
    reasoning = (0.5 + 0 + 1 + 0 + 0 + 0 + 0 + 0) / 8
    steps = (3 + 1 + 2 + 1 + 1 + 1 + 1 + 1) / 8
    assert scores["tasks"] == {
        "ER-Lab": {
            "samples": 12,
            "scored": 8,
            "unscored": 4,
            "recognition": pytest.approx(recognition, abs=1e-9),
            "reasoning": pytest.approx(reasoning, abs=1e-9),
            "cot": pytest.approx((recognition + reasoning) / 2, abs=1e-9),
            "avg_steps": pytest.approx(steps, abs=1e-9),
        }
    }


def test_the_official_counting_of_several_labels(tmp_path: Path) -> None:
    scores = tasks_of(rescore_official(read_evaluations([write(tmp_path / "ML-ER.json", SEVERAL)])).as_json())["ML-ER"]

    assert scores["scored"] == 3
    assert scores["recognition"] == pytest.approx((2 / 3 + 1 / 2 + 4 / 2) / 3, abs=1e-9)
    assert scores["reasoning"] == pytest.approx((1 / 2 + 1 / 2 + 1) / 3, abs=1e-9)
    assert scores["avg_steps"] == pytest.approx((3 + 3 + 2) / 3, abs=1e-9)


def test_pooled_tasks_are_counted_by_the_rule_for_several_labels(tmp_path: Path) -> None:
    files = [write(tmp_path / "ER_Lab_eval.json", SINGLE), write(tmp_path / "ML_ER_eval.json", SEVERAL)]
    overall = rescore_official(read_evaluations(files)).as_json()["overall"]

    # as above, but for the fourth row of the first file, whose first rating now counts: Reasoning 1, 2 steps
    recognition = ((1 + 1 + 5 + 0 + 1 + 1 + 0 + 0) + (2 / 3 + 1 / 2 + 4 / 2)) / 11
    reasoning = ((0.5 + 0 + 1 + 1 + 0 + 0 + 0 + 0) + (1 / 2 + 1 / 2 + 1)) / 11
    assert overall == {
        "samples": 15,
        "scored": 11,
        "unscored": 4,
        "recognition": pytest.approx(recognition, abs=1e-9),
        "reasoning": pytest.approx(reasoning, abs=1e-9),
        "cot": pytest.approx((recognition + reasoning) / 2, abs=1e-9),
        "avg_steps": pytest.approx(((3 + 1 + 2 + 2 + 1 + 1 + 1 + 1) + (3 + 3 + 2)) / 11, abs=1e-9),
    }


def test_the_strict_counting(tmp_path: Path) -> None:
    files = [write(tmp_path / "ER_Lab_eval.json", SINGLE), write(tmp_path / "ML_ER_eval.json", SEVERAL)]
    scores = rescore_strict(read_evaluations(files)).as_json()

    # rows 1, 2, 4, 5 and 7 of the first file, row 1 of the second
    assert tasks_of(scores)["ER-Lab"] == {
        "samples": 12,
        "scored": 5,
        "unscored": 7,
        "recognition": pytest.approx((1 + 1 + 0 + 0 + 1) / 5, abs=1e-9),
        "reasoning": pytest.approx((0.5 + 0 + 1 + 0 + 1) / 5, abs=1e-9),
        "cot": pytest.approx((3 + 2.5) / 5 / 2, abs=1e-9),
        "avg_steps": pytest.approx((3 + 1 + 2 + 2 + 2) / 5, abs=1e-9),
    }
    assert tasks_of(scores)["ML-ER"]["scored"] == 1
    overall = tasks_of({"tasks": {"overall": scores["overall"]}})["overall"]
    assert overall["recognition"] == pytest.approx((3 + 2 / 3) / 6, abs=1e-9)
    assert (overall["samples"], overall["unscored"]) == (15, 9)


def tasks_of(scores: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    tasks: Mapping[str, Mapping[str, Any]] = scores["tasks"]
    return tasks


def test_labels_are_counted_by_the_tasks_own_separator(tmp_path: Path) -> None:
    rows = [
        row("<score>Step 1: 1/2</score>", 1, "Doubt/Confusion;Joy, of a kind"),
        row("<score>Step 1: 1/1</score>", 1, "Joy, of a kind"),
    ]
    files = [write(tmp_path / "FG-ER.json", rows)]

    assert tasks_of(rescore_strict(read_evaluations(files)).as_json())["FG-ER"]["recognition"] == 0.75
    assert tasks_of(rescore_strict(read_evaluations(files, "ML-ER")).as_json())["ML-ER"]["scored"] == 1


@pytest.mark.parametrize("rescore", [rescore_official, rescore_strict])
def test_where_nothing_counts_there_is_no_score(rescore: Callable[[Rows], Rescored], tmp_path: Path) -> None:
    scores = rescore(read_evaluations([write(tmp_path / "SA.json", [row(None, 1)])])).as_json()["overall"]

    missing = dict.fromkeys(("recognition", "reasoning", "cot", "avg_steps"))
    assert scores == {"samples": 1, "scored": 0, "unscored": 1, **missing}


@given(st.lists(st.none() | st.lists(st.fractions(0, 1), min_size=1, max_size=9).map(tuple), min_size=1))
def test_counts_are_direct_means(ratings: list[tuple[Fraction, ...] | None]) -> None:
    counts = count(ratings)
    left = [one for one in ratings if one]

    assert (counts.samples, counts.scored) == (len(ratings), len(left))
    if left:
        reasoning = [sum(one[:-1]) / max(len(one) - 1, 1) for one in left]
        assert counts.recognition == pytest.approx(float(sum(one[-1] for one in left) / len(left)), abs=1e-12)
        assert counts.reasoning == pytest.approx(float(sum(reasoning) / len(left)), abs=1e-12)
        assert counts.avg_steps == pytest.approx(sum(map(len, left)) / len(left), abs=1e-12)


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("ER_Lab_gpt4o_eval.json", "ER-Lab"),
        ("er-lab.json", "ER-Lab"),
        ("ER_SL_Wild_qwen2.5vl_7b_eval.json", "ER-Wild"),
        ("FG_SA_gpt4o_eval.json", "FG-SA"),
        ("gpt4o_Noise-ER.json", "Noise-ER"),
        ("ML-ER/results/eval.json", "ML-ER"),
        ("SA/IR_eval.json", "IR"),
    ],
)
def test_the_task_is_told_by_the_name(name: str, task: str, tmp_path: Path) -> None:
    assert list(read_evaluations([write(tmp_path / name, [row(None, 1)])])) == [task]


def test_the_task_is_told_by_the_user_first(tmp_path: Path) -> None:
    files = [
        write(tmp_path / "SA.json", [row(None, 1)]),
        write(tmp_path / "x" / "b.json", [row(None, 1), row(None, 1)]),
    ]

    assert {name: len(rows) for name, rows in read_evaluations(files, "er_lab").items()} == {"ER-Lab": 3}
    with pytest.raises(RunError, match=r"ER-Mars.*ER-Lab, ER-Wild"):
        read_evaluations(files, "ER-Mars")
    with pytest.raises(RunError, match=r"b\.json.*--task"):
        read_evaluations(files)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "eval.json"),
        ("[]", "has no rows"),
        ("{}", "eval.json"),
        ("[1]", "eval.json"),
        ("not json", "eval.json"),
        ('[{"video_id": "a", "model_response": "joy"}]', "not an evaluation file: row 1, `ground_truth` is missing"),
        ('[{"video_id": null, "ground_truth": "joy", "step": "", "score": ""}]', "row 1, `video_id` is missing"),
        ('[{"video_id": "a", "ground_truth": "joy", "step": "", "score": 1}]', "row 1, `score`: Input should be a val"),
        ('{"video_id": "a"}', "not an evaluation file: it: Input should be a valid list"),
    ],
)
def test_what_is_no_evaluation_file_is_said_to_be_none(text: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "SA_eval.json"
    file.write_text(text, "utf-8")

    with pytest.raises(DataError, match=why) as raised:
        read_evaluations([file])
    assert str(file) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"SA_eval\.json cannot be read"):
        read_evaluations([tmp_path / "SA_eval.json"])


def test_nan_is_null_and_half_characters_are_replaced(tmp_path: Path) -> None:
    nan: Any = float("nan")
    rows = [row(nan, 1) | {"model_response": nan}, row("<score>Step 1: 1/1</score>", 1, "j\ud83dy", "\ud83d.mp4")]
    (read,) = read_evaluations([write(tmp_path / "SA_EVAL.JSON", rows)]).values()

    assert (read[0].score, read[0].model_response) == (None, None)
    assert (read[1].ground_truth, read[1].video_id) == ("j\ufffdy", "\ufffd.mp4")
    with pytest.raises(DataError, match="is not an evaluation file: row 2, `video_id` is missing"):
        read_evaluations([write(tmp_path / "SA_eval.json", [rows[0], row(None, 1, video_id=nan)])])


def test_a_file_that_is_a_pointer_is_called_that(tmp_path: Path) -> None:
    (tmp_path / "SA_eval.json").write_text("version https://git-lfs.github.com/spec/v1\n")

    with pytest.raises(DataError, match=r"SA_eval\.json is a Git LFS pointer, not a data file: run `git lfs pull`"):
        read_evaluations([tmp_path / "SA_eval.json"])


def test_numbers_that_nobody_can_average_are_refused_by_row(tmp_path: Path) -> None:
    assert read_evaluations([write(tmp_path / "SA.json", [row(f"<score>Step 1: 1/{'9' * 15}</score>", 1)])])
    for digits in (16, 400):
        rows = [*SINGLE, row(f"<score>Step 1: {'9' * digits}/1</score>", 1)]
        with pytest.raises(DataError, match=rf"row {len(rows)}: its score has a number of more than 15 digits"):
            read_evaluations([write(tmp_path / "SA.json", rows)])


def test_a_reply_of_blocks_that_never_end_takes_no_time_to_leave_out(tmp_path: Path) -> None:
    rows = read_evaluations([write(tmp_path / "SA.json", [row("<score>" * 200_000, 1)])])  # minutes, if quadratic
    assert rescore_official(rows).overall.scored == 0


def test_a_block_counts_where_one_line_has_both_its_ends(tmp_path: Path) -> None:
    text = "</score> <score>\n<score> Step 1: 1/1 </score> <score>Step 1: 0/1</score>"
    rows = read_evaluations([write(tmp_path / "SA.json", [row(text, 1)])])
    assert rescore_official(rows).overall.recognition == 1
