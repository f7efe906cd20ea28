"""A network that needs no torch, and prompts for it."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmark.local.batching import DeviceLost, Generated, Generation, OutOfMemory, Ready
from benchmark.prompt import Prompt


@dataclass(slots=True)
class FakeNetwork:
    """Says each prompt's text backwards.

    Attributes:
        most: more requests at once are too many.
        bad: a prompt with such a text spoils its batch.
        bytes_a_token: what a batch takes.
        lost: whether the device is.
        may_go: what `generate` waits for.
        batches: the sizes that were generated.
        together: the texts of each batch.
    """

    most: int = 10**9
    bad: str = "spoilt"
    bytes_a_token: int = 0
    space: int | None = None
    lost: bool = False
    may_go: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)
    batches: list[int] = field(default_factory=list)
    together: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.may_go.set()

    def prepare(self, prompts: Sequence[Prompt], generation: Generation) -> Ready:
        texts = [prompt.text for prompt in prompts]
        return Ready(inputs={"texts": texts}, lengths=tuple(map(len, texts)))

    def generate(self, ready: Ready) -> list[Generated]:
        texts: list[str] = ready.inputs["texts"]
        self.begun.set()
        assert self.may_go.wait(20)
        if self.lost:
            raise DeviceLost("an illegal access")
        if len(texts) > self.most:
            raise OutOfMemory("no room")
        if self.bad in texts:
            raise ValueError("cannot be read")
        self.batches.append(len(texts))
        self.together.append(texts)
        return [Generated(text=text[::-1], input_tokens=len(text), output_tokens=1, seconds=0.0) for text in texts]

    def measure_room(self) -> None:
        """It has all the room that it is given."""

    def stop(self) -> None:
        self.may_go.set()

    @property
    def room(self) -> int | None:
        return self.space

    @property
    def peak(self) -> int | None:
        texts = self.together[-1]
        return len(texts) * (max(map(len, texts)) + 1) * self.bytes_a_token if self.bytes_a_token else None
