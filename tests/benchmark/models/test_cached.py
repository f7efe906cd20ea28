"""Replies kept: what is asked once, what is asked again."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.clip import Frame, Sound
from benchmark.errors import ModelError, RunError
from benchmark.model import Answer, Model
from benchmark.models.cached import CachedModel
from benchmark.prompt import Modality, Prompt
from benchmark.storage.cache import Cache, key_of
from benchmark.usage import Usage
from tests.benchmark.kept import keys_of

SPENT = Usage(requests=1, input_tokens=7, output_tokens=3, seconds=1.5, cost_usd=0.25)
SOUND = Sound(samples=np.zeros(4, np.float32), rate=16_000)
PROMPT = Prompt(text="Which?", frames=(Frame(jpeg=b"one", seconds=0.0),), sound=SOUND)


@dataclass
class Counting:
    """A model that counts its requests, and fails at the first `failing` of them."""

    identity: str = "counting/1"
    usage: Usage = SPENT
    failing: int = 0
    asked: list[Prompt] = field(default_factory=list)
    name: str = "counting"
    modalities: frozenset[Modality] = frozenset({"video", "audio"})

    async def generate(self, prompt: Prompt) -> Answer:
        self.asked.append(prompt)
        if len(self.asked) <= self.failing:
            raise ModelError("It is busy.")
        return Answer(text=f"reply {len(self.asked)}, “joy”", model="counting-2026", usage=self.usage)


def ask(model: Counting, cache: Cache, prompt: Prompt = PROMPT) -> Answer:
    return asyncio.run(CachedModel(model, cache).generate(prompt))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "new" / "cache")


def test_the_second_ask_makes_no_request_and_keeps_the_tokens(cache: Cache) -> None:
    model = Counting()
    first, second = ask(model, cache), ask(model, cache)

    assert len(model.asked) == 1
    assert first.usage == SPENT
    assert second == replace(first, usage=Usage(input_tokens=7, output_tokens=3, cost_usd=0.0))
    assert second.usage.requests == 0


def test_unknown_tokens_stay_unknown(cache: Cache) -> None:
    model = Counting(usage=Usage(requests=1))
    ask(model, cache)

    assert ask(model, cache).usage == Usage(cost_usd=0.0)


def test_a_failure_is_not_kept(cache: Cache) -> None:
    model = Counting(failing=1)
    with pytest.raises(ModelError, match="busy"):
        ask(model, cache)

    assert ask(model, cache).text == ask(model, cache).text == "reply 2, “joy”"


@pytest.mark.parametrize(
    "other",
    [
        replace(PROMPT, text="Which one?"),
        replace(PROMPT, frames=()),
        replace(PROMPT, frames=(Frame(jpeg=b"two", seconds=0.0),)),
        replace(PROMPT, frames=(*PROMPT.frames, *PROMPT.frames)),
        replace(PROMPT, sound=None),
        replace(PROMPT, sound=Sound(samples=np.ones(4, np.float32), rate=16_000)),
        replace(PROMPT, sound=Sound(samples=SOUND.samples, rate=8_000)),
        replace(PROMPT, sound=Sound(samples=SOUND.samples[:0], rate=16_000)),
        replace(PROMPT, video=b"clip"),
    ],
)
def test_another_prompt_is_asked_again(cache: Cache, other: Prompt) -> None:
    model = Counting()
    ask(model, cache)

    assert ask(model, cache, other).text == ask(model, cache, other).text == "reply 2, “joy”"


def test_another_identity_is_asked_again_and_an_equal_one_is_not(cache: Cache) -> None:
    ask(Counting(), cache)
    other, equal = Counting(identity="counting/2"), Counting(name="renamed")
    ask(other, cache)
    ask(equal, cache)

    assert (len(other.asked), len(equal.asked)) == (1, 0)


def test_two_caches_on_one_folder_share(tmp_path: Path) -> None:
    one, two = Cache(tmp_path), Cache(tmp_path)
    one.put("key", b"\x00value")
    assert two.get("key") == b"\x00value"
    two.put("key", b"")
    one.close()

    assert Cache(tmp_path).get("key") == b""
    assert two.get("another") is None


def test_it_is_a_model_as_the_one_inside_is(cache: Cache) -> None:
    model: Model = Counting()
    kept: Model = CachedModel(model, cache)

    assert (kept.name, kept.identity, kept.modalities) == (model.name, model.identity, model.modalities)


def test_parts_do_not_run_into_each_other() -> None:
    assert len({key_of("ab", "c"), key_of("a", "bc"), key_of("abc"), key_of("ab", "c", "")}) == 4
    assert key_of("é") == key_of("é".encode())


def test_a_folder_that_cannot_be_written_is_an_error_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "cache.sqlite").write_bytes(b"no database" * 100)

    for folder in (tmp_path / "file", tmp_path / "file" / "below", tmp_path):
        with pytest.raises(RunError, match=r"cache\.sqlite cannot be used .*choose another --cache DIR"):
            Cache(folder)


@dataclass
class Refusing(Counting):
    """A model whose server refuses a parameter at the first request that has it."""

    left_out: tuple[str, ...] = ()

    def leave_out(self, names: Iterable[str]) -> None:
        self.left_out = (*self.left_out, *(name for name in names if name not in self.left_out))
        self.identity = f"counting/1 without {self.left_out}" if self.left_out else "counting/1"

    async def generate(self, prompt: Prompt) -> Answer:
        self.leave_out(["temperature"])
        return replace(await super().generate(prompt), left_out=self.left_out)


def test_all_that_a_reply_was_is_kept(cache: Cache) -> None:
    whole = Answer(
        text="joy",
        model=None,
        usage=Usage(
            requests=1, input_tokens=9, cached_tokens=0, audio_tokens=3, output_tokens=8, thought_tokens=7, cost_usd=1.0
        ),
        thoughts="The mouth is open.",
        ending="cut off",
        refusal=False,
        left_out=("temperature",),
    )

    class Saying(Counting):
        async def generate(self, prompt: Prompt) -> Answer:
            self.asked.append(prompt)
            return whole

    model = Saying()
    ask(model, cache)
    assert ask(model, cache) == replace(whole, usage=replace(whole.usage, requests=0, cost_usd=0.0))
    assert len(model.asked) == 1


def test_a_reply_that_was_of_no_use_is_never_given_again(cache: Cache) -> None:
    model = Counting()
    kept = CachedModel(model, cache)

    def usable(answer: Answer) -> bool:
        return answer.text.startswith("reply 2")

    first = asyncio.run(kept.generate_usable(PROMPT, PROMPT, usable))
    again = replace(PROMPT, text="Which? Again.")
    second = asyncio.run(kept.generate_usable(PROMPT, again, usable))
    third = asyncio.run(kept.generate_usable(PROMPT, PROMPT, usable))

    assert [first.text[:7], second.text[:7], third.text[:7]] == ["reply 1", "reply 2", "reply 2"]
    assert model.asked == [PROMPT, again], "what was asked for again is found under the first request"


def test_one_kept_by_a_version_that_kept_all_is_asked_anew_where_it_is_of_no_use(cache: Cache) -> None:
    model = Counting()
    ask(model, cache)
    answer = asyncio.run(CachedModel(model, cache).generate_usable(PROMPT, PROMPT, lambda kept: "2" in kept.text))

    assert answer.text == ask(model, cache).text == "reply 2, “joy”"


@pytest.mark.parametrize(
    "kept",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b"\xff",
        b'{"text": 3, "model": "m"}',
        b'{"model": "m"}',
        b'{"text": "", "model": "m"}',
        b'{"text": "a", "model": 3}',
        b'{"text": "a", "model": "m", "thoughts": 3}',
        b'{"text": "a", "model": "m", "ending": "banana"}',
        b'{"text": "a", "model": "m", "ending": ["x"]}',
        b'{"text": "a", "model": "m", "refusal": "yes"}',
        b'{"text": "a", "model": "m", "refusal": [1]}',
        b'{"text": "a", "model": "m", "left_out": "abc"}',
        b'{"text": "a", "model": "m", "left_out": [{}]}',
        b"[" * 100_000,
    ],
)
def test_what_is_kept_and_cannot_be_read_counts_as_absent(cache: Cache, kept: bytes) -> None:
    model = Counting()
    ask(model, cache)
    (key,) = keys_of(cache, "reply")
    cache.put(key, kept)

    assert ask(model, cache).text == ask(model, cache).text == "reply 2, “joy”"


def test_a_reply_of_the_version_before_is_read(cache: Cache) -> None:
    model = Counting()
    ask(model, cache)
    (key,) = keys_of(cache, "reply")
    cache.put(key, b'{"text": "<think>hm</think>joy", "model": "m", "input_tokens": 5, "output_tokens": null}')
    answer = ask(model, cache)

    assert (answer.text, answer.thoughts, answer.ending, answer.refusal) == ("joy", "hm", None, None)
    assert answer.usage == Usage(input_tokens=5, cost_usd=0.0)


def test_what_a_server_refuses_is_known_to_the_next_run_and_part_of_the_key(cache: Cache) -> None:
    first, second, plain = Refusing(), Refusing(), Counting()
    ask(first, cache)
    kept = ask(second, cache)

    assert second.asked == []
    assert kept.left_out == second.left_out == ("temperature",)
    assert ask(plain, cache).text == "reply 1, “joy”"
    assert len(plain.asked) == 1, "with the parameter it is another request"
