"""The catalogue, and how a spec finds a model."""

import asyncio
import json
from pathlib import Path

import pytest

from benchmark.accounts.catalogue import find_catalogued, published_row, read_catalogue
from benchmark.endpoint.model import EndpointModel
from benchmark.errors import RunError
from benchmark.model import Answer, Model, Respondent
from benchmark.models.find import ModelOptions, find, find_respondent
from benchmark.prompt import Modality, Prompt
from benchmark.suite import find_suite
from benchmark.task import Sample

CATALOGUE = read_catalogue()
OPTIONS = ModelOptions()


class Own:
    """A model of the user's own, complete."""

    name = "own"
    identity = "own/1"
    modalities: frozenset[Modality] = frozenset({"video"})

    async def generate(self, prompt: Prompt) -> Answer:
        return Answer(text=prompt.text, model=self.name)


class Mute:
    """A model that lacks `generate`."""

    name = "mute"
    identity = "mute/1"
    modalities: frozenset[Modality] = frozenset()


class Given:
    """A respondent, which is no model."""

    name = "given"

    async def answer(self, sample: Sample) -> Answer:
        return Answer(text=sample.id, model=self.name)


class Demanding:
    """Not to be made without an argument."""

    def __init__(self, path: Path) -> None:
        self.path = path


HELD = Own()


def test_all_20_published_models_are_reachable_and_no_other_is_claimed() -> None:
    claimed = {row.published for row in CATALOGUE.models.values() if row.published}
    claimed |= {row.published for row in CATALOGUE.own_code.values() if row.published}

    assert claimed == set(find_suite().read_published()["models"])
    assert len(claimed) == 20


@pytest.mark.parametrize("name", CATALOGUE.models)
def test_every_row_can_be_sent_something_by_a_provider_that_is_known(name: str) -> None:
    row = find_catalogued(name)

    assert row.provider in CATALOGUE.providers
    assert row.modalities & {"video", "audio"}
    assert row.sees or not row.clip
    assert row.successor is None or read_catalogue().models[row.successor].ends is None
    assert (row.ends is None) == (row.successor is None)
    assert name not in CATALOGUE.own_code


def test_a_spec_stands_for_its_published_row() -> None:
    assert published_row("gpt-4o-2024-11-20") == "GPT-4o"
    assert published_row("affectgpt") == "AffectGPT"
    assert published_row("hf:Qwen/Qwen2.5-Omni-7B") == "Qwen2.5-Omni"
    assert published_row("hf:my/Qwen2.5-Omni-7B") is None
    assert published_row("gpt-5") is None
    assert published_row("answers:mine.json") is None


def test_an_unknown_name_lists_the_nearest() -> None:
    with pytest.raises(RunError, match=r"Unknown model gemini-2\.5-por; did you mean gemini-2\.5-pro "):
        find("gemini-2.5-por", OPTIONS)
    with pytest.raises(RunError, match="did you mean majority"):
        find("majorty", OPTIONS)
    with pytest.raises(RunError, match=r"the catalogue has .*gpt-4o.*openai:NAME with --base-url"):
        find("?", OPTIONS)


@pytest.mark.parametrize("name", CATALOGUE.own_code)
def test_a_model_with_code_of_its_own_says_what_to_do(name: str) -> None:
    with pytest.raises(RunError, match=f"{name} has its own code and no endpoint.*--model=answers:FILE") as raised:
        find(name, OPTIONS)

    by_worker = f"mme-emotion worker --shim=FILE.py --name={name}" in str(raised.value)
    assert by_worker == (CATALOGUE.own_code[name].way != "answers")
    assert "docs/models.md" in str(raised.value)


def test_a_model_with_code_of_its_own_is_asked_at_its_worker() -> None:
    found = find_respondent("r1-omni", ModelOptions(base_urls=("http://127.0.0.1:8009/v1",)), ())

    assert isinstance(found, EndpointModel)
    assert found.modalities == {"video", "audio", "clip", "track"}
    assert json.loads(found.identity) == {"model": "r1-omni", "parameters": {}, "urls": ["http://127.0.0.1:8009/v1"]}


def test_a_missing_key_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    monkeypatch.delenv("MY_KEY", raising=False)

    with pytest.raises(RunError, match="GEMINI_API_KEY"):
        find("gemini-2.5-pro", OPTIONS)
    with pytest.raises(RunError, match="MY_KEY"):
        find("gemini-2.5-pro", ModelOptions(api_key_env="MY_KEY"))


@pytest.mark.parametrize("options", [OPTIONS, ModelOptions(base_urls=("http://127.0.0.1:9/v1",))])
def test_a_local_model_needs_no_key(options: ModelOptions) -> None:
    found = find_respondent("qwen2.5-vl-7b", options, ())

    assert isinstance(found, Model)
    assert found.modalities == {"video", "clip"}


def test_a_model_or_respondent_of_the_users_own() -> None:
    found = find_respondent(f"python:{__name__}:Own", OPTIONS, ())

    assert isinstance(found, Model)
    assert asyncio.run(found.generate(Prompt(text="Which?"))).text == "Which?"
    assert find(f"python:{__name__}:HELD", OPTIONS) is HELD
    assert isinstance(find_respondent(f"python:{__name__}:Given", OPTIONS, ()), Respondent)


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("", "is not of the form MODULE:ATTRIBUTE"),
        ("json", "is not of the form MODULE:ATTRIBUTE"),
        (":Own", "is not of the form MODULE:ATTRIBUTE"),
        ("no_such_module:Own", "No module named 'no_such_module'"),
        ("json:Absent", "has no attribute 'Absent'"),
        (f"{__name__}:Demanding", "missing 1 required positional argument: 'path'"),
    ],
)
def test_a_python_spec_that_names_nothing_is_refused(rest: str, words: str) -> None:
    with pytest.raises(RunError, match=f"^python:{rest} .*{words}"):
        find(f"python:{rest}", OPTIONS)


def test_a_model_without_generate_is_refused_by_the_members_it_lacks() -> None:
    with pytest.raises(RunError, match="it has no generate for a Model, and no answer for a Respondent; see"):
        find_respondent(f"python:{__name__}:Mute", OPTIONS, ())
    with pytest.raises(
        RunError, match="it has no name, identity, modalities, generate for a Model, and no name, answer for"
    ):
        find_respondent("python:string:digits", OPTIONS, ())
