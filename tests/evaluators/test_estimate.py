"""What a run would ask and cost: spans, what kept replies narrow, how few samples stand for many."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmark.accounts.prices import StatedPrice
from benchmark.errors import ModelError
from benchmark.model import Answer
from benchmark.models.cached import CachedModel
from benchmark.prompt import Modality, Prompt
from benchmark.storage.cache import Cache
from benchmark.usage import Usage
from evaluators.estimate import CountingCache, Expected, Known, Rehearsal, StandIn, ends_of, known_of, lines_of

PROMPT = Prompt(text="x" * 100)  # 20 to 40 tokens


@dataclass(frozen=True)
class Fixed:
    """A model whose replies take 10 tokens, for 30 that they were asked in."""

    name: str = "fixed"
    identity: str = "fixed/1"
    modalities: frozenset[Modality] = frozenset()
    endpoint: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(price=StatedPrice(2.0, 10.0)))

    async def generate(self, prompt: Prompt) -> Answer:
        usage = Usage(requests=1, input_tokens=30, output_tokens=10, seconds=0.0)
        return Answer(text="It is joy.", model=self.name, usage=usage)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with closing(Cache(tmp_path / "cache")) as opened:
        yield opened


def keep(cache: Cache, count: int, role: str = "model") -> None:
    async def ask() -> None:
        model = CachedModel(Fixed(), cache, role=role)
        for number in range(count):
            await model.generate(Prompt(text=f"{role} {number}".rjust(100)))

    asyncio.run(ask())


def asked(cache: Cache, role: str, *, repeats: int = 1, weight: float = 1.0) -> Expected:
    rehearsal = Rehearsal(cache, repeats=repeats, weight=weight)
    if role.startswith("judge"):
        with pytest.raises(ModelError):
            asyncio.run(StandIn(Fixed(), role, rehearsal).generate(PROMPT))
    else:
        asyncio.run(StandIn(Fixed(), role, rehearsal).generate(PROMPT))
    return rehearsal.roles[role]


def test_the_span_narrows_to_a_factor_of_two_once_there_are_fifty() -> None:
    """As the README says; replies that are asked for again are a tenth at most."""
    factors = [Known(count=count, tokens_in=1, longer=1, tokens_out=1).factor for count in (10, 50, 10_000)]
    assert factors == pytest.approx([1.727, 1.325, 1.15], abs=0.001)
    low, high = Known(count=50, tokens_in=1, longer=1, tokens_out=1).around(100)
    assert 1.1 * high / low == pytest.approx(1.93, abs=0.01)


def test_ten_kept_replies_in_a_role_tell_of_its_others(cache: Cache) -> None:
    keep(cache, 9)
    assert known_of(cache, "fixed/1", "model") is None
    keep(cache, 10)
    assert known_of(cache, "fixed/1", "model") == Known(count=10, tokens_in=30, longer=30 / 40, tokens_out=10)
    assert known_of(cache, "fixed/1", "judge") is None
    assert known_of(cache, "fixed/2", "model") is None


@pytest.mark.parametrize(
    ("role", "output"), [("extractor", (40, 400)), ("judge", (40, 600)), ("listener", (30, 300)), ("model", (20, 4096))]
)
def test_what_a_call_takes_while_nothing_is_known(cache: Cache, role: str, output: tuple[int, int]) -> None:
    found = asked(cache, role)
    assert (found.calls, found.tokens_audio) == (1, (0, 0))
    assert found.tokens_in == pytest.approx((20, 1.1 * 40))
    assert found.tokens_out == pytest.approx((output[0], 1.1 * output[1]))


@pytest.mark.parametrize(("allowed", "output"), [(10, (10, 10)), (50, (20, 50)), (9000, (20, 4096))])
def test_an_answer_takes_no_more_than_it_may(cache: Cache, allowed: int, output: tuple[int, int]) -> None:
    model = Fixed(endpoint=SimpleNamespace(parameters={"max_tokens": allowed}))
    rehearsal = Rehearsal(cache)
    asyncio.run(StandIn(model, "model", rehearsal).generate(PROMPT))
    assert rehearsal.roles["model"].tokens_out == pytest.approx((output[0], 1.1 * output[1]))


def test_what_a_call_takes_by_kept_replies(cache: Cache) -> None:
    keep(cache, 10)
    found, factor = asked(cache, "model"), 1 + 2.3 / 10**0.5
    assert found.tokens_in == pytest.approx((40 * 0.75 / factor, 1.1 * 40 * 0.75 * factor)), (
        "by its own prompt's length"
    )
    assert found.tokens_out == pytest.approx((10 / factor, 1.1 * 10 * factor))
    keep(cache, 10, "judge")
    assert asked(cache, "judge").tokens_in == pytest.approx((30 / factor, 1.1 * 30 * factor)), "by what it was shown"


@pytest.mark.parametrize(("role", "calls"), [("model", 3), ("extractor", 3), ("judge", 5), ("judge check", 1)])
def test_repeats_and_those_a_sample_stands_for_are_counted(cache: Cache, role: str, calls: int) -> None:
    assert asked(cache, role, repeats=3).calls == calls, "the first answer is judged as often as all are"
    assert asked(cache, role, repeats=3, weight=2.5).calls == 2.5 * calls


def test_what_is_kept_is_counted_and_nothing_is_added(cache: Cache) -> None:
    rehearsal = Rehearsal(cache, weight=2.5)
    looking = CountingCache("model", rehearsal)
    asyncio.run(cache.keep("reply:a", b"1"))
    asyncio.run(looking.keep("reply:b", b"2"))
    assert (looking.get("reply:a"), looking.get("reply:b")) == (b"1", None)
    assert rehearsal.roles["model"].kept == 2.5
    assert cache.get("reply:b") is None
    assert looking.get("reply:a") == b"1"
    assert rehearsal.roles["model"].kept == 5


@pytest.mark.parametrize("role", ["judge check", "judge 2 check"])
def test_the_check_of_a_judge_finds_nothing_since_it_asks_anew(cache: Cache, role: str) -> None:
    rehearsal = Rehearsal(cache)
    asyncio.run(cache.keep("reply:a", b"1"))
    assert CountingCache(role, rehearsal).get("reply:a") is None
    assert rehearsal.roles[role].kept == 0
    assert CountingCache("judge 2", rehearsal).get("reply:a") == b"1"


def test_calls_add_up_each_for_as_many_as_it_stands_for() -> None:
    sums = Expected()
    sums.add((10, 20), (1, 2), (3, 4), weight=2)
    sums.add((100, 200), (10, 20), (30, 40), weight=0.5)
    assert (sums.calls, sums.tokens_in[0], sums.tokens_audio[0], sums.tokens_out[0]) == (2.5, 70, 7, 21)
    most = (sums.tokens_in[1], sums.tokens_audio[1], sums.tokens_out[1])
    assert most == pytest.approx((1.1 * 140, 1.1 * 14, 1.1 * 28)), "a tenth more is asked again"


def test_models_that_end_soon_are_named() -> None:
    def ending(name: str, **terms: object) -> tuple[str, Fixed, Expected]:
        return "judge", Fixed(name=name, endpoint=SimpleNamespace(**terms)), Expected()

    today = date.today()
    roles = [ending("old", ends=today, successor="new"), ending("far", ends=today + timedelta(400)), ending("endless")]
    assert ends_of(roles) == [f"old ended on {today}; its provider recommends new."]


def test_the_table_has_what_it_costs_by_the_average_call() -> None:
    known, nothing = Expected(), Expected()
    known.add((1e6, 2e6), (0, 0), (1e5, 2e5), weight=2)
    unpriced = Fixed(endpoint=SimpleNamespace(price=None))
    head, first, second, total = lines_of([("model", Fixed(), known), ("judge", unpriced, nothing)])

    assert head == ("Role", "Model", "Calls", "Kept", "Input tokens", "Output tokens", "USD")
    assert first == ("model", "fixed", "2", "0", "2.00 M – 4.40 M", "0.20 M – 0.44 M", "6.00 – 13.20")
    assert second == ("judge", "fixed", "0", "0", "0 – 0", "0 – 0", "0.00 – 0.00")
    assert total == ("total", "", "", "", "", "", "6.00 – 13.20")
    nothing.add((99_999, 1e5), (0, 0), (1e5, 1e5), weight=1)
    *_, second, total = lines_of([("model", Fixed(), known), ("judge", unpriced, nothing)])
    assert second[4:] == ("99999 – 0.11 M", "0.10 M – 0.11 M", "unknown; set --price")
    assert total[-1] == "6.00 – 13.20 + unknown"


@dataclass(frozen=True)
class Unknown:
    """The price of a model that its provider does not name."""

    def usd(self, usage: Usage, answered: str | None = None, tier: str | None = None) -> float | None:
        return None


def test_where_no_price_is_found_no_cost_is_stated(cache: Cache) -> None:
    calls = asked(cache, "model")
    assert (calls.cost(Unknown()), calls.cost(None)) == (None, None)
    *_, row, total = lines_of([("model", Fixed(endpoint=SimpleNamespace(price=Unknown())), calls)])
    assert (row[-1], total[-1]) == ("unknown; set --price", "0.00 – 0.00 + unknown")


@dataclass(frozen=True)
class Here:
    """A model in this process, which is its own endpoint."""

    name: str = "here"
    identity: str = "here/1"
    modalities: frozenset[Modality] = frozenset()
    price: StatedPrice = field(default_factory=lambda: StatedPrice(0.0, 0.0))
    parameters: dict[str, int] = field(default_factory=lambda: {"max_tokens": 7})

    async def generate(self, prompt: Prompt) -> Answer:
        raise ModelError("It is not asked.")


def test_a_model_in_this_process_states_its_own_price_and_limit(cache: Cache) -> None:
    rehearsal = Rehearsal(cache)
    asyncio.run(StandIn(Here(), "model", rehearsal).generate(PROMPT))
    expected = rehearsal.roles["model"]
    assert expected.tokens_out == pytest.approx((7, 1.1 * 7))
    assert lines_of([("model", Here(), expected)])[1][-1] == "0.00 – 0.00"
    assert ends_of([("model", Here(), expected)]) == []
