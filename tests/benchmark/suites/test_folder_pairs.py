"""Which clue and which task belongs to a question of a folder, and which questions are one."""

import re
from pathlib import Path

import pytest

from benchmark.data.dataset import read_samples
from benchmark.errors import DataError
from tests.benchmark.suites.test_folder import clue, question, write


def test_a_clue_of_its_own_file_goes_before_that_in_the_question(tmp_path: Path) -> None:
    write(tmp_path, {"SA.json": [question("SA/x_1.mp4", audio_clue="a sigh")], "SA_clues.json": [clue("SA/x_1.mp4")]})
    assert read_samples(str(tmp_path)).samples[0].audio_clue == "a bright voice"


def test_a_clue_that_could_be_of_two_clips_or_is_another_question_s_is_nobody_s(tmp_path: Path) -> None:
    asked = [question("S/video/a.mp4"), question("T/video/b.mp4"), question("U/video/b.mp4")]
    heard = [clue("X/video/a.mp4"), clue("Y/video/a.mp4"), clue("T/video/b.mp4"), clue("X/video/c.mp4")]
    write(tmp_path, {"SA/question/SA.json": asked, "SA/audio_clue/SA.json": heard})
    with pytest.raises(DataError) as caught:
        read_samples(str(tmp_path))
    strays = re.findall(r"SA.json: (.*): audio clue without a question", str(caught.value))
    assert strays == ["X/video/a.mp4", "Y/video/a.mp4", "X/video/c.mp4"]

    write(tmp_path, {"SA/audio_clue/SA.json": [clue("T/video/b.mp4")]})
    assert [one.audio_clue for one in read_samples(str(tmp_path)).samples] == [None, "a bright voice", None]


def test_questions_that_lack_a_clue_are_no_extract(tmp_path: Path) -> None:
    """One of two has its clue, three clues are left over."""
    heard = [clue(f"S/video/{name}.mp4") for name in "acde"]
    asked = [question("S/video/a.mp4"), question("S/video/b.mp4")]
    write(tmp_path, {"SA/question/SA.json": asked, "SA/audio_clue/SA.json": heard})
    with pytest.raises(DataError, match="audio clue without a question"):
        read_samples(str(tmp_path))


def test_questions_are_of_the_task_whose_folder_holds_them_and_clues_of_that_in_their_name(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "ER-Lab/question/ER_Wild.json": [question("S/video/a.mp4")],
            "ER-Wild/audio_clue/ER_Lab_clues.json": [clue("S/video/a.mp4")],
        },
    )
    (sample,) = read_samples(str(tmp_path)).samples
    assert (sample.task.name, sample.audio_clue) == ("ER-Lab", "a bright voice")


def test_clips_of_one_name_in_one_file_or_of_two_corpora_are_two_questions(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "SA/question/one.json": [question("S/video/a.mp4"), question("S/more/a.mp4")],
            "SA/question/two.json": [question("T/video/a.mp4")],
        },
    )
    assert len(read_samples(str(tmp_path)).samples) == 3
