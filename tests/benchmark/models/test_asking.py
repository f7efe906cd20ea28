"""What a model is sent: the wording, and as much of the clip as it takes."""

import asyncio
import dataclasses
from pathlib import Path
from string import Template

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmark.clip import Clip
from benchmark.clips.reader import ClipReader
from benchmark.data.dataset import read_samples
from benchmark.errors import DataError, RunError
from benchmark.models.asking import Prompter
from benchmark.models.templates import check_replacements, read_templates
from benchmark.prompt import Modality, Prompt
from benchmark.storage.cache import Cache
from benchmark.suite import find_suite
from benchmark.task import Sample
from tests.tasks import clip_of

SAMPLES = read_samples("demo").samples
SAMPLE = SAMPLES[0]
QUESTION = read_templates(find_suite().home)["question"]
BOTH: frozenset[Modality] = frozenset({"video", "audio"})
PICTURES: frozenset[Modality] = frozenset({"video"})
SOUND: frozenset[Modality] = frozenset({"audio"})
CLIP: frozenset[Modality] = frozenset({"video", "audio", "clip"})


@pytest.fixture(scope="module")
def prompter(tmp_path_factory: pytest.TempPathFactory) -> Prompter:
    return Prompter(reader=ClipReader(Cache(tmp_path_factory.mktemp("cache"))), templates={"": QUESTION})


def sent(prompter: Prompter, sample: Sample = SAMPLE, takes: frozenset[Modality] = BOTH) -> Prompt:
    return asyncio.run(prompter.prompt(sample, takes))


def replaced(folder: Path, text: str) -> Template:
    (folder / "question.txt").write_text(text, "utf-8")
    return read_templates(find_suite().home, folder)["question"]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.id)
def test_the_text_holds_every_label_and_nothing_that_would_give_the_answer_away(
    prompter: Prompter, sample: Sample
) -> None:
    text = sent(prompter, sample, PICTURES).text

    assert "; ".join(sample.label_set) in text
    assert sample.task.question in text
    for secret in (sample.id, sample.video_id, Path(sample.video_id).stem, str(clip_of(sample).path), sample.source):
        assert secret not in text
    assert sample.audio_clue is None or sample.audio_clue not in text


@pytest.mark.parametrize(
    ("takes", "allowed", "words"),
    [
        (BOTH, BOTH, "frames of a video clip, taken at these seconds: 0.0, 1.0"),
        (BOTH, PICTURES, "There is no sound."),
        (PICTURES, BOTH, "There is no sound."),
        (BOTH, SOUND, "You are given the sound of a video clip."),
        (SOUND, BOTH, "You are given the sound of a video clip."),
    ],
)
def test_frames_and_sound_are_what_model_and_run_agree_on(
    prompter: Prompter, takes: frozenset[Modality], allowed: frozenset[Modality], words: str
) -> None:
    prompt = sent(dataclasses.replace(prompter, modalities=allowed), takes=takes)

    assert bool(prompt.frames) == ("video" in takes & allowed)
    assert (prompt.sound is not None) == ("audio" in takes & allowed)
    assert prompt.video is None
    assert words in prompt.text


def test_a_model_that_takes_clips_gets_the_whole_one(prompter: Prompter) -> None:
    whole = sent(prompter, takes=CLIP)
    silent = sent(dataclasses.replace(prompter, modalities=PICTURES), takes=CLIP)

    assert (whole.frames, whole.sound) == ((), None)
    assert whole.video is not None
    assert silent.video is not None
    assert len(silent.video) < len(whole.video)
    assert "You are given a video clip." in whole.text


def test_a_picture_is_sent_as_a_frame_even_to_a_model_that_takes_clips(prompter: Prompter, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), "teal").save(tmp_path / "clip.png")
    sample = dataclasses.replace(SAMPLE, clip=Clip(tmp_path / "clip.png"))
    for takes in (PICTURES, BOTH, CLIP):
        prompt = sent(prompter, sample, takes)
        assert ([frame.seconds for frame in prompt.frames], prompt.sound, prompt.video) == ([0.0], None, None)
        assert "You are given a picture." in prompt.text
        assert "There is no sound" not in prompt.text
    with pytest.raises(DataError, match="the model takes audio, the clip has none"):
        sent(prompter, sample, SOUND)


def test_a_model_that_takes_a_track_gets_the_sound_besides_the_clip(prompter: Prompter) -> None:
    whole, both = sent(prompter, takes=CLIP), sent(prompter, takes=CLIP | {"track"})
    silent = sent(dataclasses.replace(prompter, modalities=PICTURES), takes=CLIP | {"track"})

    assert both.sound is not None
    assert dataclasses.replace(both, sound=None) == whole
    assert silent.sound is None


def test_the_run_settles_how_many_frames(prompter: Prompter) -> None:
    two = sent(dataclasses.replace(prompter, fps=4.0, most=2))

    assert [frame.seconds for frame in two.frames] == pytest.approx([0, 0.25], abs=0.05)
    assert "2 frames" in two.text


def test_nothing_to_send_is_an_error_of_the_data(prompter: Prompter) -> None:
    with pytest.raises(DataError, match=f"Nothing of {SAMPLE.id} can be sent: the model takes audio"):
        sent(dataclasses.replace(prompter, modalities=PICTURES), takes=SOUND)
    with pytest.raises(DataError, match="the model takes nothing"):
        sent(prompter, takes=frozenset())


@given(st.sampled_from(["$labels", "${labels}", "$$", "{labels}"]) | st.text(max_size=20))
def test_a_question_comes_through_as_it_is(prompter: Prompter, question: str) -> None:
    task = dataclasses.replace(SAMPLE.task, question=f"<{question}>")
    text = sent(prompter, dataclasses.replace(SAMPLE, task=task), PICTURES).text

    assert f"<{question}>" in text
    assert text.count("; ".join(SAMPLE.label_set)) == 1


def test_a_replacement_takes_the_templates_place_and_others_stay(tmp_path: Path) -> None:
    assert read_templates(find_suite().home, tmp_path)["question"].template == QUESTION.template
    wording = "Costs $$5. $subject $material $question $labels ${how_many}é"
    assert replaced(tmp_path, wording).template == wording


@pytest.mark.parametrize("change", [("$labels", ""), ("$labels", "$labels $truth"), ("$labels", "$labels $ 5")])
def test_wrong_placeholders_are_refused(tmp_path: Path, change: tuple[str, str]) -> None:
    wanted = r"\$how_many, \$labels, \$material, \$question, \$subject"
    with pytest.raises(RunError, match=rf"question\.txt must use each of these placeholders and no other: {wanted} "):
        replaced(tmp_path, QUESTION.template.replace(*change))


def test_replacements_that_nobody_would_read_are_refused(tmp_path: Path) -> None:
    known = list(find_suite().home.glob("*.txt"))
    check_replacements(None, known)
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(RunError, match=r"contains no template; the possible names are .*question\.txt"):
            check_replacements(folder, known)
    (tmp_path / "question.txt").write_bytes(b"\xff")
    check_replacements(tmp_path, known)
    with pytest.raises(RunError, match=r"question\.txt cannot be read"):
        read_templates(find_suite().home, tmp_path)
    (tmp_path / "qestion.txt").write_text("", "utf-8")
    with pytest.raises(RunError, match=r"contains qestion\.txt, question\.txt; the possible names are"):
        check_replacements(tmp_path, known)


def test_a_replacement_may_come_from_any_editor(tmp_path: Path) -> None:
    text = f"{QUESTION.template} \ud83d".encode("utf-8", "surrogatepass")
    (tmp_path / "question.txt").write_bytes(b"\xef\xbb\xbf" + text)

    assert read_templates(find_suite().home, tmp_path)["question"].template == f"{QUESTION.template} \ufffd"
