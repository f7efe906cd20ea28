"""Models of the user's own: plain functions, batches, and what is refused at the start."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from benchmark.errors import ModelError, RunError
from benchmark.model import Answer, Model, Repeatable, Respondent, Watcher
from benchmark.models.own import adapted
from benchmark.prompt import Prompt
from benchmark.task import Sample
from tests.tasks import TASKS

SAMPLE = Sample(
    id="a", task=next(iter(TASKS.values())), clip=None, label_set=("joy",), targets=("joy",), source="s",
    recording="r", video_id="v",
)  # fmt: skip


class Own:
    """What models of the user's own have in common."""

    name = "own"
    identity = "own/1"
    modalities = frozenset({"video"})


class Plain(Own):
    def generate(self, prompt: Prompt) -> Any:
        if prompt.text == "fail":
            raise ValueError("no face")
        return {"text": "joy", "answer": Answer(text="joy", model="x"), "none": None, "empty": " "}.get(
            prompt.text, threading.current_thread().name
        )


class Batched(Own):
    batch_size = 3

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def generate_batch(self, prompts: Sequence[Prompt]) -> Any:
        texts = [prompt.text for prompt in prompts]
        self.batches.append(texts)
        if "fail" in texts:
            raise ValueError("no face")
        return texts[1:] if "short" in texts else [f"re {text}" for text in texts]


async def _all(model: Model, *texts: str) -> list[Answer | BaseException]:
    return await asyncio.gather(*(model.generate(Prompt(text=text)) for text in texts), return_exceptions=True)


def texts_of(model: object, *texts: str) -> list[str]:
    assert isinstance(model, Model)
    found = asyncio.run(_all(model, *texts))
    return [one.text if isinstance(one, Answer) else str(one) for one in found]


def test_a_plain_generate_is_run_in_one_thread_of_its_own() -> None:
    model = adapted(Plain(), "python:x")
    assert texts_of(model, "text", "answer") == ["joy", "joy"]
    (thread, again) = texts_of(model, "a", "b")
    assert thread == again != threading.current_thread().name
    assert texts_of(model, "none", "empty") == [
        "own returned NoneType; return a text or an Answer of benchmark.model.",
        "own gave an empty answer.",
    ]
    with pytest.raises(ValueError, match="no face"):
        asyncio.run(model.generate(Prompt(text="fail")))


def test_batches_are_filled_by_what_waits() -> None:
    own = Batched()
    assert texts_of(adapted(own, "python:x"), *"abcdefg") == [f"re {letter}" for letter in "abcdefg"]
    assert own.batches == [["a", "b", "c"], ["d", "e", "f"], ["g"]]


def test_a_batch_that_fails_is_asked_one_by_one() -> None:
    own = Batched()
    model = adapted(own, "python:x")
    found = texts_of(model, "a", "fail", "short", "b")
    assert found[0] == "re a"
    assert "no face" in found[1]
    assert found[2] == "generate_batch was given 1 prompts and returned 0 answers; return a list of as many."
    assert found[3] == "re b"
    assert texts_of(model, "c") == ["re c"], "another event loop"


def test_an_asynchronous_batch_is_awaited() -> None:
    class Awaited(Own):
        async def generate_batch(self, prompts: Sequence[Prompt]) -> list[str]:
            return [prompt.text for prompt in prompts]

    assert texts_of(adapted(Awaited(), "python:x"), "a", "b") == ["a", "b"]


def test_a_plain_respondent_and_a_plain_watcher() -> None:
    class Given:
        name = "given"

        def answer(self, sample: Sample) -> str:
            return sample.id

    class Again(Given):
        def again(self, repeat: int) -> "Again":
            return self

    class Looks(Own):
        def watch(self, sample: Sample, shown: Prompt) -> str:
            return sample.id + shown.text

    given, looks = adapted(Given(), "python:x"), adapted(Looks(), "python:x")
    assert isinstance(given, Respondent)
    assert not isinstance(given, Repeatable)
    assert isinstance(adapted(Again(), "python:x"), Repeatable)
    assert isinstance(looks, Watcher)
    assert asyncio.run(given.answer(SAMPLE)).text == "a"
    assert asyncio.run(adapted(Again(), "python:x").again(1).answer(SAMPLE)).text == "a"
    assert asyncio.run(looks.watch(SAMPLE, Prompt(text="b"))).text == "ab"


def test_an_asynchronous_model_stays_as_it_is_and_so_does_what_is_no_model() -> None:
    class Right(Own):
        async def generate(self, prompt: Prompt) -> Answer:
            raise ModelError("not here")

    right = Right()
    assert adapted(right, "python:x") is right
    assert adapted("a judge", "python:x") == "a judge"


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (
            {"modalities": ["video"]},
            "its modalities must be a set with any of video, audio, clip, track, got ['video']",
        ),
        ({"modalities": {"smell"}}, "its modalities must be a set"),
        ({"name": ""}, "its name must be a text that is not empty, got ''"),
        ({"identity": 7}, "its identity must be a text that is not empty, got 7"),
        ({"generate": 7}, "its generate is not a function"),
        ({"generate": lambda: "joy"}, "its generate must take one argument"),
        ({"generate_batch": lambda prompts: prompts, "batch_size": 0}, "its batch_size must be at least 1, got 0"),
        ({"name": 1, "identity": ""}, "its name must be a text that is not empty, got 1; its identity must be"),
    ],
)
def test_a_model_that_cannot_work_is_refused_at_the_start(members: dict[str, Any], words: str) -> None:
    own = type("Wrong", (Own if "generate_batch" in members else Plain,), {})()
    for name, value in members.items():
        setattr(own, name, value)
    with pytest.raises(RunError) as raised:
        adapted(own, "python:x")
    assert str(raised.value).startswith(f"python:x cannot be used: {words}")
    assert str(raised.value).endswith("See docs/models.md.")
