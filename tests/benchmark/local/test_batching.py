"""Requests put together into batches."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import replace
from functools import partial
from queue import SimpleQueue

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.clip import Frame, Sound
from benchmark.errors import ModelError, RunError
from benchmark.local.batching import Batcher, Generated, Network, Ready, Waiting, choose
from benchmark.local.sizing import Sizer
from benchmark.prompt import Prompt
from tests.benchmark.local.fake import FakeNetwork

FRAMES = (Frame(jpeg=b"", seconds=0.0),)


def waiting(
    order: int, weight: float, *, urgent: bool = False, frames: bool = False, part: int | None = None
) -> Waiting:
    prompt = Prompt(text="?", frames=FRAMES if frames else ())
    return Waiting(prompt=prompt, generation=(), order=order, urgent=urgent, weight=weight, reply=Future(), part=part)


def anything(count: int, weight: float) -> bool:
    return True


lines = st.lists(
    st.tuples(st.floats(1, 1000), st.booleans(), st.booleans(), st.sampled_from([None, 1, 2])), min_size=1, max_size=40
).map(
    lambda rows: [
        waiting(order, weight, urgent=urgent, frames=frames, part=part)
        for order, (weight, urgent, frames, part) in enumerate(rows)
    ]
)


@given(lines, st.integers(1, 50), st.floats(1, 5000))
def test_a_batch_has_who_is_first_and_its_like(line: list[Waiting], most: int, room: float) -> None:
    batch = choose(line, most, lambda count, weight: count * weight <= room)
    first = min(line, key=lambda one: (not one.urgent, one.order))
    assert first in batch
    assert 1 <= len(batch) <= most
    assert len({one.order for one in batch}) == len(batch)
    assert {one.kind for one in batch} == {first.kind}
    assert len(batch) == 1 or len(batch) * max(one.weight for one in batch) <= room


@given(lines, st.integers(2, 50))
def test_a_batch_has_those_nearest_in_length(line: list[Waiting], most: int) -> None:
    batch = choose(line, most, anything)
    first = min(line, key=lambda one: (not one.urgent, one.order))
    others = [one for one in line if one.kind == first.kind and one not in batch]
    low, high = batch[0].weight, batch[-1].weight
    assert all(not low < one.weight < high for one in others)  # nobody in between is left behind
    assert len(batch) == most or not others


def test_requests_that_are_answered_otherwise_are_not_mixed() -> None:
    one, other = waiting(0, 1), waiting(1, 1)
    warm = Waiting(
        prompt=other.prompt, generation=(("temperature", 1),), order=1, urgent=False, weight=1, reply=Future()
    )
    assert choose([one, warm], 8, anything) == [one]


@pytest.fixture
def batchers() -> Iterator[list[Batcher]]:
    """Ends what a test has started."""
    made: list[Batcher] = []
    yield made
    for batcher in made:
        batcher.close()


def start(batchers: list[Batcher], network: Network, *, fixed: int | None = None) -> Batcher:
    batcher = Batcher(lambda: network, partial(Sizer, fixed=fixed))
    batchers.append(batcher)
    return batcher


def ask(batcher: Batcher, texts: Sequence[str]) -> list["Future[Generated]"]:
    return [batcher.submit(Prompt(text=text)) for text in texts]


def test_everyone_gets_the_own_answer(batchers: list[Batcher]) -> None:
    network = FakeNetwork()
    texts = [f"question {number}" * (1 + number % 7) for number in range(200)]
    replies = ask(start(batchers, network), texts)
    assert [reply.result(20).text for reply in replies] == [text[::-1] for text in texts]
    assert sum(network.batches) == 200


def test_what_waits_while_the_device_is_busy_becomes_one_batch(batchers: list[Batcher]) -> None:
    network = FakeNetwork()
    network.may_go.clear()
    batcher = start(batchers, network, fixed=32)
    first = batcher.submit(Prompt(text="first"))
    assert network.begun.wait(20)
    later = ask(batcher, [f"later {number:02}" for number in range(40)])
    network.may_go.set()
    wait([first, *later], 20)
    # one batch may be prepared, with whoever was there by then, while the first is generated
    assert network.batches[0] == 1
    assert max(network.batches) == 32 or len(network.batches) <= 4


def test_the_urgent_go_first(batchers: list[Batcher]) -> None:
    network = FakeNetwork()
    network.may_go.clear()
    batcher = start(batchers, network, fixed=1)
    replies = [batcher.submit(Prompt(text="first"))]
    assert network.begun.wait(20)
    replies += ask(batcher, ["b", "c", "d"])
    replies.append(batcher.submit(Prompt(text="now"), urgent=True))
    network.may_go.set()
    wait(replies, 20)
    order = [texts[0] for texts in network.together]
    assert order.index("now") <= 2  # the one that was being prepared may still go before it


def test_out_of_memory_halves_the_batch_and_loses_nothing(batchers: list[Batcher]) -> None:
    network = FakeNetwork(most=5)
    network.may_go.clear()
    batcher = start(batchers, network, fixed=32)
    replies = ask(batcher, [f"question {number}" for number in range(100)])
    network.may_go.set()
    assert [reply.result(20).text for reply in replies] == [f"question {number}"[::-1] for number in range(100)]
    assert max(network.batches) <= 5
    assert sum(network.batches) == 100


def test_one_request_too_large_is_the_only_one_to_fail(batchers: list[Batcher]) -> None:
    network = FakeNetwork(most=0)
    reply = start(batchers, network).submit(Prompt(text="huge"))
    with pytest.raises(ModelError, match=r"needs more memory than the device has \(no room\); reduce --frames"):
        reply.result(20)


def test_one_that_spoils_a_batch_fails_alone(batchers: list[Batcher]) -> None:
    network = FakeNetwork()
    network.may_go.clear()
    batcher = start(batchers, network, fixed=8)
    first = batcher.submit(Prompt(text="first"))
    assert network.begun.wait(20)
    replies = ask(batcher, ["good 1", "spoilt", "good 2", "good 3"])
    network.may_go.set()
    assert first.result(20).text == "tsrif"
    assert [replies[place].result(20).text for place in (0, 2, 3)] == ["1 doog", "2 doog", "3 doog"]
    with pytest.raises(ModelError, match=r"cannot process this request: ValueError: cannot be read \("):
        replies[1].result(20)


@pytest.mark.parametrize("served", [True, False])
def test_a_lost_device_answers_nobody_and_refuses_all_at_once(batchers: list[Batcher], *, served: bool) -> None:
    network, given_up = FakeNetwork(), SimpleQueue[str]()
    batcher = Batcher(lambda: network, partial(Sizer, fixed=2), given_up.put)
    batchers.append(batcher)
    if served:
        assert batcher.submit(Prompt(text="one")).result(20).text == "eno"
    network.begun.clear()
    network.may_go.clear()
    replies = ask(batcher, [f"question {number}" for number in range(20)])
    assert network.begun.wait(20)
    network.lost = True
    network.may_go.set()
    for reply in replies:
        with pytest.raises(RunError, match=r"The device has failed \(an illegal access\)"):
            reply.result(20)
    with pytest.raises(RunError, match="The device has failed"):
        batcher.submit(Prompt(text="late")).result(20)
    assert given_up.empty() != served, "what never did anything is not worth another process"


def test_sorts_of_requests_find_their_sizes_each(batchers: list[Batcher]) -> None:
    """One sort takes a thousand times as long as the other, whatever the size, which is not held against the size."""

    class Slow(FakeNetwork):
        def generate(self, ready: Ready) -> list[Generated]:
            replies = FakeNetwork.generate(self, ready)
            seconds = 1.0 if max(ready.lengths) > 10 else 1000.0
            return [replace(reply, seconds=seconds / len(replies)) for reply in replies]

    network = Slow()
    batcher, replies = start(batchers, network), []
    for _ in range(100):
        replies.append(batcher.submit(Prompt(text="a long question"), (("max_new_tokens", 9),)))
        replies += ask(batcher, ["short"] * 3)
    wait(replies, 20)
    largest = {texts[0]: len(texts) for texts in sorted(network.together, key=len)}
    assert min(largest.values()) >= 16, network.batches


def test_a_device_that_does_not_say_what_room_it_has_is_told(batchers: list[Batcher]) -> None:
    class Dumb(FakeNetwork):
        @property
        def room(self) -> int | None:
            raise RuntimeError("driver gone")

    with pytest.raises(RunError, match="cannot be used: RuntimeError: driver gone"):
        start(batchers, Dumb()).submit(Prompt(text="?")).result(20)


def test_who_has_been_called_off_is_not_generated(batchers: list[Batcher]) -> None:
    network = FakeNetwork()
    network.may_go.clear()
    batcher = start(batchers, network, fixed=1)
    replies = ask(batcher, ["first", "second", "third", "fourth"])
    assert network.begun.wait(20)
    assert replies[3].cancel()
    network.may_go.set()
    wait(replies[:3], 20)
    assert ["fourth"] not in network.together


def test_a_network_that_cannot_be_loaded_refuses_all_in_its_own_words() -> None:
    def load() -> Network:
        raise RunError("hf:x lacks weights.")

    batcher = Batcher(load, Sizer)
    first = batcher.submit(Prompt(text="?"))
    with pytest.raises(RunError, match="hf:x lacks weights"):
        first.result(20)
    with pytest.raises(RunError, match="hf:x lacks weights"):
        batcher.submit(Prompt(text="?")).result(20)
    batcher.close()


def test_closing_stops_what_is_generated_and_refuses_all() -> None:
    network = FakeNetwork()
    network.may_go.clear()  # nobody but the batcher itself ends its waiting
    batcher = Batcher(lambda: network, partial(Sizer, fixed=1))
    replies = ask(batcher, ["a", "b", "c", "d"])
    assert network.begun.wait(20)
    batcher.close()
    for reply in (*replies, batcher.submit(Prompt(text="late"))):
        with pytest.raises(RunError, match="The run was ended"):
            reply.result(20)


def test_closing_while_the_network_is_loaded_waits_for_it() -> None:
    loading, may_load = threading.Event(), threading.Event()

    def load() -> Network:
        loading.set()
        assert may_load.wait(20)
        return FakeNetwork()

    batcher = Batcher(load, Sizer)
    reply = batcher.submit(Prompt(text="a"))
    assert loading.wait(20)
    closing = threading.Thread(target=batcher.close)
    closing.start()
    with pytest.raises(RunError, match="The run was ended"):
        reply.result(20)
    may_load.set()
    closing.join(20)
    assert not closing.is_alive()


def test_sound_and_frames_make_the_kind() -> None:
    import numpy as np

    heard = Sound(samples=np.zeros(16_000, "f4"), rate=16_000)
    prompts = [Prompt(text="?"), Prompt(text="?", sound=heard), Prompt(text="?", frames=FRAMES)]
    kinds = {
        Waiting(prompt=one, generation=(), order=0, urgent=False, weight=1, reply=Future()).kind for one in prompts
    }
    assert len(kinds) == 3
