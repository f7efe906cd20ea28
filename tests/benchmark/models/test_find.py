"""Whoever is under test: found by name, answers from a file, guesses, replies kept."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from benchmark.accounts.catalogue import published_row, read_catalogue
from benchmark.clip import Clip, Frame
from benchmark.errors import ModelError, RunError
from benchmark.model import Answer
from benchmark.models.answers import AnswersFile
from benchmark.models.cached import CachedModel
from benchmark.models.find import ModelOptions, find, find_respondent
from benchmark.models.floors import RandomGuess, majority_of
from benchmark.models.templates import check_replacements, read_templates
from benchmark.prompt import Modality, Prompt
from benchmark.storage.cache import Cache
from benchmark.suite import find_suite
from benchmark.task import Sample
from benchmark.usage import Usage
from tests.tasks import TASKS

LABELS = ("joy", "anger", "fear")


def sample_of(task: str, video_id: str, *targets: str) -> Sample:
    return Sample(
        id=f"{task}/{Path(video_id).stem}", task=TASKS[task], clip=Clip(Path(video_id)), label_set=LABELS,
        targets=targets or ("joy",), source="MELD", recording="MELD/1", video_id=video_id,
    )  # fmt: skip


SAMPLES = [
    sample_of("SA", "MELD/video/a.mp4"),
    sample_of("ER-Wild", "MELD/video/a.mp4", "anger"),
    sample_of("ER-Wild", "MELD/video/b.mp4", "anger"),
    sample_of("ER-Wild", "MELD/video/c.mp4", "fear"),
]


def answers(folder: Path, rows: object, name: str = "given.json", samples: Sequence[Sample] = SAMPLES) -> AnswersFile:
    (folder / name).write_text(rows if isinstance(rows, str) else json.dumps(rows))
    found = find_respondent(f"answers:{folder / name}", ModelOptions(), samples)
    assert isinstance(found, AnswersFile)
    return found


def row(name: str, text: str | None = "joy", **rest: str) -> dict[str, str | None]:
    return {"video_id": name, "model_response": text, **rest}


def said(found: AnswersFile, sample: Sample) -> str:
    return asyncio.run(found.answer(sample)).text


@pytest.mark.parametrize("name", ["ER-Wild/b", "MELD/video/b.mp4", "elsewhere/b.mp4", "b"])
def test_a_sample_is_found_by_any_name_that_fits_it_alone(name: str, tmp_path: Path) -> None:
    assert said(answers(tmp_path, [row(name)]), SAMPLES[2]) == "joy"


def test_one_clip_in_two_tasks_needs_its_task(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="add the task to each row"):
        answers(tmp_path, [row("MELD/video/a.mp4")])
    assert said(answers(tmp_path, [row("MELD/video/a.mp4", task="SA")]), SAMPLES[0]) == "joy"
    assert said(answers(tmp_path, [row("MELD/video/a.mp4")], "ER_Wild_answers.json"), SAMPLES[1]) == "joy"


def test_what_fits_nothing_and_what_lacks_an_answer_is_kept_for_a_warning(tmp_path: Path) -> None:
    found = answers(tmp_path, [row("b"), row("nobody.mp4"), row("c", None)])
    assert (found.unknown, found.missing) == (("nobody.mp4",), ("SA/a", "ER-Wild/a"))
    with pytest.raises(ModelError, match="has no answer for SA/a"):
        said(found, SAMPLES[0])
    with pytest.raises(ModelError, match=r"given\.json, row 3 is empty"):
        said(found, SAMPLES[3])


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([row("b"), row("b.mp4")], "ER-Wild/b has two answers"),
        ([row("nobody")], "none of its 1 ids"),
        ([], "contains no answers"),
        ("[1, 2", "use a JSON list, or JSONL with one answer per line"),
        ([{"video_id": "b"}], "row 1 lacks"),
        ([7], "row 1 is not an object"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(rows: object, told: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=told) as caught:
        answers(tmp_path, rows)
    assert "\n" not in str(caught.value)


def test_a_folder_of_answers_is_one_respondent(tmp_path: Path) -> None:
    (tmp_path / "SA.jsonl").write_text(json.dumps(row("a.mp4", "one")) + "\n")
    (tmp_path / "ER-Wild.json").write_text(json.dumps([row("a.mp4", "two")]))
    found = find_respondent(f"answers:{tmp_path}", ModelOptions(), SAMPLES)
    assert isinstance(found, AnswersFile)
    assert (said(found, SAMPLES[0]), said(found, SAMPLES[1])) == ("one", "two")


def test_the_floors_guess() -> None:
    majority, random = majority_of(SAMPLES), RandomGuess()
    assert [asyncio.run(majority.answer(s)).text for s in SAMPLES] == ["joy", "anger", "anger", "anger"]
    guesses = [asyncio.run(random.answer(replace(SAMPLES[0], id=str(number)))).text for number in range(99)]
    assert set(guesses) == {"joy", "anger", "fear"}
    assert guesses == [asyncio.run(random.answer(replace(SAMPLES[0], id=str(number)))).text for number in range(99)]


def test_every_published_model_can_be_asked_for() -> None:
    published = find_suite().read_published()["models"]
    catalogue = read_catalogue()
    assert {published_row(name) for name in [*catalogue.models, *catalogue.own_code]} - {None} == set(published)
    assert {row.provider for row in catalogue.models.values()} <= set(catalogue.providers)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("gpt-4.2", "did you mean gpt-4"),
        ("affectgpt", "then use --model=answers:FILE"),
        ("openai:", "needs the name of a model"),
        ("python:json", "python:json is malformed: 'json' is not of the form MODULE:ATTRIBUTE"),
        ("python:no_such_module:x", "python:no_such_module:x cannot be used: ModuleNotFoundError: .*no_such_module"),
        ("python:json:JSONEncoder", "has no name, identity, modalities, generate"),
    ],
)
def test_a_spec_that_names_no_model_is_refused_with_a_way_on(spec: str, told: str) -> None:
    with pytest.raises(RunError, match=told):
        find_respondent(spec, ModelOptions(), SAMPLES)


@dataclass
class Counting:
    """A model that counts, and that fails first if told to."""

    identity: str = "counting/1"
    failures: int = 0
    asked: list[Prompt] = field(default_factory=list)
    name: str = "counting"
    modalities: frozenset[Modality] = frozenset({"video"})

    async def generate(self, prompt: Prompt) -> Answer:
        self.asked.append(prompt)
        if len(self.asked) <= self.failures:
            raise ModelError("down")
        return Answer(text=f"answer {len(self.asked)}", model="m", usage=Usage(requests=1, output_tokens=7))


def test_a_reply_is_paid_for_once_and_keeps_its_tokens(tmp_path: Path) -> None:
    model, cache = Counting(), Cache(tmp_path)
    kept = CachedModel(model, cache)
    prompt = Prompt(text="Q", frames=(Frame(jpeg=b"1", seconds=0.0),))
    first = asyncio.run(kept.generate(prompt))
    again = asyncio.run(CachedModel(model, Cache(tmp_path)).generate(prompt))
    assert (again.text, again.usage.requests, again.usage.output_tokens) == (first.text, 0, 7)
    others = [replace(prompt, text="R"), replace(prompt, frames=()), replace(prompt, video=b"1")]
    assert len({asyncio.run(kept.generate(other)).text for other in [prompt, *others]}) == 4
    asyncio.run(CachedModel(Counting("counting/2", asked=model.asked), cache).generate(prompt))
    assert len(model.asked) == 5


def test_a_failure_is_not_kept(tmp_path: Path) -> None:
    kept = CachedModel(Counting(failures=1), Cache(tmp_path))
    with pytest.raises(ModelError):
        asyncio.run(kept.generate(Prompt(text="Q")))
    assert asyncio.run(kept.generate(Prompt(text="Q"))).text == "answer 2"


def test_a_cache_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="choose another --cache DIR"):
        Cache(tmp_path / "file")


def test_wording_may_be_replaced_by_name_with_the_same_placeholders(tmp_path: Path) -> None:
    names = " ".join(f"${name}" for name in read_templates(find_suite().home)["question"].get_identifiers())
    (tmp_path / "question.txt").write_text(f"Mine: {names}")
    assert read_templates(find_suite().home, tmp_path)["question"].template.startswith("Mine: ")
    (tmp_path / "question.txt").write_text("Mine: $labels")
    with pytest.raises(RunError, match=r"must use each of these placeholders and no other: \$how_many"):
        read_templates(find_suite().home, tmp_path)
    (tmp_path / "qestion.txt").write_text("never read")
    with pytest.raises(RunError, match=r"the possible names are question\.txt"):
        check_replacements(tmp_path, find_suite().home.glob("*.txt"))


def test_the_models_found_are_the_ones_named() -> None:
    assert getattr(find("signal", ModelOptions()), "name", None) == "signal"
